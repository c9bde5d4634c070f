"""Gaussian low-pass filters whose window follows the size of the input, as operations alone."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_CUT = 4.0  # standard deviations at which the Gaussian is cut off, as in `low_pass`


def blur(
    x: Tensor,
    sigma: float,
    stride: int,
    windows: list[int],
    wrap: bool = False,
    extended: bool = False,
) -> Tensor:
    """`low_pass.blur`, axis by axis, with sizes and windows that may be known only at the call.

    Args:
        x: shape (batch, channels, *spatial).
        sigma: standard deviation in pixels.
        stride: pixels from one window to the next.
        windows: width of the window along each axis.
        wrap: whether the array closes up at its ends.
        extended: whether ``x`` has the pixels that the Gaussian meets round the ends already.

    Example:
        >>> from geomdl.steerable import low_pass
        >>> x = torch.randn(1, 1, 7, 7, generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(blur(x, 0.8, 2, [3, 3]), low_pass.blur(x, 0.8, 2, [3, 3]), atol=1e-6)
        True
    """
    d = len(windows)
    conv: Any = (F.conv1d, F.conv2d, F.conv3d)[d - 1]
    for axis, window in enumerate(windows, 2):
        margin = _margin(sigma, window)
        width = window + 2 * margin
        place = x.new_ones(width, dtype=torch.float64).cumsum(0) - (width + 1) / 2
        beyond = place * place - (place * place).amin(0)  # one weight is 1, however small sigma
        weights = (-beyond / sigma / sigma / 2).exp()
        weights = (weights / weights.sum()).to(x)
        along = [-1 if a == axis else 1 for a in range(2, 2 + d)]
        kernel = weights.reshape(1, 1, *along).expand(x.shape[1], 1, *along)
        steps = [stride if a == axis else 1 for a in range(2, 2 + d)]
        around = [margin if a == axis else 0 for a in range(2, 2 + d)]
        n = x.shape[axis]
        if wrap and not extended:
            x = F.pad(x, [m for m in reversed(around) for _ in range(2)], mode="circular")
        if wrap or extended:
            around = [0] * d
        x = conv(x, kernel, None, steps, around, 1, x.shape[1])
        if not wrap and not extended:
            inside = F.conv1d(x.new_ones(1, 1, n), weights.reshape(1, 1, -1), None, stride, margin)
            x = x / inside.reshape(along)
    return x


def _margin(sigma: float, window: int) -> int:
    """`low_pass.reach` in whole numbers: ⌊(⌊8σ + 2⌋ - window) / 2⌋, at least 0."""
    twice = int(2 * _CUT * sigma + 2)
    return (twice - window) // 2 * (window <= twice)
