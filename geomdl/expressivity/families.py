"""Graphs made to be told apart: circulants, Cai-Fürer-Immerman pairs, pairs beyond 1-WL."""

import itertools

import torch

from geomdl.fields import Graph

SKIPS = (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)


def circulant(n: int, steps: "tuple[int, ...] | list[int]") -> Graph:
    """Nodes 0, …, n - 1 on a circle, each joined to those some steps further on, both ways.

    Raises:
        ValueError: a step that is no whole number from 1 to n - 1.

    Example:
        >>> circulant(5, (1,)).num_edges
        10
    """
    if any(not 0 < step < n for step in steps):
        raise ValueError(f"steps: expected whole numbers from 1 to {n - 1}, got {steps}")
    pairs = {(v, (v + sign * step) % n) for v in range(n) for step in steps for sign in (1, -1)}
    return _graph(sorted(pairs), n)


def circular_skip_links() -> list[Graph]:
    """The ten graphs CSL: circles of 41 nodes with links to the R-th next, one for each R.

    Regular of degree 4, so that 1-WL tells none apart; marking a node tells all.

    Source: Murphy et al. 2019, arXiv:1903.02541.
    """
    return [circulant(41, (1, skip)) for skip in SKIPS]


def cfi(graph: Graph, twisted: bool = False) -> Graph:
    """Cai-Fürer-Immerman graph of a connected graph, or its twisted twin.

    Each edge e at a node v becomes two nodes (v, e, 0) and (v, e, 1), and v becomes one node for
    each even subset S of its edges, joined to (v, e, [e ∈ S]) for all its e. For an edge e = uv,
    (u, e, i) is joined to (v, e, i); in the twin, for one edge, to (v, e, 1 - i). Which edge does
    not matter, and a second twist undoes the first. The two are not isomorphic, and k-FWL tells
    them apart if and only if the graph has treewidth at most k.

    Args:
        graph: one undirected graph without self-loops or repeated edges, connected.
        twisted: whether to twist the first edge.

    Raises:
        ValueError: no such graph, or a node of more than 16 edges.

    Example:
        >>> import networkx
        >>> triangle = Graph.from_networkx(networkx.cycle_graph(3))
        >>> cfi(triangle), cfi(triangle, twisted=True)
        (Graph(nodes=18, edges=36, graphs=1, dtype=int32),
         Graph(nodes=18, edges=36, graphs=1, dtype=int32))

    Source: Cai, Fürer and Immerman 1992, An optimal lower bound on the number of variables for
    graph identification.
    """
    edges = _simple_edges(graph)
    at: list[list[int]] = [[] for _ in range(graph.num_nodes)]
    for e, (u, v) in enumerate(edges):
        at[u].append(e)
        at[v].append(e)
    if max(map(len, at), default=0) > 16:
        raise ValueError(f"graph: expected at most 16 edges at a node, got {max(map(len, at))}")
    half = {end: 2 * k for k, end in enumerate((v, e) for v in range(len(at)) for e in at[v])}
    pairs, count = [], 2 * len(half)
    for v, mine in enumerate(at):
        for inside in itertools.product((0, 1), repeat=len(mine)):
            if sum(inside) % 2 == 0:
                pairs += [(count, half[v, e] + bit) for e, bit in zip(mine, inside, strict=True)]
                count += 1
    for e, (u, v) in enumerate(edges):
        turn = int(twisted and e == 0)
        pairs += [(half[u, e] + bit, half[v, e] + (bit ^ turn)) for bit in (0, 1)]
    return _graph([*pairs, *((b, a) for a, b in pairs)], count)


def beyond_refinement(count: int = 20, nodes: int = 12, seed: int = 0) -> list[tuple[Graph, Graph]]:
    """Pairs that colour refinement cannot tell apart and 2-FWL can, in the manner of EXP.

    Each is the CFI pair of a random planar graph of treewidth 2: parity constraints on a planar
    graph, which can be satisfied in one and not in the other. EXP itself codes formulas in
    conjunctive normal form; its pairs are others.

    Args:
        count: of pairs.
        nodes: of the graph that each pair is made from, at least 3.
        seed: of the draws.

    Raises:
        ValueError: fewer than three nodes.

    Example:
        >>> first, second = beyond_refinement(1)[0]
        >>> first.num_nodes == second.num_nodes
        True

    Source: after Abboud et al. 2021, arXiv:2010.01179.
    """
    if nodes < 3:
        raise ValueError(f"nodes: expected at least 3, got {nodes}")
    rng = torch.Generator().manual_seed(seed)
    bases = [_eared_triangle(nodes, rng) for _ in range(count)]
    return [(cfi(base), cfi(base, twisted=True)) for base in bases]


def _eared_triangle(nodes: int, rng: torch.Generator) -> Graph:
    """A triangle, then one new node after another as an ear on an edge, or in the middle of one."""
    edges = [(0, 1), (1, 2), (0, 2)]
    for new in range(3, nodes):
        pick, kind = (int(torch.randint(m, (), generator=rng)) for m in (len(edges), 2))
        u, v = edges[pick]
        degree = max(sum(end in edge for edge in edges) for end in (u, v))
        if kind or degree >= 4:
            edges.pop(pick)
        edges += [(u, new), (v, new)]
    return _graph([*edges, *((b, a) for a, b in edges)], nodes)


def _simple_edges(graph: Graph) -> list[tuple[int, int]]:
    """Edges (u, v) with u < v, sorted, of a connected simple undirected graph."""
    if not isinstance(graph, Graph) or graph.num_graphs != 1:
        raise ValueError(f"graph: expected one graph, got {graph!r}")
    pairs = list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    both = set(pairs)
    if len(both) < len(pairs) or any(u == v or (v, u) not in both for u, v in both):
        raise ValueError("graph: expected each edge both ways, none twice and no self-loops")
    reached, new = {0}, {0}
    while new:
        new = {v for u, v in both if u in new} - reached
        reached |= new
    if len(reached) != graph.num_nodes:
        raise ValueError(f"graph: expected it connected, got {graph.num_nodes} nodes of which"
                         f" {len(reached)} hang together with the first")  # fmt: skip
    return sorted((u, v) for u, v in both if u < v)


def _graph(pairs: list[tuple[int, int]], nodes: int) -> Graph:
    edges = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    return Graph.from_edge_index(edges, nodes)
