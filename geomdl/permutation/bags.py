"""Bags of marked copies of a graph: one copy for every node, or for every edge.

Features of a bag are (nodes, copies, channels): node v in copy k of its graph. Copies are numbered
within their graph and padded to the same number, so that a sum over neighbours in all copies at
once is one over the neighbours in the graph itself.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields import Graph
from geomdl.permutation.aggregate import neighbor_sum
from geomdl.permutation.dense import places, slots


class Bag(NamedTuple):
    """Copies of the graphs of a batch.

    Attributes:
        marks: what is marked, (nodes, copies, 1 or 2), zeros and ones.
        kept: nodes that are in the copy, bool of shape (nodes, copies).
        copies: which copies there are, bool of shape (graphs, copies).
    """

    marks: Tensor
    kept: Tensor
    copies: Tensor


def node_bag(graph: Graph, size: int, like: Tensor) -> Bag:
    """A copy for every node, in which it is marked.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> node_bag(graph, 3, torch.ones(1)).marks.squeeze(2).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    numbers = torch.arange(size, device=graph.device)
    copies = numbers < graph.ptr.diff().unsqueeze(1)
    place = torch.where(slots(graph, size) < graph.num_graphs * size, places(graph), size)
    marks = like.new_zeros(graph.num_nodes, size)
    marks = marks.scatter(1, place.unsqueeze(1), 1)  # out of range: refused there
    return Bag(marks.unsqueeze(2), copies[graph.batch_index], copies)


def edge_bag(graph: Graph, size: int, like: Tensor) -> Bag:
    """A copy for every edge, in which its source and its target are marked, each in its own way.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> edge_bag(graph, 1, torch.ones(1)).marks.squeeze(1).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    owner = graph.batch_index.long().index_select(0, graph.source)
    counts = owner.new_zeros(graph.num_graphs).scatter_add(0, owner, torch.ones_like(owner))
    order = owner.argsort(stable=True)
    start = counts.cumsum(0) - counts
    edges = torch.arange(graph.num_edges, device=graph.device)
    copy = torch.zeros_like(owner).scatter(0, order, edges - start[owner[order]])
    numbers = torch.arange(size, device=graph.device)
    copies = numbers < counts.unsqueeze(1)
    marks = like.new_zeros(graph.num_nodes, size, 2)
    ones = like.new_ones(graph.num_edges)
    for k, end in enumerate((graph.source, graph.target)):
        at = (end.long(), copy, torch.full_like(copy, k))
        marks = marks.index_put(at, ones)  # out of range: refused there
    return Bag(marks, copies[graph.batch_index], copies)


def edge_counts(graph: Graph) -> Tensor:
    """Number of edges of each graph, shape (graphs,)."""
    owner = graph.batch_index.long().index_select(0, graph.source)
    return owner.new_zeros(graph.num_graphs).scatter_add(0, owner, torch.ones_like(owner))


def without_root(bag: Bag) -> Bag:
    """The bag with the marked node taken out of its copy."""
    return bag._replace(kept=bag.kept & (bag.marks[..., 0] == 0))


def around_root(bag: Bag, graph: Graph, hops: int) -> Bag:
    """The bag with only the nodes that a walk of `hops` edges from the marked node can reach."""
    near = bag.marks[..., 0]
    for _ in range(hops):
        near = ((near + neighbor_sum(near, graph)) > 0).to(near.dtype)
    return bag._replace(kept=bag.kept & (near > 0))


def transposition(graph: Graph, size: int) -> Tensor:
    """Row in (nodes · copies) of what stands at [u, v], for each [v, u]; shape (nodes, copies).

    Copy u of a bag of nodes is that of the node of number u; where there is none, the row is that
    of [v, u] itself.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> transposition(graph, 2).tolist()
        [[0, 2], [1, 3]]
    """
    place, numbers = places(graph), torch.arange(size, device=graph.device)
    there = numbers < graph.ptr.diff()[graph.batch_index].unsqueeze(1)
    start = graph.ptr.long().index_select(0, graph.batch_index)
    rank = torch.where(there, start.unsqueeze(1) + numbers, 0)
    node = graph.node_perm.long()[rank] if graph.num_nodes else rank
    own = torch.arange(graph.num_nodes, device=graph.device).unsqueeze(1) * size + numbers
    return torch.where(there, node * size + place.unsqueeze(1), own)
