"""Weight sharing, and what coarser grids do to shifts."""

from typing import Literal

import torch
from torch import Tensor, nn

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.fields import Field, Grid
from geomdl.groups import group, intertwiners
from geomdl.steerable import Conv
from geomdl.translation import CNN

TOPIC = "networks"


@claim(
    "weight-sharing",
    statement="Equivariant maps and convolutions between regular features have |G| times fewer free"
    " parameters than unconstrained ones of the same size.",
    formula=r"\frac{\dim \mathrm{Hom}(\mathbb{R}^{m|G|}, \mathbb{R}^{n|G|})}"
    r"{\dim \mathrm{Hom}_G(\mathbb{R}[G]^m, \mathbb{R}[G]^n)} = |G|",
    source="Cohen and Welling 2016, arXiv:1602.07576; Ravanbakhsh et al. 2017, arXiv:1702.08389",
    topic=TOPIC,
    sabotage="the features are copies of the trivial representation",
)
def weight_sharing(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Ranks of linear maps and of 3 × 3 convolutions against plain layers."""
    predicted, measured, labels = [], [], []
    for name in ("S4", "D4", "C4", "C2"):
        G = group(name)
        n = G.order or 1
        r = n * G.trivial if sabotage else G.regular
        dense = (2 * r).dim * (3 * r).dim
        predicted.append(n)
        measured.append(dense / len(intertwiners(2 * r, 3 * r)))
        labels.append(f"{name} linear")
    for name in ("D4", "C4", "C2"):
        G = group(name)
        n = G.order or 1
        r = n * G.trivial if sabotage else G.regular
        conv = Conv(Field(Grid(2), r), Field(Grid(2), r), 3, bias=False, rng=rng).double()
        plain = nn.Conv2d(r.dim, r.dim, 3, bias=False, dtype=torch.float64)
        predicted.append(n)
        measured.append(plain.weight.numel() / _rank(conv))
        labels.append(f"{name} convolution")
    return Evidence(predicted, measured, 0, "counting: ranks are whole numbers",
                    labels=tuple(labels))  # fmt: skip


@claim(
    "shift-classes",
    statement="A network of total stride s and generic weights tells s² classes of shifts apart;"
    " with polyphase sampling it tells none apart, whatever its weights.",
    formula=r"|\{f(T_t x) : t \in \mathbb{Z}_n^2\}| = s^2 \text{ (stride)},\quad"
    r" 1 \text{ (polyphase)}",
    source="Azulay and Weiss 2019, arXiv:1805.12177; Chaman and Dokmanić 2021, arXiv:2011.14214",
    topic=TOPIC,
    sabotage="plain strides in the network that should sample polyphase components",
)
def shift_classes(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Outputs of random networks on all 64 circular shifts of a random image, sorted into classes.

    Wide enough that not all units of a layer are dead, which would make the output constant.
    """
    predicted, measured, labels = [], [], []
    for widths in ((8, 12, 16), (8, 12), (8,)):
        for down in ("stride", "polyphase"):
            stride = 2 ** (len(widths) - 1)
            used: Literal["stride", "polyphase"] = (
                "polyphase" if down == "polyphase" and not sabotage else "stride"
            )
            model = _randomized(CNN(1, 5, widths=widths, down=used, shape=(8, 8)), rng)
            x = torch.randn(1, 1, 8, 8, generator=rng, dtype=torch.float64)
            shifts = [x.roll((i, j), (2, 3)) for i in range(8) for j in range(8)]
            with torch.no_grad():
                measured.append(_classes(model(torch.cat(shifts))))
            predicted.append(stride**2 if down == "stride" else 1)
            labels.append(f"stride {stride}" + (", polyphase" if down == "polyphase" else ""))
    return Evidence(
        predicted,
        measured,
        tolerance=0,
        because="counting: outputs count as equal within 1e-9 of their size, far above rounding"
        " and far below the difference of two outputs",
        labels=tuple(labels),
    )


def _rank(conv: Conv) -> int:
    """Independent parameters of a convolution: rank of its filter as a function of them."""
    weights = [p for p in conv.parameters() if p.requires_grad]
    rows: list[Tensor] = []
    for p in weights:
        keep = p.detach().clone()
        for i in range(p.numel()):
            with torch.no_grad():
                p.zero_()
                p.view(-1)[i] = 1.0
                rows.append(conv.filter()[0].flatten().clone())
        with torch.no_grad():
            p.copy_(keep)
    values = torch.linalg.svdvals(torch.stack(rows))
    return int((values > 1e-9 * values[0]).sum())


def _randomized(model: nn.Module, rng: torch.Generator) -> nn.Module:
    model.double().eval()
    with torch.no_grad():
        for p in model.parameters():
            scale = (2 / max(1, p[0].numel())) ** 0.5 if p.ndim > 1 else 0.3
            p.copy_(scale * torch.randn(p.shape, generator=rng, dtype=torch.float64))
    return model


def _classes(outputs: Tensor) -> int:
    """Number of outputs that differ by more than 1e-9 of the largest."""
    if not outputs.isfinite().all():
        return -1
    left, count = outputs, 0
    scale = float(outputs.abs().max())
    while len(left):
        same = (left - left[0]).abs().amax(1) <= 1e-9 * scale
        left, count = left[~same], count + 1
    return count
