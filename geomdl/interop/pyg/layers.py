"""Each of PyG's convolutions as a layer of ours, with its weights."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from geomdl.fields import Graph
from geomdl.interop.pyg.call import Attached
from geomdl.permutation import (
    APPNP,
    ChebConv,
    GATConv,
    GATv2Conv,
    GCNConv,
    GINConv,
    GINEConv,
    PNAConv,
    SAGEConv,
)
from geomdl.permutation.gcn import adjacency
from geomdl.permutation.inputs import check_nodes, check_weight

Made = tuple[nn.Module, Attached, dict[str, str]]


def expect(name: str, found: Any, *known: Any) -> None:
    """Refuse an option whose value we have no counterpart of.

    Raises:
        ValueError: it is none of those known.
    """
    if not any(type(found) is type(k) and found == k for k in known):
        raise ValueError(f"{name}: expected {' or '.join(map(repr, known))}, got {found!r}")


def common(conv: Any, *aggregations: str) -> None:
    """What all of them need."""
    expect("flow", conv.flow, "source_to_target")
    expect("aggr", conv.aggr, *aggregations)
    expect("decomposed_layers", conv.decomposed_layers, 1)
    kept = getattr(conv, "_cached_edge_index", None)
    expect("cached", getattr(conv, "cached", False) or kept is not None, False)


class ImprovedGCNConv(GCNConv):
    """PyG's `improved`: loops of weight 2 where weights come along, and 1 where none do."""

    def forward(self, x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
        """As `GCNConv`."""
        check_nodes(x, graph, self.in_channels)
        check_weight(weight, graph)
        loops = min(self.loops, 1) if weight is None else self.loops
        return self.convolve(x, adjacency(graph, x, weight, loops, self.normalize))


def gcn(conv: Any) -> Made:
    """`GCNConv`."""
    common(conv, "add", "sum")
    loops = (2.0 if conv.improved else 1.0) if conv.add_self_loops else 0.0
    layer = (ImprovedGCNConv if conv.improved else GCNConv)(
        conv.in_channels,
        conv.out_channels,
        loops=loops,
        normalize=conv.normalize,
        bias=conv.bias is not None,
    )
    return layer, "edge_weight", {"linear.weight": "lin.weight", "bias": "bias"}


def sage(conv: Any) -> Made:
    """`SAGEConv`."""
    common(conv, "mean", "add", "sum", "max", "min")
    expect("in_channels", type(conv.in_channels).__name__, "int")
    layer = SAGEConv(
        conv.in_channels,
        conv.out_channels,
        aggregation={"add": "sum"}.get(conv.aggr, conv.aggr),
        root=conv.root_weight,
        project=conv.project,
        normalize=conv.normalize,
        bias=conv.lin_l.bias is not None,
    )
    names = {
        "neighbors.weight": "lin_l.weight",
        "neighbors.bias": "lin_l.bias",
        "root.weight": "lin_r.weight",
        "project.weight": "lin.weight",
        "project.bias": "lin.bias",
    }
    return layer, "nothing", names


def gin(conv: Any) -> Made:
    """`GINConv`, whose perceptron stays as it is."""
    common(conv, "add", "sum")
    layer = GINConv(1, 1, train_eps=isinstance(conv.eps, nn.Parameter))
    _any_mlp(layer, conv)
    return layer, "nothing", {"eps": "eps"}


def gine(conv: Any) -> Made:
    """`GINEConv`, likewise."""
    common(conv, "add", "sum")
    channels, edge = (1, None) if conv.lin is None else conv.lin.weight.shape
    layer = GINEConv(channels, 1, edge_channels=edge, train_eps=isinstance(conv.eps, nn.Parameter))
    _any_mlp(layer, conv)
    return layer, "edge_attr", {"eps": "eps", "edge.weight": "lin.weight", "edge.bias": "lin.bias"}


def _any_mlp(layer: Any, conv: Any) -> None:
    """The perceptron of PyG, of whatever number of channels."""
    if not isinstance(conv.nn, nn.Module):
        raise ValueError(f"nn: expected a module, got {type(conv.nn).__name__}")
    layer.mlp = conv.nn
    layer.in_channels = layer.source = layer.target = None


def _attention(conv: Any) -> dict[str, Any]:
    expect("in_channels", type(conv.in_channels).__name__, "int")
    if conv.edge_dim is not None and conv.add_self_loops:
        expect("fill_value", conv.fill_value, "mean")
    return {
        "heads": conv.heads,
        "concat": conv.concat,
        "edge_channels": conv.edge_dim,
        "loops": conv.add_self_loops,
        "slope": conv.negative_slope,
        "dropout": conv.dropout,
        "bias": conv.bias is not None,
        "residual": conv.residual,
    }


class _EdgesMayLack:
    """PyG's attention where edges come without features: what these would add is left out."""

    def check(self, x: Tensor, graph: Graph, edge: Tensor | None, weight: Tensor) -> None:
        """As of the layer, but for no features."""
        if edge is None:
            check_nodes(x, graph, self.in_channels, weight)  # type: ignore[attr-defined]
        else:
            super().check(x, graph, edge, weight)  # type: ignore[misc]


class LenientGATConv(_EdgesMayLack, GATConv):
    """`GATConv` that may be called without features of the edges."""


class LenientGATv2Conv(_EdgesMayLack, GATv2Conv):
    """`GATv2Conv` that may be called without features of the edges."""


def gat(conv: Any) -> Made:
    """`GATConv`."""
    common(conv, "add", "sum")
    kind = GATConv if conv.edge_dim is None else LenientGATConv
    layer = kind(conv.in_channels, conv.out_channels, **_attention(conv))
    names = {
        "linear.weight": "lin.weight",
        "at_source": "att_src",
        "at_target": "att_dst",
        "at_edge": "att_edge",
        "edge.weight": "lin_edge.weight",
        "residual.weight": "res.weight",
        "bias": "bias",
    }
    return layer, "edge_attr", names


def gatv2(conv: Any) -> Made:
    """`GATv2Conv`."""
    common(conv, "add", "sum")
    options = _attention(conv)
    inner = conv.lin_l.bias is not None
    expect("bias", options["bias"], inner)
    kind = GATv2Conv if conv.edge_dim is None else LenientGATv2Conv
    layer = kind(conv.in_channels, conv.out_channels, shared=conv.share_weights, **options)
    names = {
        "at_source.weight": "lin_l.weight",
        "at_source.bias": "lin_l.bias",
        "at_target.weight": "lin_r.weight",
        "at_target.bias": "lin_r.bias",
        "attention": "att",
        "edge.weight": "lin_edge.weight",
        "residual.weight": "res.weight",
        "bias": "bias",
    }
    return layer, "edge_attr", names


def pna(conv: Any) -> Made:
    """`PNAConv` with one tower and one layer before and after."""
    scaled = conv.aggr_module
    for name, found in (
        ("flow", conv.flow == "source_to_target"),
        ("towers", conv.towers == 1),
        ("divide_input", not conv.divide_input),
        ("pre_layers", len(conv.pre_nns[0]) == 1),
        ("post_layers", len(conv.post_nns[0]) == 1),
        ("train_norm", not isinstance(scaled.avg_deg_log, nn.Parameter)),
    ):
        if not found:
            raise ValueError(f"{name}: expected PyG's default, got another value")
    known = {
        f"{name.capitalize()}Aggregation": name for name in ("mean", "min", "max", "std", "sum")
    }
    kinds = [type(a).__name__ for a in getattr(scaled.aggr, "aggrs", [scaled.aggr])]
    for kind in kinds:
        expect("aggregators", kind, *known)
    for scaler in scaled.scaler:
        expect("scalers", scaler, "identity", "amplification", "attenuation")
    layer = PNAConv(
        conv.in_channels,
        conv.out_channels,
        delta=float(scaled.avg_deg_log),
        aggregators=[known[kind] for kind in kinds],
        scalers=scaled.scaler,
        edge_channels=conv.edge_dim,
        floor=1e-5,
    )
    names = {
        "before.weight": "pre_nns.0.0.weight",
        "before.bias": "pre_nns.0.0.bias",
        "after.weight": "post_nns.0.0.weight",
        "after.bias": "post_nns.0.0.bias",
        "linear.weight": "lin.weight",
        "linear.bias": "lin.bias",
        "edge.weight": "edge_encoder.weight",
        "edge.bias": "edge_encoder.bias",
    }
    return layer, "edge_attr", names


def appnp(conv: Any) -> Made:
    """`APPNP`."""
    common(conv, "add", "sum")
    layer = APPNP(
        K=conv.K,
        alpha=conv.alpha,
        dropout=conv.dropout,
        loops=float(conv.add_self_loops),
        normalize=conv.normalize,
    )
    return layer, "edge_weight", {}


def cheb(conv: Any) -> Made:
    """`ChebConv`; its λ is that of one graph, as PyG's where none is given."""
    common(conv, "add", "sum")
    layer = ChebConv(
        conv.in_channels,
        conv.out_channels,
        K=len(conv.lins),
        normalization=conv.normalization or "none",
        bias=conv.bias is not None,
    )
    names = {f"linears.{k}.weight": f"lins.{k}.weight" for k in range(len(conv.lins))}
    return layer, "edge_weight", {**names, "bias": "bias"}


MAKERS: dict[str, Callable[[Any], Made]] = {
    "APPNP": appnp,
    "ChebConv": cheb,
    "GATConv": gat,
    "GATv2Conv": gatv2,
    "GCNConv": gcn,
    "GINConv": gin,
    "GINEConv": gine,
    "PNAConv": pna,
    "SAGEConv": sage,
}


def peers() -> dict[type, Callable[[Any], Made]]:
    """PyG's classes -> what makes our layer."""
    import torch_geometric.nn as pyg

    return {getattr(pyg, name): make for name, make in MAKERS.items()}
