"""The graph atlas: every graph with up to seven nodes."""

import torch
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.graph6 import EdgeList, side_by_side
from geomdl.data.registry import register


@register("atlas")
def atlas(root: Root = None, download: bool = False) -> dict[str, Tensor]:
    """All 1,253 graphs with up to seven nodes, one of each class of isomorphism, from networkx.

    In the order of the book: by nodes, edges, degrees and automorphisms. The first has no node.

    Args:
        root: not needed.
        download: not needed.

    Returns:
        edge_index: each edge both ways, sorted, in numbers of all nodes, int64, shape (2, edges).
        batch: graph of each node, int64, shape (nodes,).
        ptr: nodes of graph k are ptr[k], …, ptr[k + 1] - 1, int64, shape (1254,).

    Example:
        >>> from geomdl.data import load
        >>> found = load("atlas")
        >>> found["ptr"].diff().bincount().tolist()
        [1, 1, 2, 4, 11, 34, 156, 1044]

    Source: Read & Wilson 1998, An Atlas of Graphs, Oxford University Press.
    """
    import networkx

    ends = [(sorted(graph.to_directed().edges), len(graph)) for graph in networkx.graph_atlas_g()]
    return side_by_side(
        [EdgeList(torch.tensor(e, dtype=torch.int64).reshape(-1, 2).T, n) for e, n in ends]
    )
