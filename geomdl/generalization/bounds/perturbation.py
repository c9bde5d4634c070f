"""How much the loss rises when weights move: at random, and at worst."""

import copy
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from geomdl.generalization.bounds.checks import (
    check_count,
    check_finite,
    check_model,
    check_open,
    check_rng,
)

Loss = Callable[[Tensor, Tensor], Tensor]
FLOOR = 1e-3  # a weight of 0 may still move by this part of σ


def pac_bayes_sigma(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    rng: torch.Generator,
    rise: float = 0.1,
    relative: bool = False,
    draws: int = 16,
    loss: Loss = F.cross_entropy,
    steps: int = 20,
) -> float:
    r"""The σ at which Gaussian noise on the weights raises the mean loss by `rise`.

    E L(θ + σ u) - L(θ) = rise for u ~ N(0, I), or u_i ~ N(0, θ_i² + 10⁻⁶) if relative, by bisection
    in ln σ on fixed draws of u, so that the result is a function of the seed; its standard error
    falls as draws^{-1/2}. Large σ is a flat minimum; the term of the bound is ‖θ - θ₀‖²/(2σ²n).

    Args:
        model: classifier.
        x: samples.
        y: targets of the loss.
        rng: source of the draws.
        rise: of the loss, positive.
        relative: noise in proportion to each weight, which rescaling a unit does not change.
        draws: of u.
        loss: mean over the samples, a scalar.
        steps: of the bisection, from 10⁻⁶ to 10².

    Returns:
        σ.

    Raises:
        ValueError: dropout or batch norm in training mode, a loss that is no scalar, NaN.

    Example:
        >>> model = nn.Linear(2, 2)
        >>> x, y = torch.eye(2), torch.tensor([0, 1])
        >>> sigmas = [
        ...     pac_bayes_sigma(model, x, y, rng=torch.Generator().manual_seed(0), rise=r)
        ...     for r in (0.1, 0.2)
        ... ]
        >>> sigmas[0] < sigmas[1]
        True

    Source: Jiang et al. 2020, arXiv:1912.02178 (also the form relative to the weights).
    """
    check_model(model)
    check_finite("x", x)
    check_rng(rng)
    check_open(rise, "rise", 0.0, math.inf)
    check_count(draws, "draws")
    theta = {k: p.detach() for k, p in model.named_parameters()}
    noise = []
    for _ in range(draws):
        drawn = {k: torch.randn(p.shape, generator=rng, dtype=p.dtype) for k, p in theta.items()}
        noise.append(
            {k: (theta[k] ** 2 + FLOOR**2).sqrt() * u for k, u in drawn.items()}
            if relative
            else drawn
        )
    with torch.no_grad():
        here = scalar(loss(model(x), y))
        low, high = math.log(1e-6), math.log(1e2)
        for _ in range(steps):
            middle = (low + high) / 2
            sigma, total = math.exp(middle), 0.0
            for u in noise:
                moved = {k: theta[k] + sigma * u[k] for k in theta}
                total += scalar(loss(functional_call(model, moved, (x,)), y)) - here
            if total / draws > rise:
                high = middle
            else:  # an overflow compares as no rise, and a NaN is refused by `scalar`
                low = middle
    return math.exp((low + high) / 2)


def worst_case_rise(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    rho: float = 0.05,
    adaptive: bool = True,
    steps: int = 5,
    loss: Loss = F.cross_entropy,
) -> float:
    r"""Rise of the loss at the worst of near weights, max_{‖T⁻¹ε‖ ≤ ρ} L(θ + ε) - L(θ).

    T = diag(|θ|) (adaptive: the value is the same for every rescaling of units that leaves a ReLU
    network the function it is) or T = 1. The first step is the closed form for a linear loss,
    ε = ρ T² ∇L / ‖T ∇L‖, the others repeat it from where it led; the best of them counts, so the
    result is a *lower bound* of the maximum.

    Args:
        model: network.
        x: samples.
        y: targets of the loss.
        rho: ρ.
        adaptive: whether the ball is measured in units of each weight.
        steps: of ascent.
        loss: mean over the samples, a scalar.

    Returns:
        The rise, at least 0.

    Raises:
        ValueError: dropout or batch norm in training mode, a loss that is no scalar, NaN.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(2.0)
        >>> x = torch.ones(1, 1)
        >>> rise = worst_case_rise(
        ...     model, x, 0 * x, rho=0.5, loss=lambda f, y: (f - y).square().mean()
        ... )
        >>> rise  # (2 + 0.5 · 2)² - 2²
        5.0

    Source: Kwon et al. 2021, arXiv:2102.11600 (adaptive); Foret et al. 2021 (the step).
    """
    check_model(model)
    check_finite("x", x)
    check_open(rho, "rho", 0.0, math.inf)
    check_count(steps, "steps")
    model = copy.deepcopy(model).requires_grad_()
    theta = {k: p.detach().clone() for k, p in model.named_parameters()}
    scale = {k: p.abs() if adaptive else torch.ones_like(p) for k, p in theta.items()}
    parameters = dict(model.named_parameters())
    start, best = math.nan, 0.0
    for step in range(steps + 1):
        value = loss(model(x), y)
        rise = scalar(value)
        start = rise if step == 0 else start
        best = max(best, rise - start)
        if step == steps:
            break
        slopes = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
        steepest = {
            k: torch.zeros_like(theta[k]) if g is None else scale[k] * g
            for k, g in zip(parameters, slopes, strict=True)
        }
        size = math.sqrt(sum(float(g.double().square().sum()) for g in steepest.values()))
        if size == 0:
            break
        with torch.no_grad():
            for k, p in parameters.items():
                p.copy_(theta[k] + rho / size * scale[k] * steepest[k])
    return best


def scalar(value: Tensor) -> float:
    """A loss as a number; refused if it is no scalar or not finite."""
    if not isinstance(value, Tensor) or value.numel() != 1:
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"loss: expected a scalar, got {got}")
    number = float(value.detach())
    if math.isnan(number):
        raise ValueError("loss: expected a number, got NaN")
    return number


__all__ = ["pac_bayes_sigma", "worst_case_rise"]
