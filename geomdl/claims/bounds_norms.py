"""Norms of layers and networks: what they are, what they bound, what they do not see."""

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from geomdl.claims import figures
from geomdl.claims.evidence import Draw, Evidence
from geomdl.claims.registry import claim
from geomdl.generalization import bounds
from geomdl.translation import Conv

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOPIC = "bounds"


@claim(
    "convolution-norm",
    statement="The operator norm of a periodic convolution is the largest norm of its symbol, a"
    " small matrix for each frequency.",
    formula=r"\Vert w * \Vert = \max_\omega \Vert \hat w(\omega) \Vert",
    source="Sedghi, Gupta and Long 2019; with strides elementary: aliasing",
    topic=TOPIC,
    sabotage="the norm of the reshaped kernel is taken",
)
def convolution_norm(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Three sizes of kernels and strides: singular values of the matrix, symbols, Lanczos."""
    predicted, measured, labels = [], [], []
    for k, stride in ((3, 1), (3, 2), (5, 1), (5, 2), (1, 1)):
        layer = Conv(3, 4, k, stride=stride, bias=False).double()
        layer.weight.data.normal_(generator=rng)
        shape = (1, 3, 6, 6)
        matrix = bounds.dense(layer, shape)
        reshaped = float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2))
        symbols = bounds.conv_operator_norm(
            layer.weight, (6, 6), stride=stride, padding=k // 2, padding_mode="circular"
        )
        steps = bounds.operator_norm(layer, shape, rng=rng)
        predicted += 2 * [float(torch.linalg.matrix_norm(matrix, ord=2))]
        measured += 2 * [reshaped] if sabotage else [symbols.value, steps.value]
        labels += [f"{k}×{k}, stride {stride}: symbols", f"{k}×{k}, stride {stride}: Lanczos"]
    return Evidence(
        predicted,
        measured,
        tolerance=[1e-8 * p for p in predicted],
        because="10 times the relative error at which Lanczos stops",
        labels=tuple(labels),
    )


@claim(
    "reshaped-kernel",
    statement="The operator norm of a convolution is at least the norm of its reshaped kernel and"
    " at most the square root of the number of taps as large, as it is for a constant one.",
    formula=r"1 \leq \frac{\Vert w * \Vert}{\Vert W \Vert} \leq k^{d/2}",
    source="Tsuzuku, Sato and Sugiyama 2018; Singla and Feizi 2021",
    topic=TOPIC,
    sabotage="the square root is taken twice",
)
def reshaped_kernel(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Constant kernels, which reach the bound, and random ones, in one and two dimensions."""
    predicted, measured, labels = [], [], []
    for d in (1, 2):
        for k in (3, 5, 7):
            taps = float(k**d)
            for kind in ("constant", "random"):
                shape = (3, 2, *d * [k])
                weight = torch.randn(shape, generator=rng, dtype=torch.float64)
                if kind == "constant":
                    weight = weight.flatten(2).mean(2).reshape(3, 2, *d * [1]).expand(shape)
                true = bounds.conv_operator_norm(
                    weight, d * (8,), padding=k // 2, padding_mode="circular"
                ).value
                ratio = true / float(torch.linalg.matrix_norm(weight.flatten(1), ord=2))
                # both inequalities at once: how far above 1, beside how far the bound allows
                predicted.append(taps**0.25 if sabotage else math.sqrt(taps))
                measured.append(ratio if ratio >= 1 - 1e-12 else math.inf)
                labels.append(f"{'×'.join(d * [str(k)])}, {kind}")
    return Evidence(
        predicted,
        measured,
        tolerance=1e-10,
        because="rounding",
        relation="at most",
        labels=tuple(labels),
    )


@claim(
    "path-norm",
    statement="Multiplying the weights into a unit and dividing those out of it changes the product"
    " of Frobenius norms, but neither the function of a ReLU network nor its path norm.",
    formula=r"\sum_{\mathrm{paths}} \prod_e w_e^2 \ = \ \sum_{\mathrm{paths}} \prod_e"
    r" (c_e w_e)^2",
    source="Neyshabur, Salakhutdinov and Srebro 2015, arXiv:1506.02617",
    topic=TOPIC,
    sabotage="weights out of a unit stay as they are",
)
def path_norm(rng: torch.Generator, sabotage: bool) -> Evidence:
    """A network of three layers under rescalings of its units by up to e^s each way."""
    net = _perceptron((6, 10, 8, 3), rng, bias=True)
    x = torch.randn(20, 6, generator=rng, dtype=torch.float64)
    before = bounds.path_norm(net, x)
    scores = net(x).detach()
    strengths = (0.0, 0.5, 1.0, 2.0, 3.0)
    measured, products, same = [], [], []
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    first = [(layer.weight.detach().clone(), layer.bias.detach().clone()) for layer in linear]
    for strength in strengths:
        with torch.no_grad():
            for layer, (weight, bias) in zip(linear, first, strict=True):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)
            for into, out in pairwise(linear):
                spread = 2 * torch.rand(len(into.weight), generator=rng, dtype=torch.float64) - 1
                c = (strength * spread).exp()
                into.weight.mul_(c[:, None])
                into.bias.mul_(c)
                out.weight.div_(1.0 if sabotage else c)
            products.append(math.prod(float(layer.weight.norm()) for layer in linear))
            same.append(float((net(x) - scores).norm() / scores.norm()))
        measured.append(bounds.path_norm(net, x) / before)
    ratios = [p / products[0] for p in products]
    return Evidence(
        [1.0] * len(strengths) + [0.0] * len(strengths),
        measured + same,
        tolerance=1e-12,
        because="rounding of sums of positive numbers, and of a forward pass",
        labels=(
            *(f"path norm, s = {s:g}" for s in strengths),
            *(f"change of f, s = {s:g}" for s in strengths),
        ),
        figure=_flat(strengths, measured, ratios),
    )


