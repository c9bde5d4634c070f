"""Edge lists out of the graphs of PyG, networkx and scipy, as arguments of `Graph.from_edge_index`.

Each library is imported when a graph of it arrives.
"""

from collections.abc import Iterable
from typing import Any, TypedDict

import torch
from torch import Tensor

_READERS = {
    "networkx": "from_networkx",
    "scipy": "from_scipy",
    "torch": "from_edge_index",
    "torch_geometric": "from_pyg",
}


class EdgeList(TypedDict):
    """Arguments of `Graph.from_edge_index`."""

    edge_index: Tensor
    num_nodes: int | None
    batch: Tensor | None
    num_graphs: int | None


def no_graph(name: str, value: Any) -> TypeError:
    """Error that says whose class a value is of, and how a `Graph` is made of it."""
    library, kind = type(value).__module__.split(".")[0], type(value).__name__
    reader = f" (take Graph.{_READERS[library]})" if library in _READERS else ""
    kind = kind if library == "builtins" else f"{library}.{kind}"
    return TypeError(f"{name}: expected a geomdl Graph, got {kind}{reader}")


def listed(graphs: Any) -> list[Any]:
    """Several as a list; one thing alone, as a graph of networkx, which lists its nodes, too."""
    alone = not isinstance(graphs, Iterable) or hasattr(graphs, "edges")
    return [graphs] if alone else list(graphs)


def read_pyg(data: Any) -> EdgeList:
    """Edges of a PyG `Data`, `HeteroData` or batch of them; see `Graph.from_pyg`."""
    from torch_geometric import EdgeIndex
    from torch_geometric.data import Batch, Data, HeteroData
    from torch_geometric.utils import to_edge_index

    if not isinstance(data, Data | HeteroData):
        kind = type(data).__name__
        raise TypeError(f"data: expected a torch_geometric Data, HeteroData or Batch, got {kind}")
    nodes, edges = stores(data)
    edge_index, adj_t = getattr(edges, "edge_index", None), getattr(edges, "adj_t", None)
    if edge_index is None and adj_t is None:
        raise ValueError(
            "data: expected edge_index or adj_t, got neither"
            " (no edges: edge_index=torch.empty(2, 0, dtype=torch.long))"
        )
    if edge_index is None:
        edge_index = to_edge_index(adj_t)[0].flip(0)
    if isinstance(edge_index, EdgeIndex):
        edge_index = edge_index.as_tensor()
    return EdgeList(
        edge_index=edge_index,
        num_nodes=nodes.num_nodes,
        batch=getattr(nodes, "batch", None),
        num_graphs=data.num_graphs if isinstance(data, Batch) else None,
    )


def stores(data: Any) -> tuple[Any, Any]:
    """What holds the nodes and what the edges: the data itself, or its only type of each.

    Raises:
        ValueError: a HeteroData with several types, or with edges to no node of it.
    """
    from torch_geometric.data import HeteroData

    if not isinstance(data, HeteroData):
        return data, data
    nodes, edges = data.node_types, data.edge_types
    if len(nodes) != 1 or len(edges) != 1:
        raise ValueError(
            f"data: expected one type of nodes and one of edges, got {len(nodes)} and {len(edges)}"
            " (data.to_homogeneous() joins them; it keeps node_type and edge_type)"
        )
    if edges[0][0] != nodes[0] or edges[0][2] != nodes[0]:
        raise ValueError(f"data: expected edges between nodes {nodes[0]!r}, got {edges[0]}")
    return data[nodes[0]], data[edges[0]]


def read_networkx(graph: Any) -> EdgeList:
    """Edges of a networkx graph, in the order of its directed form; see `Graph.from_networkx`."""
    import networkx

    if not isinstance(graph, networkx.Graph):
        raise TypeError(f"graph: expected a networkx graph, got {type(graph).__name__}")
    number = {node: i for i, node in enumerate(graph.nodes)}
    multi = graph.is_multigraph()
    edges = [
        (number[u], number[v])
        for u, neighbors in graph.adjacency()
        for v, attributes in neighbors.items()
        for _ in range(len(attributes) if multi else 1)
    ]
    edge_index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T
    return EdgeList(edge_index=edge_index, num_nodes=len(number), batch=None, num_graphs=None)


def read_scipy(matrix: Any) -> EdgeList:
    """Stored entries of a scipy sparse matrix, row → column; see `Graph.from_scipy`."""
    import numpy
    import scipy.sparse

    sparse: bool = scipy.sparse.issparse(matrix)
    if not sparse:
        raise TypeError(f"matrix: expected a scipy sparse matrix, got {type(matrix).__name__}")
    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix: expected shape (nodes, nodes), got {matrix.shape}")
    coo = matrix.tocoo()
    edge_index = torch.tensor(numpy.stack([coo.row, coo.col]))
    return EdgeList(edge_index=edge_index, num_nodes=matrix.shape[0], batch=None, num_graphs=None)
