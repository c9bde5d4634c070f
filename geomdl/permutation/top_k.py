"""The nodes of highest score in each graph, chosen so that no numbering of nodes decides."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts
from geomdl.permutation.affine import glorot
from geomdl.permutation.inputs import check_nodes, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer


class Selected(NamedTuple):
    """The part of a graph that was kept.

    Attributes:
        x: features of its nodes, shape (kept, channels).
        graph: on these nodes, with the edges among them.
        nodes: numbers that they had, ascending.
        edges: numbers that the edges had, ascending.
    """

    x: Tensor
    graph: Graph
    nodes: Tensor
    edges: Tensor


def highest(scores: Tensor, graph: Graph, ratio: float) -> Tensor:
    """Whether each node is among the ⌈ratio · n⌉ of highest score in its graph of n, (nodes,).

    All nodes whose score is that of the last one kept are kept as well, so that more may be: no
    numbering breaks a tie, and nodes that a symmetry of the graph exchanges share one fate. Scores
    count as tied within 64 eps of the greatest score of the graph, as sums in another order may
    differ so much. NaN is kept.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> highest(torch.tensor([3.0, 1.0, 1.0]), graph, 0.5).tolist()
        [True, True, True]
    """
    scores = scores.detach()
    order = scores.argsort(descending=True, stable=True)
    order = order[graph.batch_index[order].argsort(stable=True)]
    sizes = graph.ptr.diff()
    count = (sizes.double() * ratio - 1e-9).ceil().long()  # 0.3 · 10 is 3
    last = (graph.ptr[:-1] + count - 1).clamp(min=0)
    if not graph.num_nodes:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = scores[order[last.clamp(max=graph.num_nodes - 1)]]
    at = graph.batch_index.long()
    size = scores.new_zeros(graph.num_graphs).scatter_reduce(0, at, scores.abs(), "amax")
    threshold = threshold - 64 * torch.finfo(scores.dtype).eps * size
    return ~(scores < threshold.index_select(0, graph.batch_index))


@register_layer("permutation/TopKPool", example=Example(lambda: TopKPool(3), small_graphs(3)))
class TopKPool(nn.Module):
    """Features of the nodes of highest score, times tanh of it; 0 at all others.

    s = x p / ‖p‖,  y_i = x_i tanh(s_i), where s_i is among the ⌈ratio · n⌉ highest of its graph

    with all ties, see `highest`. The nodes stay in their places, so that renaming them renames the
    result, *exact*; `select` gives the smaller graph. Discontinuous in x where the choice changes.

    Args:
        channels: of x.
        ratio: part of the nodes to keep, in (0, 1].
        rng: for p; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> TopKPool(4, ratio=0.4).select(torch.randn(3, 4), graph).graph.num_nodes
        2

    Source: Gao & Ji 2019, arXiv:1905.05178.
    """

    def __init__(
        self, channels: int, *, ratio: float = 0.5, rng: torch.Generator | None = None
    ) -> None:
        super().__init__()
        check_counts(channels=channels)
        if not 0 < ratio <= 1:
            raise ValueError(f"ratio: expected a part in (0, 1], got {ratio!r}")
        self.channels, self.ratio = channels, float(ratio)
        self.direction = glorot(channels, 1, rng=rng)
        self.source, self.target = sources(channels), node_field(channels)

    def scores(self, x: Tensor) -> Tensor:
        """s, shape (nodes,)."""
        length: Tensor = torch.linalg.vector_norm(self.direction)
        return (x @ self.direction).squeeze(1) / length

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to features (nodes, channels)."""
        check_nodes(x, graph, self.channels)
        scores = self.scores(x)
        kept = highest(scores, graph, self.ratio).unsqueeze(1)
        return torch.where(kept, x * scores.tanh().unsqueeze(1), 0)

    def select(self, x: Tensor, graph: Graph) -> Selected:
        """The smaller graph, with the features of its nodes. Not for tracing."""
        y: Tensor = self(x, graph)
        kept = highest(self.scores(x), graph, self.ratio)
        nodes = kept.nonzero().flatten()
        edges = (kept[graph.source] & kept[graph.target]).nonzero().flatten()
        place = kept.cumsum(0) - 1
        ends = place[graph.to_edge_index()[:, edges]]
        smaller = Graph.from_edge_index(
            ends, batch=graph.batch_index[nodes], num_graphs=graph.num_graphs
        )
        return Selected(y[nodes], smaller, nodes, edges)
