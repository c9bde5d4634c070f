"""Edges from nodes to themselves: what is there, and graphs in which each node has one."""

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields import Graph, sum_at_targets
from geomdl.permutation.memo import once


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


@once
def loop_count(graph: Graph) -> Tensor:
    """Number of loops of each node, shape (nodes,), int64.

    Example:
        >>> loop_count(Graph.from_edge_index(torch.tensor([[0, 1, 1], [1, 1, 1]]))).tolist()
        [0, 2]
    """
    count = torch.zeros(graph.num_nodes, dtype=torch.int64, device=graph.device)
    return count.index_add(0, graph.source, is_loop(graph).long())


def loop_weight(graph: Graph, like: Tensor, weight: Tensor | None = None) -> Tensor:
    """Sum of the weights of the loops of each node, shape (nodes,), of the type of `like`."""
    if weight is None:
        return loop_count(graph).to(like.dtype)
    return sum_at_targets(torch.where(is_loop(graph), weight, 0), graph)


@once
def with_loops(graph: Graph) -> Looped:
    """One loop a node. Made once for each graph.

    Not for tracing: how many loops there are to be left out depends on the graph.

    Example:
        >>> looped = with_loops(Graph.from_edge_index(torch.tensor([[0, 1], [1, 1]])))
        >>> looped.graph.to_edge_index().tolist(), looped.kept.tolist()
        ([[0, 0, 1], [1, 0, 1]], [0])
    """
    ends, loops = graph.to_edge_index(), is_loop(graph)
    kept = (~loops).nonzero().flatten() if bool(loops.any()) else None
    ends = ends if kept is None else ends[:, kept]
    own = torch.arange(graph.num_nodes, device=graph.device).expand(2, -1)
    ends = torch.cat([ends, own], 1)
    made = Graph.from_edge_index(ends, batch=graph.batch_index, num_graphs=graph.num_graphs)
    return Looped(made, kept)
