"""How a group moves the taps of a filter: the permutation representation on a k^d grid."""

from functools import lru_cache

import torch
from torch import Tensor

from geomdl.fields import Field, Grid
from geomdl.groups import Group, Rep


def grid_of(field: Field, name: str) -> Grid:
    """Domain of a field that must live on a grid; ``name`` is the argument to blame."""
    if not isinstance(field.domain, Grid):
        raise ValueError(f"{name}: should be a Field on a Grid, got {field.domain!r}")
    return field.domain


def tap_coordinates(d: int, kernel_size: int) -> Tensor:
    """Coordinates (kernel_size^d, d), in half pixels from the centre, of the taps in array order.

    The last array axis is x; the others run against y, z, …: (x, y, z) <-> axes (-1, -2, -3).
    """
    axis = 2 * torch.arange(kernel_size) - (kernel_size - 1)
    array = torch.cartesian_prod(*[axis] * d).reshape(-1, d)
    coordinates = -array.flip(-1)
    coordinates[:, 0] *= -1
    return coordinates


def tap_images(linear: Tensor, kernel_size: int) -> Tensor:
    """Where maps x -> linear x send the taps of a filter: images (m, kernel_size^d), int64.

    Args:
        linear: signed permutation matrices (m, d, d) in coordinates (x, y, z).
        kernel_size: taps along each axis, odd or even.
    """
    d = linear.shape[-1]
    moved = tap_coordinates(d, kernel_size) @ linear.round().long().mT
    moved[..., 0] *= -1
    array = (kernel_size - 1 - moved.flip(-1)) // 2
    strides = kernel_size ** torch.arange(d - 1, -1, -1)
    return (array * strides).sum(-1)


def is_exact(linear: Tensor) -> bool:
    """Whether matrices (m, d, d) map the grid Z^d to itself: signed permutations."""
    entries = linear.abs()
    whole = (entries - entries.round()).abs().amax() <= 1e-9
    return bool(whole) and bool((entries.sum(-1) - 1).abs().amax() <= 1e-9)


@lru_cache(maxsize=256)
def linear_parts(group: Group, grid: Grid) -> Tensor:
    """Matrices (|G|, d, d) by which the elements of a group turn the pixels of a grid.

    Raises:
        ValueError: the group is not finite, or some element does not map the grid to itself.
    """
    if group.order is None:
        raise ValueError(_refusal(group))
    elements = group.elements
    linear = group.parts(elements).linear if grid.action is None else grid.action(elements)
    if linear is None:  # translations and permutations leave directions alone
        linear = torch.eye(grid.d, dtype=torch.float64).expand(group.order, -1, -1)
    if not is_exact(linear):
        raise ValueError(_refusal(group))
    return linear


@lru_cache(maxsize=256)
def _taps(group: Group, grid: Grid, kernel_size: int) -> Rep:
    images = tap_images(linear_parts(group, grid), kernel_size)
    return group.permutation_rep(images) if images.shape[1] > 1 else group.trivial


def _refusal(group: Group) -> str:
    return (
        f"source: {group.name} does not map the pixel grid to itself; exact filters need a finite "
        "subgroup of D4 (2D) or Oh (3D), smooth ones for other groups come later"
    )


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
