"""Batches of learning problems: drawn from a teacher, or from samples that are given."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.fields.numbers import is_integer, positive
from geomdl.generalization.kernel_checks import nonnegative
from geomdl.groups import Rep

__all__ = [
    "Data",
    "Problems",
    "check_options",
    "check_symmetry",
    "checked_data",
    "draw_samples",
    "draw_teacher",
    "generator",
]

Data = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Problems:
    """Training and test samples of several problems at once.

    Attributes:
        x: inputs, shape (problems, n, d).
        y: noisy targets, shape (problems, n, k).
        new: inputs of the test, shape (problems, m, d).
        answers: their targets without noise, shape (problems, m, k).
        labels: their classes, shape (problems, m), where the targets are classes.
        theta: the linear teacher, shape (problems, d, 1), where there is one.
    """

    x: Tensor
    y: Tensor
    new: Tensor
    answers: Tensor
    labels: Tensor | None = None
    theta: Tensor | None = None


def check_options(seeds: Any, noise: Any, ridge: Any, lr: Any, **counts: Any) -> None:
    """Refuse what is no number of seeds (two or more: errors come from their spread) and so on.

    Raises:
        ValueError: a number out of range, by name.
    """
    for name, count in counts.items():
        if not is_integer(count) or count < 1:
            raise ValueError(f"{name}: expected a whole number of at least 1, got {count!r}")
    if not is_integer(seeds) or seeds < 2:
        raise ValueError(
            f"seeds: expected a whole number of at least 2, for the error is that of their mean,"
            f" got {seeds!r}"
        )
    nonnegative("noise", noise)
    nonnegative("ridge", ridge)
    positive("lr", lr)


def check_symmetry(rep: Any) -> None:
    """Refuse what is no orthogonal representation of a finite group.

    Raises:
        TypeError: no representation at all.
        ValueError: another one.
    """
    if not isinstance(rep, Rep):
        raise TypeError(f"rep: expected a Rep, got {type(rep).__name__}")
    if rep.group.order is None or not rep.is_orthogonal:
        raise ValueError(f"rep: expected an orthogonal one of a finite group, got {rep.name}")


def generator(rng: Any) -> torch.Generator:
    """The generator given, or one seeded with 0.

    Raises:
        TypeError: no generator.
    """
    if rng is None:
        return torch.Generator().manual_seed(0)
    if not isinstance(rng, torch.Generator):
        raise TypeError(f"rng: expected a torch.Generator, got {type(rng).__name__}")
    return rng


def draw_teacher(
    count: int, n: int, test: int, d: int, noise: float, rep: Rep | None, rng: torch.Generator
) -> Problems:
    """Problems y = ⟨θ, x⟩ + σξ with x ~ N(0, 1) and θ of unit norm and uniform direction.

    Args:
        count: problems.
        n: training samples of each.
        test: test samples of each.
        d: dimension of the inputs.
        noise: σ.
        rep: θ is invariant under it, if given.
        rng: generator.

    Returns:
        Float64 problems.

    Raises:
        ValueError: only 0 is invariant.

    Example:
        >>> draw_teacher(2, 5, 3, 4, 0.1, None, torch.Generator().manual_seed(0)).y.shape
        torch.Size([2, 5, 1])
    """
    theta = _unit(count, d, rep, rng)
    x = torch.randn(count, n + test, d, generator=rng, dtype=torch.float64)
    y = x @ theta
    error = noise * torch.randn(count, n, 1, generator=rng, dtype=torch.float64)
    return Problems(x[:, :n], y[:, :n] + error, x[:, n:], y[:, n:], theta=theta)


def checked_data(data: Data, rep: Rep | None) -> Data:
    """Samples (x, y) as float64 matrices; classes stay as they are.

    Raises:
        ValueError: shapes do not fit, a NaN, or x does not fit the representation.
        TypeError: not two tensors.
    """
    if not (isinstance(data, tuple) and len(data) == 2 and all(map(torch.is_tensor, data))):
        raise TypeError(f"data: expected a pair of tensors (x, y), got {type(data).__name__}")
    x, y = data
    if x.ndim != 2 or len(x) != len(y) or y.ndim not in (1, 2):
        raise ValueError(
            f"data: expected x (N, d) and y (N,) or (N, k), got {tuple(x.shape)} and"
            f" {tuple(y.shape)}"
        )
    if x.numel() == 0:
        raise ValueError(f"data: expected at least one sample, got x of shape {tuple(x.shape)}")
    if rep is not None and x.shape[1] != rep.dim:
        raise ValueError(f"data: last axis of x should be rep.dim={rep.dim}, got {x.shape[1]}")
    for name, value in (("x", x), ("y", y)):
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ValueError(f"data: {name} should be finite, got NaN or infinity")
    if not y.is_floating_point():
        if y.ndim != 1 or int(y.min()) < 0:
            raise ValueError("data: classes y should be whole numbers of at least 0, shape (N,)")
        return x.double(), y.long()
    return x.double(), y.double().reshape(len(y), -1)


def draw_samples(
    count: int, n: int, test: int, data: Data, noise: float, rng: torch.Generator
) -> Problems:
    """Problems of n random training and at most ``test`` other samples of a data set.

    Args:
        count: problems.
        n: training samples of each.
        test: test samples of each, fewer where there are no more.
        data: as `checked_data` gives them.
        noise: of numbers, standard deviation of what is added; of classes, the share of training
            labels drawn anew. Classes become unit vectors.
        rng: generator.

    Returns:
        Float64 problems.

    Raises:
        ValueError: fewer than n + 1 samples, or a share of more than 1.

    Example:
        >>> data = (torch.eye(4).double(), torch.tensor([0, 1, 0, 1]))
        >>> draw_samples(1, 3, 9, data, 0.0, torch.Generator().manual_seed(0)).answers.shape
        torch.Size([1, 1, 2])
    """
    x, y = data
    if len(x) <= n:
        raise ValueError(f"data: expected more than n={n} samples, got {len(x)}")
    chosen = torch.stack([torch.randperm(len(x), generator=rng)[: n + test] for _ in range(count)])
    x, y = x[chosen], y[chosen]
    if y.is_floating_point():
        error = noise * torch.randn(y[:, :n].shape, generator=rng, dtype=y.dtype)
        return Problems(x[:, :n], y[:, :n] + error, x[:, n:], y[:, n:])
    if noise > 1:
        raise ValueError(f"noise: of classes it is a share, at most 1, got {noise!r}")
    classes = int(data[1].max()) + 1
    other = torch.randint(classes, (count, n), generator=rng)
    noisy = torch.where(torch.rand(count, n, generator=rng) < noise, other, y[:, :n])
    one_hot = torch.eye(classes, dtype=torch.float64)
    return Problems(x[:, :n], one_hot[noisy], x[:, n:], one_hot[y[:, n:]], y[:, n:])


def _unit(count: int, d: int, rep: Rep | None, rng: torch.Generator) -> Tensor:
    """Unit vectors of uniform direction, invariant under copies of ``rep``, (count, d, 1)."""
    basis = None if rep is None else rep.fixed()
    if rep is not None and basis is not None and len(basis) == 0:
        raise ValueError(f"rep: only 0 is invariant under {rep.name}, so there is no target")
    free = d if rep is None or basis is None else d // rep.dim * len(basis)
    theta: Tensor = torch.randn(count, free, generator=rng, dtype=torch.float64)
    theta = theta / theta.norm(dim=1, keepdim=True)
    if basis is not None:
        theta = (theta.unflatten(1, (-1, len(basis))) @ basis).flatten(1)
    return theta.unsqueeze(-1)
