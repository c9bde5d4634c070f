"""Soft clusters of each graph's nodes, and the edges between them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import _register_namedtuple

from geomdl.fields import Field, Graph, Vector
from geomdl.fields.numbers import check_counts
from geomdl.groups import group
from geomdl.permutation.aggregate import neighbor_sum
from geomdl.permutation.inputs import check_nodes, check_weight, small_graphs, sources
from geomdl.permutation.pooling import graph_sum
from geomdl.permutation.sage import SAGEConv
from geomdl.registry import Example, register_layer


class Clusters(NamedTuple):
    """Features of clusters (graphs, clusters, channels), edges (graphs, clusters, clusters)."""

    x: Tensor
    adjacency: Tensor


_register_namedtuple(Clusters, serialized_type_name="geomdl.permutation.Clusters")


@register_layer(
    "permutation/DiffPool", example=Example(lambda: DiffPool(3, 2, 2), small_graphs(3, edge=0))
)
class DiffPool(nn.Module):
    """Each graph's nodes gathered in so many clusters, softly: X' = Sᵀ Z, A' = Sᵀ A S, a graph.

    S = softmax over the clusters of φ(x, graph),  Z = ψ(x, graph),  φ and ψ one `SAGEConv` each

    A' is of edges i → j in A_ij, as the graph has them. No matrix of nodes × nodes is made: A' is a
    sum over nodes of S_i ⊗ Σ_j S_j. The clusters have numbers of their own, so that renaming nodes
    changes nothing, *exact* up to rounding.

    Args:
        in_channels: of x.
        out_channels: of Z.
        clusters: number of them.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> x, adjacency = DiffPool(4, 8, 2)(torch.randn(3, 4), graph)
        >>> x.shape, adjacency.shape, adjacency.sum().detach().round().item()
        (torch.Size([1, 2, 8]), torch.Size([1, 2, 2]), 2.0)

    Source: Ying et al. 2018, arXiv:1806.08804.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        clusters: int,
        *,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels, clusters=clusters)
        self.in_channels = in_channels
        self.assign = SAGEConv(in_channels, clusters, rng=rng)
        self.embed = SAGEConv(in_channels, out_channels, rng=rng)
        one = group("C1").trivial
        self.source = sources(in_channels, weight=0)
        self.target = (
            Field(Vector(), clusters * out_channels * one, shape=(clusters, out_channels)),
            Field(Vector(), clusters * clusters * one, shape=(clusters, clusters)),
        )

    def forward(self, x: Tensor, graph: Graph, weight: Tensor | None = None) -> Clusters:
        """Clusters of each graph.

        Args:
            x: shape (nodes, in_channels).
            graph: whose nodes these are.
            weight: of the edges in A, shape (edges,); 1 if None.
        """
        check_nodes(x, graph, self.in_channels)
        check_weight(weight, graph)
        s, z = self.assign(x, graph).softmax(1), self.embed(x, graph)
        gathered = graph_sum(s.unsqueeze(2) * z.unsqueeze(1), graph)
        sent = neighbor_sum(s, graph, weight)  # Σ_j A_ji S_j at i
        return Clusters(gathered, graph_sum(sent.unsqueeze(2) * s.unsqueeze(1), graph))
