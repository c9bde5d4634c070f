"""Double descent: the curve, its peak, and what takes the peak away."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import (
    FLOW_OVER_RIDGE,
    DoubleDescent,
    benign_variance,
    double_descent,
    effective_rank,
    flow_risk,
    least_squares,
    optimal_ridge,
    random_feature_risk,
    ridgeless_risk,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "double descent"
ERRORS = 5.0  # standard errors of tolerance


@claim(
    "ridgeless-risk",
    statement="The mean risk of minimum-norm least squares rises to infinity where features are as"
    " many as samples, and falls again beyond, by exact formulas for every size.",
    formula=r"\frac{s^2 p}{n - p - 1}\;(p < n - 1),\quad |\theta|^2 \left(1 - \frac{n}{p}\right)"
    r" + \frac{s^2 n}{p - n - 1}\;(p > n + 1),\quad s^2 = \sigma^2 + |\theta'|^2",
    source="Belkin, Hsu and Xu 2020, arXiv:1903.07571; Hastie et al. 2022, arXiv:1903.08560",
    topic=TOPIC,
    sabotage="the labels carry twice the noise",
)
def ridgeless(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """The first p of 96 Gaussian coordinates, 32 samples."""
    n, d, noise, seeds = 32, 96, 0.5, 600 if fast else 10_000
    widths = [4, 8, 16, 22, 44, 56, 72, 96]
    found = double_descent("gaussian", widths, n, seeds, noise=noise * (2 if sabotage else 1),
                           rng=rng, progress=False)  # fmt: skip

    def curve(p: int) -> float:
        seen = p / d
        return ridgeless_risk(n, p, noise, math.sqrt(seen), math.sqrt(1 - seen))

    bars = [ERRORS * e for e in found.error]
    return Evidence(
        [curve(p) for p in widths],
        found.risk,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors over {seeds} training sets",
        labels=tuple(f"p = {p}" for p in widths),
        figure=_curves("features p (32 samples)", [*range(1, d + 1)],
                       [("exact", [curve(p) for p in range(1, d + 1)])], widths, found.risk, bars,
                       top=8.0),
    )  # fmt: skip


@claim(
    "interpolation-peak",
    statement="The risk of least squares on random features of ReLU is greatest where the features"
    " are as many as the samples.",
    formula=r"\arg\max_p\, \mathbb{E}\, R(p) = n,\quad \phi_j(x) = \max(0, \langle w_j, x\rangle)",
    source="Belkin et al. 2019, arXiv:1812.11118",
    topic=TOPIC,
    sabotage="a ridge of n holds the coefficients",
)
def interpolation_peak(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Places of the peak for several numbers of samples."""
    sizes, seeds = (12, 24, 36, 48), 10 if fast else 60
    found = [
        double_descent(
            "relu", [n * k // 6 for k in (1, 2, 3, 4, 5, 6, 7, 8, 12, 24)], n, seeds, noise=0.5,
            test=200, ridge=float(n) if sabotage else 0.0, rng=rng, progress=False,
        )
        for n in sizes
    ]  # fmt: skip
    last = found[-1]
    margin = min(one.risk[5] / max(one.risk[:5] + one.risk[6:]) for one in found)
    return Evidence(
        sizes,
        [one.peak for one in found],
        tolerance=0,
        because="counting: the peak is sought on a grid of n/6 that holds n, where the mean risk"
        f" was at least {margin:.1f} times any other",
        labels=tuple(f"n = {n}" for n in sizes),
        figure=_curves("features p (48 samples)", last.at, [], last.at, last.risk,
                       last.error),
    )  # fmt: skip


@claim(
    "random-feature-risk",
    statement="The risk of regression on random features of ReLU, with any ridge, follows from the"
    " eigenvalues of their kernel and from the spread of norms, on both sides of the peak.",
    formula=r"R = \frac{\frac{\gamma}{\lambda_1 + \gamma}"
    r" - \frac{\gamma \lambda_1}{r (\lambda_1 + \gamma)^2} + \sigma^2 \hat q B}{1 - \hat q A}",
    source="Simon, Karkada, Ghosh and Belkin 2023, arXiv:2311.14646; spread of norms derived in"
    " random_feature_risk",
    topic=TOPIC,
    sabotage="the labels carry twice the noise",
)
def random_features(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """80 samples in 20 dimensions: widths without ridge and with one, and kernels."""
    n, d, noise, ridge, seeds = 80, 20, 0.5, 4.0, 40 if fast else 600
    widths, kernels, off = [20, 40, 160, 320, 640], [1.0, 10.0, 1000.0], 0.06
    options = {"noise": noise * (2 if sabotage else 1), "inputs": d, "test": 200, "rng": rng}
    predicted: list[float] = []
    measured: list[float] = []
    bars, labels = [], []
    for family, at, penalty, word in (
        ("relu", widths, 0.0, "p"), ("relu", widths, ridge, "p"), ("kernel", kernels, 0.0, "1/λ"),
    ):  # fmt: skip
        found = double_descent(family, at, n, seeds, ridge=penalty, progress=False,
                               **options)  # type: ignore[arg-type]  # fmt: skip
        measured += found.risk
        for size, error in zip(at, found.error, strict=True):
            kind = (math.inf, 1 / size) if family == "kernel" else (int(size), penalty)
            predicted.append(random_feature_risk(n, kind[0], d, kind[1], noise))
            bars.append(ERRORS * error + off * predicted[-1])
            labels.append(f"{family}, {word} = {size:g}" + (f", λ = {ridge:g}" if penalty else ""))
    every = sorted({round(20 * 32 ** (i / 100)) for i in range(101)})
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors over {seeds} problems, and {100 * off:g} % for sizes"
        " that are finite: the formula is that of the limit",
        labels=tuple(labels),
        figure=_curves("features p (80 samples), without ridge", every,
                       [("predicted", [random_feature_risk(n, p, d, 0.0, noise) for p in every])],
                       widths, measured[: len(widths)], bars[: len(widths)], top=3.0),
    )  # fmt: skip


@claim(
    "optimal-ridge",
    statement="With the best ridge there is no double descent: more features never harm, and that"
    " ridge does not depend on the number of samples.",
    formula=r"\lambda^* = \frac{p\, s^2}{|\theta|^2},\quad"
    r" \mathbb{E}\, R_{p+1}(\lambda^*_{p+1}) \leq \mathbb{E}\, R_p(\lambda^*_p) \leq"
    r" \mathbb{E}\, R_p(\lambda)",
    source="Nakkiran et al. 2021, arXiv:2003.01897",
    topic=TOPIC,
    sabotage="no ridge",
)
def best_ridge(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Steps of the risk along the features, and from the best ridge to others; paired samples.

    Each eigenvalue γ of XᵀX adds (b λ² + s² γ)/(γ + λ)², b = |θ|²/p, least at λ = s²/b: it is
    the ridge of Bayes, whom knowing more coordinates cannot harm.
    """
    n, d, noise, seeds = 24, 72, 0.5, 400 if fast else 4000
    widths = (6, 12, 18, 24, 30, 36, 48, 72)
    state = rng.initial_seed()

    def measured(p: int, factor: float) -> DoubleDescent:
        seen = p / d
        ridge = factor * optimal_ridge(p, noise, math.sqrt(seen), math.sqrt(1 - seen))
        again = torch.Generator().manual_seed(state)  # the same samples each time
        return double_descent("gaussian", [p], n, seeds, noise=noise, inputs=d, ridge=ridge,
                              rng=again, progress=False)  # fmt: skip

    best = [measured(p, 0.0 if sabotage else 1.0) for p in widths]
    steps = {
        f"p = {p} to {q}": b.risks[0] - a.risks[0]
        for p, q, a, b in zip(widths, widths[1:], best, best[1:], strict=False)
    }
    for p, one in zip(widths[1::2], best[1::2], strict=True):
        for factor in (0.5, 2.0):
            steps[f"p = {p}, λ × {factor:g}"] = one.risks[0] - measured(p, factor).risks[0]
    means, errors = _means(torch.stack([*steps.values()]))
    exact = [ridgeless_risk(n, p, noise, math.sqrt(p / d), math.sqrt(1 - p / d))
             for p in range(1, d + 1)]  # fmt: skip
    return Evidence(
        torch.zeros_like(means),
        means,
        tolerance=ERRORS * errors,
        because=f"{ERRORS:g} standard errors of the paired differences over {seeds} samples",
        relation="at most",
        labels=tuple(steps),
        figure=_curves("features p (24 samples)", [*range(1, d + 1)], [("no ridge, exact", exact)],
                       widths, [one.risk[0] for one in best], [one.error[0] for one in best],
                       top=6.0),
    )  # fmt: skip


@claim(
    "label-noise",
    statement="Noise of the labels adds to the risk in proportion to its variance, by a factor that"
    " is largest where features are as many as samples.",
    formula=r"\mathbb{E} R_\sigma - \mathbb{E} R_0 = \sigma^2\, \frac{\min(n, p)}{|n - p| - 1}",
    source="Belkin, Hsu and Xu 2020, arXiv:1903.07571; elementary: mean of the inverse Wishart"
    " matrix",
    topic=TOPIC,
    sabotage="the noise is drawn with standard deviation σ² in place of σ",
)
def label_noise(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Rise of the risk for three strengths of noise, on both sides of the peak."""
    n, seeds, sizes, strengths = 30, 300 if fast else 4000, (10, 20, 42, 90), (0.5, 1.0, 2.0)
    state = rng.initial_seed()

    def risks(p: int, noise: float) -> Tensor:
        again = torch.Generator().manual_seed(state)  # the same samples, noise scaled
        return double_descent("gaussian", [p], n, seeds, noise=noise, rng=again,
                              progress=False).risks[0]  # fmt: skip

    predicted, rises, labels = [], [], []
    for p in sizes:
        clean = risks(p, 0.0)
        for noise in strengths:
            predicted.append(noise**2 * min(n, p) / (abs(n - p) - 1))
            rises.append(risks(p, noise**2 if sabotage else noise) - clean)
            labels.append(f"p = {p}, σ = {noise:g}")
    means, errors = _means(torch.stack(rises))
    return Evidence(
        predicted,
        means,
        tolerance=ERRORS * errors,
        because=f"{ERRORS:g} standard errors over {seeds} training sets",
        labels=tuple(labels),
    )


@claim(
    "benign-overfitting",
    statement="Interpolating noise costs little where the covariance has a few large eigenvalues"
    " and a long even tail; two effective ranks say how much, up to constants.",
    formula=r"\frac{1}{4} \leq \frac{V}{\sigma^2 (k^*/n + n/R_{k^*})} \leq 4,\quad"
    r" R_k = \frac{(\sum_{i>k} \lambda_i)^2}{\sum_{i>k} \lambda_i^2}",
    source="Bartlett, Long, Lugosi and Tsigler 2020, arXiv:1906.11300, theorem 4",
    topic=TOPIC,
    sabotage="the tail has hardly more dimensions than there are samples",
)
def benign(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Logarithms of the ratio for four spectra: that 4 is enough is measured, not proved.

    The third, even one also beside its exact variance n/(R_0 - n - 1). In the fourth r_0 is a
    seventh of R_0, so that the wrong rank is seen.
    """
    n, seeds = 40, 20 if fast else 200
    flat, small = torch.ones, torch.full
    spectra = {
        "2 + 400 even": torch.cat([flat(2), small((400,), 0.02)]),
        "8 + 800 even": torch.cat([flat(8), small((800,), 0.005)]),
        "800 even": flat(800),
        "2000 falling": torch.arange(1, 2001.0) ** -0.4,
    }
    if sabotage:
        spectra = {f"42 even, {i}": flat(n + 2) for i in range(4)}
    ratios, means, errors = [], [], []
    for values in spectra.values():
        scale = values.double().sqrt()
        x = torch.randn(seeds, n, len(values), generator=rng, dtype=torch.float64) * scale
        y = torch.randn(seeds, n, 1, generator=rng, dtype=torch.float64)
        w = least_squares(x, y)
        mean, error = _means((scale.unsqueeze(-1) * w).square().sum((1, 2)))
        ratios.append(math.log(mean / benign_variance(values.double(), n)[0]))
        means.append(float(mean))
        errors.append(float(error))
    even = [*spectra][2]
    exact = n / (effective_rank(spectra[even].double(), 0)[1] - n - 1)
    return Evidence(
        [0.0] * 4 + [exact],
        [*ratios, means[2]],
        tolerance=[math.log(4)] * 4 + [ERRORS * errors[2]],
        because="the theorem does not name its constants, 4 is asked for; the exact variance within"
        f" {ERRORS:g} standard errors over {seeds} training sets",
        labels=(*spectra, f"{even}, variance"),
    )


@claim(
    "early-stopping-ridge",
    statement="Gradient descent stopped at time t risks at most 1.69 times what ridge regression"
    " with λ = 1/t does, whatever the data.",
    formula=r"\frac{R_{flow}(t)}{R_{ridge}(1/t)} \leq \max_x"
    r" \left(\frac{(1 - e^{-x})(1 + x)}{x}\right)^2 = 1.6859",
    source="Ali, Kolter and Tibshirani 2019, arXiv:1810.10082, theorem 1",
    topic=TOPIC,
    sabotage="the ridge is 4/t",
)
def early_stopping(rng: torch.Generator, sabotage: bool, fast: bool) -> Evidence:
    """Descent in small steps on three designs, its risk without sampling: it is linear in y.

    The last design, of equal eigenvalues and noise alone, attains the bound at t = 1.793.
    """
    times, steps, noise = (0.3, 1.0, 1.7933, 4.0), 1000 if fast else 20_000, 1.0
    normal = [torch.randn(n, p, generator=rng, dtype=torch.float64) for n, p in ((30, 12), (8, 20))]
    designs = {
        "30 × 12": (normal[0], 1.0),
        "8 × 20": (normal[1], 3.0),
        "even, noise alone": (torch.eye(10, dtype=torch.float64) * 10**0.5, 0.0),
    }
    measured, labels, coarse = [], [], []
    for name, (x, norm) in designs.items():
        n, p = x.shape
        top = float(torch.linalg.matrix_norm(x, 2)) ** 2 / n
        for time in times:
            smoother = torch.zeros(p, n, dtype=torch.float64)  # ŵ = A y
            for _ in range(steps):
                smoother = smoother - time / steps / n * (x.T @ (x @ smoother) - x.T)
            bias = norm**2 / p * (smoother @ x - torch.eye(p).double()).square().sum()
            risk = bias + noise**2 * smoother.square().sum()
            _, ridge = flow_risk(x, time / (4 if sabotage else 1), noise, norm)
            measured.append(float(risk / ridge))
            labels.append(f"{name}, t = {time:g}")
            coarse.append(2 * FLOW_OVER_RIDGE * time * top / steps)
    return Evidence(
        [FLOW_OVER_RIDGE] * len(measured),
        measured,
        tolerance=coarse,
        because="steps of finite size: relative, twice the step times the largest eigenvalue",
        relation="at most",
        labels=tuple(labels),
    )


def _means(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the last axis, and its standard error."""
    return values.mean(-1), values.std(-1) / math.sqrt(values.shape[-1])


def _curves(
    label: str,
    x: Sequence[float],
    curves: list[tuple[str, list[float]]],
    at: Sequence[float],
    measured: Sequence[float],
    bars: Sequence[float],
    top: float | None = None,
) -> "Draw":
    """Measured points over curves that may have an infinite peak."""

    def paint(axes: "Axes") -> None:
        for name, values in curves:
            finite = [v if math.isfinite(v) else math.nan for v in values]
            axes.plot(x, finite, color=figures.PREDICTED, lw=2, label=name)
        axes.errorbar(at, measured, yerr=bars, fmt="o" if curves else "o-", color=figures.MEASURED,
                      ms=6, capsize=3, label="measured")  # fmt: skip
        axes.set(xlabel=label, ylabel="mean risk")
        axes.set(**({"yscale": "log"} if top is None else {"ylim": (0, top)}))
        axes.legend()

    return paint
