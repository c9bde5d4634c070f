"""Pooling to a given number of pixels."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import GridCheck, permutes, shifts, whole
from geomdl.steerable.taps import grid_of


def _example() -> nn.Module:
    G = groups.group("D4")
    return AdaptiveAvgPool(Field(Grid(2), G.regular + G.standard), 3)


def _example_max() -> nn.Module:
    G = groups.group("D4")
    return AdaptiveMaxPool(Field(Grid(2), G.regular + 2 * G.trivial), 3)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 10, 7, 7, generator=rng, dtype=torch.float64),)


class AdaptivePool(nn.Module):
    """What both adaptive pools share. Not a layer."""

    def __init__(self, source: Field, output_size: int) -> None:
        super().__init__()
        grid = grid_of(source, "source")
        whole(output_size=output_size)
        if shifts(source):
            raise ValueError(f"source: {source.group.name} shifts pixels, which pooling would skip")
        if grid.d > 3:
            raise ValueError(f"source: should have at most 3 axes, got Grid({grid.d})")
        self.source = self.target = source
        self.output_size = output_size
        self._d = grid.d
        self._check = GridCheck.of(source)

    def extra_repr(self) -> str:
        """Size."""
        return f"output_size={self.output_size}"


@register_layer("steerable/AdaptiveAvgPool", example=Example(_example, _inputs))
class AdaptiveAvgPool(AdaptivePool):
    """Means over windows that give a fixed number of pixels, whatever comes in.

    Window i of m covers the pixels from ⌊i n/m⌋ up to ⌈(i + 1) n/m⌉ of n, so windows lie alike seen
    from both ends: exact under 90° rotations and reflections at every size. Windows overlap where m
    does not divide n.

    Args:
        source: field of any representation on a grid.
        output_size: pixels along each axis that come out.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, source.channels, output_size, …)``.

    Raises:
        ValueError: no positive size, a group that does not act on the grid or that shifts pixels.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> pool = AdaptiveAvgPool(Field(Grid(2), geomdl.group("D4").standard), 5)
        >>> pool(torch.zeros(1, 2, 28, 28)).shape
        torch.Size([1, 2, 5, 5])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        self._check.shape(self, x)
        pool = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)[self._d - 1]
        return pool(x, self.output_size)


@register_layer("steerable/AdaptiveMaxPool", example=Example(_example_max, _inputs))
class AdaptiveMaxPool(AdaptivePool):
    """Maxima over the windows of `AdaptiveAvgPool`. Exact in the same way.

    Args:
        source: field of a permutation representation on a grid.
        output_size: pixels along each axis that come out.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, source.channels, output_size, …)``.

    Raises:
        ValueError: no permutation representation, no positive size, a group that does not act on
            the grid or that shifts pixels.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> pool = AdaptiveMaxPool(Field(Grid(2), geomdl.group("D4").regular), 5)
        >>> pool(torch.zeros(1, 8, 28, 28)).shape
        torch.Size([1, 8, 5, 5])
    """

    def __init__(self, source: Field, output_size: int) -> None:
        permutes(source, "AdaptiveMaxPool")
        super().__init__(source, output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        self._check.shape(self, x)
        pool = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[self._d - 1]
        return pool(x, self.output_size)
