"""Numbers of homomorphisms from small patterns, exactly: along edges, or by elimination."""

from itertools import pairwise
from math import prod

import numpy as np
from torch import Tensor

from geomdl.expressivity.layout import Graphs, Integers, Layout, as_tensor, layout_of
from geomdl.fields import Graph

_MOST = 1 << 62
_TABLE = 1 << 27  # entries of the largest table


def homomorphism_counts(patterns: Graphs, graphs: Graphs) -> Tensor:
    """Maps of the nodes of each pattern into each graph that take every edge to an edge.

    Repeated edges count once. *Exact*, in whole numbers: a forest by sums along the edges of the
    graphs, linear in their number; other patterns by elimination of one node after another, with
    tables of nodes ** (width + 1), width being the treewidth for patterns of treewidth up to 2 and
    seldom more otherwise.

    Args:
        patterns: a batch, or a sequence of graphs, of a few nodes each.
        graphs: likewise, of any size.

    Returns:
        int64, shape (graphs, patterns).

    Raises:
        OverflowError: counts might exceed 2⁶²: a connected pattern of k nodes has at most n·Δ^(k-1)
            maps into a graph of n nodes of degree at most Δ, others the product of such numbers.
        ValueError: a table of more than 2²⁷ entries.

    Example:
        >>> import networkx
        >>> six, three = (Graph.from_networkx(networkx.cycle_graph(n)) for n in (6, 3))
        >>> homomorphism_counts([three], [six, Graph.batch([three])]).tolist()
        [[0], [6]]

    Source: Lovász 1967; Dell, Grohe and Rattan 2018, arXiv:1802.08876.
    """
    small, big = _once(layout_of(patterns)), _once(layout_of(graphs))
    mutual = _mutual(big)
    shapes = _shapes(big)
    matrices: dict[int, tuple[Integers, Integers]] = {}
    columns = []
    for p in range(small.num_graphs):
        pattern = small.one(p)
        vertices = len(pattern.node_color)
        pairs = set(zip(pattern.source.tolist(), pattern.target.tolist(), strict=True))
        most = _most_maps(pairs, vertices, shapes)
        if most > _MOST:
            raise OverflowError(
                "patterns: expected counts below 2^62, got up to"
                f" 2^{most.bit_length()} maps of pattern {p}"
            )
        if _is_forest(pairs, vertices):
            columns.append(_forest(pairs, vertices, mutual))
            continue
        matrices = matrices or _matrices(big)
        column = np.empty(big.num_graphs, np.int64)
        for which, adjacency in matrices.values():
            column[which] = _eliminate(pairs, vertices, adjacency)
        columns.append(column)
    empty = np.zeros((big.num_graphs, 0), np.int64)
    return as_tensor(np.stack(columns, 1) if columns else empty)


def trees(nodes: int) -> list[Graph]:
    """All trees of so many nodes up to isomorphism: 1, 1, 1, 2, 3, 6, 11, 23, 47 of 1 to 9.

    Example:
        >>> [len(trees(n)) for n in range(1, 8)]
        [1, 1, 1, 2, 3, 6, 11]
    """
    import networkx

    if nodes < 3:
        return [Graph.from_networkx(networkx.path_graph(nodes))]
    return [Graph.from_networkx(tree) for tree in networkx.nonisomorphic_trees(nodes)]


def _once(layout: Layout) -> Layout:
    """Without repeated edges."""
    target = layout.target
    order = np.lexsort((layout.source, target))
    source, target = layout.source[order], target[order]
    new = np.ones(len(source), bool)
    new[1:] = (np.diff(target) != 0) | (np.diff(source) != 0)
    counts = np.bincount(target[new], minlength=len(layout.node_color))
    ptr = np.concatenate([[0], counts.cumsum()]).astype(np.int64)
    color = np.zeros(int(new.sum()), np.int64)
    return layout._replace(source=source[new], in_ptr=ptr, edge_color=color)


def _mutual(layout: Layout) -> Layout:
    """Without the edges whose reverse is missing."""
    target, n = layout.target, len(layout.node_color)
    kept = np.isin(layout.source * n + target, target * n + layout.source)
    counts = np.bincount(target[kept], minlength=n)
    ptr = np.concatenate([[0], counts.cumsum()]).astype(np.int64)
    return layout._replace(
        source=layout.source[kept], in_ptr=ptr, edge_color=layout.edge_color[kept]
    )


def _shapes(layout: Layout) -> set[tuple[int, int]]:
    """Numbers of nodes and largest degrees, in or out, of the graphs."""
    n, shapes = len(layout.node_color), set()
    degree = np.maximum(np.diff(layout.in_ptr), np.bincount(layout.source, minlength=n))
    for low, high in pairwise(layout.node_ptr.tolist()):
        shapes.add((high - low, int(degree[low:high].max(initial=0))))
    return shapes


