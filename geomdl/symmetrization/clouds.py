"""What frames are read from: the vectors, or the members of a set, in one of the inputs."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geomdl.fields import Field, Grid, Nodes, Points, Type, Vector
from geomdl.groups import Group
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.semidirect import SemidirectProduct
from geomdl.groups.symmetric import Symmetric
from geomdl.groups.translations import Translations


def point_group(group: Group) -> Group | None:
    """H of R^d ⋊ H, the group itself where it does not translate; None for R^d."""
    if isinstance(group, Translations):
        return None
    return group.point if isinstance(group, SemidirectProduct) else group


def translates(group: Group) -> bool:
    """Whether a group is R^d, or R^d ⋊ H."""
    normal = group.normal if isinstance(group, SemidirectProduct) else group
    return isinstance(normal, Translations)


@dataclass(frozen=True)
class Reading:
    """One input among several, chosen by its name or for what it holds.

    Args:
        field: its field.
        key: its name or place; None where there is one input.
    """

    field: Field
    key: str | int | None = None

    def of(self, inputs: Any) -> Tensor:
        """The tensor in a tuple or dict of inputs."""
        value: Tensor = inputs[0 if self.key is None else self.key]
        return value

    def vectors(self, inputs: Any) -> Tensor:
        """Its vectors (…, number, d) in float64, with none or one batch axis before them."""
        x, d = self.of(inputs), self._block_dim()
        lead = x.ndim - len(self.field.fibre)
        if x.shape[self._batch_axes(lead)] == 0:
            raise ValueError("x: expected at least one point, got none")
        x = x.double().reshape(*x.shape[:lead], self._copies(), d, self._columns())
        return self._one_batch(x.movedim(-2, -1).flatten(self._batch_axes(lead), -2))

    def members(self, inputs: Any) -> Tensor:
        """Members of a set with their numbers (…, n, numbers), none or one batch axis before."""
        x = self.of(inputs)
        lead = x.ndim - len(self.field.fibre)
        if isinstance(self.field.domain, Vector):
            x = x.reshape(*x.shape[:lead], self._copies(), self._block_dim(), self._columns())
            return self._one_batch(x.movedim(-3, -2).flatten(-2))
        return self._one_batch(x.reshape(*x.shape[:lead], math.prod(self.field.fibre)))

    def numbers(self, n: int) -> int:
        """Numbers of each of n members."""
        count = self.field.rep.dim * self._columns()
        return count // n if isinstance(self.field.domain, Vector) else count

    def _columns(self) -> int:
        return self.field.channels if self.field.has_columns else 1

    def _block_dim(self) -> int:
        if self.field.affine:
            return self.field.rep.dim
        return self.field.rep.blocks[0][0].dim

    def _copies(self) -> int:
        return self.field.rep.dim // self._block_dim()

    def _batch_axes(self, lead: int) -> int:
        return lead - isinstance(self.field.domain, (Nodes, Points))

    def _one_batch(self, x: Tensor) -> Tensor:
        if x.ndim > 3:
            raise ValueError(f"x: expected at most one batch axis, got {x.ndim - 2}")
        return x


def holds_positions(field: Field) -> bool:
    """Whether a field is of coordinates that translations move."""
    return field.affine


def holds_vectors(field: Field) -> bool:
    """Whether a field is of vectors that O(d) or SO(d) turns, positions included."""
    inner = point_group(field.group)
    if not isinstance(inner, Orthogonal) or isinstance(field.domain, Grid):
        return False
    return all(block == field.group.linear for block, _ in field.rep.blocks)


def holds_members(field: Field) -> bool:
    """Whether a field is of one or more numbers for each member of a permuted set."""
    group = field.group
    if not isinstance(group, Symmetric):
        return False
    wanted = group.standard if isinstance(field.domain, Vector) else group.trivial
    known = isinstance(field.domain, (Vector, Nodes, Points))
    return known and all(block == wanted for block, _ in field.rep.blocks)


def choose(source: Type, by: str | None, fits: Callable[[Field], bool], what: str) -> Reading:
    """The named input, or the first that fits.

    Raises:
        ValueError: there is none.
    """
    if isinstance(source, dict):
        parts: list[tuple[Any, Type]] = list(source.items())
    elif isinstance(source, tuple):
        parts = list(enumerate(source))
    else:
        parts = [(None, source)]
    if by is not None and not isinstance(source, dict):
        raise ValueError(f"by: expected None where inputs have no names, got {by!r}")
    if by is not None and by not in [key for key, _ in parts]:
        known = ", ".join(str(key) for key, _ in parts)
        raise ValueError(f"by: expected the name of an input, {known}, got {by!r}")
    for key, part in parts:
        if isinstance(part, Field) and fits(part) and by in (None, key):
            return Reading(part, key)
    name, given = ("source", repr(source)) if by is None else ("by", repr(by))
    raise ValueError(f"{name}: expected {what}, got {given}")
