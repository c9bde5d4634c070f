"""Attention over the neighbours of a node, itself among them."""

import torch
from torch import Tensor, nn

from geomdl.fields import Graph, at_sources, at_targets, neighbor_softmax, sum_at_targets
from geomdl.fields.numbers import check_counts, dropout_rate
from geomdl.permutation.affine import affine, alike, glorot, plus
from geomdl.permutation.aggregate import graph_attention, graph_attention_v2, neighbor_sum
from geomdl.permutation.inputs import check_edges, check_nodes, node_field, small_graphs, sources
from geomdl.permutation.loops import is_loop, with_loops
from geomdl.registry import Example, register_layer


def mean_of_others(edge: Tensor, graph: Graph) -> Tensor:
    """Mean of what is attached to the edges that enter each node and are no loops, (nodes, ...).

    0 where there are none.
    """
    others = ~is_loop(graph)
    shape = (-1, *[1] * (edge.ndim - 1))
    count = sum_at_targets(others.to(edge.dtype), graph).clamp(min=1)
    return sum_at_targets(torch.where(others.view(shape), edge, 0), graph) / count.view(shape)


def attend(
    values: Tensor, logits: Tensor, own: Tensor | None, graph: Graph, dropout: float = 0.0
) -> Tensor:
    """Attention with logits at hand, over the edges into a node and, beside them, the node itself.

    y_i = Σ_e α_e x_j + α_i x_i, α_e = exp(a_e - o_i) / (1 + Σ_e' exp(a_e' - o_i)),
    α_i = 1 - Σ_e α_e, over edges that are no loops

    so that the node counts as one more edge of logit o_i, *exact* up to rounding, and no other
    graph is made. Without o, the softmax over all edges.

    Args:
        values: x, shape (nodes, heads, channels).
        logits: a, shape (edges, heads).
        own: o, shape (nodes, heads), or None.
        graph: whose neighbours these are.
        dropout: probability with which an α is left out.
    """
    if own is None:
        alpha = nn.functional.dropout(neighbor_softmax(logits, graph), dropout)
        return neighbor_sum(values, graph, alpha)
    others = (~is_loop(graph)).to(logits.dtype).unsqueeze(1)
    alpha = neighbor_softmax(logits - at_targets(own, graph), graph, others, spare=1.0)
    stay = 1 - sum_at_targets(alpha, graph)
    alpha, stay = (nn.functional.dropout(share, dropout) for share in (alpha, stay))
    return neighbor_sum(values, graph, alpha) + stay.unsqueeze(-1) * values


class _Attention(nn.Module):
    """What the two kinds have in common."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int,
        concat: bool,
        edge_channels: int | None,
        loops: bool,
        slope: float,
        dropout: float,
        bias: bool,
        residual: bool,
        rng: torch.Generator | None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels, heads=heads)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.heads, self.concat, self.loops = heads, bool(concat), bool(loops)
        self.edge_channels, self.slope = edge_channels, float(slope)
        self.dropout = dropout_rate(dropout)
        width = heads * out_channels
        self.edge: nn.Linear | None = None
        if edge_channels is not None:
            check_counts(edge_channels=edge_channels)
            self.edge = affine(edge_channels, width, bias=False, rng=rng)
        total = width if concat else out_channels
        self.residual = affine(in_channels, total, bias=False, rng=rng) if residual else None
        self.bias = nn.Parameter(torch.zeros(total)) if bias else None
        self.source = sources(in_channels, edge=edge_channels)
        self.target = node_field(total)

    def check(self, x: Tensor, graph: Graph, edge: Tensor | None, weight: Tensor) -> None:
        """Refuse what does not fit, or is of another type than the weights."""
        check_nodes(x, graph, self.in_channels, weight)
        check_edges(edge, graph, self.edge_channels)

    def split(self, x: Tensor) -> Tensor:
        """(rows, heads · channels) to (rows, heads, channels)."""
        return x.view(-1, self.heads, self.out_channels)

    def finish(self, y: Tensor, x: Tensor) -> Tensor:
        """Heads side by side, or their mean, and what is added."""
        y = y.flatten(1) if self.concat else y.mean(1)
        return plus(y if self.residual is None else y + self.residual(x), self.bias)

    @property
    def fused(self) -> bool:
        """Whether α need not be at hand."""
        return not (self.training and self.dropout) and not torch.compiler.is_compiling()

    def looped(self, graph: Graph, edge: Tensor | None) -> tuple[Graph, Tensor | None]:
        """The graph with its loops, and what is attached to its edges."""
        if not self.loops:
            return graph, edge
        looped = with_loops(graph)
        if edge is not None:
            others = edge if looped.kept is None else edge[looped.kept]
            edge = torch.cat([others, mean_of_others(edge, graph)])
        return looped.graph, edge


@register_layer(
    "permutation/GATConv",
    example=Example(lambda: GATConv(3, 2, heads=2, edge_channels=2), small_graphs(3, edge=2)),
)
class GATConv(_Attention):
    """Attention over neighbours and the node itself, whose logits are sums of either end's.

    h = W x,  a_e = LeakyReLU(t · h_i + s · h_j (+ u · V f_e)) for e: j → i
    y_i = Σ_e softmax(a)_e h_j + b, a head

    A node counts as one neighbour of its own, its loops not at all; the features of that edge are
    the mean of those of the others, as in PyG. No tensor of edges × channels is stored.

    Args:
        in_channels: of x.
        out_channels: of each head.
        heads: number of them.
        concat: whether heads stand side by side in the result; else their mean.
        edge_channels: of f; None for none.
        loops: whether a node counts as its own neighbour; else its edges are what they are.
        slope: of LeakyReLU below 0.
        dropout: probability with which an edge is left out in training.
        bias: whether there is b.
        residual: whether a linear map of x is added.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GATConv(4, 8, heads=2)(torch.randn(3, 4), graph).shape
        torch.Size([3, 16])

    Source: Veličković et al. 2018, arXiv:1710.10903.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        heads: int = 1,
        concat: bool = True,
        edge_channels: int | None = None,
        loops: bool = True,
        slope: float = 0.2,
        dropout: float = 0.0,
        bias: bool = True,
        residual: bool = False,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, heads, concat, edge_channels, loops, slope, dropout, bias,
            residual, rng,
        )  # fmt: skip
        self.linear = affine(in_channels, heads * out_channels, bias=False, rng=rng)
        self.at_source = glorot(heads, out_channels, rng=rng)
        self.at_target = glorot(heads, out_channels, rng=rng)
        self.at_edge = None if self.edge is None else glorot(heads, out_channels, rng=rng)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """Features to features.

        Args:
            x: shape (nodes, in_channels).
            graph: whose neighbours these are.
            edge: shape (edges, edge_channels), or None.

        Returns:
            shape (nodes, heads · out_channels), or (nodes, out_channels).
        """
        self.check(x, graph, edge, self.at_source)
        h = self.split(self.linear(x))
        s, t = (h * self.at_source).sum(-1), (h * self.at_target).sum(-1)
        if edge is not None and self.edge is not None and self.at_edge is not None:
            rows = self.split(self.edge.weight.T) * self.at_edge
            edge = edge @ rows.sum(-1)  # (edges, heads): V f_e is not made
        h, s, t, edge = alike(h, s, t, edge)
        if self.fused:
            graph, edge = self.looped(graph, edge)
            return self.finish(graph_attention(h, t, s, graph, edge, self.slope), x)
        logits = at_targets(t, graph) + at_sources(s, graph)
        own = t + s if self.loops else None
        if edge is not None:
            logits = logits + edge
            own = None if own is None else own + mean_of_others(edge, graph)
        logits = nn.functional.leaky_relu(logits, self.slope)
        own = None if own is None else nn.functional.leaky_relu(own, self.slope)
        return self.finish(attend(h, logits, own, graph, self.dropout * self.training), x)


