"""Frames: the weighted elements of a group over which a function is averaged."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from geomdl.fields import Field
from geomdl.groups import Group
from geomdl.groups import elements as el
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.products import DirectProduct
from geomdl.steerable.sampling import group_grid
from geomdl.symmetrization.action import Action

LARGEST = 50_000
"""Elements over which a function is averaged at most: S8 has 40,320."""


class Weighted(NamedTuple):
    """Elements of a group and their weights, for one batch of inputs.

    Attributes:
        elements: batch axes (k,), or (k, batch) where they differ from sample to sample.
        inverses: their inverses.
        weights: k numbers that sum to one, or a tensor (k, batch) of them.
        straight: (action, field, x, invert) -> a value of the shape of ``x``, or None, that is zero
            and yet has a gradient: that of a soft choice of the element (straight-through).
    """

    elements: Any
    inverses: Any
    weights: Sequence[float] | Tensor
    straight: Callable[[Action, Field, Any, bool], Tensor | None] | None = None


class Frame(nn.Module, ABC):
    """A map from inputs to weighted elements that moves with them.

    F(h x) = h F(x): if x has elements g_i with weights w_i, then h x has h g_i with the same ones.
    So y(x) = Σ_i w_i g_i f(g_i⁻¹ x) is equivariant for every f.

    Attributes:
        group: whose elements they are.
        size: number of elements; None where it depends on the input.
    """

    group: Group
    size: int | None

    def __init__(self, group: Group, size: int | None) -> None:
        super().__init__()
        self.group, self.size = group, size

    @property
    def count(self) -> str:
        """The number of elements in words."""
        return str(self.size)

    @abstractmethod
    def forward(self, inputs: Any) -> Weighted:
        """Elements and weights for one batch of inputs."""


class Orbit(Frame):
    """All elements of a finite group, or the nodes of a quadrature on a compact Lie group.

    Args:
        group: finite, SO(2), O(2), SO(3), O(3), or a direct product of these.
        degree: the quadrature integrates polynomials in the matrix entries up to this degree.

    Raises:
        ValueError: no such group, too many elements, or a missing degree.

    Example:
        >>> import geomdl
        >>> Orbit(geomdl.group("D4")).size, Orbit(geomdl.group("SO2"), degree=4).size
        (8, 5)
    """

    def __init__(self, group: Group, degree: int | None = None) -> None:
        elements, weights = _quadrature(group, degree)
        super().__init__(group, len(weights))
        self.degree = degree
        self.every = Weighted(elements, group.inverse(elements), weights)

    def forward(self, inputs: Any) -> Weighted:
        """The same for all inputs."""
        return self.every

    def each(self, invert: bool) -> list[Any]:
        """The single elements, or their inverses."""
        return el.iterate(self.group, self.every.inverses if invert else self.every.elements)


class Draws(Frame):
    """Random elements, drawn anew at every call: F(g x) = g F(x) in distribution only.

    Args:
        group: a compact group; the elements are Haar distributed.
        n: number of elements.
        rng: what they are drawn from; by default a generator of its own, seeded with 0.

    Raises:
        ValueError: the group is not compact.
    """

    def __init__(self, group: Group, n: int, rng: torch.Generator | None = None) -> None:
        if not group.compact:
            raise ValueError(
                f"group: expected a compact group to draw from, got {group.name}{elsewhere(group)}"
            )
        super().__init__(group, n)
        self.rng = el.generator(rng)

    def forward(self, inputs: Any) -> Weighted:
        """Other elements at each call, the same for all samples of it."""
        assert self.size is not None
        drawn = self.group.sample(self.size, self.rng)
        return Weighted(drawn, self.group.inverse(drawn), [1 / self.size] * self.size)


def elsewhere(group: Group) -> str:
    """Ending of an error: what else there is for a group that a mode does not take."""
    if group.compact:
        return "; take another mode, or one factor of a product after the other"
    if isinstance(group, DirectProduct):
        return "; take one factor of it after the other"
    return "; no mode takes a group that is not compact, but for the translations of positions"


def _quadrature(group: Group, degree: int | None) -> tuple[Any, list[float]]:
    finite = _finite_part(group)
    if finite > LARGEST:
        raise ValueError(
            f"group: expected at most {LARGEST} elements to average over, got {finite} of"
            f" {group.name}; use mode='frames', 'canonical' or 'sample'"
        )
    if not group.compact:
        raise ValueError(
            f"group: expected a compact group to average over, got {group.name}{elsewhere(group)}"
        )
    if group.order is None and degree is None:
        raise ValueError(f"degree: expected that of the quadrature on {group.name}, got None")
    try:
        grid = group_grid(group, None if degree is None else degree + 1)
    except ValueError as error:
        raise ValueError(
            f"group: expected a finite group, SO2, O2, SO3, O3 or a product, got {group.name}:"
            f" {error}"
        ) from error
    if len(grid.weights) > LARGEST:
        raise ValueError(
            f"degree: expected a quadrature of at most {LARGEST} nodes, got {len(grid.weights)}"
        )
    return grid.elements, grid.weights.tolist()


def _finite_part(group: Group) -> int:
    """Number of elements of the finite factors."""
    if isinstance(group, DirectProduct):
        return math.prod(map(_finite_part, group.factors))
    return group.order if isinstance(group, FiniteGroup) and group.order else 1
