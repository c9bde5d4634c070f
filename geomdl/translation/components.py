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
SMALLEST = 1e-30  # of a largest entry that is scaled to all bits
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

    x is scaled by its largest entry and rounded to whole numbers q, of so many bits (24 at most)
    that the norm² of a component, Σ q² < 2⁵³, is exact in any order of summation. Components whose
    norm² agrees with the largest to 2⁻¹⁶ are tied: structural ties, such as two equal dots an odd
    distance apart, reach this function with different rounding errors. Among them the largest
    second number wins (`_fingerprint`). It agrees, too, where components are shifts of each other,
    and then it does not matter which is kept; that it agrees nowhere else is no theorem, but true
    of every binary image of up to 16 pixels (tested one by one).

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
        x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        largest = x.abs().amax(1)  # NaN stays NaN
        finite = largest.isfinite()
        scale = torch.where(finite, largest, 0).flatten(1).amax(1).clamp(min=SMALLEST)
        bits = min(BITS, (53 - math.prod(x.shape[1:]).bit_length()) // 2)
        q = (x * (2**bits / scale).reshape(-1, *(x.dim() - 1) * [1])).round()
        q = q.to(torch.int64 if x.device.type == "mps" else torch.float64)  # exact in either
        norms = _per_phase(torch.where(finite, (q * q).sum(1), 0).to(torch.int64), stride)
        norms = norms + _per_phase(~finite, stride).clamp(max=1) * 2**62
        most = norms.amax(1, keepdim=True)
        tied = norms >= most - (most >> TIE)
        seen = _fingerprint(torch.where(finite, _mix_channels(q), 0).to(torch.int64))
        return torch.where(tied, _per_phase(seen, stride), -1).argmax(1)


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


def _mix_channels(q: Tensor) -> Tensor:
    """Sum of channels with fixed odd weights up to 2^8: (batch, channels, …) to (batch, …)."""
    channel = torch.arange(q.shape[1], device=q.device)
    weights = (channel * 2654435761 + 40503 >> 7) % 512 - 256 | 1
    return (q * weights.reshape(-1, *(q.dim() - 2) * [1])).sum(1)


def _fingerprint(u: Tensor) -> Tensor:
    """A number ≥ 0 at each pixel that depends on the whole image as seen from there.

    u ← |3u - 2 T u| / 2 with shifts T by 1, 2, 4, … along each axis, twice over, so that every
    pixel hears every other, and then u². Whole numbers throughout, so a shift of the image shifts
    the result exactly; and continuous up to the rounding of the divisions, so that small errors in
    u stay small against what tells two components apart.

    Args:
        u: shape (batch, *spatial), int64.

    Returns:
        shape (batch, *spatial), int64; sums over all pixels do not overflow.
    """
    sizes = u.shape[1:]
    for _ in range(2):
        u = _shrink(u, MIX)
        for axis, n in enumerate(sizes, start=1):
            for j in range((n - 1).bit_length()):
                u = (3 * u - 2 * u.roll(-(2**j), axis)).abs() >> 1
    u = _shrink(u, min(MIX, (62 - math.prod(sizes).bit_length()) // 2))
    return u * u


def _shrink(u: Tensor, bits: int) -> Tensor:
    """Divide each sample by a whole number such that its entries have at most so many bits."""
    most = u.abs().flatten(1).amax(1).reshape(-1, *(u.dim() - 1) * [1])
    return u // ((most >> bits) + 1)
