"""What networks on graphs have in common: layers one after another, and an answer."""

from collections.abc import Sequence
from typing import Literal, TypedDict

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import check_counts, dropout_rate
from geomdl.kernels import segment_spread
from geomdl.permutation.affine import affine, perceptron
from geomdl.permutation.choices import Norm, Normalize
from geomdl.permutation.inputs import (
    check_edges,
    check_nodes,
    check_weight,
    graph_field,
    node_field,
    sources,
)
from geomdl.permutation.pooling import Readout, readout_layer
from geomdl.permutation.virtual_node import VirtualNode

Jumping = Literal["none", "cat"]


class Options(TypedDict, total=False):
    """Arguments that all networks take.

    Attributes:
        readout: "nodes" for an answer a node; "sum", "mean", "max" or "attention" over the nodes of
            each graph for one a graph, "sum" by default.
        jumping: "cat" to answer from what all layers know, "none" from the last.
        virtual_node: whether a node beside each graph hears from all and speaks to all.
    """

    readout: Readout
    jumping: Jumping
    virtual_node: bool


class Layer(nn.Module):
    """A convolution with what goes around it: x + dropout(relu(N(conv(x)))), or without "x +".

    Args:
        convolution: of layers (x, graph) or (x, graph, edge), from channels to as many.
        channels: of x.
        norm: N, "layer", "graph" or "none".
        dropout: probability in training.
        residual: whether x is added.
    """

    def __init__(
        self, convolution: nn.Module, channels: int, norm: Norm, dropout: float, residual: bool
    ) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm, self.dropout = Normalize(norm, channels), nn.Dropout(dropout_rate(dropout))
        self.residual = bool(residual)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """Features (nodes, channels) to features (nodes, channels)."""
        y = self.convolution(x, graph) if edge is None else self.convolution(x, graph, edge)
        found: Tensor = self.dropout(self.norm(y, graph).relu())
        return x + found if self.residual else found


class GraphNetwork(nn.Module):
    """An affine map, layers, and a perceptron, of nodes or of what a graph's nodes have together.

    Args:
        in_channels: of x.
        out_channels: of the answer.
        layers: called as (h, graph) or (h, graph, edge), from channels to as many.
        channels: of h.
        edge_channels: of features of the edges; 0 for one weight an edge, which may be left out;
            None for nothing.
        readout: see `Options`, as the others.
        jumping: likewise.
        virtual_node: likewise.
        rng: for the weights; torch's global one if None.
    """

    at_most = "wl"  # of graphs, it tells apart what colour refinement does at most

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        layers: Sequence[nn.Module],
        *,
        channels: int,
        edge_channels: int | None,
        readout: Readout = "sum",
        jumping: Jumping = "none",
        virtual_node: bool = False,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts(
            in_channels=in_channels, out_channels=out_channels, channels=channels,
            layers=len(layers),
        )  # fmt: skip
        if jumping not in ("none", "cat"):
            raise ValueError(f"jumping: expected 'none' or 'cat', got {jumping!r}")
        self.in_channels, self.channels, self.edge_channels = in_channels, channels, edge_channels
        self.embed = affine(in_channels, channels, rng=rng)
        self.layers = nn.ModuleList(layers)
        self.virtual: nn.ModuleList | None = None
        if virtual_node:
            self.virtual = nn.ModuleList(
                [VirtualNode(channels, rng=rng) for _ in range(len(layers) - 1)]
            )
        self.jump = None
        if jumping == "cat":
            self.jump = affine((len(layers) + 1) * channels, channels, rng=rng)
        self.readout = readout_layer(readout, channels, rng)
        self.head = perceptron([channels, channels, out_channels], rng=rng)
        self.source = sources(in_channels, edge=edge_channels)
        self.target = (node_field if readout == "nodes" else graph_field)(out_channels)

    def forward(self, x: Tensor, graph: Graph, edge: Tensor | None = None) -> Tensor:
        """The answer.

        Args:
            x: shape (nodes, in_channels).
            graph: a graph, or a batch of them.
            edge: shape (edges, edge_channels), or (edges,) weights, or None.

        Returns:
            shape (nodes, out_channels) or (graphs, out_channels).
        """
        check_nodes(x, graph, self.in_channels, self.embed.weight)
        if self.edge_channels == 0:
            check_weight(edge, graph)
        else:
            check_edges(edge, graph, self.edge_channels)
        h = self.embed(x)
        state = h.new_zeros(graph.num_graphs, self.channels)
        known = [h]
        for place, layer in enumerate(self.layers):
            if self.virtual is not None and place < len(self.virtual):
                h, state = self.virtual[place](h, graph, state)
            elif self.virtual is not None:  # nobody asks what it hears last
                h = h + segment_spread(state, graph.ptr, graph.node_perm, graph.num_nodes)
            h = layer(h, graph, edge)
            known.append(h)
        if self.jump is not None:
            h = self.jump(torch.cat(known, 1)).relu()
        if self.readout is not None:
            h = self.readout(h, graph)
        y: Tensor = self.head(h)
        return y
