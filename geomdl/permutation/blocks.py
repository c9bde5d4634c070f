"""Nodes of each graph side by side in rows of one length, for what looks at all pairs."""

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields import Graph
from geomdl.permutation.memo import once


class Blocks(NamedTuple):
    """Where the nodes stand.

    Attributes:
        number: of the node at each place, shape (blocks, places); 0 where there is none.
        there: whether there is a node, shape (blocks, places).
        together: whether two places hold nodes of one graph, shape (blocks, places, places).
        place: of each node in the blocks, flattened, shape (nodes,).
    """

    number: Tensor
    there: Tensor
    together: Tensor
    place: Tensor

    def spread(self, x: Tensor) -> Tensor:
        """(nodes, ...) to (blocks, places, ...), with 0 where there is no node."""
        rows = x.index_select(0, self.number.flatten()).view(*self.number.shape, *x.shape[1:])
        return torch.where(self.there.view(*self.there.shape, *[1] * (x.ndim - 1)), rows, 0)

    def gather(self, y: Tensor) -> Tensor:
        """(blocks, places, ...) to (nodes, ...)."""
        return y.flatten(0, 1).index_select(0, self.place)


@once
def blocks_of(graph: Graph) -> Blocks:
    """A block a graph, as long as the largest; where it is traced, one block of all nodes.

    The length of the former depends on the graph, which a trace may not look at. The latter needs
    memory of nodes × nodes.
    """
    nodes = graph.num_nodes
    if torch.compiler.is_compiling() or not nodes:
        order = torch.arange(nodes, device=graph.device)
        together = graph.batch_index.unsqueeze(0) == graph.batch_index.unsqueeze(1)
        there = torch.ones_like(order, dtype=torch.bool)
        return Blocks(order[None], there[None], together[None], order)
    sizes = graph.ptr.diff()
    length = int(sizes.max())
    there = torch.arange(length, device=graph.device) < sizes.unsqueeze(1)
    index = there.new_zeros(there.shape, dtype=torch.int64)
    index[there] = graph.node_perm.long()
    places = there.flatten().nonzero().flatten()
    place = torch.empty_like(places)
    place[graph.node_perm] = places
    return Blocks(index, there, there.unsqueeze(1) & there.unsqueeze(2), place)
