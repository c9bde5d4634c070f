"""Dropout of whole fields."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, Vector
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, fibre_axis, is_real, permutes


def _example() -> nn.Module:
    G = groups.group("D4")
    return Dropout(Field(Grid(2), 2 * G.regular + 2 * G.standard))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 20, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Dropout", example=Example(_example, _inputs))
class Dropout(nn.Module):
    """In training, whole copies of a representation become zero at random; the others are scaled.

    y = x / (1 - p) or 0, drawn anew for each sample and each copy, as in ``torch.nn.Dropout`` from
    PyTorch's global random state. In evaluation y = x. A given mask commutes with the group exactly
    if it is the same at all pixels; else, and for single channels, the group moves the mask along,
    and the distribution of y is what commutes.

    Args:
        source: field of any representation, on a grid or a plain vector.
        p: probability of zero, 0 ≤ p < 1.
        per_pixel: whether the copies of each pixel are drawn by themselves, instead of a copy on
            all pixels.
        pointwise: whether the channels of a copy are drawn by themselves; a permutation
            representation then.

    Shape:
        unchanged.

    Raises:
        ValueError: p out of range, or pointwise without a permutation representation.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> drop = Dropout(Field(Vector(), 3 * geomdl.group("D4").standard), 0.5)
        >>> y = drop(torch.ones(1000, 6)).reshape(-1, 2)  # both numbers of a vector, or none
        >>> bool((y[:, 0] == y[:, 1]).all()), y.unique().tolist()
        (True, [0.0, 2.0])

    Source: Srivastava et al. 2014; Tompson et al. 2015, arXiv:1411.4280 (whole channels).
    """

    index: Tensor

    def __init__(
        self, source: Field, p: float = 0.5, per_pixel: bool = False, pointwise: bool = False
    ) -> None:
        super().__init__()
        fibre_axis(source)
        if not (is_real(p) and 0 <= p < 1):
            raise ValueError(f"p: should be at least 0 and less than 1, got {p!r}")
        if pointwise:
            permutes(source, "pointwise dropout")
        self.source = self.target = source
        self.p, self.per_pixel, self.pointwise = p, per_pixel, pointwise
        sizes = torch.tensor([rep.dim for rep, n in source.rep.blocks for _ in range(n)])
        copy = torch.arange(len(sizes)).repeat_interleave(sizes)  # of each channel
        index = torch.arange(source.rep.dim) if pointwise else copy
        self.register_buffer("index", index, persistent=False)
        self._masks = source.rep.dim if pointwise else len(sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Drop copies of a batch of fields when training."""
        check_input(self.source, x)
        if not self.training or self.p == 0:
            return x
        if isinstance(self.source.domain, Vector):
            mask = F.dropout(x.new_ones(*x.shape[:-1], self._masks), self.p)
            return x * mask.index_select(-1, self.index)
        places = x.shape[2:] if self.per_pixel else (1,) * (x.ndim - 2)
        mask = F.dropout(x.new_ones(x.shape[0], self._masks, *places), self.p)
        return x * mask.index_select(1, self.index)

    def extra_repr(self) -> str:
        """Probability and what is dropped."""
        return f"p={self.p}, per_pixel={self.per_pixel}, pointwise={self.pointwise}"
