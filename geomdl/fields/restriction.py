"""The same field under a subgroup of its group."""

from dataclasses import replace

import torch

from geomdl.fields.domains import Grid, Vector
from geomdl.fields.field import Field
from geomdl.fields.motion import motion
from geomdl.groups import Group, Rep, Subgroup
from geomdl.groups.rep import direct_sum


def restricted(field: Field, subgroup: Subgroup | Group | str) -> Field:
    """The same field under a subgroup H of its group: block by block, on the same pixels.

    Trivial and standard representations become H's own, so that fields of H can follow.

    Args:
        field: on a grid or a plain vector, of a group G.
        subgroup: H < G, or a group or its name, embedded as ``G.subgroup`` does; "trivial" is C1.

    Raises:
        ValueError: there is no such subgroup, or it does not move the pixels as G does.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> D8 = geomdl.group("D8")
        >>> restricted(Field(Grid(2), D8.regular + D8.standard + D8.trivial), "C4")
        Field(Grid(2), res(regular of D8) + standard + trivial of C4)
    """
    if field.has_columns or field.affine or not isinstance(field.domain, Grid | Vector):
        raise ValueError(f"field: should live on a Grid or Vector(), got {field!r}")
    if not isinstance(subgroup, Subgroup):
        name = "C1" if subgroup == "trivial" else subgroup
        subgroup = field.group.subgroup(name)
    if subgroup.parent != field.group:
        raise ValueError(f"subgroup: should lie in {field.group.name}, got {subgroup!r}")
    rep = _restricted(field.rep, subgroup)
    domain = field.domain
    return Field(_grid(domain, subgroup) if isinstance(domain, Grid) else domain, rep)


def _restricted(rep: Rep, subgroup: Subgroup) -> Rep:
    """A representation under the subgroup, block by block."""
    if len(rep.blocks) > 1 or rep.blocks[0][1] > 1:
        return direct_sum([(_restricted(r, subgroup), n) for r, n in rep.blocks])
    G, H = subgroup.parent, subgroup.group
    if G == H and subgroup.via is None:
        return rep
    if rep == G.trivial:
        return H.trivial
    if rep == G.standard and subgroup.via is not None:
        return subgroup.via
    return rep.restrict(subgroup)


def _grid(grid: Grid, subgroup: Subgroup) -> Grid:
    """The grid with the action of the subgroup: its own where that is the same, else stated."""
    G, H = subgroup.parent, subgroup.group
    if grid.action is not None:
        return replace(grid, action=_restricted(grid.action, subgroup))
    own = H.identity_parts.linear
    candidates = [grid] if own is None or own.shape[-1] == grid.d else []
    if subgroup.via is not None and subgroup.via.dim == grid.d:
        candidates.append(replace(grid, action=subgroup.via))
    h = H.sample(8, torch.Generator().manual_seed(0))
    wanted = motion(grid, G, subgroup.embed(h))
    for candidate in candidates:
        found = motion(candidate, H, h)
        if all(torch.allclose(a, b, atol=1e-9) for a, b in zip(wanted, found, strict=True)):
            return candidate
    raise ValueError(
        f"subgroup: the pixels of {grid!r} are not moved by {H.name} as by {G.name}; give a "
        "Subgroup, or a Grid with action="
    )
