"""Personalised PageRank as a layer without weights."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import at_least, check_counts, dropout_rate
from geomdl.permutation.gcn import adjacency
from geomdl.permutation.inputs import check_nodes, check_weight, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer


@register_layer(
    "permutation/APPNP", example=Example(lambda: APPNP(3, K=3), small_graphs(3, edge=0))
)
class APPNP(nn.Module):
    """Steps of a walk that returns to where it began: y ← (1 - α) Â y + α x, K times, from y = x.

    Â as of `adjacency`. With K → ∞, y = α (1 - (1 - α) Â)⁻¹ x, and what is missing
    falls as (1 - α)^K.

    Args:
        channels: of x and of the result, if `source` and `target` are to be known; else any number.
        K: number of steps.
        alpha: α, the probability to return.
        dropout: probability with which an edge is left out of a step in training.
        loops: weight of the loops that are added; 0 for none.
        normalize: whether degrees divide; if not, Â is A.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> APPNP()(torch.randn(3, 4), graph).shape
        torch.Size([3, 4])

    Source: Gasteiger, Bojchevski & Günnemann 2019, arXiv:1810.05997.
    """

    def __init__(
        self,
        channels: int | None = None,
        *,
        K: int = 10,
        alpha: float = 0.1,
        dropout: float = 0.0,
        loops: float = 1.0,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        if channels is not None:
            check_counts(channels=channels)
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha: expected a probability, got {alpha!r}")
        if loops < 0:
            raise ValueError(f"loops: expected a weight of at least 0, got {loops!r}")
        self.dropout = dropout_rate(dropout)
        self.channels, self.K, self.alpha = channels, at_least("K", K, 0), float(alpha)
        self.loops, self.normalize = float(loops), bool(normalize)
        self.source = None if channels is None else sources(channels, weight=0)
        self.target = None if channels is None else node_field(channels)

    def forward(self, x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
        """Features (nodes, channels) to features (nodes, channels); weight: shape (edges,)."""
        check_nodes(x, graph, self.channels)
        check_weight(weight, graph)
        walk = adjacency(graph, x, weight, self.loops, self.normalize)
        y = x
        for _ in range(self.K):
            y = torch.lerp(walk(y, self.dropout * self.training), x, self.alpha)
        return y
