"""The pixels on which a layer lives, and the shifts that it respects."""

import math
from dataclasses import dataclass

from torch import Tensor

from geomdl import groups
from geomdl.fields.domains import Grid, Vector
from geomdl.fields.field import Field
from geomdl.groups import Group

__all__ = ["Space", "check_positive"]


def check_positive(**numbers: int) -> None:
    """Refuse arguments that are not positive whole numbers."""
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: should be a positive integer, got {value!r}")


@dataclass(frozen=True)
class Space:
    """Images on which circular shifts by multiples of some step act.

    The group is Z_{n1/step} × …, whose unit moves pixels by ``step``. Without a shape, without
    circular padding, or with sizes that the step does not divide, there is no such group to name,
    and it is the trivial one.

    Args:
        d: number of axes, 1, 2 or 3.
        shape: sizes of the images, if known.
        step: pixels by which the unit of the group moves them.
        circular: whether the images close up at their ends.

    Raises:
        ValueError: an impossible argument.

    Example:
        >>> Space(2, (28, 28), step=2).group
        group('Z14x14')
    """

    d: int
    shape: tuple[int, ...] | None = None
    step: int = 1
    circular: bool = True

    def __post_init__(self) -> None:
        check_positive(step=self.step)
        if self.d not in (1, 2, 3):
            raise ValueError(f"d: should be 1, 2 or 3, got {self.d!r}")
        if self.shape is not None:
            object.__setattr__(self, "shape", tuple(self.shape))
            if len(self.shape) != self.d:
                raise ValueError(f"shape: should have d={self.d} sizes, got {self.shape}")
            for size in self.shape:
                check_positive(shape=size)

    @property
    def periods(self) -> tuple[int, ...] | None:
        """Order of the group along each axis; None where there is no group of shifts to name."""
        if self.shape is None or not self.circular or any(n % self.step for n in self.shape):
            return None
        return tuple(n // self.step for n in self.shape)

    @property
    def group(self) -> Group:
        """The shifts that are respected."""
        periods = self.periods
        return groups.group("C1" if periods is None else "Z" + "x".join(map(str, periods)))

    def field(self, channels: int) -> Field:
        """Images of so many channels."""
        group = self.group
        if self.periods is None:
            grid = Grid(self.d, periodic=self.circular, action=self.d * group.trivial)
        else:
            grid = Grid(self.d, periodic=True, resolution=self.step)
        return Field(grid, channels * group.trivial)

    def vector(self, features: int) -> Field:
        """Numbers that no shift changes."""
        return Field(Vector(), features * self.group.trivial)

    def coarser(self, stride: int) -> "Space":
        """Every stride-th pixel of these images, under the same group.

        Raises:
            ValueError: the step is no multiple of the stride, so that shifts would move these
                images by parts of a pixel.
        """
        if self.step % stride:
            raise ValueError(f"step: should be a multiple of stride={stride}, got {self.step}")
        periods = self.periods
        step = self.step // stride
        shape = None if periods is None else tuple(step * n for n in periods)
        return Space(self.d, shape, step, self.circular)

    def check(self, x: Tensor, channels: int, stride: int = 1, strict: bool = True) -> None:
        """Refuse what is no batch of such images.

        Args:
            x: should be (batch, channels, *spatial).
            channels: expected number of channels.
            stride: number that the sizes should be multiples of.
            strict: whether the stride is looked at.

        Raises:
            ValueError: the message names the axis, what was expected, and what came.
        """
        if x.dim() != self.d + 2:
            raise ValueError(
                f"x: should have {self.d + 2} axes (batch, channels, *spatial),"
                f" got {tuple(x.shape)}"
            )
        if x.shape[1] != channels:
            raise ValueError(f"x: axis 1 should be channels={channels}, got {x.shape[1]}")
        if not x.is_floating_point():
            raise ValueError(f"x: should be floating point, got {x.dtype}")
        sizes = tuple(x.shape[2:])
        if self.shape is not None and sizes != self.shape:
            raise ValueError(f"x: spatial sizes should be shape={self.shape}, got {sizes}")
        if math.prod(sizes) == 0:
            raise ValueError(f"x: spatial sizes should be positive, got {sizes}")
        if strict and any(n % stride for n in sizes):
            raise ValueError(
                f"x: spatial sizes should be multiples of {stride}, got {sizes}; strict=False"
                " takes them, at the price of the symmetry"
            )
