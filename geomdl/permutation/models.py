"""Networks on graphs, named after their convolutions."""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import nn

from geomdl.fields.numbers import check_counts
from geomdl.permutation.chebyshev import ChebConv, Normalization
from geomdl.permutation.choices import Local, Norm, local_convolution
from geomdl.permutation.gps import GPSLayer
from geomdl.permutation.inputs import small_graphs
from geomdl.permutation.network import GraphNetwork, Layer, Options
from geomdl.permutation.sage import Aggregation, SAGEConv
from geomdl.registry import Example, register_model


def _layers(
    make: Callable[[], nn.Module], count: int, channels: int, norm: Norm, dropout: float,
    residual: bool,
) -> list[nn.Module]:  # fmt: skip
    check_counts(channels=channels, layers=count)
    return [Layer(make(), channels, norm, dropout, residual) for _ in range(count)]


@register_model(
    "permutation/GCN",
    example=Example(
        lambda: GCN(3, 2, channels=4, layers=2, readout="nodes"), small_graphs(3, edge=0)
    ),
)
class GCN(GraphNetwork):
    """Network of `GCNConv`, h ← h + relu(N(Â h W + b)); edges may have weights.

    Args:
        in_channels: of x.
        out_channels: of the answer.
        channels: of h.
        layers: number of them.
        norm: N, "layer" over channels, "graph" over a graph's nodes, or "none".
        dropout: probability in training.
        residual: whether "h +".
        rng: for the weights; torch's global one if None.
        **options: readout, jumping and virtual_node, see `Options`.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.fields import Graph
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GCN(4, 2, readout="nodes")(torch.randn(3, 4), graph).shape
        torch.Size([3, 2])

    Source: Kipf & Welling 2017, arXiv:1609.02907.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        layers: int = 4,
        norm: Norm = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        rng: torch.Generator | None = None,
        **options: Unpack[Options],
    ) -> None:
        def make() -> nn.Module:
            return local_convolution("gcn", channels, rng=rng)

        parts = _layers(make, layers, channels, norm, dropout, residual)
        super().__init__(
            in_channels, out_channels, parts, channels=channels, edge_channels=0, rng=rng, **options
        )


@register_model(
    "permutation/SAGE",
    example=Example(
        lambda: SAGE(3, 2, channels=4, layers=2, readout="mean", jumping="cat"), small_graphs(3)
    ),
)
class SAGE(GraphNetwork):
    """Network of `SAGEConv`, h ← h + relu(N(W₁ agg_j h_j + W₂ h + b)).

    Args:
        in_channels: of x.
        out_channels: of the answer.
        channels: of h.
        layers: number of them.
        aggregation: "mean", "sum", "max" or "min".
        norm: N, "layer" over channels, "graph" over a graph's nodes, or "none".
        dropout: probability in training.
        residual: whether "h +".
        rng: for the weights; torch's global one if None.
        **options: readout, jumping and virtual_node, see `Options`.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.fields import Graph
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> SAGE(4, 2)(torch.randn(3, 4), graph).shape
        torch.Size([1, 2])

    Source: Hamilton, Ying & Leskovec 2017, arXiv:1706.02216.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        layers: int = 4,
        aggregation: Aggregation = "mean",
        norm: Norm = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        rng: torch.Generator | None = None,
        **options: Unpack[Options],
    ) -> None:
        def make() -> nn.Module:
            return SAGEConv(channels, channels, aggregation=aggregation, rng=rng)

        parts = _layers(make, layers, channels, norm, dropout, residual)
        super().__init__(
            in_channels, out_channels, parts, channels=channels, edge_channels=None, rng=rng,
            **options,
        )  # fmt: skip


