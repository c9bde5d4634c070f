"""Principal neighbourhood aggregation: several statistics of the neighbours, scaled by degree."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, positive
from geomdl.permutation.affine import affine
from geomdl.permutation.aggregate import neighbor_statistics
from geomdl.permutation.inputs import check_edges, check_nodes, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer

AGGREGATORS = ("mean", "min", "max", "std", "sum")
SCALERS = ("identity", "amplification", "attenuation")


def mean_log_degree(graphs: Graph | Iterable[Graph]) -> float:
    """Mean of ln(d + 1) over the nodes of all graphs, d the number of edges that enter a node.

    Args:
        graphs: one graph, one batch, or several.

    Raises:
        ValueError: there is no node.

    Example:
        >>> pair = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> round(mean_log_degree(pair), 4)
        0.6931
    """
    found = [graphs] if isinstance(graphs, Graph) else list(graphs)
    logs = [(graph.in_degree.double() + 1).log() for graph in found]
    count = sum(len(part) for part in logs)
    if not count:
        raise ValueError("graphs: expected some nodes, got none")
    return float(sum(part.sum() for part in logs)) / count


@register_layer(
    "permutation/PNAConv",
    example=Example(lambda: PNAConv(3, 2, edge_channels=2), small_graphs(3, edge=2)),
)
class PNAConv(nn.Module):
    """Mean, extremes and deviation of the neighbours' messages, each scaled by the degree.

    m_e = W₁ x_i + W₂ x_j (+ W₃ (V f_e + c)) + b for e: j → i
    y_i = U' (U [x_i, s(d_i) agg_e m_e for all s and agg] + b') + b''
    s(d) = 1, ln(d + 1) / δ, δ / ln(d + 1)

    W₁ x_i + b is the same for all edges into i, so that statistics are taken of W₂ x_j alone. Nodes
    without neighbours have 0 for all of them.

    Args:
        in_channels: of x.
        out_channels: of the result.
        delta: δ, the mean of ln(d + 1) over the nodes of the training data, see `mean_log_degree`.
        aggregators: of "mean", "min", "max", "std" and "sum".
        scalers: of "identity", "amplification" and "attenuation".
        edge_channels: of f; None for none.
        floor: variances up to it count as 0, as those up to 1e-5 in PyG.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> PNAConv(4, 8, delta=mean_log_degree(graph))(torch.randn(3, 4), graph).shape
        torch.Size([3, 8])

    Source: Corso et al. 2020, arXiv:2004.05718.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        delta: float = 1.0,
        aggregators: Sequence[str] = ("mean", "min", "max", "std"),
        scalers: Sequence[str] = SCALERS,
        edge_channels: int | None = None,
        floor: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        for name, given, known in (
            ("aggregators", aggregators, AGGREGATORS),
            ("scalers", scalers, SCALERS),
        ):
            if isinstance(given, str) or not given or set(given) - set(known):
                raise ValueError(f"{name}: expected some of {', '.join(known)}, got {given!r}")
        if floor < 0:
            raise ValueError(f"floor: expected a variance of at least 0, got {floor!r}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.aggregators, self.scalers = tuple(aggregators), tuple(scalers)
        self.edge_channels, self.floor = edge_channels, float(floor)
        self.delta = positive("delta", delta)
        self.edge: nn.Linear | None = None
        if edge_channels is not None:
            check_counts(edge_channels=edge_channels)
            self.edge = affine(edge_channels, in_channels, rng=rng)
        parts = 2 if self.edge is None else 3
        self.before = affine(parts * in_channels, in_channels, rng=rng)
        width = (len(aggregators) * len(scalers) + 1) * in_channels
        self.after = affine(width, out_channels, rng=rng)
        self.linear = affine(out_channels, out_channels, rng=rng)
        self.source = sources(in_channels, edge=edge_channels)
        self.target = node_field(out_channels)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """Features to features.

        Args:
            x: shape (nodes, in_channels).
            graph: whose neighbours these are.
            edge: shape (edges, edge_channels), or None.

        Returns:
            shape (nodes, out_channels).
        """
        check_nodes(x, graph, self.in_channels)
        check_edges(edge, graph, self.edge_channels)
        weights = self.before.weight.split(self.in_channels, 1)
        sent = nn.functional.linear(x, weights[1])
        if edge is not None and self.edge is not None:
            edge = nn.functional.linear(self.edge(edge), weights[2])
        found = neighbor_statistics(sent, graph, edge)
        degree = graph.in_degree.to(x.dtype).unsqueeze(1)
        own = nn.functional.linear(x, weights[0], self.before.bias)
        shift = torch.where(degree > 0, own, 0)
        std = torch.where(found.std.square() > self.floor, found.std, found.std * 0)
        mean = found.mean + shift
        parts = {
            "mean": mean,
            "min": found.min + shift,
            "max": found.max + shift,
            "std": std if self.floor else found.std,
            "sum": mean * degree,
        }
        together = torch.cat([parts[name] for name in self.aggregators], 1)
        log = (degree + 1).log()
        scales = {
            "identity": None,
            "amplification": log / self.delta,
            "attenuation": self.delta / (degree.clamp(min=1) + 1).log(),
        }
        rows = [x]
        for name in self.scalers:
            scale = scales[name]
            rows.append(together if scale is None else together * scale)
        y: Tensor = self.linear(self.after(torch.cat(rows, 1)))
        return y
