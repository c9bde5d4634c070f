"""Bounds on the error: the small kl, PAC-Bayes, margins, complexity of averaged kernels."""

import math

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import bounds

TOPIC = "bounds"
ERRORS = 5.0  # standard errors of tolerance: a true claim fails once in 10⁶ runs


@claim(
    "chernoff-kl",
    statement="The inverse of the small kl at ln(1/δ)/n fails to bound the risk of a classifier in"
    " at most a part δ of all samples of size n, whatever the risk.",
    formula=r"P\left(p > \mathrm{kl}^{-1}\left(\hat p,\, \frac{\ln(1/\delta)}{n}\right)\right)"
    r" \leq \delta",
    source="Chernoff 1952; Langford 2005",
    topic=TOPIC,
    sabotage="the logarithm is halved",
)
def chernoff_kl(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Exact sums over the binomial law, for 199 risks."""
    n, delta = 60, 0.05
    spent = math.sqrt(delta) if sabotage else delta
    ends = [bounds.sample_bound(k / n, n, spent) for k in range(n + 1)]
    risks = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)
    counts = torch.arange(n + 1, dtype=torch.float64)
    law = _log_binomial(n, counts) + counts * risks[:, None].log()
    law = (law + (n - counts) * (1 - risks[:, None]).log()).exp()
    failed = risks[:, None] > torch.tensor(ends, dtype=torch.float64)
    measured = (law * failed).sum(1)
    return Evidence(
        torch.full_like(measured, delta),
        measured,
        tolerance=1e-12,
        because="rounding of 61 probabilities",
        relation="at most",
        figure=figures.curve(
            risks.tolist(), [delta] * len(risks), measured[::4].tolist(),
            at=risks[::4].tolist(), labels=("true risk p", "probability of a failure"),
        ),
    )  # fmt: skip


@claim(
    "maurer-moment",
    statement="The exponential moment of n kl between the empirical and the true mean of n coins"
    " is the same for every coin, and at most 2√n.",
    formula=r"E\, e^{n\, \mathrm{kl}(\hat p, p)} = \sum_{k=0}^n C(n, k) \left(\frac{k}{n}\right)^k"
    r" \left(1 - \frac{k}{n}\right)^{n-k} \leq 2\sqrt{n}",
    source="Maurer 2004, arXiv:cs/0411099",
    topic=TOPIC,
    sabotage="the bound is √n",
)
def maurer_moment(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Exact means over the binomial law of coins drawn at random."""
    sizes = (8, 16, 32, 64, 128, 256, 512)
    factor = 1.0 if sabotage else 2.0
    coins = (0.1 + 0.8 * torch.rand(len(sizes), generator=rng, dtype=torch.float64)).tolist()
    measured = []
    for n, p in zip(sizes, coins, strict=True):
        k = torch.arange(n + 1, dtype=torch.float64)
        law = _log_binomial(n, k) + k * math.log(p) + (n - k) * math.log(1 - p)
        kl = torch.tensor([bounds.binary_kl(i / n, p) for i in range(n + 1)], dtype=torch.float64)
        measured.append(float((law + n * kl).exp().sum()))
    predicted = [factor * math.sqrt(n) for n in sizes]
    return Evidence(
        predicted,
        measured,
        tolerance=1e-9,
        because="rounding of logarithms of factorials",
        relation="at most",
        labels=tuple(f"n = {n}" for n in sizes),
        figure=figures.curve(
            sizes, predicted, measured, labels=("samples n", "exponential moment")
        ),
    )


@claim(
    "pac-bayes-kl",
    statement="The PAC-Bayes-kl bound fails for at most a part δ of all samples, also for a"
    " posterior that seeks out the hypotheses with the smallest empirical risk.",
    formula=r"\mathrm{kl}(\hat L(Q), L(Q)) \leq"
    r" \frac{\mathrm{KL}(Q, P) + \ln(2\sqrt{n}/\delta)}{n}",
    source="Langford and Seeger 2001; Maurer 2004, arXiv:cs/0411099",
    topic=TOPIC,
    sabotage="the divergence of posterior and prior is left out",
)
def pac_bayes(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """10⁵ hypotheses of equal risk on 100 samples; Gibbs posteriors of five temperatures."""
    n, many, delta, p = 100, 10**5, 0.05, 0.3
    draws = 400 if fast else 4000
    betas = (0.0, 0.2, 0.5, 1.0, 3.0)
    counts = _histogram(n, p, many, draws, rng)
    k = torch.arange(n + 1, dtype=torch.float64)
    measured = []
    for beta in betas:
        weight = counts * (-beta * (k - k.mean())).exp()
        mass = weight.sum(1)
        risk = (weight * k).sum(1) / mass / n
        # ln(Q_h many) = -β (k_h - mean) - ln mass + ln many
        shift = -beta * (risk * n - k.mean()) - mass.log() + math.log(many)
        kl = shift.clamp_min(0.0) * (not sabotage)
        pairs = zip(risk.tolist(), kl.tolist(), strict=True)
        failed = [p > bounds.pac_bayes_kl(q, c, n, delta) for q, c in pairs]
        measured.append(sum(failed) / draws)
    return Evidence(
        [delta] * len(betas),
        measured,
        tolerance=ERRORS * math.sqrt(delta * (1 - delta) / draws),
        because=f"{ERRORS:g} standard errors of a frequency δ in {draws} samples",
        relation="at most",
        labels=tuple(f"β = {beta:g}" for beta in betas),
        figure=figures.curve(
            betas, [delta] * len(betas), measured, labels=("inverse temperature β", "failures")
        ),
    )


@claim(
    "margin-bound",
    statement="The error of a linear classifier is at most its share of small margins, twice the"
    " Rademacher complexity over the margin, and a term in √(ln(1/δ)/n).",
    formula=r"P(y \langle w, x\rangle \leq 0) \leq \hat P(y \langle w, x\rangle < \gamma)"
    r" + \frac{2 \Vert X\Vert_F}{\gamma n} + 3 \sqrt{\frac{\ln(2/\delta)}{2 n}}",
    source="Koltchinskii and Panchenko 2002; Bartlett and Mendelson 2002",
    topic=TOPIC,
    sabotage="the complexity is left out",
)
def margin_bound(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Two Gaussians, or none to tell apart; errors of the mean classifier in closed form."""
    n, delta, cases = 400, 0.01, ((4.0, 2), (3.0, 10), (2.0, 40), (1.0, 200), (0.0, 2000))
    predicted, measured = [], []
    for shift, d in cases:
        y = 2.0 * torch.randint(2, (n,), generator=rng).double() - 1
        x = torch.randn(n, d, generator=rng, dtype=torch.float64)
        x[:, 0] += shift * y
        w = (y @ x) / (y @ x).norm()
        gamma = max(shift, 1.0) / 2
        radius = 1e-9 if sabotage else 1.0
        predicted.append(bounds.linear_margin_bound(y * (x @ w), gamma, x, radius, delta))
        measured.append(0.5 * math.erfc(shift * float(w[0]) / math.sqrt(2)))
    return Evidence(
        predicted,
        measured,
        tolerance=1e-12,
        because=f"rounding; the theorem fails with probability {delta} at most, here far less",
        relation="at most",
        labels=tuple(f"distance {2 * s:g}, {d} dimensions" for s, d in cases),
    )


@claim(
    "rademacher-orbit",
    statement="Averaging a kernel over a group divides the complexity of its ball by up to √|G|:"
    " by that where the points of an orbit are orthogonal, and not at all where they are alike.",
    formula=r"\mathfrak{R}(\bar K) \leq \frac{1}{n} \sqrt{\sum_i \frac{1}{|G|} \sum_g"
    r" K(x_i, g x_i)}",
    source="elementary: Jensen; averaged kernels of Haasdonk and Burkhardt 2007",
    topic=TOPIC,
    sabotage="orbits are taken for orthogonal where they are not",
)
def rademacher_orbit(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Cyclic shifts of eight numbers under Gaussian kernels of six widths."""
    n, d, draws = 60, 8, 2000 if fast else 20000
    x = torch.randn(n, d, generator=rng, dtype=torch.float64)
    orbit = torch.stack([x.roll(k, 1) for k in range(d)])
    widths = (0.2, 0.5, 1.0, 2.0, 4.0, 16.0)
    predicted, measured, bars = [], [], []
    for width in widths:

        def kernel(a: Tensor, b: Tensor, h: float = width) -> Tensor:
            return (-torch.cdist(a, b).square() / (2 * h * h)).exp()

        gram = bounds.averaged_gram(kernel, x, orbit)
        found = bounds.rademacher_ball(gram, rng=rng, draws=draws)
        plain = math.sqrt(n) / n  # tr K = n
        predicted.append((plain / math.sqrt(d) if sabotage else found.upper) / plain)
        measured.append(found.value / plain)
        bars.append(ERRORS * found.error / plain)
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {draws} draws of signs",
        relation="at most",
        labels=tuple(f"width {h:g}" for h in widths),
        figure=figures.curve(
            [math.log2(h) for h in widths], predicted, measured, bars=bars,
            labels=("log₂ of the kernel's width", "complexity over that without averaging"),
            limit=(1 / math.sqrt(d), "1/√|G|"),
        ),
    )  # fmt: skip


def _log_binomial(n: int, k: Tensor) -> Tensor:
    """Logarithm of C(n, k)."""
    return math.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)


def _histogram(n: int, p: float, many: int, draws: int, rng: torch.Generator) -> Tensor:
    """How many of many coins show k heads in n throws, shape (draws, n + 1): a multinomial law."""
    k = torch.arange(n + 1, dtype=torch.float64)
    law = (_log_binomial(n, k) + k * math.log(p) + (n - k) * math.log(1 - p)).exp()
    left = torch.full((draws,), float(many), dtype=torch.float64)
    counts = torch.zeros(draws, n + 1, dtype=torch.float64)
    tail = law.flip(0).cumsum(0).flip(0)
    for i in range(n + 1):
        share = torch.full_like(left, float((law[i] / tail[i]).clamp(0, 1)))
        counts[:, i] = torch.binomial(left, share, generator=rng)
        left = left - counts[:, i]
    return counts
