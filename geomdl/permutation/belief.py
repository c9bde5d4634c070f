"""Belief propagation on a stochastic block model: what no network can do better."""

import torch
from torch import Tensor

from geomdl.fields import Graph, sum_at_targets
from geomdl.permutation.pooling import graph_mean


def belief_propagation(
    graph: Graph,
    affinity: Tensor,
    known: Tensor | None = None,
    *,
    steps: int = 100,
    damping: float = 0.2,
    rng: torch.Generator | None = None,
) -> Tensor:
    """Probabilities of the groups of the nodes, given edges and the groups of some nodes.

    ψ_{i→j}(t) ∝ e^{-h(t)} Π_{k ∈ ∂i, k ≠ j} Σ_s C[s, t] ψ_{k→i}(s)
    h(t) = Σ_k Σ_s C[s, t] ψ_k(s) / n

    of groups of the same size. Neighbourhoods of a sparse graph of the model become trees as n → ∞,
    on which it is exact: there it is the optimum, conjectured in general and proven for two groups
    in parts (Mossel, Neeman & Sly 2016, arXiv:1309.1380). Where nothing is known, groups have no
    names: they are found, if at all, up to a permutation.

    Args:
        graph: undirected, each edge both ways, without self-loops or repeated edges; of a batch,
            each graph is one by itself, of n nodes.
        affinity: C, n times the probability of an edge between nodes of groups s and t, (q, q).
        known: group of each node, -1 where it is not known, shape (nodes,); None for nothing.
        steps: of the messages.
        damping: share of the old message that is kept.
        rng: draws first messages a little apart, without which those of nothing known stay at 1/q;
            None for none of it.

    Returns:
        ψ_i, shape (nodes, q), one-hot where the group is known.

    Raises:
        ValueError: an edge without its reverse.

    Example:
        >>> ends = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]])
        >>> ring = Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1))
        >>> affinity = torch.tensor([[3.0, 1.0], [1.0, 3.0]])
        >>> known = torch.tensor([0, -1, -1, 1, -1, -1])
        >>> belief_propagation(ring, affinity, known).argmax(1).tolist()
        [0, 0, 1, 1, 1, 0]

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
    if known is None:
        known = torch.full((n,), -1, device=graph.device)
    there = known >= 0
    fixed = torch.nn.functional.one_hot(known.clamp(min=0), q).to(affinity.dtype)
    nodes = torch.where(there.unsqueeze(1), fixed, torch.full_like(fixed, 1 / q))
    message = nodes[source]
    if rng is not None:
        noise = 0.1 * torch.randn(message.shape, generator=rng, dtype=message.dtype)
        drawn = noise.to(message.device).softmax(1)
        message = torch.where(there[source].unsqueeze(1), message, drawn)
    for _ in range(steps):
        heard = (message @ affinity).log()
        field = graph_mean(nodes @ affinity, graph)
        total = sum_at_targets(heard, graph) - field[graph.batch_index]
        fresh = (total[source] - heard[reverse]).softmax(1)
        fresh = torch.where(there[source].unsqueeze(1), fixed[source], fresh)
        message = damping * message + (1 - damping) * fresh
        nodes = torch.where(there.unsqueeze(1), fixed, total.softmax(1))
    return nodes
