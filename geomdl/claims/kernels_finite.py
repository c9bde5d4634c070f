"""Tangent kernels of networks as they are: what they predict of training, and their symmetry."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.fields import Field, Graph, Grid, Vector
from geomdl.generalization import empirical_ntk
from geomdl.groups import group
from geomdl.linear import EMLP
from geomdl.permutation import GCNConv
from geomdl.steerable import SteerableCNN
from geomdl.translation import CNN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from geomdl.claims.evidence import Draw

TOPIC = "kernels"
ERRORS = 5.0  # standard errors of tolerance: a true claim fails once in 10⁶ runs


class Wide(nn.Module):
    """f(x) = a · tanh(W x) / m^power, standard Gaussian a and W √d, m units.

    Args:
        d: numbers that come in.
        m: width.
        power: 1/2 for the parametrisation of kernels, 1 for that of mean fields.
        rng: for the weights.
    """

    def __init__(self, d: int, m: int, power: float, rng: torch.Generator) -> None:
        super().__init__()
        self.inner = nn.Parameter(torch.randn(m, d, generator=rng, dtype=torch.float64))
        self.outer = nn.Parameter(torch.randn(m, generator=rng, dtype=torch.float64))
        self.scale = m**-power

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (n, d) to numbers (n,)."""
        hidden = nn.functional.linear(x, self.inner / x.shape[1] ** 0.5).tanh()
        found: Tensor = hidden @ self.outer * self.scale
        return found


@claim(
    "ntk-dynamics",
    statement="The tangent kernel at the start predicts gradient descent of a wide network, on and"
    " off the training points, with an error that falls at least as the inverse root of the width.",
    formula=r"f_t(x) = f_0(x) + \Theta(x, X)\,\Theta^{-1}\left(I - (I - \eta\Theta)^t\right)"
    r"(y - f_0(X)) + O(m^{-1/2})",
    source="Jacot, Gabriel and Hongler 2018, arXiv:1806.07572; Lee et al. 2019, arXiv:1902.06720",
    topic=TOPIC,
    sabotage="the output is divided by the width, not by its root, and features are learnt",
)
def ntk_dynamics(rng: torch.Generator, sabotage: bool, fast: bool = False) -> Evidence:
    """Slope of the error against the width; the theorem is a bound, so it may be steeper."""
    widths = (64, 512, 4096) if fast else (64, 256, 1024, 4096, 16384)
    trials, n, d, steps = 12 if fast else 40, 6, 4, 30
    errors = torch.empty(trials, len(widths), dtype=torch.float64)
    for i in range(trials):
        x = torch.randn(2 * n, d, generator=rng, dtype=torch.float64)
        y = torch.randn(n, generator=rng, dtype=torch.float64)
        for j, m in enumerate(widths):
            errors[i, j] = _departure(Wide(d, m, 1.0 if sabotage else 0.5, rng), x, y, steps)
    logs = torch.tensor(widths, dtype=torch.float64).log()
    centred = (logs - logs.mean()) / (logs - logs.mean()).square().sum()
    slopes = errors.log() @ centred
    error = float(slopes.std()) / math.sqrt(trials)
    return Evidence(
        -0.5,
        float(slopes.mean()),
        tolerance=ERRORS * error,
        because=f"{ERRORS:g} standard errors of the slope over {trials} networks at each width",
        relation="at most",
        labels=("slope",),
        figure=_falling(widths, errors),
    )


def _departure(model: Wide, x: Tensor, y: Tensor, steps: int) -> float:
    """Error of the prediction after some steps, relative to the way to go; half of x is trained."""
    n = len(y)
    with torch.no_grad():
        start = model(x)
    kernel = empirical_ntk(model, x, x[:n])[:, :, 0, 0]
    rate = 1 / float(torch.linalg.eigvalsh(kernel[:n]).max())
    gap, predicted = y - start[:n], start.clone()
    left = gap
    for _ in range(steps):  # Σ_s η (I - ηΘ)^s = Θ⁻¹ (I - (I - ηΘ)^t)
        predicted = predicted + rate * kernel @ left
        left = left - rate * kernel[:n] @ left
    parameters = list(model.parameters())
    for _ in range(steps):
        loss = (model(x[:n]) - y).square().sum() / 2
        with torch.no_grad():
            for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                p.sub_(rate * g)
    with torch.no_grad():
        return float((model(x) - predicted).norm() / gap.norm())


def _falling(widths: tuple[int, ...], errors: Tensor) -> "Draw":
    """Errors against widths, and the slope that they are held to."""
    means = errors.log().mean(0).exp().tolist()

    def paint(axes: "Axes") -> None:
        for row in errors.tolist():
            axes.plot(widths, row, color=figures.OTHER, lw=0.6, alpha=0.4)
        line = [means[0] * (widths[0] / m) ** 0.5 for m in widths]
        axes.plot(widths, line, color=figures.PREDICTED, lw=2, label="slope −1/2, at most")
        axes.plot(widths, means, "o", color=figures.MEASURED, ms=6, label="measured, mean")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("width m")
        axes.set_ylabel("error of the prediction")
        axes.legend()

    return paint


