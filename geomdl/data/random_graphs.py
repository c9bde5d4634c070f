"""Random graphs with known laws: degrees of a power law, and groups of nodes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


def power_law_graph(nodes: int, edges: int, exponent: float = 2.5, seed: int = 0) -> Tensor:
    """Directed multigraph whose degrees follow a power law (Chung & Lu, edges drawn one by one).

    Each edge draws its source and its target, independently, with probabilities

    p_r = ((r + 1)^β - r^β) / ((n + 1)^β - 1),  r = 1, …, n,  β = 1 - 1/(exponent - 1),

    r being a random rank of the node. So degrees are binomial, *exactly*, of mean edges · p_r, in
    as out; the share of nodes with degree above d falls as d^(1 - exponent). Loops and repeats are
    kept: as many as these probabilities give. Time and memory are linear in nodes and edges: a
    draw is one power.

    Args:
        nodes: n, at least 1.
        edges: how many, at least 0.
        exponent: of the density of degrees, above 2.
        seed: of everything.

    Returns:
        int64, shape (2, edges).

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> power_law_graph(1000, 5000).shape
        torch.Size([2, 5000])

    Source: Chung & Lu 2002, doi:10.1073/pnas.252631999.
    """
    if nodes < 1 or edges < 0 or not exponent > 2:
        raise ValueError(
            "power_law_graph: expected nodes ≥ 1, edges ≥ 0 and exponent > 2, got"
            f" {nodes}, {edges}, {exponent}"
        )
    rng = torch.Generator().manual_seed(seed)
    names = torch.randperm(nodes, generator=rng)
    beta = 1 - 1 / (exponent - 1)
    u = torch.rand(2, edges, generator=rng, dtype=torch.float64)
    rank = u.mul_((nodes + 1) ** beta - 1).add_(1).pow_(1 / beta).long().sub_(1)
    return names[rank.clamp_(0, nodes - 1)]


class BlockModel(NamedTuple):
    """Graph of groups of nodes.

    Attributes:
        edge_index: each edge both ways, sorted by source, then target, int64, shape (2, edges).
        labels: group of each node, int64, shape (nodes,).
    """

    edge_index: Tensor
    labels: Tensor


def stochastic_block_model(
    sizes: Sequence[int],
    p_in: float | None = None,
    p_out: float | None = None,
    matrix: Tensor | None = None,
    seed: int = 0,
) -> BlockModel:
    """Graph on groups of nodes: two nodes are joined with a probability that their groups decide.

    *Exact*: the number of edges of two groups is drawn from its binomial law, then as many distinct
    pairs, all sets being as likely. No loops, no repeats. Time and memory are linear in nodes
    and edges.

    Args:
        sizes: nodes of each group; they are numbered group by group.
        p_in: within a group.
        p_out: between two groups.
        matrix: probabilities, symmetric, shape (groups, groups), in place of these two.
        seed: of everything.

    Raises:
        ValueError: probabilities out of [0, 1], of another shape, or given both ways.

    Example:
        >>> edge_index, labels = stochastic_block_model([2, 3], p_in=1.0, p_out=0.0)
        >>> edge_index.tolist(), labels.tolist()
        ([[0, 1, 2, 2, 3, 3, 4, 4], [1, 0, 3, 4, 2, 4, 2, 3]], [0, 0, 1, 1, 1])

    Source: Holland, Laskey & Leinhardt 1983, doi:10.1016/0378-8733(83)90021-7.
    """
    groups = len(sizes)
    p = _probabilities(groups, p_in, p_out, matrix)
    if any(size < 0 for size in sizes):
        raise ValueError(f"sizes: expected numbers of at least 0, got {list(sizes)}")
    first = [sum(sizes[:a]) for a in range(groups + 1)]
    rng = torch.Generator().manual_seed(seed)
    ends: list[Tensor] = [torch.empty(2, 0, dtype=torch.int64)]
    for a in range(groups):
        for b in range(a, groups):
            pairs = sizes[a] * (sizes[a] - 1) // 2 if a == b else sizes[a] * sizes[b]
            trials = torch.tensor(float(pairs), dtype=torch.float64)
            count = int(torch.binomial(trials, p[a, b], generator=rng))
            chosen = _distinct(pairs, count, rng)
            if a == b:
                rows = torch.arange(sizes[a])
                before = rows * (rows - 1) // 2  # pairs (i, j), i < j, column by column
                high = torch.searchsorted(before, chosen, right=True) - 1
                low = chosen - before[high]
            else:
                low, high = chosen // max(sizes[b], 1), chosen % max(sizes[b], 1)
            ends.append(torch.stack([first[a] + low, first[b] + high]))
    one_way = torch.cat(ends, 1)
    edge_index = torch.cat([one_way, one_way.flip(0)], 1)
    order = (edge_index[0] * first[-1] + edge_index[1]).argsort()
    labels = torch.arange(groups).repeat_interleave(torch.tensor(list(sizes), dtype=torch.int64))
    return BlockModel(edge_index[:, order], labels)


def _probabilities(
    groups: int, p_in: float | None, p_out: float | None, matrix: Tensor | None
) -> Tensor:
    """Checked matrix, float64."""
    if matrix is not None and (p_in is not None or p_out is not None):
        raise ValueError("matrix: expected either it, or p_in and p_out, got both")
    if matrix is None:
        if p_in is None or p_out is None:
            raise ValueError("matrix: expected either it, or p_in and p_out, got neither")
        matrix = torch.full((groups, groups), float(p_out), dtype=torch.float64)
        matrix.fill_diagonal_(float(p_in))
    p = matrix.double()
    if p.shape != (groups, groups):
        raise ValueError(f"matrix: expected shape ({groups}, {groups}), got {tuple(p.shape)}")
    if not torch.equal(p, p.T) or not bool(((p >= 0) & (p <= 1)).all()):
        raise ValueError("matrix: expected symmetric probabilities in [0, 1], got others")
    return p


def _distinct(among: int, count: int, rng: torch.Generator) -> Tensor:
    """Draw `count` distinct numbers below `among`, ascending; all sets are as likely."""
    if 2 * count > among:  # what is left out is fewer
        kept = torch.ones(among, dtype=torch.bool)
        kept[_distinct(among, among - count, rng)] = False
        return kept.nonzero().flatten()
    found = torch.empty(0, dtype=torch.int64)
    while len(found) < count:  # numbers drawn in turn, of which the first `count` distinct count
        more = torch.randint(among, (2 * (count - len(found)),), generator=rng)
        drawn = torch.cat([found, more])
        order = drawn.argsort(stable=True)
        again = torch.zeros(len(drawn), dtype=torch.bool)
        again[order[1:]] = drawn[order[1:]] == drawn[order[:-1]]
        found = drawn[~again][:count]
    return found.sort().values
