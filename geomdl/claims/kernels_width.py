"""How fast wide networks come near to those of infinite width."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import infinite_ntk
from geomdl.generalization.infinite import Dense, Nonlinearity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "kernels"
ERRORS = 5.0  # standard errors of tolerance


@claim(
    "ntk-width",
    statement="The tangent kernel of a ReLU network with one hidden layer of width m is c/√m away"
    " from that of infinite width, with a constant that is known.",
    formula=r"\mathbb{E}\,\|\Theta_m - \Theta\|^2 = \frac{1}{m} \sum_{ij} \left("
    r"\frac{2}{\pi} J_2(\theta_{ij}) + 6 u_{ij}^2 \kappa_0 + 4 u_{ij} \kappa_1 -"
    r" \Theta_{ij}^2\right)",
    source="Jacot et al. 2018, arXiv:1806.07572; the constant is elementary, with moments of Cho"
    " and Saul 2009",
    topic=TOPIC,
    sabotage="the outer weights are half as large",
)
def ntk_width(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Gradients of random networks by autograd, at 12 points of a sphere."""
    n, d, draws = 12, 10, 100 if fast else 1000
    x = torch.nn.functional.normalize(_normal(rng, n, d), dim=1)
    theta = infinite_ntk([Dense(), Nonlinearity("relu"), Dense(1.0)], x * d**0.5).ntk
    second = relu_variance((x @ x.T).clamp(-1, 1).fill_diagonal_(1), theta)
    constant = float(second.sum() / theta.square().sum())

    widths, measured, bars = (16, 64, 256) if fast else (16, 64, 256, 1024), [], []
    for m in widths:
        gaps = []
        for _ in range(draws // 25):
            w, a = _normal(rng, 25, m, d), _normal(rng, 25, m)
            jacobian = _gradients(w, a / 2 if sabotage else a, x)
            gaps.append((jacobian @ jacobian.mT - theta).square().sum((1, 2)))
        sample = torch.cat(gaps) / theta.square().sum()
        measured.append(float(sample.mean()))
        bars.append(ERRORS * _error(sample))
    predicted = [constant / m for m in widths]
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {draws} networks; c ="
        f" {constant**0.5:.3f}",
        labels=tuple(f"m = {m}" for m in widths),
        figure=_falling(widths, predicted, measured, bars, "E ‖Θₘ − Θ‖² / ‖Θ‖²"),
    )


def _gradients(w: Tensor, a: Tensor, x: Tensor) -> Tensor:
    """Of aᵀ σ(√2 w x) / √m by autograd, (draws, points, parameters): a copy for each point."""
    m = a.shape[1]
    copies = w[:, None].repeat(1, len(x), 1, 1).requires_grad_()
    outer = a[:, None].repeat(1, len(x), 1).requires_grad_()
    hidden = torch.relu(2**0.5 * torch.einsum("rnmd,nd->rnm", copies, x))
    total = (hidden * outer).sum() / m**0.5
    inner, last = torch.autograd.grad(total, (copies, outer))
    return torch.cat([inner.flatten(2), last], 2)


def relu_variance(u: Tensor, theta: Tensor) -> Tensor:
    """Variance of a hidden neuron's share of the tangent kernel of a ReLU network. *Exact*.

    The share is 2 σ(w·x) σ(w·x') + 2 a² σ'(w·x) σ'(w·x') u, with all weights standard normal.

    Args:
        u: cosines of the inputs.
        theta: the mean.

    Returns:
        Of the same shape.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> relu_variance(one, 2 * one)  # 4 · 3/2 + 12/2 + 4 − 4
        tensor([12.], dtype=torch.float64)
    """
    angle = u.acos()
    k0 = (math.pi - angle) / math.pi
    k1 = (u * (math.pi - angle) + angle.sin()) / math.pi
    j2 = 3 * angle.sin() * u + (math.pi - angle) * (1 + 2 * u.square())
    second: Tensor = 2 * j2 / math.pi + 6 * u.square() * k0 + 4 * u * k1
    return second - theta.square()


@claim(
    "wide-gaussian",
    statement="The fourth moment of a ReLU network of width m and L hidden layers exceeds that of a"
    " Gaussian by a factor which tends to 1 as m grows, and leaves it as depth grows.",
    formula=r"\frac{\mathbb{E}\,f^4}{(\mathbb{E}\,f^2)^2} = 3 \left(1 + \frac{5}{m}\right)^L",
    source="elementary, after Neal 1996; depth over width as in Hanin and Nica 2020",
    topic=TOPIC,
    sabotage="the width is taken for infinite",
)
def wide_gaussian(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Outputs of networks with Gaussian weights of variance 2/m, 16 for each network."""
    cases = [(m, depth) for depth in (1, 2) for m in (10, 20, 40)]
    draws, at_once = 2000 if fast else 40_000, 500
    predicted, measured, bars = [], [], []
    for m, depth in cases:
        fourth = []
        for _ in range(draws // at_once):
            h = torch.ones(at_once, m, 1, dtype=torch.float64)  # mean square 1, as of an input
            for _ in range(depth):
                h = torch.relu(_normal(rng, at_once, m, m) @ h) * (2 / m) ** 0.5
            fourth.append((_normal(rng, at_once, 16, m) @ h / m**0.5).pow(4).mean((1, 2)))
        sample = torch.cat(fourth)
        predicted.append(3.0 if sabotage else 3 * (1 + 5 / m) ** depth)
        measured.append(float(sample.mean()))
        bars.append(ERRORS * _error(sample))
    half = len(cases) // 2

    def paint(axes: "Axes") -> None:
        widths = [m for m, _ in cases[:half]]
        for i, depth in ((0, 1), (half, 2)):
            part = slice(i, i + half)
            axes.plot(widths, predicted[part], color=figures.PREDICTED, lw=2)
            axes.errorbar(
                widths, measured[part], yerr=bars[part], fmt="o", color=figures.MEASURED, capsize=3
            )
            axes.annotate(f"{depth} hidden", (widths[0], predicted[i]), (8, 0),
                          textcoords="offset points")  # fmt: skip
        axes.axhline(3, color=figures.OTHER, ls="--", lw=1.2)
        axes.set_xscale("log")
        axes.set(xlabel="width m", ylabel="fourth moment over square of the second")

    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {draws} networks",
        labels=tuple(f"m = {m}, {depth} hidden" for m, depth in cases),
        figure=paint,
    )


def _falling(
    at: tuple[int, ...], predicted: list[float], measured: list[float], bars: list[float], name: str
) -> "Draw":
    def paint(axes: "Axes") -> None:
        figures.curve(at, predicted, measured, bars=bars, labels=("width m", name))(axes)
        axes.set_xscale("log")
        axes.set_yscale("log")

    return paint


def _normal(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def _error(sample: Tensor) -> float:
    return float(sample.std()) / math.sqrt(len(sample))
