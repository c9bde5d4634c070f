"""Convolution in 1, 2 or 3 dimensions, around the ends or with zeros beyond them."""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl.fields.space import Space, check_positive
from geomdl.registry import Example, register_layer

__all__ = ["Conv", "Padding", "pad_same"]

Padding = Literal["circular", "zeros"]
_CONV: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def check_padding(padding: str) -> None:
    """Refuse another word than circular or zeros."""
    if padding not in ("circular", "zeros"):
        raise ValueError(f"padding: should be 'circular' or 'zeros', got {padding!r}")


def pad_same(x: Tensor, kernel_size: int, padding: Padding) -> Tensor:
    """Pad so that a window of ``kernel_size`` at stride 1 keeps the size.

    (k - 1) // 2 pixels before and k // 2 after, on every spatial axis: taken from the other end, or
    zeros.

    Args:
        x: shape (batch, channels, *spatial).
        kernel_size: k.
        padding: "circular" or "zeros".

    Returns:
        shape (batch, channels, *(n + k - 1)).

    Raises:
        ValueError: circular padding would go around more than once.

    Example:
        >>> pad_same(torch.arange(4.0).reshape(1, 1, 4), 3, "circular")
        tensor([[[3., 0., 1., 2., 3., 0.]]])
    """
    if padding == "circular" and kernel_size // 2 > min(x.shape[2:]):
        raise ValueError(
            f"x: spatial sizes should be >= {kernel_size // 2} for kernel_size={kernel_size},"
            f" got {tuple(x.shape[2:])}"
        )
    ends = ((kernel_size - 1) // 2, kernel_size // 2) * (x.dim() - 2)
    return F.pad(x, ends, mode="circular" if padding == "circular" else "constant")


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 3, 6, 4, generator=rng, dtype=torch.float64),)


@register_layer(
    "translation/Conv",
    example=Example(lambda: Conv(3, 4, 3, stride=2, shape=(6, 4)), _inputs),
)
class Conv(nn.Module):
    """Convolution (cross-correlation, as everywhere in deep learning).

    y[b, o, p] = bias[o] + Σ_{c, q} w[o, c, q] x[b, c, s p + q - (k-1)//2]

    With circular padding and sizes that the stride divides: y(T_{s t} x) = T_t y(x) for every shift
    t, *exact*. Zero padding breaks this near the ends.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: k, on every axis.
        d: number of spatial axes.
        stride: s, on every axis.
        padding: "circular" or "zeros"; the output has ceil(n / s) pixels along each axis.
        bias: whether there is one.
        shape: sizes of x; known, they make ``source`` and ``target`` fields of the shifts.
        step: pixels by which the unit of that group shifts x, a multiple of the stride; s itself
            if None.
        strict: refuse sizes that the stride does not divide.

    Attributes:
        source: field on the grid of x.
        target: field on the coarser grid of y.

    Example:
        >>> conv = Conv(3, 8, 3, stride=2, shape=(28, 28))
        >>> conv.source.group
        group('Z14x14')
        >>> conv(torch.zeros(1, 3, 28, 28)).shape
        torch.Size([1, 8, 14, 14])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        d: int = 2,
        stride: int = 1,
        padding: Padding = "circular",
        bias: bool = True,
        shape: tuple[int, ...] | None = None,
        step: int | None = None,
        strict: bool = True,
    ) -> None:
        super().__init__()
        check_positive(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
        )
        check_padding(padding)
        self.space = Space(d, shape, stride if step is None else step, padding == "circular")
        self.source = self.space.field(in_channels)
        self.target = self.space.coarser(stride).field(out_channels)
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.channels, self.strict = in_channels, strict
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *d * [kernel_size]))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights uniformly in ±(fan in)^(-1/2), as PyTorch does."""
        bound = 1 / math.sqrt(self.weight[0].numel())
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, *n) to (batch, out_channels, *ceil(n / stride))."""
        self.space.check(x, self.channels, self.stride, self.strict)
        x = pad_same(x, self.kernel_size, self.padding)
        return _CONV[self.space.d](x, self.weight, self.bias, stride=self.stride)
