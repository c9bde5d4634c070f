"""Pools by norms, for representations that are no permutations."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups.rep import direct_sum
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, fibre_axis
from geomdl.steerable.irrep_basis import flattened, orthogonal, unflattened
from geomdl.steerable.parts import coset_action, parts_of
from geomdl.steerable.vector_norms import norms
from geomdl.steerable.window_pool import WindowPool

_TIE = 16  # norms that differ by fewer roundings than this are taken for equal


def _field() -> Field:
    G = groups.group("D4")
    return Field(Grid(2), 2 * G.standard + G.regular)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 12, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/NormPool", example=Example(lambda: NormPool(_field()), _inputs))
class NormPool(nn.Module):
    """Norm of each copy: invariant fields, |x| = (Σ_i x_i²)^(1/2). Exact.

    The gradient is x / |x|, and zero where x is zero.

    Args:
        source: field of an orthogonal representation, on a grid or a plain vector.
        per_coset: one norm for each coset of an induced representation (for each component of a
            permutation representation), which the group then permutes.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, copies, *spatial)``, one trivial field
        for each copy; with ``per_coset`` one field on the cosets.

    Raises:
        ValueError: a representation that is not orthogonal; with ``per_coset``, one that is neither
            induced nor a permutation.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> D4 = geomdl.group("D4")
        >>> NormPool(Field(Grid(2), 3 * D4.standard)).target.rep
        <3·trivial of D4, dim 3>
        >>> C4 = D4.subgroup("C4")
        >>> vectors = C4.group.standard.induce(C4)
        >>> NormPool(Field(Grid(2), 3 * vectors), per_coset=True).target.rep
        <3·quotient(C4) of D4, dim 6>
    """

    def __init__(self, source: Field, per_coset: bool = False) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        orthogonal(source, "NormPool")
        self._parts = parts_of(source.rep, per_coset)
        pooled = [
            (coset_action(r) if per_coset else r.group.trivial, n) for r, n in source.rep.blocks
        ]
        self.source, self.target = source, Field(source.domain, direct_sum(pooled))
        self.per_coset = per_coset

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        check_input(self.source, x)
        flat = flattened(x, self._axis)
        pieces = flat.split([part.channels for part in self._parts], 1)
        pooled = [
            norms(piece.unflatten(1, (-1, part.size)), 2).squeeze(2).to(x.dtype)
            for piece, part in zip(pieces, self._parts, strict=True)
        ]
        return unflattened(torch.cat(pooled, 1) if len(pooled) > 1 else pooled[0], x, self._axis)

    def extra_repr(self) -> str:
        """Representations."""
        return f"{self.source.rep.name} -> {self.target.rep.name}"


@register_layer("steerable/NormMaxPool", example=Example(lambda: NormMaxPool(_field()), _inputs))
class NormMaxPool(WindowPool):
    """In each window, every copy as it is at the pixel where its norm is largest.

    Exact under 90° rotations and reflections, for any orthogonal representation; windows as in
    :class:`~geomdl.steerable.AvgPool`. Where norms are equal up to rounding, the copies are
    averaged, so that an image with a symmetry of its own keeps it.

    Args:
        source: field of an orthogonal representation on a grid.
        stride: pixels from one window to the next; n pixels become n // stride.
        kernel_size: width of the window; then sizes that break the symmetry are refused.
        padding: pixels ignored, added at both ends; on a periodic grid the pixels from the other
            end. Needs ``kernel_size``.
        antialias: standard deviation σ in pixels of a Gaussian mean between the choice, then made
            at every place, and the stride; None for none.

    Shape:
        ``(batch, source.channels, *spatial)`` -> ``(batch, source.channels, *spatial')``.

    Raises:
        ValueError: a representation that is not orthogonal, a group that does not act on the grid;
            or, at the call, a size that breaks the symmetry.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> pool = NormMaxPool(Field(Grid(2), geomdl.group("D4").standard))
        >>> x = torch.tensor([[[[3.0, 0.0], [0.0, 1.0]], [[4.0, 0.0], [0.0, 1.0]]]])
        >>> pool(x).flatten().tolist()
        [3.0, 4.0]
    """

    def prepare(self) -> None:
        """Find the copies, whose norms should be invariant."""
        orthogonal(self.source, "NormMaxPool")
        self._parts = parts_of(self.source.rep, False)

    def forward(self, x: Tensor) -> Tensor:
        """Pool a batch of fields."""
        window = self.window(x)
        stride = self.stride if self.antialias is None else 1
        x, padding = self.extended(x)
        pieces = x.split([part.channels for part in self._parts], 1)
        pooled = []
        for piece, part in zip(pieces, self._parts, strict=True):
            copies = piece.unflatten(1, (part.copies, part.size))
            pooled.append(_largest(copies, window, stride, padding).flatten(1, 2))
        y = torch.cat(pooled, 1) if len(pooled) > 1 else pooled[0]
        return y if self.antialias is None else self.thinned(y)


def _largest(x: Tensor, window: list[int], stride: int, padding: int) -> Tensor:
    """Copies (batch, copies, dim, *spatial) of largest norm in each window."""
    sizes = norms(x.detach(), 2)
    if padding:
        around = [padding] * (2 * len(window))
        x, sizes = F.pad(x, around), F.pad(sizes, around, value=-1.0)
    for axis, width in enumerate(window):  # windows become the last axes
        x, sizes = (t.unfold(3 + axis, width, stride) for t in (x, sizes))
    inside = tuple(range(-len(window), 0))
    rounding = _TIE * torch.finfo(torch.promote_types(x.dtype, torch.float32)).eps
    chosen = sizes >= sizes.amax(inside, keepdim=True) * (1 - rounding)
    weights = chosen.to(x.dtype)
    pooled: Tensor = (x * (weights / weights.sum(inside, keepdim=True))).sum(inside)
    return pooled