@register_layer(
    "permutation/GATv2Conv",
    example=Example(lambda: GATv2Conv(3, 2, heads=2, edge_channels=2), small_graphs(3, edge=2)),
)
class GATv2Conv(_Attention):
    """Attention over neighbours and the node itself, whose logits are functions of the pair.

    a_e = a · LeakyReLU(T x_i + S x_j (+ V f_e)) for e: j → i,  y_i = Σ_e softmax(a)_e S x_j + b

    S and T with biases. A node counts as one neighbour of its own, its loops not at all; the
    features of that edge are the mean of those of the others, as in PyG. No tensor of
    edges × channels is stored, but the features of edges where there are some.

    Args:
        in_channels: of x.
        out_channels: of each head.
        heads: number of them.
        concat: whether heads stand side by side in the result; else their mean.
        edge_channels: of f; None for none.
        loops: whether a node counts as its own neighbour; else its edges are what they are.
        slope: of LeakyReLU below 0.
        dropout: probability with which an edge is left out in training.
        bias: whether there are biases.
        residual: whether a linear map of x is added.
        shared: whether S is T.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GATv2Conv(4, 8, heads=2, concat=False)(torch.randn(3, 4), graph).shape
        torch.Size([3, 8])

    Source: Brody, Alon & Yahav 2022, arXiv:2105.14491.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        heads: int = 1,
        concat: bool = True,
        edge_channels: int | None = None,
        loops: bool = True,
        slope: float = 0.2,
        dropout: float = 0.0,
        bias: bool = True,
        residual: bool = False,
        shared: bool = False,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, heads, concat, edge_channels, loops, slope, dropout, bias,
            residual, rng,
        )  # fmt: skip
        self.at_source = affine(in_channels, heads * out_channels, bias=bias, rng=rng)
        self.at_target = self.at_source
        if not shared:
            self.at_target = affine(in_channels, heads * out_channels, bias=bias, rng=rng)
        self.attention = glorot(heads, out_channels, rng=rng)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """Features to features.

        Args:
            x: shape (nodes, in_channels).
            graph: whose neighbours these are.
            edge: shape (edges, edge_channels), or None.

        Returns:
            shape (nodes, heads · out_channels), or (nodes, out_channels).
        """
        self.check(x, graph, edge, self.at_source.weight)
        s = self.split(self.at_source(x))
        t = s if self.at_target is self.at_source else self.split(self.at_target(x))
        if edge is not None and self.edge is not None:
            edge = self.split(self.edge(edge))
        s, t, a, edge = alike(s, t, self.attention, edge)
        if self.fused:
            graph, edge = self.looped(graph, edge)
            y = graph_attention_v2(t, s, a, graph, edge, self.slope)
            return self.finish(y, x)
        m = at_targets(t, graph) + at_sources(s, graph)
        own = t + s if self.loops else None
        if edge is not None:
            m = m + edge
            own = None if own is None else own + mean_of_others(edge, graph)
        logits = self.logits(m)
        own = None if own is None else self.logits(own)
        return self.finish(attend(s, logits, own, graph, self.dropout * self.training), x)

    def logits(self, m: Tensor) -> Tensor:
        """(rows, heads, channels) to (rows, heads)."""
        return (nn.functional.leaky_relu(m, self.slope) * self.attention).sum(-1)
