"""Stochastic gradient descent on quadratics: how far it strays, how fast it settles."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim

TOPIC = "optimisation"
ERRORS = 5.0  # standard errors of tolerance: a true claim fails once in 10⁶ runs


def stationary_variance(
    step: float, curvature: float, noise: float = 1.0, momentum: float = 0.0
) -> float:
    """Variance at which SGD with a constant step hovers about the minimum of λ x²/2.

    Heavy ball: x' = x + v', v' = β v - η (λ x + ξ), ξ of mean 0 and variance σ², gives

        Var x = η σ² (1 + β) / (λ (1 - β) (2 (1 + β) - η λ)).

    It is the variance of an autoregression of order two, *exact* whatever the law of the noise.

    Args:
        step: η > 0.
        curvature: λ > 0.
        noise: σ, standard deviation of the noise of the gradient.
        momentum: β in [0, 1).

    Returns:
        The variance; infinite for η λ ≥ 2 (1 + β), where descent diverges.

    Raises:
        ValueError: a step or curvature that is not positive, or momentum outside [0, 1).

    Example:
        >>> round(stationary_variance(0.2, 1.0), 4)
        0.1111
    """
    for name, value in (("step", step), ("curvature", curvature)):
        if not value > 0:
            raise ValueError(f"{name}: expected more than 0, got {value}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum: expected at least 0 and below 1, got {momentum}")
    room = 2 * (1 + momentum) - step * curvature
    if room <= 0:
        return math.inf
    return step * noise**2 * (1 + momentum) / (curvature * (1 - momentum) * room)


@claim(
    "sgd-stationary-variance",
    statement="With a constant step stochastic gradient descent on a quadratic does not settle: its"
    " variance tends to a value that grows with the step and with the momentum.",
    formula=r"\mathrm{Var}\, x \to \frac{\eta \sigma^2 (1 + \beta)}"
    r"{\lambda (1 - \beta)(2 (1 + \beta) - \eta\lambda)}",
    source="elementary: variance of an autoregression; Mandt, Hoffman and Blei 2017,"
    " arXiv:1704.04289, for small steps",
    topic=TOPIC,
    sabotage="each noisy gradient is used for two steps",
)
def sgd_stationary_variance(rng: torch.Generator, sabotage: bool) -> Evidence:
    """4000 runs of PyTorch's SGD side by side; the noise is a fair coin, not Gaussian."""
    runs, steps, curvature, noise = 4000, 300, 0.5, 1.0
    steps_sizes, momenta = (0.2, 1.0, 2.0, 3.0), (0.0, 0.5)
    predicted, measured, errors, labels = [], [], [], []
    for beta in momenta:
        for eta in steps_sizes:
            x = torch.zeros(runs, dtype=torch.float64, requires_grad=True)
            sgd = torch.optim.SGD([x], lr=eta, momentum=beta)
            coin = torch.randint(0, 2, (steps, runs), generator=rng).double() * 2 - 1
            for k in range(steps):
                used = coin[k - k % 2] if sabotage else coin[k]
                x.grad = curvature * x.detach() + noise * used
                sgd.step()
            square = x.detach().square()
            predicted.append(stationary_variance(eta, curvature, noise, beta))
            measured.append(float(square.mean()))
            errors.append(_error(square))
            labels.append(f"η = {eta:g}, β = {beta:g}")
    bars, n = [ERRORS * e for e in errors], len(steps_sizes)
    grid = [0.05 * i for i in range(1, 66)]
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {runs} runs; the start is forgotten"
        " as 0.9⁶⁰⁰ < 10⁻²⁷",
        labels=tuple(labels),
        figure=figures.curve(
            grid,
            [stationary_variance(eta, curvature, noise) for eta in grid],
            measured[:n],
            at=steps_sizes,
            labels=("step η (λ = 0.5, no momentum)", "variance"),
            bars=bars[:n],
        ),
    )


