"""Colour refinement with marked nodes: one, two that are adjacent, or any two."""

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from geomdl.expressivity.layout import Graphs, Integers, as_tensor, layout_of
from geomdl.expressivity.partitions import (
    Relations,
    certify,
    certify_marked,
    mark,
    stable_partition,
)


def marked_wl(
    graphs: Graphs, node_color: Tensor | None = None, edge_color: Tensor | None = None
) -> Tensor:
    """Certificates of node marking: the multiset of 1-WL colourings with one node marked.

    What subgraph networks can tell apart that mark the root of each subgraph and take whole graphs
    as subgraphs, without messages between them. *Exact*.

    Args:
        graphs: a batch, or a sequence of graphs.
        node_color: as in `color_refinement`.
        edge_color: as in `color_refinement`.

    Returns:
        int64, shape (graphs,): equal numbers, not told apart; 0, 1, … in order of appearance.

    Example:
        >>> import networkx
        >>> from geomdl.fields import Graph
        >>> two = networkx.disjoint_union(networkx.cycle_graph(3), networkx.cycle_graph(3))
        >>> marked_wl([Graph.from_networkx(g) for g in (networkx.cycle_graph(6), two)]).tolist()
        [0, 1]

    Source: Qian et al. 2022, arXiv:2206.11168; Zhang et al. 2023, arXiv:2302.07090.
    """
    return _marked(graphs, node_color, edge_color, "none")


def adjacent_pairs_wl(
    graphs: Graphs, node_color: Tensor | None = None, edge_color: Tensor | None = None
) -> Tensor:
    """Certificates of marking adjacent pairs: a root u, and each v that an edge from u enters.

    The graph's colour is the multiset over u of what marking u gives and of the multiset over v.
    What I²-GNNs can tell apart. *Exact*. Arguments and value as of `marked_wl`.

    Source: Huang et al. 2023, arXiv:2210.13978.
    """
    return _marked(graphs, node_color, edge_color, "adjacent")


def pairs_wl(
    graphs: Graphs, node_color: Tensor | None = None, edge_color: Tensor | None = None
) -> Tensor:
    """Certificates of marking all ordered pairs: a root u, and each node v.

    *Exact*; nodes squared times the cost of one marking. Arguments and value as of `marked_wl`.

    Source: Qian et al. 2022, arXiv:2206.11168.
    """
    return _marked(graphs, node_color, edge_color, "all")


def _marked(
    graphs: Graphs, node_color: Tensor | None, edge_color: Tensor | None, second: str
) -> Tensor:
    layout = layout_of(graphs, node_color, edge_color)
    known: dict[Hashable, int] = {}
    found = [
        _number(known, _certificate(Relations.of(layout.one(g)), known, second))
        for g in range(layout.num_graphs)
    ]
    return number_keys(found)


def _certificate(graph: Relations, known: dict[Hashable, int], second: str) -> Hashable:
    """Multiset over the roots; `known` numbers what occurs, the same for all graphs of a call."""
    start = stable_partition(graph)
    nodes = np.arange(len(graph.node_color))
    plain = _number(known, certify(graph, start))
    if second == "none":
        return plain, _multiset(known, certify_marked(graph, start, nodes))
    roots: list[Hashable] = []
    for u in nodes:
        partition = mark(graph, start, int(u))
        root = _number(known, certify(graph, partition))
        others = nodes if second == "all" else _entered(graph, int(u))
        roots.append((root, _multiset(known, certify_marked(graph, partition, others))))
    return plain, tuple(sorted(_number(known, root) for root in roots))


def _entered(graph: Relations, node: int) -> Integers:
    """Nodes that edges from a node enter, each once."""
    rows = [graph.targets[ptr[node] : ptr[node + 1]] for ptr in graph.out_ptr]
    return np.unique(np.concatenate(rows))


def _multiset(known: dict[Hashable, int], rows: NDArray[np.int32]) -> tuple[int, ...]:
    return tuple(sorted(_number(known, row.tobytes()) for row in rows))


def _number(known: dict[Hashable, int], key: Hashable) -> int:
    return known.setdefault(key, len(known))


def number_keys(keys: "list[int] | list[Hashable] | list[bytes]") -> Tensor:
    """Numbers 0, 1, … of keys in the order in which they occur first, int64, shape (keys,)."""
    known: dict[Hashable, int] = {}
    return as_tensor(np.array([_number(known, key) for key in keys], np.int64))
