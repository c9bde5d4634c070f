"""Subgraph networks: message passing on a bag of marked copies, and between the copies."""

import torch
from torch import Tensor, nn

from geomdl.fields import Edges, Field, Graph, Nodes, Vector
from geomdl.fields.numbers import at_least, one_of
from geomdl.groups import group
from geomdl.kernels import segment_sum
from geomdl.permutation.aggregate import neighbor_sum
from geomdl.permutation.bags import (
    Bag,
    around_root,
    edge_bag,
    edge_counts,
    node_bag,
    transposition,
    without_root,
)
from geomdl.permutation.dense import largest
from geomdl.permutation.inputs import check_shape
from geomdl.permutation.perceptron import Dense, Perceptron, activation, check_sine
from geomdl.permutation.ppgn import example_graphs
from geomdl.registry import Example, register_model

POLICIES = ("marking", "deletion", "ego", "pairs")
AGGREGATIONS = ("ds", "dss", "sswl+")


class BagLayer(nn.Module):
    """h ← h + MLP(Σ of affine maps of h and of its sums), in each copy and between copies.

    Args:
        channels: of nodes in copies.
        aggregation: what is summed, see `SubgraphGNN`.
        neighbors: typical number, by whose root sums are divided.
        sine: frequency of its sines; SiLU if None.
        rng: for the weights.
    """

    def __init__(
        self,
        channels: int,
        aggregation: str,
        neighbors: float,
        sine: float | None,
        rng: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.aggregation, self.scale, self.sine = aggregation, neighbors**-0.5, sine
        terms = {"ds": 2, "dss": 4, "sswl+": 4}[aggregation]
        self.mix = Dense(terms * channels, channels, rng=rng)
        self.inner = Perceptron([channels, channels], rng=rng)

    def forward(self, h: Tensor, bag: Bag, graph: Graph, transposed: Tensor | None) -> Tensor:
        """Shape (nodes, copies, channels) to the same."""
        terms = [h, neighbor_sum(h, graph) * self.scale]
        if self.aggregation == "dss":
            count = bag.copies.sum(1).clamp(min=1).to(h.dtype)[graph.batch_index]
            mean = h.sum(1) / count.unsqueeze(1)
            both = (mean, neighbor_sum(mean, graph) * self.scale)
            terms += [s.unsqueeze(1).expand_as(h) for s in both]
        elif transposed is not None:  # sswl+
            across = neighbor_sum(_turned(h, transposed), graph) * self.scale
            root = h.masked_fill(bag.marks == 0, 0).sum(1, keepdim=True)
            terms += [_turned(across, transposed), root.expand_as(h)]
        update = self.inner(activation(self.mix(torch.cat(terms, 2)), self.sine))
        return torch.where(bag.kept.unsqueeze(2), h + update, 0)


def _turned(h: Tensor, transposed: Tensor) -> Tensor:
    """What stands at [u, v], at [v, u]."""
    return h.flatten(0, 1).index_select(0, transposed.flatten()).view_as(h)


@register_model(
    "permutation/SubgraphGNN",
    example=Example(
        lambda: SubgraphGNN(
            2, channels=4, layers=2, out_channels=2, size=4, rng=torch.Generator().manual_seed(0)
        ),
        lambda rng: example_graphs(rng, 2),
    ),
)
class SubgraphGNN(nn.Module):
    """Message passing on a bag of copies of the graph, in each of which something is special.

    Policies: "marking", a copy for every node, which is marked; "deletion", the node is taken out;
    "ego", the copy keeps what lies within `hops` of the marked node; "pairs", a copy for every
    edge (ordered: both ways in an undirected graph), with its two ends marked (I²-GNN).

    Aggregations, h(v, u) being node v in copy u, N(v) its neighbours:

    - "ds": h(v, u) and Σ_{w ∈ N(v)} h(w, u): copies on their own.
    - "dss": also the mean m(v) over copies, and Σ_{w ∈ N(v)} m(w) (ESAN's DSS).
    - "sswl+": also Σ_{w ∈ N(u)} h(v, w) between copies, and h(v, v); not for pairs.

    Each layer adds a perceptron of an affine map of these. Copies are summed over their nodes, then
    over copies, with perceptrons between. Numbers of a graph do not change when its nodes are
    renamed, *exact* up to the order of sums. Of graphs, "marking" with "ds" tells apart what
    1-WL does after marking a node, "sswl+" what SSWL does, "pairs" what 1-WL does after marking
    two neighbours, given layers enough; "ds" with marking contains "deletion" and "ego". Nothing
    is stored for pairs of nodes that are edges of copies: time (nodes + edges) · copies · channels,
    and memory nodes · copies · channels; all graphs of a batch get as many copies as the one with
    the most.

    Args:
        in_channels: numbers of a node.
        out_channels: numbers of a graph.
        channels: of nodes in copies.
        layers: of messages.
        policy: of the copies.
        aggregation: between and within copies.
        hops: of "ego".
        readout: "sum" over nodes and over copies, or "mean".
        neighbors: typical number of a node, by whose root sums over neighbours are divided.
        sine: frequency of sines in the layers and between sums; SiLU if None. They magnify small
            differences, which SiLU does not.
        size: most copies of a graph, if known beforehand (needed to compile and to export).
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a wrong shape or too many copies.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        >>> SubgraphGNN(policy="pairs", aggregation="ds", out_channels=3)(
        ...     torch.ones(3, 1), graph
        ... ).shape
        torch.Size([1, 3])

    Source: Bevilacqua et al. 2022, arXiv:2110.02910; Zhang et al. 2023, arXiv:2302.07090; Huang et
    al. 2023, arXiv:2210.13978.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 32,
        layers: int = 4,
        policy: str = "marking",
        aggregation: str = "sswl+",
        hops: int = 2,
        readout: str = "sum",
        neighbors: float = 4.0,
        sine: float | None = None,
        size: int | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = at_least("in_channels", in_channels, 1)
        self.policy = one_of("policy", policy, POLICIES)
        self.aggregation = one_of("aggregation", aggregation, AGGREGATIONS)
        if policy == "pairs" and aggregation == "sswl+":
            raise ValueError("aggregation: 'sswl+' needs one copy a node, for pairs take 'ds'")
        self.hops = at_least("hops", hops, 0)
        self.readout = one_of("readout", readout, ("sum", "mean"))
        if not 0 < neighbors < float("inf"):
            raise ValueError(f"neighbors: expected a positive number, got {neighbors!r}")
        check_sine(sine)
        self.size = None if size is None else at_least("size", size, 1)
        channels = at_least("channels", channels, 1)
        marks = 2 if policy == "pairs" else 1
        self.first = Dense(in_channels + marks, channels, rng=rng)
        self.layers = nn.ModuleList(
            BagLayer(channels, aggregation, neighbors, sine, rng)
            for _ in range(at_least("layers", layers, 1))
        )
        self.copy = Perceptron([channels, channels, channels], sine=sine, rng=rng)
        self.head = Perceptron(
            [channels, channels, at_least("out_channels", out_channels, 1)], rng=rng
        )
        one = group("C1").trivial
        self.source = {"x": Field(Nodes(), in_channels * one), "graph": Field(Edges(), one)}
        self.target = Field(Vector(), out_channels * one)

    @property
    def at_most(self) -> str | None:
        """Colouring that tells apart all that these networks can; None for "dss" between pairs."""
        if self.policy == "pairs":
            return "adjacent-pairs" if self.aggregation == "ds" else None
        return "marking" if self.aggregation == "ds" else "sswl"

    def bag(self, graph: Graph, like: Tensor) -> Bag:
        """Copies of the graphs by the policy."""
        if self.policy == "pairs":
            return edge_bag(graph, largest(edge_counts(graph), self.size), like)
        bag = node_bag(graph, largest(graph.ptr.diff(), self.size), like)
        if self.policy == "deletion":
            return without_root(bag)
        return around_root(bag, graph, self.hops) if self.policy == "ego" else bag

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Numbers of the graphs.

        Args:
            x: shape (nodes, in_channels).
            graph: one, or a batch.

        Returns:
            shape (graphs, out_channels).
        """
        check_shape("x", x, graph.num_nodes, self.in_channels)
        bag = self.bag(graph, x)
        copies = bag.marks.shape[1]
        transposed = transposition(graph, copies) if self.aggregation == "sswl+" else None
        wide = x.unsqueeze(1).expand(-1, copies, -1)
        h = self.first(torch.cat([wide, bag.marks], 2))
        h = torch.where(bag.kept.unsqueeze(2), h, 0)
        for layer in self.layers:
            h = layer(h, bag, graph, transposed)
        nodes = graph.ptr.diff().clamp(min=1).to(x.dtype).view(-1, 1)
        total = segment_sum(h, graph.ptr, graph.node_perm) / nodes.unsqueeze(2)
        number = bag.copies.sum(1, keepdim=True).clamp(min=1).to(x.dtype)
        each = torch.where(bag.copies.unsqueeze(2), self.copy(total), 0)
        pooled: Tensor = self.head(each.sum(1) / number)
        return pooled * number if self.readout == "sum" else pooled
