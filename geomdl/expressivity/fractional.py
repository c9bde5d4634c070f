"""Fractional isomorphism: a doubly stochastic matrix in place of a permutation."""

import numpy as np
import torch
from torch import Tensor

from geomdl.expressivity.layout import bounds, layout_of
from geomdl.expressivity.refinement import pool, refine
from geomdl.fields import Graph


def fractional_isomorphism(first: Graph, second: Graph) -> Tensor | None:
    """Doubly stochastic S with A S = S B and Aᵀ S = S Bᵀ, or None where there is none.

    There is one exactly if colour refinement, along and against the edges, does not tell the graphs
    apart; then S[i, j] = 1 / (size of the class) for nodes i and j of one colour, and 0 otherwise.
    The verdict is *exact*; S is rounded to float64. A[i, j] is the number of edges i → j.

    Args:
        first: one graph, with matrix A.
        second: one graph, with matrix B.

    Returns:
        float64, shape (nodes, nodes), or None.

    Raises:
        ValueError: a batch of several graphs.

    Example:
        >>> import networkx
        >>> two = networkx.disjoint_union(networkx.cycle_graph(3), networkx.cycle_graph(3))
        >>> pair = Graph.from_networkx(networkx.cycle_graph(6)), Graph.from_networkx(two)
        >>> fractional_isomorphism(*pair)[0]
        tensor([0.1667, 0.1667, 0.1667, 0.1667, 0.1667, 0.1667], dtype=torch.float64)

    Source: Tinhofer 1986; Ramana, Scheinerman and Ullman 1994, Fractional isomorphism of graphs.
    """
    for name, graph in (("first", first), ("second", second)):
        if graph.num_graphs != 1:
            raise ValueError(f"{name}: expected one graph, got {graph!r}")
    layout = layout_of([first, second])
    source = np.concatenate([layout.source, layout.target])
    target = np.concatenate([layout.target, layout.source])
    order = np.argsort(target, kind="stable")
    both = layout._replace(
        source=source[order],
        in_ptr=bounds(target, len(layout.node_color)),
        edge_color=np.repeat([0, 1], len(layout.source))[order],
    )
    color = refine(both)[0]
    one, other = pool(both, color)
    if one != other:
        return None
    a, b = np.split(color, [first.num_nodes])
    size = np.bincount(a)[a] if len(a) else np.ones(0)
    return torch.from_numpy((a[:, None] == b) / size[:, None])
