"""Adaptive polyphase sampling: go coarser and stay shift equivariant."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields.space import Space, check_positive
from geomdl.registry import Example, register_layer

from .components import pad_to_multiple, phase, take

__all__ = ["PolyphasePool"]


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 3, 6, 4, generator=rng, dtype=torch.float64),)


@register_layer(
    "translation/PolyphasePool",
    example=Example(lambda: PolyphasePool(3, shape=(6, 4)), _inputs),
)
class PolyphasePool(nn.Module):
    """Keep the polyphase component of largest norm, y[n] = x[s n + k], k = `phase` (x).

    Let T be circular shifts. The phase moves with the image, k(T_t x) ≡ k(x) + t mod s, so

        pool(T_t x) = T_r pool(x),    r = (t + k(x) - k(T_t x)) / s,

    for *every* shift t, *exact* if s divides the sizes. The output moves by whole pixels, by
    ⌊t/s⌋ or ⌈t/s⌉ along each axis, which of the two depends on x: all shifts together do not act on
    the output, they act up to the phase. Two things follow. The shifts by multiples of s do act,
    pool(T_{s t} x) = T_t pool(x); this is what ``source`` and ``target`` declare. And whatever is
    invariant to shifts of the output, such as a global mean, is invariant to all shifts of x.

    Differentiable where the choice does not change. The rule for ties and its limits: `phase`.

    Args:
        channels: channels in and out; they share one phase.
        stride: s, on every axis.
        d: number of spatial axes.
        shape: sizes of x; known, they make ``source`` and ``target`` fields of the shifts.
        step: pixels by which the unit of that group shifts x, a multiple of the stride; s itself
            if None.
        strict: refuse sizes that the stride does not divide; else zeros are appended, which breaks
            the symmetry.

    Attributes:
        source: field on the grid of x.
        target: field on the coarser grid of y.

    Example:
        >>> x = torch.randn(1, 8, 28, 28)
        >>> pool = PolyphasePool(8)
        >>> torch.equal(pool(x.roll(2, -1)), pool(x).roll(1, -1))
        True
        >>> x, moved = pool(x).mean((2, 3)), pool(x.roll(1, -1)).mean((2, 3))
        >>> torch.allclose(x, moved, atol=1e-6)
        True

    Source: Chaman & Dokmanić 2021, arXiv:2011.14214 (their rule for ties is the first maximum).
    """

    def __init__(
        self,
        channels: int,
        stride: int = 2,
        *,
        d: int = 2,
        shape: tuple[int, ...] | None = None,
        step: int | None = None,
        strict: bool = True,
    ) -> None:
        super().__init__()
        check_positive(channels=channels, stride=stride)
        self.space = Space(d, shape, stride if step is None else step)
        self.source = self.space.field(channels)
        self.target = self.space.coarser(stride).field(channels)
        self.channels, self.stride, self.strict = channels, stride, strict

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, *n) to (batch, channels, *ceil(n / stride))."""
        return self.take(x, self.phase(x))

    def phase(self, x: Tensor) -> Tensor:
        """Phase of the largest component, shape (batch,) int64."""
        self.space.check(x, self.channels, self.stride, self.strict)
        return phase(pad_to_multiple(x, self.stride), self.stride)

    def take(self, x: Tensor, chosen: Tensor) -> Tensor:
        """Component of a phase that may come from another tensor on the same grid."""
        return take(pad_to_multiple(x, self.stride), chosen, self.stride)
