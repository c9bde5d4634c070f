"""Principal neighbourhood aggregation: several statistics of the neighbours, scaled by degree."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from geomdl import kernels
from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, positive
from geomdl.permutation.affine import affine
from geomdl.permutation.aggregate import neighbor_statistics
from geomdl.permutation.by_degree import ByDegree, by_degree
from geomdl.permutation.inputs import check_edges, check_nodes, node_field, small_graphs, sources
from geomdl.registry import Example, register_layer

AGGREGATORS = ("mean", "min", "max", "std", "sum")
STATISTICS = ("mean", "min", "max", "std")
_MANY = 32  # nodes a degree in the mean, from which on there is a map for each degree
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
    without neighbours have 0 for all of them. What follows the statistics is affine, and the same
    for all nodes of one degree: where a degree is that of many nodes, it is worked out as one map
    for each degree, which takes a third of the multiplications (not where it is traced).

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
        check_nodes(x, graph, self.in_channels, self.linear.weight)
        check_edges(edge, graph, self.edge_channels)
        weights = self.before.weight.split(self.in_channels, 1)
        sent = nn.functional.linear(x, weights[1])
        if edge is not None and self.edge is not None:
            edge = nn.functional.linear(self.edge(edge), weights[2])
        if not torch.compiler.is_compiling():  # how many degrees there are is not known there
            found = by_degree(graph)
            if _MANY * len(found.sizes) < graph.num_nodes:
                return self._by_degree(x, sent, edge, found)
        return self._node_by_node(x, sent, edge, graph)

    def _node_by_node(self, x: Tensor, sent: Tensor, edge: Tensor | None, graph: Graph) -> Tensor:
        """The formula as it stands."""
        found = neighbor_statistics(sent, graph, edge)
        degree = graph.in_degree.to(x.dtype)
        own = nn.functional.linear(x, self.before.weight[:, : self.in_channels], self.before.bias)
        shift = torch.where(degree.unsqueeze(1) > 0, own, 0)
        mean = found.mean + shift
        parts = {
            "mean": mean,
            "min": found.min + shift,
            "max": found.max + shift,
            "std": self._above_floor(found.std),
            "sum": mean * degree.unsqueeze(1),
        }
        together = torch.cat([parts[name] for name in self.aggregators], 1)
        scaled = [together * scale.unsqueeze(1) for scale in self._scales(degree).unbind(1)]
        y: Tensor = self.linear(self.after(torch.cat([x, *scaled], 1)))
        return y

    def _by_degree(self, x: Tensor, sent: Tensor, edge: Tensor | None, nodes: ByDegree) -> Tensor:
        """The same as one affine map of [x_i, mean, min, max, std of W₂ x_j] for each degree.

        All that follows the statistics is affine, with scales that the degree alone decides.
        """
        degree = nodes.degrees.to(x.dtype)
        whole = self.linear.weight @ self.after.weight
        own, rest = whole.split([self.in_channels, whole.shape[1] - self.in_channels], 1)
        shape = (len(self.scalers), len(self.aggregators), self.in_channels)
        scaled = torch.einsum("ds,osac->adoc", self._scales(degree), rest.unflatten(1, shape))
        maps = dict.fromkeys(STATISTICS, torch.zeros_like(scaled[0]))
        for name, part in zip(self.aggregators, scaled, strict=True):
            if name == "sum":
                maps["mean"] = maps["mean"] + part * degree.view(-1, 1, 1)
            else:
                maps[name] = maps[name] + part
        shift = (maps["mean"] + maps["min"] + maps["max"]) * (degree > 0).view(-1, 1, 1)
        own = own + shift @ self.before.weight[:, : self.in_channels]
        bias = nn.functional.linear(self.after.bias, self.linear.weight, self.linear.bias)
        bias = bias + shift @ self.before.bias
        found = kernels.neighbor_statistics(sent, edge, nodes.ptr, nodes.neighbors, nodes.perm)
        std = self._above_floor(found[:, 3])
        rows = torch.cat([nodes.sort(x), found[:, :3].flatten(1), std], 1)
        weights = torch.cat([own, *(maps[name] for name in STATISTICS)], 2)
        parts = [
            nn.functional.linear(part, weight, b)
            for part, weight, b in zip(
                rows.split(nodes.sizes), weights.unbind(), bias.unbind(), strict=True
            )
        ]
        return nodes.unsort(torch.cat(parts))

    def _above_floor(self, std: Tensor) -> Tensor:
        return torch.where(std.square() > self.floor, std, std * 0) if self.floor else std

    def _scales(self, degree: Tensor) -> Tensor:
        """Of degrees (some,), shape (some, scalers)."""
        log = (degree + 1).log()
        found = {
            "identity": torch.ones_like(degree),
            "amplification": log / self.delta,
            "attenuation": self.delta / (degree.clamp(min=1) + 1).log(),
        }
        return torch.stack([found[name] for name in self.scalers], 1)
