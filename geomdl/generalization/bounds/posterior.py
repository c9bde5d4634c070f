"""A Gaussian posterior over the weights, fitted to make the PAC-Bayes-kl bound small."""

import copy
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from geomdl.generalization.bounds.checks import (
    check_count,
    check_delta,
    check_finite,
    check_labels,
    check_model,
    check_open,
    check_rest,
    check_rng,
    refuse_statistics,
)
from geomdl.generalization.bounds.pac_bayes import pac_bayes_kl, sample_bound
from geomdl.training.progress import progress_bar

GRID, TOP = 20.0, 0.5  # prior variances are TOP · exp(-j / GRID), j = 1, 2, …


@dataclass(frozen=True, eq=False)
class PacBayes:
    """A posterior over networks, and a bound on the error of a network drawn from it.

    Attributes:
        bound: on the posterior's error, with probability 1 - `delta`.
        risk: mean error of the draws on the training set.
        risk_bound: on the posterior's mean error there, by Chernoff's bound over the draws.
        kl: KL(Q‖P) in nats, with the prior's variance on the grid.
        penalty: ln of the inverse weight of that variance in the union bound.
        prior_variance: of each weight about its first value.
        n: training samples.
        delta: probability of a failure of the bound, the Monte Carlo's share included.
        draws: networks that were drawn.
        mean: of the posterior, by the names of the parameters.
        variance: likewise.
    """

    bound: float
    risk: float
    risk_bound: float
    kl: float
    penalty: float
    prior_variance: float
    n: int
    delta: float
    draws: int
    mean: dict[str, Tensor]
    variance: dict[str, Tensor]

    def draw(self, model: nn.Module, rng: torch.Generator) -> nn.Module:
        """A copy of a network with weights drawn from the posterior."""
        check_rng(rng)
        drawn = copy.deepcopy(model)
        with torch.no_grad():
            weights = dict(drawn.named_parameters())
            for name, w in self.mean.items():
                noise = torch.randn(w.shape, generator=rng, dtype=w.dtype)
                weights[name].copy_(w + self.variance[name].sqrt() * noise)
        return drawn


