"""What the hidden fields of a network are made of, and the non-linearity that suits them."""

from dataclasses import dataclass
from typing import Literal, cast

from torch import nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups import Group, Rep, direct_sum, harmonics
from geomdl.steerable.checks import is_whole, moved_and_mixed
from geomdl.steerable.fourier import FourierPointwise
from geomdl.steerable.gated import GatedNonlinearity
from geomdl.steerable.norm_nonlinearity import NormNonlinearity
from geomdl.steerable.pointwise import FUNCTIONS, Pointwise
from geomdl.steerable.taps import action_on

FieldKind = Literal["regular", "bandlimited", "harmonics"]
FIELDS = ("regular", "bandlimited", "harmonics")
NONLINEARITIES = (*FUNCTIONS, "fourier", "gated", "norm")
_DIRECTIONS = {"SO2": "", "O2": "D1", "SO3": "SO2", "O3": "O2"}  # what leaves a direction in place


def named_group(group: Group | str) -> Group:
    """A group, or the one of this name.

    Raises:
        ValueError: something else.
    """
    if isinstance(group, str):
        return groups.group(group)
    if not isinstance(group, Group):
        raise ValueError(f"group: should be a Group or its name, got {group!r}")
    return group


def grid_for(group: Group, d: int, action: Rep | None = None) -> Grid:
    """Grid of d axes: a planar group turns volumes about the z axis.

    Args:
        group: that is to act.
        d: number of axes.
        action: how it moves coordinates; None for its own way.

    Raises:
        ValueError: the group acts in more dimensions, or moves no pixel; an action of another group
            or dimension.
    """
    grid = _own_grid(group, d) if action is None else _grid_under(group, d, action)
    if group.order != 1 and not any(moved_and_mixed(group, grid)[0]):
        raise ValueError(
            f"group: should move the pixels of a grid with {d} axes, got {group.name}, which moves "
            "none of them"
        )
    return grid


def _own_grid(group: Group, d: int) -> Grid:
    missing = d - group.standard_dim
    if group.identity_parts.linear is None or missing == 0:
        return Grid(d)
    if group.order == 1:
        return Grid(d, action=d * group.trivial)
    if missing < 0:
        raise ValueError(
            f"shape: {group.name} acts in {group.standard_dim} dimensions, got {d} axes; "
            "action= states another way"
        )
    return Grid(d, action=direct_sum([(group.standard, 1), (group.trivial, missing)]))


def _grid_under(group: Group, d: int, action: Rep) -> Grid:
    if not isinstance(action, Rep):
        raise ValueError(f"action: should be a representation, got {action!r}")
    if action.group != group or action.dim != d:
        raise ValueError(
            f"action: should be a representation of {group.name} of dimension {d}, got {action!r}"
        )
    return Grid(d, action=action)


@dataclass(frozen=True)
class Features:
    """Kind of hidden fields: copies of one representation, and what is applied to them.

    Attributes:
        grid: where they live.
        each: representation of one copy.
        nonlinearity: "fourier", "gated", "norm", or a function of numbers.
        subgroup: H, if the copies are functions on G/H and "fourier" is to know; "" for none.
    """

    grid: Grid
    each: Rep
    nonlinearity: str
    subgroup: str = ""

    @classmethod
    def of(
        cls,
        group: Group,
        grid: Grid,
        fields: FieldKind | None = None,
        nonlinearity: str | None = None,
        frequency: int = 2,
    ) -> "Features":
        """Choose what is not said.

        Finite groups have regular fields and ReLU; others functions up to ``frequency``: on the
        group, with "fourier", in the plane; on the sphere (harmonics), "gated", in space.

        Raises:
            ValueError: an unknown kind, or one that the group does not have.
        """
        finite = group.order is not None
        if fields is None:
            fields = "regular" if finite else "bandlimited" if grid.d == 2 else "harmonics"
        if fields not in FIELDS:
            raise ValueError(f"fields: should be one of {', '.join(FIELDS)}, got {fields!r}")
        if fields == "regular" and not finite:
            raise ValueError(
                f"fields: {group.name} is infinite, use 'bandlimited' or 'harmonics', got 'regular'"
            )
        if not is_whole(frequency, 1):
            raise ValueError(f"frequency: should be a positive integer, got {frequency!r}")
        subgroup = ""
        if fields == "regular":
            each = group.regular
        elif fields == "bandlimited":
            each = group.bandlimited(frequency)
        else:
            action = action_on(group, grid)
            each = direct_sum([(harmonics(action, l), 1) for l in range(frequency + 1)])
            subgroup = _DIRECTIONS.get(group.name, "")
        if nonlinearity is None:
            nonlinearity = (
                "relu" if fields == "regular" else "fourier" if grid.d == 2 and not finite
                else "gated"
            )  # fmt: skip
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"nonlinearity: should be one of {', '.join(NONLINEARITIES)}, got {nonlinearity!r}"
            )
        return cls(grid, each, nonlinearity, subgroup)

    @property
    def group(self) -> Group:
        """Group of the fields."""
        return self.each.group

    @property
    def is_permutation(self) -> bool:
        """Whether group pooling makes them invariant."""
        return self.each.is_permutation

    def field(self, copies: int) -> Field:
        """A number of copies."""
        return Field(self.grid, copies * self.each)

    def invariants(self, channels: int) -> Field:
        """Trivial fields."""
        return Field(self.grid, channels * self.each.group.trivial)

    def activation(self, field: Field) -> nn.Module:
        """Non-linearity whose ``target`` is a field; its ``source`` may hold gates besides."""
        if self.nonlinearity in FUNCTIONS:
            return Pointwise(field, self.nonlinearity)
        if field.rep.is_permutation:  # invariants, under any kind
            return Pointwise(field, "elu" if self.nonlinearity == "fourier" else "relu")
        if self.nonlinearity == "fourier":
            return FourierPointwise(field, "elu", each=self.each, subgroup=self.subgroup or None)
        if self.nonlinearity == "gated":
            return GatedNonlinearity(field)
        return NormNonlinearity(field)


def source_of(module: nn.Module) -> Field:
    """Field of a layer's input."""
    return cast(Field, module.source)


def target_of(module: nn.Module) -> Field:
    """Field of a layer's output."""
    return cast(Field, module.target)
