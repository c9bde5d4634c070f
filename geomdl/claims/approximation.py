"""What one hidden layer costs: Maurey, Barron, and greedily."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from geomdl.claims.evidence import Evidence
from geomdl.claims.figures import MEASURED, OTHER, PREDICTED
from geomdl.claims.registry import claim
from geomdl.expressivity import (
    Gaussian,
    barron_network,
    greedy,
    maurey_network,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "approximation"
ERRORS = 5.0  # standard errors of tolerance


@claim(
    "maurey-constant",
    statement="The mean of n cosine neurons drawn from the Fourier transform of a function errs by"
    " an exact constant over √n, in any dimension.",
    formula=r"n\,\mathbb{E}\|f_n - f\|^2 = \frac{1 + (1 + 4\sigma^2)^{-d/2}}{2}"
    r" - (1 + 2\sigma^2)^{-d/2},\quad f = e^{-|x|^2/2},\; x \sim N(0, \sigma^2 I)",
    source="Barron 1993; Maurey in Pisier 1981; the constant is elementary",
    topic=TOPIC,
    sabotage="every frequency is used by two neurons",
)
def maurey_constant(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Independent networks, each measured at points of its own."""
    variance, draws, points = 0.09, 100 if fast else 2000, 32
    predicted, measured, bars, labels = [], [], [], []
    for d in (2, 20, 100):
        f = Gaussian(d)
        for n in (8, 64, 512):
            squares = []
            for _ in range(draws):
                network = maurey_network(f, n // 2 if sabotage else n, rng)
                x = variance**0.5 * torch.randn(points, d, generator=rng, dtype=torch.float64)
                with torch.no_grad():
                    squares.append((network(x) - f(x)).square().mean())
            sample = n * torch.stack(squares)
            predicted.append(maurey_formula(d, variance))
            measured.append(float(sample.mean()))
            bars.append(ERRORS * float(sample.std()) / draws**0.5)
            labels.append(f"d = {d}, n = {n}")
    return Evidence(
        predicted, measured, bars,
        because=f"{ERRORS:g} standard errors of the mean over {draws} networks, {points} points"
        " each", labels=tuple(labels), figure=_slopes(predicted, measured),
    )  # fmt: skip


def maurey_formula(d: int, variance: float) -> float:
    """N E‖f_n - f‖² for f = e^{-|x|²/2} and Gaussian points, E e^{-a|x|²} = (1 + 2aσ²)^{-d/2}.

    Args:
        d: dimension.
        variance: σ².

    Returns:
        The constant.

    Example:
        >>> round(maurey_formula(20, 0.09), 3)
        0.332
    """
    twice, once = ((1 + a * variance) ** (-0.5 * d) for a in (4, 2))
    return float((1 + twice) / 2 - once)


def _slopes(predicted: list[float], measured: list[float]) -> "Draw":
    """Errors against n in three dimensions, all on lines of slope -1/2."""

    def paint(axes: "Axes") -> None:
        sizes = (8, 64, 512)
        for i, d in enumerate((2, 20, 100)):
            line, dots = (
                [math.sqrt(v / n) for v, n in zip(values[3 * i : 3 * i + 3], sizes, strict=True)]
                for values in (predicted, measured)
            )
            shade = (PREDICTED, MEASURED, OTHER)[i]
            axes.loglog(sizes, line, color=shade, lw=2)
            axes.loglog(sizes, dots, "o", color=shade, label=f"d = {d}")
        axes.set_xlabel("neurons n")
        axes.set_ylabel("root mean square error")
        axes.legend()

    return paint


@claim(
    "barron-steps",
    statement="A mean of n step neurons drawn from the tilted Fourier transform errs by at most"
    " twice radius times Barron norm over √n on a ball.",
    formula=r"n\,\mathbb{E}\|f_n - f\|^2 \leq (2 r C_f)^2, \quad C_f = \int |\omega|\,"
    r"|\hat f(\omega)|\,d\omega",
    source="Barron 1993, theorem 1",
    topic=TOPIC,
    sabotage="the thresholds of the neurons end at a fifth of the radius",
)
def barron_steps(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Points on the sphere of radius r, where the bound is hardest."""
    radius, draws = 1.5, 40
    predicted, measured, labels = [], [], []
    for d in (1, 5, 20):
        f = Gaussian(d)
        for n in (16, 4096):
            x = torch.randn(40, d, generator=rng, dtype=torch.float64)
            x = radius * x / x.norm(dim=1, keepdim=True)
            reach = radius / 5 if sabotage else radius
            with torch.no_grad():
                errors = [barron_network(f, n, reach, rng)(x) - f(x) for _ in range(draws)]
            measured.append(n * float(torch.stack(errors).square().mean()))
            predicted.append((2 * radius * f.barron_norm()) ** 2)
            labels.append(f"d = {d}, n = {n}")
    share = max(m / p for m, p in zip(measured, predicted, strict=True))
    return Evidence(
        predicted, measured, tolerance=0,
        because=f"means over {draws} networks and 40 points are at most {share:.2g} of the bound",
        relation="at most", labels=tuple(labels),
    )  # fmt: skip


@claim(
    "greedy-rate",
    statement="Relaxed greedy approximation within the convex hull of a dictionary is as good"
    " after n steps as the mean of n random draws, with certainty.",
    formula=r"\|f - f_n\|^2 \leq \frac{b\,\|f\|^2}{n \|f\|^2 + b} \leq \frac{b}{n},"
    r"\quad b = M^2 - \|f\|^2",
    source="Jones 1992; Barron 1993",
    topic=TOPIC,
    sabotage="the function is noise, and not in the hull",
)
def greedy_rate(rng: torch.Generator, sabotage: bool) -> Evidence:
    """A random convex combination of cosines in ten dimensions."""
    atoms = torch.cos(
        torch.randn(400, 10, generator=rng, dtype=torch.float64)
        @ torch.randn(10, 300, generator=rng, dtype=torch.float64)
    )
    weights = torch.rand(400, generator=rng, dtype=torch.float64)
    y = (weights / weights.sum()) @ atoms
    if sabotage:
        y = 0.7 * torch.randn(300, generator=rng, dtype=torch.float64).sign()
    steps = (1, 2, 4, 8, 16, 32, 64)
    found = greedy(y, atoms, 64)
    bound, error = (values[list(steps)].tolist() for values in (found.bounds, found.errors))
    return Evidence(
        bound, error, tolerance=1e-14, because="rounding of squared errors of at most one",
        relation="at most", labels=tuple(f"n = {n}" for n in steps),
        figure=logarithmic(steps, bound, error, ("steps n", "squared error")),
    )  # fmt: skip


def logarithmic(
    x: Sequence[float], predicted: Sequence[float], measured: Sequence[float],
    labels: tuple[str, str], other: tuple[Sequence[float], str] | None = None, base: int = 10,
) -> "Draw":  # fmt: skip
    """Prediction and measurement on logarithmic ordinates.

    Args:
        x: abscissae.
        predicted: ordinates of the line.
        measured: ordinates of the points.
        labels: of the axes.
        other: a dashed line and its name.
        base: of the logarithm.

    Returns:
        A function that draws.
    """

    def paint(axes: "Axes") -> None:
        axes.plot(x, predicted, color=PREDICTED, lw=2, label="predicted")
        axes.plot(x, measured, "o", color=MEASURED, label="measured")
        if other is not None:
            axes.plot(x, other[0], color=OTHER, ls="--", label=other[1])
        axes.set_yscale("log", base=base)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend()

    return paint
