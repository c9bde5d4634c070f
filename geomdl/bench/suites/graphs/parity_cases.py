"""The same convolution here and in PyG, with the same weights on the same graph.

PyG computes in float64, from numbers that float32 holds too; ours in either type. So what differs
is our rounding and nothing else. Ours come from theirs through `interop.pyg.convert`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.interop.pyg import convert

F64 = torch.float64
NODES, CHANNELS, OUT, EDGE = 40, 6, 5, 3


@dataclass(frozen=True)
class Case:
    """A convolution that PyG has too.

    Attributes:
        name: of it, with its options.
        build: returns PyG's.
        attached: what it takes with the edges: "edge_weight", "edge_attr" or nothing.
    """

    name: str
    build: Callable[[], nn.Module]
    attached: str = ""

    def both(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Result and gradient, ours in a type and PyG's in float64, each over PyG's greatest."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            theirs = self.build()
            for value in theirs.parameters():
                if value.numel() > 1:  # one number is ε
                    value.data.copy_(draw(*value.shape) / value.shape[-1] ** 0.5)
            x, weight, edge, slopes = (
                draw(NODES, CHANNELS),
                draw(len(edges().T)).abs() + 0.5,
                draw(len(edges().T), EDGE),
                draw(NODES, 99),
            )
        theirs = theirs.to(F64).eval()
        ours = convert(theirs).to(dtype)
        given = {"edge_weight": weight, "edge_attr": edge}.get(self.attached)
        expected = _with_gradient(theirs, x, given, slopes)
        lower = [None if t is None else t.to(dtype) for t in (given, slopes)]
        found = _with_gradient(ours, x.to(dtype), *lower)
        sizes = [part.abs().max() for part in expected]
        ratios = [
            torch.cat([(part / size).flatten() for part, size in zip(parts, sizes, strict=True)])
            for parts in (found, expected)
        ]
        return ratios[0], ratios[1]

    def error(self, dtype: torch.dtype) -> float:
        """Greatest difference; infinite or NaN if something is not a number."""
        found, expected = self.both(dtype)
        if found.shape != expected.shape:
            raise ValueError(f"{self.name}: expected {expected.shape}, got {found.shape}")
        return float((found.to(F64) - expected).abs().max())


def _with_gradient(
    module: nn.Module, x: Tensor, given: Tensor | None, slopes: Any
) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    y = module(x, edges()) if given is None else module(x, edges(), given)
    gradient = torch.autograd.grad((y * slopes[:, : y.shape[1]]).sum(), x)[0]
    if gradient.dtype != x.dtype or y.dtype != x.dtype:
        raise ValueError(f"y: expected {x.dtype}, got {y.dtype}")
    return y.detach(), gradient


def draw(*shape: int) -> Tensor:
    """Normal numbers that float32 holds, float64."""
    return torch.randn(shape).float().to(F64)


def edges() -> Tensor:
    """Edges of one graph: some twice, some loops, a node without any and one that none enters."""
    rng = torch.Generator().manual_seed(1)
    ends = torch.randint(0, NODES - 2, (2, 160), generator=rng)
    ends = ends[:, ends[0] != ends[1]]
    loops = torch.arange(0, NODES - 2, 9).expand(2, -1)
    out = torch.tensor([[NODES - 2, NODES - 2], [0, 5]])
    return torch.cat([ends, ends[:, :20].flip(0), ends[:, :5], loops, out], 1)


def _named(name: str, options: dict[str, Any]) -> str:
    return ", ".join([name, *(f"{key}={value}" for key, value in options.items())])


def plain(name: str, attached: str = "", **options: Any) -> Case:
    """A convolution of so and so many channels."""

    def build() -> nn.Module:
        import torch_geometric.nn as pyg

        made: nn.Module = getattr(pyg, name)(CHANNELS, OUT, **options)
        return made

    shown = [f"with {attached}"] if attached and "edge_dim" not in options else []
    return Case(", ".join([_named(name, options), *shown]), build, attached)


def isomorphism(name: str, attached: str = "", **options: Any) -> Case:
    """GIN and GINE, around a perceptron."""

    def build() -> nn.Module:
        import torch_geometric.nn as pyg

        width = EDGE if name == "GINEConv" and "edge_dim" not in options else CHANNELS
        mlp = nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, OUT))
        made: nn.Module = getattr(pyg, name)(mlp, **options)
        return made

    return Case(_named(name, options), build, attached)


def principal(edge_dim: int | None = None, **options: Any) -> Case:
    """PNA, with the degrees of the graph."""

    def build() -> nn.Module:
        import torch_geometric.nn as pyg

        degrees = torch.bincount(torch.bincount(edges()[1], minlength=NODES))
        made: nn.Module = pyg.PNAConv(CHANNELS, OUT, **settings, deg=degrees, edge_dim=edge_dim)
        return made

    settings = {
        "aggregators": ["mean", "min", "max", "std"],
        "scalers": ["identity", "amplification", "attenuation"],
        **options,
    }
    shown = options if edge_dim is None else {**options, "edge_dim": edge_dim}
    return Case(_named("PNAConv", shown), build, "" if edge_dim is None else "edge_attr")


def pagerank(attached: str = "", **options: Any) -> Case:
    """APPNP."""

    def build() -> nn.Module:
        import torch_geometric.nn as pyg

        made: nn.Module = pyg.APPNP(**options)
        return made

    shown = [f"with {attached}"] if attached else []
    return Case(", ".join([_named("APPNP", options), *shown]), build, attached)


def cases() -> list[Case]:
    """All of them."""
    weighted, attributed = "edge_weight", "edge_attr"
    found = []
    for attached in ("", weighted):
        found += [
            plain("GCNConv", attached),
            plain("GCNConv", attached, improved=True),
            plain("GCNConv", attached, add_self_loops=False),
            plain("GCNConv", attached, normalize=False, bias=False),
            pagerank(attached, K=10, alpha=0.1),
            pagerank(attached, K=3, alpha=0.5, add_self_loops=False),
            pagerank(attached, K=2, alpha=0.2, normalize=False),
            *(
                plain("ChebConv", attached, K=K, normalization=kind)
                for K, kind in ((1, "sym"), (2, "sym"), (4, "sym"), (4, "rw"), (3, None))
            ),
        ]
    for aggr in ("mean", "sum", "max", "min"):
        found.append(plain("SAGEConv", aggr=aggr))
    found += [
        plain("SAGEConv", root_weight=False, bias=False),
        plain("SAGEConv", normalize=True),
        plain("SAGEConv", aggr="max", project=True),
        isomorphism("GINConv", eps=0.25),
        isomorphism("GINConv", eps=0.25, train_eps=True),
        isomorphism("GINEConv", attributed, edge_dim=EDGE, eps=0.25, train_eps=True),
    ]
    for name in ("GATConv", "GATv2Conv"):
        make: Callable[..., Case] = partial(plain, name)
        found += [
            make(),
            make(heads=3),
            make(heads=3, concat=False),
            make(heads=2, add_self_loops=False),
            make(heads=2, negative_slope=0.5, bias=False),
            make(heads=2, residual=True),
            make(attributed, heads=2, edge_dim=EDGE),
            make(attributed, heads=2, edge_dim=EDGE, add_self_loops=False, residual=True),
        ]
    found.append(plain("GATv2Conv", heads=2, share_weights=True))
    found += [
        principal(),
        principal(EDGE),
        principal(aggregators=["sum", "std"], scalers=["amplification"]),
        principal(EDGE, aggregators=["max"], scalers=["attenuation", "identity"]),
    ]
    return found
