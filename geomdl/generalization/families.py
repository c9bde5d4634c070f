"""Families of models along a capacity: how each is fitted, and what it then scores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.generalization.min_norm import kernel_ridge, least_squares
from geomdl.generalization.problems import Problems
from geomdl.generalization.random_features import averaged_kernel, relu_features
from geomdl.generalization.two_layer import TwoLayer, train
from geomdl.groups import Rep

__all__ = ["CURVES", "Point", "Scores", "Setting", "coefficients", "score"]

Point = tuple[float, int]  # capacity, training samples
Scores = tuple[Tensor, Tensor, Tensor]  # test, training, share of wrong answers: (problems,) each


@dataclass(frozen=True)
class Setting:
    """What every point of a curve has in common."""

    family: str
    points: tuple[Point, ...]
    ridge: float
    rep: Rep | None
    hidden: int
    steps: int
    lr: float
    rng: torch.Generator

    @property
    def group(self) -> Tensor | None:
        """Matrices of all elements."""
        return None if self.rep is None else self.rep(self.rep.group.elements)

    @property
    def order(self) -> int:
        """Of the group, 1 without."""
        return 1 if self.rep is None else self.rep.group.order or 1


def gaussian(problems: Problems, setting: Setting) -> Iterator[Scores]:
    """Coordinates as features, the invariant ones with a group; the risk of each fit is exact.

    E (⟨θ, x⟩ - ŷ)² = |ŵ - θ|² over the coordinates seen, + |θ'|² over the others.
    """
    theta = problems.theta
    assert theta is not None
    basis = None if setting.rep is None else setting.rep.fixed()

    def seen(value: Tensor, p: int) -> Tensor:
        """Features of inputs or of the teacher, (..., n, features)."""
        if basis is None or setting.rep is None:
            return value[..., :p]
        copies: Tensor = value[..., :p].unflatten(-1, (-1, setting.rep.dim))
        return (copies @ basis.T).flatten(-2)

    for capacity, n in setting.points:
        p = int(capacity)
        x, y = seen(problems.x[:, :n], p), problems.y[:, :n]
        w = least_squares(x, y, setting.ridge)
        known = seen(theta.mT, p).mT
        missing = theta.square().sum((1, 2)) - known.square().sum((1, 2))
        risk = (w - known).square().sum((1, 2)) + missing
        yield risk, (x @ w - y).square().sum(-1).mean(1), torch.zeros_like(risk)


def relu(problems: Problems, setting: Setting) -> Iterator[Scores]:
    """Random features; those of a smaller width are the first of those of a larger one."""
    d, group = problems.x.shape[-1], setting.group
    most = int(max(c for c, _ in setting.points)) // setting.order
    weights = torch.randn(
        len(problems.x), most, d, generator=setting.rng, dtype=problems.x.dtype
    ) / d**0.5  # fmt: skip
    x, new = (relu_features(z, weights, group) for z in (problems.x, problems.new))
    for capacity, n in setting.points:
        m = int(capacity) // setting.order
        w = least_squares(x[:, :n, :m], problems.y[:, :n], setting.ridge)
        yield score(new[..., :m] @ w, x[:, :n, :m] @ w, problems)


def kernel(problems: Problems, setting: Setting) -> Iterator[Scores]:
    """Kernel ridge regression with the ridge 1/capacity."""
    x, new = problems.x, problems.new
    gram = averaged_kernel(x, x, setting.group)
    cross = averaged_kernel(new, x, setting.group)
    for capacity, n in setting.points:
        a = kernel_ridge(gram[:, :n, :n], problems.y[:, :n], 1 / capacity)
        yield score(cross[..., :n] @ a, gram[:, :n, :n] @ a, problems)


def network(problems: Problems, setting: Setting) -> Iterator[Scores]:
    """Networks trained from the start at each point."""
    for capacity, n in setting.points:
        f = _network(problems, setting, int(capacity))
        x, y = problems.x[:, :n], problems.y[:, :n]
        for _ in train(f, x, y, [setting.steps], setting.lr, setting.ridge):
            with torch.no_grad():
                yield score(f(problems.new), f(x), problems)


def epochs(problems: Problems, setting: Setting) -> Iterator[Scores]:
    """One network, looked at now and then; an epoch is a step on all samples."""
    f = _network(problems, setting, setting.hidden)
    stops = [int(c) for c, _ in setting.points]
    for _ in train(f, problems.x, problems.y, stops, setting.lr, setting.ridge):
        with torch.no_grad():
            yield score(f(problems.new), f(problems.x), problems)


def score(new: Tensor, old: Tensor, problems: Problems) -> Scores:
    """Mean squares on test and training samples, and the share of wrong classes.

    Args:
        new: outputs on the test samples, shape (problems, m, k).
        old: outputs on the first training samples, shape (problems, n, k).
        problems: what they should be.
    """
    risk = (new - problems.answers).square().sum(-1).mean(1)
    wrong = torch.zeros_like(risk)
    if problems.labels is not None:
        wrong = (new.argmax(-1) != problems.labels).double().mean(1)
    return risk, (old - problems.y[:, : old.shape[1]]).square().sum(-1).mean(1), wrong


def coefficients(setting: Setting, capacity: float, d: int, outputs: int) -> int:
    """Numbers fitted at a capacity: coefficients of one output, or all weights of a network.

    Args:
        setting: of the curve.
        capacity: on its axis.
        d: inputs.
        outputs: k.
    """
    width = int(setting.hidden if setting.family == "epochs" else capacity)
    if setting.family == "gaussian" and setting.rep is not None:
        return width // setting.rep.dim * len(setting.rep.fixed())
    free = width // setting.order
    return free if setting.family in ("gaussian", "relu") else free * (d + 1 + outputs) + outputs


def _network(problems: Problems, setting: Setting, width: int) -> TwoLayer:
    count, _, d = problems.x.shape
    free, outputs = width // setting.order, problems.y.shape[-1]
    return TwoLayer(count, d, free, outputs, setting.rng, setting.group)


CURVES: dict[str, Callable[[Problems, Setting], Iterator[Scores]]] = {
    "gaussian": gaussian,
    "relu": relu,
    "kernel": kernel,
    "network": network,
    "epochs": epochs,
}
