"""Sums, means, extremes and attention over the neighbours of each node of a `Graph`.

Each is exact up to rounding, of derivatives of every order, does not depend on the number of
threads, and gives a node without neighbours zeros. Features are (nodes, ...); weights and edge
features are in the order in which the graph's edges were given.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from geomdl import kernels
from geomdl.fields import Graph
from geomdl.fields.graph_checks import check_rows
from geomdl.kernels.rows import wide
from geomdl.permutation.memo import once


class Statistics(NamedTuple):
    """Mean, least, greatest and standard deviation over the neighbours, each (nodes, channels)."""

    mean: Tensor
    min: Tensor
    max: Tensor
    std: Tensor


def neighbor_sum(x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
    """Sum over the edges that enter each node: y_i = Σ_{e: j → i} w_e x_j.

    Args:
        x: features, shape (nodes, ...).
        graph: whose neighbours these are.
        weight: w, shape (edges,), or (edges, heads) for x of shape (nodes, heads, channels); 1 if
            None. It has its gradient.

    Returns:
        shape of x.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 1]]))
        >>> neighbor_sum(torch.tensor([[1.0], [2.0], [4.0]]), graph).flatten().tolist()
        [0.0, 5.0, 0.0]
    """
    check_rows("x", x, graph.num_nodes)
    if weight is None:
        return kernels.neighbor_sum(
            x, graph.in_ptr, graph.in_neighbors, graph.out_ptr, graph.out_neighbors
        )
    check_rows("weight", weight, graph.num_edges)
    heads, given = weight.shape[1:], weight.ndim - 1
    if heads != x.shape[1 : given + 1]:
        raise ValueError(
            f"weight: expected shape (edges, …) with … = {tuple(x.shape[1 : given + 1])}, as of x,"
            f" got {tuple(weight.shape)}"
        )
    boxes = x.reshape(x.shape[0], math.prod(heads), math.prod(x.shape[given + 1 :]))
    y = kernels.weighted_sum(boxes, weight.reshape(weight.shape[0], boxes.shape[1]), _rows(graph))
    return y.view(graph.num_nodes, *x.shape[1:])


def _rows(graph: Graph) -> list[Tensor]:
    """Both orders of the edges, as kernels take them."""
    return [
        graph.in_ptr,
        graph.in_neighbors,
        graph.perm,
        graph.out_ptr,
        graph.out_neighbors,
        graph.out_perm,
    ]


def scaled_neighbor_sum(
    x: Tensor,
    graph: Graph,
    at_target: Tensor | None = None,
    at_source: Tensor | None = None,
    own: Tensor | None = None,
) -> Tensor:
    """Sum over the edges that enter each node, with factors: y_i = t_i Σ s_j x_j + o_i x_i.

    Args:
        x: shape (nodes, ...).
        graph: whose neighbours these are.
        at_target: t, shape (nodes,); 1 if None.
        at_source: s, shape (nodes,); 1 if None.
        own: o, shape (nodes,); 0 if None.

    Returns:
        shape of x.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 1]]))
        >>> x, half = torch.tensor([[1.0], [2.0], [4.0]]), torch.full((3,), 0.5)
        >>> scaled_neighbor_sum(x, graph, at_source=half, own=half).flatten().tolist()
        [0.5, 3.5, 2.0]
    """
    check_rows("x", x, graph.num_nodes)
    y = kernels.scaled_sum(
        x.flatten(1) if x.ndim > 1 else x.unsqueeze(1),
        graph.in_ptr,
        graph.in_neighbors,
        graph.out_ptr,
        graph.out_neighbors,
        at_target,
        at_source,
        own,
    )
    return y.view(x.shape)


@once
def _shares(graph: Graph, dtype: torch.dtype) -> Tensor:
    return graph.in_degree.clamp(min=1).to(dtype).reciprocal()


def neighbor_mean(x: Tensor, graph: Graph) -> Tensor:
    """Mean over the edges that enter each node, 0 where none does."""
    return scaled_neighbor_sum(x, graph, at_target=_shares(graph, wide(x.dtype)))


def neighbor_max(x: Tensor, graph: Graph) -> Tensor:
    """Greatest over the edges that enter each node, 0 where none does; ties: the first edge's."""
    check_rows("x", x, graph.num_nodes)
    return kernels.neighbor_extreme(x, graph.in_ptr, graph.in_neighbors, True)


def neighbor_min(x: Tensor, graph: Graph) -> Tensor:
    """Least over the edges that enter each node, 0 where none does; ties: the first edge's."""
    check_rows("x", x, graph.num_nodes)
    return kernels.neighbor_extreme(x, graph.in_ptr, graph.in_neighbors, False)


def neighbor_statistics(x: Tensor, graph: Graph, edge: Tensor | None = None) -> Statistics:
    """Mean, least, greatest and standard deviation of m_e = x_j (+ edge_e) over e: j → i.

    The deviation is of all neighbours (division by their number): √max(Σ(m - mean)²/n, 0), with
    derivative 0 where it is 0. Beside an infinite m, mean and deviation are NaN or infinite.

    Args:
        x: shape (nodes, channels).
        graph: whose neighbours these are.
        edge: shape (edges, channels), or None.
    """
    check_rows("x", x, graph.num_nodes)
    found = kernels.neighbor_statistics(x, edge, graph.in_ptr, graph.in_neighbors, graph.perm)
    return Statistics(*found.unbind(1))


def graph_attention(
    x: Tensor,
    at_target: Tensor,
    at_source: Tensor,
    graph: Graph,
    edge: Tensor | None = None,
    slope: float = 0.2,
) -> Tensor:
    """Additive attention over the neighbours (GAT).

    y_i = Σ_e α_e x_j,  α = softmax over e: j → i of LeakyReLU(t_i + s_j (+ edge_e))

    Args:
        x: values, shape (nodes, heads, channels).
        at_target: t, shape (nodes, heads).
        at_source: s, shape (nodes, heads).
        graph: whose neighbours these are.
        edge: shape (edges, heads), or None.
        slope: of LeakyReLU below 0.

    Returns:
        shape (nodes, heads, channels).
    """
    for name, value in (("x", x), ("at_target", at_target), ("at_source", at_source)):
        check_rows(name, value, graph.num_nodes)
    return kernels.additive_attention(x, at_target, at_source, edge, _rows(graph), slope)


def graph_attention_v2(
    target: Tensor,
    source: Tensor,
    attention: Tensor,
    graph: Graph,
    edge: Tensor | None = None,
    slope: float = 0.2,
) -> Tensor:
    """Attention with a function of pairs inside (GATv2).

    y_i = Σ_e α_e s_j,  α = softmax over e: j → i of a · LeakyReLU(t_i + s_j (+ edge_e))

    Args:
        target: t, shape (nodes, heads, channels).
        source: s, likewise; also the values.
        attention: a, shape (heads, channels).
        graph: whose neighbours these are.
        edge: shape (edges, heads, channels), or None.
        slope: of LeakyReLU below 0.

    Returns:
        shape (nodes, heads, channels).
    """
    for name, value in (("target", target), ("source", source)):
        check_rows(name, value, graph.num_nodes)
    return kernels.pair_attention(target, source, attention, edge, _rows(graph), slope)