class _Nodes(nn.Module):
    """Two graph convolutions, with a smooth function between them."""

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.first, self.last = GCNConv(3, 16, rng=rng), GCNConv(16, 1, rng=rng)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, 3) to numbers (nodes,)."""
        y: Tensor = self.last(self.first(x, graph).tanh(), graph).squeeze(1)
        return y


@claim(
    "ntk-first-step",
    statement="A small step of gradient descent moves the outputs of any network, here at the nodes"
    " of a graph, by its tangent kernel times their errors.",
    formula=r"\lim_{\eta \to 0}\; \frac{f_{\theta - \eta\nabla L} - f_\theta}{\eta} ="
    r" -\Theta\,(f_\theta - y), \quad L = \frac{1}{2}\|f_\theta - y\|^2",
    source="elementary: the chain rule; Jacot, Gabriel and Hongler 2018, arXiv:1806.07572",
    topic=TOPIC,
    sabotage="the kernel leaves out the first layer",
)
def ntk_first_step(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Steps of three lengths, extrapolated to none."""
    nodes = 10
    ends = torch.randint(nodes, (2, 20), generator=rng)
    graph = Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1), nodes)
    model = _Nodes(rng).double()
    x = torch.randn(nodes, 3, generator=rng, dtype=torch.float64)
    y = torch.randn(nodes, generator=rng, dtype=torch.float64)
    model.first.requires_grad_(not sabotage)
    kernel = empirical_ntk(model, (x, graph))[:, :, 0, 0]
    model.requires_grad_()
    parameters = list(model.parameters())
    output = model(x, graph)
    gradients = torch.autograd.grad((output - y).square().sum() / 2, parameters)

    def moved(rate: float) -> Tensor:
        with torch.no_grad():
            for p, g in zip(parameters, gradients, strict=True):
                p.sub_(rate * g)
            found: Tensor = (model(x, graph) - output) / rate
            for p, g in zip(parameters, gradients, strict=True):
                p.add_(rate * g)
        return found

    rates = (1e-3, 5e-4, 2.5e-4)
    a, b, c = (moved(rate) for rate in rates)
    rough, fine = 2 * b - a, 2 * c - b
    rounding = 64 * torch.finfo(torch.float64).eps * float(output.detach().abs().max()) / rates[-1]
    predicted = -kernel @ (output.detach() - y)
    return Evidence(
        predicted,
        fine,
        tolerance=(fine - rough).abs().max() + rounding,
        because="the change at the last halving of the step, after the term of first order was"
        " taken off; the error that is left is a third of it",
        labels=tuple(f"node {i}" for i in range(nodes)),
    )


@claim(
    "ntk-symmetry",
    statement="The tangent kernel of an equivariant network is equivariant in each argument alone,"
    " and invariant where its outputs are.",
    formula=r"f_\theta(g x) = \rho(g) f_\theta(x)\; \forall \theta \quad\Rightarrow\quad"
    r" \Theta(g x, x^\prime) = \rho(g)\, \Theta(x, x^\prime)",
    source="elementary: differentiate in θ; for averaged kernels, Mei, Misiakiewicz and Montanari"
    " 2021, arXiv:2102.13219",
    topic=TOPIC,
    sabotage="the networks are a CNN and a perceptron, of no such symmetry",
)
def ntk_symmetry(rng: torch.Generator, sabotage: bool) -> Evidence:
    """A D4-invariant network of images, and an O(3)-equivariant one of vectors."""
    D4, O3 = group("D4"), group("O3")
    images = Field(Grid(2), D4.trivial)
    x1, x2 = (torch.randn(2, 1, 8, 8, generator=rng, dtype=torch.float64) for _ in range(2))
    if sabotage:
        first: nn.Module = CNN(1, 2, widths=(4, 4), shape=(8, 8))
    else:
        first = SteerableCNN("D4", (8, 8), classes=2, channels=8, depth=2, rng=rng)
    first = first.double().eval()
    kernel = empirical_ntk(first, x1, x2)
    turned = [empirical_ntk(first, images.act(g, x1), x2) for g in D4.elements]
    predicted, measured = [kernel.flatten() for _ in turned], [k.flatten() for k in turned]

    V = O3.standard
    vectors = Field(Vector(), 3 * V)
    v1, v2 = (torch.randn(2, 9, generator=rng, dtype=torch.float64) for _ in range(2))
    second: nn.Module = EMLP(3 * V, V, channels=16, layers=1, products=32, rng=rng)
    if sabotage:
        second = nn.Sequential(nn.Linear(9, 16), nn.Tanh(), nn.Linear(16, 3))
    second = second.double()
    between = empirical_ntk(second, v1, v2)
    for g in O3.sample(4, rng):
        predicted.append(torch.einsum("ab,nmbc->nmac", V(g), between).flatten())
        measured.append(empirical_ntk(second, vectors.act(g, v1), v2).flatten())
    sizes = [float(p.abs().max()) for p in predicted]
    return Evidence(
        torch.cat([p / s for p, s in zip(predicted, sizes, strict=True)]),
        torch.cat([m / s for m, s in zip(measured, sizes, strict=True)]),
        tolerance=1e-12,
        because="rounding in float64, relative to the largest entry; sums of some 10³ products of"
        " numbers that three layers made",
    )
