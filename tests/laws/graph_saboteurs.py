"""Modules on graphs that break one law each, and look innocent otherwise."""

import torch
from torch import Tensor

from geomdl.fields import Graph
from tests.laws.saboteurs import breaks
from tests.laws.toys import Neighbours, draw_graphs


@breaks("equivariance", "with random weights", draw_graphs)
class Numbered(Neighbours):
    """Looks at the numbers of the nodes."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x + torch.arange(len(x)).to(x)[:, None], graph, weight)


@breaks("equivariance", "with random weights", draw_graphs)
class First(Neighbours):
    """Takes the first nodes of the batch for those of the first graph."""

    def pool(self, x: Tensor, graph: Graph) -> Tensor:
        counts = graph.ptr.diff()
        owner = torch.arange(len(counts)).repeat_interleave(counts, output_size=len(x))
        return x.new_zeros(len(counts), 1).index_add(0, owner, x)


@breaks("dependence", "input 1 changes no output", draw_graphs)
class Unweighted(Neighbours):
    """Ignores the weights of the edges."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x, graph, torch.ones_like(weight))


@breaks("batch_independence", "sample 0 alone differs from sample 0 of 3", draw_graphs)
class Centring(Neighbours):
    """Subtracts the mean over the nodes of all graphs."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x - x.sum(0) / max(len(x), 1), graph, weight)


@breaks("batch_independence", "sample 0 alone differs from sample 0 of 3", draw_graphs)
class Scaling(Neighbours):
    """Divides the weights by their sum over the edges of all graphs."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x, graph, weight / (1 + weight.square().sum()))


@breaks("empty_batch", "IndexError", draw_graphs)
class Peaked(Neighbours):
    """Divides by the largest entry of the batch."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x / x.amax(0), graph, weight)


@breaks("empty_batch", "expected shape (0, 1), got (1, 1)", draw_graphs)
class Padded(Neighbours):
    """Has one graph at least."""

    def pool(self, x: Tensor, graph: Graph) -> Tensor:
        return x.new_zeros(max(graph.num_graphs, 1), 1).index_add(0, graph.batch_index, x)


@breaks("nan_isolation", "and others change by nan", draw_graphs)
class Leaking(Neighbours):
    """Adds nothing of the other graphs' nodes; of a NaN, too much."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x + 0 * x.sum(0), graph, weight)


@breaks("nan_isolation", "and others change by nan", draw_graphs)
class LeakingEdges(Neighbours):
    """Adds nothing of the other graphs' edges; of a NaN, too much."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x, graph, weight + 0 * weight.sum())


@breaks("nan_isolation", "and yet not all of its output is", draw_graphs)
class Forgiving(Neighbours):
    """Turns NaN into zero."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(x.nan_to_num(), graph, weight.nan_to_num())
