"""How sharp a minimum can be where gradient descent stays, and how sharp it lets one become."""

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
ERRORS = 5.0
WIDTH = 20

Weights = list[Tensor]  # of many networks at once, the first axis counts them


@claim(
    "stability-threshold",
    statement="Gradient descent with momentum stays at a minimum if the greatest eigenvalue of the"
    " Hessian is below 2(1 + β)/η, and is driven away if it is above.",
    formula=r"\eta^* = \frac{2 (1 + \beta)}{\lambda_{\max}(\nabla^2 L)}",
    source="Polyak 1964; Cohen et al. 2021, arXiv:2103.00065, for networks",
    topic=TOPIC,
    sabotage="the networks are moved away from their minimum along the second eigenvector",
)
def stability_threshold(rng: torch.Generator, sabotage: bool) -> Evidence:
    """A network at a minimum (its targets are its own answers), moved by 10⁻⁹, for 400 steps.

    The growth in the last 200 steps is measured for step sizes next to η*, where a root of the
    iteration is -1 - 2 (η/η* - 1)(1 + β)/(1 - β) to first order: sizes are spaced to match.
    """
    momenta, around = (0.0, 0.5, 0.9), torch.linspace(-0.01, 0.01, 8, dtype=torch.float64)
    sizes = torch.stack([1 + around * (1 - b) / (1 + b) for b in momenta])
    x, _ = _task()
    first = _networks(rng, 1)
    shape = [w.shape[1:] for w in first]
    flat = torch.cat([w.flatten() for w in first])

    def answers(v: Tensor) -> Tensor:
        parts = v.split([s.numel() for s in shape])
        return _forward([p.view(1, *s) for p, s in zip(parts, shape, strict=True)], x).flatten()

    # at zero loss the Hessian of the mean square is 2 JᵀJ/n
    _, s, vt = torch.linalg.svd(torch.func.jacrev(answers)(flat), full_matrices=False)
    top = float(2 * s[0] ** 2 / len(x))
    move = vt[1 if sabotage else 0]
    edges = 2 * (1 + torch.tensor(momenta, dtype=torch.float64)) / top
    eta = (sizes * edges[:, None]).reshape(-1, 1, 1)
    beta = torch.tensor(momenta, dtype=torch.float64).repeat_interleave(len(around))[:, None, None]
    copies = (flat + 1e-9 * move).expand(len(eta), -1)
    w = [p.reshape(-1, *s) for p, s in zip(copies.split([s.numel() for s in shape], 1), shape,
                                           strict=True)]  # fmt: skip
    target, speed, away = answers(flat)[:, None], [torch.zeros_like(p) for p in w], []
    for k in range(401):
        if k in (200, 400):
            now = torch.cat([p.flatten(1) for p in w], 1) - flat
            away.append((now @ move).abs() + 1e-300)
        w, speed = _step(w, speed, _gradient(w, x, target), eta, beta)
    growth = ((away[1] / away[0]).log() / 200).reshape(len(momenta), -1)
    crossing = torch.tensor([_zero(x, y) for x, y in zip(sizes, growth, strict=True)]).double()
    return Evidence(
        edges, crossing * edges, 0.1 * (sizes[:, -1] - 1) * edges,
        "a tenth of the range of steps, within which the growth is interpolated linearly",
        labels=tuple(f"β = {b:g}" for b in momenta), figure=_growth(around, growth, momenta),
    )  # fmt: skip


