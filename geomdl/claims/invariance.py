"""What invariance moves: the peak of double descent, the samples needed, the functions left."""

import math

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import (
    double_descent,
    invariance_gain,
    measure_invariance_gain,
    ridgeless_risk,
)
from geomdl.groups import group

TOPIC = "invariance"
ERRORS = 5.0  # standard errors of tolerance


@claim(
    "invariant-peak",
    statement="Features averaged over a group peak where their invariant dimension is the number of"
    " samples: |G| times as many neurons as without.",
    formula=r"\arg\max_p\, \mathbb{E} R(p) = n,\qquad \arg\max_p\, \mathbb{E} \bar R(p) = |G|\, n,"
    r"\quad \dim \mathcal{F}_p^G = p/|G|",
    source="elementary: interpolation threshold of Belkin et al. 2019, arXiv:1812.11118, for the"
    " space of invariants",
    topic=TOPIC,
    sabotage="the features are not averaged",
)
def invariant_peak(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Peaks of random features of ReLU under three groups, plain and averaged."""
    n, seeds = 18, 10 if fast else 60
    predicted, measured, labels, margins = [], [], [], []
    for name in ("C4", "C6", "D4"):
        rep = group(name).regular
        order = rep.group.order or 1
        widths = [order * p for p in (3, 9, 18, 27, 45)]
        plain = sorted({*widths, 9, 18, 27})
        options = {"noise": 0.5, "test": 200, "inputs": rep.dim, "rng": rng, "progress": False}
        found = [
            double_descent("relu", plain, n, seeds, **options),  # type: ignore[arg-type]
            double_descent("relu", widths, n, seeds, rep=None if sabotage else rep,
                           **options),  # type: ignore[arg-type]
        ]  # fmt: skip
        predicted += [n, n * order]
        measured += [one.peak for one in found]
        ranked = [sorted(one.risk) for one in found]
        margins += [risks[-1] / risks[-2] for risks in ranked]
        labels += [f"{name}, plain", f"{name}, averaged"]
    return Evidence(
        predicted,
        measured,
        tolerance=0,
        because="counting: the peak is sought on a grid that holds both places, where the mean risk"
        f" was at least {min(margins):.1f} times any other",
        labels=tuple(labels),
    )


@claim(
    "invariant-curve",
    statement="Least squares on the invariant coordinates has the exact curve of double descent,"
    " with their number in place of the dimension.",
    formula=r"R = \frac{s^2 q}{n - q - 1}\;(q < n - 1),\quad q = \dim V^G ="
    r" \frac{1}{|G|} \sum_g \mathrm{tr}\, \rho(g)",
    source="Belkin, Hsu and Xu 2020, arXiv:1903.07571; Elesedy and Zaidi 2021, arXiv:2102.10333",
    topic=TOPIC,
    sabotage="the features are invariant under half of the group only",
)
def invariant_curve(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Copies of D4 on the eight corners that its elements carry a point to; 12 samples."""
    rep = group("D4").regular
    used = rep.restrict("C4") if sabotage else rep
    n, d, noise, seeds = 12, 192, 0.5, 500 if fast else 8000
    widths = [8 * m for m in (1, 2, 4, 7, 17, 20, 24)]
    found = double_descent("gaussian", widths, n, seeds, noise=noise, rep=used, inputs=d, rng=rng,
                           progress=False)  # fmt: skip
    characters = rep(rep.group.elements).diagonal(dim1=-2, dim2=-1).sum(-1)
    one = round(float(characters.mean()))

    def curve(p: int) -> float:
        q, total = p // 8 * one, d // 8 * one
        return ridgeless_risk(n, q, noise, (q / total) ** 0.5, (1 - q / total) ** 0.5)

    bars = [ERRORS * e for e in found.error]
    return Evidence(
        [curve(p) for p in widths],
        found.risk,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors over {seeds} training sets",
        labels=tuple(f"p = {p}" for p in widths),
        figure=figures.curve(
            range(8, d + 1, 8),
            [curve(p) if curve(p) < 10 else math.nan for p in range(8, d + 1, 8)],
            found.risk,
            at=widths,
            labels=("coordinates p, of which p/8 are invariant", "mean risk, 12 samples"),
            bars=bars,
        ),
    )


@claim(
    "sample-gain",
    statement="Least squares on k invariant coordinates of d reaches the same risk with k/d of the"
    " samples, exactly, counting all but one.",
    formula=r"\frac{\sigma^2 k}{n' - k - 1} = \frac{\sigma^2 d}{n - d - 1} \;\Leftrightarrow\;"
    r" \frac{n' - 1}{n - 1} = \frac{k}{d},\qquad \frac{d}{k} = |G| \;(V = \mathbb{R}[G]^m)",
    source="elementary: mean of the inverse Wishart matrix; setting of Elesedy and Zaidi 2021,"
    " arXiv:2102.10333",
    topic=TOPIC,
    sabotage="both are given n samples",
)
def sample_gain(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Risks with n samples on all coordinates, and with n' on the invariant ones."""
    seeds = 800 if fast else 8000
    predicted, measured, bars, labels = [], [], [], []
    for name in ("C4", "C6", "D4"):
        rep = 4 * group(name).regular
        d, k = rep.dim, 4
        n = 3 * d + 1
        few = (n - 1) * k // d + 1
        many = double_descent("gaussian", [d], n, seeds, noise=0.5, rng=rng, progress=False)
        used = n if sabotage else few
        less = double_descent("gaussian", [d], used, seeds, noise=0.5, rep=rep, rng=rng,
                              progress=False)  # fmt: skip
        predicted += [0.25 * d / (n - d - 1), 0.25 * k / (few - k - 1)]
        measured += [many.risk[0], less.risk[0]]
        bars += [ERRORS * many.error[0], ERRORS * less.error[0]]
        labels += [f"{name}: all, n = {n}", f"{name}: invariant, n' = {few}"]
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors over {seeds} training sets",
        labels=tuple(labels),
    )


@claim(
    "invariant-share",
    statement="The share of invariant harmonics of a degree is the mean of the averaged zonal"
    " function of that degree over the sphere.",
    formula=r"\frac{\dim H_k^G}{\dim H_k} = \mathbb{E}_x \frac{1}{|G|} \sum_g"
    r" P_k(\langle x, g x\rangle),\quad P_k(1) = 1",
    source="elementary: trace of the projection, by the addition theorem; Bietti, Venturi and Bruna"
    " 2021, arXiv:2106.07148",
    topic=TOPIC,
    sabotage="half of the elements are left out",
)
def invariant_share(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Molien's series against random points, for four groups, up to degree 6."""
    points, degrees = 20_000 if fast else 1_000_000, 6
    predicted: list[float] = []
    measured, bars, labels = [], [], []
    for name in ("C6", "D4", "S4", "O"):
        G = group(name)
        rep = G.standard if name in ("S4", "O") else G.regular
        matrices = rep(G.elements)
        if sabotage:
            matrices = matrices[: len(matrices) // 2]
        x = torch.randn(points, rep.dim, generator=rng, dtype=torch.float64)
        x = x / x.norm(dim=1, keepdim=True)
        total = torch.zeros(degrees + 1, points, dtype=torch.float64)
        for g in matrices:
            total += zonal((x * (x @ g)).sum(1), rep.dim, degrees)
        values = total[2:] / len(matrices)
        predicted += invariance_gain(G, rep, degrees=degrees).share[2:]
        measured += values.mean(1).tolist()
        bars += (ERRORS * values.std(1) / points**0.5 + 1e-12).tolist()
        labels += [f"{name}, degree {k}" for k in range(2, degrees + 1)]
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors over {points} points of the sphere",
        labels=tuple(labels),
    )


@claim(
    "three-ways",
    statement="Averaging after training keeps the noise of all coordinates; training on all"
    " transformed samples is the invariant architecture, which does not.",
    formula=r"\frac{\sigma^2 d}{n - d - 1} \;\to\; \frac{\sigma^2 k}{n - d - 1}\;(averaged),\quad"
    r" \frac{\sigma^2 k}{n - k - 1}\;(augmented,\ invariant)",
    source="Elesedy and Zaidi 2021, arXiv:2102.10333; Chen, Dobriban and Lee 2020,"
    " arXiv:1907.10905; elementary",
    topic=TOPIC,
    sabotage="only half of the group is used",
)
def three_ways(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Least squares on 24 coordinates under C6, with 12, 40 and 80 samples."""
    rep, seeds, noise = 4 * group("C6").regular, 150 if fast else 5000, 0.5
    used = rep.restrict("C3") if sabotage else rep
    predicted, measured, bars, labels = [], [], [], []
    for n in (12, 40, 80):
        gain = invariance_gain("C6", rep, n=n, noise=noise, degrees=0)
        found = measure_invariance_gain("linear", used, n, seeds, noise=noise, rng=rng,
                                        progress=False)  # fmt: skip
        rows = (("plain", gain.plain), ("averaged", gain.averaged), ("augmented", gain.invariant),
                ("invariant", gain.invariant))  # fmt: skip
        for method, value in rows:
            risk, error = found.mean(method)
            predicted.append(value)
            measured.append(risk)
            bars.append(ERRORS * error)
            labels.append(f"n = {n}, {method}")
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors over {seeds} training sets",
        labels=tuple(labels),
    )


def zonal(t: Tensor, d: int, degree: int) -> Tensor:
    """Zonal harmonics P_0 … P_degree of the sphere in d ≥ 3 dimensions, with P_k(1) = 1. *Exact*.

    (k + d - 3) P_k = (2k + d - 4) t P_{k-1} - (k - 1) P_{k-2}, Gegenbauer's recurrence.

    Args:
        t: cosines of angles, any shape.
        d: dimension of the space.
        degree: greatest one, at least 1.

    Returns:
        shape (degree + 1, …).

    Example:
        >>> zonal(torch.tensor(0.5), 3, 2).tolist()  # Legendre
        [1.0, 0.5, -0.125]
    """
    values = [torch.ones_like(t), t]
    for k in range(2, degree + 1):
        step = (2 * k + d - 4) * t * values[-1] - (k - 1) * values[-2]
        values.append(step / (k + d - 3))
    return torch.stack(values)
