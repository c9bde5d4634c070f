"""Provably powerful graph networks: features of pairs of nodes, and products of such matrices."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields import Edges, Field, Graph, Nodes, Vector
from geomdl.fields.numbers import at_least, one_of
from geomdl.groups import group
from geomdl.permutation.dense import dense_edges, dense_nodes, largest, node_mask
from geomdl.permutation.inputs import check_shape
from geomdl.permutation.perceptron import Dense, Perceptron, check_sine
from geomdl.registry import Example, register_model

EPS = 1e-5  # of variances


def example_graphs(rng: torch.Generator, *channels: int) -> tuple[Any, ...]:
    """Node features, a triangle with a tail and an edge, edge features: small inputs for laws."""
    ends = torch.tensor([[0, 0, 1, 2], [1, 2, 2, 3]])
    graph = Graph.batch(
        [
            Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1)),
            Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]])),
        ]
    )
    rows = (graph.num_nodes, graph.num_edges)
    x, *edge = [
        torch.randn(n, c, generator=rng, dtype=torch.float64)
        for n, c in zip(rows, channels, strict=False)
    ]
    return x, graph, *edge


def standardized(x: Tensor, mask: Tensor, share: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Channels with mean 0 and variance 1 over the pairs of each graph; mean and deviation.

    Args:
        x: shape (graphs, channels, n, n).
        mask: pairs that there are, bool of shape (graphs, 1, n, n).
        share: of one pair, 1/n² of each graph, shape (graphs, 1, 1, 1).

    Returns:
        (graphs, channels, n, n), 0 where there is no pair, and (graphs, channels) twice.
    """
    x = torch.where(mask, x, 0)
    mean = x.sum((2, 3), keepdim=True) * share
    x = torch.where(mask, x - mean, 0)
    deviation = (x.square().sum((2, 3), keepdim=True) * share + EPS).sqrt()
    return x / deviation, mean.flatten(1), deviation.flatten(1)


class PairProduct(nn.Module):
    """One block: y = MLP([x, m₁(x) · m₂(x)]), the product one of n × n matrices, by channels.

    Args:
        channels: that come in, of the factors and of the result.
        depth: affine maps of each perceptron.
        sine: frequency of their sines; SiLU if None.
        rng: for the weights.
    """

    def __init__(
        self, channels: int, depth: int, sine: float | None, rng: torch.Generator | None
    ) -> None:
        super().__init__()
        sizes = [channels] * depth
        self.left, self.right, self.mix = (
            Perceptron([rows, *sizes], sine=sine, axis=1, rng=rng)
            for rows in (channels, channels, 2 * channels)
        )

    def forward(self, x: Tensor, mask: Tensor, scale: Tensor) -> Tensor:
        """Pairs (graphs, channels, n, n) to the same; scale 1/n, (graphs, 1, 1, 1)."""
        left, right = (torch.where(mask, f(x), 0) for f in (self.left, self.right))
        return self.mix(torch.cat([x, left @ right * scale], 1))  # type: ignore[no-any-return]