def decreasing_variance(c: Tensor, steps: int, curvature: float, noise: float) -> Tensor:
    """Return k E x_k² of SGD from the minimum of λ x²/2, after k steps c/(λk); *exact*."""
    v = torch.zeros_like(c)
    for k in range(1, steps + 1):
        v = (1 - c / k).square() * v + (c * noise / (curvature * k)).square()
    return steps * v


@claim(
    "sgd-decreasing-steps",
    statement="With steps c/(λk) the mean square error of stochastic gradient descent obeys a"
    " recursion exactly, and falls in the end like 1/k, with a constant that is least at c = 1:"
    " then descent is as good as the mean.",
    formula=r"\eta_k = \frac{c}{\lambda k},\; c > \frac{1}{2}: \quad v_k = \mathbb{E}\, x_k^2 ="
    r" (1 - \frac{c}{k})^2 v_{k-1} + \frac{c^2\sigma^2}{\lambda^2 k^2},\quad"
    r" k\, v_k \to \frac{c^2}{2c - 1}\, \frac{\sigma^2}{\lambda^2}",
    source="Chung 1954; Bottou, Curtis and Nocedal 2018, arXiv:1606.04838, theorem 4.7",
    topic=TOPIC,
    sabotage="the curvature is taken four times too large, so that c is four times too small",
)
def sgd_decreasing_steps(rng: torch.Generator, sabotage: bool) -> Evidence:
    """4000 runs of 2000 steps, against the recursion of the variance."""
    runs, steps, curvature, noise = 4000, 2000, 2.0, 0.5
    c = torch.tensor([0.8, 1.0, 1.5, 2.0, 4.0], dtype=torch.float64)
    used = c / 4 if sabotage else c
    x = torch.zeros(runs, len(c), dtype=torch.float64)
    for k in range(1, steps + 1):
        xi = noise * torch.randn(runs, 1, generator=rng, dtype=torch.float64)
        x = x - used / (curvature * k) * (curvature * x + xi)
    square = steps * x.square()
    bars = ERRORS * square.std(0) / math.sqrt(runs)
    grid = torch.linspace(0.6, 4.2, 73, dtype=torch.float64)
    return Evidence(
        decreasing_variance(c, steps, curvature, noise),
        square.mean(0),
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {runs} runs",
        labels=tuple(f"c = {v:g}" for v in c.tolist()),
        figure=figures.curve(
            grid.tolist(),
            decreasing_variance(grid, steps, curvature, noise).tolist(),
            square.mean(0).tolist(),
            at=c.tolist(),
            labels=("c, the step times λk", "k · mean square error"),
            bars=bars.tolist(),
        ),
    )


def averaged_covariance(h: Tensor, noise: Tensor, etas: Sequence[float]) -> Tensor:
    """Return n Cov of the mean of n iterates of SGD from the minimum of θᵀHθ/2, (d, d); *exact*.

    Args:
        h: H, (d, d).
        noise: S, covariance of the noise of the gradient, (d, d).
        etas: the n steps.
    """
    d = len(h)
    cov, eye = torch.zeros(2 * d, 2 * d, dtype=h.dtype), torch.eye(d, dtype=h.dtype)
    for eta in etas:  # of the iterate and of the sum of iterates
        a = eye - eta * h
        step = torch.cat([torch.cat([a, 0 * a], 1), torch.cat([a, eye], 1)])
        cov = step @ cov @ step.T + eta**2 * noise.repeat(2, 2)
    return cov[d:, d:] / len(etas)


