"""Pooling over windows of pixels, over the whole grid, and over the group."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, Vector
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, copies, fibre_axis, named, permutes
from geomdl.steerable.low_pass import blur
from geomdl.steerable.taps import grid_of
from geomdl.steerable.window_pool import WindowPool


def _field(with_standard: bool = False) -> Field:
    G = groups.group("D4")
    return Field(Grid(2), G.regular + (G.standard if with_standard else 2 * G.trivial))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 10, 9, 9, generator=rng, dtype=torch.float64),)


@register_layer("steerable/AvgPool", example=Example(lambda: AvgPool(_field(True)), _inputs))
class AvgPool(WindowPool):
    """Mean over windows of pixels, exact under 90° rotations and reflections.

    Without ``kernel_size`` the window is ``stride + n mod stride`` pixels wide: for stride 2 it is
    2 for even sizes and 3 for odd ones, so windows are centred at every size.

    With ``antialias`` the mean is weighted by a Gaussian about the centre of that window, cut off
    at 4σ (rounded to a pixel) and at the border of the array, where the weights that are left are
    made to sum to one. The error at other angles falls with the width of the detail in the image
    and with σ, which takes detail out: at 45°, stride 2, at the centre of 31 × 31 pixels, on
    Gaussian spots of width 1 pixel within 2 pixels of it, it is 0.021 with equal weights and 0.0018
    with σ = 0.7.

    Args:
        source: field of any representation on a grid.
        stride: pixels from one window to the next; n pixels become n // stride.
        kernel_size: width of the window; then sizes that break the symmetry are refused.
        padding: zeros added at both ends, counted in the mean; on a periodic grid the pixels from
            the other end. Needs ``kernel_size``.
        antialias: standard deviation σ in pixels of a Gaussian in place of the equal weights, about
            the centres of the windows (``kernel_size=1``: about every ``stride``-th pixel); None
            for none.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, source.channels, *spatial')``.

    Raises:
        ValueError: a group that does not act on the grid, ``padding`` beside ``antialias``; for a
            group that shifts pixels a stride, or fewer pixels out than in; or, at the call, a size
            that breaks the symmetry.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> pool = AvgPool(Field(Grid(2), geomdl.group("D4").standard))
        >>> pool(torch.zeros(1, 2, 28, 28)).shape[2:], pool(torch.zeros(1, 2, 29, 29)).shape[2:]
        (torch.Size([14, 14]), torch.Size([14, 14]))

    Source: Zhang 2019, arXiv:1904.11486 (low-pass filters before strides).
    """

    def prepare(self) -> None:
        """Refuse zeros under a Gaussian."""
        if self.antialias is not None and self.padding:
            raise ValueError(
                f"padding: should be 0 beside antialias={self.antialias}, got {self.padding}"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        window = self.window(x)
        if self.antialias is not None:
            return named(self, blur, x, self.antialias, self.stride, window, self.wrap)
        x, padding = self.extended(x)
        pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[self._grid.d - 1]
        if self._grid.d == 3 and x.itemsize == 2:  # no half precision for volumes on a CPU
            return pool(x.float(), window, self.stride, padding).to(x.dtype)
        return pool(x, window, self.stride, padding)


@register_layer("steerable/MaxPool", example=Example(lambda: MaxPool(_field()), _inputs))
class MaxPool(WindowPool):
    """Maximum over windows of pixels, exact under 90° rotations and reflections.

    The window is chosen as in :class:`AvgPool`. With ``antialias`` maxima are taken at every place;
    one place in ``stride`` is kept after a Gaussian mean (2·round(4σ) + 1 places wide, its weights
    made to sum to one at the border). The error at 45°, measured as for :class:`AvgPool`, falls
    from 0.15 to 0.073 with σ = 0.7 and to 0.039 with σ = 1.4.

    Args:
        source: field of a permutation representation on a grid.
        stride: pixels from one window to the next; n pixels become n // stride.
        kernel_size: width of the window; then sizes that break the symmetry are refused.
        padding: pixels ignored by the maximum, added at both ends; on a periodic grid the pixels
            from the other end. Needs ``kernel_size``.
        antialias: standard deviation σ in pixels of the Gaussian; None for none.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, source.channels, *spatial')``.

    Raises:
        ValueError: the representation is no permutation (see ``NormMaxPool`` for others), the group
            does not act on the grid, or it shifts pixels and there would be fewer; or, at the call,
            a size that breaks the symmetry.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> pool = MaxPool(Field(Grid(2), geomdl.group("D4").regular), antialias=0.6)
        >>> pool(torch.zeros(1, 8, 29, 29)).shape
        torch.Size([1, 8, 14, 14])

    Source: Zhang 2019, arXiv:1904.11486.
    """

    def prepare(self) -> None:
        """Refuse numbers that the group mixes."""
        permutes(self.source, "MaxPool")

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        window = self.window(x)
        x, padding = self.extended(x)
        pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self._grid.d - 1]
        if self.antialias is not None:
            return self.thinned(pool(x, window, 1, padding))
        return pool(x, window, self.stride, padding)


@register_layer("steerable/GlobalPool", example=Example(lambda: GlobalPool(_field(True)), _inputs))
class GlobalPool(nn.Module):
    """Mean or maximum over all pixels: a vector field without places. Exact.

    Args:
        source: field on a grid; a permutation representation for the maximum.
        mode: "mean" or "max".

    Shape:
        ``(batch, source.channels, *spatial)`` -> (batch, source.channels).

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> pool = GlobalPool(Field(Grid(2), geomdl.group("D4").standard))
        >>> pool(torch.zeros(1, 2, 7, 7)).shape, pool.target.domain
        (torch.Size([1, 2]), Vector())
    """

    def __init__(self, source: Field, mode: Literal["mean", "max"] = "mean") -> None:
        super().__init__()
        _mode(mode)
        if mode == "max":
            permutes(source, "a maximum")
        grid_of(source, "source")
        self.source, self.target = source, Field(Vector(), source.rep)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        check_input(self.source, x)
        flat = x.flatten(2)
        return flat.mean(2) if self.mode == "mean" else flat.amax(2)

    def extra_repr(self) -> str:
        """Mode."""
        return self.mode


@register_layer("steerable/GroupPool", example=Example(lambda: GroupPool(_field()), _inputs))
class GroupPool(nn.Module):
    """Maximum or mean over the channels of each copy: invariant fields. Exact.

    Args:
        source: field of a permutation representation, on a grid or a plain vector.
        mode: "max" or "mean".

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, copies, *spatial)``, one trivial field
        for each copy (for ``8 * G.regular``: 8).

    Raises:
        ValueError: not a permutation representation.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> pool = GroupPool(Field(Grid(2), 8 * geomdl.group("D4").regular))
        >>> pool.target.rep
        <8·trivial of D4, dim 8>
    """

    def __init__(self, source: Field, mode: Literal["mean", "max"] = "max") -> None:
        super().__init__()
        _mode(mode)
        permutes(source, "GroupPool")
        self._axis = fibre_axis(source)
        self.source = source
        self.target = Field(source.domain, copies(source.rep) * source.group.trivial)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        check_input(self.source, x)
        axis = self._axis % x.ndim
        blocks = self.source.rep.blocks
        pieces = []
        for piece, (rep, n) in zip(
            x.split([r.dim * m for r, m in blocks], axis), blocks, strict=True
        ):
            channels = piece.unflatten(axis, (n, rep.dim))
            pooled = channels.amax(axis + 1) if self.mode == "max" else channels.mean(axis + 1)
            pieces.append(pooled)
        return torch.cat(pieces, axis) if len(pieces) > 1 else pieces[0]

    def extra_repr(self) -> str:
        """Mode."""
        return self.mode


def _mode(mode: str) -> None:
    if mode not in ("mean", "max"):
        raise ValueError(f"mode: should be 'mean' or 'max', got {mode!r}")
