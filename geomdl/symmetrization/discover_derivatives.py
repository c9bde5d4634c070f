"""Derivatives of functions along linear vector fields, stacked over samples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
LINEAR = ("linear", "traceless")
Target = int | Literal["unknown", "density"]


def ansatz(among: str | Tensor, n: int) -> Tensor:
    """Basis (K, n, n), or (K, n + 1, n + 1) in homogeneous coordinates, of candidate fields.

    Raises:
        ValueError: an unknown word, or matrices of another shape.
    """
    if isinstance(among, Tensor):
        if among.ndim != 3 or among.shape[1:] not in ((n, n), (n + 1, n + 1)) or not len(among):
            raise ValueError(
                f"among: expected matrices (k, {n}, {n}) or, affine, (k, {n + 1}, {n + 1}), got"
                f" shape {tuple(among.shape)}"
            )
        if not bool(among.isfinite().all()):
            raise ValueError("among: expected finite matrices")
        if among.shape[-1] == n + 1 and bool(among[:, n].any()):
            raise ValueError("among: expected affine matrices, whose last row is zero")
        return among.to(torch.float64)
    if among not in ("linear", "traceless", "affine", "translations"):
        raise ValueError(
            f"among: expected linear, traceless, affine, translations or matrices, got {among!r}"
        )
    size = n if among in LINEAR else n + 1
    every = torch.eye(size * size, dtype=torch.float64).reshape(size, size, size, size)
    if among == "linear":
        return every.flatten(0, 1)
    if among == "traceless":
        if n == 1:
            raise ValueError("among: expected linear, since no matrix of size 1 is traceless")
        diagonal = every.diagonal().movedim(-1, 0)
        off = every.flatten(0, 1)[~torch.eye(n, dtype=torch.bool).flatten()]
        return torch.cat([off, diagonal[:-1] - diagonal[1:]])
    return every[:n, n] if among == "translations" else every[:n].flatten(0, 1)


def homogeneous(x: Tensor, size: int) -> Tensor:
    """Coordinates (…, size), with a 1 behind if the matrices are affine."""
    return x if size == x.shape[-1] else torch.cat([x, torch.ones_like(x[..., :1])], -1)


def evaluate(f: Function, x: Tensor) -> tuple[Tensor, Tensor]:
    """Values y (samples, …) and Jacobians (samples, outputs, copies, n) of f at x.

    Raises:
        ValueError: what f gives is no floating tensor of the same samples, not finite, or not
            differentiable in x.
    """
    leaf = x.detach().requires_grad_()
    with torch.enable_grad():
        y = f(leaf)
        if not isinstance(y, Tensor) or not y.is_floating_point() or y.shape[:1] != x.shape[:1]:
            got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(f"f: expected floating outputs of {len(x)} samples, got {got}")
        if not y.requires_grad:
            raise ValueError("f: expected an output that is differentiable in x, got a constant")
        flat = y.reshape(len(x), -1)
        rows = [
            torch.autograd.grad(flat[:, j].sum(), leaf, retain_graph=True, materialize_grads=True)[
                0
            ]
            for j in range(flat.shape[1])
        ]
    jacobian = torch.stack(rows, 1).reshape(len(x), len(rows), -1, x.shape[-1]).detach()
    if not bool(torch.isfinite(jacobian).all() & torch.isfinite(y).all()):
        raise ValueError("f: expected finite values and derivatives")
    return y.detach().double().cpu(), jacobian.double().cpu()


@dataclass(frozen=True)
class Stacked:
    """Relative derivatives along candidate fields.

    Attributes:
        rows: shape (samples · outputs, K); the rms of ``rows @ a`` is that of
            df(A x) − (A f)(x), A = Σ_a a E_a, over the variation of f.
        metric: shape (K, K); aᵀ metric a is the mean square of A x over the spread of x.
        variation: change of f under random displacements of the spread of x, to first order.
    """

    rows: Tensor
    metric: Tensor
    variation: float

    def relative(self, coefficients: Tensor) -> Tensor:
        """Relative derivative along fields (…, K): change of f for each displacement of x."""
        size = torch.einsum("...a,ab,...b->...", coefficients, self.metric, coefficients)
        change = (coefficients @ self.rows.mT).square().mean(-1)
        return (change / size).sqrt()

    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Singular values, ascending, and their fields, rows (K, K) of size 1 in the metric."""
        sizes, axes = torch.linalg.eigh(self.metric)
        root = axes / sizes.sqrt()
        square = torch.linalg.qr(self.rows @ root / len(self.rows) ** 0.5).R
        _, values, right = torch.linalg.svd(square)
        return values.flip(0), right.flip(0) @ root.mT


def stack(
    values: tuple[Tensor, Tensor], x: Tensor, basis: Tensor, target: Target, scale: Tensor
) -> tuple[Tensor, float]:
    """Derivatives (rows, K) along the fields of a basis, and the variation of f.

    Args:
        values: of `evaluate`.
        x: samples, shape (samples, copies, n).
        basis: of `ansatz`.
        target: see `geomdl.symmetrization.discover`.
        scale: spread of the coordinates, shape (n,).
    """
    y, jacobian = values
    n = x.shape[-1]
    fields = moved(basis, x)
    rows = torch.einsum("smci,asci->sma", jacobian, fields)
    variation = float((jacobian * scale).square().sum((-2, -1)).mean().sqrt())
    if target == "density":
        rows = rows + x.shape[1] * basis[:, :n, :n].diagonal(dim1=-2, dim2=-1).sum(-1)
    elif target == "unknown":
        m = y.shape[-1]
        by_row = rows.reshape(-1, m, len(basis)).flatten(1)
        outputs = y.reshape(-1, m)
        solved = torch.linalg.lstsq(outputs, by_row, driver="gelsd").solution
        rows = (by_row - outputs @ solved).reshape(rows.shape)
    elif target:
        assert isinstance(target, int)
        turned = tensor_derivative(basis[:, :n, :n], y, target)
        rows = rows - turned.reshape(len(basis), len(x), -1).permute(1, 2, 0)
    return rows.flatten(0, 1), variation


def moved(basis: Tensor, x: Tensor) -> Tensor:
    """Fields (K, samples, copies, n), A x or A x + b, at the samples."""
    n = x.shape[-1]
    return torch.einsum("aij,scj->asci", basis[:, :n], homogeneous(x, basis.shape[-1]))


def coordinates(algebra: Tensor, basis: Tensor) -> Tensor:
    """Coefficients (k, K) of matrices in a basis, by least squares."""
    columns = basis.flatten(1).mT
    sizes = columns.norm(dim=0)
    goal = algebra.flatten(1).mT
    solved = torch.linalg.lstsq(columns / sizes, goal, driver="gelsd").solution
    found: Tensor = solved.mT / sizes
    return found


def tensor_derivative(basis: Tensor, y: Tensor, rank: int) -> Tensor:
    """Σ over the last `rank` axes of A acting on that axis, (K, *y.shape)."""
    axes = range(y.ndim - rank, y.ndim)
    return sum(
        (
            torch.einsum("aij,...j->a...i", basis, y.movedim(axis, -1)).movedim(-1, axis + 1)
            for axis in axes
        ),
        start=torch.zeros(len(basis), *y.shape, dtype=y.dtype),
    )


def tensor_action(g: Tensor, y: Tensor, rank: int) -> Tensor:
    """The last `rank` axes of y, each moved by a matrix."""
    for axis in range(y.ndim - rank, y.ndim):
        y = (y.movedim(axis, -1) @ g.mT).movedim(-1, axis)
    return y