@claim(
    "iterate-averaging",
    statement="The covariance of the mean of n iterates of stochastic gradient descent with slowly"
    " falling steps, times n, is known exactly, and tends to that of Newton's method with steps"
    " 1/k, although no Hessian is needed.",
    formula=r"\eta_k = k^{-a},\; \frac{1}{2} < a < 1: \quad n\, \mathrm{Cov}\, \bar\theta_n ="
    r" \frac{1}{n} \sum_{k=1}^{n} B_k S B_k^\top \to H^{-1} S H^{-1},\quad"
    r" B_k = \eta_k \sum_{j=k}^{n} \prod_{i=k+1}^{j} (1 - \eta_i H)",
    source="Polyak and Juditsky 1992; Ruppert 1988",
    topic=TOPIC,
    sabotage="the last iterate is taken in place of the mean",
)
def iterate_averaging(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Three unknowns, steps k^{-2/3}, noise whose covariance S does not commute with H."""
    runs, steps, d = 2000, 2000, 3
    turn = torch.linalg.qr(torch.randn(d, d, generator=rng, dtype=torch.float64)).Q
    h = turn @ torch.diag(torch.tensor([0.3, 0.6, 1.0], dtype=torch.float64)) @ turn.T
    root = torch.diag(torch.tensor([1.0, 0.5, 0.2], dtype=torch.float64))
    h, root = (h + h.T) / 2, root + 0.1
    etas = [k ** (-2 / 3) for k in range(1, steps + 1)]
    predicted = averaged_covariance(h, root @ root.T, etas)
    x = torch.zeros(runs, d, dtype=torch.float64)
    total = torch.zeros_like(x)
    for eta in etas:
        x = x - eta * (x @ h + torch.randn(runs, d, generator=rng, dtype=torch.float64) @ root.T)
        total = total + x
    mean = math.sqrt(steps) * (x if sabotage else total / steps)
    products = mean[:, :, None] * mean[:, None, :]
    measured = products.mean(0)
    return Evidence(
        predicted,
        measured,
        tolerance=ERRORS * products.std(0) / math.sqrt(runs),
        because=f"{ERRORS:g} standard errors of the mean over {runs} runs",
        figure=figures.pair(predicted, measured, "n · covariance of the averaged iterates"),
    )


@claim(
    "dropout-ridge",
    statement="Least squares trained with dropout converges in the mean to ridge regression, with a"
    " penalty on each weight that is proportional to the size of its input.",
    formula=r"\mathbb{E}\,\theta_k \to (X^\top X + \frac{1-q}{q}\, \mathrm{diag}(X^\top X))^{-1}"
    r" X^\top y,\quad q = P(\mathrm{keep})",
    source="Srivastava et al. 2014, section 9; Wager, Wang and Liang 2013, arXiv:1307.1493",
    topic=TOPIC,
    sabotage="what is kept is not scaled up by 1/q",
)
def dropout_ridge(rng: torch.Generator, sabotage: bool) -> Evidence:
    """SGD is linear here, so that its mean obeys gradient descent on the mean loss exactly."""
    runs, steps, n, d, drop, eta = 400, 300, 12, 5, 0.3, 0.3
    x = torch.randn(n, d, generator=rng, dtype=torch.float64) / math.sqrt(n)
    x = x * torch.tensor([1.2, 1.0, 0.9, 0.8, 0.7], dtype=torch.float64)
    y = x @ torch.ones(d, dtype=torch.float64)
    y = y + 0.3 * torch.randn(n, generator=rng, dtype=torch.float64)
    gram = x.T @ x
    ridge = gram + drop / (1 - drop) * torch.diag(gram.diagonal())
    predicted = torch.linalg.solve(ridge, x.T @ y)
    w = predicted.repeat(runs, 1)  # begun where it should end: nothing else is to be forgotten
    means = torch.zeros_like(w)
    for k in range(2 * steps):
        kept = torch.rand(runs, n, d, generator=rng) >= drop
        seen = x * kept if sabotage else x * kept / (1 - drop)
        residual = torch.einsum("rnd,rd->rn", seen, w) - y
        w = w - eta * torch.einsum("rnd,rn->rd", seen, residual)
        means = means + w / steps if k >= steps else means
    measured = means.mean(0)
    bars = [ERRORS * _error(means[:, j]) for j in range(d)]
    plain = torch.linalg.solve(gram, x.T @ y)
    return Evidence(
        predicted,
        measured,
        tolerance=bars,
        because=f"{ERRORS:g} standard errors of the mean over {runs} runs",
        labels=tuple(f"weight {j + 1} (without dropout {plain[j]:.2f})" for j in range(d)),
    )


def _error(sample: Tensor) -> float:
    return float(sample.std()) / math.sqrt(len(sample))
