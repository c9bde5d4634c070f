"""Networks of infinite width: what a symmetry does to their kernels."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.fields import Field, Graph, Grid
from geomdl.generalization import gradient_flow, infinite_ntk
from geomdl.generalization.infinite import (
    Conv,
    Dense,
    GlobalAveragePool,
    GraphConv,
    GraphPool,
    GroupConv,
    Layer,
    Nonlinearity,
)
from geomdl.groups import group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOPIC = "kernels"


@claim(
    "gcnn-ntk",
    statement="The tangent kernel of a group-convolutional network that pools over positions and"
    " group is that of the plain convolutional network, averaged over an orbit.",
    formula=r"\Theta_{G}(x, x') = \frac{1}{|G|} \sum_{g \in G} \Theta_{1}(x, g x')",
    source="Misof, Kessel and Gerken 2025, arXiv:2406.06504",
    topic=TOPIC,
    sabotage="the average runs over half of the group",
)
def gcnn_ntk(rng: torch.Generator, sabotage: bool) -> Evidence:
    """C4 and D4, filters of 3 × 3 with either padding, four non-linearities, NNGP and NTK."""
    x, y = _normal(rng, 2, 2, 4, 4), _normal(rng, 2, 2, 4, 4)
    predicted, measured = [], []
    for name, phi, padding in (
        *(("C4", "relu", "zeros"), ("D4", "gelu", "zeros")),
        *(("C4", "erf", "circular"), ("D4", "sin", "circular")),
    ):
        G = group(name)
        field, every = Field(Grid(2), 2 * G.trivial), list(G.elements)
        half = every[: len(every) // 2] if sabotage else every
        plain = [infinite_ntk(_network(None, phi, padding), x, field.act(g, y)) for g in half]
        lifted = infinite_ntk(_network(name, phi, padding), x, y)
        for kernel in ("nngp", "ntk"):
            predicted.append(torch.stack([getattr(k, kernel) for k in plain]).mean(0))
            measured.append(getattr(lifted, kernel))
    one, other = (torch.cat([k / k.abs().max() for k in side], 1) for side in (predicted, measured))
    return Evidence(
        one,
        other,
        tolerance=1e-10,
        because="rounding: sums of at most 20 000 numbers of size one in float64",
        figure=figures.pair(predicted[1], measured[1], "tangent kernel, C4 and ReLU"),
    )


@claim(
    "augmented-flow",
    statement="Training a wide plain network on all turned images is, at all times and off the data"
    " too, training the group-convolutional one |G| times as long on the images alone.",
    formula=r"f_t^{\,\mathrm{plain}}(x \mid G X, y) = f_{|G| t}^{\,G}(x \mid X, y)",
    source="Misof, Kessel and Gerken 2025, arXiv:2406.06504; Mei, Misiakiewicz and Montanari 2021,"
    " arXiv:2102.13219",
    topic=TOPIC,
    sabotage="half of the turned images are left out",
)
def augmented_flow(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Mean predictions by gradient flow with kernels of infinite width, C4 on 4 × 4 pixels."""
    x, new, y = _normal(rng, 5, 1, 4, 4), _normal(rng, 6, 1, 4, 4), _normal(rng, 5)
    turned = [x.rot90(r, (-2, -1)) for r in range(2 if sabotage else 4)]
    orbit, labels = torch.cat(turned), y.repeat(len(turned))
    plain, lifted = _network(None, "relu", "zeros"), _network("C4", "relu", "zeros")
    small, cross = infinite_ntk(lifted, x).ntk, infinite_ntk(lifted, new, x).ntk
    large, wide = infinite_ntk(plain, orbit).ntk, infinite_ntk(plain, new, orbit).ntk
    times = torch.tensor([0.3, 3.0, 30.0, 300.0], dtype=torch.float64)
    one = gradient_flow(small, y, torch.zeros_like(y), 1.0, 4 * times, cross).test
    other = gradient_flow(large, labels, torch.zeros_like(labels), 1.0, times, wide).test
    assert one is not None
    assert other is not None

    def paint(axes: "Axes") -> None:
        many = torch.logspace(-1, 3, 60, dtype=torch.float64)
        flow = gradient_flow(small, y, torch.zeros_like(y), 1.0, 4 * many, cross).test
        assert flow is not None
        axes.semilogx(many, flow[:, :4], color=figures.PREDICTED, lw=1.5)
        axes.semilogx(times, other[:, :4], "o", color=figures.MEASURED)
        axes.set_xlabel("time of training of the plain network on all turned images")
        axes.set_ylabel("mean output on new images")
        axes.set_title("lines: the group-convolutional network, without turned images", fontsize=10)

    return Evidence(
        one,
        other,
        tolerance=1e-9,
        because="rounding of two eigendecompositions, of 5 and of 20 images",
        figure=paint,
    )


