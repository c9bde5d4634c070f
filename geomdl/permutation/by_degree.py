"""Nodes in the order of their degrees, for affine maps that are one map for each degree."""

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields import Graph
from geomdl.fields.graph_table import pointers
from geomdl.kernels import neighbor_sum
from geomdl.permutation.memo import once


class ByDegree(NamedTuple):
    """Nodes sorted by the number of edges that enter them, and their neighbours in that order.

    Attributes:
        order: node at each place, shape (nodes,).
        place: of each node, shape (nodes,).
        steps: 0, 1, …, nodes: bounds of rows of one entry.
        degrees: those that occur, ascending, shape (kinds,).
        sizes: number of nodes of each.
        ptr: as `Graph.in_ptr`, for the nodes in this order.
        neighbors: as `Graph.in_neighbors`, likewise.
        perm: as `Graph.perm`, likewise.
    """

    order: Tensor
    place: Tensor
    steps: Tensor
    degrees: Tensor
    sizes: list[int]
    ptr: Tensor
    neighbors: Tensor
    perm: Tensor

    def sort(self, x: Tensor) -> Tensor:
        """Rows of the nodes, (nodes, ...), in the order of the degrees."""
        return neighbor_sum(x, self.steps, self.order, self.steps, self.place)

    def unsort(self, y: Tensor) -> Tensor:
        """Inverse of `sort`."""
        return neighbor_sum(y, self.steps, self.place, self.steps, self.order)


@once
def by_degree(graph: Graph) -> ByDegree:
    """Sort the nodes of a graph, once.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2, 2], [1, 1, 0]]))
        >>> sorted_ = by_degree(graph)
        >>> sorted_.order.tolist(), sorted_.degrees.tolist(), sorted_.sizes
        ([2, 0, 1], [0, 1, 2], [1, 1, 1])
        >>> sorted_.neighbors.tolist()
        [2, 0, 2]
    """
    degree = graph.in_degree.long()
    order = degree.argsort(stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    degrees, sizes = degree.unique(return_counts=True)
    counts = degree[order]
    ptr = pointers(counts)
    within = torch.arange(graph.num_edges, device=order.device)
    edges = within + (graph.in_ptr.long()[order] - ptr[:-1]).repeat_interleave(counts)
    steps = torch.arange(len(order) + 1, device=order.device)
    dtype = graph.dtype
    return ByDegree(
        order=order.to(dtype),
        place=place.to(dtype),
        steps=steps.to(dtype),
        degrees=degrees,
        sizes=sizes.tolist(),
        ptr=ptr.to(dtype),
        neighbors=graph.in_neighbors[edges],
        perm=graph.perm[edges],
    )
