"""The graph atlas: every graph with up to seven nodes."""

import torch
from torch import Tensor

from geomdl.data.files import Root
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

    graphs = networkx.graph_atlas_g()
    sizes = torch.tensor([len(graph) for graph in graphs])
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    edges = [
        (first + s, first + t)
        for graph, first in zip(graphs, ptr.tolist(), strict=False)
        for s, t in sorted(graph.to_directed().edges)
    ]
    return {
        "edge_index": torch.tensor(edges).T.contiguous(),
        "batch": torch.arange(len(graphs)).repeat_interleave(sizes),
        "ptr": ptr,
    }
