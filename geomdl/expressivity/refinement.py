"""Colour refinement (1-WL) of many graphs at once, round by round."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from geomdl.expressivity.layout import Graphs, Integers, Layout, as_tensor, layout_of
from geomdl.expressivity.numbering import number_multisets


@dataclass(frozen=True, eq=False)
class Coloring:
    """Colours after some rounds; they compare within one call, across its graphs.

    Attributes:
        nodes: colour of each node, in the order in which nodes were given, shape (nodes,).
        graphs: a number for each multiset of colours: the certificate, shape (graphs,).
        rounds: how many rounds split a class: as many layers of messages are of use.
        stable: whether another round would split none.
    """

    nodes: Tensor
    graphs: Tensor
    rounds: int
    stable: bool


def color_refinement(
    graphs: Graphs,
    node_color: Tensor | None = None,
    edge_color: Tensor | None = None,
    rounds: int | None = None,
) -> Coloring:
    """Refine colours by the multiset of the neighbours' colours until nothing splits any more.

    c(v) ← (c(v), {{(color of e, c(u)) : e = u → v}})

    A node sees the edges that *enter* it, as in message passing; an undirected graph holds its
    edges both ways. Repeated edges count as often as they occur, and a self-loop makes a node its
    own neighbour. *Exact*: colours are compared as rows of integers, never by hashes alone. All
    graphs are refined together, in time linear in rounds and edges (up to sorting the neighbours).

    Args:
        graphs: a batch, or a sequence of graphs.
        node_color: integers, shape (nodes,), of all graphs one after another; default all equal.
        edge_color: integers, shape (edges,), in the order in which edges were given; default all
            equal.
        rounds: at most; default until the joint partition is stable.

    Raises:
        TypeError: no graphs, or colours that are no integers.
        ValueError: colours of another shape, or negative `rounds`.

    Example:
        >>> import networkx
        >>> from geomdl.fields import Graph
        >>> found = color_refinement(Graph.from_networkx(networkx.path_graph(5)))
        >>> found.nodes.tolist(), found.rounds
        ([0, 1, 2, 1, 0], 2)

    Source: Weisfeiler and Leman 1968; the form of Morris et al. 2019, arXiv:1810.02244.
    """
    if rounds is not None and rounds < 0:
        raise ValueError(f"rounds: expected at least 0, got {rounds}")
    layout = layout_of(graphs, node_color, edge_color)
    color, done, stable = refine(layout, rounds)
    nodes = np.empty_like(color)
    nodes[layout.given] = color
    return Coloring(as_tensor(nodes), as_tensor(pool(layout, color)), done, stable)


def refine(layout: Layout, rounds: int | None = None) -> tuple[Integers, int, bool]:
    """Colours of the nodes in the order of the layout, rounds that split, whether it is stable."""
    extra = layout.edge_color if layout.edge_color.any() else np.zeros(0, np.int64)
    color = layout.node_color
    count, done = len(np.unique(color)), 0
    while rounds is None or done < rounds:
        alone = np.bincount(color)[color] == 1  # such classes split no further
        rows = layout.in_ptr, layout.source
        finer, classes = number_multisets(color, *rows, color, extra, alone)
        if classes == count:
            return finer, done, True
        color, count, done = finer, classes, done + 1
    return color, done, False


def pool(layout: Layout, color: Integers) -> Integers:
    """A number for the multiset of colours of each graph."""
    first = np.zeros(layout.num_graphs, np.int64)
    every = np.arange(len(color))
    return number_multisets(first, layout.node_ptr, every, color, np.zeros(0, np.int64))[0]
