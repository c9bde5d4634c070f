"""Graphs of torch_geometric, and what its loaders give, as arguments of networks on graphs."""

from typing import Any, Literal, get_args

from torch import Tensor

from geomdl.fields import Graph
from geomdl.fields.graph_formats import stores

Attached = Literal["features", "weights", "nothing"]


def graph_arguments(data: Any, edge: Attached | None = None) -> dict[str, Any]:
    """Arguments of a network on graphs out of a `Data` or `Batch`, also one of PyG's loaders.

    for batch in DataLoader(data, batch_size=32): model(**graph_arguments(batch))

    Networks take one thing with the edges: `GCN`, `ChebNet` and `APPNPNet` weights, shape (edges,);
    `GIN`, `GAT`, `PNA` and `GPS` features, shape (edges, edge_channels); `SAGE` nothing. Edges stay
    in the order of PyG; what `NeighborLoader` gives goes the same way, the nodes asked
    for being the first ``batch.batch_size`` rows of the result. *Exact*.

    Args:
        data: with floating ``x``, shape (nodes, ...), ``edge_index`` or ``adj_t`` and, where
            something comes with the edges, floating ``edge_attr``, shape (edges,) or (edges,
            channels), or ``edge_weight``, shape (edges,); values of ``adj_t`` other than 1 are
            weights, or features if they are vectors; a `HeteroData` with one type of nodes and one
            of edges.
        edge: what the network takes: "features", ``edge_attr`` if it is there, else the weights;
            "weights", ``edge_weight`` if it is there, else an ``edge_attr`` of one number an edge;
            "nothing"; None for what is there, ``edge_attr`` as features, ``edge_weight`` as
            weights.

    Returns:
        x, graph, and edge where there is something: features of shape (edges, channels), or weights
        of shape (edges,).

    Raises:
        TypeError: `data` is no PyG graph, or features or weights are not floating.
        ValueError: what is asked for is missing, does not fit, or `edge` is None and there are both
            ``edge_attr`` and ``edge_weight``; or see `Graph.from_pyg`.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> data = Data(x=torch.ones(2, 3), edge_index=torch.tensor([[0], [1]]))
        >>> found = graph_arguments(data)
        >>> found["x"].shape, found["graph"]
        (torch.Size([2, 3]), Graph(nodes=2, edges=1, graphs=1, dtype=int32))
        >>> data.edge_weight = torch.ones(1)
        >>> graph_arguments(data)["edge"].shape, graph_arguments(data, "features")["edge"].shape
        (torch.Size([1]), torch.Size([1, 1]))
    """
    kinds = get_args(Attached)
    if edge not in (None, *kinds):
        raise ValueError(f"edge: expected {', '.join(map(repr, kinds))} or None, got {edge!r}")
    graph = Graph.from_pyg(data)
    nodes, edges = stores(data)
    x = _features("x", getattr(nodes, "x", None), graph.num_nodes)
    found: dict[str, Any] = {"x": x, "graph": graph}
    if edge == "nothing":
        return found
    there = _of_edges(edges, ones=edge == "weights")
    if edge is None and len(there) == 2:
        raise ValueError(
            "data: expected edge_attr or edge_weight, got both (edge='features' and edge='weights'"
            " take one)"
        )
    if edge is not None and not there:
        raise ValueError(f"data: expected {edge} of the edges, got no edge_attr, no edge_weight")
    if there:
        weights = edge == "weights" or (edge is None and "edge_weight" in there)
        wanted = "edge_weight" if weights else "edge_attr"
        name = wanted if wanted in there else next(iter(there))
        value = _features(name, there[name], graph.num_edges)
        if weights and value.numel() != len(value):
            shape = f"({len(value)},) as weights, got {tuple(value.shape)}"
            raise ValueError(f"data: {name} should have shape {shape}")
        vectors = value if value.ndim > 1 else value.unsqueeze(1)
        found["edge"] = value.flatten() if weights else vectors
    return found


def _of_edges(edges: Any, ones: bool) -> dict[str, Any]:
    """What comes with the edges, by name; weights that are all 1 in ``adj_t`` if asked for."""
    from torch_geometric.utils import to_edge_index

    names = ("edge_attr", "edge_weight")
    values = {name: getattr(edges, name, None) for name in names}
    if getattr(edges, "edge_index", None) is None:
        value = to_edge_index(edges.adj_t)[1]
        name = names[value.ndim == 1]
        if values[name] is None and (ones or not bool((value == 1).all())):
            values[name] = value
    return {name: value for name, value in values.items() if value is not None}


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
