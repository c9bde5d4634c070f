"""Convolutions and normalisations by name, for networks that are made of either."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.fields.numbers import one_of
from geomdl.permutation.gat import GATConv, GATv2Conv
from geomdl.permutation.gcn import GCNConv
from geomdl.permutation.gin import GINConv, GINEConv
from geomdl.permutation.graph_norm import GraphNorm
from geomdl.permutation.pna import PNAConv
from geomdl.permutation.sage import SAGEConv

Local = Literal["gcn", "sage", "gin", "gat", "gatv2", "pna"]
Norm = Literal["layer", "graph", "none"]


def local_convolution(
    kind: Local,
    channels: int,
    *,
    edge_channels: int | None = None,
    heads: int = 4,
    delta: float = 1.0,
    rng: torch.Generator | None = None,
) -> nn.Module:
    """A convolution of a name, from channels to as many.

    Args:
        kind: "gcn", "sage", "gin", "gat", "gatv2" or "pna".
        channels: of x and the result.
        edge_channels: of features of the edges, which "gcn" and "sage" do not take.
        heads: of "gat" and "gatv2", which divide the channels.
        delta: of "pna".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: there is none of that name, or it takes no features of edges.

    Example:
        >>> type(local_convolution("gin", 4, edge_channels=2)).__name__
        'GINEConv'
    """
    if kind in ("gcn", "sage") and edge_channels is not None:
        raise ValueError(
            f"edge_channels: expected None, as {kind!r} takes none, got {edge_channels}"
        )
    if kind in ("gat", "gatv2") and channels % heads:
        raise ValueError(f"heads: expected a divisor of channels={channels}, got {heads}")
    makers: dict[str, Callable[[], nn.Module]] = {
        "gcn": lambda: GCNConv(channels, channels, rng=rng),
        "sage": lambda: SAGEConv(channels, channels, rng=rng),
        "gin": lambda: (
            GINConv(channels, channels, rng=rng)
            if edge_channels is None
            else GINEConv(channels, channels, edge_channels=edge_channels, rng=rng)
        ),
        "gat": lambda: GATConv(
            channels, channels // heads, heads=heads, edge_channels=edge_channels, rng=rng
        ),
        "gatv2": lambda: GATv2Conv(
            channels, channels // heads, heads=heads, edge_channels=edge_channels, rng=rng
        ),
        "pna": lambda: PNAConv(
            channels, channels, delta=delta, edge_channels=edge_channels, rng=rng
        ),
    }
    return makers[one_of("local", kind, makers)]()


class Normalize(nn.Module):
    """Normalisation of a name, of which none mixes the graphs of a batch.

    Args:
        kind: "layer" over the channels of a node, "graph" over the nodes of a graph, or "none".
        channels: of x.

    Raises:
        ValueError: there is none of that name.
    """

    def __init__(self, kind: Norm, channels: int) -> None:
        super().__init__()
        layers: dict[str, Callable[[int], nn.Module]] = {
            "layer": nn.LayerNorm,
            "graph": GraphNorm,
            "none": lambda channels: nn.Identity(),
        }
        self.layer = layers[one_of("norm", kind, layers)](channels)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels) to features (nodes, channels)."""
        y: Tensor = self.layer(x, graph) if isinstance(self.layer, GraphNorm) else self.layer(x)
        return y
