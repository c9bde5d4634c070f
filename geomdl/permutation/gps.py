"""Messages along the edges and attention among all nodes, added."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts
from geomdl.permutation.affine import perceptron
from geomdl.permutation.choices import Local, Norm, Normalize, local_convolution
from geomdl.permutation.global_attention import GlobalAttention
from geomdl.permutation.inputs import check_edges, check_nodes, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer


@register_layer(
    "permutation/GPSLayer",
    example=Example(
        lambda: GPSLayer(4, heads=2, edge_channels=2, norm="graph"), small_graphs(4, edge=2)
    ),
)
class GPSLayer(nn.Module):
    """Messages along the edges and attention among all nodes, added, and a perceptron.

    h = N(x + conv(x)) + N(x + attention(x)),  y = N(h + φ(h))

    N are normalisations that leave the graphs of a batch apart; the authors' is over the batch.

    Args:
        channels: of x and y.
        heads: of the attention, and of "gat" and "gatv2"; a divisor of channels.
        local: the convolution: "gcn", "sage", "gin", "gat", "gatv2" or "pna".
        edge_channels: of features of the edges; None for none.
        norm: "layer", "graph" or "none".
        dropout: probability in training, of features and of pairs.
        delta: of "pna".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GPSLayer(8)(torch.randn(3, 8), graph).shape
        torch.Size([3, 8])

    Source: Rampášek et al. 2022, arXiv:2205.12454.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int = 4,
        local: Local = "gin",
        edge_channels: int | None = None,
        norm: Norm = "layer",
        dropout: float = 0.0,
        delta: float = 1.0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(channels=channels, heads=heads)
        self.channels, self.edge_channels = channels, edge_channels
        self.local = local_convolution(
            local, channels, edge_channels=edge_channels, heads=heads, delta=delta, rng=rng
        )
        self.attention = GlobalAttention(channels, heads=heads, dropout=dropout, rng=rng)
        self.mlp = perceptron([channels, 2 * channels, channels], dropout=dropout, rng=rng)
        self.norms = nn.ModuleList([Normalize(norm, channels) for _ in range(3)])
        self.dropout = nn.Dropout(dropout)
        self.source = sources(channels, edge=edge_channels)
        self.target = node_field(channels)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """Features to features.

        Args:
            x: shape (nodes, channels).
            graph: whose neighbours these are.
            edge: shape (edges, edge_channels), or None.

        Returns:
            shape (nodes, channels).
        """
        check_nodes(x, graph, self.channels)
        check_edges(edge, graph, self.edge_channels)
        near = self.local(x, graph) if edge is None else self.local(x, graph, edge)
        far = self.attention(x, graph)
        h = self.norms[0](x + self.dropout(near), graph)
        h = h + self.norms[1](x + self.dropout(far), graph)
        y: Tensor = self.norms[2](h + self.dropout(self.mlp(h)), graph)
        return y
