"""Graphs as numpy arrays: nodes graph by graph, entering edges node by node, integer colours."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geomdl.fields import Graph
from geomdl.fields.graph_checks import graph_list

Integers = NDArray[np.int64]
Graphs = Graph | Sequence[Graph]


class Layout(NamedTuple):
    """Several graphs at once; all arrays are int64.

    Attributes:
        node_ptr: nodes of graph g are node_ptr[g], …, node_ptr[g + 1] - 1, shape (graphs + 1,).
        source: of each edge, sorted by target, shape (edges,).
        in_ptr: edges into node i are in_ptr[i], …, in_ptr[i + 1] - 1, shape (nodes + 1,).
        node_color: 0, 1, …, in the order of the given numbers, shape (nodes,).
        edge_color: likewise, shape (edges,), in the order of `source`.
        given: number that each node had as the graphs were given, one after another.
    """

    node_ptr: Integers
    source: Integers
    in_ptr: Integers
    node_color: Integers
    edge_color: Integers
    given: Integers

    @property
    def target(self) -> Integers:
        """Of each edge, shape (edges,)."""
        return np.repeat(np.arange(len(self.in_ptr) - 1), np.diff(self.in_ptr))

    @property
    def num_graphs(self) -> int:
        """Number of graphs."""
        return len(self.node_ptr) - 1

    def one(self, g: int) -> "Layout":
        """Graph g alone, its nodes numbered from 0; colours keep their numbers."""
        first, last = self.node_ptr[g], self.node_ptr[g + 1]
        low, high = self.in_ptr[first], self.in_ptr[last]
        return Layout(
            np.array([0, last - first]),
            self.source[low:high] - first,
            self.in_ptr[first : last + 1] - low,
            self.node_color[first:last],
            self.edge_color[low:high],
            np.arange(last - first),
        )


def layout_of(
    graphs: Graphs, node_color: Tensor | None = None, edge_color: Tensor | None = None
) -> Layout:
    """Arrays of graphs, or of one batch of them.

    Args:
        graphs: a batch, or a sequence of graphs; one that is itself a batch counts as its graphs.
        node_color: integers, shape (nodes,), of all graphs one after another; default all equal.
        edge_color: integers, shape (edges,), in the order in which edges were given.

    Raises:
        TypeError: no graphs, or colours that are no integers.
        ValueError: colours of another shape.
    """
    several = graph_list("graphs", graphs)
    nodes = np.array([0, *(len(graph.batch_index) for graph in several)]).cumsum()
    edges = [len(graph.source) for graph in several]
    counts = np.array([0, *(graph.num_graphs for graph in several)]).cumsum()

    def joined(name: str, before: Integers) -> Integers:
        parts = [getattr(graph, name).cpu().numpy() for graph in several]
        if not parts:
            return np.zeros(0, np.int64)
        shift = np.repeat(before[:-1], [len(part) for part in parts])
        return np.concatenate(parts).astype(np.int64) + shift

    source, target = joined("source", nodes), joined("target", nodes)
    batch = joined("batch_index", counts)
    given = np.argsort(batch, kind="stable")
    place = np.empty_like(given)
    place[given] = np.arange(len(given))
    source, target = place[source], place[target]
    order = np.argsort(target, kind="stable")
    return Layout(
        bounds(batch, int(counts[-1])),
        source[order],
        bounds(target, len(given)),
        _ranks("node_color", node_color, int(nodes[-1]))[given],
        _ranks("edge_color", edge_color, sum(edges))[order],
        given,
    )


def bounds(groups: Integers, count: int) -> Integers:
    """Where each of `count` groups begins once sorted, and the end of the last."""
    return np.concatenate([[0], np.bincount(groups, minlength=count).cumsum()]).astype(np.int64)


def _ranks(name: str, color: Tensor | None, count: int) -> Integers:
    """Numbers 0, 1, … in the order of the given ones."""
    if color is None:
        return np.zeros(count, np.int64)
    if not isinstance(color, Tensor) or color.dtype.is_floating_point or color.dtype.is_complex:
        kind = color.dtype if isinstance(color, Tensor) else type(color).__name__
        raise TypeError(f"{name}: expected a tensor of integers, got {kind}")
    if color.shape != (count,):
        raise ValueError(f"{name}: expected shape ({count},), got {tuple(color.shape)}")
    found: Any = np.unique(color.cpu().numpy(), return_inverse=True)[1]
    ranks: Integers = found.reshape(-1).astype(np.int64)
    return ranks


def as_tensor(values: Integers) -> Tensor:
    """int64 tensor of an array."""
    return torch.from_numpy(np.ascontiguousarray(values, np.int64))
