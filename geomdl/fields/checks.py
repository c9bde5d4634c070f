"""Whether data fits a field: one-line errors that say which axis is wrong."""

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

from geomdl.fields.domains import Domain, Edges, Grid, Nodes, Points
from geomdl.fields.graph import Graph
from geomdl.fields.motion import periods
from geomdl.groups import Group, Rep

if TYPE_CHECKING:
    from geomdl.fields.field import Field


def fibre_of(
    domain: Domain, rep: Rep, channels: int | None, shape: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Trailing axes of a field's tensors, from what its constructor was given."""
    if channels is not None and shape is not None:
        raise ValueError("shape: give either channels or shape, got both")
    if isinstance(domain, Edges):
        if rep != rep.group.trivial or channels is not None or shape is not None:
            raise ValueError(f"rep: edges carry no values, expected trivial alone, got {rep.name}")
        return ()
    if isinstance(domain, Grid):
        if channels not in (None, rep.dim) or shape is not None:
            given = f"channels={channels}" if shape is None else f"shape={shape}"
            raise ValueError(f"channels: a grid has rep.dim={rep.dim} channels, got {given}")
        return (rep.dim,)
    if channels is not None:
        if channels < 1:
            raise ValueError(f"channels: should be positive, got {channels}")
        return (rep.dim, channels)
    if shape is None:
        return (rep.dim,)
    if math.prod(shape) != rep.dim:
        raise ValueError(f"shape: {tuple(shape)} should have rep.dim={rep.dim} entries")
    return tuple(shape)


def permuted_nodes(group: Group) -> int | None:
    """Number of nodes that a group permutes; None if it permutes none."""
    perm = group.identity_parts.permutation
    return None if perm is None else int(perm.shape[-1])


def check_data(field: "Field", x: Any, name: str) -> None:
    """Refuse what is not of the field's type; see `Field.check`."""
    if isinstance(field.domain, Edges):
        _check_edges(field.group, x, name)
        return
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}")
    if isinstance(field.domain, Grid):
        _check_grid(field, field.domain, x, name)
    else:
        _check_rows(field, x, name)


def _check_grid(field: "Field", grid: Grid, x: Tensor, name: str) -> None:
    dim, sizes = field.rep.dim, tuple(x.shape[2:])
    if x.ndim != grid.d + 2:
        space = ", ".join(["size"] * grid.d)
        raise ValueError(f"{name}: expected axes (batch, {dim}, {space}), got {tuple(x.shape)}")
    if x.shape[1] != dim:
        raise ValueError(f"{name}: axis 1 should be rep.dim={dim}, got {x.shape[1]}")
    if 0 in sizes:
        raise ValueError(f"{name}: spatial axes should not be empty, got {sizes}")
    shifted = tuple(grid.resolution * p for p in periods(field.group) or ())
    if shifted and any(p % n for p, n in zip(shifted, sizes, strict=True)):
        raise ValueError(
            f"{name}: spatial axes should be {shifted}, which {field.group.name} shifts, "
            f"got {sizes}"
        )


def _check_rows(field: "Field", x: Tensor, name: str) -> None:
    fibre, dim = field.fibre, field.rep.dim
    has_nodes = isinstance(field.domain, (Nodes, Points))
    if x.ndim < len(fibre) + has_nodes:
        axes = ", ".join(["…", *["nodes"] * has_nodes, *map(str, fibre)])
        raise ValueError(f"{name}: expected axes ({axes}), got {tuple(x.shape)}")
    got = tuple(x.shape[x.ndim - len(fibre) :])
    if got != fibre:
        if fibre == (dim,):
            problem = f"last axis should be rep.dim={dim}, got {got[0]}"
        elif not field.has_columns:
            problem = f"trailing shape should be {fibre}, got {got}"
        elif got[0] != dim:
            problem = f"axis -2 should be rep.dim={dim}, got {got[0]}"
        else:
            problem = f"last axis should be channels={field.channels}, got {got[1]}"
        raise ValueError(f"{name}: {problem}")
    if has_nodes:
        axis = -1 - len(fibre)
        n = permuted_nodes(field.group)
        if n not in (None, x.shape[axis]):
            raise ValueError(
                f"{name}: axis {axis} should be the {n} nodes that {field.group.name} permutes, "
                f"got {x.shape[axis]}"
            )


def _check_edges(group: Group, x: Any, name: str) -> None:
    n = permuted_nodes(group)
    if isinstance(x, Graph):
        if n not in (None, x.num_nodes):
            raise ValueError(
                f"{name}: should have the {n} nodes that {group.name} permutes, got {x.num_nodes}"
            )
        return
    if not isinstance(x, Tensor) or x.is_floating_point() or x.is_complex():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name}: expected a Graph or integers (2, edges), got {kind}")
    if x.ndim != 2 or x.shape[0] != 2:
        raise ValueError(f"{name}: expected shape (2, edges), got {tuple(x.shape)}")
    if n is not None and x.numel() and not 0 <= int(x.min()) <= int(x.max()) < n:
        raise ValueError(
            f"{name}: node numbers should be 0, …, {n - 1}, which {group.name} permutes, "
            f"got {int(x.min())}, …, {int(x.max())}"
        )
