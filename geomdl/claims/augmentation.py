"""Augmented data: the invariant kernel, gradients that keep the symmetry, what averaging gains."""

import torch
from torch import Tensor, nn

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.fields import Field, Grid, Vector
from geomdl.groups import Rep, group, intertwiners
from geomdl.symmetrization import symmetrize

EPS = torch.finfo(torch.float64).eps
TOPIC = "generalization"


@claim(
    "augmentation-kernel",
    statement="Ridge regression on all transformed data with penalty λ is ridge regression with"
    " the averaged kernel and penalty λ/|G|.",
    formula=r"k(x, \tilde X)(\tilde K + \lambda)^{-1}\tilde y ="
    r" \bar k(x, X)(\bar K + \lambda/|G|)^{-1} y,\quad"
    r" \bar k(x, y) = \frac{1}{|G|}\sum_g k(x, g y)",
    source="Mei, Misiakiewicz and Montanari 2021, arXiv:2102.13219",
    topic=TOPIC,
    sabotage="λ is not divided by |G|",
)
def augmentation_kernel(rng: torch.Generator, sabotage: bool) -> Evidence:
    """A Gaussian kernel on images of 3 × 3 pixels under D4, on 12 points and their orbits."""
    ridge, size = 0.1, 2.0
    rep = _pixels(3)
    G = rep.group
    order = G.order or 1
    x, new = (torch.randn(n, rep.dim, generator=rng, dtype=torch.float64) for n in (12, 20))
    y = torch.randn(12, generator=rng, dtype=torch.float64)
    orbit = torch.einsum("gij,nj->gni", rep(G.elements), x)
    flat = orbit.flatten(0, 1)
    full = _kernel(flat, flat, size)
    whole = _solve(full, y.repeat(order), ridge, _kernel(new, flat, size))
    mean = torch.stack([_kernel(x, moved, size) for moved in orbit]).mean(0)
    mean_new = torch.stack([_kernel(new, moved, size) for moved in orbit]).mean(0)
    short = _solve(mean, y, ridge if sabotage else ridge / order, mean_new)
    condition = float(torch.linalg.matrix_norm(full, 2)) / ridge + 1
    return Evidence(
        whole,
        short,
        tolerance=len(flat) * EPS * condition * float(y.norm()) * order,
        because="rounding: n ε cond(K + λ) ‖ỹ‖, with n = 96 augmented points; below 1e-9",
        figure=figures.curve(
            range(20),
            whole.sort().values.tolist(),
            short[whole.argsort()].tolist(),
            labels=("new point, sorted", "prediction"),
        ),
    )


