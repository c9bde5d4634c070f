"""Graphs of all neighbours within a cut-off, in periodic cells too, and the vectors along edges."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import is_fake

from geomdl.fields import Graph
from geomdl.fields.graph_index import check_integers, checked_count, group_by, index_dtype
from geomdl.kernels.precision import full_precision
from geomdl.kernels.radius import radius_pairs

_FLAT = 1e-8  # volume of a cell relative to that of the box with the same edges


class Neighbors(NamedTuple):
    """Neighbours of every atom.

    Attributes:
        graph: edges source → target, sorted by target, then source, then shift.
        shifts: cells by which the source of each edge is moved, integers of the type of the
            graph's, shape (edges, 3).
    """

    graph: Graph
    shifts: Tensor


def radius_graph(
    pos: Tensor,
    cutoff: float,
    cell: Tensor | None = None,
    pbc: Any = None,
    batch: Tensor | None = None,
    loop: bool = False,
) -> Neighbors:
    """Edge source → target wherever the source, or a periodic image of it, is near the target.

    |pos[target] - pos[source] - shifts @ cell| ≤ cutoff

    So every neighbour within the cut-off of the target is there, with as many images as the cut-off
    reaches, those of the target itself among them; each edge has its reverse, with opposite shifts.
    *Exact*, for tilted and thin cells and atoms outside of them, computed in float64 from positions
    as they are; an edge whose length is within 10⁻¹² of the cut-off counts. Time and memory are
    linear in atoms and edges. Not differentiable (`edge_vectors` is), and not for the inside of
    `torch.compile`: build graphs before.

    Args:
        pos: positions in Å, finite, floating, shape (nodes, 3).
        cutoff: in Å.
        cell: lattice vectors in its rows, in Å, shape (3, 3), or (systems, 3, 3).
        pbc: along which of them the system repeats, one bool or shape (3,) or (systems, 3); default
            all of them if there is a cell, else none. Vectors along which it does not are not used.
        batch: system of each atom, integers of shape (nodes,), in any order; default one system.
        loop: whether to have edges from each atom to itself, of length 0.

    Returns:
        Graph and shifts, on the device of pos (found on the CPU). The graph's batch is `batch`.

    Raises:
        TypeError: a tensor of another type.
        ValueError: wrong shape, positions or cells that are not finite, a cut-off that is not
            positive or reaches more than 2²⁰ images, a singular cell, an atom more than 2²⁹ cells
            from the origin, or pbc without a cell.

    Example:
        >>> pos = torch.tensor([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0]])
        >>> graph, shifts = radius_graph(pos, cutoff=0.5, cell=torch.eye(3))
        >>> graph.to_edge_index().tolist(), shifts.tolist()
        ([[1, 0], [0, 1]], [[-1, 0, 0], [1, 0, 0]])
    """
    if not isinstance(pos, Tensor) or not pos.is_floating_point():
        found = pos.dtype if isinstance(pos, Tensor) else type(pos).__name__
        raise TypeError(f"pos: expected a tensor of real floating-point numbers, got {found}")
    if pos.ndim != 2 or pos.shape[1] != 3:
        raise ValueError(f"pos: expected shape (nodes, 3), got {tuple(pos.shape)}")
    _check_finite("pos", pos, "node")
    cutoff = _number(cutoff)
    nodes = pos.shape[0]
    systems = cell.shape[0] if isinstance(cell, Tensor) and cell.ndim == 3 else None
    if batch is None:
        system, count = torch.zeros(nodes, dtype=torch.int64), 1
    else:
        check_integers("batch", batch)
        if batch.shape != (nodes,):
            raise ValueError(f"batch: expected shape ({nodes},), got {tuple(batch.shape)}")
        system = batch.detach().cpu().long()
        count = checked_count("systems", systems, "batch: system numbers", system)
    vectors, periodic = _lattice(cell, pbc, count)
    pairs = radius_pairs(
        pos.detach().cpu().double(), system, vectors, periodic, cutoff, loop=bool(loop)
    )
    dtype = index_dtype(nodes, len(pairs.source), count)
    node_perm, ptr = group_by(system, count)
    index = {
        "source": pairs.source,
        "target": pairs.target,
        "in_ptr": pairs.in_ptr,
        "in_neighbors": pairs.source,
        "perm": torch.arange(len(pairs.source), dtype=dtype),
        "out_ptr": pairs.out_ptr,
        "out_neighbors": pairs.target[pairs.out_perm],
        "out_perm": pairs.out_perm,
        "batch_index": system,
        "ptr": ptr,
        "node_perm": node_perm,
    }
    graph = Graph(**{name: value.to(pos.device, dtype) for name, value in index.items()})
    return Neighbors(graph, pairs.images.to(pos.device, dtype))


def edge_vectors(
    pos: Tensor, graph: Graph, shifts: Tensor | None = None, cell: Tensor | None = None
) -> Tensor:
    """Vectors along edges, from the source (or that image of it which is meant) to the target.

    r[e] = pos[target[e]] - pos[source[e]] - shifts[e] @ cell[batch]

    *Exact*; differentiable to every order with respect to positions and cells, so that strains have
    gradients. Moving atoms changes vectors, never edges.

    Args:
        pos: positions in Å, shape (nodes, 3).
        graph: as of `radius_graph`.
        shifts: cells by which each source is moved, shape (edges, 3); none if None.
        cell: lattice vectors in its rows, shape (3, 3), or (systems, 3, 3); needed by shifts.

    Returns:
        Å, shape (edges, 3), dtype of pos.

    Raises:
        ValueError: wrong shape, or shifts over images without a cell (not looked for while
            tracing).

    Example:
        >>> pos = torch.tensor([[0.0, 0.0, 0.0], [0.75, 0.0, 0.0]])
        >>> graph, shifts = radius_graph(pos, cutoff=0.5, cell=torch.eye(3))
        >>> edge_vectors(pos, graph, shifts, torch.eye(3)).tolist()
        [[0.25, 0.0, 0.0], [-0.25, 0.0, 0.0]]
    """
    if tuple(pos.shape) != (graph.num_nodes, 3):
        raise ValueError(f"pos: expected shape ({graph.num_nodes}, 3), got {tuple(pos.shape)}")
    vectors = pos.index_select(0, graph.target) - pos.index_select(0, graph.source)
    if shifts is None or cell is None:
        traced = torch.compiler.is_compiling() or is_fake(pos)
        if shifts is not None and not traced and bool(shifts.any()):
            raise ValueError("cell: expected lattice vectors, since shifts are not zero, got None")
        return vectors
    if tuple(shifts.shape) != (graph.num_edges, 3):
        raise ValueError(
            f"shifts: expected shape ({graph.num_edges}, 3), got {tuple(shifts.shape)}"
        )
    if tuple(cell.shape) not in ((3, 3), (graph.num_graphs, 3, 3)):
        raise ValueError(
            f"cell: expected shape (3, 3) or ({graph.num_graphs}, 3, 3), got {tuple(cell.shape)}"
        )
    moved, cell = shifts.to(pos.dtype), cell.to(pos.dtype)
    with full_precision(pos):
        if cell.ndim == 2:
            return vectors - moved @ cell
        own = cell.index_select(0, graph.batch_index.index_select(0, graph.source))
        return vectors - (moved.unsqueeze(1) @ own).squeeze(1)


def _number(cutoff: Any) -> float:
    try:
        value = float(cutoff)
    except (TypeError, ValueError):
        raise TypeError(f"cutoff: expected a number, got {type(cutoff).__name__}") from None
    if not 0 < value < math.inf:
        raise ValueError(f"cutoff: expected a positive number, got {value:g}")
    return value


def _check_finite(name: str, x: Tensor, row: str) -> None:
    good = x.detach().isfinite().flatten(1).all(1)
    if not bool(good.all()):
        at = int((~good).nonzero()[0])
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity in {row} {at}")


def _lattice(cell: Tensor | None, pbc: Any, systems: int) -> tuple[Tensor, Tensor]:
    """Bases of space, float64 (systems, 3, 3), and which of their rows are periods (systems, 3)."""
    periodic = torch.as_tensor(cell is not None if pbc is None else pbc).detach().cpu()
    if periodic.dtype != torch.bool or tuple(periodic.shape) not in ((), (3,), (systems, 3)):
        found = f"{periodic.dtype} of shape {tuple(periodic.shape)}"
        raise ValueError(f"pbc: expected bools of shape (3,) or ({systems}, 3), got {found}")
    periodic = periodic.expand(systems, 3).contiguous()
    if cell is None:
        if bool(periodic.any()):
            raise ValueError("pbc: periodic axes need a cell, got cell=None")
        return torch.eye(3, dtype=torch.float64).expand(systems, 3, 3), periodic
    if not isinstance(cell, Tensor) or not cell.is_floating_point():
        found = str(cell.dtype) if isinstance(cell, Tensor) else type(cell).__name__
        raise TypeError(f"cell: expected a tensor of real floating-point numbers, got {found}")
    if tuple(cell.shape) not in ((3, 3), (systems, 3, 3)):
        shape = tuple(cell.shape)
        raise ValueError(f"cell: expected shape (3, 3) or ({systems}, 3, 3), got {shape}")
    vectors = cell.detach().cpu().double().expand(systems, 3, 3)
    _check_finite("cell", vectors, "system")
    vectors = _completed(vectors, periodic)
    flat = torch.linalg.det(vectors).abs() <= _FLAT * vectors.norm(dim=2).prod(1)
    if bool(flat.any()):
        at = int(flat.nonzero()[0])
        raise ValueError(
            f"cell: expected periodic vectors that are linearly independent, got a singular cell in"
            f" system {at}"
        )
    return vectors, periodic


def _completed(vectors: Tensor, periodic: Tensor) -> Tensor:
    """Periodic rows, and where others were, an orthonormal basis of what is orthogonal to them."""
    if bool(periodic.all()):
        return vectors
    kept = vectors * periodic[..., None]
    across = torch.eye(3, dtype=torch.float64) - torch.linalg.pinv(kept) @ kept
    basis = torch.linalg.eigh(across).eigenvectors.mT  # rows; those of eigenvalue 1 come last
    place = 3 - (~periodic).flip(1).cumsum(1).flip(1)
    filled = basis.gather(1, place.clamp(max=2)[..., None].expand(-1, -1, 3))
    return torch.where(periodic[..., None], vectors, filled)