def pac_bayes_fit(
    model: nn.Module,
    initial: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    rng: torch.Generator,
    delta: float = 0.025,
    mc_delta: float = 0.01,
    steps: int = 3000,
    batch_size: int = 256,
    lr: float = 1e-2,
    draws: int = 1000,
    sigma: float = 0.03,
    progress: bool | None = None,
) -> PacBayes:
    r"""Fit a Gaussian posterior N(w, diag s) around a trained network and bound its error.

    The prior is N(w₀, λ I) about the first weights, which are independent of the data. Its variance
    λ = ½ e^{-j/20} is chosen from the data, and paid for: level j has weight 6/(π² j²) in a union
    bound. Stochastic gradient descent on w, ln s and ln λ lowers

        (√(L + c) + √c)²,   c = (KL + ln(π² j²/6) + ln(2√n/δ)) / (2n),

    which is never below the bound for L the mean error (kl(q‖p) ≥ (p - q)²/(2p)), with one draw of
    the weights a step and the cross-entropy over ln 2 for L. What is descended does not matter to
    the bound, which is evaluated afterwards: the mean error of m fresh draws on all samples, then
    Chernoff's bound for the mean over the posterior (δ'), then PAC-Bayes-kl (δ). It holds with
    probability 1 - δ - δ' over samples and draws, for the classifier that draws its weights anew.

    Args:
        model: trained classifier; it is not changed. A parameter that does not require gradients
            stays as it is, and must be that of ``initial``: no bound counts how it was learned.
        initial: the same network with its first weights.
        x: training samples, shape (n, ...).
        y: labels, int64.
        rng: source of batches and draws.
        delta: δ.
        mc_delta: δ', of the draws.
        steps: of Adam.
        batch_size: samples a step.
        lr: of Adam.
        draws: m; the bound cannot fall below about ln(1/δ')/m.
        sigma: first standard deviation of a weight.
        progress: show a bar; None on a terminal only.

    Returns:
        The posterior with its bound.

    Raises:
        ValueError: dropout or batch norm in training mode, shapes that do not fit, NaN, δ outside
            (0, 1), batch norm's statistics (they depend on the data), frozen weights or buffers
            that are not the first ones.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> x = torch.randn(400, 2, generator=rng)
        >>> first = nn.Linear(2, 2)
        >>> trained = copy.deepcopy(first)
        >>> _ = trained.weight.data.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        >>> found = pac_bayes_fit(
        ...     trained, first, x, (x[:, 0] < 0).long(), rng=rng, steps=200, draws=100
        ... )
        >>> found.bound < 0.5  # better than chance
        True

    Source: Dziugaite and Roy 2017, arXiv:1703.11008.
    """
    check_model(model)
    check_model(initial, "initial")
    check_finite("x", x)
    check_delta(delta)
    check_delta(mc_delta, "mc_delta")
    check_rng(rng)
    for name, value in (("steps", steps), ("batch_size", batch_size), ("draws", draws)):
        check_count(value, name)
    check_open(lr, "lr", 0.0, math.inf)
    check_open(sigma, "sigma", 0.0, math.inf)
    refuse_statistics(model)
    with torch.no_grad():
        check_labels(model(x), y)
    first = {k: p.detach() for k, p in initial.named_parameters() if p.requires_grad}
    mean = {k: p.detach().clone() for k, p in model.named_parameters() if p.requires_grad}
    if {k: p.shape for k, p in first.items()} != {k: p.shape for k, p in mean.items()}:
        raise ValueError("initial: expected the weights of model by name, got others")
    check_rest(model, initial, mean)

    log_s = {k: torch.full_like(p, 2 * math.log(sigma)) for k, p in mean.items()}
    log_prior = torch.tensor(math.log(TOP / 10))
    learned = [*mean.values(), *log_s.values(), log_prior]
    for tensor in learned:
        tensor.requires_grad_()
    # variances change by orders of magnitude: their logarithms go faster
    optimizer = torch.optim.Adam(
        [{"params": list(mean.values())}, {"params": [*log_s.values(), log_prior]}], lr=lr
    )
    n = len(x)
    with progress_bar(steps + draws, progress) as update:
        for step in range(steps):
            rows = torch.randint(n, (min(batch_size, n),), generator=rng)
            scores = functional_call(model, _draw(mean, log_s, rng), (x[rows],))
            level = (GRID * (math.log(TOP) - log_prior)).clamp_min(1.0)
            cost = _kl(mean, log_s, first, log_prior) + 2 * level.log() + _constant(n, delta)
            surrogate = F.cross_entropy(scores, y[rows]) / math.log(2)  # at least the error
            half = cost / (2 * n)
            loss = ((surrogate + half).sqrt() + half.sqrt()) ** 2
            for group, rate in zip(optimizer.param_groups, (lr, 10 * lr), strict=True):
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if not step % 50:
                update(step, {"train_loss": float(loss.detach())})
        with torch.no_grad():
            j = max(1, round(GRID * (math.log(TOP) - float(log_prior))))
            on_grid = torch.tensor(math.log(TOP) - j / GRID, dtype=torch.float64)
            kl = float(_kl(mean, log_s, first, on_grid))
            wrong = 0.0
            for k in range(draws):
                scores = functional_call(model, _draw(mean, log_s, rng), (x,))
                check_finite("scores", scores)
                wrong += float((scores.argmax(1) != y).double().mean())
                update(steps + k, None)
    risk = wrong / draws
    risk_bound = sample_bound(risk, draws, mc_delta)
    penalty = math.log(math.pi**2 * j**2 / 6)
    return PacBayes(
        bound=pac_bayes_kl(risk_bound, kl + penalty, n, delta),
        risk=risk,
        risk_bound=risk_bound,
        kl=kl,
        penalty=penalty,
        prior_variance=math.exp(float(on_grid)),
        n=n,
        delta=delta + mc_delta,
        draws=draws,
        mean={k: p.detach() for k, p in mean.items()},
        variance={k: p.detach().exp() for k, p in log_s.items()},
    )


def gaussian_kl(
    mean: Tensor, variance: Tensor, prior_mean: Tensor, prior_variance: Tensor | float
) -> Tensor:
    """KL(N(w, diag s) ‖ N(w₀, diag λ)) = ½ Σ (s/λ - 1 + (w - w₀)²/λ + ln(λ/s)). *Exact*.

    Args:
        mean: w.
        variance: s, positive, of the same shape.
        prior_mean: w₀.
        prior_variance: λ, positive.

    Returns:
        A scalar, in nats.

    Example:
        >>> one = torch.ones(3, dtype=torch.float64)
        >>> float(gaussian_kl(one, one, 0 * one, 1.0))
        1.5
    """
    ratio = variance / prior_variance
    return 0.5 * (ratio - 1 + (mean - prior_mean) ** 2 / prior_variance - ratio.log()).sum()


def _kl(
    mean: dict[str, Tensor], log_s: dict[str, Tensor], first: dict[str, Tensor], log_prior: Tensor
) -> Tensor:
    prior = log_prior.double().exp()
    return sum(
        (
            gaussian_kl(mean[k].double(), log_s[k].double().exp(), first[k].double(), prior)
            for k in mean
        ),
        start=torch.zeros((), dtype=torch.float64),
    )


def _constant(n: int, delta: float) -> float:
    return math.log(math.pi**2 / 6) + math.log(2 * math.sqrt(n) / delta)


def _draw(
    mean: dict[str, Tensor], log_s: dict[str, Tensor], rng: torch.Generator
) -> dict[str, Tensor]:
    return {
        k: w + (0.5 * log_s[k]).exp() * torch.randn(w.shape, generator=rng, dtype=w.dtype)
        for k, w in mean.items()
    }
