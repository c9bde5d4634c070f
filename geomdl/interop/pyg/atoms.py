"""Molecules and crystals of torch_geometric as arguments of models of atoms and of potentials."""

from typing import Any

import torch
from torch import Tensor

from geomdl.fields import atoms_from_pyg


def arguments(data: Any) -> dict[str, Any]:
    """Arguments of a model of atoms, or of a potential, out of a `Data` or `Batch`.

    model(**arguments(data)),  potential(**arguments(data))

    Edges stay in the order of PyG. What periodic systems need comes along: ``cell``, lattice
    vectors in rows in Å, shape (3, 3) or (systems, 3, 3) (also as PyG joins those of a batch, (3
    systems, 3)), and ``shifts``, integers of shape (edges, 3): the cells by which the *source* of
    each edge is moved, as of `geomdl.euclidean.radius_graph`. *Exact*.

    Args:
        data: with ``z``, ``pos`` in Å, ``edge_index`` or ``adj_t``, and, where it holds several
            systems, ``batch``.

    Returns:
        z, pos, graph, shifts and cell, the last two None where nothing repeats; charge and spin
        where data have them.

    Raises:
        TypeError: `data` is no homogeneous PyG graph, or z or pos of another type.
        ValueError: something is missing, does not fit, or only one of cell and shifts is there.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> from geomdl.euclidean import NequIP, Potential
        >>> pair = torch.tensor([[0, 1], [1, 0]])
        >>> data = Data(z=torch.tensor([1, 8]), pos=torch.eye(3)[:2], edge_index=pair)
        >>> potential = Potential(NequIP((1, 8), lmax=1, channels=4))
        >>> potential(**arguments(data)).forces.shape
        torch.Size([2, 3])
    """
    z, pos, graph = atoms_from_pyg(data)
    cell, shifts = getattr(data, "cell", None), getattr(data, "shifts", None)
    if (cell is None) != (shifts is None):
        there, lacks = ("shifts", "cell") if cell is None else ("cell", "shifts")
        raise ValueError(
            f"data: expected cell and shifts of the edges, or neither, got {there} without {lacks}"
        )
    if cell is not None:
        cell = _cells(cell, graph.num_graphs)
        found = getattr(shifts, "shape", None)
        if not isinstance(shifts, Tensor) or found != (graph.num_edges, 3):
            shape = tuple(found) if found is not None else type(shifts).__name__
            raise ValueError(f"data: shifts should have shape ({graph.num_edges}, 3), got {shape}")
    found = {"z": z, "pos": pos, "graph": graph, "shifts": shifts, "cell": cell}
    for name in ("charge", "spin"):
        value = getattr(data, name, None)
        if value is not None:
            found[name] = torch.as_tensor(value, device=pos.device).reshape(-1).to(pos.dtype)
            if len(found[name]) != graph.num_graphs:
                raise ValueError(
                    f"data: {name} should have shape ({graph.num_graphs},), got"
                    f" {tuple(found[name].shape)}"
                )
    return found


def _cells(cell: Any, systems: int) -> Tensor:
    """Lattice vectors of each system, (systems, 3, 3)."""
    expected = f"data: cell should have shape (3, 3) or ({systems}, 3, 3)"
    if not isinstance(cell, Tensor):
        raise ValueError(f"{expected}, got {type(cell).__name__}")
    shape = tuple(cell.shape)
    if shape not in ((3, 3), (3 * systems, 3), (systems, 3, 3)):
        raise ValueError(f"{expected}, got {shape}")
    return cell.expand(systems, 3, 3) if shape == (3, 3) else cell.reshape(systems, 3, 3)
