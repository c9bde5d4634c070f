"""What depth saves: Yarotsky's square, Telgarsky's teeth, and what few pieces cannot do."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from geomdl.claims import figures
from geomdl.claims.approximation import TOPIC, logarithmic
from geomdl.claims.evidence import Evidence
from geomdl.claims.regions import linear_layers
from geomdl.claims.registry import claim
from geomdl.expressivity import free_knots, regions_on_line, sawtooth, square_network


@claim(
    "yarotsky-square",
    statement="A ReLU network with m layers of three neurons computes x² on [0, 1] with a largest"
    " error that is a quarter of 4 to the minus m, exactly.",
    formula=r"\max_{0 \leq x \leq 1} |x^2 - f_m(x)| = 2^{-2m-2}, \quad"
    r" f_m = x - \sum_{s=1}^m 4^{-s} g_s(x)",
    source="Yarotsky 2017, arXiv:1610.01145",
    topic=TOPIC,
    sabotage="one weight of the last layer is one per cent off",
)
def yarotsky_square(rng: torch.Generator, sabotage: bool) -> Evidence:
    """The error on each exact linear piece is largest at an end, or where x² has its slope."""
    depths = tuple(range(1, 9))
    measured = []
    for m in depths:
        network = square_network(m)
        if sabotage:
            with torch.no_grad():
                linear_layers(network)[-1].weight[0, 2] *= 1.01
        found = regions_on_line(network, torch.zeros(1), torch.ones(1))
        slope, centre, value = found.slopes[:, 0, 0], found.centres[:, 0], found.values[:, 0]
        ends = found.knots
        at = torch.stack([ends[:-1], ends[1:], torch.clamp(slope / 2, ends[:-1], ends[1:])])
        measured.append(float((value + slope * (at - centre) - at**2).abs().max()))
    predicted = [2.0 ** (-2 * m - 2) for m in depths]
    shallow = [1 / (8 * (3 * m + 1) ** 2) for m in depths]
    return Evidence(
        predicted, measured, tolerance=1e-15, because="rounding of numbers of at most one",
        labels=tuple(f"m = {m}" for m in depths),
        figure=logarithmic(depths, predicted, measured, ("layers m", "largest error"),
                    (shallow, "best with 3m neurons in one layer"), base=2),
    )  # fmt: skip


@claim(
    "few-pieces",
    statement="No function of N linear pieces, hence no ReLU network of N - 1 neurons in one layer,"
    " comes nearer to x² on [0, 1] than one eighth over N squared.",
    formula=r"\min_{f\; \mathrm{of}\; N\; \mathrm{pieces}}\; \max_x |x^2 - f(x)| ="
    r" \frac{1}{8 N^2}",
    source="elementary: a line errs by L²/8 on an interval of length L; Yarotsky 2017",
    topic=TOPIC,
    sabotage="the function is the cube",
)
def few_pieces(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Best free knots by bisection, on a grid that holds the ends and middles of even pieces."""
    pieces = (1, 2, 3, 4, 6, 8)
    x = torch.linspace(0, 1, 241, dtype=torch.float64)
    measured = [free_knots(x, x ** (3 if sabotage else 2), n).error for n in pieces]
    predicted = [1 / (8 * n**2) for n in pieces]
    return Evidence(
        predicted, measured, tolerance=1e-11, because="bisection to 10⁻¹² of the range",
        labels=tuple(f"N = {n}" for n in pieces),
        figure=figures.curve(pieces, predicted, measured, labels=("pieces N", "best error")),
    )  # fmt: skip


@claim(
    "telgarsky-pieces",
    statement="The sawtooth of k layers with two neurons each has 2 to the k linear pieces, where"
    " one layer would need that many neurons.",
    formula=r"\mathrm{pieces}(g \circ \cdots \circ g) = 2^k, \quad g(x) = 1 - |2x - 1|",
    source="Telgarsky 2015, arXiv:1509.08101",
    topic=TOPIC,
    sabotage="the teeth of every layer reach nine tenths only",
)
def telgarsky_pieces(rng: torch.Generator, sabotage: bool) -> Evidence:
    """All breakpoints, counted by walking through the layers."""
    depths = tuple(range(1, 11))
    measured = []
    for k in depths:
        network = sawtooth(k)
        if sabotage:
            with torch.no_grad():
                for layer in linear_layers(network)[1:]:
                    layer.weight *= 0.9
        measured.append(regions_on_line(network, torch.zeros(1), torch.ones(1)).pieces)
    predicted = [2.0**k for k in depths]
    return Evidence(
        predicted, measured, tolerance=0, because="counting",
        labels=tuple(f"k = {k}" for k in depths),
        figure=logarithmic(depths, predicted, measured, ("layers k", "linear pieces"),
                    ([2 * k + 1 for k in depths], "one layer of 2k neurons"), base=2),
    )  # fmt: skip


