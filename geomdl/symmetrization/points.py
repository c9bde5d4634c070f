"""Frames of point clouds: principal axes, weighted frames of single points, centroids."""

import itertools
from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Type
from geomdl.groups import Group
from geomdl.groups import elements as el
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.semidirect import SemidirectProduct
from geomdl.symmetrization.action import Action
from geomdl.symmetrization.clouds import choose, holds_positions, holds_vectors
from geomdl.symmetrization.frame import LARGEST, Frame, Weighted
from geomdl.symmetrization.orthonormal import completed, directions, eigenvectors, without

_VECTORS = "points or vectors that the group turns by its matrices"


class Centred(Frame):
    """Elements (h, c): c is the centroid, h from a frame of the inputs moved by −c.

    Args:
        group: R^d, or R^d ⋊ H.
        inner: frame of H; None for R^d.
        source: type of the inputs, one of which should hold `geomdl.fields.positions`.
        by: name of that input; by default the first.
    """

    def __init__(
        self, group: Group, inner: Frame | None, source: Type, by: str | None = None
    ) -> None:
        super().__init__(group, inner.size if inner else 1)
        self.reading = choose(source, by, holds_positions, f"positions, which {group.name} moves")
        self.action = Action(source, "x")
        self.inner = inner

    @property
    def count(self) -> str:
        """That of the inner frame."""
        return self.inner.count if self.inner else "1"

    def forward(self, inputs: Any) -> Weighted:
        """Elements of the inner frame, each with the centroid."""
        centre = self.reading.vectors(inputs).mean(-2)
        if self.inner is None:
            return Weighted(centre.unsqueeze(0), -centre.unsqueeze(0), [1.0])
        assert isinstance(self.group, SemidirectProduct)
        point, batch = self.group.point, centre.shape[:-1]
        home = (el.expand(point, point.identity, batch), -centre)
        found = self.inner(self.action(home, inputs))
        turns, k = el.leaf_map(lambda t: t.to(centre.device), found.elements), len(found.weights)
        if len(el.batch_shape(point, turns)) == 1 and batch:
            turns = el.leaf_map(lambda t: t.unsqueeze(1), turns)
        turns = el.expand(point, turns, (k, *batch))
        elements = (turns, centre.expand(k, *centre.shape))
        return Weighted(elements, self.group.inverse(elements), found.weights, found.straight)


class PrincipalAxes(Frame):
    """The principal axes of a cloud with all their signs: 2^d matrices, 2^(d−1) rotations.

    Columns are the eigenvectors of Σ_i x_i x_iᵀ in ascending order. Exact where the eigenvalues are
    distinct; it jumps where two of them cross. Where two are equal (symmetric clouds, points on a
    line) gradients leave out the turns of their axes within the plane of both, which are infinite.

    Args:
        group: O(d) or SO(d).
        source: type of the inputs, one of which should hold points or vectors.
        by: name of that input; by default the first.

    Source: Puny et al. 2022, arXiv:2110.03336.
    """

    def __init__(self, group: Orthogonal, source: Type, by: str | None = None) -> None:
        d = group.n
        choices = torch.tensor(list(itertools.product((1.0, -1.0), repeat=d)), dtype=torch.float64)
        signs = choices[choices.prod(-1) > 0] if group.special else choices
        super().__init__(group, len(signs))
        self.reading = choose(source, by, holds_vectors, _VECTORS)
        self.signs = signs  # (k, d)

    def forward(self, inputs: Any) -> Weighted:
        """Matrices (k, …, d, d), equally weighted."""
        v = self.reading.vectors(inputs)
        moment = v.mT @ v
        finite = moment.isfinite().all(-1).all(-1)[..., None, None]
        some = torch.arange(v.shape[-1]).to(moment).diag()
        axes = eigenvectors(torch.where(finite, moment, some))
        assert isinstance(self.group, Orthogonal)
        if self.group.special:
            last = torch.linalg.det(axes.detach()).sign()[..., None, None] * axes[..., -1:]
            axes = torch.cat([axes[..., :-1], last], -1)
        k, d = self.signs.shape
        signs = self.signs.to(axes).reshape(k, *[1] * (axes.ndim - 1), d)
        elements = signs * axes
        return Weighted(elements, elements.mT, [1 / k] * k)


class PointFrames(Frame):
    """Frames of every d − 1 points in order, weighted by how far these span them.

    The first axis is along x_i with weight |x_i|² / Σ_k |x_k|²; with P the projection off the axes
    so far, the next is along P x_j with weight |P x_j|² / Σ_k |P x_k|², and so on; the last
    completes the basis, for O(d) with both signs. A frame that jumps has weight zero where it does,
    so that invariant averages are *continuous* everywhere, and equivariant ones wherever the points
    span d − 1 dimensions (elsewhere rotations fix the input, and y depends on which is taken). No
    unweighted frame that can be computed efficiently is. There are n^(d − 1) of them for n points,
    for O(d) twice as many; more than 50,000 are refused (158 points in space, for O(3)).

    Args:
        group: O(d) or SO(d).
        source: type of the inputs, one of which should hold points or vectors.
        by: name of that input; by default the first.

    Source: Dym, Lawrence and Siegel 2024, arXiv:2402.16077, for weighted frames.
    """

    def __init__(self, group: Orthogonal, source: Type, by: str | None = None) -> None:
        super().__init__(group, None)
        self.reading = choose(source, by, holds_vectors, _VECTORS)

    @property
    def count(self) -> str:
        """In terms of the number n of points."""
        assert isinstance(self.group, Orthogonal)
        power = self.group.n - 1
        points = {0: "", 1: "n"}.get(power, f"n^{power}")
        return " ".join(part for part in ("" if self.group.special else "2", points) if part) or "1"

    def forward(self, inputs: Any) -> Weighted:
        """Matrices (k, …, d, d) and weights (k, …)."""
        v = self.reading.vectors(inputs)
        n, d, batch = v.shape[-2], v.shape[-1], v.shape[:-2]
        assert isinstance(self.group, Orthogonal)
        count = n ** (d - 1) * (1 if self.group.special else 2)
        if count > LARGEST:
            raise ValueError(
                f"x: expected at most {LARGEST} weighted frames, got {count} of {n} points; read"
                " them from fewer (by=), or take weighted=False, or mode='canonical'"
            )
        projector = torch.eye(d, dtype=v.dtype, device=v.device).expand(1, *batch, d, d)
        weights = v.new_ones(1, *batch)
        columns: list[Tensor] = []
        for _ in range(d - 1):  # each of the k frames so far goes on in n ways
            unit, square = (t.movedim(1 + len(batch), 1) for t in directions(projector, v))
            total = square.sum(1, keepdim=True)  # of (k, n, …)
            share = torch.where(total > 0, square / torch.where(total > 0, total, 1.0), 1 / n)
            weights = (weights.unsqueeze(1) * share).flatten(0, 1)
            columns = [*(c.repeat_interleave(n, 0) for c in columns), unit.flatten(0, 1)]
            projector = without(projector.repeat_interleave(n, 0), columns[-1])
        matrices = completed(columns, projector)
        if not self.group.special:
            mirrored = torch.cat([matrices[..., :-1], -matrices[..., -1:]], -1)
            matrices, weights = torch.cat([matrices, mirrored]), torch.cat([weights, weights]) / 2
        return Weighted(matrices, matrices.mT, weights)
