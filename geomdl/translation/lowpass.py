"""Blur before going coarser: shifts by less than the stride change little, but something."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields.space import Space, check_positive
from geomdl.registry import Example, register_layer

from .conv import Padding, check_padding, pad_same

__all__ = ["BlurPool", "binomial", "blur"]


def binomial(size: int) -> tuple[float, ...]:
    """Binomial low-pass filter: the coefficients of (1 + z)^(size - 1), divided by their sum.

    Its frequency response is cos(ω/2)^(size - 1): the larger the size, the less is left of what a
    stride would alias.

    Args:
        size: number of taps.

    Returns:
        weights that sum to 1.

    Example:
        >>> binomial(3)
        (0.25, 0.5, 0.25)
    """
    return tuple(math.comb(size - 1, k) / 2 ** (size - 1) for k in range(size))


def blur(x: Tensor, size: int, stride: int = 1, padding: Padding = "circular") -> Tensor:
    """Low-pass every spatial axis by `binomial` and keep every stride-th pixel.

    Axis by axis, y[p] = Σ_k w[k] x[s p + k - (size-1)//2], added in the order of k.

    Args:
        x: shape (batch, channels, *spatial).
        size: number of taps.
        stride: s, on every axis.
        padding: "circular" or "zeros".

    Returns:
        shape (batch, channels, *ceil(n / s)).

    Example:
        >>> blur(torch.tensor([[[0.0, 0.0, 4.0, 0.0]]]), 3)
        tensor([[[0., 1., 2., 1.]]])
    """
    wanted = [-(-n // stride) for n in x.shape[2:]]
    x = pad_same(x, size, padding)
    for axis, n in enumerate(wanted, start=2):
        length = stride * (n - 1) + 1
        taps = (
            weight * x.narrow(axis, k, length)[(slice(None),) * axis + (slice(None, None, stride),)]
            for k, weight in enumerate(binomial(size))
        )
        total = next(taps)
        for tap in taps:
            total = total + tap
        x = total
    return x


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 3, 6, 4, generator=rng, dtype=torch.float64),)


@register_layer("translation/BlurPool", example=Example(lambda: BlurPool(3, shape=(6, 4)), _inputs))
class BlurPool(nn.Module):
    """Binomial low-pass, then stride.

    Shifts by multiples of the stride are *exact* under circular padding with sizes that the stride
    divides. Other shifts are approximate: the error is the part of x above the coarse grid's
    highest frequency that the filter lets through, so it falls with the size of the filter and with
    the resolution of a smooth x.

    Args:
        channels: channels in and out.
        stride: s, on every axis.
        size: taps of the filter.
        d: number of spatial axes.
        padding: "circular" or "zeros".
        shape: sizes of x; known, they make ``source`` and ``target`` fields of the shifts.
        step: pixels by which the unit of that group shifts x, a multiple of the stride; s itself
            if None.
        strict: refuse sizes that the stride does not divide.

    Attributes:
        source: field on the grid of x.
        target: field on the coarser grid of y.

    Example:
        >>> BlurPool(8)(torch.zeros(1, 8, 28, 28)).shape
        torch.Size([1, 8, 14, 14])

    Source: Zhang 2019, arXiv:1904.11486.
    """

    def __init__(
        self,
        channels: int,
        stride: int = 2,
        size: int = 3,
        *,
        d: int = 2,
        padding: Padding = "circular",
        shape: tuple[int, ...] | None = None,
        step: int | None = None,
        strict: bool = True,
    ) -> None:
        super().__init__()
        check_positive(channels=channels, stride=stride, size=size)
        check_padding(padding)
        self.space = Space(d, shape, stride if step is None else step, padding == "circular")
        self.source = self.space.field(channels)
        self.target = self.space.coarser(stride).field(channels)
        self.channels, self.stride, self.size = channels, stride, size
        self.padding, self.strict = padding, strict

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, *n) to (batch, channels, *ceil(n / stride))."""
        self.space.check(x, self.channels, self.stride, self.strict)
        return blur(x, self.size, self.stride, self.padding)
