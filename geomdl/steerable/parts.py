"""How a representation falls into copies, and copies into parts that the group permutes."""

from typing import NamedTuple

from torch import Tensor

from geomdl.fields import Field, Vector
from geomdl.groups import Rep
from geomdl.groups.permutation import Induced
from geomdl.steerable.checks import fibre_axis


class Parts(NamedTuple):
    """Consecutive copies of one shape.

    Attributes:
        copies: number of copies.
        parts: number of parts of a copy; the group permutes them and acts within each.
        size: dimension of a part.
        trivial: whether the copies are trivial representations.
    """

    copies: int
    parts: int
    size: int
    trivial: bool

    @property
    def channels(self) -> int:
        """Dimension of all copies."""
        return self.copies * self.parts * self.size


def cosets(rep: Rep, name: str = "source") -> int:
    """Number of parts of dimension dim/cosets that the group permutes.

    The cosets of an induced representation; every component of a permutation representation.

    Raises:
        ValueError: the representation is neither.
    """
    if isinstance(rep, Induced):
        return rep.dim // rep.base.dim
    if rep.is_permutation or rep.dim == 1:
        return rep.dim
    raise ValueError(
        f"{name}: parts for each coset need induced or permutation representations, got {rep.name} "
        f"of {rep.group.name}"
    )


def coset_action(rep: Rep, name: str = "source") -> Rep:
    """How the group permutes the parts that `cosets` counts.

    Raises:
        ValueError: the representation is neither induced nor a permutation.
    """
    cosets(rep, name)  # refuses others
    if isinstance(rep, Induced):
        return rep.group.quotient(rep.subgroup)
    return rep if rep.is_permutation else rep.group.trivial


def parts_of(rep: Rep, per_coset: bool, name: str = "source") -> tuple[Parts, ...]:
    """Copies of a representation in channel order, neighbours of one shape joined."""
    out: list[Parts] = []
    for block, n in rep.blocks:
        parts = cosets(block, name) if per_coset else 1
        new = Parts(n, parts, block.dim // parts, block.is_trivial)
        if out and out[-1][1:] == new[1:]:
            out[-1] = out[-1]._replace(copies=out[-1].copies + n)
        else:
            out.append(new)
    return tuple(out)


def component_axis(field: Field, name: str = "source") -> tuple[int, int]:
    """Axis of the channels, and that of the components once channels are (copies, parts, size).

    Raises:
        ValueError: the field lives neither on a grid nor on ``Vector()``.
    """
    axis = fibre_axis(field, name)
    return axis, -1 if axis == -1 else 3


def spread(values: Tensor, field: Field) -> Tensor:
    """Shape values (copies, parts) so that they multiply channels (copies, parts, size)."""
    space = 0 if isinstance(field.domain, Vector) else field.domain.d  # type: ignore[attr-defined]
    return values.reshape(*values.shape, *[1] * (1 + space))
