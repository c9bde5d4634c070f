"""A node beside each graph that hears from all nodes and speaks to all."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts
from geomdl.kernels import segment_spread
from geomdl.permutation.affine import perceptron
from geomdl.permutation.inputs import (
    check_nodes,
    graph_field,
    node_field,
    sources,
    three_graphs,
)
from geomdl.permutation.pooling import graph_sum
from geomdl.registry import Example, register_layer


def _inputs(rng: torch.Generator) -> tuple[Tensor, Graph, Tensor]:
    graph = three_graphs()
    x = torch.randn(graph.num_nodes, 3, generator=rng, dtype=torch.float64)
    return x, graph, torch.randn(graph.num_graphs, 3, generator=rng, dtype=torch.float64)


@register_layer("permutation/VirtualNode", example=Example(lambda: VirtualNode(3), _inputs))
class VirtualNode(nn.Module):
    """What the node beside each graph hears and says: x'_i = x_i + v,  v' = v + φ(v + Σ_i x'_i).

    Any two nodes are two steps apart by it; graphs of a batch stay apart.

    Args:
        channels: of x and v.
        hidden: width of the perceptron φ; twice the channels if None.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> x, v = VirtualNode(4)(torch.randn(3, 4), graph, torch.zeros(1, 4))
        >>> x.shape, v.shape
        (torch.Size([3, 4]), torch.Size([1, 4]))

    Source: Gilmer et al. 2017, arXiv:1704.01212.
    """

    def __init__(
        self, channels: int, *, hidden: int | None = None, rng: torch.Generator | None = None
    ) -> None:
        super().__init__()
        check_counts(channels=channels, hidden=2 * channels if hidden is None else hidden)
        self.channels = channels
        self.mlp = perceptron([channels, hidden or 2 * channels, channels], rng=rng)
        self.source = {**sources(channels), "state": graph_field(channels)}
        self.target = (node_field(channels), graph_field(channels))

    def forward(self, x: Tensor, graph: Graph, state: Tensor) -> tuple[Tensor, Tensor]:
        """What the nodes know after hearing it, and what it knows after hearing them.

        Args:
            x: shape (nodes, channels).
            graph: whose nodes these are.
            state: v, shape (graphs, channels).
        """
        check_nodes(x, graph, self.channels)
        if state.shape != (graph.num_graphs, self.channels):
            raise ValueError(
                f"state: expected shape ({graph.num_graphs}, {self.channels}), got"
                f" {tuple(state.shape)}"
            )
        x = x + segment_spread(state, graph.ptr, graph.node_perm, graph.num_nodes)
        return x, state + self.mlp(state + graph_sum(x, graph))
