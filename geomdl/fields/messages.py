"""Numbers of nodes and of edges: each from the other, and softmax over the neighbours."""

import math

import torch
from torch import Tensor

from geomdl.fields.graph import Graph
from geomdl.fields.graph_checks import check_rows
from geomdl.kernels import segment_softmax, segment_spread, segment_sum

_ABOVE = 30.0  # its exponential, squared, is finite in single precision


def at_sources(x: Tensor, graph: Graph) -> Tensor:
    """To each edge what its source has, (nodes, ...) to (edges, ...).

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 1]]))
        >>> at_sources(torch.tensor([5.0, 6.0, 7.0]), graph).tolist()
        [5.0, 7.0]
    """
    check_rows("x", x, graph.num_nodes)
    return segment_spread(x, graph.out_ptr, graph.out_perm, graph.num_edges)


def at_targets(x: Tensor, graph: Graph) -> Tensor:
    """To each edge what its target has, (nodes, ...) to (edges, ...).

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 1]]))
        >>> at_targets(torch.tensor([5.0, 6.0, 7.0]), graph).tolist()
        [6.0, 6.0]
    """
    check_rows("x", x, graph.num_nodes)
    return segment_spread(x, graph.in_ptr, graph.perm, graph.num_edges)


def sum_at_targets(m: Tensor, graph: Graph) -> Tensor:
    """To each node the sum over the edges that enter it, (edges, ...) to (nodes, ...).

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 1]]))
        >>> sum_at_targets(torch.tensor([5.0, 7.0]), graph).tolist()
        [0.0, 12.0, 0.0]
    """
    check_rows("m", m, graph.num_edges)
    return segment_sum(m, graph.in_ptr, graph.perm)


def neighbor_softmax(
    logits: Tensor, graph: Graph, weight: Tensor | None = None, spare: float = 0.0
) -> Tensor:
    """Softmax over the edges that enter each node, weighted, with a share for no neighbour at all.

    α_e = f_e exp(a_e) / (spare + Σ_e' f_e' exp(a_e')), over the edges e' into the target of e

    With spare > 0, α is as smooth as f where neighbours come and go; with 0 the α of a target add
    up to one, and jump there. *Exact* up to rounding: the greatest logit of an edge with f > 0 is
    taken off first, so that no exponential overflows. A target all of whose f vanish gets α = 0.
    Derivatives of every order (in f where f = 0, only if no logit there is above the others by more
    than 30).

    Args:
        logits: a, shape (edges, heads).
        graph: whose edges these are.
        weight: f ≥ 0, shape (edges, 1) or (edges, heads); 1 if None.
        spare: what the absence of neighbours counts for, ≥ 0.

    Returns:
        shape (edges, heads).

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 2], [1, 1]]))
        >>> neighbor_softmax(torch.zeros(2, 1), graph).flatten().tolist()
        [0.5, 0.5]
    """
    check_rows("logits", logits, graph.num_edges)
    if weight is None and spare == 0:
        return segment_softmax(logits, graph.in_ptr, graph.perm)
    with torch.no_grad():  # the value does not depend on what is taken off
        least = 0.0 if spare > 0 else -math.inf
        at = graph.target.long().unsqueeze(1).expand_as(logits)
        most = logits.new_full((graph.num_nodes, logits.shape[1]), least)
        kept = logits.detach()
        if weight is not None:
            kept = torch.where(weight == 0, -math.inf, kept)
        most = most.scatter_reduce(0, at, kept, "amax")
    above = logits - most.index_select(0, graph.target)
    if weight is None:
        powers = above.exp()
    else:  # where f = 0, a logit may be above the others
        powers = torch.where(weight == 0, above.clamp(max=_ABOVE), above).exp() * weight
    total = sum_at_targets(powers, graph)
    if spare > 0:
        total = total + spare * (-most).exp()
    total = torch.where(total == 0, 1.0, total)  # keeps a NaN
    return powers / at_targets(total, graph)
