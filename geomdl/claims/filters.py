"""Steerable filters: how many there are, and what sampling them on pixels costs."""

import math

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.fields import Field, Grid, Vector, coordinates
from geomdl.groups import Group, Rep, group
from geomdl.steerable import Conv, FourierPointwise, Rings, filter_basis, tap_space

TOPIC = "networks"


@claim(
    "steerable-basis",
    statement="On a ring that carries frequencies up to F, the independent steerable filters from r"
    " to s number the sum over l ≤ F of the inner products of characters, and each turns with the"
    " group.",
    formula=r"\dim = \sum_{l \le F} \langle \chi_l \chi_r, \chi_s \rangle_G, \qquad"
    r" K(gx) = s(g)\, K(x)\, r(g)^{-1}",
    source="Weiler and Cesa 2019, arXiv:1911.08251, theorem 1; Lang and Weiler 2021,"
    " arXiv:2010.10952",
    topic=TOPIC,
    sabotage="the target representation is conjugated: it turns the other way",
)
def steerable_basis(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Ranks for planar and spatial groups; residuals at elements that move a tap to a tap.

    Of finite groups a signed permutation of the axes. Of Lie groups a rotation by arctan(4/3),
    which takes the tap (5, 0) to (3, 4), in space one that takes (3, 0, 0) to (1, 2, 2): there
    sampled filters can be compared off the multiples of 90°.
    """
    predicted: list[float] = []
    measured: list[float] = []
    labels = []
    for r, s in _pairs():
        G, d = r.group, r.group.standard_dim
        rings = Rings((3.0,), (0.5,), (2,))
        space = tap_space(Field(Grid(d), r), 7, rings)
        predicted.append(_characters(space.rep, r, s))
        filters = filter_basis(space, r, s).dense().flatten(1)
        measured.append(int(torch.linalg.matrix_rank(filters)))
        labels.append(f"{G.name}: {r.name} to {s.name}")
    for r, s in _pairs():
        predicted.append(0.0)
        measured.append(_residual(r, s, sabotage))
        labels.append(f"{r.group.name}: {r.name} to {s.name}, residual")
    because = "dimensions are whole numbers; residuals are the rounding of a few terms of size one"
    return Evidence(predicted, measured, 1e-11, because, labels=tuple(labels))


@claim(
    "sampling-slope",
    statement="Off the multiples of 90° a sampled filter errs by a power of the scale of the image:"
    " the fourth for scalars, the square for vectors, the first moments at which the pixel grid is"
    " not isotropic.",
    formula=r"\frac{\|f_{45°} - f\|}{\|f\|} \sim \sigma^{-4} \;(l = 0),\qquad \sigma^{-2}\;(l = 1)",
    source="the Taylor expansion of the image under the filter; of second order in Shen et al. 2020"
    " (PDO-eConvs), arXiv:2007.10408",
    topic=TOPIC,
    sabotage="one tap of the filter is changed",
)
def sampling_slope(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Outputs at the centre for an anisotropic Gaussian and for the same turned by 45°."""
    G = group("SO2")
    grid = Grid(2)
    sigmas = torch.tensor([32.0, 64.0, 128.0], dtype=torch.float64)
    slopes = []
    for label in (0, 1):
        conv = Conv(Field(grid, G.trivial), Field(grid, G.irrep(label)), 5, bias=False, rng=rng)
        with torch.no_grad():
            for weights in conv.parameters():
                weights.abs_()  # so that the leading moment does not happen to vanish
            weight = conv.double().filter()[0]
        if sabotage:
            weight = weight.clone()
            weight[..., 0, 1] += 0.3 * weight.abs().max()
        turn = G.exp(torch.tensor([math.pi / 4]))
        errors = []
        for sigma in sigmas:
            plain = _response(weight, sigma, G.identity)
            turned = _response(weight, sigma, turn)
            expected = G.irrep(label)(turn) @ plain
            errors.append((turned - expected).norm() / expected.norm())
        steps = torch.stack(errors).log2().diff()
        slopes.append(float(steps[-1]))
    because = "the next term of the expansion is smaller by a factor of σ or more, here at least 64"
    return Evidence([-4.0, -2.0], slopes, 0.05, because, labels=("scalar output", "vector output"))


@claim(
    "fourier-oversampling",
    statement="A polynomial of degree d, applied to N samples of a function on the circle with"
    " frequencies up to L, commutes with rotations if and only if N ≥ (d + 1)L + 1.",
    formula=r"N_{\min} = (d + 1) L + 1",
    source="Franzen and Wand 2021, General nonlinearities in SO(2)-equivariant CNNs, NeurIPS",
    topic=TOPIC,
    sabotage="the function is a rectifier, which is no polynomial",
)
def fourier_oversampling(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Least number of samples at which a random rotation commutes with the layer."""
    SO2 = group("SO2")
    turn = SO2.sample(1, rng)[0]
    predicted, measured, labels = [], [], []
    for top in (1, 2, 3):
        field = Field(Vector(), SO2.bandlimited(top))
        x = torch.randn(8, field.rep.dim, generator=rng, dtype=torch.float64)
        for degree, function in ((2, "square"), (3, "cube")):
            most = (degree + 1) * top + 3
            found = most + 1
            for n in range(2 * top + 1, most + 1):
                layer = FourierPointwise(field, "relu" if sabotage else function, samples=n)
                layer = layer.double()
                error = layer(field.act(turn, x)) - field.act(turn, layer(x))
                if error.norm() <= 1e-10 * layer(x).norm():
                    found = n
                    break
            predicted.append((degree + 1) * top + 1)
            measured.append(found)
            labels.append(f"degree {degree}, frequencies up to {top}")
    because = "counting: an error counts as zero below 1e-10, far above rounding"
    return Evidence(predicted, measured, 0, because, labels=tuple(labels))


@claim(
    "data-efficiency",
    statement="Learnt by least squares from n noisy outputs, p steerable weights instead of d free"
    " taps leave the risk that the taps leave with about d/p times the data.",
    formula=r"\mathbb{E}\,\|\hat K - K\|^2 = \frac{\sigma^2 p}{n - p - 1}",
    source="the risk of least squares under Gaussian inputs; for invariant targets Elesedy and"
    " Zaidi 2021, arXiv:2102.10333",
    topic="generalization",
    sabotage="the filter to be learnt is not equivariant",
)
def data_efficiency(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Filters of 5 × 5 taps from a scalar to a scalar, learnt from Gaussian patches.

    The last two entries compare numbers of data at which both should leave the same risk.
    """
    trials, noise = 500, 0.5
    predicted, measured, errors, labels = [], [], [], []
    for name, radial, n in (
        ("C1", "free", 60),
        ("C4", "free", 60),
        ("D4", "free", 60),
        ("SO2", "gaussian", 60),
        ("C1", "free", 126),
        ("D4", "free", 31),
    ):
        G = group(name)
        space = tap_space(Field(Grid(2), G.trivial), 5, "free" if radial == "free" else "gaussian")
        filters = filter_basis(space, G.trivial, G.trivial).dense().flatten(1)
        filters = torch.linalg.qr(filters.T).Q  # orthonormal columns (25, p)
        p = filters.shape[1]
        truth = filters @ torch.randn(p, generator=rng, dtype=torch.float64)
        if sabotage:
            truth = torch.randn(25, generator=rng, dtype=torch.float64)
        patches = torch.randn(trials, n, 25, generator=rng, dtype=torch.float64)
        seen = patches @ truth + noise * torch.randn(trials, n, generator=rng, dtype=torch.float64)
        design = patches @ filters
        weights = torch.linalg.lstsq(design, seen.unsqueeze(-1), driver="gelsd").solution.squeeze(
            -1
        )
        risk = (weights @ filters.T - truth).square().sum(1)
        predicted.append(noise**2 * p / (n - p - 1))
        measured.append(round(float(risk.mean()), 9))  # further digits are LAPACK's
        errors.append(round(5 * float(risk.std()) / trials**0.5, 9))
        labels.append(f"{name}, {p} weights, {n} data")
    because = f"5 standard errors over {trials} draws"
    return Evidence(predicted, measured, errors, because, labels=tuple(labels))


def _pairs() -> list[tuple[Rep, Rep]]:
    C8, D6, SO2, O2, SO3, O3 = map(group, ("C8", "D6", "SO2", "O2", "SO3", "O3"))
    octahedral = group("O")
    return [
        (C8.regular, C8.regular),
        (C8.irrep(1), C8.irrep(3)),
        (D6.regular, D6.irrep((1, 2))),
        (D6.quotient("C2"), D6.regular),
        (octahedral.regular, octahedral.irrep("T2")),
        (SO2.irrep(1), SO2.irrep(2)),
        (O2.irrep((1, 1)), O2.irrep((1, 2))),
        (O2.irrep((1, 0)), O2.irrep((1, 2))),
        (SO3.irrep(1), SO3.irrep(2)),
        (O3.irrep((1, -1)), O3.irrep((2, 1))),
    ]


def _characters(taps: Rep, r: Rep, s: Rep) -> float:
    """⟨χ_T χ_r, χ_s⟩, the mean over the group; for Lie groups by exact quadrature."""
    elements, weights = _haar(r.group)
    values = taps.character(elements) * r.character(elements) * s.character(elements)
    return float((weights * values).sum())


def _haar(G: Group) -> tuple[Tensor, Tensor]:
    """Elements and weights that average class functions of low frequency exactly."""
    if G.order is not None:
        return G.elements, torch.full((G.order,), 1 / G.order, dtype=torch.float64)
    n = 32
    angles = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    coefficients = torch.zeros(n, G.lie_dim, dtype=torch.float64)
    coefficients[:, -1] = angles
    turns = G.exp(coefficients)
    weights = torch.full((n,), 1 / n, dtype=torch.float64)
    if G.lie_dim == 3:  # Weyl's integration formula
        weights = weights * (1 - angles.cos())
    if len(G.components) == 1:
        return turns, weights
    return torch.cat([turns @ c for c in G.components]), weights.repeat(2) / 2


def _residual(r: Rep, s: Rep, sabotage: bool) -> float:
    """Largest |K(g x) − s(g) K(x) r(g)⁻¹| over basis filters, for taps x and g x of one radius."""
    G, d = r.group, r.group.standard_dim
    k, radius = (11, 5.0) if d == 2 else (7, 3.0)
    rings = Rings((radius,), (0.5,), (2,))
    basis = filter_basis(tap_space(Field(Grid(d), r), k, rings), r, s).dense()
    start = torch.zeros(d, dtype=torch.float64)
    start[0] = radius
    if G.lie_dim:
        image = torch.tensor([3.0, 4.0] if d == 2 else [1.0, 2.0, 2.0], dtype=torch.float64)
        g = _carry(start, image)
    else:
        turns = G.standard(G.elements)
        whole = ((turns - turns.round()).abs().amax((1, 2)) < 1e-9) & (turns[:, 0, 0] < 0.5)
        g = G.elements[whole.nonzero()[-1, 0]]
        image = G.standard(g) @ start
    places = coordinates((k,) * d).reshape(-1, d)
    x, gx = ((places - p).norm(dim=1).argmin() for p in (start, image))
    turned = s(G.inverse(g) if sabotage else g) @ basis[:, :, x] @ r(G.inverse(g))
    return float((basis[:, :, gx] - turned).abs().max())


def _carry(start: Tensor, image: Tensor) -> Tensor:
    """Rotation that takes one vector to another of the same length, in their common plane."""
    u = start / start.norm()
    w = image / image.norm()
    v = w - (w @ u) * u
    v = v / v.norm()
    c, s = w @ u, w @ v
    one = torch.eye(len(u), dtype=torch.float64)
    plane = torch.outer(u, u) + torch.outer(v, v)
    turn: Tensor = one + (c - 1) * plane + s * (torch.outer(v, u) - torch.outer(u, v))
    return turn


def _response(weight: Tensor, sigma: Tensor, g: Tensor) -> Tensor:
    """Filter on the patch of (1 + x/σ + xy/σ²) exp(−(x² + 2y²)/2σ²), moved by g."""
    k = weight.shape[-1]
    p = coordinates((k, k)).reshape(-1, 2) @ g / sigma  # g⁻¹ x
    x, y = p.unbind(-1)
    patch = (1 + x + x * y) * torch.exp(-(x**2 + 2 * y**2) / 2)
    return weight.flatten(1) @ patch
