"""Linear regions and Lipschitz constants of ReLU networks, counted and walked through exactly."""

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.expressivity import (
    enumerate_regions,
    montufar_lower,
    montufar_network,
    regions_in_plane,
    regions_on_line,
    sawtooth,
    zaslavsky,
)
from geomdl.groups import group
from geomdl.linear import Linear

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "regions"
ERRORS = 5.0
SQUARE = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)


def network(
    sizes: tuple[int, ...], rng: torch.Generator, bias: float = 1.0, mean: float = 0.0
) -> nn.Sequential:
    """ReLU network with weights N(mean, 2 / fan-in) and biases N(0, bias²), no last ReLU.

    Args:
        sizes: of the input, of all layers.
        rng: for the weights.
        bias: spread of the biases.
        mean: of the weights.

    Returns:
        The network, in float64.

    Example:
        >>> network((2, 5, 1), torch.Generator().manual_seed(0))(torch.zeros(3, 2).double()).shape
        torch.Size([3, 1])
    """
    modules: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layer = nn.Linear(a, b).double()
        with torch.no_grad():
            noise = torch.randn(b, a + 1, generator=rng, dtype=torch.float64)
            layer.weight.copy_(noise[:, :a] * math.sqrt(2 / a) + mean)
            layer.bias.copy_(bias * noise[:, a])
        modules += [layer, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    """All of a network, in order.

    Args:
        model: any.

    Returns:
        Its linear layers.
    """
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


@claim(
    "zaslavsky",
    statement="A layer of n ReLU neurons in general position cuts d-dimensional space into as many"
    " regions as n hyperplanes do.",
    formula=r"\mathrm{regions} = \sum_{j=0}^{d} \binom{n}{j}",
    source="Zaslavsky 1975; Montúfar et al. 2014, arXiv:1402.1869",
    topic=TOPIC,
    sabotage="the neurons have no bias, so that all hyperplanes pass through zero",
)
def zaslavsky_count(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Enumeration with a linear program for each region and neuron."""
    cases = [(5, 1), (7, 2), (4, 3), (3, 4)] if fast else [(5, 1), (8, 2), (12, 2), (7, 3), (6, 4)]
    measured = []
    for n, d in cases:
        layer = network((d, n, 1), rng, bias=0.0 if sabotage else 1.0)
        measured.append(len(enumerate_regions(layer, d)))
    return Evidence(
        [zaslavsky(n, d) for n, d in cases], measured, tolerance=0, because="counting",
        labels=tuple(f"n = {n}, d = {d}" for n, d in cases),
    )  # fmt: skip


@claim(
    "montufar",
    statement="Layers that fold the cube multiply the regions: a network attains the product of"
    " folds and of the last layer's arrangement.",
    formula=r"\prod_{l<L} \lfloor n_l / d \rfloor^d \; \sum_{j=0}^{d} \binom{n_L}{j}",
    source="Montúfar, Pascanu, Cho and Bengio 2014, arXiv:1402.1869",
    topic=TOPIC,
    sabotage="the networks have the same widths and random weights",
)
def montufar(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Regions in the unit interval and square."""
    cases = [((3, 3, 3), 1), ((2, 2, 2, 2), 1), ((4, 3), 2), ((4, 4, 3), 2), ((6, 4, 3), 2)]
    measured = []
    for widths, d in cases:
        net = network((d, *widths), rng) if sabotage else montufar_network(widths, d, rng)
        if d == 1:
            measured.append(len(regions_on_line(net, torch.zeros(1), torch.ones(1))))
        else:
            measured.append(len(regions_in_plane(net, (SQUARE + 1) / 2)))
    return Evidence(
        [montufar_lower(widths, d) for widths, d in cases], measured, tolerance=0,
        because="counting",
        labels=tuple(f"widths {'-'.join(map(str, w))}, d = {d}" for w, d in cases),
    )  # fmt: skip


@claim(
    "pieces-multiply",
    statement="On a line a network of widths n has at most the product of all n + 1 pieces: pieces"
    " grow with powers of the width and exponentially in the depth, and no faster.",
    formula=r"\mathrm{pieces} \leq \prod_{l=1}^{L} (n_l + 1) \leq (2m)^L",
    source="Montúfar 2017; Telgarsky 2015, arXiv:1509.08101",
    topic=TOPIC,
    sabotage="the bound adds up the layers",
)
def pieces_multiply(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Sawteeth, folding networks, which reach (m/(m+1))^{L-1} of the bound, and random ones."""
    cases: list[tuple[str, tuple[int, ...], nn.Module]] = [
        ("sawtooth", (2,) * 6, sawtooth(6)),
        ("folds", (4, 4, 4), montufar_network((4, 4, 4), 1, rng)),
        ("folds", (8, 8), montufar_network((8, 8), 1, rng)),
        ("one layer", (9,), montufar_network((9,), 1, rng)),
    ]
    cases += [("random", (m,) * k, network((1, *[m] * k, 1), rng)) for m, k in [(2, 6), (8, 3)]]
    predicted = [sum(w) + 1 if sabotage else math.prod(n + 1 for n in w) for _, w, _ in cases]
    measured = [len(regions_on_line(net, torch.zeros(1), torch.ones(1))) for _, _, net in cases]
    return Evidence(
        predicted, measured, tolerance=0, because="counting", relation="at most",
        labels=tuple(f"{name} {len(w)} × {w[0]}" for name, w, _ in cases),
    )  # fmt: skip


@claim(
    "few-regions",
    statement="A random ReLU network breaks a segment once for every neuron times the angle of its"
    " ends over π: in proportion to the neurons, and not exponentially in the depth.",
    formula=r"\mathbb{E}\,\#\mathrm{breakpoints} \to \frac{\theta}{\pi} \sum_l n_l"
    r" \quad (n_l \to \infty)",
    source="Hanin and Rolnick 2019, arXiv:1901.09021; the constant is elementary (Crofton)",
    topic=TOPIC,
    sabotage="the weights of all but the first layer have a positive mean",
)
def few_regions(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Weights N(0, 2/fan-in), no biases.

    Given the layer before, h(t), a neuron w·h(t) vanishes as often as a random hyperplane meets
    h(t)/|h(t)|: E # = length/π. For wide layers that curve has the metric κ'(1) ds² of the layer
    before, κ the arc-cosine kernel, and κ'(1) = 1: every length is the angle θ at the ends.
    """
    width, draws, angle = (64, 10, 2.0) if fast else (256, 60, 2.0)
    start = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    end = torch.tensor([math.cos(angle), math.sin(angle), 0.0], dtype=torch.float64)
    depths, measured, bars = (1, 2, 3, 4), [], []
    for depth in depths:
        counts = []
        for _ in range(draws):
            net = network((3, *[width] * depth, 1), rng, bias=0.0)
            if sabotage:
                with torch.no_grad():
                    for layer in linear_layers(net)[1:]:
                        layer.weight += 1 / math.sqrt(width)
            counts.append(len(regions_on_line(net, start, end)) - 1.0)
        sample = torch.tensor(counts, dtype=torch.float64)
        measured.append(float(sample.mean()))
        bars.append(ERRORS * float(sample.std()) / math.sqrt(draws))
    predicted = [depth * width * angle / math.pi for depth in depths]
    finite = [depth * (depth - 1) / 2 * angle / math.pi for depth in depths]
    return Evidence(
        predicted, measured, [a + b for a, b in zip(bars, finite, strict=True)],
        because=f"{ERRORS:g} standard errors over {draws} networks of width {width}, and θ/π for"
        " each pair of layers, the order of the correction to infinite width",
        labels=tuple(f"{depth} layers" for depth in depths),
        figure=figures.curve(
            [width * d for d in depths], predicted, measured,
            labels=("neurons", "breakpoints on a segment"), bars=bars,
        ),
    )  # fmt: skip


def invariant_network(rng: torch.Generator) -> nn.Sequential:
    """C4 on the plane, ReLU on copies of its regular representation, a number in the end.

    Args:
        rng: for the weights.

    Returns:
        The network, in float64.

    Example:
        >>> net = invariant_network(torch.Generator().manual_seed(0))
        >>> x = torch.tensor([[1.0, 2.0], [-2.0, 1.0]], dtype=torch.float64)
        >>> bool((net(x)[0] - net(x)[1]).abs() < 1e-12)
        True
    """
    C4 = group("C4")
    layers = (Linear(C4.standard, 2 * C4.regular), Linear(2 * C4.regular, 2 * C4.regular),
              Linear(2 * C4.regular, C4.trivial))  # fmt: skip
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2]).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return model


@claim(
    "region-orbits",
    statement="The group permutes the linear regions of an invariant network: a region and its"
    " image have one area and one steepness, and those off the axis come in whole orbits.",
    formula=r"\nabla f(g x) = \rho(g)\, \nabla f(x), \quad g\,R \in \mathcal{R}\;"
    r"\mathrm{for}\; R \in \mathcal{R}",
    source="elementary: f(g x) = f(x)",
    topic=TOPIC,
    sabotage="one weight of the network is moved",
)
def region_orbits(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Every region against the one that holds its turned centre."""
    model: nn.Module = invariant_network(rng)
    if sabotage:
        model = spoilt(model, rng)
    found = regions_in_plane(model, 2 * SQUARE)
    turn = group("C4").standard(torch.tensor(1))
    image = found.find(found.centres @ turn.T)
    areas = found.areas
    slopes = (found.slopes @ turn.T)[:, 0]
    predicted = torch.cat([areas, slopes.flatten()])
    measured = torch.cat([areas[image], found.slopes[image, 0].flatten()])
    return Evidence(
        predicted, measured, tolerance=1e-8 * float(predicted.abs().max()),
        because="rounding of corners and derivatives", figure=_turned(found.polygons, image),
    )  # fmt: skip


class _Spoilt(nn.Module):
    """A network and a small one without its symmetry."""

    def __init__(self, model: nn.Module, other: nn.Module) -> None:
        super().__init__()
        self.model, self.other = model, other

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x) + 0.1 * self.other(x)
        return y


def spoilt(model: nn.Module, rng: torch.Generator) -> nn.Module:
    """A tenth of a random network added, without any symmetry."""
    return _Spoilt(model, network((2, 3, 1), rng))


def _turned(polygons: Any, image: Tensor) -> "Draw":
    """Orbits in one colour each."""

    def paint(axes: "Axes") -> None:
        from matplotlib.collections import PolyCollection

        orbit = list(range(len(polygons)))
        for _ in range(4):
            orbit = [min(a, orbit[int(b)]) for a, b in zip(orbit, image, strict=True)]
        order = {o: (37 * i) % 64 for i, o in enumerate(sorted(set(orbit)))}
        shade = torch.tensor([order[o] for o in orbit]).numpy()
        axes.add_collection(
            PolyCollection(polygons, array=shade, cmap="twilight", edgecolors="white", lw=0.5)
        )
        axes.autoscale_view()
        axes.set_aspect("equal")
        axes.grid(visible=False)
        axes.set_title("one colour an orbit", fontsize=10)

    return paint
