"""Graph layers of infinitely wide networks: one aggregation of neighbours with shared weights."""

import torch
from torch import Tensor

from geomdl.fields import Graph
from geomdl.fields.numbers import one_of
from geomdl.generalization.infinite.layers import SQRT2, Layer, Weighted
from geomdl.generalization.infinite.state import Covariances, Map, Places, sandwiched

AGGREGATIONS = ("gcn", "gin", "mean", "sum")


def aggregation_matrix(graph: Graph, aggregation: str = "gcn") -> Tensor:
    """Matrix A with (A f)(i) what node i hears.

    "sum": over edges j → i; "mean": by the number of these edges; "gin": the sum and the node
    itself; "gcn": D^(−1/2) (A + 1) D^(−1/2) with D the in-degree and one. *Exact*, dense.

    Args:
        graph: with any edges; repeated ones count as often.
        aggregation: as above.

    Returns:
        float64, shape (nodes, nodes).

    Raises:
        ValueError: an unknown aggregation.

    Example:
        >>> path = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> aggregation_matrix(path, "gin").tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    one_of("aggregation", aggregation, AGGREGATIONS)
    n = len(graph.batch_index)
    matrix = torch.zeros(n, n, dtype=torch.float64)
    at = (graph.target.long(), graph.source.long())
    matrix.index_put_(at, torch.ones(len(at[0]), dtype=torch.float64), accumulate=True)
    if aggregation == "mean":
        return matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    if aggregation == "sum":
        return matrix
    matrix = matrix + torch.eye(n, dtype=torch.float64)
    if aggregation == "gin":
        return matrix
    scale = matrix.sum(1).rsqrt()
    return scale[:, None] * matrix * scale


def _checked(graph: Graph) -> Graph:
    if not isinstance(graph, Graph):
        raise TypeError(f"graph: expected a Graph, got {type(graph).__name__}")
    return graph


def _check(graph: Graph, places: Places, name: str) -> None:
    if places.nodes != len(graph.batch_index):
        raise ValueError(
            f"network: {name} of a graph with {len(graph.batch_index)} nodes got {places}"
        )


class GraphConv(Weighted):
    """Aggregation over neighbours, then shared weights: J = 1, K' = w² A K Aᵀ + b².

    A batch of graphs gives the kernel between all of their nodes at once.

    Args:
        graph: one graph, or a batch.
        aggregation: "gcn", "gin", "mean" or "sum", see `aggregation_matrix`.
        w_std: standard deviation of the weights times √fan-in.
        b_std: standard deviation of the biases.

    Raises:
        TypeError: no graph.
        ValueError: unknown aggregation; when used: inputs on another number of nodes.

    Source: Du et al. 2019, arXiv:1905.13192.
    """

    def __init__(
        self, graph: Graph, aggregation: str = "gcn", w_std: float = SQRT2, b_std: float = 0.0
    ) -> None:
        super().__init__(w_std, b_std)
        self.graph = _checked(graph)
        self.aggregation: str = one_of("aggregation", aggregation, AGGREGATIONS)

    def to(self, places: Places) -> Places:
        """The same."""
        _check(self.graph, places, "GraphConv")
        return places

    def spread(self, places: Places) -> Map:
        """A K Aᵀ."""
        matrix = aggregation_matrix(self.graph, self.aggregation)
        return lambda kernel: sandwiched(kernel, matrix)


class GraphPool(Layer):
    """Sum or mean over the nodes of each graph of a batch; the places are then graphs.

    Args:
        graph: a batch of graphs.
        readout: "sum" or "mean".

    Raises:
        TypeError: no graph.
        ValueError: unknown readout; when used: inputs on another number of nodes.
    """

    def __init__(self, graph: Graph, readout: str = "mean") -> None:
        self.graph = _checked(graph)
        self.readout: str = one_of("readout", readout, ("mean", "sum"))

    def to(self, places: Places) -> Places:
        """One for each graph."""
        _check(self.graph, places, "GraphPool")
        return Places(nodes=len(self.graph.ptr) - 1)

    def __call__(self, state: Covariances) -> Covariances:
        after = self.to(state.places)
        nodes = self.graph.batch_index.long()
        matrix = torch.zeros(after.size, len(nodes), dtype=torch.float64)
        matrix[nodes, torch.arange(len(nodes))] = 1.0
        if self.readout == "mean":
            matrix = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
        return state.mapped(lambda kernel: sandwiched(kernel, matrix), after)