@claim(
    "graph-ntk",
    statement="The tangent kernel of a wide graph network does not see how nodes are numbered, and"
    " does not tell apart graphs that colour refinement does not.",
    formula=r"\Theta(\pi \mathcal{G}, \mathcal{G}') = \Theta(\mathcal{G}, \mathcal{G}'),\quad"
    r" \Theta(C_6, \cdot) = \Theta(2\, C_3, \cdot)",
    source="Du et al. 2019, arXiv:1905.13192; for the second part Xu et al. 2019, arXiv:1810.00826",
    topic=TOPIC,
    sabotage="the features are renumbered, the edges are not",
)
def graph_ntk(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Five random graphs, then a hexagon and two triangles, beside the first four."""
    graphs = [_random_graph(rng, 7) for _ in range(5)]
    batch, x = Graph.batch(graphs), _normal(rng, 35, 3)
    perm, moved = torch.randperm(35, generator=rng), torch.empty_like(x)
    moved[perm] = x
    renamed = batch.permute(perm)
    if sabotage:
        renamed = batch
    before, after = _graph_kernel(batch, x), _graph_kernel(renamed, moved)
    ring = torch.arange(6)
    hexagon = torch.stack([ring, (ring + 1) % 6])
    triangles = torch.stack([ring, ring // 3 * 3 + (ring + 1) % 3])
    pair = [Graph.from_edge_index(torch.cat([e, e.flip(0)], 1)) for e in (hexagon, triangles)]
    all_ = Graph.batch([*pair, *graphs[:4]])
    twins = _graph_kernel(all_, torch.ones(len(all_.batch_index), 1, dtype=torch.float64))
    return Evidence(
        torch.cat([before.flatten(), twins[0, 2:]]),
        torch.cat([after.flatten(), twins[1, 2:]]),
        tolerance=1e-10,
        because="rounding: sums over at most 35 × 35 pairs of nodes in float64",
        figure=figures.pair(before, after, "tangent kernel of five graphs, and renumbered"),
    )


def _network(name: str | None, phi: str, padding: str) -> list[Layer]:
    def layer() -> Layer:
        if name is None:
            return Conv(3, padding, b_std=0.2)
        return GroupConv(name, 3, padding, b_std=0.2)

    act = Nonlinearity(phi)
    return [layer(), act, layer(), act, GlobalAveragePool(), Dense(1.0)]


def _graph_kernel(graph: Graph, x: Tensor) -> Tensor:
    act = Nonlinearity("relu")
    layers = [GraphConv(graph, "gin", b_std=0.1), act, GraphConv(graph, "gin"), act]
    return infinite_ntk([*layers, GraphPool(graph, "mean"), Dense(1.0)], x).ntk


def _random_graph(rng: torch.Generator, n: int) -> Graph:
    upper = torch.triu(torch.rand(n, n, generator=rng) < 0.4, 1)
    return Graph.from_edge_index((upper | upper.T).nonzero().T, n)


def _normal(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=rng, dtype=torch.float64)
