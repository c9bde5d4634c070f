"""How the elements of a group move the pixels of a grid."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from geomdl.fields.domains import Grid
from geomdl.fields.grid import Motion, keeps_pixels
from geomdl.groups import Group
from geomdl.groups import elements as el
from geomdl.groups.translations import PeriodicTranslations, array_frame, array_matrix


def motion(grid: Grid, group: Group, g: Any) -> Motion:
    """Motion of the pixels in the frame of the array, for one element or a batch.

    Translations of space are coordinates (x, y, z), periodic ones run along the axes; a unit is
    ``grid.resolution`` pixels.
    """
    parts = group.parts(g)
    batch = el.batch_shape(group, g)
    linear = parts.linear if grid.action is None else grid.action(g)
    if linear is None:
        linear = torch.eye(grid.d, dtype=torch.float64)
    else:
        linear = array_matrix(linear.cpu())
    if parts.translation is None:
        shift = torch.zeros(grid.d, dtype=torch.float64)
    elif parts.translation.is_floating_point():
        shift = parts.translation.cpu() @ array_frame(grid.d).T
    else:
        shift = parts.translation.cpu().to(torch.float64)
    shift = grid.resolution * shift
    return Motion(linear.expand(*batch, grid.d, grid.d), shift.expand(*batch, grid.d))


@lru_cache(maxsize=256)
def keeps_all_pixels(grid: Grid, group: Group) -> bool:
    """Whether every element takes the pixels of a cubic array to pixels."""
    if group.lie_dim:
        return False
    return bool(keeps_pixels(motion(grid, group, group.generators)).all())


@lru_cache(maxsize=256)
def check_motion(grid: Grid, group: Group) -> None:
    """Refuse a group that does not act on the pixels of the grid.

    Raises:
        ValueError: wrong dimension, periodic shifts of a grid that is not periodic, or motions that
            do not compose as the elements do.
    """
    parts = group.identity_parts
    if grid.action is None and parts.linear is not None and parts.linear.shape[-1] != grid.d:
        raise ValueError(
            f"domain: {group.name} moves points in {parts.linear.shape[-1]} dimensions, "
            f"Grid({grid.d}) needs action=, a representation of dimension {grid.d}"
        )
    if parts.translation is None:
        return
    if parts.translation.shape[-1] != grid.d:
        raise ValueError(
            f"domain: {group.name} translates in {parts.translation.shape[-1]} dimensions, "
            f"got {grid!r}"
        )
    if not parts.translation.is_floating_point() and not grid.periodic:
        raise ValueError(
            f"domain: {group.name} shifts periodically, expected Grid({grid.d}, periodic=True), "
            f"got {grid!r}"
        )
    rng = torch.Generator().manual_seed(0)
    a, b = group.sample(8, rng), group.sample(8, rng)
    first, then, both = (motion(grid, group, g) for g in (b, a, group.compose(a, b)))
    linear = then.linear @ first.linear
    shift = (then.linear @ first.shift.unsqueeze(-1)).squeeze(-1) + then.shift - both.shift
    sizes = periods(group)
    if sizes:
        n = grid.resolution * torch.tensor(sizes, dtype=torch.float64)
        shift = shift - n * (shift / n).round()
    if not (torch.allclose(linear, both.linear) and bool((shift.abs() <= 1e-8).all())):
        raise ValueError(
            f"domain: the turns and shifts of {group.name} do not compose as its elements do; "
            "use a semidirect product, or state action="
        )


def periods(group: Group) -> tuple[int, ...] | None:
    """Sizes of the periodic arrays that a group shifts; None if it shifts none."""
    if isinstance(group, PeriodicTranslations):
        return group.shape
    parent = getattr(group, "parent", None)  # of a subgroup given by its elements
    inside = getattr(group, "factors", ()) if parent is None else (parent,)
    found = [p for p in map(periods, inside) if p is not None]
    return found[0] if len(found) == 1 else None


def inverse(motion: Motion) -> Motion:
    """Motion that undoes another one."""
    linear: Tensor = torch.linalg.inv(motion.linear)
    return Motion(linear, -(linear @ motion.shift.unsqueeze(-1)).squeeze(-1))
