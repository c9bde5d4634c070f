"""Gradient descent without noise: rates that are reached, limits that nothing beats, the edge."""

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


@claim(
    "pl-rate",
    statement="On least squares gradient descent with step 1/L shrinks the excess loss, in the end,"
    " by (1 - μ/L)² a step, where μ is the least eigenvalue that is not zero: flat directions cost"
    " nothing.",
    formula=r"\frac{f_{k+1} - f^*}{f_k - f^*} \to (1 - \mu/L)^2,\quad"
    r" \mu = \min\{\lambda_i(X^\top X) > 0\}",
    source="Polyak 1963; Karimi, Nutini and Schmidt 2016, arXiv:1608.04636",
    topic=TOPIC,
    sabotage="a little weight decay pulls along the flat directions",
)
def pl_rate(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Twelve unknowns, matrices of rank 3, 6 and 9 with eigenvalues that are known."""
    predicted, measured, ranks, tracks = [], [], (3, 6, 9), []
    for rank in ranks:
        x, values = _design(rng, 15, 12, torch.linspace(0.1, 1.0, rank, dtype=torch.float64))
        y = torch.randn(15, generator=rng, dtype=torch.float64)
        best = x @ torch.linalg.pinv(x) @ y
        w = torch.randn(12, generator=rng, dtype=torch.float64)
        excess = []
        for _ in range(101):
            excess.append(float((x @ w - best).square().sum()) / 2)  # f - f*: the rest is constant
            w = w - (x.T @ (x @ w - y) + (0.05 * w if sabotage else 0)) / values[-1]
        predicted.append(float(1 - values[0] / values[-1]) ** 2)
        measured.append(excess[-1] / excess[-2])
        tracks.append(excess)
    return Evidence(
        predicted,
        measured,
        tolerance=1e-3,
        because="the share of the next eigenvalue: the gap is at least 0.1 L, so that it falls by"
        " (0.8/0.9)² a step or faster, to below 10⁻⁷ after 100 steps",
        labels=tuple(f"rank {r} of 12" for r in ranks),
        figure=_decays(tracks, predicted, [f"rank {r}" for r in ranks]),
    )


@claim(
    "pl-without-convexity",
    statement="Where the square of the gradient bounds the excess loss, gradient descent with step"
    " 1/L converges linearly, though the function is not convex.",
    formula=r"\frac{1}{2}|f'|^2 \ge \mu (f - f^*) \Rightarrow"
    r" f(x - f'(x)/L) - f^* \le (1 - \mu/L)(f(x) - f^*),\quad f = x^2 + 3 \sin^2 x",
    source="Karimi, Nutini and Schmidt 2016, arXiv:1608.04636, theorem 1 and section 2.2",
    topic=TOPIC,
    sabotage="μ is taken to be 2, the curvature far from the origin",
)
def pl_without_convexity(rng: torch.Generator, sabotage: bool) -> Evidence:
    """One step from 20 000 starts. L = max |f''| = 8; μ is the least of f'²/(2f), on a fine grid.

    The ratio f'²/(2f) tends to 2 at infinity, where |2x ± 3|²/(2x² + 6) is above 1 from x = 10 on.
    """

    def f(x: Tensor) -> Tensor:
        return x.square() + 3 * x.sin().square()

    def slope(x: Tensor) -> Tensor:
        return 2 * x + 3 * (2 * x).sin()

    grid = torch.linspace(1e-3, 10, 1_000_001, dtype=torch.float64)
    mu = 2.0 if sabotage else float((slope(grid).square() / (2 * f(grid))).min())
    x = 10 * torch.rand(20_000, generator=rng, dtype=torch.float64) + 1e-6
    ratio = f(x - slope(x) / 8) / f(x)
    order = x.argsort()
    x, ratio = x[order].reshape(20, -1), ratio[order].reshape(20, -1)
    return Evidence(
        [1 - mu / 8] * 20,
        ratio.amax(1),
        tolerance=1e-9,
        because="μ is known to 10⁻⁸, as the grid is fine",
        relation="at most",
        labels=tuple(f"x from {a:.1f}" for a in x[:, 0].tolist()),
        figure=figures.curve(
            x[:, 25::50].flatten().tolist(),
            (1 - slope(x[:, 25::50]).square() / (16 * f(x[:, 25::50]))).flatten().tolist(),
            ratio[:, 25::50].flatten().tolist(),
            labels=("x", "factor by which f falls; line: bound with the local μ"),
            limit=(1 - mu / 8, "bound"),
        ),
    )


@claim(
    "heavy-ball",
    statement="With the best step gradient descent converges at a rate that is set by the condition"
    " number κ; with the best momentum, by its square root.",
    formula=r"\rho_{GD} = \frac{\kappa - 1}{\kappa + 1},\quad"
    r" \rho_{HB} = \frac{\sqrt{\kappa} - 1}{\sqrt{\kappa} + 1}",
    source="Polyak 1964",
    topic=TOPIC,
    sabotage="one eigenvalue is a quarter of the least that the steps are made for",
)
def heavy_ball(rng: torch.Generator, sabotage: bool) -> Evidence:
    """PyTorch's SGD with momentum on quadratics. Rates are read off between steps K and 2K.

    At the best momentum the roots at both ends of the spectrum are double, so that errors go like
    k ρ^k, and the rate read is ρ 2^{1/K}, up to oscillations.
    """
    predicted, measured, bars, labels, tracks = [], [], [], [], []
    for kappa in (10.0, 100.0, 1000.0):
        inner = 1 + (kappa - 1) * torch.rand(18, generator=rng, dtype=torch.float64)
        ends = torch.tensor([0.25 if sabotage else 1.0, kappa], dtype=torch.float64)
        values, root = torch.cat([ends, inner]), math.sqrt(kappa)
        ways = {
            "descent": (2 / (1 + kappa), 0.0, (kappa - 1) / (kappa + 1)),
            "momentum": (
                4 / (1 + root) ** 2,
                ((root - 1) / (root + 1)) ** 2,
                (root - 1) / (root + 1),
            ),
        }
        for name, (eta, beta, rate) in ways.items():
            steps = int(40 * root)
            x = torch.ones(20, dtype=torch.float64, requires_grad=True)
            sgd = torch.optim.SGD([x], lr=eta, momentum=beta)
            norms = []
            for _ in range(2 * steps):
                norms.append(float(x.detach().norm()))
                x.grad = values * x.detach()
                sgd.step()
            predicted.append(rate)
            measured.append((float(x.detach().norm()) / norms[steps]) ** (1 / steps))
            bars.append(2 * rate / steps)
            labels.append(f"{name}, κ = {kappa:g}")
            tracks.append(norms)
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because="2ρ/K: log 2 / K from the double roots, and as much again from oscillations",
        labels=tuple(labels),
        figure=_decays(tracks[2:4], predicted[2:4], labels[2:4]),
    )


def worst_quadratic(n: int) -> tuple[Tensor, Tensor]:
    """Nesterov's function xᵀAx/2 - bᵀx in n unknowns, convex with L = 1, hard from x = 0.

    A = ¼ tridiag(-1, 2, -1), b = ¼ e₁: each gradient reveals one coordinate more.

    Example:
        >>> a, b = worst_quadratic(3)
        >>> torch.linalg.solve(a, b).tolist()
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
    statement="No method whose steps are combinations of gradients is always below a constant over k²"
    " after k steps: on the worst quadratic the best of them all is L/(16(k+1)) from the optimum.",
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


def _design(rng: torch.Generator, n: int, d: int, values: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix X of shape (n, d) whose XᵀX has the given eigenvalues besides zero."""
    left = torch.linalg.qr(torch.randn(n, len(values), generator=rng, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(d, len(values), generator=rng, dtype=torch.float64)).Q
    return left @ torch.diag(values.sqrt()) @ right.T, values


def _decays(tracks: list[list[float]], rates: list[float], names: list[str]) -> "Draw":
    """Errors against steps, with the slopes that are predicted."""

    def paint(axes: "Axes") -> None:
        for track, rate, name, mark in zip(tracks, rates, names, "os^", strict=False):
            every = max(1, len(track) // 25)
            steps = list(range(len(track)))
            line = [track[-1] * rate ** (k - steps[-1]) for k in steps]
            axes.plot(steps, line, color=figures.PREDICTED, lw=1.2)
            axes.plot(
                steps[::every], track[::every], mark, color=figures.MEASURED, ms=4, label=name
            )
        axes.set_yscale("log")
        axes.set_xlabel("steps")
        axes.set_ylabel("error; lines: slope predicted")
        axes.legend()

    return paint


def _loglog(x: tuple[int, ...], bound: list[float], found: list[float], name: str) -> "Draw":
    def paint(axes: "Axes") -> None:
        axes.loglog(x, bound, color=figures.PREDICTED, lw=2, label="bound")
        axes.loglog(x, found, "o", color=figures.MEASURED, label="measured")
        axes.set_xlabel("steps k")
        axes.set_ylabel(name)
        axes.legend()

    return paint
