"""GraphSAGE: a node beside the mean, sum or extreme of its neighbours."""

from typing import Literal

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, one_of
from geomdl.permutation.affine import affine
from geomdl.permutation.aggregate import neighbor_max, neighbor_mean, neighbor_min, neighbor_sum
from geomdl.permutation.inputs import check_nodes, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer

Aggregation = Literal["mean", "sum", "max", "min"]
AGGREGATIONS = {
    "mean": neighbor_mean,
    "sum": neighbor_sum,
    "max": neighbor_max,
    "min": neighbor_min,
}


@register_layer("permutation/SAGEConv", example=Example(lambda: SAGEConv(3, 2), small_graphs(3)))
class SAGEConv(nn.Module):
    """A node beside what its neighbours have together, y_i = W₁ agg_j x_j + W₂ x_i + b.

    Nodes without neighbours take 0 for what they have. Repeated edges count as often as they are
    there, in means and sums.

    Args:
        in_channels: of x.
        out_channels: of the result.
        aggregation: "mean", "sum", "max" or "min".
        root: whether there is W₂.
        project: whether the neighbours' x becomes relu(W₀ x + b₀) first.
        normalize: whether y is divided by its norm.
        bias: whether there is b.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> SAGEConv(4, 8, aggregation="max")(torch.randn(3, 4), graph).shape
        torch.Size([3, 8])

    Source: Hamilton, Ying & Leskovec 2017, arXiv:1706.02216.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        aggregation: Aggregation = "mean",
        root: bool = True,
        project: bool = False,
        normalize: bool = False,
        bias: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.aggregation = one_of("aggregation", aggregation, AGGREGATIONS)
        self.normalize = bool(normalize)
        self.project = affine(in_channels, in_channels, rng=rng) if project else None
        self.neighbors = affine(in_channels, out_channels, bias=bias, rng=rng)
        self.root = affine(in_channels, out_channels, bias=False, rng=rng) if root else None
        self.source, self.target = sources(in_channels), node_field(out_channels)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, in_channels) to features (nodes, out_channels)."""
        check_nodes(x, graph, self.in_channels, self.neighbors.weight)
        sent = x if self.project is None else self.project(x).relu()
        linear = self.aggregation in ("mean", "sum")
        if linear and self.out_channels < self.in_channels:  # fewer numbers along the edges
            sent = nn.functional.linear(sent, self.neighbors.weight)
            y = AGGREGATIONS[self.aggregation](sent, graph)
            y = y if self.neighbors.bias is None else y + self.neighbors.bias
        else:
            y = self.neighbors(AGGREGATIONS[self.aggregation](sent, graph))
        if self.root is not None:
            y = y + self.root(x)
        return nn.functional.normalize(y, dim=-1) if self.normalize else y
