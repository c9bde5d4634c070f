"""The noise of stochastic gradients, and the batch size at which it equals the gradient."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .metrics import Measure
from .objective import Objective
from .trace import Estimate

__all__ = ["GradientNoise", "OnlyNoiseError", "gradient_noise", "noise_of"]

LEAST = 8  # batches


class OnlyNoiseError(ValueError):
    """A gradient that cannot be told from its noise."""


@dataclass(frozen=True)
class GradientNoise:
    """Gradient G, covariance Σ of the gradients of single samples, and their ratio.

    Attributes:
        scale: tr Σ / |G|², in samples: batches much smaller are mostly noise, much larger ones
            waste samples.
        trace: tr Σ.
        square: |G|², that of the whole population, not of the samples at hand (which is larger).
        batches: number of batches that they come from.
        batch_size: samples of each.
    """

    scale: Estimate
    trace: Estimate
    square: Estimate
    batches: int
    batch_size: float

    def __str__(self) -> str:
        return f"noise scale {self.scale} samples, tr Σ = {self.trace}, |G|² = {self.square}"


def noise_of(gradients: Tensor, batch_size: float) -> GradientNoise:
    """Gradient noise from the mean gradients of independent batches of one size b.

    With ḡ the mean of m batch gradients and s² = Σ_j |g_j - ḡ|² / (m - 1), unbiased are

        tr Σ = b s²,   |G|² = |ḡ|² - s² / m:

    this is McCandlish's pair of estimators for a small batch b and a large one m b. Their ratio is
    biased by O(1/m), of which the jackknife takes the first order. Standard errors are those of the
    jackknife over batches.

    Args:
        gradients: (m, P).
        batch_size: b.

    Returns:
        the `GradientNoise`.

    Raises:
        ValueError: another shape, fewer than 8 batches, NaN or infinity, a batch size that is not
            positive, or a gradient that cannot be told from its noise: |G|² below two standard
            errors.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> g = torch.tensor([3.0, 0.0]) + torch.randn(1000, 2, generator=rng)
        >>> found = noise_of(g, 1)
        >>> abs(found.scale.value - 2 / 9) <= 5 * found.scale.error
        True

    Source: McCandlish, Kaplan, Amodei et al. 2018, arXiv:1812.06162, appendix A.1.
    """
    if gradients.dim() != 2:
        shape = tuple(gradients.shape)
        raise ValueError(f"gradients: shape should be (batches, weights), got {shape}")
    if not 0 < batch_size < math.inf:
        raise ValueError(f"batch_size: should be a finite number > 0, got {batch_size}")
    m = len(gradients)
    if m < LEAST:
        raise ValueError(f"gradients: should be of at least {LEAST} batches, got {m}")
    if not bool(gradients.isfinite().all()):
        raise ValueError("gradients: should be finite, got nan or inf")
    g = gradients.double()
    mean = g.mean(0)
    away, square = (g - mean).square().sum(1), float(mean @ mean)
    # the same two numbers without batch j: its mean is ḡ - (g_j - ḡ) / (m - 1)
    along = (g - mean) @ mean
    spread = float(away.sum()) / (m - 1)
    spreads = (away.sum() - away * m / (m - 1)) / (m - 2)
    squares = square - 2 * along / (m - 1) + away / (m - 1) ** 2 - spreads / (m - 1)
    trace = _jackknife(batch_size * spread, batch_size * spreads)
    pure = _jackknife(square - spread / m, squares)
    if not pure.value > 2 * pure.error:
        raise OnlyNoiseError(
            f"data: too few samples to tell the gradient from its noise, |G|² = {pure} from {m}"
            f" batches of {batch_size:g}"
        )
    whole = trace.value / pure.value
    each = batch_size * spreads / squares
    corrected = m * whole - (m - 1) * float(each.mean())
    return GradientNoise(
        Estimate(corrected, _jackknife(whole, each).error), trace, pure, m, batch_size
    )


def _jackknife(value: float, without: Tensor) -> Estimate:
    m = len(without)
    return Estimate(
        value, math.sqrt((m - 1) / m * float((without - without.mean()).square().sum()))
    )


def gradient_noise(
    model: nn.Module,
    data: Any,
    loss: Measure | None = None,
    *,
    batches: int = 32,
    dtype: torch.dtype | None = None,
) -> GradientNoise:
    """The simple noise scale tr Σ / |G|² of the gradient of a loss, with standard errors.

    The samples are cut into batches, in their order, which should be random; a gradient is taken of
    each. Were the Hessian a multiple of 1, the best step on b samples would gain 1 / (1 + scale/b)
    of what the best one along the true gradient gains.

    Args:
        model: any module without dropout and batch norm in training mode.
        data: as for `fit`, independent samples; or a sequence of batches of one size, which are
            taken as they are.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        batches: how many, at least 8; fewer samples than that are refused, and what does not
            divide evenly is left out at the end. As many as there are samples costs most and errs
            least.
        dtype: type to compute in, on a copy of the model.

    Returns:
        the `GradientNoise`.

    Raises:
        ValueError: too few samples for the estimate asked; a loss that is no scalar or not finite;
            dropout or batch norm in training mode.

    Example:
        >>> x = torch.randn(256, 3, generator=torch.Generator().manual_seed(0))
        >>> found = gradient_noise(nn.Linear(3, 1), (x, x.sum(1, keepdim=True)))
        >>> found.batches, found.batch_size, found.scale.error < found.scale.value
        (32, 8, True)

    Source: McCandlish et al. 2018, arXiv:1812.06162.
    """
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < LEAST:
        raise ValueError(f"batches: should be at least {LEAST} for the estimate, got {batches!r}")
    objective = Objective(model, data, loss, batch_size=2**62, dtype=dtype)
    parts = objective.batches
    if len(parts) == 1:
        size = parts[0].size // batches
        if size == 0:
            raise ValueError(
                f"data: should have at least {batches} samples, one for each of the batches, got"
                f" {parts[0].size}"
            )
        parts = [parts[0].part(size * i, size * (i + 1)) for i in range(batches)]
    sizes = {part.size for part in parts}
    if len(sizes) > 1:
        raise ValueError(f"data: batches should have one size, got {sorted(sizes)}")
    objective.batches = parts
    rows = [objective.flat(objective.batch_gradient(i)) for i in range(len(parts))]
    return noise_of(torch.stack(rows), sizes.pop())
