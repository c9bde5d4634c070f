"""Colourings that are 1-WL of another graph: shortest paths, subgraphs that exchange messages."""

import numpy as np
from torch import Tensor

from geomdl.expressivity.layout import Graphs, Integers, Layout, as_tensor, bounds, layout_of
from geomdl.expressivity.numbering import number_multisets
from geomdl.expressivity.refinement import pool, refine
from geomdl.kernels.compiled import Compiled


def shortest_path_wl(graphs: Graphs, node_color: Tensor | None = None) -> Tensor:
    """Certificates of SPD-WL: colours refine with all other nodes' colours and their distances.

    c(v) ← (c(v), {{(d(u, v), c(u)) : u ≠ v}}), d the length of a shortest path u → v, or ∞

    What transformers with shortest-path encodings (Graphormer) can tell apart. *Exact*. Distances
    do not see repeated edges, self-loops or colours of edges. Memory is nodes squared.

    Args:
        graphs: a batch, or a sequence of graphs.
        node_color: as in `color_refinement`.

    Returns:
        int64, shape (graphs,): equal numbers, not told apart.

    Source: Zhang et al. 2023, arXiv:2301.09505.
    """
    layout = _distances(layout_of(graphs, node_color))
    return as_tensor(pool(layout, refine(layout)[0]))


def sswl(
    graphs: Graphs, node_color: Tensor | None = None, edge_color: Tensor | None = None
) -> Tensor:
    """Certificates of SSWL: subgraphs with a marked root u, messages within and across them.

    χ(u, v) ← (χ(u, v), {{χ(u, w) : w → v}}, {{χ(w, v) : w → u}}), from (c(v), [u = v])

    pooled over v, then over u. The finest of the subgraph WL tests with local messages, and below
    2-FWL. *Exact*: it is colour refinement of the pairs (u, v) with edges of two kinds. Memory is
    nodes times edges.

    Args:
        graphs: a batch, or a sequence of graphs.
        node_color: as in `color_refinement`.
        edge_color: as in `color_refinement`.

    Returns:
        int64, shape (graphs,): equal numbers, not told apart.

    Source: Zhang et al. 2023, arXiv:2302.07090.
    """
    layout = layout_of(graphs, node_color, edge_color)
    pairs = _pairs(layout)
    color = refine(pairs)[0]
    sizes = np.diff(layout.node_ptr)
    rows = np.concatenate([[0], np.repeat(sizes, sizes).cumsum()]).astype(np.int64)
    none = np.zeros(0, np.int64)
    roots = number_multisets(layout.node_color * 0, rows, np.arange(rows[-1]), color, none)[0]
    return as_tensor(pool(layout, roots))


def _pairs(layout: Layout) -> Layout:
    """Pairs (u, v) of nodes of one graph, u by u; edges that move v, then edges that move u."""
    sizes = np.diff(layout.node_ptr)
    graph = np.repeat(np.arange(len(sizes)), sizes)  # of each node
    first = layout.node_ptr[:-1][graph]
    width = sizes[graph]  # pairs of each root
    row = np.concatenate([[0], width.cumsum()]).astype(np.int64)  # of each root
    root = np.repeat(np.arange(len(width)), width)
    other = np.arange(row[-1]) - row[root] + first[root]

    def number(u: Integers, v: Integers) -> Integers:
        found: Integers = row[u] + v - first[u]
        return found

    target = layout.target
    times = sizes[graph[target]]  # each edge moves v for every u, and u for every v
    edge = np.repeat(np.arange(len(target)), times)
    begin = np.concatenate([[0], times.cumsum()])[:-1]
    fixed = np.arange(len(edge)) - begin[edge] + first[target[edge]]
    source, target = layout.source[edge], target[edge]
    sources = np.concatenate([number(fixed, source), number(source, fixed)])
    targets = np.concatenate([number(fixed, target), number(target, fixed)])
    kinds = np.concatenate([2 * layout.edge_color[edge], 2 * layout.edge_color[edge] + 1])
    order = np.argsort(targets, kind="stable")
    return Layout(
        bounds(np.repeat(np.arange(len(sizes)), sizes**2), len(sizes)),
        sources[order],
        bounds(targets, len(root)),
        2 * layout.node_color[other] + (root == other),
        kinds[order],
        np.arange(len(root)),
    )


def _distances(layout: Layout) -> Layout:
    """All ordered pairs of different nodes of a graph as edges, coloured by their distance."""
    sizes = np.diff(layout.node_ptr)
    others = np.repeat(sizes - 1, sizes)
    ptr = np.concatenate([[0], others.cumsum()]).astype(np.int64)
    source, length = np.empty(ptr[-1], np.int64), np.empty(ptr[-1], np.int64)
    _search(layout.node_ptr, layout.in_ptr, layout.source, ptr, source, length)
    return Layout(layout.node_ptr, source, ptr, layout.node_color, length, layout.given)


@Compiled
def _search(node_ptr, in_ptr, sources, ptr, source, length):  # type: ignore[no-untyped-def]
    """Breadth-first from each node against the edges; 0 where there is no path."""
    reached = np.zeros(len(in_ptr) - 1, np.int64)
    line = np.empty(len(in_ptr) - 1, np.int64)
    for g in range(len(node_ptr) - 1):
        for v in range(node_ptr[g], node_ptr[g + 1]):
            reached[node_ptr[g] : node_ptr[g + 1]] = 0
            reached[v] = 1
            line[0] = v
            head, tail = 0, 1
            while head < tail:
                u = line[head]
                head += 1
                for e in range(in_ptr[u], in_ptr[u + 1]):
                    w = sources[e]
                    if reached[w] == 0:
                        reached[w] = reached[u] + 1
                        line[tail] = w
                        tail += 1
            at = ptr[v]
            for u in range(node_ptr[g], node_ptr[g + 1]):
                if u != v:
                    source[at], length[at] = u, max(reached[u] - 1, 0)
                    at += 1
