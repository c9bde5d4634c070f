"""What the layers check of their fields and inputs, with one-line errors."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, TypeVarTuple

import torch
from torch import Tensor, nn

from geomdl.fields import Field, Grid, Vector
from geomdl.groups import Group, Rep, direct_sum
from geomdl.steerable.sizes import check_exact
from geomdl.steerable.taps import action_on, grid_of

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def is_whole(value: Any, least: int = 0) -> bool:
    """Whether a value is an ``int`` (no ``bool``, no number of NumPy) of at least ``least``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def whole(**sizes: int) -> None:
    """Refuse arguments that are not positive whole numbers."""
    for name, size in sizes.items():
        if not is_whole(size, 1):
            raise ValueError(f"{name}: should be a positive integer, got {size!r}")


def is_real(value: Any) -> bool:
    """Whether a value is a finite real number, and no ``bool``."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def finite(**numbers: float) -> None:
    """Refuse arguments that are not finite real numbers."""
    for name, number in numbers.items():
        if not is_real(number):
            raise ValueError(f"{name}: should be a finite number, got {number!r}")


def check_input(field: Field, x: Tensor) -> None:
    """Refuse an input that is not of a field's type, or not of real floating-point numbers.

    Raises:
        TypeError: no tensor.
        ValueError: another shape or dtype.
    """
    field.check(x)
    if not x.dtype.is_floating_point:
        raise ValueError(f"x: should be floating point, got {x.dtype}")


def described(layer: nn.Module) -> str:
    """A layer in short: its kind and, where it has fields, their representations.

    Example:
        >>> import geomdl
        >>> from geomdl.steerable import AvgPool
        >>> described(AvgPool(Field(Grid(2), 8 * geomdl.group("D4").regular)))
        'AvgPool(8·regular of D4)'
    """
    kind, fields = type(layer).__name__, (layer.source, layer.target)
    found = {field.rep.name: field.group.name for field in fields if isinstance(field, Field)}
    return f"{kind}({' -> '.join(found)} of {[*found.values()][-1]})" if found else kind


def named(layer: nn.Module, check: Callable[[*Ts], T], *args: *Ts) -> T:
    """Result of a check; its error names the layer that asked, as ``Conv(… of D4): x: …``.

    In a graph that is compiled errors stay as they are.
    """
    if torch.compiler.is_compiling():
        return check(*args)
    try:
        return check(*args)
    except ValueError as error:
        raise ValueError(f"{described(layer)}: {error}") from error


def same_domain(source: Field, target: Field) -> None:
    """Refuse two fields on different domains or of different groups."""
    if target.group != source.group:
        raise ValueError(
            f"target: should be a field of {source.group.name}, got one of {target.group.name}"
        )
    if target.domain != source.domain:
        raise ValueError(f"target: should live on {source.domain!r}, got {target.domain!r}")


@dataclass(frozen=True)
class GridCheck:
    """Checks the inputs of a layer on a grid; what depends on the group is found once.

    Attributes:
        field: what the inputs should be.
        moved: for each spatial axis whether some element turns or mirrors it, so that strides
            along it must be centred.
        mixed: sets of spatial axes that the group exchanges or turns into one another, whose sizes
            must be equal.
    """

    field: Field
    moved: tuple[bool, ...]
    mixed: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, field: Field) -> "GridCheck":
        """Find what the group of a field on a grid needs."""
        return cls(field, *moved_and_mixed(field.group, grid_of(field, "source")))

    @property
    def centred(self) -> bool:
        """Whether some element turns or mirrors the grid."""
        return any(self.moved)

    def shape(self, layer: nn.Module, x: Tensor) -> None:
        """Refuse an input of a layer with another shape, or one that the group cannot turn."""
        check_input(self.field, x)
        named(layer, self.equal, x.shape[2:])

    def equal(self, sizes: Sequence[int]) -> None:
        """Refuse unequal sizes along axes that the group turns into one another."""
        for axes in self.mixed:
            if any(sizes[a] != sizes[axes[0]] for a in axes):
                raise ValueError(
                    f"x: {self.field.group.name} turns the grid, so "
                    f"{'all sizes' if len(axes) == len(sizes) else f'sizes along axes {axes}'} "
                    f"should be equal, got {'x'.join(map(str, sizes))}"
                )

    def steps(self, stride: int) -> list[int]:
        """Along each axis, the stride by which windows must be centred: 1 where none must."""
        return [stride if moved else 1 for moved in self.moved]

    def fit(
        self,
        sizes: Sequence[int],
        kernel_size: int,
        stride: int,
        padding: int | Sequence[int],
        dilation: int = 1,
    ) -> None:
        """Refuse sizes at which windows do not fit or are not centred."""
        paddings = [padding] * len(sizes) if isinstance(padding, int) else padding
        for n, step, p in zip(sizes, self.steps(stride), paddings, strict=True):
            check_exact(self.field.group.name, [n], kernel_size, step, p, dilation)


@lru_cache(maxsize=256)
def moved_and_mixed(
    group: Group, grid: Grid
) -> tuple[tuple[bool, ...], tuple[tuple[int, ...], ...]]:
    """The two attributes of `GridCheck`, for the action of a group on a grid."""
    action = action_on(group, grid)
    one = torch.eye(action.dim, dtype=torch.float64)
    moves = torch.cat([action.generators - one, action.lie]).abs() > 1e-9
    joined = moves.any(0).flip(0, 1)  # x is the last axis
    near = [{b for b, joins in enumerate(row) if joins} for row in (joined | joined.T).tolist()]
    return tuple(map(bool, near)), _components(near)


def _components(near: list[set[int]]) -> tuple[tuple[int, ...], ...]:
    """Sets of axes that are joined, from the neighbours of each; only those of two or more."""
    sets = [{a, *others} for a, others in enumerate(near)]
    for _ in near:
        sets = [set().union(*(sets[b] for b in reached)) for reached in sets]
    return tuple(sorted({tuple(sorted(s)) for s in sets if len(s) > 1}))


def shifts(field: Field) -> bool:
    """Whether the group also translates: then windows may neither skip pixels nor meet an edge."""
    return field.group.identity_parts.translation is not None


def permutes(field: Field, what: str, others: str = "") -> None:
    """Refuse a field that is no sum of permutation and trivial representations, naming the block.

    Args:
        field: to be checked.
        what: needs them.
        others: what to do with other representations.
    """
    for rep, _ in field.rep.blocks:
        if not (rep.is_permutation or rep.is_trivial):
            raise ValueError(
                f"source: {what} needs permutation representations "
                f"({others or 'trivial, regular, quotient'}), got {rep.name} of {field.group.name}"
            )


def fibre_axis(field: Field, name: str = "source") -> int:
    """Axis of a tensor on which the representation acts: 1 on a grid, -1 for plain vectors."""
    if isinstance(field.domain, Vector) and len(field.fibre) == 1:
        return -1
    grid_of(field, name)
    return 1


def copies(rep: Rep) -> int:
    """Number of copies in the top-level direct sum."""
    return sum(n for _, n in rep.blocks)


def split(field: Field, groups: int, name: str) -> Rep:
    """Representation of one of ``groups`` equal parts of a field's channels.

    Raises:
        ValueError: the copies do not fall into equal parts.
    """
    if groups == 1:
        return field.rep
    parts = [rep for rep, n in field.rep.blocks for _ in range(n)]
    size = len(parts) // groups
    if len(parts) % groups or parts != groups * parts[:size]:
        raise ValueError(
            f"{name}: should be {groups} equal parts, as groups={groups} says, got {field.rep.name}"
        )
    return direct_sum([(rep, 1) for rep in parts[:size]])