@claim(
    "augmented-training",
    statement="Gradient descent on fully augmented data from equivariant weights never leaves the"
    " equivariant weights.",
    formula=r"W \in \mathrm{Hom}_G,\; L(h \cdot W) = L(W)\ \forall h \;\Rightarrow\;"
    r" \nabla L(W) \in \mathrm{Hom}_G",
    source="Chen, Dobriban and Lee 2020, arXiv:1907.10905; Nordenfors, Ohlsson and Flinth 2024,"
    " arXiv:2303.13458",
    topic=TOPIC,
    sabotage="each training point is turned once at random in place of by the whole group",
)
def augmented_training(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Distance of an unconstrained two-layer network from Hom_G over 20 steps of descent."""
    G = group("D4")
    inner, outer, steps, rate = _pixels(3), 2 * G.regular, 20, 0.05
    maps = [intertwiners(inner, outer), intertwiners(outer, G.trivial)]
    weights = []
    for q in maps:
        w = torch.randn(len(q), generator=rng, dtype=torch.float64)
        weights.append((torch.tensordot(w, q, 1) / q.shape[2] ** 0.5).requires_grad_())
    x = torch.randn(10, inner.dim, generator=rng, dtype=torch.float64)
    y = torch.randn(10, 1, generator=rng, dtype=torch.float64)
    moved = torch.einsum("gij,nj->gni", inner(G.elements), x)
    if sabotage:
        chosen = torch.randint(0, len(moved), (10,), generator=rng)
        moved = moved[chosen, torch.arange(10)][None]
    distances, start = [], [w.detach().clone() for w in weights]
    for _ in range(steps):
        out = torch.relu(moved @ weights[0].T) @ weights[1].T
        loss = (out - y).square().mean()
        grads = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for w, g in zip(weights, grads, strict=True):
                w -= rate * g
        distances.append(sum(_outside(w.detach(), q) for w, q in zip(weights, maps, strict=True)))
    travelled = sum(float((w.detach() - s).norm()) for w, s in zip(weights, start, strict=True))
    if not travelled > 1e-3:  # weights that stand still show nothing
        distances = [float("nan")] * steps
    return Evidence(
        [0.0] * steps,
        distances,
        tolerance=1e-12,
        because="rounding: 20 steps of sums of 80 products of numbers of order 1",
        labels=tuple(f"step {k + 1}" for k in range(steps)),
        figure=figures.curve(
            range(1, steps + 1),
            [0.0] * steps,
            distances,
            labels=("step", "distance from Hom_G"),
        ),
    )


@claim(
    "averaged-risk",
    statement="Where the group moves data to data that are as likely, averaging a predictor over it"
    " lowers its squared risk by the mean square of what the average changes.",
    formula=r"\mathbb{E}|y - f(x)|^2 - \mathbb{E}|y - \bar f(x)|^2 ="
    r" \mathbb{E}|f(x) - \bar f(x)|^2,\quad"
    r" \bar f(x) = \frac{1}{|G|}\sum_g g\, f(g^{-1} x)",
    source="Elesedy and Zaidi 2021, arXiv:2102.10333",
    topic=TOPIC,
    sabotage="of each orbit one point alone is in the data",
)
def averaged_risk(rng: torch.Generator, sabotage: bool) -> Evidence:
    """A network from images of 5 × 5 pixels to vectors, on 12 orbits of D4, orbit by orbit."""
    G = group("D4")
    image, vector = Field(Grid(2), G.trivial), Field(Vector(), G.standard)
    f = nn.Sequential(nn.Flatten(), nn.Linear(25, 16), nn.Tanh(), nn.Linear(16, 2)).double()
    for p in f.parameters():
        p.data = torch.randn(p.shape, generator=rng, dtype=torch.float64) / 4
    average = symmetrize(f, G, source=image, target=vector)
    x = torch.randn(12, 1, 5, 5, generator=rng, dtype=torch.float64)
    y = torch.randn(12, 2, generator=rng, dtype=torch.float64)
    drops, changes = [], []
    with torch.no_grad():
        for g in G.elements[:1] if sabotage else G.elements:
            moved, answer = image.act(g, x), vector.act(g, y)
            before, after = f(moved), average(moved)
            drops.append((answer - before).square().sum(-1) - (answer - after).square().sum(-1))
            changes.append((before - after).square().sum(-1))
    predicted, measured = (torch.stack(terms).mean(0) for terms in (changes, drops))
    order = predicted.argsort()
    return Evidence(
        predicted,
        measured,
        tolerance=1e-12,
        because="rounding: means of 8 squares of numbers of order 1",
        figure=figures.curve(
            range(12),
            predicted[order].tolist(),
            measured[order].tolist(),
            labels=("orbit, sorted", "drop of the risk"),
        ),
    )


def _pixels(n: int) -> Rep:
    """D4 on the pixels of an n × n image."""
    G = group("D4")
    middle = (n - 1) / 2
    axis = torch.arange(n, dtype=torch.float64) - middle
    points = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    moved = torch.einsum("gij,pj->gpi", G.standard(G.elements), points)
    return G.permutation_rep(torch.cdist(moved, points.expand(len(moved), -1, -1)).argmin(-1))


def _kernel(a: Tensor, b: Tensor, size: float) -> Tensor:
    return torch.exp(-torch.cdist(a, b).square() / (2 * size**2 * a.shape[1] / 4))


def _solve(kernel: Tensor, y: Tensor, ridge: float, new: Tensor) -> Tensor:
    value: Tensor = new @ torch.linalg.solve(kernel + ridge * torch.eye(len(kernel)).to(kernel), y)
    return value


def _outside(w: Tensor, maps: Tensor) -> float:
    inside = torch.einsum("b,bji->ji", torch.einsum("bji,ji->b", maps, w), maps)
    return float((w - inside).norm())