@register_model(
    "permutation/PPGN",
    example=Example(
        lambda: PPGN(
            2,
            2,
            edge_channels=3,
            channels=4,
            layers=2,
            size=4,
            rng=torch.Generator().manual_seed(0),
        ),
        lambda rng: example_graphs(rng, 2, 3),
    ),
)
class PPGN(nn.Module):
    """Provably powerful graph network: as strong as 2-FWL (3-WL) on graphs.

    h_ij = (A_ij, δ_ij, δ_ij x_i, Σ_{e: j → i} edge_e) at first,
    h ← MLP([ĥ, m₁(ĥ) · m₂(ĥ) / n]) layer by layer, then a perceptron of the means over the diagonal
    and over all pairs.

    ĥ is h with mean 0 and variance 1 over the pairs of the graph, channel by channel: products
    blur what differs between few pairs, and this keeps it in sight. Nothing is lost by it, as the
    means and deviations of all layers go to the last perceptron too.

    Numbers of a graph do not change when its nodes are renamed, *exact* up to the order of sums,
    and do not depend on the other graphs of the batch. Products are divided by n, which keeps
    numbers of size one. The readout takes means; readout="sum" multiplies its result by n. Time n³
    and memory n² a channel and graph; in a batch all graphs are padded to the largest, so batch
    graphs of like size. t layers refine as t rounds of 2-FWL do.

    Args:
        in_channels: numbers of a node.
        out_channels: numbers of a graph.
        edge_channels: numbers of an edge, 0 for none.
        channels: of pairs.
        layers: of products.
        depth: affine maps of each perceptron in a layer, 2 or more for full strength.
        sine: frequency of sines in the layers; SiLU if None. What two graphs differ by is squared
            from layer to layer where it is a parity, as in the graphs of Cai, Fürer and Immerman;
            sin(6 x) keeps it above rounding in float64, SiLU does not.
        readout: "sum" over nodes, or "mean".
        size: most nodes of a graph, if known beforehand (needed to compile and to export).
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a wrong shape or too large a graph.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
        >>> PPGN(out_channels=3)(torch.ones(3, 1), graph).shape
        torch.Size([1, 3])

    Source: Maron, Ben-Hamu, Serviansky & Lipman 2019, arXiv:1905.11136.
    """

    at_most = "2-fwl"  # of graphs, it tells apart what 2-FWL (3-WL) does at most

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        edge_channels: int = 0,
        channels: int = 32,
        layers: int = 3,
        depth: int = 2,
        sine: float | None = None,
        readout: str = "sum",
        size: int | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = at_least("in_channels", in_channels, 1)
        self.edge_channels = at_least("edge_channels", edge_channels, 0)
        channels, depth = at_least("channels", channels, 1), at_least("depth", depth, 1)
        check_sine(sine)
        self.readout = one_of("readout", readout, ("sum", "mean"))
        self.size = None if size is None else at_least("size", size, 1)
        self.first = Dense(2 + in_channels + edge_channels, channels, axis=1, rng=rng)
        self.layers = nn.ModuleList(
            PairProduct(channels, depth, sine, rng) for _ in range(at_least("layers", layers, 1))
        )
        rows = 2 * channels * (1 + layers)
        self.head = Perceptron([rows, channels, at_least("out_channels", out_channels, 1)], rng=rng)
        one = group("C1").trivial
        self.source = {"x": Field(Nodes(), in_channels * one), "graph": Field(Edges(), one)}
        if edge_channels:
            self.source["edge"] = Field(Vector(), edge_channels * one)
        self.target = Field(Vector(), out_channels * one)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """Numbers of the graphs.

        Args:
            x: shape (nodes, in_channels).
            graph: one, or a batch.
            edge: shape (edges, edge_channels), if there are any.

        Returns:
            shape (graphs, out_channels).
        """
        check_shape("x", x, graph.num_nodes, self.in_channels)
        if (edge is None) != (self.edge_channels == 0):
            raise ValueError(
                f"edge: expected edge_channels={self.edge_channels} numbers of an edge,"
                f" got {None if edge is None else tuple(edge.shape)}"
            )
        counts = graph.ptr.diff()
        size = largest(counts, self.size)
        mask = node_mask(graph, size)
        h = self.first(self.pairs(x, graph, edge, size))
        both = (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(1)
        number = counts.clamp(min=1).to(x.dtype).view(-1, 1)
        scale = 1 / number.view(-1, 1, 1, 1)
        moments: list[Tensor] = []
        for layer in self.layers:
            h, mean, deviation = standardized(h, both, scale**2)
            moments += [mean, deviation]
            h = layer(h, both, scale)
        h = torch.where(both, h, 0)
        diagonal = h.diagonal(dim1=2, dim2=3).sum(-1) / number
        every = h.sum((2, 3)) / number**2
        pooled: Tensor = self.head(torch.cat([diagonal, every, *moments], 1))
        return pooled * number if self.readout == "sum" else pooled

    def pairs(self, x: Tensor, graph: Graph, edge: Tensor | None, size: int) -> Tensor:
        """First features of pairs, (graphs, 2 + in_channels + edge_channels, size, size)."""
        if edge is not None:
            check_shape("edge", edge, graph.num_edges, self.edge_channels)
        ones = x.new_ones(graph.num_edges, 1)
        edges = dense_edges(ones if edge is None else torch.cat([ones, edge], 1), graph, size)
        nodes = dense_nodes(torch.cat([x.new_ones(len(x), 1), x], 1), graph, size)
        diagonal = torch.diag_embed(nodes.transpose(1, 2))
        return torch.cat([edges.permute(0, 3, 1, 2), diagonal], 1)
