"""Atoms, positions and edges out of the graphs of torch_geometric."""

from typing import Any, NamedTuple

from torch import Tensor

from geomdl.fields.graph import Graph


class Atoms(NamedTuple):
    """What networks on points take.

    Attributes:
        z: nuclear charges, or kinds of any sort, integers of shape (nodes,).
        pos: positions, shape (nodes, 3).
        graph: edges, and the system of each node as its batch.
    """

    z: Tensor
    pos: Tensor
    graph: Graph


def atoms_from_pyg(data: Any) -> Atoms:
    """Atoms of a `torch_geometric.data.Data` or `Batch` with `z`, `pos` and `edge_index`.

    Edges are in the order of PyG, so that attributes of edges fit; nothing is copied but indices.

    Args:
        data: with z, integers of shape (nodes,), pos, floating of shape (nodes, 3), edge_index of
            shape (2, edges) or adj_t, and, where it holds several systems, batch.

    Raises:
        TypeError: `data` is no homogeneous PyG graph, or z or pos of another type.
        ValueError: z, pos or edges are missing or do not fit each other.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> edges = torch.tensor([[0, 1], [1, 0]])
        >>> z, pos, graph = atoms_from_pyg(
        ...     Data(z=torch.tensor([1, 8]), pos=torch.eye(3)[:2], edge_index=edges)
        ... )
        >>> graph
        Graph(nodes=2, edges=2, graphs=1, dtype=int32)
    """
    graph = Graph.from_pyg(data)
    for name in ("z", "pos"):
        value = getattr(data, name, None)
        if not isinstance(value, Tensor):
            raise ValueError(f"data: expected a tensor {name}, got {type(value).__name__}")
        if name == "pos" and not value.is_floating_point():
            raise TypeError(f"data: pos should be real floating-point numbers, got {value.dtype}")
        if name == "z" and (value.is_floating_point() or value.is_complex()):
            raise TypeError(f"data: z should be integers, got {value.dtype}")
        expected = (graph.num_nodes,) if name == "z" else (graph.num_nodes, 3)
        if tuple(value.shape) != expected:
            raise ValueError(f"data: {name} should have shape {expected}, got {tuple(value.shape)}")
    return Atoms(data.z, data.pos, graph)
