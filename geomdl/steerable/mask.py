"""A smooth disc, so that corners which a rotation turns out of the image never count."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, coordinates
from geomdl.registry import Example, register_layer
from geomdl.registry.exact_buffers import ExactBuffers
from geomdl.steerable.checks import GridCheck, named, shifts
from geomdl.steerable.static_sizes import whole_sizes
from geomdl.steerable.taps import grid_of


def smooth_disc(shape: Sequence[int], radius: float, sigma: float) -> Tensor:
    """exp(-max(0, |p| - radius)² / 2 sigma²) for the pixels p of an array, float64.

    Args:
        shape: sizes of the spatial axes.
        radius: within which it is 1, in pixels from the centre of the array.
        sigma: width of its fall beyond, in pixels; 0 cuts it off.

    Example:
        >>> smooth_disc((5,), 1.0, 0.5)
        tensor([0.1353, 1.0000, 1.0000, 1.0000, 0.1353], dtype=torch.float64)
    """
    beyond: Tensor = (coordinates(tuple(shape)).norm(dim=-1) - radius).clamp(min=0)
    if sigma == 0:
        return (beyond <= 1e-9).double()
    return torch.exp(-0.5 * (beyond / sigma).square())


def _example() -> nn.Module:
    G = groups.group("D4")
    return Mask(Field(Grid(2), G.trivial + G.standard), 7)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 3, 7, 7, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Mask", example=Example(_example, _inputs))
class Mask(ExactBuffers):
    """Multiplies by a smooth disc (ball) around the centre.

    y(p) = x(p) exp(-max(0, |p| - R)² / 2σ²), R = (n - 1)/2 - margin, n the smallest size. Corners
    of an image turn out of it under most rotations; a network that sees them is not invariant,
    however smooth its filters are. Under 90° rotations and reflections exact; under others the
    function that multiplies is invariant, and what remains is the action's own error of sampling.

    Args:
        source: field of any representation on a grid.
        size: pixels along each axis: one number for all, or one for each.
        margin: pixels from the border at which the fall begins; negative ones lie outside.
        sigma: width σ of the fall in pixels; 0 cuts it off.

    Shape:
        unchanged, ``(batch, source.channels, *size)``.

    Raises:
        ValueError: a group that shifts pixels, no pixel left, or sizes that the group cannot turn.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> mask = Mask(Field(Grid(2), geomdl.group("C8").trivial), 29)
        >>> y = mask(torch.ones(1, 1, 29, 29))
        >>> y[0, 0, 14, 0].item(), round(y[0, 0, 0, 0].item(), 4)
        (1.0, 0.0149)

    Source: Weiler and Cesa 2019, arXiv:1911.08251 (escnn's MaskModule).
    """

    mask: Tensor

    def __init__(
        self, source: Field, size: int | Sequence[int], margin: float = 0.0, sigma: float = 2.0
    ) -> None:
        super().__init__()
        self.size = whole_sizes(size, grid_of(source, "source").d)
        if shifts(source):
            raise ValueError(f"source: {source.group.name} shifts pixels, which a mask would stop")
        radius = (min(self.size) - 1) / 2 - margin
        if not (math.isfinite(radius) and radius >= 0):
            raise ValueError(f"margin: should leave pixels of size={self.size}, got {margin}")
        if not (math.isfinite(sigma) and sigma >= 0):
            raise ValueError(f"sigma: should be 0 or more, got {sigma}")
        self._check = GridCheck.of(source)
        self._check.equal(self.size)
        self.source = self.target = source
        self.margin, self.sigma = margin, sigma
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        """The smooth disc."""
        radius = (min(self.size) - 1) / 2 - self.margin
        return {"mask": smooth_disc(self.size, radius, self.sigma)}

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output: the same.

        Raises:
            ValueError: other sizes than the mask's.
        """
        if tuple(sizes) != self.size:
            raise ValueError(f"x: sizes should be {self.size}, got {tuple(sizes)}")
        return self.size

    def forward(self, x: Tensor) -> Tensor:
        """Mask a batch of fields."""
        self._check.shape(self, x)
        named(self, self.sizes, x.shape[2:])
        return x * self.mask.to(x.dtype)

    def extra_repr(self) -> str:
        """Sizes and the fall."""
        return f"size={self.size}, margin={self.margin:g}, sigma={self.sigma:g}"
