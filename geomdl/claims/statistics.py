"""What invariance gains in learning: Rademacher complexity and linear regression."""

import math

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import averaging_gap, least_squares, rademacher_ratio
from geomdl.groups import group

TOPIC = "generalization"
ERRORS = 5.0  # standard errors of tolerance: a true claim fails once in 10⁶ runs


@claim(
    "rademacher",
    statement="For Gaussian data invariance divides the Rademacher complexity of a linear ball by"
    " a factor that tends to √|G|.",
    formula=r"\frac{\mathfrak{R}(V^G)}{\mathfrak{R}(V)} = \frac{\mu_{d/|G|}}{\mu_d}"
    r" \to \frac{1}{\sqrt{|G|}},\quad \mu_m = \sqrt{2}\,"
    r"\frac{\Gamma((m+1)/2)}{\Gamma(m/2)}",
    source="elementary: means of the chi distribution; setting of Sokolić et al. 2017,"
    " arXiv:1610.04574",
    topic=TOPIC,
    sabotage="the data are ten times larger along the invariant directions",
)
def rademacher(rng: torch.Generator, sabotage: bool) -> Evidence:
    """C6 on m copies of its regular representation: sup over the ball is the norm of a vector."""
    G, copies, n, trials = group("C6"), (1, 2, 4, 8), 16, 4000
    predicted, measured, errors = [], [], []
    for m in copies:
        fixed = (m * G.regular).fixed()
        d, k = fixed.shape[1], fixed.shape[0]
        x = torch.randn(trials, n, d, generator=rng, dtype=torch.float64)
        if sabotage:
            x = x + 9 * (x @ fixed.T) @ fixed
        signs = torch.randint(0, 2, (trials, n, 1), generator=rng).double() * 2 - 1
        z = (signs * x).mean(1)
        whole, part = z.norm(dim=1), (z @ fixed.T).norm(dim=1)
        ratio = float(part.mean() / whole.mean())
        predicted.append(rademacher_ratio(d, k))
        measured.append(ratio)
        errors.append(_error(part - ratio * whole) / float(whole.mean()))
    limit = rademacher_ratio(24000, 4000)
    bars = [ERRORS * e for e in errors]
    return Evidence(
        [*predicted, 6**-0.5],
        [*measured, limit],
        tolerance=[*bars, 1e-4],
        because=f"{ERRORS:g} standard errors of the ratio (delta method) over {trials} draws;"
        " 1/(4k) < 10⁻⁴ for the formula itself, at d = 24 000",
        labels=(*(f"d = {6 * m}" for m in copies), "formula, d = 24 000"),
        figure=figures.curve(
            [6.0 * m for m in copies],
            predicted,
            measured,
            labels=("dimension d", "ratio of complexities"),
            bars=bars,
            limit=(6**-0.5, "1/√|G|"),
        ),
    )


@claim(
    "invariance-gap",
    statement="Averaging a least-squares predictor over the group lowers its risk by an exact"
    " amount, in the classical and in the overparametrised regime.",
    formula=r"\Delta = \frac{\sigma_\xi^2 a}{n-d-1}\;(n > d+1),\quad \Delta = a\left("
    r"\frac{\sigma_x^2\|\theta\|^2 n(d-n)}{d(d-1)(d+2)} + \frac{\sigma_\xi^2 n}{d(d-n-1)}\right)"
    r"\;(n < d-1),\quad a = d - \dim V^G",
    source="Elesedy and Zaidi 2021, arXiv:2102.10333",
    topic=TOPIC,
    sabotage="the target is not invariant",
)
def invariance_gap(rng: torch.Generator, sabotage: bool) -> Evidence:
    """C6 on 24 coordinates: risks of minimum-norm least squares with and without averaging."""
    fixed = (4 * group("C6").regular).fixed()
    d, a, noise, trials = fixed.shape[1], fixed.shape[1] - fixed.shape[0], 0.5, 3000
    theta = fixed.T @ torch.randn(len(fixed), generator=rng, dtype=torch.float64)
    if sabotage:
        theta = torch.randn(d, generator=rng, dtype=torch.float64)
    theta = theta / theta.norm()
    sizes = (6, 12, 17, 36, 60, 96)
    predicted, measured, errors = [], [], []
    for n in sizes:
        x = torch.randn(trials, n, d, generator=rng, dtype=torch.float64)
        y = x @ theta + noise * torch.randn(trials, n, generator=rng, dtype=torch.float64)
        w = least_squares(x, y[..., None]).squeeze(-1)
        mean = w @ fixed.T @ fixed
        gap = (w - theta).square().sum(1) - (mean - theta).square().sum(1)
        predicted.append(averaging_gap(n, d, a, noise))
        measured.append(float(gap.mean()))
        errors.append(_error(gap))
    bars = [ERRORS * e for e in errors]
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {trials} training sets",
        labels=tuple(f"n = {n}" for n in sizes),
        figure=figures.curve(
            range(4, 101),
            [averaging_gap(n, d, a, noise) for n in range(4, 101)],
            measured,
            at=sizes,
            labels=(f"training points n (d = {d})", "gap of the risks"),
            bars=bars,
        ),
    )


def _error(sample: Tensor) -> float:
    return float(sample.std()) / math.sqrt(len(sample))