@register_model(
    "permutation/GIN",
    example=Example(
        lambda: GIN(3, 2, channels=4, layers=2, edge_channels=2, norm="graph", virtual_node=True),
        small_graphs(3, edge=2),
    ),
)
class GIN(GraphNetwork):
    """Network of `GINConv`, or of `GINEConv` where edges have features.

    With "sum" and without normalisation it tells apart what colour refinement does.

    Args:
        in_channels: of x.
        out_channels: of the answer.
        channels: of h.
        layers: number of them.
        edge_channels: of features of the edges; None for none.
        norm: N, "layer" over channels, "graph" over a graph's nodes, or "none".
        dropout: probability in training.
        residual: whether h is added to each layer's result.
        rng: for the weights; torch's global one if None.
        **options: readout, jumping and virtual_node, see `Options`.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.fields import Graph
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GIN(4, 2)(torch.randn(3, 4), graph).shape
        torch.Size([1, 2])

    Source: Xu et al. 2019, arXiv:1810.00826.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        layers: int = 5,
        edge_channels: int | None = None,
        norm: Norm = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        rng: torch.Generator | None = None,
        **options: Unpack[Options],
    ) -> None:
        def make() -> nn.Module:
            return local_convolution("gin", channels, edge_channels=edge_channels, rng=rng)

        parts = _layers(make, layers, channels, norm, dropout, residual)
        super().__init__(
            in_channels, out_channels, parts, channels=channels, edge_channels=edge_channels,
            rng=rng, **options,
        )  # fmt: skip


@register_model(
    "permutation/GAT",
    example=Example(
        lambda: GAT(3, 2, channels=4, layers=2, heads=2, edge_channels=2, readout="attention"),
        small_graphs(3, edge=2),
    ),
)
class GAT(GraphNetwork):
    """Network of `GATConv`, or of `GATv2Conv`.

    Args:
        in_channels: of x.
        out_channels: of the answer.
        channels: of h, of all heads together.
        layers: number of them.
        heads: number of them, a divisor of channels.
        v2: whether logits are functions of the pair, as in GATv2.
        edge_channels: of features of the edges; None for none.
        norm: N, "layer" over channels, "graph" over a graph's nodes, or "none".
        dropout: probability in training, of features.
        residual: whether h is added to each layer's result.
        rng: for the weights; torch's global one if None.
        **options: readout, jumping and virtual_node, see `Options`.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.fields import Graph
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GAT(4, 2)(torch.randn(3, 4), graph).shape
        torch.Size([1, 2])

    Source: Veličković et al. 2018, arXiv:1710.10903; Brody et al. 2022, arXiv:2105.14491.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        layers: int = 4,
        heads: int = 4,
        v2: bool = False,
        edge_channels: int | None = None,
        norm: Norm = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        rng: torch.Generator | None = None,
        **options: Unpack[Options],
    ) -> None:
        check_counts(heads=heads)
        kind: Local = "gatv2" if v2 else "gat"

        def make() -> nn.Module:
            return local_convolution(
                kind, channels, edge_channels=edge_channels, heads=heads, rng=rng
            )

        parts = _layers(make, layers, channels, norm, dropout, residual)
        super().__init__(
            in_channels, out_channels, parts, channels=channels, edge_channels=edge_channels,
            rng=rng, **options,
        )  # fmt: skip


