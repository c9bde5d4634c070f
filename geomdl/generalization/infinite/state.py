"""What flows through an infinitely wide network: covariances of the features, place by place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from geomdl.groups import Group

Map = Callable[[Tensor], Tensor]  # (..., places, places) -> (..., new places, new places)


@dataclass(frozen=True)
class Places:
    """Where the features of one sample sit: at a vector's only place, on pixels, on nodes.

    Attributes:
        grid: height and width; group elements times pixels, in this order, if there is a group.
        group: whose elements index copies of the grid, after a lifting.
        nodes: number of nodes (or of pooled graphs).
    """

    grid: tuple[int, int] | None = None
    group: Group | None = None
    nodes: int | None = None

    @property
    def order(self) -> int:
        """Copies of the grid."""
        return 1 if self.group is None else int(self.group.order or 0)

    @property
    def size(self) -> int:
        """How many places."""
        if self.nodes is not None:
            return self.nodes
        return 1 if self.grid is None else self.grid[0] * self.grid[1] * self.order

    def __str__(self) -> str:
        if self.nodes is not None:
            return f"{self.nodes} nodes"
        if self.grid is None:
            return "vectors"
        lifted = "" if self.group is None else f" of {self.group.name}"
        return f"pixels {self.grid[0]}×{self.grid[1]}{lifted}"


VECTOR = Places()


@dataclass(frozen=True)
class Covariances:
    """Covariances of one channel, and the tangent kernel, between two batches of samples.

    Attributes:
        places: what the last two axes run over.
        cross: E f(x₁, p) f(x₂, q), shape (n1, n2, places, places).
        tangent: the neural tangent kernel, of the same shape.
        left: E f(x₁, p) f(x₁, q), shape (n1, places, places).
        right: the same for x₂.
        same: whether both batches are one.
        gaussian: whether the channel is a Gaussian process, as a non-linearity needs it.
    """

    places: Places
    cross: Tensor
    tangent: Tensor
    left: Tensor
    right: Tensor
    same: bool
    gaussian: bool = False

    @staticmethod
    def of(x1: Tensor, x2: Tensor, places: Places, same: bool) -> Covariances:
        """Of inputs (n, places, channels): x₁(p)·x₂(q) / channels."""
        channels = x1.shape[-1]
        cross = torch.einsum("ipc,jqc->ijpq", x1, x2) / channels
        left, right = (torch.einsum("ipc,iqc->ipq", x, x) / channels for x in (x1, x2))
        return Covariances(places, cross, torch.zeros_like(cross), left, right, same)

    def mapped(self, f: Map, places: Places, gaussian: bool | None = None) -> Covariances:
        """All four under a linear map of the places."""
        cross, tangent, left, right = map(f, (self.cross, self.tangent, self.left, self.right))
        gaussian = self.gaussian if gaussian is None else gaussian
        return Covariances(places, cross, tangent, left, right, self.same, gaussian)

    def settled(self) -> Covariances:
        """Each sample of one batch with itself to the last digit: rounding opens angles."""
        if not self.same:
            return self
        cross, i = self.cross.clone(), torch.arange(len(self.left))
        cross[i, i] = self.left
        return replace(self, cross=cross)


def gathered(kernel: Tensor, index: Tensor) -> Tensor:
    """Mean over j of kernel[index_j(p), index_j(q)]; an index of -1 reads zero.

    Args:
        kernel: shape (..., places, places).
        index: shape (maps, new places).

    Returns:
        Shape (..., new places, new places).
    """
    places, flat, total = kernel.shape[-1], kernel.flatten(-2), None
    for row in index:
        inside, at = row >= 0, row.clamp(min=0)
        term = flat.index_select(-1, (at[:, None] * places + at).flatten())
        if not bool(inside.all()):
            term *= (inside[:, None] & inside).flatten()
        total = term if total is None else total.add_(term)
    assert total is not None
    return total.div_(len(index)).reshape(*kernel.shape[:-2], *2 * index.shape[1:])


def sandwiched(kernel: Tensor, matrix: Tensor) -> Tensor:
    """A K Aᵀ over the last two axes."""
    return matrix @ kernel @ matrix.mT
