"""Accelerated descent: a bound that momentum reaches, and one that nothing beats."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "optimisation"


def worst_quadratic(n: int) -> tuple[Tensor, Tensor]:
    """Nesterov's function xᵀAx/2 - bᵀx in n unknowns, convex with L = 1, hard from x = 0.

    A = ¼ tridiag(-1, 2, -1), b = ¼ e₁: each gradient reveals one coordinate more.

    Example:
        >>> a, b = worst_quadratic(3)
        >>> torch.linalg.solve(a, b).round(decimals=12).tolist()
        [0.75, 0.5, 0.25]
    """
    eye = torch.eye(n, dtype=torch.float64)
    off = torch.diag(torch.ones(n - 1, dtype=torch.float64), 1)
    return (2 * eye - off - off.T) / 4, eye[0] / 4


@claim(
    "nesterov-bound",
    statement="Nesterov's accelerated gradient is within 2 L R²/(k+1)² of the optimum of any smooth"
    " convex function, R being the distance of the start.",
    formula=r"f(x_k) - f^* \le \frac{2 L \|x_0 - x^*\|^2}{(k+1)^2}",
    source="Nesterov 1983; Beck and Teboulle 2009",
    topic=TOPIC,
    sabotage="plain gradient descent is measured by it",
)
def nesterov_bound(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Nesterov's quadratic, the worst there is, for 1000 steps."""
    times = (1, 3, 10, 30, 100, 300, 1000)
    a, b = worst_quadratic(1201)
    start = torch.zeros(1201, dtype=torch.float64)
    hard = _accelerated(lambda x: torch.mv(a, x) - b, start, times, not sabotage)
    best = torch.linalg.solve(a, b)
    size = float(best.square().sum())
    gaps = [float(0.5 * (x - best) @ (a @ (x - best))) for x in hard]
    predicted = [2 * size / (k + 1) ** 2 for k in times]
    return Evidence(
        predicted,
        gaps,
        tolerance=1e-9,
        because="rounding: losses of order 1 and 1000 steps",
        relation="at most",
        labels=tuple(f"k = {k}" for k in times),
        figure=_loglog(times, predicted, gaps, "f(x_k) - f*"),
    )


@claim(
    "first-order-limit",
    statement="No method whose steps are combinations of gradients gets below a constant over k² on"
    " every function: on the worst quadratic the best of them all is L/(16(k+1)) from the optimum.",
    formula=r"f(x_k) - f^* \ge \frac{L}{16 (k+1)} \ge \frac{3 L \|x_0 - x^*\|^2}{32 (k+1)^2},"
    r"\quad n = 2k + 1",
    source="Nemirovsky and Yudin 1983; Nesterov 2004, theorem 2.1.7",
    topic=TOPIC,
    sabotage="gradients are preconditioned by the inverse of the Hessian",
)
def first_order_limit(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Gradient descent, Nesterov's method and conjugate gradients, the best of all such."""
    predicted, measured, labels = [], [], []
    for k in (1, 3, 10, 30, 100):
        a, b = worst_quadratic(2 * k + 1)
        best = torch.linalg.solve(a, b)
        scale = torch.linalg.inv(a) if sabotage else torch.eye(len(a), dtype=a.dtype)

        def slope(x: Tensor, a: Tensor = a, b: Tensor = b, scale: Tensor = scale) -> Tensor:
            return scale @ (a @ x - b)

        start = torch.zeros(len(a), dtype=a.dtype)
        found = {
            "descent": _accelerated(slope, start, (k,), False)[0],
            "Nesterov": _accelerated(slope, start, (k,), True)[0],
            "conjugate": _conjugate(a, b, k),
        }
        for name, x in found.items():
            predicted.append(1 / (16 * (k + 1)))
            measured.append(float(0.5 * (x - best) @ (a @ (x - best))))
            labels.append(f"{name}, k = {k}")
    return Evidence(
        predicted,
        measured,
        tolerance=1e-12,
        because="rounding", relation="at least", labels=tuple(labels),
    )  # fmt: skip


def _accelerated(
    slope: Callable[[Tensor], Tensor], start: Tensor, times: tuple[int, ...], momentum: bool
) -> list[Tensor]:
    """Iterates of Nesterov's method, or of plain descent, at some times; step 1."""
    x = y = start
    t, found = 1.0, []
    for k in range(1, max(times) + 1):
        new = y - slope(y)
        after = (1 + math.sqrt(1 + 4 * t * t)) / 2
        y = new + (t - 1) / after * (new - x) if momentum else new
        x, t = new, after
        if k in times:
            found.append(x)
    return found


def _conjugate(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Conjugate gradients from zero: least loss among combinations of gradients."""
    x, r = torch.zeros_like(b), b
    p = r
    for _ in range(steps):
        q = a @ p
        step = (r @ r) / (p @ q)
        x, new = x + step * p, r - step * q
        p, r = new + (new @ new) / (r @ r) * p, new
    return x


def _loglog(x: tuple[int, ...], bound: list[float], found: list[float], name: str) -> "Draw":
    def paint(axes: "Axes") -> None:
        axes.loglog(x, bound, color=figures.PREDICTED, lw=2, label="bound")
        axes.loglog(x, found, "o", color=figures.MEASURED, label="measured")
        axes.set_xlabel("steps k")
        axes.set_ylabel(name)
        axes.legend()

    return paint