def _most_maps(pairs: set[tuple[int, int]], vertices: int, shapes: set[tuple[int, int]]) -> int:
    """Bound of the maps: of a component, one vertex goes anywhere, the others to neighbours."""
    sizes = [len(part) for part in _components(pairs | {(b, a) for a, b in pairs}, vertices)]
    return max((prod(n * most ** (k - 1) for k in sizes) for n, most in shapes), default=0)


def _is_forest(pairs: set[tuple[int, int]], vertices: int) -> bool:
    """Whether the edges, each both ways, hold no cycle and no self-loop."""
    if any((b, a) not in pairs or a == b for a, b in pairs):
        return False
    return len(pairs) // 2 == vertices - len(_components(pairs, vertices))


def _components(pairs: set[tuple[int, int]], vertices: int) -> list[list[int]]:
    """Vertices of each component in an order in which all but the first touch an earlier one."""
    left, found = set(range(vertices)), []
    while left:
        part = [min(left)]
        left.discard(part[0])
        for v in part:  # grows
            new = sorted({b for a, b in pairs if a == v} & left)
            part += new
            left -= set(new)
        found.append(part)
    return found


def _forest(pairs: set[tuple[int, int]], vertices: int, big: Layout) -> Integers:
    """Leaves inwards: what hangs below a vertex, for each place of that vertex.

    Running sums may wrap around in 64 bits; their differences are right all the same.
    """
    total = np.ones(big.num_graphs, np.int64)
    for part in _components(pairs, vertices):
        below = {v: np.ones(len(big.node_color), np.int64) for v in part}
        for at in range(len(part) - 1, 0, -1):
            v = part[at]
            (parent,) = (u for u in part[:at] if (u, v) in pairs)
            below[parent] = below[parent] * _sums(below[v][big.source], big.in_ptr)
        total = total * _sums(below[part[0]], big.node_ptr)
    return total


def _sums(values: Integers, ptr: Integers) -> Integers:
    """Sums over values[ptr[i]:ptr[i + 1]]."""
    running = np.concatenate([[0], values.cumsum()])
    found: Integers = running[ptr[1:]] - running[ptr[:-1]]
    return found


def _matrices(big: Layout) -> dict[int, tuple[Integers, Integers]]:
    """For each size: which graphs have it, and A[g, i, j] = 1 for an edge i → j."""
    sizes = np.diff(big.node_ptr)
    graph = np.repeat(np.arange(len(sizes)), sizes)
    target = big.target
    found = {}
    for size in np.unique(sizes).tolist():
        which = np.flatnonzero(sizes == size)
        place = np.full(len(sizes), -1)
        place[which] = np.arange(len(which))
        mine = place[graph[target]] >= 0
        t, s = target[mine], big.source[mine]
        first = big.node_ptr[graph[t]]
        adjacency = np.zeros((len(which), size, size), np.int64)
        adjacency[place[graph[t]], s - first, t - first] = 1
        found[size] = which, adjacency
    return found


def _eliminate(pairs: set[tuple[int, int]], vertices: int, adjacency: Integers) -> Integers:
    """Sum over all maps of products of entries, one vertex summed out after another."""
    factors: list[tuple[tuple[int, ...], Integers]] = [
        (pair, adjacency) for pair in sorted(pairs) if pair[0] != pair[1]
    ]
    factors += [((a,), np.einsum("gii->gi", adjacency)) for a, b in sorted(pairs) if a == b]
    graphs, n = adjacency.shape[:2]
    total = np.ones(graphs, np.int64)
    left = set(range(vertices))
    while left:
        near = {v: {u for scope, _ in factors if v in scope for u in scope} | {v} for v in left}
        v = min(left, key=lambda u: (len(near[u]), u))
        left.discard(v)
        mine = [factor for factor in factors if v in factor[0]]
        factors = [factor for factor in factors if v not in factor[0]]
        scope = tuple(sorted(near[v] - {v}))
        if n ** (len(scope) + 1) > _TABLE:
            raise ValueError(
                f"patterns: expected tables of at most {_TABLE} entries, got {n}^{len(scope) + 1}"
            )
        if not mine:
            total = total * n
            continue
        operands: list[Integers | list[int]] = []
        for names, table in mine:
            operands += [table, [vertices, *names]]
        summed = np.einsum(*operands, [vertices, *scope], optimize="greedy")
        if scope:
            factors.append((scope, summed))
        else:
            total = total * summed
    return total
