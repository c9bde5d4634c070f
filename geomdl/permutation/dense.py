"""A batch of graphs as padded arrays: places of nodes in their graphs, masks, adjacency.

Every graph gets `size` places; those beyond its nodes are zero. With `size` given all shapes are
known beforehand, which `torch.compile` and `torch.export` need; else it is read off the batch.
"""

import torch
from torch import Tensor

from geomdl.fields import Graph


def largest(counts: Tensor, size: int | None, name: str = "size") -> int:
    """Places that each graph gets: `size`, or the largest count of the batch.

    Raises:
        ValueError: a graph has more than `size`.
    """
    if size is not None and torch.compiler.is_compiling():
        return size  # an index out of range there fails where it is used
    found = int(counts.max()) if counts.numel() else 0
    if size is not None and found > size:
        raise ValueError(f"graph: expected at most {name}={size} in one graph, got {found}")
    return found if size is None else size


def places(graph: Graph) -> Tensor:
    """Number of each node within its graph, int64 of shape (nodes,).

    Example:
        >>> pair = Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> places(Graph.batch([pair, pair])).tolist()
        [0, 1, 0, 1]
    """
    order = graph.node_perm.long()
    nodes = torch.arange(graph.num_nodes, device=graph.device)
    start = graph.ptr.long().index_select(0, graph.batch_index[order])
    return torch.zeros_like(nodes).scatter(0, order, nodes - start)


def slots(graph: Graph, size: int) -> Tensor:
    """Row of each node in an array of `size` rows a graph, int64 of shape (nodes,)."""
    place = places(graph)
    row = graph.batch_index * size + place
    return torch.where(place < size, row, graph.num_graphs * size)  # out of range: refused there


def node_mask(graph: Graph, size: int) -> Tensor:
    """Which places of each graph hold a node, bool of shape (graphs, size)."""
    return torch.arange(size, device=graph.device) < graph.ptr.diff().unsqueeze(1)


def dense_nodes(x: Tensor, graph: Graph, size: int) -> Tensor:
    """Rows of the nodes in their places, (nodes, …) to (graphs, size, …)."""
    rows = x.new_zeros(graph.num_graphs * size, *x.shape[1:])
    rows = rows.index_put((slots(graph, size),), x)
    return rows.view(graph.num_graphs, size, *x.shape[1:])


def dense_edges(edge: Tensor, graph: Graph, size: int) -> Tensor:
    """Sum over the edges j → i of each pair, at [i, j]: (edges, …) to (graphs, size, size, …).

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 0, 1], [1, 1, 0]]))
        >>> dense_edges(torch.ones(3), graph, 2)[0].tolist()
        [[0.0, 1.0], [2.0, 0.0]]
    """
    slot, place = slots(graph, size), places(graph)
    at = slot.index_select(0, graph.target) * size + place.index_select(0, graph.source)
    rows = edge.new_zeros(graph.num_graphs * size * size, *edge.shape[1:])
    rows = rows.index_put((at,), edge, accumulate=True)
    return rows.view(graph.num_graphs, size, size, *edge.shape[1:])
