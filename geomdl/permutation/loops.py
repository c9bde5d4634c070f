"""Edges from nodes to themselves: what is there, and graphs in which each node has one."""

import weakref
from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields import Graph, sum_at_targets


class Looped(NamedTuple):
    """A graph in which every node has one loop: those that it had are left out, then one a node.

    Attributes:
        graph: edges that are no loops, in their order, and then the loop of node 0, 1, 2, …
        kept: numbers that the former had, or None if there were no loops.
    """

    graph: Graph
    kept: Tensor | None


def is_loop(graph: Graph) -> Tensor:
    """Whether each edge leads from a node to itself, shape (edges,)."""
    return graph.source == graph.target


def loop_weight(graph: Graph, like: Tensor, weight: Tensor | None = None) -> Tensor:
    """Sum of the weights of the loops of each node, shape (nodes,), of the type of `like`.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1, 1], [1, 1, 1]]))
        >>> loop_weight(graph, torch.zeros(0)).tolist()
        [0.0, 2.0]
    """
    loops = is_loop(graph)
    weight = loops.to(like.dtype) if weight is None else torch.where(loops, weight, 0)
    return sum_at_targets(weight, graph)


def with_loops(graph: Graph) -> Looped:
    """One loop a node. Made once for each graph, as long as it lives.

    Not for tracing: how many loops there are to be left out depends on the graph.

    Example:
        >>> looped = with_loops(Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]])))
        >>> looped.graph.to_edge_index().tolist(), looped.kept.tolist()
        ([[0, 0, 1], [1, 0, 1]], [0])
    """
    key = id(graph)
    if key not in _made:
        _made[key] = _with_loops(graph)
        weakref.finalize(graph, _made.pop, key, None)
    return _made[key]


_made: dict[int, Looped] = {}


def _with_loops(graph: Graph) -> Looped:
    ends, loops = graph.to_edge_index(), is_loop(graph)
    kept = (~loops).nonzero().flatten() if bool(loops.any()) else None
    ends = ends if kept is None else ends[:, kept]
    own = torch.arange(graph.num_nodes, device=graph.device).expand(2, -1)
    return Looped(
        Graph.from_edge_index(
            torch.cat([ends, own], 1), batch=graph.batch_index, num_graphs=graph.num_graphs
        ),
        kept,
    )