@claim(
    "edge-of-stability",
    statement="Gradient descent on a network, with momentum β or without, makes the loss sharper"
    " until its greatest curvature is 2(1 + β)/η, and there it hovers, while the loss goes on"
    " falling.",
    formula=r"\lambda_{\max}(\nabla^2 L(w_k)) \approx \frac{2 (1 + \beta)}{\eta}",
    source="Cohen et al. 2021, arXiv:2103.00065; Damian, Nichani and Lee 2023, arXiv:2209.15594",
    topic=TOPIC,
    sabotage="the edge is taken to be 2/η, whatever the momentum",
)
def edge_of_stability(rng: torch.Generator, sabotage: bool, fast: bool = True) -> Evidence:
    """Networks of two hidden layers of 20 tanh units, 32 points of 10 cos 3πx, full batches.

    What is measured is the mean over a plateau, not the last step. Neither growth nor decay along
    the top eigenvector means E log|1 - ηλ| = 0 for β = 0; with ηλ/2 = 1 + ρ this is E ρ = E ρ² +
    O(ρ³). With momentum a step across the valley grows by 1 + 2ρ (1 + β)/(1 - β).

    Targets this large keep the loss sharpening for long: with those of size 1, or with β = 0.9,
    some networks have learned them before they are at the edge, and stay below it.
    """
    nets, steps, window = (8 if fast else 24), 1500, 400
    ways = ((0.02, 0.0), (0.02, 0.5), (0.015, 0.5))
    x, y = _task(10.0, 3)
    sizes, momenta = torch.tensor(ways, dtype=torch.float64).T
    eta, beta = (v.repeat_interleave(nets)[:, None, None] for v in (sizes, momenta))
    w = _networks(rng, len(eta))
    speed = [torch.zeros_like(p) for p in w]
    look = [torch.randn(p.shape, generator=rng, dtype=torch.float64) for p in w]
    track = []
    for k in range(steps):
        if k % 25 == 0:
            sharp, look = _sharpness(w, x, y, look)
            track.append(sharp)
        w, speed = _step(w, speed, _gradient(w, x, y), eta, beta)
    edges = 2 * (1 + (0 if sabotage else momenta)) / sizes
    ratio = torch.stack(track).reshape(-1, len(ways), nets) / edges[:, None]
    plateau = ratio[-window // 25 :]
    error = plateau.mean(0).std(1) / math.sqrt(nets)
    slow = 5 * (1 - momenta) / (1 + momenta) / window
    return Evidence(
        [1.0] * len(ways), plateau.mean((0, 2)), ERRORS * error + plateau.var(0).mean(1) + slow,
        f"{ERRORS:g} standard errors of the mean over {nets} networks of the mean over {window}"
        " steps; the variance in time, by which the mean may lie above the edge; and ρ with"
        f" {2 * window} ρ (1 + β)/(1 - β) = 10: nearer to the edge the steps across the valley"
        " change by less than e^10 in that time",
        labels=tuple(f"curvature in units of 2(1 + β)/η, η = {s:g}, β = {b:g}" for s, b in ways),
        figure=_hovering(ratio, ways),
    )  # fmt: skip


def _task(size: float = 1.0, waves: int = 2) -> tuple[Tensor, Tensor]:
    x = torch.linspace(-1, 1, 32, dtype=torch.float64)[:, None]
    return x, size * torch.cos(waves * math.pi * x)


def _networks(rng: torch.Generator, n: int) -> Weights:
    """Networks 1 - 20 - 20 - 1: weights and biases of each layer, uniform as PyTorch's."""
    shapes = [(1, WIDTH), (1, WIDTH), (WIDTH, WIDTH), (1, WIDTH), (WIDTH, 1), (1, 1)]
    bounds = [1.0, 1.0] + 4 * [WIDTH**-0.5]
    return [b * (2 * torch.rand(n, *s, generator=rng, dtype=torch.float64) - 1)
            for b, s in zip(bounds, shapes, strict=True)]  # fmt: skip


def _forward(w: Weights, x: Tensor) -> Tensor:
    h = torch.tanh(x @ w[0] + w[1])
    return torch.tanh(h @ w[2] + w[3]) @ w[4] + w[5]


def _gradient(w: Weights, x: Tensor, y: Tensor, graph: bool = False) -> Weights:
    """Of the mean square error of each network."""
    if not graph:
        w = [p.detach().requires_grad_() for p in w]
    loss = (_forward(w, x) - y).square().mean((1, 2)).sum()
    return list(torch.autograd.grad(loss, w, create_graph=graph))


def _step(w: Weights, v: Weights, g: Weights, eta: Tensor, beta: Tensor) -> tuple[Weights, Weights]:
    v = [beta * a + b for a, b in zip(v, g, strict=True)]
    return [(p - eta * a).detach() for p, a in zip(w, v, strict=True)], v


def _sharpness(w: Weights, x: Tensor, y: Tensor, look: Weights) -> tuple[Tensor, Weights]:
    """Greatest eigenvalue of each Hessian: four power iterations from the last eigenvector."""
    w = [p.detach().requires_grad_() for p in w]
    g = _gradient(w, x, y, graph=True)
    value = torch.zeros(len(w[0]), dtype=torch.float64)
    for _ in range(4):
        size = sum(q.square().sum((1, 2), keepdim=True) for q in look) ** 0.5
        look = [q / size for q in look]
        dot = torch.stack([(a * q).sum() for a, q in zip(g, look, strict=True)]).sum()
        moved = list(torch.autograd.grad(dot, w, retain_graph=True))
        value = torch.stack([(a * q).sum((1, 2)) for a, q in zip(moved, look, strict=True)]).sum(0)
        look = moved
    return value, look


def _zero(x: Tensor, y: Tensor) -> float:
    """Where y, linear between the points, crosses zero upwards; the nearer end if it does not."""
    for a, b, p, q in zip(x[:-1], x[1:], y[:-1], y[1:], strict=True):
        if p <= 0 < q:
            return float(a + (b - a) * p / (p - q))
    return float(x[0] if y[0] > 0 else x[-1])


def _growth(around: Tensor, growth: Tensor, momenta: tuple[float, ...]) -> "Draw":
    def paint(axes: "Axes") -> None:
        for beta, row, mark in zip(momenta, growth, "os^", strict=True):
            axes.plot(around, row, mark + "-", color=figures.MEASURED, lw=1, label=f"β = {beta:g}")
        axes.axvline(0, color=figures.PREDICTED, lw=2, label="predicted")
        axes.axhline(0, color=figures.OTHER, lw=1)
        axes.set_xlabel("(η/η* - 1)(1 + β)/(1 - β)")
        axes.set_ylabel("logarithm of the growth in a step")
        axes.legend()

    return paint


def _hovering(ratio: Tensor, ways: tuple[tuple[float, float], ...]) -> "Draw":
    def paint(axes: "Axes") -> None:
        steps = [25 * k for k in range(len(ratio))]
        for i, ((size, beta), mark) in enumerate(zip(ways, "os^", strict=True)):
            axes.plot(steps, ratio[:, i].mean(1), mark, color=figures.MEASURED, ms=4,
                      label=f"mean of networks, η = {size:g}, β = {beta:g}")  # fmt: skip
            axes.plot(steps, ratio[:, i, 0], color=figures.OTHER, lw=0.8)
        axes.axhline(1, color=figures.PREDICTED, lw=2, label="edge")
        axes.set_xlabel("step; grey: one network")
        axes.set_ylabel("curvature in units of 2(1 + β)/η")
        axes.legend()

    return paint