@claim(
    "fisher-rao",
    statement="The Fisher–Rao norm of a ReLU network of L + 1 layers without biases is L + 1 times"
    " the root mean square of ⟨∂ loss, f⟩.",
    formula=r"\theta^\top I(\theta)\, \theta = (L+1)^2\, E\, \left\langle"
    r" \frac{\partial \ell}{\partial f}, f \right\rangle^2",
    source="Liang, Poggio, Rakhlin and Stokes 2019, arXiv:1711.01530",
    topic=TOPIC,
    sabotage="the networks have biases",
)
def fisher_rao(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Networks of one to five layers; derivatives along the weights against scores alone."""
    predicted, measured = [], []
    depths = (1, 2, 3, 4, 5)
    for depth in depths:
        net = _perceptron((5, *(depth - 1) * [12], 3), rng, bias=sabotage)
        x = torch.randn(30, 5, generator=rng, dtype=torch.float64)
        y = torch.randint(3, (30,), generator=rng)
        predicted.append(bounds.homogeneous_fisher_rao(net(x), y, depth))
        measured.append(bounds.fisher_rao_norm(net, x, y))
    return Evidence(
        predicted,
        measured,
        tolerance=[1e-10 * p for p in predicted],
        because="rounding of a forward derivative in float64",
        labels=tuple(f"{depth} layers" for depth in depths),
        figure=figures.curve(depths, predicted, measured, labels=("layers", "Fisher–Rao norm")),
    )


@claim(
    "lipschitz-product",
    statement="No slope of a ReLU network of convolutions exceeds the product of their operator"
    " norms, and positive kernels of one channel reach it.",
    formula=r"\Vert D f(x) \Vert \leq \prod_l \Vert A_l \Vert",
    source="Szegedy et al. 2014; equality elementary",
    topic=TOPIC,
    sabotage="the product is that of the norms of the reshaped kernels",
)
def lipschitz_product(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Depths one to four; random kernels of three channels and positive ones of one."""
    predicted, measured, labels = [], [], []
    for depth in (1, 2, 3, 4):
        for channels in (1, 3):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layer = Conv(channels, channels, 3, bias=False).double()
                layer.weight.data.normal_(generator=rng)
                if channels == 1:
                    layer.weight.data.abs_()
                layers += [layer, nn.ReLU()]
            net = nn.Sequential(*layers)
            x = torch.rand(1, channels, 5, 5, generator=rng, dtype=torch.float64)
            slope = torch.autograd.functional.jacobian(net, x).reshape(x.numel(), x.numel())
            if sabotage:
                kernels = [m.weight.detach().flatten(1) for m in net if isinstance(m, Conv)]
                norms = [float(torch.linalg.matrix_norm(w, ord=2)) for w in kernels]
                predicted.append(math.prod(norms))
            else:
                predicted.append(bounds.lipschitz_product(bounds.layer_norms(net, x, rng=rng)))
            measured.append(float(torch.linalg.matrix_norm(slope, ord=2)))
            labels.append(f"{depth} layers, {'positive' if channels == 1 else 'random'}")
    return Evidence(
        predicted,
        measured,
        tolerance=[1e-10 * p for p in predicted],
        because="rounding of singular values",
        relation="at most",
        labels=tuple(labels),
    )


def _perceptron(sizes: tuple[int, ...], rng: torch.Generator, bias: bool) -> nn.Sequential:
    """Gaussian weights of variance 2 / inputs, ReLU between."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layer = nn.Linear(before, after, bias=bias).double()
        for parameter in layer.parameters():
            parameter.data.normal_(0, math.sqrt(2 / before), generator=rng)
        layers += [nn.ReLU(), layer] if layers else [layer]
    return nn.Sequential(*layers)


def _flat(at: tuple[float, ...], path: list[float], product: list[float]) -> Draw:
    """The path norm stays where it is, the product of norms does not."""

    def paint(axes: "Axes") -> None:
        axes.plot(at, product, "s--", color=figures.OTHER, label="product of Frobenius norms")
        axes.axhline(1.0, color=figures.PREDICTED, lw=2, label="predicted path norm")
        axes.plot(at, path, "o", color=figures.MEASURED, label="measured path norm")
        axes.set_yscale("log")
        axes.set_xlabel("strength s of the rescaling")
        axes.set_ylabel("over the value before")
        axes.legend()

    return paint
