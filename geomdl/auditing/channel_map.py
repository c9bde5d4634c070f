"""Fit how a layer's channels mix under a group element, where nobody has declared it."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from geomdl.auditing.statistics import rms
from geomdl.auditing.trees import Leaf
from geomdl.fields import Field, Grid, Nodes, Points, Vector
from geomdl.fields.motion import periods
from geomdl.groups import Group

RCOND = 1e-12  # directions of the channels that vary by less, relatively, count as unseen
SEEN = 1e-9  # a place with more than this in an unseen direction is not judged


@dataclass(frozen=True)
class Places:
    """How an element moves the places of a foreign tensor, read off the inputs of the network.

    On grids the last d axes are space, the first is the batch, and all between are channels; a
    tensor of two axes has no space left. Beside nodes or points, a tensor that starts with their
    axes lives on them. Everything else has samples on its first axis and stays in place.

    Attributes:
        group: group of the fields.
        grid: the grid of the inputs, if there is one.
        sizes: its spatial sizes.
        nodes: leading shape of node features up to the node axis, if there are nodes.
        lead: number of sample axes of vectors.
    """

    group: Group
    grid: Grid | None = None
    sizes: tuple[int, ...] = ()
    nodes: tuple[int, ...] | None = None
    lead: int = 1

    @staticmethod
    def of(group: Group, inputs: tuple[Leaf, ...]) -> "Places":
        """Read the places off the leaves of the inputs."""
        grid: Grid | None = None
        sizes: tuple[int, ...] = ()
        nodes: tuple[int, ...] | None = None
        lead = 1
        for leaf in inputs:
            if leaf.field is None or not isinstance(leaf.value, Tensor):
                continue
            axes = leaf.value.ndim - len(leaf.field.fibre)
            if isinstance(leaf.field.domain, Grid) and grid is None:
                grid, sizes = leaf.field.domain, tuple(leaf.value.shape[2:])
            elif isinstance(leaf.field.domain, Nodes | Points):
                nodes = nodes or tuple(leaf.value.shape[:axes])
            elif isinstance(leaf.field.domain, Vector):
                lead = max(lead, axes)
        return Places(group, grid, sizes, nodes, lead)

    def rows(self, g: Any, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor] | str:
        """Values at matching places: of the moved tensor before, and of the tensor after.

        Args:
            g: one element.
            before: what the layer gave for x.
            after: what it gave for g x.

        Returns:
            two tensors (places, channels), or why there are none.
        """
        if self.grid is not None and before.ndim > 2:
            if before.ndim < self.grid.d + 2:
                space = ", ".join(["size"] * self.grid.d)
                return f"shape {tuple(before.shape)} is not (batch, channels, {space})"
            before, after = (t.flatten(1, -1 - self.grid.d) for t in (before, after))
            if not before.shape[1]:
                return "no channels"
            grid = coarser(self.grid, self.group, self.sizes, tuple(before.shape[2:]))
            field = Field(grid, before.shape[1] * self.group.trivial)
            try:
                moved = field.act(g, before)
            except ValueError as error:
                return str(error)
            if moved.shape != after.shape:
                return f"shape {tuple(after.shape)} for g x, {tuple(moved.shape)} for x"
            if field.exact(g, before):
                moved, after = moved.flatten(2), after.flatten(2)
            else:
                mask = field.mask(after)
                moved, after = moved[..., mask], after[..., mask]
            return moved.mT.flatten(0, 1), after.mT.flatten(0, 1)
        if before.shape != after.shape:
            return f"shape {tuple(after.shape)} for g x, {tuple(before.shape)} for x"
        lead = self.lead
        if self.nodes is not None and tuple(before.shape[: len(self.nodes)]) == self.nodes:
            lead = len(self.nodes)
            permutation = self.group.parts(g).permutation
            if permutation is not None:
                before = before.index_select(lead - 1, permutation.argsort().to(before.device))
        lead = min(lead, before.ndim)
        flat = before.shape[:lead].numel(), before.shape[lead:].numel()
        return before.reshape(flat), after.reshape(flat)


def coarser(grid: Grid, group: Group, sizes: tuple[int, ...], new: tuple[int, ...]) -> Grid:
    """The grid of an array that a layer made of one of other sizes: a stride makes shifts smaller.

    A unit shift of s pixels is one of s · new / sizes; where that is no whole number the layer
    breaks the symmetry, and is judged on the grid as it was.
    """
    if periods(group) is None or len(new) != len(sizes):
        return grid
    moved = {divmod(grid.resolution * m, n) for m, n in zip(new, sizes, strict=True)}
    whole, rest = moved.pop()
    return grid if moved or rest or not whole else replace(grid, resolution=whole)


@dataclass(frozen=True)
class Fit:
    """Relative residual of v(g x) = R g·v(x): with the fitted R, and with R = 1."""

    residual: float
    before: float


def enough(channels: int) -> int:
    """Rows that a fit of `channels` needs, so that the other half of the data can contradict it."""
    return channels + channels // 2 + 8


def fit(known: tuple[Tensor, Tensor], fresh: tuple[Tensor, Tensor]) -> Fit | str:
    """Fit the channel map R_g on one half of the data, and return its residual on the other.

    R minimises ‖R v − v'‖ over the rows of `known`; the residual is ‖R v − v'‖ / ‖v' − mean v'‖
    over the rows of `fresh`, but for rows with a channel at work that never was in `known` (a ReLU
    that seldom opens), about which R cannot know. A correct layer has a large residual before the
    fit and none after; a plain convolution keeps about one half.

    Args:
        known: (v moved in space, v'), each (rows, channels), to fit on.
        fresh: the same of other inputs, to test on.

    Returns:
        the residuals, or why there are none: fewer rows than `enough` (or than half of
        that to judge by), or constant values.

    Example:
        >>> v = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
        >>> turned = v.roll(1, dims=1)
        >>> found = fit((v[:20], turned[:20]), (v[20:], turned[20:]))
        >>> found.residual < 1e-5 < found.before
        True
    """
    (a, b), (a_fresh, b_fresh) = known, fresh
    wide = torch.complex128 if b.is_complex() else torch.float64
    rows, channels = a.shape
    if rows < enough(channels) or not len(a_fresh):
        return f"{rows} samples are too few for {channels} channels"
    if not all(bool(t.isfinite().all()) for t in (a, b, a_fresh, b_fresh)):
        return Fit(math.nan, math.nan)
    spread = rms(b_fresh - b_fresh.mean(0))
    if not spread > 8 * torch.finfo(b.dtype).eps * rms(b_fresh):
        return "constant"
    a, b, a_fresh, b_fresh = (t.to("cpu", wide) for t in (a, b, a_fresh, b_fresh))
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    seen = s > RCOND * s[0]
    outside = (a_fresh - (a_fresh @ vh[seen].mH) @ vh[seen]).norm(dim=1)
    judged = outside <= SEEN * s[0] / math.sqrt(rows)
    if int(judged.sum()) < min(enough(channels), len(judged)) // 2:
        return f"{channels} channels are too seldom active for {rows} samples"
    a_fresh, b_fresh = a_fresh[judged], b_fresh[judged]
    solution = (vh[seen].mH / s[seen]) @ (u[:, seen].mH @ b)
    return Fit(rms(a_fresh @ solution - b_fresh) / spread, rms(a_fresh - b_fresh) / spread)
