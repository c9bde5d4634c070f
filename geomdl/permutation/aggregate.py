"""Sums, means, extremes and attention over the neighbours of each node of a `Graph`.

Each is exact up to rounding, of derivatives of every order, does not depend on the number of
threads, and gives a node without neighbours zeros. Features are (nodes, ...); weights and edge
features are in the order in which the graph's edges were given.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl import kernels
from geomdl.fields import Graph, at_sources, at_targets, neighbor_softmax, sum_at_targets


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
    if weight is None:
        return kernels.neighbor_sum(
            x, graph.in_ptr, graph.in_neighbors, graph.out_ptr, graph.out_neighbors
        )
    while weight.ndim < x.ndim:
        weight = weight.unsqueeze(-1)
    return sum_at_targets(at_sources(x, graph) * weight, graph)


def neighbor_mean(x: Tensor, graph: Graph) -> Tensor:
    """Mean over the edges that enter each node, 0 where none does."""
    degree = graph.in_degree.clamp(min=1).to(x.dtype)
    return neighbor_sum(x, graph) / degree.view(-1, *[1] * (x.ndim - 1))


def neighbor_max(x: Tensor, graph: Graph) -> Tensor:
    """Greatest over the edges that enter each node, 0 where none does; ties: the first edge's."""
    return _extreme(x, graph, "amax")


def neighbor_min(x: Tensor, graph: Graph) -> Tensor:
    """Least over the edges that enter each node, 0 where none does; ties: the first edge's."""
    return _extreme(x, graph, "amin")


def _extreme(x: Tensor, graph: Graph, which: str) -> Tensor:
    at = graph.target.long().view(-1, *[1] * (x.ndim - 1)).expand(-1, *x.shape[1:])
    zeros = torch.zeros_like(x)
    return zeros.scatter_reduce(0, at, at_sources(x, graph), which, include_self=False)


def neighbor_statistics(x: Tensor, graph: Graph, edge: Tensor | None = None) -> Statistics:
    """Mean, least, greatest and standard deviation of m_e = x_j (+ edge_e) over e: j → i.

    The deviation is of all neighbours (division by their number): √max(Σ(m - mean)²/n, 0), with
    derivative 0 where it is 0.

    Args:
        x: shape (nodes, channels).
        graph: whose neighbours these are.
        edge: shape (edges, channels), or None.
    """
    m = at_sources(x, graph) if edge is None else at_sources(x, graph) + edge
    degree = graph.in_degree.clamp(min=1).to(x.dtype).unsqueeze(1)
    mean = sum_at_targets(m, graph) / degree
    var = sum_at_targets((m - at_targets(mean, graph)).square(), graph) / degree
    at = graph.target.long().unsqueeze(1).expand_as(m)
    low, high = (
        torch.zeros_like(x).scatter_reduce(0, at, m, which, include_self=False)
        for which in ("amin", "amax")
    )
    some = var > 0
    std = torch.where(some, torch.where(some, var, 1).sqrt(), var)
    return Statistics(mean, low, high, std)


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
    logits = at_targets(at_target, graph) + at_sources(at_source, graph)
    logits = torch.nn.functional.leaky_relu(logits if edge is None else logits + edge, slope)
    return neighbor_sum(x, graph, neighbor_softmax(logits, graph))


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
    m = at_targets(target, graph) + at_sources(source, graph)
    m = torch.nn.functional.leaky_relu(m if edge is None else m + edge, slope)
    return neighbor_sum(source, graph, neighbor_softmax((m * attention).sum(-1), graph))
