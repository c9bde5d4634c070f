"""The landscape of losses: spectra of Hessians, their traces, and minima that are one."""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from geomdl import steerable
from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.fields import Field, Vector
from geomdl.groups import group
from geomdl.training import (
    Curvature,
    align,
    barrier,
    eigenpairs,
    hutch_plus_plus,
    hutchinson,
    mean_squared_error,
    spectral_density,
    symmetric_copy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOPIC = "landscape"
ERRORS = 5.0  # standard errors of tolerance


def marchenko_pastur(x: Tensor, ratio: float) -> Tensor:
    """Density of the eigenvalues of XᵀX/n for n rows of p = ratio n standard normal numbers.

    f(x) = √((b - x)(x - a)) / (2π γ x) on a ≤ x ≤ b, with a, b = (1 ∓ √γ)². *Exact* for n → ∞.

    Args:
        x: where.
        ratio: γ in (0, 1).

    Returns:
        the density, in the shape of x.

    Example:
        >>> x = torch.linspace(0.25, 2.25, 4001, dtype=torch.float64)
        >>> round(float(torch.trapezoid(marchenko_pastur(x, 0.25), x)), 4)
        1.0
    """
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    return ((high - x) * (x - low)).clamp_min(0).sqrt() / (2 * math.pi * ratio * x)


@claim(
    "hessian-edges",
    statement="The Hessian of least squares on n normal inputs of p = γn entries has its"
    " eigenvalues between (1 - √γ)² and (1 + √γ)², with the density of Marchenko and Pastur.",
    formula=r"\lambda_{\pm} = (1 \pm \sqrt{\gamma})^2,\quad"
    r" f(\lambda) = \frac{\sqrt{(\lambda_+ - \lambda)(\lambda - \lambda_-)}}{2\pi\gamma\lambda}",
    source="Marchenko and Pastur 1967; Johnstone 2001 (how far finite ones stray from the edges)",
    topic=TOPIC,
    sabotage="the entries of an input are correlated, by 1/2 with the next",
)
def hessian_edges(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Lanczos for the edges, stochastic Lanczos quadrature for what lies between."""
    n, trials, ratio = (800, 4, 0.25) if fast else (3200, 6, 0.25)
    p = round(ratio * n)
    edges, shares = [], []
    at = torch.tensor([0.6, 1.0, 1.5], dtype=torch.float64)
    for _ in range(trials):
        x = torch.randn(n, p, generator=rng, dtype=torch.float64)
        if sabotage:
            x[:, 1:] = 0.5 * x[:, :-1] + math.sqrt(0.75) * x[:, 1:]
        model = nn.Linear(p, 1, bias=False, dtype=torch.float64)
        half = Curvature(model, (x, torch.zeros(n, 1, dtype=torch.float64)), _half_square,
                         batch_size=n)  # fmt: skip
        ends = [eigenpairs(half, which=w, tol=2e-3, rng=rng) for w in ("smallest", "largest")]
        edges.append([float(end.values[0]) for end in ends])
        density = spectral_density(half, probes=8, steps=40, rng=rng)
        shares.append([density.below(float(t)) for t in at])
    sides = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    inner = math.sqrt(n) + sides * math.sqrt(p)
    scale = inner * (1 / math.sqrt(p) + sides / math.sqrt(n)).abs() ** (1 / 3) / n  # Tracy–Widom
    grid = torch.linspace((1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2, 20001)
    density_ = marchenko_pastur(grid.double(), ratio)
    mass = torch.cumulative_trapezoid(density_, grid.double())
    expected = [float(mass[(grid[1:] <= t).sum() - 1]) for t in at]
    table = torch.tensor(shares, dtype=torch.float64)  # (trials, shares, value and error)
    errors = (table[..., 1].square().sum(0).sqrt() / trials).tolist()
    predicted = [float(grid[0]), float(grid[-1]), *expected]
    measured = [*torch.tensor(edges).double().mean(0).tolist(), *table[..., 0].mean(0).tolist()]
    # the Tracy–Widom law has mean -1.21 and deviation 1.27 in its units; Lanczos errs by less
    slack = (1.21 + ERRORS * 1.27 / math.sqrt(trials)) * scale + 2e-3 * sides.abs()
    tolerance = [*slack.tolist(), *(ERRORS * e + 2 / p for e in errors)]

    def draw(axes: "Axes") -> None:
        mean, error = density.density(grid[::50].double(), 0.05)
        axes.fill_between(grid[::50], mean - 2 * error, mean + 2 * error, alpha=0.2,
                          color=figures.MEASURED, lw=0)  # fmt: skip
        axes.plot(grid[::50], mean, color=figures.MEASURED, label="Lanczos quadrature, smoothed")
        axes.plot(grid, density_, color=figures.PREDICTED, label="Marchenko–Pastur")
        axes.vlines(measured[:2], 0, 0.15, color=figures.MEASURED, lw=3, label="measured edges")
        axes.set(xlabel="eigenvalue of the Hessian", ylabel="density", ylim=(0, None))
        axes.legend()

    return Evidence(
        predicted,
        measured,
        tolerance,
        because=f"edges: the mean of the Tracy–Widom law and {ERRORS:g} of its standard errors over"
        f" {trials} matrices; shares: {ERRORS:g} standard errors and two eigenvalues of {p}",
        labels=("lower edge", "upper edge", *(f"share below {t:g}" for t in at.tolist())),
        figure=draw,
    )


def _half_square(output: Tensor, target: Tensor) -> Tensor:
    return 0.5 * mean_squared_error(output, target)


def hutch_bound(eigenvalues: Tensor, products: int) -> float:
    """Bound of the root mean square error of Hutch++ for a symmetric matrix.

    With k = products // 3: E error² ≤ (2/k) min_{q ≤ k-2} (1 + q/(k - q - 1)) Σ_{i>q} λ_i², where
    the sum leaves out the q largest |λ|. *Exact* as a bound.

    Args:
        eigenvalues: of the matrix.
        products: with the matrix, at least 9.

    Returns:
        the square root of the bound.

    Example:
        >>> hutch_bound(torch.tensor([5.0, 0.0, 0.0]), 9)
        0.0
    """
    k = products // 3
    tail = eigenvalues.double().square().sort(descending=True).values
    rest = torch.flip(torch.cumsum(torch.flip(tail, (0,)), 0), (0,))
    rest = torch.cat([rest, rest.new_zeros(k)])
    best = min((1 + q / (k - q - 1)) * float(rest[q]) for q in range(k - 1))
    return math.sqrt(2 * best / k)


@claim(
    "hutch-plus-plus",
    statement="Hutch++ estimates the trace of a matrix with falling eigenvalues with an error that"
    " falls faster than one over the number of products, where Hutchinson's falls as its root.",
    formula=r"\mathrm{E}\,(\hat t - \mathrm{tr}\,A)^2 \leq \frac{2}{k} \min_q"
    r" (1 + \frac{q}{k-q-1}) \sum_{i>q} \lambda_i^2, \quad m = 3k",
    source="Meyer, Musco, Musco and Woodruff 2021, arXiv:2010.09649; Halko, Martinsson and Tropp"
    " 2011, arXiv:0909.4061, theorem 10.5",
    topic=TOPIC,
    sabotage="all products go to Hutchinson's plain estimate",
)
def hutch(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Root mean square errors over many runs, against the bound."""
    size, runs = (150, 60) if fast else (400, 400)
    counts = (9, 18, 36, 72)
    eigenvalues = 1 / torch.arange(1, size + 1, dtype=torch.float64) ** 1.5
    q = torch.linalg.qr(torch.randn(size, size, generator=rng, dtype=torch.float64)).Q
    A = q * eigenvalues @ q.mT
    exact = float(eigenvalues.sum())
    ways = {"Hutchinson": hutchinson, "Hutch++": hutch_plus_plus}
    found: dict[str, list[float]] = {}
    errors: list[float] = []
    for name, estimate in ways.items():
        squares = torch.tensor(
            [[(estimate(A, m, rng=rng).value - exact) ** 2 for _ in range(runs)] for m in counts]
        )
        found[name] = squares.mean(1).sqrt().tolist()
        spread = squares.std(1) / math.sqrt(runs) / (2 * squares.mean(1).sqrt())
        errors = spread.tolist()
    chosen = found["Hutchinson" if sabotage else "Hutch++"]
    off = math.sqrt(2 * float((A - torch.diag(A.diag())).square().sum()))
    bound = [hutch_bound(eigenvalues, m) for m in counts]

    def draw(axes: "Axes") -> None:
        axes.loglog(counts, bound, color=figures.PREDICTED, label="bound for Hutch++")
        axes.loglog(counts, [off / math.sqrt(m) for m in counts], "--", color=figures.OTHER,
                    label="Hutchinson, from its variance")  # fmt: skip
        for (name, values), mark in zip(found.items(), "so", strict=True):
            axes.loglog(counts, values, mark, color=figures.MEASURED, label=f"{name}, measured")
        axes.set(xlabel="products with the matrix", ylabel="root mean square error of the trace")
        axes.legend()

    return Evidence(
        bound,
        chosen,
        [ERRORS * e for e in errors],
        because=f"{ERRORS:g} standard errors of the root mean square over {runs} runs",
        relation="at most",
        labels=tuple(f"{m} products" for m in counts),
        figure=draw,
    )


@claim(
    "group-alignment",
    statement="Two equivariant networks that differ by a symmetry of their weights, a permutation"
    " of fields and an element of the group for each, are joined by a line of constant loss once"
    " they are aligned by both.",
    formula=r"\min_{\pi \in G \wr S_c} \max_t\, L((1-t)\,\theta + t\,\pi\theta') = L(\theta)",
    source="elementary; alignment by permutations: Ainsworth, Hayase and Srinivasa 2023,"
    " arXiv:2209.04836",
    topic=TOPIC,
    sabotage="whole fields are permuted, and none is moved by the group",
)
def group_alignment(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Largest loss on the line, relative to the variance of the outputs, for several groups."""
    names, fields = ("C4", "D4", "S3", "Q8"), 5
    heights, lines = [], {}
    for name in names:
        G = group(name)
        hidden = Field(Vector(), fields * G.regular)
        into, out = Field(Vector(), G.regular), Field(Vector(), 2 * G.trivial)
        layers = [steerable.Linear(a, b, rng=rng) for a, b in
                  ((into, hidden), (hidden, hidden), (hidden, out))]  # fmt: skip
        model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2]).double()
        x = torch.randn(64, G.regular.dim, generator=rng, dtype=torch.float64)
        y = model(x).detach()
        other = symmetric_copy(model, x, rng=rng)
        ways = {
            "as they are": other,
            "fields permuted": align(model, other, x, symmetry="permutation").model,
            "and turned": align(model, other, x).model,
        }
        found = {k: barrier(model, m, (x, y), points=11).losses / y.var() for k, m in ways.items()}
        lines[name] = found
        heights.append(float(found["fields permuted" if sabotage else "and turned"].max()))

    def draw(axes: "Axes") -> None:
        for (way, losses), color in zip(
            lines["D4"].items(), (figures.OTHER, figures.MEASURED, figures.PREDICTED), strict=True
        ):
            axes.plot(np.linspace(0, 1, 11), losses, ".-", color=color, label=way)
        axes.set(xlabel="share of the second network (D4)", ylabel="loss over variance")
        axes.legend()

    return Evidence(
        [0.0] * len(names),
        heights,
        1e-20,
        because="rounding: the weights agree to 1e-12 or better, and the loss is a square",
        labels=names,
        figure=draw,
    )
