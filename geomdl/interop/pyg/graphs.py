"""Graphs of torch_geometric, and what its loaders give, as arguments of networks on graphs."""

from typing import Any

from torch import Tensor

from geomdl.fields import Graph
from geomdl.fields.graph_formats import stores


def graph_arguments(data: Any) -> dict[str, Any]:
    """Arguments of a network on graphs out of a `Data` or `Batch`, also one of PyG's loaders.

    for batch in DataLoader(data, batch_size=32): model(**graph_arguments(batch))

    Edges stay in the order of PyG; what `NeighborLoader` gives goes the same way, the nodes asked
    for being the first ``batch.batch_size`` rows of the result. *Exact*.

    Args:
        data: with floating ``x``, shape (nodes, ...), ``edge_index`` or ``adj_t`` and, where edges
            have features, floating ``edge_attr``, shape (edges,) or (edges, channels); a
            `HeteroData` with one type of nodes and one of edges.

    Returns:
        x, graph, and edge, shape (edges, channels), where there is ``edge_attr``.

    Raises:
        TypeError: `data` is no PyG graph, or features are not floating.
        ValueError: features are missing or of another length, or see `Graph.from_pyg`.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> data = Data(x=torch.ones(2, 3), edge_index=torch.tensor([[0], [1]]))
        >>> found = graph_arguments(data)
        >>> found["x"].shape, found["graph"]
        (torch.Size([2, 3]), Graph(nodes=2, edges=1, graphs=1, dtype=int32))
    """
    graph = Graph.from_pyg(data)
    nodes, edges = stores(data)
    x = _features("x", getattr(nodes, "x", None), graph.num_nodes)
    found: dict[str, Any] = {"x": x, "graph": graph}
    edge = getattr(edges, "edge_attr", None)
    if edge is not None:
        edge = _features("edge_attr", edge, graph.num_edges)
        found["edge"] = edge.unsqueeze(1) if edge.ndim == 1 else edge
    return found


def _features(name: str, value: Any, rows: int) -> Tensor:
    """Floating features, one row each."""
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise ValueError(f"data: expected features {name}, shape ({rows}, …), got {kind}")
    if not value.is_floating_point():
        raise TypeError(f"data: expected floating {name}, got {value.dtype} ({name}.float())")
    if value.ndim == 0 or value.shape[0] != rows:
        raise ValueError(f"data: {name} should have shape ({rows}, …), got {tuple(value.shape)}")
    return value
