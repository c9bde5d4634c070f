"""Finer grids."""

from dataclasses import replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import GridCheck, shifts, whole
from geomdl.steerable.taps import grid_of

Mode = Literal["linear", "nearest", "fourier"]
_MODES = ("linear", "nearest", "fourier")


def fourier_matrix(n: int, scale: int) -> Tensor:
    """Values (scale·n, n) of the trigonometric interpolant of n samples on a finer grid.

    Rows are the new pixels, whose centres are (i + 1/2)/scale - 1/2; columns the old ones. An entry
    is the Dirichlet kernel of their distance u: sin πu / (n sin(πu/n)), or sin πu / (n tan(πu/n))
    for even n, where the highest frequency is a cosine. Each row sums to one.

    Example:
        >>> fourier_matrix(3, 1)
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]], dtype=torch.float64)
    """
    place = (torch.arange(scale * n, dtype=torch.float64) + 0.5) / scale - 0.5
    u = place[:, None] - torch.arange(n)
    u = u - n * (u / n).round()  # the kernel has period n
    whole, angle = u.round(), torch.pi * u / n
    signed = torch.sin(torch.pi * (u - whole)) * (1 - 2 * (whole % 2))  # sin πu
    on_pixel = (u - whole).abs() < 1e-9
    below = torch.where(on_pixel, 1.0, n * (torch.sin(angle) if n % 2 else torch.tan(angle)))
    return torch.where(on_pixel, (whole == 0).to(u.dtype), signed / below)


def _example() -> nn.Module:
    G = groups.group("D4")
    return Upsample(Field(Grid(2), G.regular + G.standard))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 10, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Upsample", example=Example(_example, _inputs))
class Upsample(nn.Module):
    """A whole number of new pixels for each old one, interpolated channel by channel.

    Old and new arrays have the same centre and corners, so quarter turns and reflections are exact
    at even and odd sizes. Other angles have the error of the interpolation.

    Args:
        source: field of any representation on a grid.
        scale: new pixels for each old one, along each axis.
        mode: "linear" (bi- and trilinear), "nearest" (copies), or "fourier": the trigonometric
            interpolant, which is exact for what the old grid can hold on arrays that close up, and
            rings at the border of others.

    Shape:
        ``(batch, source.channels, *spatial)`` -> the same with ``scale`` times the pixels. On a
        periodic grid ``target`` has ``scale`` times the resolution.

    Raises:
        ValueError: a scale that is no positive integer, an unknown mode, a group that does not act
            on the grid; "nearest" for a group that shifts pixels, on which copies depend.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> up = Upsample(Field(Grid(3), geomdl.group("Oh").standard), scale=2)
        >>> up(torch.zeros(1, 3, 5, 5, 5)).shape
        torch.Size([1, 3, 10, 10, 10])
    """

    def __init__(self, source: Field, scale: int = 2, mode: Mode = "linear") -> None:
        super().__init__()
        grid = grid_of(source, "source")
        whole(scale=scale)
        if mode not in _MODES:
            raise ValueError(f"mode: should be one of {', '.join(_MODES)}, got {mode!r}")
        if mode == "linear" and grid.d > 3:
            raise ValueError(f"mode: 'linear' needs at most 3 axes, got Grid({grid.d})")
        finer = replace(grid, resolution=grid.resolution * scale) if shifts(source) else grid
        self.source, self.target = source, Field(finer, source.rep)
        self.scale, self.mode = scale, mode
        self._grid = grid
        self._check = GridCheck.of(source)

    def forward(self, x: Tensor) -> Tensor:
        """Interpolate a batch of fields."""
        self._check.shape(self, x)
        s, d = self.scale, self._grid.d
        if self.mode == "fourier":
            for axis, n in enumerate(x.shape[2:], 2):
                x = (x.movedim(axis, -1) @ fourier_matrix(n, s).to(x).T).movedim(-1, axis)
            return x
        if self.mode == "nearest":
            for axis in range(2, 2 + d):
                x = x.repeat_interleave(s, axis)
            return x
        method = ("linear", "bilinear", "trilinear")[d - 1]
        if not self._grid.periodic:
            return F.interpolate(x, scale_factor=s, mode=method, align_corners=False)
        x = F.pad(x, [1] * (2 * d), mode="circular")
        x = F.interpolate(x, scale_factor=s, mode=method, align_corners=False)
        for axis in range(2, 2 + d):  # what came round the ends goes again
            x = x.narrow(axis, s, x.shape[axis] - 2 * s)
        return x

    def extra_repr(self) -> str:
        """Scale and mode."""
        return f"scale={self.scale}, mode={self.mode}"
