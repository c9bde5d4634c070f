"""From nodes to graphs: sums, means, extremes and attention over the nodes of each graph."""

from typing import Literal

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.graph_checks import check_rows
from geomdl.fields.numbers import check_counts, one_of
from geomdl.kernels import segment_spread, segment_sum
from geomdl.permutation.affine import affine
from geomdl.permutation.inputs import check_nodes, graph_field, small_graphs, sources
from geomdl.registry import Example, register_layer


def graph_sum(x: Tensor, graph: Graph) -> Tensor:
    """Sum over the nodes of each graph, (nodes, ...) to (graphs, ...); 0 for one without nodes.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0], [1]]), batch=torch.tensor([0, 0, 1]))
        >>> graph_sum(torch.tensor([1.0, 2.0, 4.0]), graph).tolist()
        [3.0, 4.0]
    """
    check_rows("x", x, graph.num_nodes)
    return segment_sum(x, graph.ptr, graph.node_perm)


def graph_mean(x: Tensor, graph: Graph) -> Tensor:
    """Mean over the nodes of each graph, (nodes, ...) to (graphs, ...); 0 for one without nodes."""
    check_rows("x", x, graph.num_nodes)
    count = graph.ptr.diff().clamp(min=1).to(x.dtype)
    return graph_sum(x, graph) / count.view(-1, *[1] * (x.ndim - 1))


def graph_max(x: Tensor, graph: Graph) -> Tensor:
    """Greatest over the nodes of each graph, (nodes, ...) to (graphs, ...); 0 without nodes.

    The derivative is shared evenly among equal ones.
    """
    check_rows("x", x, graph.num_nodes)
    at = graph.batch_index.long().view(-1, *[1] * (x.ndim - 1)).expand_as(x)
    zeros = x.new_zeros(graph.num_graphs, *x.shape[1:])
    return zeros.scatter_reduce(0, at, x, "amax", include_self=False)


def graph_softmax(logits: Tensor, graph: Graph) -> Tensor:
    """Softmax over the nodes of each graph, shape (nodes, ...)."""
    check_rows("logits", logits, graph.num_nodes)
    above = logits - graph_max(logits.detach(), graph).index_select(0, graph.batch_index)
    powers = above.exp()
    return powers / segment_spread(
        graph_sum(powers, graph), graph.ptr, graph.node_perm, graph.num_nodes
    )


class _Pool(nn.Module):
    """A reduction as a layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        check_counts(channels=channels)
        self.channels = channels
        self.source, self.target = sources(channels), graph_field(channels)


@register_layer("permutation/SumPool", example=Example(lambda: SumPool(3), small_graphs(3)))
class SumPool(_Pool):
    """`graph_sum` as a layer.

    Args:
        channels: of x.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> SumPool(4)(torch.ones(3, 4), graph).tolist()
        [[3.0, 3.0, 3.0, 3.0]]
    """

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to (graphs, channels)."""
        check_nodes(x, graph, self.channels)
        return graph_sum(x, graph)


@register_layer("permutation/MeanPool", example=Example(lambda: MeanPool(3), small_graphs(3)))
class MeanPool(_Pool):
    """`graph_mean` as a layer.

    Args:
        channels: of x.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> MeanPool(2)(torch.ones(3, 2), graph).tolist()
        [[1.0, 1.0]]
    """

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to (graphs, channels)."""
        check_nodes(x, graph, self.channels)
        return graph_mean(x, graph)


@register_layer("permutation/MaxPool", example=Example(lambda: MaxPool(3), small_graphs(3)))
class MaxPool(_Pool):
    """`graph_max` as a layer.

    Args:
        channels: of x.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> MaxPool(1)(torch.tensor([[1.0], [3.0], [2.0]]), graph).tolist()
        [[3.0]]
    """

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to (graphs, channels)."""
        check_nodes(x, graph, self.channels)
        return graph_max(x, graph)


@register_layer(
    "permutation/AttentionPool", example=Example(lambda: AttentionPool(3), small_graphs(3))
)
class AttentionPool(_Pool):
    """Weighted mean over the nodes of each graph, Σ_i α_i x_i, α = softmax over them of φ(x_i).

    Args:
        channels: of x.
        hidden: width of the perceptron φ.
        rng: for the weights; torch's global one if None.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> AttentionPool(4)(torch.randn(3, 4), graph).shape
        torch.Size([1, 4])

    Source: Li et al. 2016, arXiv:1511.05493.
    """

    def __init__(
        self, channels: int, *, hidden: int = 32, rng: torch.Generator | None = None
    ) -> None:
        super().__init__(channels)
        check_counts(hidden=hidden)
        # without a bias at the end, which softmax would not see
        self.gate = nn.Sequential(
            affine(channels, hidden, rng=rng),
            nn.ReLU(),
            affine(hidden, 1, bias=False, rng=rng),
        )

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to (graphs, channels)."""
        check_nodes(x, graph, self.channels)
        return graph_sum(graph_softmax(self.gate(x), graph) * x, graph)


Readout = Literal["nodes", "sum", "mean", "max", "attention"]


def readout_layer(
    readout: Readout, channels: int, rng: torch.Generator | None = None
) -> nn.Module | None:
    """Layer from nodes to graphs of a name; None for "nodes".

    Raises:
        ValueError: there is none of that name.

    Example:
        >>> type(readout_layer("mean", 4)).__name__
        'MeanPool'
    """
    if readout == "attention":
        return AttentionPool(channels, rng=rng)
    layers: dict[str, type[_Pool]] = {"sum": SumPool, "mean": MeanPool, "max": MaxPool}
    if readout == "nodes":
        return None
    return layers[one_of("readout", readout, ("nodes", *layers, "attention"))](channels)
