"""Gaussian low-pass filters before a stride: what a coarser grid cannot hold is taken out first."""

from collections.abc import Sequence
from functools import reduce
from operator import mul

import torch
import torch.nn.functional as F
from torch import Tensor

from geomdl.steerable.checks import is_real

_CUT = 4.0  # standard deviations at which the Gaussian is cut off
_SMALL = 64  # taps up to which one filter is faster than one for each axis


def reach(sigma: float, window: int = 1) -> int:
    """Taps by which a Gaussian extends beyond a window of pixels, on each side.

    Taps lie symmetrically about the centre of the window, one pixel apart; they are cut off at 4σ,
    rounded to the nearest tap. For a window of one pixel there are 2·round(4σ) + 1 taps.

    Example:
        >>> reach(0.6), reach(0.6, window=2)
        (2, 2)
    """
    return max(0, int(_CUT * sigma - (window - 1) / 2 + 0.5))


def taps(sigma: float, window: int = 1) -> Tensor:
    """Gaussian exp(-t²/2σ²) at its taps, of sum one; shape (window + 2·reach,), float64.

    Args:
        sigma: standard deviation in pixels.
        window: pixels in whose middle the Gaussian is centred: t is whole for an odd one, else
            half-whole.
    """
    width = window + 2 * reach(sigma, window)
    t = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    beyond = t.square() - t.square().min()  # one weight is 1, however narrow the Gaussian
    weights = torch.exp(-beyond / sigma / sigma / 2)
    return weights / weights.sum()


def blur(
    x: Tensor,
    sigma: float,
    stride: int = 1,
    windows: list[int] | None = None,
    wrap: bool = False,
    extended: bool = False,
) -> Tensor:
    """Gaussian means at the centres of windows ``stride`` pixels apart.

    y[o] = Σ_t w(t) x[c_o + t] / Σ_t w(t), over the pixels inside of the array: constants stay
    constant up to the border. The centres are those of pooling without padding, so where these are
    symmetric the result is exact under 90° rotations and reflections.

    Args:
        x: shape (batch, channels, *spatial).
        sigma: standard deviation in pixels.
        stride: pixels from one window to the next.
        windows: width of the window along each axis, by default 1.
        wrap: whether the array closes up at its ends.
        extended: whether ``x`` holds `reach` more pixels at both ends of each axis already, which
            count like all others; ``wrap`` is then of no account.

    Returns:
        shape (batch, channels, *spatial'), with (n - window) // stride + 1 places along an axis of
        n pixels (without those it was extended by).

    Raises:
        ValueError: a Gaussian wider than an array that closes up.

    Example:
        >>> y = blur(torch.ones(1, 1, 6, 6), sigma=1.0, stride=2, windows=[2, 2])
        >>> y.shape, torch.allclose(y, torch.ones(3, 3))
        (torch.Size([1, 1, 3, 3]), True)
    """
    d = x.ndim - 2
    windows = windows or [1] * d
    weights = [taps(sigma, window).to(x) for window in windows]
    margins = [reach(sigma, window) for window in windows]
    sizes = x.shape[2:]
    if wrap and not extended:
        if any(margin > n for margin, n in zip(margins, sizes, strict=True)):
            raise ValueError(
                f"x: antialias={sigma} reaches {max(margins)} pixels, more than {min(sizes)}"
            )
        x, extended = wrapped(x, margins), True
    together = reduce(mul, [len(w) for w in weights]) <= _SMALL  # traced, as math.prod is not
    for axes in [list(range(d))] if together else [[axis] for axis in range(d)]:
        x = _filtered(x, weights, axes, stride, [0] * d if extended else margins)
    if not extended:
        for axis, (w, margin, n) in enumerate(zip(weights, margins, sizes, strict=True)):
            if margin:
                inside = F.conv1d(x.new_ones(1, 1, n), w.view(1, 1, -1), None, stride, margin)
                x = x / inside.view(_along(axis, d))
    return x


def wrapped(x: Tensor, margins: Sequence[int]) -> Tensor:
    """Add pixels from the other end at both ends of each axis, at most as many as there are."""
    if not any(margins):
        return x
    return F.pad(x, [m for margin in reversed(margins) for m in (margin, margin)], mode="circular")


def _filtered(
    x: Tensor, weights: list[Tensor], axes: list[int], stride: int, margins: list[int]
) -> Tensor:
    """Correlate every channel with weights along some axes, zeros outside."""
    d, channels = x.ndim - 2, x.shape[1]
    kernel = x.new_ones([1] * d)
    for axis in axes:
        kernel = kernel * weights[axis].view(_along(axis, d))
    steps = [stride if axis in axes else 1 for axis in range(d)]
    padding = [margins[axis] if axis in axes else 0 for axis in range(d)]
    conv = (F.conv1d, F.conv2d, F.conv3d)[d - 1]
    return conv(x, kernel.expand(channels, 1, *kernel.shape), None, steps, padding, groups=channels)


def _along(axis: int, d: int) -> list[int]:
    """Shape of a vector that lies along one of d axes."""
    return [-1 if a == axis else 1 for a in range(d)]


def positive(sigma: float | None) -> None:
    """Refuse a width of the Gaussian that is not positive; None stands for no Gaussian."""
    if sigma is not None and not (is_real(sigma) and sigma > 0):
        raise ValueError(f"antialias: should be None or a positive number of pixels, got {sigma!r}")
