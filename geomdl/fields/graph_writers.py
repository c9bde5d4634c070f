"""Graphs of networkx, scipy and PyG out of a `Graph`; each library is imported where it is used."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from geomdl.fields.graph import Graph


def write_networkx(graph: "Graph", undirected: bool = False) -> Any:
    """Graph of networkx; see `Graph.to_networkx`."""
    import networkx

    if undirected and not graph.is_undirected:
        raise ValueError(
            "graph: expected each edge as often each way, got others (take graph.undirected()[0])"
        )
    source, target = graph.source, graph.target
    if undirected:
        source, target = source[source <= target], target[source <= target]
    pairs = torch.stack([source, target])
    repeats = torch.unique(pairs, dim=1).shape[1] < pairs.shape[1]
    kinds = {
        (False, False): networkx.DiGraph,
        (False, True): networkx.MultiDiGraph,
        (True, False): networkx.Graph,
        (True, True): networkx.MultiGraph,
    }
    found = kinds[undirected, repeats]()
    found.add_nodes_from(range(graph.num_nodes))
    found.add_edges_from(zip(*pairs.tolist(), strict=True))
    return found


def write_scipy(graph: "Graph", weight: Tensor | None = None) -> Any:
    """Sparse adjacency matrix; see `Graph.to_scipy`."""
    import scipy.sparse

    if weight is None:
        weight = torch.ones(graph.num_edges)
    if weight.shape != (graph.num_edges,):
        raise ValueError(f"weight: expected shape ({graph.num_edges},), got {tuple(weight.shape)}")
    indices = (graph.source.cpu().numpy(), graph.target.cpu().numpy())
    shape = (graph.num_nodes, graph.num_nodes)
    return scipy.sparse.coo_array((weight.detach().cpu().numpy(), indices), shape=shape)


def write_pyg(graph: "Graph", x: Tensor | None, edge: Tensor | None, more: dict[str, Any]) -> Any:
    """`Data`, or `Batch` of several graphs; see `Graph.to_pyg`."""
    from torch_geometric.data import Batch, Data

    _check_rows("x", x, graph.num_nodes, "nodes")
    _check_rows("edge", edge, graph.num_edges, "edges")
    whole = {"x": x, "edge_attr": edge, **more}
    given = {name: value for name, value in whole.items() if value is not None}
    if graph.num_graphs == 1:
        return Data(edge_index=graph.to_edge_index(), num_nodes=graph.num_nodes, **given)
    if graph.num_graphs == 0:
        raise ValueError("graph: expected at least one graph, as PyG does, got an empty batch")
    of_edge = graph.batch_index[graph.source]
    if bool((graph.batch_index.diff() < 0).any() or (of_edge.diff() < 0).any()):
        raise ValueError(
            "graph: expected nodes and edges graph by graph, as PyG does, got mixed ones"
            " (take graph.unbatch())"
        )
    edges = torch.bincount(of_edge, minlength=graph.num_graphs).tolist()
    sizes = {"nodes": graph.ptr.diff().tolist(), "edges": edges, "graphs": [1] * graph.num_graphs}
    pieces = {name: value.split(sizes[_owner(name, value, graph)]) for name, value in given.items()}
    return Batch.from_data_list(
        [
            Data(
                edge_index=one.to_edge_index(),
                num_nodes=one.num_nodes,
                **{name: values[k] for name, values in pieces.items()},
            )
            for k, one in enumerate(graph.unbatch())
        ]
    )


def _check_rows(name: str, value: Tensor | None, rows: int, what: str) -> None:
    if value is not None and (value.ndim == 0 or value.shape[0] != rows):
        raise ValueError(f"{name}: expected shape ({rows} {what}, …), got {tuple(value.shape)}")


def _owner(name: str, value: Any, graph: "Graph") -> str:
    """What a value has one row for: PyG's rule of names first, then the number of rows."""
    if "index" in name or "batch" in name or name == "face":
        raise ValueError(f"{name}: expected another name, as PyG shifts what is called so")
    rows = value.shape[0] if isinstance(value, Tensor) and value.ndim else None
    if "edge" in name and rows == graph.num_edges:
        return "edges"
    if rows == graph.num_nodes:
        return "nodes"
    if rows == graph.num_graphs:
        return "graphs"
    got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    raise ValueError(
        f"{name}: expected a row for each of {graph.num_nodes} nodes or {graph.num_graphs} graphs"
        f" (or edges, if its name has 'edge' in it), got {got}"
    )