@claim(
    "telgarsky-mistakes",
    statement="On n points of alternating labels a network of t linear pieces is wrong at least"
    " (n - 1 - t) / 2 times, whatever its weights: more than a sixth of them for t up to n / 8.",
    formula=r"\mathrm{mistakes} \geq \frac{n - 1 - t}{2}, \qquad t \leq \frac{n}{8} \;"
    r"\Rightarrow\; \frac{\mathrm{mistakes}}{n} \geq \frac{1}{6}",
    source="Telgarsky 2015, arXiv:1509.08101; elementary for continuous functions",
    topic=TOPIC,
    sabotage="the networks are deep, their pieces counted as for one layer",
)
def telgarsky_mistakes(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Networks that follow the labels as long as their pieces last, and deep random ones.

    Consecutive labels differ n - 1 times; f crosses ½ once a piece at most, and a mistake excuses
    two alternations.
    """
    k = 6
    n = 2**k
    x = torch.arange(n, dtype=torch.float64).unsqueeze(1) / n
    labels = torch.arange(n) % 2 == 1
    predicted, measured, names = [], [], []
    networks = [(f"{t} pieces", zigzag(t, n)) for t in (2, 4, 8, 16, 32)]
    networks += [(f"random {i}", _random((6, 6, 6), rng)) for i in (1, 2)]
    if sabotage:
        networks = [(f"depth {j}", sawtooth(j)) for j in (6, 5, 4)]
    for name, network in networks:
        pieces = regions_on_line(network, torch.zeros(1), torch.ones(1)).pieces
        if sabotage:
            pieces = 1 + sum(layer.in_features for layer in linear_layers(network)[1:])
        with torch.no_grad():
            wrong = int(((network(x)[:, 0] >= 0.5) != labels).sum())
        predicted.append((n - 1 - pieces) / 2)
        measured.append(float(wrong))
        names.append(name)
    return Evidence(
        predicted, measured, tolerance=0, because="counting", relation="at least",
        labels=tuple(names),
    )  # fmt: skip


def zigzag(pieces: int, n: int) -> nn.Sequential:
    """One hidden layer that runs 0, 1, 0, 1 … through i/n, i = 0 … pieces - 1, then stays.

    Args:
        pieces: linear pieces on [0, 1], the last one level.
        n: points.

    Returns:
        A network (…, 1) -> (…, 1) of pieces - 1 neurons, and a linear one at zero.

    Example:
        >>> x = torch.arange(6).double().unsqueeze(1) / 8
        >>> zigzag(4, 8)(x).flatten().tolist()
        [0.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    """
    slopes = [n * (-1.0) ** i for i in range(pieces - 1)] + [0.0]
    jumps = [slopes[0]] + [b - a for a, b in pairwise(slopes)]
    first, last = nn.Linear(1, pieces).double(), nn.Linear(pieces, 1).double()
    with torch.no_grad():
        first.weight.fill_(1.0)
        first.bias.copy_(-torch.arange(pieces).double() / n)
        last.weight.copy_(torch.tensor([jumps]))
        last.bias.fill_(0.0)
    return nn.Sequential(first, nn.ReLU(), last)


def _random(widths: tuple[int, ...], rng: torch.Generator) -> nn.Sequential:
    """Gaussian weights and biases."""
    sizes: list[int] = [1, *widths, 1]
    modules: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layer = nn.Linear(a, b).double()
        with torch.no_grad():
            layer.weight.copy_(_normal(b, a, rng) * math.sqrt(2 / a))
            layer.bias.copy_(_normal(b, 1, rng)[:, 0])
        modules += [layer, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def _normal(rows: int, columns: int, rng: torch.Generator) -> Tensor:
    return torch.randn(rows, columns, generator=rng, dtype=torch.float64)
