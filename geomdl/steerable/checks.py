"""What the layers check of their fields and inputs, with one-line errors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.fields import Field, Vector
from geomdl.groups import Rep
from geomdl.steerable.sizes import check_exact
from geomdl.steerable.taps import grid_of, linear_parts


def whole(**sizes: int) -> None:
    """Refuse arguments that are not positive whole numbers."""
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name}: should be a positive integer, got {size!r}")


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
        centred: whether some element turns or mirrors the grid, so that strides must be centred.
        square: whether some element exchanges axes, so that all sizes must be equal.
    """

    field: Field
    centred: bool
    square: bool

    @classmethod
    def of(cls, field: Field) -> "GridCheck":
        """Find what the group of a field on a grid needs."""
        grid = grid_of(field, "source")
        linear = linear_parts(field.group, grid)
        one = torch.eye(grid.d, dtype=linear.dtype)
        centred = bool(((linear - one).abs() > 0.5).any())
        return cls(field, centred, bool(((linear.abs() - one).abs() > 0.5).any()))

    def shape(self, x: Tensor) -> None:
        """Refuse an input of another shape, or one that the group cannot turn."""
        self.field.check(x)
        if not x.is_floating_point():
            raise ValueError(f"x: should be floating point, got {x.dtype}")
        if self.square and len(set(x.shape[2:])) > 1:
            raise ValueError(
                f"x: {self.field.group.name} turns the grid, so all sizes should be equal, got "
                f"{'x'.join(map(str, x.shape[2:]))}"
            )

    def windows(
        self, x: Tensor, kernel_size: int, stride: int, padding: int, dilation: int = 1
    ) -> None:
        """Refuse also sizes at which windows do not fit or are not centred."""
        self.shape(x)
        name, step = self.field.group.name, stride if self.centred else 1
        check_exact(name, x.shape[2:], kernel_size, step, padding, dilation)


def shifts(field: Field) -> bool:
    """Whether the group also translates: then windows may neither skip pixels nor meet an edge."""
    return field.group.parts(field.group.identity).translation is not None


def permutes(field: Field, what: str) -> None:
    """Refuse a field whose representation is not a permutation, naming the block."""
    for rep, _ in field.rep.blocks:
        if not rep.is_permutation:
            raise ValueError(
                f"source: {what} needs permutation representations (trivial, regular, quotient), "
                f"got {rep.name} of {field.group.name}"
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
