"""Belief propagation on a stochastic block model: the best that can be said of its nodes."""

import torch
from torch import Tensor

from geomdl.fields import Graph, sum_at_targets
from geomdl.permutation import graph_mean


def belief_propagation(
    graph: Graph,
    affinity: Tensor,
    known: Tensor,
    *,
    steps: int = 100,
    damping: float = 0.2,
) -> Tensor:
    """Probabilities of the groups of the nodes, given edges and the groups of some nodes.

    ψ_{i→j}(t) ∝ e^{-h(t)} Π_{k ∈ ∂i, k ≠ j} Σ_s C[s, t] ψ_{k→i}(s)
    h(t) = Σ_k Σ_s C[s, t] ψ_k(s) / n

    of groups of the same size. Neighbourhoods of a sparse graph of the model become trees as n → ∞,
    on which it is exact: there it is the optimum, conjectured in general and proven for two groups
    in parts (Mossel, Neeman & Sly 2016, arXiv:1309.1380). Where nothing is known, messages stay at
    1/q, a fixed point.

    Args:
        graph: undirected, each edge both ways, without self-loops or repeated edges; of a batch,
            each graph is one by itself, of n nodes.
        affinity: C, n times the probability of an edge between nodes of groups s and t, (q, q).
        known: group of each node, -1 where it is not known, shape (nodes,).
        steps: of the messages.
        damping: share of the old message that is kept.

    Returns:
        ψ_i, shape (nodes, q), one-hot where the group is known.

    Raises:
        ValueError: an edge without its reverse.

    Source: Decelle, Krzakala, Moore & Zdeborová 2011, arXiv:1109.3041, with known nodes: Zhang,
    Moore & Zdeborová 2014, arXiv:1404.7789.
    """
    q, n = len(affinity), graph.num_nodes
    source, target = graph.source.long(), graph.target.long()
    ahead, back = (source * n + target).argsort(), (target * n + source).argsort()
    if not torch.equal((source * n + target)[ahead], (target * n + source)[back]):
        raise ValueError("graph: expected with every edge its reverse, got some without")
    reverse = torch.empty_like(ahead)
    reverse[ahead] = back
    there = known >= 0
    fixed = torch.nn.functional.one_hot(known.clamp(min=0), q).to(affinity.dtype)
    nodes = torch.where(there.unsqueeze(1), fixed, torch.full_like(fixed, 1 / q))
    message = nodes[source]
    for _ in range(steps):
        heard = (message @ affinity).log()
        field = graph_mean(nodes @ affinity, graph)
        total = sum_at_targets(heard, graph) - field[graph.batch_index]
        fresh = (total[source] - heard[reverse]).softmax(1)
        fresh = torch.where(there[source].unsqueeze(1), fixed[source], fresh)
        message = damping * message + (1 - damping) * fresh
        nodes = torch.where(there.unsqueeze(1), fixed, total.softmax(1))
    return nodes