@register_model(
    "permutation/PNA",
    example=Example(
        lambda: PNA(3, 2, channels=4, layers=2, edge_channels=2, readout="max"),
        small_graphs(3, edge=2),
    ),
)
class PNA(GraphNetwork):
    """Network of `PNAConv`.

    Args:
        in_channels: of x.
        out_channels: of the answer.
        delta: mean of ln(d + 1) over the nodes of the training data, see `mean_log_degree`.
        channels: of h.
        layers: number of them.
        edge_channels: of features of the edges; None for none.
        norm: N, "layer" over channels, "graph" over a graph's nodes, or "none".
        dropout: probability in training.
        residual: whether h is added to each layer's result.
        rng: for the weights; torch's global one if None.
        **options: readout, jumping and virtual_node, see `Options`.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.fields import Graph
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> PNA(4, 2)(torch.randn(3, 4), graph).shape
        torch.Size([1, 2])

    Source: Corso et al. 2020, arXiv:2004.05718.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        delta: float = 1.0,
        channels: int = 64,
        layers: int = 4,
        edge_channels: int | None = None,
        norm: Norm = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        rng: torch.Generator | None = None,
        **options: Unpack[Options],
    ) -> None:
        def make() -> nn.Module:
            return local_convolution(
                "pna", channels, edge_channels=edge_channels, delta=delta, rng=rng
            )

        parts = _layers(make, layers, channels, norm, dropout, residual)
        super().__init__(
            in_channels, out_channels, parts, channels=channels, edge_channels=edge_channels,
            rng=rng, **options,
        )  # fmt: skip


@register_model(
    "permutation/ChebNet",
    example=Example(
        lambda: ChebNet(3, 2, channels=4, layers=2, residual=False), small_graphs(3, edge=0)
    ),
)
class ChebNet(GraphNetwork):
    """Network of `ChebConv`; edges may have weights.

    Args:
        in_channels: of x.
        out_channels: of the answer.
        K: number of polynomials.
        normalization: of the Laplacian: "sym", "rw" or "none".
        channels: of h.
        layers: number of them.
        norm: N, "layer" over channels, "graph" over a graph's nodes, or "none".
        dropout: probability in training.
        residual: whether h is added to each layer's result.
        rng: for the weights; torch's global one if None.
        **options: readout, jumping and virtual_node, see `Options`.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.fields import Graph
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> ChebNet(4, 2)(torch.randn(3, 4), graph).shape
        torch.Size([1, 2])

    Source: Defferrard, Bresson & Vandergheynst 2016, arXiv:1606.09375.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        K: int = 3,
        normalization: Normalization = "sym",
        channels: int = 64,
        layers: int = 4,
        norm: Norm = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        rng: torch.Generator | None = None,
        **options: Unpack[Options],
    ) -> None:
        def make() -> nn.Module:
            return ChebConv(channels, channels, K=K, normalization=normalization, rng=rng)

        parts = _layers(make, layers, channels, norm, dropout, residual)
        super().__init__(
            in_channels, out_channels, parts, channels=channels, edge_channels=0, rng=rng, **options
        )


@register_model(
    "permutation/GPS",
    example=Example(
        lambda: GPS(3, 2, channels=4, layers=2, heads=2, edge_channels=2), small_graphs(3, edge=2)
    ),
)
class GPS(GraphNetwork):
    """Network of `GPSLayer`: messages along edges and attention among all nodes of a graph.

    Positions, as of `laplacian_pe` or `random_walk_pe`, come as channels of x.

    Args:
        in_channels: of x.
        out_channels: of the answer.
        channels: of h.
        layers: number of them.
        heads: of the attention, a divisor of channels.
        local: the convolution: "gcn", "sage", "gin", "gat", "gatv2" or "pna".
        edge_channels: of features of the edges; None for none.
        norm: N, "layer" over channels, "graph" over a graph's nodes, or "none".
        dropout: probability in training.
        delta: of "pna", see `mean_log_degree`.
        rng: for the weights; torch's global one if None.
        **options: readout, jumping and virtual_node, see `Options`.

    Raises:
        ValueError: an impossible argument; when called, a tensor of the wrong shape.

    Example:
        >>> from geomdl.fields import Graph
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 2]]))
        >>> GPS(4, 2)(torch.randn(3, 4), graph).shape
        torch.Size([1, 2])

    Source: Rampášek et al. 2022, arXiv:2205.12454.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        layers: int = 5,
        heads: int = 4,
        local: Local = "gin",
        edge_channels: int | None = None,
        norm: Norm = "layer",
        dropout: float = 0.0,
        delta: float = 1.0,
        rng: torch.Generator | None = None,
        **options: Unpack[Options],
    ) -> None:
        check_counts(channels=channels, layers=layers)
        parts = [
            GPSLayer(
                channels,
                heads=heads,
                local=local,
                edge_channels=edge_channels,
                norm=norm,
                dropout=dropout,
                delta=delta,
                rng=rng,
            )
            for _ in range(layers)
        ]
        super().__init__(
            in_channels, out_channels, parts, channels=channels, edge_channels=edge_channels,
            rng=rng, **options,
        )  # fmt: skip
