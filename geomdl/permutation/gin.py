"""Graph isomorphism networks: a perceptron of the sum, as fine as colour refinement."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.fields import Graph, at_sources, sum_at_targets
from geomdl.fields.numbers import check_counts
from geomdl.permutation.affine import affine, perceptron
from geomdl.permutation.aggregate import scaled_neighbor_sum
from geomdl.permutation.inputs import check_edges, check_nodes, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer


@register_layer("permutation/GINConv", example=Example(lambda: GINConv(3, 2), small_graphs(3)))
class GINConv(nn.Module):
    """A perceptron of a node and the sum of its neighbours, y_i = φ((1 + ε) x_i + Σ_j x_j).

    Layers of it tell apart what colour refinement (1-WL) does, and nothing else. Repeated edges
    count as often as they are there.

    Args:
        in_channels: of x.
        out_channels: of the result.
        hidden: widths between, of the perceptron φ; one layer as wide as the result if None.
        eps: ε, at first.
        train_eps: whether ε is learned.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GINConv(4, 8)(torch.randn(3, 4), graph).shape
        torch.Size([3, 8])

    Source: Xu et al. 2019, arXiv:1810.00826.
    """

    eps: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden: Sequence[int] | None = None,
        eps: float = 0.0,
        train_eps: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        between = [out_channels] if hidden is None else list(hidden)
        self.mlp: nn.Module = perceptron([in_channels, *between, out_channels], rng=rng)
        start = torch.tensor([float(eps)])
        if train_eps:
            self.eps = nn.Parameter(start)
        else:
            self.register_buffer("eps", start)
        self.source, self.target = sources(in_channels), node_field(out_channels)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, in_channels) to features (nodes, out_channels)."""
        check_nodes(x, graph, self.in_channels, self.eps)
        own = (1 + self.eps).expand(graph.num_nodes)
        y: Tensor = self.mlp(scaled_neighbor_sum(x, graph, own=own))
        return y


@register_layer(
    "permutation/GINEConv",
    example=Example(lambda: GINEConv(3, 2, edge_channels=2), small_graphs(3, edge=2)),
)
class GINEConv(GINConv):
    """As `GINConv`, with features of edges: y_i = φ((1 + ε) x_i + Σ_e relu(x_j + W a_e + b)).

    A tensor of the size of edges × in_channels is stored: messages are functions of pairs.

    Args:
        in_channels: of x.
        out_channels: of the result.
        edge_channels: of a; None for as many as x has, and neither W nor b.
        hidden: widths between, of the perceptron φ; one layer as wide as the result if None.
        eps: ε, at first.
        train_eps: whether ε is learned.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GINEConv(4, 8, edge_channels=1)(torch.randn(3, 4), graph, torch.ones(2, 1)).shape
        torch.Size([3, 8])

    Source: Hu et al. 2020, arXiv:1905.12265.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        edge_channels: int | None = None,
        hidden: Sequence[int] | None = None,
        eps: float = 0.0,
        train_eps: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, hidden=hidden, eps=eps, train_eps=train_eps, rng=rng
        )
        self.edge: nn.Linear | None = None
        self.edge_channels = edge_channels
        if edge_channels is not None:
            check_counts(edge_channels=edge_channels)
            self.edge = affine(edge_channels, in_channels, rng=rng)
        self.source = sources(in_channels, edge=edge_channels or in_channels)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """Features to features.

        Args:
            x: shape (nodes, in_channels).
            graph: whose neighbours these are.
            edge: shape (edges, edge_channels).

        Returns:
            shape (nodes, out_channels).
        """
        check_nodes(x, graph, self.in_channels, self.eps)
        check_edges(edge, graph, self.edge_channels or x.shape[1])
        sent = at_sources(x, graph)
        if edge is not None:  # it was checked
            sent = sent + (edge if self.edge is None else self.edge(edge))
        messages = sent.relu()
        y: Tensor = self.mlp(sum_at_targets(messages, graph) + (1 + self.eps) * x)
        return y
