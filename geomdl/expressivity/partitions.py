"""Ordered partitions of one graph's nodes: mark a node, refine, certify.

A cell is named by the place of its first node in the order. What is done next depends on counts
of neighbours in cells and on names of cells only, hence in the same way for all graphs that
colour refinement cannot tell apart: equal certificates ⇔ not told apart.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geomdl.expressivity.layout import Integers, Layout
from geomdl.expressivity.partition_loops import process


class Relations(NamedTuple):
    """One graph, its edges by colour, for refinement.

    Attributes:
        out_ptr: edges of colour r from node v end in targets[out_ptr[r, v]:out_ptr[r, v + 1]].
        targets: shape (edges,).
        in_ptr: edges into node v, shape (nodes + 1,).
        sources: shape (edges,).
        colors: of the edges as in `sources`.
        node_color: shape (nodes,).
    """

    out_ptr: Integers
    targets: Integers
    in_ptr: Integers
    sources: Integers
    colors: Integers
    node_color: Integers

    @staticmethod
    def of(layout: Layout) -> "Relations":
        """Of a layout of one graph."""
        n = len(layout.node_color)
        relations = int(layout.edge_color.max(initial=0)) + 1
        group = layout.edge_color * n + layout.source
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], np.arange(relations * n + 1))
        out_ptr = np.stack([starts[r * n : (r + 1) * n + 1] for r in range(relations)])
        arrays = out_ptr, layout.target[order], layout.in_ptr, layout.source
        every = (*arrays, layout.edge_color, layout.node_color)
        return Relations._make(np.ascontiguousarray(array, np.int64) for array in every)

    @property
    def width(self) -> int:
        """Length of a certificate."""
        return 3 * len(self.node_color) + 2 * len(self.sources)


class Partition(NamedTuple):
    """An ordered partition; int64 arrays of shape (nodes,).

    Attributes:
        order: the nodes, cell after cell.
        place: of each node in `order`.
        cell: of each node: the place where its cell begins.
        length: of the cell that begins at each place; 0 where none does.
    """

    order: Integers
    place: Integers
    cell: Integers
    length: Integers

    @property
    def discrete(self) -> bool:
        """Whether every cell is one node."""
        return bool((self.length == 1).all())


def stable_partition(graph: Relations) -> Partition:
    """Coarsest stable partition that refines the colours of the nodes, its cells in order."""
    order = np.argsort(graph.node_color, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    starts, counts = np.unique(graph.node_color[order], return_index=True, return_counts=True)[1:]
    length = np.zeros_like(order)
    length[starts] = counts
    cell = np.empty_like(order)
    cell[order] = np.repeat(starts, counts)
    partition = Partition(order, place, cell, length)
    return _refined(graph, partition, starts.astype(np.int64))


def mark(graph: Relations, partition: Partition, node: int) -> Partition:
    """Stable partition once the node has become a cell of its own, before the rest of its cell."""
    finer = Partition(*(array.copy() for array in partition))
    order, place, cell, length = finer
    start = int(cell[node])
    size = int(length[start])
    if size == 1:
        return finer
    other, there = order[start], place[node]
    order[start], order[there], place[node], place[other] = node, other, start, there
    length[start], length[start + 1] = 1, size - 1
    cell[order[start + 1 : start + size]] = start + 1
    return _refined(graph, finer, np.array([start]))


def certify(graph: Relations, partition: Partition) -> bytes:
    """Certificate of a stable partition: its cells, and what enters a node of each."""
    found: bytes = certify_marked(graph, partition, np.array([-1]))[0].tobytes()
    return found


def certify_marked(graph: Relations, partition: Partition, nodes: Integers) -> NDArray[np.int32]:
    """Certificates after marking each of the nodes, one at a time, shape (nodes, width)."""
    found = np.zeros((len(nodes), graph.width), np.int32)
    process(*graph, *partition, np.zeros(0, np.int64), nodes, found)
    return found


def _refined(graph: Relations, partition: Partition, queue: Integers) -> Partition:
    """The partition, refined in place by the cells that begin at the places in the queue."""
    none = np.zeros((0, 0), np.int32)
    process(*graph, *partition, queue, np.zeros(0, np.int64), none)
    return partition
