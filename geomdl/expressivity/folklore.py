"""Folklore k-WL: colours of k-tuples of nodes, refined over one exchanged node at a time."""

import itertools
from typing import Any

import numpy as np
from torch import Tensor

from geomdl.expressivity.layout import Graphs, Integers, Layout, layout_of
from geomdl.expressivity.marking import number_keys
from geomdl.expressivity.numbering import number_multisets

MOST = 1 << 27  # entries of the table of a graph, nodes ** (k + 1)
ROOM = 1 << 63  # numbers from here on are not held in a word
_NONE = np.zeros(0, np.int64)


def folklore_wl(
    graphs: Graphs,
    k: int = 2,
    node_color: Tensor | None = None,
    edge_color: Tensor | None = None,
) -> Tensor:
    """Certificates of k-FWL, k ≥ 2, as strong as (k + 1)-WL.

    χ(x) ← (χ(x), {{(χ(x[1 → w]), …, χ(x[k → w])) : w}}), from the isomorphism type of the tuple x

    *Exact*: rows of a table of nodes ** k by nodes are compared entry by entry. Classes are ordered
    by what they are made of, the same way in all graphs, so that each graph is refined on its own.
    2-FWL of 100 nodes takes a second, memory grows with nodes ** (k + 1).

    Args:
        graphs: a batch, or a sequence of graphs.
        k: at least 2.
        node_color: as in `color_refinement`.
        edge_color: as in `color_refinement`; repeated edges count.

    Returns:
        int64, shape (graphs,): equal numbers, not told apart.

    Raises:
        ValueError: k < 2, or a graph of so many nodes that nodes ** (k + 1) > 2²⁷.

    Source: Cai, Fürer and Immerman 1992; the form of Maron et al. 2019, arXiv:1905.11136.
    """
    if not isinstance(k, int) or k < 2:
        raise ValueError(f"k: expected a whole number of at least 2, got {k!r}")
    layout = layout_of(graphs, node_color, edge_color)
    sizes = np.diff(layout.node_ptr)
    if len(sizes) and int(sizes.max()) ** (k + 1) > MOST:
        most = int(MOST ** (1 / (k + 1)) + 1e-9)
        raise ValueError(f"graphs: expected at most {most} nodes for k={k}, got {sizes.max()}")
    types = _types(layout, k)
    return number_keys([
        _certificate(tuples.reshape((size,) * k)) for tuples, size in zip(types, sizes, strict=True)
    ])  # fmt: skip


def _types(layout: Layout, k: int) -> list[Integers]:
    """Isomorphism type of each k-tuple: colours, equal nodes and edges; numbers of one call."""
    sizes = np.diff(layout.node_ptr)
    links = _links(layout)
    graphs = range(len(sizes))
    color = [layout.node_color[layout.node_ptr[g] : layout.node_ptr[g + 1]] for g in graphs]

    def table(pair: list[Integers], i: int, j: int) -> Integers:
        """Entry (x_i, x_j) of each graph's matrix for each tuple, one after another."""
        index = [np.indices((n,) * k)[[i, j]].reshape(2, -1) for n in sizes]
        return np.concatenate([m[a, b] for m, (a, b) in zip(pair, index, strict=True)])

    kind = np.zeros(int((sizes**k).sum()), np.int64)
    same = [np.eye(n, dtype=np.int64) for n in sizes]
    colors = [np.broadcast_to(c, (len(c), len(c))) for c in color]
    if len(sizes):
        for i, j in itertools.product(range(k), repeat=2):
            for matrices in (same, links) if i != j else (links, colors):
                kind = _joined(kind, table(matrices, i, j))
    return np.split(kind, (sizes**k).cumsum()[:-1]) if len(sizes) else []


def _links(layout: Layout) -> list[Integers]:
    """Matrix of each graph: a number for the multiset of the colours of the edges, 0 for none."""
    target, source = layout.target, layout.source
    order = np.lexsort((source, target))
    target, source, color = target[order], source[order], layout.edge_color[order]
    new = np.ones(len(target), bool)
    new[1:] = (np.diff(target) != 0) | (np.diff(source) != 0)
    start = np.flatnonzero(new)
    ptr = np.append(start, len(target)).astype(np.int64)
    number = number_multisets(start * 0, ptr, np.arange(len(color)), color, _NONE)[0] + 1
    found = []
    for low, high in itertools.pairwise(layout.node_ptr):
        matrix = np.zeros((high - low, high - low), np.int64)
        mine = (target[start] >= low) & (target[start] < high)
        matrix[source[start][mine] - low, target[start][mine] - low] = number[mine]
        found.append(matrix)
    return found


def _joined(a: Integers, b: Integers) -> Integers:
    """Numbers of the pairs, in the order of the pairs."""
    found: Any = np.unique(a * (int(b.max(initial=0)) + 1) + b, return_inverse=True)[1]
    numbers: Integers = found.reshape(-1).astype(np.int64)
    return numbers


def _certificate(types: Integers) -> bytes:
    """Certificate of one graph from the types of its tuples, an array with k axes of n."""
    n, k = types.shape[0], types.ndim
    color: Integers = np.unique(types, return_inverse=True)[1].reshape(types.shape)
    ptr = np.arange(n**k + 1) * n
    every = np.arange(n ** (k + 1))
    while True:
        diagonal = np.einsum("i" * k + "->i", color)
        if len(np.unique(diagonal)) == n:  # the nodes are in order: so is the graph
            order = np.argsort(diagonal)
            return b"ordered" + types[np.ix_(*[order] * k)].tobytes()
        classes = int(color.max()) + 1
        keys, known = _exchanged(color, classes)
        number, count = number_multisets(color.reshape(-1), ptr, every, keys, _NONE)
        first = np.unique(number, return_index=True)[1]  # a tuple of each class
        rows = np.sort(keys.reshape(-1, n)[first], 1)
        rows = np.concatenate([color.reshape(-1)[first, None], rows], 1)
        order = np.lexsort(rows.T[::-1])
        if count == classes:
            sizes = np.bincount(number)[order]
            head = np.concatenate([[n, count], sizes, types.reshape(-1)[first][order]])
            return known + head.tobytes() + rows[order].tobytes()
        rank = np.empty(count, np.int64)
        rank[order] = np.arange(count)
        color = rank[number].reshape(types.shape)


def _exchanged(color: Integers, classes: int) -> tuple[Integers, bytes]:
    """A number for the k colours (χ(x[1 → w]), …, χ(x[k → w])) of each x and w, w last.

    Returns:
        The numbers, in the order of the colours, and what else they mean: where there are more
        than `ROOM` of them, those that occur are numbered, and these are they.
    """
    n, k = len(color), color.ndim
    keys: Integers = np.zeros((n,) * (k + 1), np.int64)
    known = b""
    for i in range(k):
        keys = keys * classes + np.expand_dims(np.moveaxis(color, i, -1), i)
        if classes**k >= ROOM:
            found: Any = np.unique(keys, return_inverse=True)
            keys, known = found[1].reshape(keys.shape).astype(np.int64), known + found[0].tobytes()
    return keys.reshape(-1), known
