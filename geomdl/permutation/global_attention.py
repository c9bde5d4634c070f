"""Attention among all nodes of each graph."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, dropout_rate
from geomdl.permutation.affine import affine
from geomdl.permutation.blocks import blocks_of
from geomdl.permutation.inputs import check_nodes, node_field, small_graphs, sources
from geomdl.permutation.pooling import graph_sum
from geomdl.registry import Example, register_layer


@register_layer(
    "permutation/GlobalAttention",
    example=Example(lambda: GlobalAttention(4, heads=2), small_graphs(4)),
)
class GlobalAttention(nn.Module):
    """Attention of every node to all nodes of its graph, edges or not.

    y_i = O concat_h Σ_j softmax_j(q_i · k_j / √d) v_j, j over the nodes of the graph of i

    Nodes of different graphs do not meet. Time and memory go with the square of a graph's size.

    Args:
        channels: of x and y.
        heads: number of them, which divides the channels.
        dropout: probability with which a pair is left out in training.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GlobalAttention(4, heads=2)(torch.randn(3, 4), graph).shape
        torch.Size([3, 4])

    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int = 4,
        dropout: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(channels=channels, heads=heads)
        if channels % heads:
            raise ValueError(f"heads: expected a divisor of channels={channels}, got {heads}")
        self.channels, self.heads, self.dropout = channels, heads, dropout_rate(dropout)
        self.inwards = affine(channels, 3 * channels, rng=rng)
        self.outwards = affine(channels, channels, rng=rng)
        self.source, self.target = sources(channels), node_field(channels)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to features (nodes, channels)."""
        check_nodes(x, graph, self.channels, self.inwards.weight)
        rows = self.inwards(x)
        bad = None
        if torch.compiler.is_compiling():  # one block: a NaN would reach all graphs
            bad = graph_sum(rows.sum(1, keepdim=True), graph).isnan()
            bad = bad.index_select(0, graph.batch_index)
            rows = torch.where(bad, 0, rows)
        blocks = blocks_of(graph)
        heads = blocks.spread(rows).unflatten(2, (3, self.heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # (blocks, heads, places, channels)
        # a place without a node looks at itself, so that its softmax is a number
        own = torch.eye(q.shape[2], dtype=torch.bool, device=x.device)
        y = nn.functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=(blocks.together | own).unsqueeze(1),
            dropout_p=self.dropout if self.training else 0.0,
        )
        found: Tensor = self.outwards(blocks.gather(y.transpose(1, 2).flatten(2)))
        return found if bad is None else torch.where(bad, torch.nan, found)
