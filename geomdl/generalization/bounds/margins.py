"""Margins of a classifier, and the complexity that its layers' norms give them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.generalization.bounds.checks import (
    check_delta,
    check_finite,
    check_labels,
    check_open,
)
from geomdl.generalization.bounds.layers import LayerNorms


def margins(scores: Tensor, y: Tensor) -> Tensor:
    """Score of the right class over the best wrong one, f(x)_y - max_{j ≠ y} f(x)_j. *Exact*.

    Args:
        scores: shape (samples, classes).
        y: labels, int64, shape (samples,).

    Returns:
        shape (samples,); positive where the sample is classified right.

    Raises:
        ValueError: shapes that do not fit, a label out of range, NaN, no sample.

    Example:
        >>> margins(torch.tensor([[2.0, 0.5, 1.0], [0.0, 3.0, 1.0]]), torch.tensor([0, 2]))
        tensor([ 1., -2.])
    """
    check_labels(scores, y)
    right = scores.gather(1, y[:, None])
    wrong = scores.scatter(1, y[:, None], -math.inf).amax(1, keepdim=True)
    return (right - wrong).squeeze(1)


def normalized_margins(model: nn.Module, x: Tensor, y: Tensor, complexity: float) -> Tensor:
    """Margins over the scale on which a bound measures them, γ_i n / (R ‖X‖_F).

    Args:
        model: classifier, shape (samples, ...) to (samples, classes).
        x: samples.
        y: labels.
        complexity: R, as `spectral_complexity` gives it.

    Returns:
        shape (samples,), dimensionless: scaling a layer of a homogeneous network changes nothing.

    Raises:
        ValueError: as `margins`, or a complexity that is not positive.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.eye(2))
        >>> normalized_margins(model, torch.tensor([[3.0, 4.0]]), torch.tensor([1]), 1.0)
        tensor([0.2000], grad_fn=...)

    Source: Bartlett, Foster and Telgarsky 2017, arXiv:1706.08498.
    """
    check_open(complexity, "complexity", 0.0, math.inf)
    check_finite("x", x)
    out: Tensor = margins(model(x), y) * len(x) / (complexity * x.norm())
    return out


def margin_percentile(gammas: Tensor, percent: float = 10.0) -> float:
    """The margin that this part of the samples stays below.

    Args:
        gammas: margins, shape (samples,).
        percent: between 0 and 100.

    Returns:
        The percentile, linearly interpolated.

    Raises:
        ValueError: no sample, NaN, a percentage out of range.

    Example:
        >>> margin_percentile(torch.arange(11.0), 10)
        1.0
    """
    check_finite("gammas", gammas)
    number = isinstance(percent, int | float) and not isinstance(percent, bool)
    if not number or not 0 <= percent <= 100:
        raise ValueError(f"percent: expected a number in [0, 100], got {percent!r}")
    return float(torch.quantile(gammas.detach().double().flatten(), percent / 100))


def spectral_complexity(layers: Sequence[LayerNorms]) -> float:
    r"""Π_i s_i · (Σ_i (‖(A_i - M_i)ᵀ‖_{2,1} / s_i)^{2/3})^{3/2}, s_i = ‖A_i‖.

    For a chain of linear maps without biases and nonlinearities with slopes of at most 1 that keep
    0; M_i are the references that `layer_norms` was given. With probability 1 - δ, for margin γ,

        P(wrong) ≤ P̂(margin ≤ γ) + Õ(‖X‖_F R / (γ n) · ln W + √(ln(1/δ)/n)),

    W the widest layer. The constants make it vacuous on small samples: use it to compare.

    Args:
        layers: as `layer_norms` gives them.

    Returns:
        R.

    Raises:
        ValueError: no layer, or no chain of them.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 4, bias=False))
        >>> _ = nn.init.eye_(model[0].weight)
        >>> from geomdl.generalization.bounds import layer_norms
        >>> spectral_complexity(layer_norms(model, torch.ones(1, 4), rng=torch.Generator()))
        4.0

    Source: Bartlett, Foster and Telgarsky 2017, arXiv:1706.08498.
    """
    lipschitz_product(layers)  # refuses what is no chain
    parts = []
    for i, layer in enumerate(layers):  # a layer of norm 0 divides nothing
        others = math.prod(layer.spectral.value for layer in (*layers[:i], *layers[i + 1 :]))
        parts.append((layer.two_one_distance * others) ** (2 / 3))
    return float(math.fsum(parts) ** 1.5)


def lipschitz_product(layers: Sequence[LayerNorms]) -> float:
    """Product of the operator norms of a chain's layers.

    A bound on its slope, where the nonlinearities between them have slopes of at most 1.

    Args:
        layers: as `layer_norms` gives them.

    Returns:
        Π_i ‖A_i‖.

    Raises:
        ValueError: no layer, or no chain of them.

    Example:
        >>> from geomdl.generalization.bounds import layer_norms
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
        >>> for p in model.parameters():
        ...     _ = p.data.fill_(3.0)
        >>> lipschitz_product(layer_norms(model, torch.ones(1, 1), rng=torch.Generator()))
        9.0
    """
    if not layers:
        raise ValueError("layers: expected at least one, got none")
    for layer in layers:
        if layer.passed_by:
            raise ValueError(f"layers: expected a chain, got a way around {layer.name!r}")
    return math.prod(layer.spectral.value for layer in layers)


def linear_margin_bound(
    gammas: Tensor, gamma: float, x: Tensor, radius: float, delta: float
) -> float:
    r"""Bound on the error of a binary linear classifier, for all w in a ball at once.

    With probability 1 - δ over n samples, for every ‖w‖ ≤ B and a γ fixed beforehand,

        P(y⟨w, x⟩ ≤ 0) ≤ P̂(y⟨w, x⟩ < γ) + (2/γ) R̂ + 3 √(ln(2/δ)/(2n)),   R̂ ≤ B ‖X‖_F / n:

    the ramp loss is 1/γ-Lipschitz and contracts the Rademacher complexity.

    Args:
        gammas: y⟨w, x⟩ of the samples, shape (n,).
        gamma: γ > 0.
        x: samples, shape (n, d).
        radius: B ≥ ‖w‖.
        delta: probability of a failure.

    Returns:
        The bound, at most 1.

    Raises:
        ValueError: γ, B not positive, δ outside (0, 1), NaN.

    Example:
        >>> x = torch.ones(40000, 1)
        >>> round(linear_margin_bound(torch.ones(40000), 1.0, x, 1.0, 0.05), 4)
        0.0304

    Source: Koltchinskii and Panchenko 2002; Bartlett and Mendelson 2002.
    """
    check_finite("gammas", gammas)
    check_finite("x", x)
    check_open(gamma, "gamma", 0.0, math.inf)
    check_open(radius, "radius", 0.0, math.inf)
    check_delta(delta)
    n = len(gammas)
    risk = float((gammas < gamma).double().mean())
    complexity = radius * float(x.double().norm()) / n
    return min(1.0, risk + 2 / gamma * complexity + 3 * math.sqrt(math.log(2 / delta) / (2 * n)))
