"""The functions on the taps of a filter that a filter is made of, and how a group moves them."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from geomdl.fields import Field, Grid
from geomdl.groups import Group, Rep, direct_sum, harmonics
from geomdl.steerable.coordinates import is_exact, tap_images
from geomdl.steerable.rings import Rings, ring_samples


@dataclass(frozen=True)
class TapSpace:
    """A space of functions on the taps: K[t] = Σ_m samples[t, m] W[m] with W in Hom_G(T ⊗ r, s).

    Attributes:
        rep: T, how the group acts on the functions.
        taps: number of taps, kernel_size^d.
        rings: of smooth functions; None where every function of the taps is allowed, samples then
            being the identity and T the permutation of the taps.
        d: number of axes.
        kernel_size: taps along each axis.
    """

    rep: Rep
    taps: int
    rings: Rings | None = None
    d: int = 0
    kernel_size: int = 1

    @property
    def samples(self) -> Tensor:
        """Values of the functions at the taps, (taps, T.dim) float64."""
        if self.rings is None:
            return torch.eye(self.taps, dtype=torch.float64)
        return ring_samples(self.rings, self.d, self.kernel_size)

    @classmethod
    def of(cls, taps: "Rep | TapSpace") -> "TapSpace":
        """The space of all functions on the taps that a permutation representation moves."""
        return taps if isinstance(taps, TapSpace) else cls(taps, taps.dim)


def grid_of(field: Field, name: str) -> Grid:
    """Domain of a field that must live on a grid; ``name`` is the argument to blame."""
    if not isinstance(field.domain, Grid):
        raise ValueError(f"{name}: should be a Field on a Grid, got {field.domain!r}")
    return field.domain


@lru_cache(maxsize=256)
def action_on(group: Group, grid: Grid) -> Rep:
    """Representation of dimension d by which a group turns the pixels of a grid.

    Raises:
        ValueError: it is not orthogonal.
    """
    if grid.action is not None:
        action = grid.action
    elif group.identity_parts.linear is None:  # it only translates or permutes
        action = grid.d * group.trivial
    else:
        action = group.linear
    if not action.is_orthogonal:
        raise ValueError(
            f"source: {group.name} moves pixels by matrices that are not orthogonal; filters need "
            "rotations and reflections"
        )
    return action


@lru_cache(maxsize=256)
def maps_grid(group: Group, grid: Grid) -> bool:
    """Whether a group is finite and maps the pixel grid to itself: a subgroup of D4 or Oh."""
    return group.order is not None and is_exact(action_on(group, grid).generators)


@lru_cache(maxsize=256)
def linear_parts(group: Group, grid: Grid) -> Tensor:
    """Matrices (|G|, d, d) by which the elements of a group turn the pixels of a grid.

    Raises:
        ValueError: the group is not finite, or some element does not map the grid to itself.
    """
    if not maps_grid(group, grid):
        raise ValueError(
            f"source: {group.name} does not map the pixel grid to itself, which free filters need "
            "(a finite subgroup of D4 in 2D, of Oh in 3D); use radial='gaussian'"
        )
    return action_on(group, grid)(group.elements)


@lru_cache(maxsize=256)
def _taps(group: Group, grid: Grid, kernel_size: int) -> Rep:
    images = tap_images(linear_parts(group, grid), kernel_size)
    return group.permutation_rep(images) if images.shape[1] > 1 else group.trivial


def tap_representation(field: Field, kernel_size: int) -> Rep:
    """Permutation representation P of the group on the taps of a filter.

    Args:
        field: a field on ``Grid(d)`` whose group maps the grid to itself.
        kernel_size: taps along each axis, odd or even.

    Returns:
        P of dimension kernel_size^d; the taps are in array order. Exact.

    Raises:
        ValueError: the group does not map the grid to itself.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> G = geomdl.group("C4")
        >>> taps = tap_representation(Field(Grid(2), G.trivial), 3)
        >>> taps.permutation(G.elements)[1].tolist()  # a quarter turn moves the top left tap down
        [6, 3, 0, 7, 4, 1, 8, 5, 2]
    """
    return _taps(field.group, grid_of(field, "source"), kernel_size)


@lru_cache(maxsize=256)
def smooth_taps(group: Group, grid: Grid, kernel_size: int, rings: Rings) -> TapSpace:
    """Space of smooth functions on the taps, for any group that acts orthogonally. Cached."""
    action = action_on(group, grid)
    parts = [(harmonics(action, l), 1) for _, l in rings.degrees(grid.d)]
    return TapSpace(
        direct_sum(parts), kernel_size**grid.d, rings, d=grid.d, kernel_size=kernel_size
    )


def tap_space(field: Field, kernel_size: int, radial: Rings | str | None = None) -> TapSpace:
    """Functions that the filters of a field are made of.

    Args:
        field: on a ``Grid(d)``.
        kernel_size: taps along each axis.
        radial: "free" (every function of the taps), "gaussian" or `Rings`; None is free where the
            group maps the grid to itself, else gaussian.

    Raises:
        ValueError: free taps for a group that does not map the grid to itself.
    """
    grid = grid_of(field, "source")
    if radial is None:
        radial = "free" if maps_grid(field.group, grid) else "gaussian"
    if radial == "free":
        return TapSpace.of(tap_representation(field, kernel_size))
    if radial == "gaussian":
        radial = Rings.default(kernel_size)
    if not isinstance(radial, Rings):
        raise ValueError(f"radial: should be 'free', 'gaussian' or Rings(…), got {radial!r}")
    return smooth_taps(field.group, grid, kernel_size, radial)
