"""Normalisation over the nodes of each graph."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, positive
from geomdl.permutation.inputs import check_nodes, node_field, small_graphs, sources
from geomdl.permutation.pooling import graph_mean
from geomdl.registry import Example, register_layer


@register_layer("permutation/GraphNorm", example=Example(lambda: GraphNorm(3), small_graphs(3)))
class GraphNorm(nn.Module):
    """A graph's features without part of their mean, over their deviation.

    y = γ (x - α μ) / √(σ² + ε) + β,  μ = mean x,  σ² = mean (x - α μ)²,  over a graph's nodes

    Graphs of a batch do not mix, in training neither. α = 1 would erase what the mean knows of the
    graph, for instance the degree of a regular one.

    Args:
        channels: of x; each has its α, β and γ.
        eps: ε.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GraphNorm(4)(torch.randn(3, 4), graph).shape
        torch.Size([3, 4])

    Source: Cai et al. 2021, arXiv:2009.03294.
    """

    def __init__(self, channels: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        check_counts(channels=channels)
        self.channels, self.eps = channels, positive("eps", eps)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mean_scale = nn.Parameter(torch.ones(channels))
        self.source, self.target = sources(channels), node_field(channels)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to features (nodes, channels)."""
        check_nodes(x, graph, self.channels)
        mean = graph_mean(x, graph).index_select(0, graph.batch_index)
        x = x - self.mean_scale * mean
        scale = (graph_mean(x.square(), graph) + self.eps).rsqrt()
        return self.weight * x * scale.index_select(0, graph.batch_index) + self.bias
