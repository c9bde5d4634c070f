"""Which polyphase component of an image to keep, chosen so that the choice moves with the image.

The component of phase k ∈ {0 … s-1}^d is x_k[n] = x[s n + k]. A shift by t takes x_k to the
component of phase k + t mod s. The choice commutes with that if it looks at nothing but numbers
that belong to the components as such. Two things spoil it in floating point: sums depend on their
order, which a shift changes, and equal numbers need a rule which one goes first, which must not be
"the first in memory". So x is rounded to whole numbers, where sums are exact in any order, and ties
are broken by a second number that hears the whole image.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["phase", "slices", "take"]

BITS = 24  # of the largest entry; as many as float32 has
TIE = 16  # norms² that agree to 2**-16 are tied
MIX = 30  # bits of the second number between its rounds


def slices(x: Tensor, stride: int) -> list[Tensor]:
    """The stride^d polyphase components of an image, as views, the phase of the last axis fastest.

    Args:
        x: shape (batch, channels, *spatial), sizes multiples of ``stride``.
        stride: s.

    Returns:
        tensors (batch, channels, *(n / s)).

    Example:
        >>> [y.flatten().tolist() for y in slices(torch.arange(6).reshape(1, 1, 6), 3)]
        [[0, 3], [1, 4], [2, 5]]
    """
    parts = [x]
    for axis in range(2, x.dim()):
        before = (slice(None),) * axis
        parts = [y[(*before, slice(k, None, stride))] for y in parts for k in range(stride)]
    return parts


def phase(x: Tensor, stride: int) -> Tensor:
    """Phase of the component of largest Euclidean norm.

    x is scaled by its largest entry and rounded to whole numbers q of 24 bits (fewer if the sums
    would overflow). The norm² of a component, Σ q², is exact in any order of summation. Components
    whose norm² agrees with the largest to 2⁻¹⁶ are tied: structural ties, such as two equal dots an
    odd distance apart, reach this function with different rounding errors. Among them the largest
    second number wins (`_fingerprint`); where that agrees too, the components are shifts of each
    other, and it does not matter which is kept.

    Hence phase(T_t x) ≡ phase(x) + t mod s for every circular shift t, unless both phases give the
    same component up to a shift. This is *exact* where x is shifted exactly. Where the layers
    before leave other rounding errors in a shifted image, it fails if a norm² lies within these
    errors of the bound of a tie. A component with a NaN or an infinity counts as the largest, so
    that these are never lost. Nothing is differentiated.

    Args:
        x: shape (batch, channels, *spatial), sizes multiples of ``stride``, float.
        stride: s.

    Returns:
        shape (batch,), int64: Σ_i k_i s^(d-1-i).

    Example:
        >>> x = torch.tensor([0.0, 1.0, 0.0, 2.0]).reshape(1, 1, 4)
        >>> phase(x, 2), phase(x.roll(1, -1), 2)
        (tensor([1]), tensor([0]))
    """
    with torch.no_grad():
        x = x.detach()
        x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        largest = x.abs().amax(1, keepdim=True)  # NaN stays NaN
        finite = largest.isfinite()
        scale = torch.where(finite, largest, 0).flatten(1).amax(1)
        scale = torch.where(scale == 0, 1, scale).reshape(-1, *(x.dim() - 1) * [1])
        bits = min(BITS, (61 - math.prod(x.shape[1:]).bit_length()) // 2)
        q = (torch.where(finite, x, 0) / scale * 2**bits).round().to(torch.int64)
        norms = _per_phase(q.square().sum(1), stride)
        norms = norms + _per_phase((~finite).squeeze(1), stride).clamp(max=1) * 2**62
        most = norms.amax(1, keepdim=True)
        tied = norms >= most - (most >> TIE)
        return torch.where(tied, _per_phase(_fingerprint(q), stride), -1).argmax(1)


def take(x: Tensor, chosen: Tensor, stride: int) -> Tensor:
    """The polyphase component of a phase, sample by sample.

    Args:
        x: shape (batch, channels, *spatial), sizes multiples of ``stride``.
        chosen: shape (batch,), as `phase` gives it; it may come from another tensor with the same
            spatial axes, as for the two branches of a residual block.
        stride: s.

    Returns:
        shape (batch, channels, *(n / s)), differentiable in x.

    Example:
        >>> x = torch.arange(4.0).reshape(1, 1, 4)
        >>> take(x, torch.tensor([1]), 2)
        tensor([[[1., 3.]]])
    """
    chosen = chosen.reshape(-1, *(x.dim() - 1) * [1])
    out, *others = slices(x, stride)
    for k, other in enumerate(others, start=1):
        out = torch.where(chosen == k, other, out)
    return out


def pad_to_multiple(x: Tensor, stride: int) -> Tensor:
    """Append zeros until ``stride`` divides every spatial size."""
    ends = [amount for n in reversed(x.shape[2:]) for amount in (0, -n % stride)]
    return F.pad(x, ends) if any(ends) else x


def _per_phase(u: Tensor, stride: int) -> Tensor:
    """Sums over the pixels of each phase: (batch, *spatial) to (batch, stride^d)."""
    axes = range(u.dim() - 1)
    for axis in axes:
        u = u.unflatten(1 + 2 * axis, (-1, stride))
    return u.sum([1 + 2 * axis for axis in axes]).flatten(1)


def _fingerprint(q: Tensor) -> Tensor:
    """A number ≥ 0 at each pixel that depends on the whole image as seen from there.

    The channels are summed with fixed odd weights; then u ← |3u - 2 T u| / 2 with shifts T by 1,
    2, 4, … along each axis, twice over, so that every pixel hears every other, and the square is
    taken. Whole numbers throughout, so a shift of the image shifts the result exactly; and
    continuous up to the rounding of the divisions, so that small errors in q stay small against
    what tells two components apart.

    Args:
        q: shape (batch, channels, *spatial), int64.

    Returns:
        shape (batch, *spatial), int64; sums over all pixels do not overflow.
    """
    channel = torch.arange(q.shape[1], device=q.device)
    weights = (channel * 2654435761 + 40503 >> 7) % 512 - 256 | 1
    u = (q * weights.reshape(-1, *(q.dim() - 2) * [1])).sum(1)
    for _ in range(2):
        u = _shrink(u, MIX)
        for axis, n in enumerate(q.shape[2:], start=1):
            for j in range((n - 1).bit_length()):
                u = (3 * u - 2 * u.roll(-(2**j), axis)).abs() >> 1
    return _shrink(u, min(MIX, (62 - math.prod(q.shape[2:]).bit_length()) // 2)).square()


def _shrink(u: Tensor, bits: int) -> Tensor:
    """Divide each sample by a whole number such that its entries have at most so many bits."""
    most = u.abs().flatten(1).amax(1).reshape(-1, *(u.dim() - 1) * [1])
    return u // ((most >> bits) + 1)
