"""Pointwise non-linearities that other angles see less of: on a finer grid, then low-passed."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import GridCheck, is_real, permutes, shifts, whole
from geomdl.steerable.pointwise import FUNCTIONS
from geomdl.steerable.taps import grid_of

_REACH = 8  # samples from a new place at which the interpolant ends
_SHAPE = 8.0  # of its window, the exponential of a semicircle
_CUT = 4.0  # standard deviations at which the Gaussian ends


def interpolation(n: int, scale: int, wrap: bool = False) -> Tensor:
    """Values of the interpolant of n samples at places 1/scale apart, the old ones among them.

    A sinc under a window of ±8 samples, exp(8 (√(1 − (u/8)²) − 1)); rows are made to sum to one, at
    the ends too.

    Args:
        n: samples.
        scale: new places for each step from one sample to the next.
        wrap: whether the array closes up.

    Returns:
        shape (scale·(n - 1) + 1, n), or (scale·n, n) for an array that closes up; float64.

    Example:
        >>> interpolation(3, 1)
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]], dtype=torch.float64)
    """
    return fitted(_offsets(n, scale, wrap) / scale)


def fitted(u: Tensor) -> Tensor:
    """Weights of samples at distances u (places, samples): rows sum to one."""
    inside = (1 - (u / _REACH).square()).clamp(min=0)
    values = torch.sinc(u) * torch.exp(_SHAPE * (inside.sqrt() - 1))
    values = torch.where((inside > 0) & (u != u.round()), values, 0.0)
    on_sample = (u == 0).to(u.dtype)
    values = torch.where(on_sample.sum(1, keepdim=True) > 0, on_sample, values)
    return values / values.sum(1, keepdim=True)


def thinning(n: int, scale: int, blur: float, wrap: bool = False) -> Tensor:
    """Gaussian means about n places of an array that has ``scale`` times as many.

    Args:
        n: places that are kept.
        scale: steps of the finer array from one to the next.
        blur: standard deviation in steps of the coarse array; 0 keeps the values as they are.
        wrap: whether the array closes up.

    Returns:
        shape (n, scale·(n - 1) + 1), or (n, scale·n); float64; rows sum to one.

    Example:
        >>> thinning(2, 2, 0.0)
        tensor([[1., 0., 0.],
                [0., 0., 1.]], dtype=torch.float64)
    """
    return gaussian(_offsets(n, scale, wrap).mT, scale * blur)


def gaussian(u: Tensor, width: float) -> Tensor:
    """Gaussian of distances u (kept, places): rows sum to one; only u = 0 for no width."""
    if width == 0:
        return (u == 0).to(u.dtype)
    values = torch.exp(-0.5 * (u / width).square())
    values = torch.where(u.abs() <= math.ceil(_CUT * width), values, 0.0)
    return values / values.sum(1, keepdim=True)


def _offsets(n: int, scale: int, wrap: bool) -> Tensor:
    """Steps of the finer array from each sample (column) to each new place (row)."""
    places = scale * n if wrap else scale * (n - 1) + 1
    u = torch.arange(places, dtype=torch.float64)[:, None] - scale * torch.arange(n)
    return u - places * (u / places).round() if wrap else u


def _example() -> nn.Module:
    G = groups.group("D4")
    return FilteredPointwise(Field(Grid(2), G.regular + G.trivial))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 9, 6, 6, generator=rng, dtype=torch.float64),)


@register_layer("steerable/FilteredPointwise", example=Example(_example, _inputs))
class FilteredPointwise(nn.Module):
    """The same function of every number, of what the pixels are samples of: y = D φ(U x).

    U interpolates to ``oversample`` as many places along each axis, D takes Gaussian means about
    the old ones. A kink such as that of relu makes frequencies that pixels cannot hold; taken on
    the pixels they come back as lower ones, which do not turn with the image, and are what is left
    of the error at other angles once filters are good. U and D are applied axis by axis as dense
    matrices: 12 n multiplications a number on n² pixels in 2D at ``oversample=2``, so 348 on 29²
    pixels, where a convolution of 64 channels with 5 × 5 taps has 1,600. There are 2^d times as
    many numbers between U and D.

    Args:
        source: field of a permutation representation on a grid.
        function: one of relu, elu, gelu, silu, leaky_relu, softplus, sigmoid, tanh. Smooth ones
            gain less by a finer grid: with ``oversample=1`` there is only the blur.
        oversample: places along an axis for each pixel; 1 for the pixels themselves.
        blur: standard deviation of the Gaussian, in pixels; 0 keeps every ``oversample``-th value.

    Shape:
        unchanged; exact under 90° rotations and reflections. The error at other angles falls as
        images become smooth on the scale of a pixel, and with ``blur``, which takes detail out.

    Raises:
        ValueError: not a permutation representation on a grid, an unknown function, a number of
            places that is not positive, a negative blur, or a group that shifts pixels on an array
            that does not close up.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> relu = FilteredPointwise(Field(Grid(2), geomdl.group("C8").regular))
        >>> relu(torch.ones(1, 8, 5, 5)).shape
        torch.Size([1, 8, 5, 5])

    Source: Karras et al. 2021, arXiv:2106.12423; Franzen and Wand 2021, NeurIPS.
    """

    def __init__(
        self, source: Field, function: str = "relu", oversample: int = 2, blur: float = 0.5
    ) -> None:
        super().__init__()
        permutes(source, f"a pointwise {function}")
        if function not in FUNCTIONS:
            raise ValueError(f"function: should be one of {', '.join(FUNCTIONS)}, got {function!r}")
        whole(oversample=oversample)
        if not (is_real(blur) and blur >= 0):
            raise ValueError(f"blur: should be 0 or a positive number of pixels, got {blur!r}")
        self._grid = grid_of(source, "source")
        if shifts(source) and not self._grid.periodic:
            raise ValueError(f"source: {source.group.name} shifts pixels, off a {self._grid!r}")
        self.source = self.target = source
        self.function, self.oversample, self.blur = function, oversample, float(blur)
        self._check = GridCheck.of(source)

    def forward(self, x: Tensor) -> Tensor:
        """Interpolate, apply the function, take means."""
        self._check.shape(self, x)
        sizes, wrap, d = x.shape[2:], self._grid.periodic, self._grid.d
        if self.oversample > 1:
            x = along_axes(x, [interpolation(n, self.oversample, wrap) for n in sizes], d)
        x = FUNCTIONS[self.function](x)
        if self.oversample > 1 or self.blur > 0:
            x = along_axes(x, [thinning(n, self.oversample, self.blur, wrap) for n in sizes], d)
        return x

    def extra_repr(self) -> str:
        """Function, places and width."""
        return f"{self.function}, oversample={self.oversample}, blur={self.blur}"


def along_axes(x: Tensor, matrices: list[Tensor], d: int) -> Tensor:
    """Apply a matrix along each of the d spatial axes of (batch, channels, *spatial)."""
    for axis, matrix in enumerate(matrices, 2):
        matrix = matrix.to(x)
        if axis == d + 1:
            x = x @ matrix.mT
        elif axis == d:
            x = matrix @ x
        else:
            x = (x.movedim(axis, -1) @ matrix.mT).movedim(-1, axis)
    return x
