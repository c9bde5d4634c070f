"""escnn's mask, which falls off in another way than ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.fields.grid import coordinates
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import GridCheck, named, shifts
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.masks import mask as plain_mask
from geomdl.steerable.taps import grid_of


def _example() -> nn.Module:
    G = groups.group("D4")
    return Mask(Field(Grid(2), G.trivial + G.standard), 7, margin=10.0)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 3, 7, 7, generator=rng, dtype=torch.float64),)


@register_layer("escnn/Mask", example=Example(_example, _inputs))
class Mask(nn.Module):
    """Multiplies by the disc (ball) of escnn's MaskModule, whose rim is a Gaussian of |p|².

    y(p) = x(p) exp(−max(0, |p|² − R²)/σ²), R = (1 − margin/100) (n − 1)/2. `geomdl.steerable.Mask`
    falls off in the distance from the rim instead. Under 90° rotations and reflections exact; under
    others the error is that of the action.

    Args:
        source: field of any representation on a grid.
        size: pixels n along each axis.
        margin: part of the radius left outside, in per cent.
        sigma: width σ in pixels.

    Shape:
        unchanged, ``(batch, source.channels, size, …)``.

    Raises:
        ValueError: a group that shifts pixels, or sizes out of range; at the call, another size.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> mask = Mask(Field(Grid(2), geomdl.group("C8").trivial), 29, margin=1.0)
        >>> round(mask(torch.ones(1, 1, 29, 29))[0, 0, 14, 0].item(), 4)
        0.3772

    Source: Weiler and Cesa 2019, arXiv:1911.08251 (escnn's MaskModule).
    """

    mask: Tensor

    def __init__(self, source: Field, size: int, margin: float = 0.0, sigma: float = 2.0) -> None:
        super().__init__()
        if shifts(source):
            raise ValueError(f"source: {source.group.name} shifts pixels, which a mask would stop")
        if size < 1:
            raise ValueError(f"size: should be 1 or more, got {size}")
        if not (margin <= 100 and sigma > 0):
            raise ValueError(
                f"margin, sigma: should be at most 100 and positive, got {margin} and {sigma}"
            )
        self.source = self.target = source
        self.size, self.margin, self.sigma = size, margin, sigma
        self._d = grid_of(source, "source").d
        self._check = GridCheck.of(source)
        held = self._exact().to(torch.get_default_dtype(), copy=True)
        self.register_buffer("mask", held, persistent=False)

    def _exact(self) -> Tensor:
        square = coordinates((self.size,) * self._d).square().sum(-1)
        radius = (1 - self.margin / 100) * (self.size - 1) / 2
        return torch.exp(-(square - radius**2).clamp(min=0) / self.sigma**2)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.mask = self._exact().to(self.mask, copy=True)
        return self

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output: the same.

        Raises:
            ValueError: other sizes than the mask's.
        """
        own = (self.size,) * self._d
        if tuple(sizes) != own:
            raise ValueError(f"x: sizes should be {own}, got {tuple(sizes)}")
        return own

    def forward(self, x: Tensor) -> Tensor:
        """Mask a batch of fields."""
        self._check.shape(self, x)
        named(self, self.sizes, x.shape[2:])
        return x * self.mask.to(x.dtype)

    def extra_repr(self) -> str:
        """Size and rim."""
        return f"size={self.size}, margin={self.margin:g}, sigma={self.sigma:g}"


form_of(Mask)(plain_mask)
