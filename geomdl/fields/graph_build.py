"""What a `Graph` is made of, as plain tensors: checked edges, both sorts, batches."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from geomdl.fields.graph_index import check_integers, checked_count, group_by, index_dtype

P = ParamSpec("P")
T = TypeVar("T")

NO_GRAPHS = (torch.empty(2, 0, dtype=torch.int64), 0, torch.empty(0, dtype=torch.int64), 0)
"""Arguments of `Graph.from_edge_index` for a batch of no graphs."""

# What the entries of each attribute count: joining graphs shifts them by what came before.
_COUNTS = {
    "source": "num_nodes",
    "target": "num_nodes",
    "in_ptr": "num_edges",
    "in_neighbors": "num_nodes",
    "perm": "num_edges",
    "out_ptr": "num_edges",
    "out_neighbors": "num_nodes",
    "out_perm": "num_edges",
    "batch_index": "num_graphs",
    "ptr": "num_nodes",
    "node_perm": "num_nodes",
}


def checked_edges(
    edge_index: Tensor, num_nodes: int | None, batch: Tensor | None, num_graphs: int | None
) -> tuple[Tensor, Tensor, int, Tensor, int]:
    """Arguments of `both_ways`, out of those of `Graph.from_edge_index`, which says what it raises.

    Returns:
        source, target, num_nodes, batch, num_graphs; tensors int64.
    """
    check_integers("edge_index", edge_index)
    if edge_index.ndim != 2 or edge_index.shape[0] != 2:
        raise ValueError(f"edge_index: expected shape (2, edges), got {tuple(edge_index.shape)}")
    edge_index = edge_index.long()
    if batch is not None:
        check_integers("batch", batch)
        if batch.ndim != 1:
            raise ValueError(f"batch: expected shape (nodes,), got {tuple(batch.shape)}")
        batch = batch.to(edge_index.device, torch.int64)
        num_nodes = batch.shape[0] if num_nodes is None else num_nodes
    num_nodes = checked_count("num_nodes", num_nodes, "edge_index: node numbers", edge_index)
    if batch is None:
        if num_graphs not in (None, 1):
            raise ValueError(f"num_graphs: expected 1 where batch is None, got {num_graphs}")
        source, target = edge_index
        return source, target, num_nodes, edge_index.new_zeros(num_nodes), 1
    if batch.shape[0] != num_nodes:
        raise ValueError(f"batch: expected shape ({num_nodes},), got {tuple(batch.shape)}")
    num_graphs = checked_count("num_graphs", num_graphs, "batch: graph numbers", batch)
    source, target = edge_index
    across = batch[source] != batch[target]
    if across.any():
        edge = int(across.nonzero()[0])
        raise ValueError(
            f"edge_index: edges should stay within one graph of batch, got edge {edge} from"
            f" graph {int(batch[source[edge]])} to graph {int(batch[target[edge]])}"
        )
    return source, target, num_nodes, batch, num_graphs


def for_training(function: Callable[P, T]) -> Callable[P, T]:
    """The function, whose tensors are fit for training where `torch.inference_mode` is on too."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if not torch.is_inference_mode_enabled():
            return function(*args, **kwargs)
        with torch.inference_mode(mode=False):
            return function(*args, **kwargs)

    return run


@for_training
def both_ways(
    source: Tensor, target: Tensor, num_nodes: int, batch_index: Tensor, num_graphs: int
) -> dict[str, Tensor]:
    """All attributes of the `Graph` of checked tensors, which are copied."""
    dtype = index_dtype(num_nodes, source.shape[0], num_graphs)
    source, target, batch_index = (
        t.to(dtype, copy=True, memory_format=torch.contiguous_format)
        for t in (source, target, batch_index)
    )
    perm, in_ptr = group_by(target, num_nodes)
    out_perm, out_ptr = group_by(source, num_nodes)
    node_perm, ptr = group_by(batch_index, num_graphs)
    return {
        "source": source,
        "target": target,
        "in_ptr": in_ptr,
        "in_neighbors": source[perm],
        "perm": perm,
        "out_ptr": out_ptr,
        "out_neighbors": target[out_perm],
        "out_perm": out_perm,
        "batch_index": batch_index,
        "ptr": ptr,
        "node_perm": node_perm,
    }


@for_training
def side_by_side(graphs: Sequence[Any]) -> dict[str, Tensor]:
    """All attributes of the batch of graphs, at least one; nothing is sorted again."""
    counts = ("num_nodes", "num_edges", "num_graphs")
    dtype = index_dtype(*(sum(getattr(graph, count) for graph in graphs) for count in counts))
    joined = {}
    for name, count in _COUNTS.items():
        pieces: list[Tensor] = []
        before = 0
        for graph in graphs:
            piece = getattr(graph, name).to(dtype) + before
            pieces.append(piece[1:] if pieces and name.endswith("ptr") else piece)
            before += getattr(graph, count)
        joined[name] = torch.cat(pieces)
    return joined


def one_by_one(graph: Any) -> list[dict[str, Tensor]]:
    """All attributes of each graph of a batch."""
    local = torch.empty_like(graph.node_perm)
    nodes = torch.arange(graph.num_nodes, dtype=graph.dtype, device=graph.device)
    local[graph.node_perm] = nodes - graph.ptr[graph.batch_index[graph.node_perm]]
    edge_perm, edge_ptr = group_by(graph.batch_index[graph.source], graph.num_graphs)
    node_counts, edge_counts = graph.ptr.diff().tolist(), edge_ptr.diff().tolist()
    sources = torch.split(local[graph.source[edge_perm]], edge_counts)
    targets = torch.split(local[graph.target[edge_perm]], edge_counts)
    return [
        both_ways(source, target, count, graph.batch_index.new_zeros(count), 1)
        for source, target, count in zip(sources, targets, node_counts, strict=True)
    ]


def checked_permutation(perm: Tensor, n: int, device: torch.device) -> Tensor:
    """Images of n nodes as int64; see `Graph.permute`."""
    check_integers("perm", perm)
    perm = perm.to(device, torch.int64)
    if perm.shape != (n,):
        raise ValueError(f"perm: expected shape ({n},), got {tuple(perm.shape)}")
    if not torch.equal(perm.sort().values, torch.arange(n, device=device)):
        raise ValueError(f"perm: expected each of 0, …, {n - 1} once, got others or repeats")
    return perm


def distinct_edges(source: Tensor, target: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Edges that occur, once each, sorted by source, then target; and where each edge went.

    Returns:
        edge_index of shape (2, distinct), and numbers in it, shape (edges,); both int64.

    Example:
        >>> distinct_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 1, 0]), 2)
        (tensor([[0, 1],
                [1, 0]]), tensor([1, 0, 1]))
    """
    width = max(num_nodes, 1)
    keys, into = torch.unique(source.long() * width + target.long(), return_inverse=True)
    return torch.stack([keys // width, keys % width]), into
