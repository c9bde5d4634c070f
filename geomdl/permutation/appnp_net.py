"""A perceptron at every node, whose answers are spread by personalised PageRank."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts
from geomdl.permutation.affine import perceptron
from geomdl.permutation.appnp import APPNP
from geomdl.permutation.inputs import check_nodes, graph_field, node_field, small_graphs, sources
from geomdl.permutation.pooling import Readout, readout_layer
from geomdl.registry import Example, register_model


@register_model(
    "permutation/APPNPNet",
    example=Example(
        lambda: APPNPNet(3, 2, channels=4, readout="nodes", K=3), small_graphs(3, edge=0)
    ),
)
class APPNPNet(nn.Module):
    """A perceptron of each node, whose answers then walk the graph: `APPNP` of φ(x).

    Args:
        in_channels: of x.
        out_channels: of the answer.
        channels: between the affine maps of φ.
        layers: number of these maps.
        K: steps of the walk.
        alpha: probability to return.
        dropout: probability in training, of features and of edges.
        readout: "nodes", or how the answers of a graph's nodes become one: "sum", "mean", "max" or
            "attention".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> APPNPNet(4, 2)(torch.randn(3, 4), graph).shape
        torch.Size([3, 2])

    Source: Gasteiger, Bojchevski & Günnemann 2019, arXiv:1810.05997.
    """

    at_most = "wl"  # of graphs, it tells apart what colour refinement does at most

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        layers: int = 2,
        K: int = 10,
        alpha: float = 0.1,
        dropout: float = 0.0,
        readout: Readout = "nodes",
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(
            in_channels=in_channels, out_channels=out_channels, channels=channels, layers=layers
        )
        self.in_channels = in_channels
        sizes = [in_channels, *[channels] * (layers - 1), out_channels]
        self.mlp = perceptron(sizes, dropout=dropout, rng=rng)
        self.walk = APPNP(out_channels, K=K, alpha=alpha, dropout=dropout)
        self.readout = readout_layer(readout, out_channels, rng)
        self.source = sources(in_channels, edge=0)
        self.target = (node_field if readout == "nodes" else graph_field)(out_channels)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """The answer, (nodes, out_channels) or (graphs, out_channels); edge: weights, (edges,)."""
        check_nodes(x, graph, self.in_channels)
        y: Tensor = self.walk(self.mlp(x), graph, edge)
        if self.readout is not None:
            y = self.readout(y, graph)
        return y
