"""Gradient descent without noise: its rates, and the steps at which it stays stable."""

import math
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
            labels=("x", "factor by which f falls"),
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
