"""Schur, the dimension of Hom_G, the Reynolds operator."""

import math

import torch
from torch import Tensor

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.groups import Group, Rep, direct_sum, group, intertwiners
from geomdl.groups.linalg import kron

EPS = torch.finfo(torch.float64).eps
TOPIC = "representations"


@claim(
    "schur",
    statement="Matrix coefficients of real irreps are orthogonal modulo End_G: averaging over the"
    " group projects onto the maps that commute with it.",
    formula=r"\frac{1}{|G|}\sum_g r_{ij}(g)\,s_{kl}(g) = \delta_{rs}"
    r"\sum_a (Q_a)_{ik}(Q_a)_{jl},\quad (Q_a) \text{ orthonormal in } \mathrm{End}_G(r)",
    source="Serre 1977, Linear representations of finite groups, §2.2, §13.2",
    topic=TOPIC,
    sabotage="every irrep is taken to be of real type, as over the complex numbers",
)
def schur(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Gram matrix of all matrix coefficients of five groups, each in a random basis."""
    predicted, measured, rounding = [], [], 0.0
    for name in ("C5", "D4", "Q8", "S4", "I"):
        G = group(name)
        coefficients, blocks = [], []
        for irrep in G.irreps():
            turn = _orthogonal(irrep.dim, rng)
            coefficients.append((turn @ irrep(G.elements) @ turn.T).flatten(1))
            maps = turn @ intertwiners(irrep, irrep) @ turn.T
            if sabotage:
                maps = torch.eye(irrep.dim, dtype=torch.float64)[None] / irrep.dim**0.5
            blocks.append(torch.stack([torch.kron(q, q) for q in maps]).sum(0))
        c = torch.cat(coefficients, 1)
        measured.append((c.T @ c / len(c)).flatten())
        predicted.append(torch.block_diag(*blocks).flatten())
        rounding = max(rounding, 16 * len(c) * EPS)
    gram, formula = measured[2].reshape(20, 20), predicted[2].reshape(20, 20)
    return Evidence(
        torch.cat(predicted),
        torch.cat(measured),
        tolerance=rounding + 1e-13,
        because="rounding: 16 |G| ε for sums of |G| products of entries in [-1, 1], and 1e-13 for"
        " the numerical basis of End_G",
        figure=figures.pair(formula, gram, "Q8: coefficients of its real irreps"),
    )


@claim(
    "hom-dimension",
    statement="The space of equivariant linear maps has dimension Σ dᵢ mᵢ nᵢ, with dᵢ = dim End of"
    " the i-th irrep and mᵢ, nᵢ its multiplicities.",
    formula=r"\dim \mathrm{Hom}_G(r, s) = \sum_i d_i\, m_i\, n_i",
    source="Serre 1977, §2.3; for real irreps Bröcker and tom Dieck 1985, II.6",
    topic=TOPIC,
    sabotage="dᵢ is left out, as if every irrep were of real type",
)
def hom_dimension(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Characters against `intertwiners` and against a dense null space, on random sums."""
    predicted, solved, dense, labels = [], [], [], []
    for name in ("C3", "C4", "D4", "Q8", "S4", "T"):
        G = group(name)
        r, s = _random_sum(G, rng), _random_sum(G, rng)
        predicted.append(sum(_pairs(i, r, s, weighted=not sabotage) for i in G.irreps()))
        solved.append(len(intertwiners(r, s)))
        dense.append(null_dimension(r, s))
        labels.append(name)
    return Evidence(
        predicted + predicted,
        solved + dense,
        tolerance=0,
        because="counting: ranks are whole numbers",
        labels=tuple(labels + [f"{x} dense" for x in labels]),
    )


@claim(
    "reynolds",
    statement="Averaging over the group is the orthogonal projection onto the fixed vectors, for"
    " finite groups and, by an exact quadrature, for SO(3).",
    formula=r"R = \int_G r(g)\,dg:\quad R^2 = R,\; r(h)R = R,\; \mathrm{tr}\,R = \dim V^G",
    source="Sturmfels 2008, Algorithms in invariant theory, proposition 2.1.2",
    topic=TOPIC,
    sabotage="a part of the group is left out of the average",
)
def reynolds(rng: torch.Generator, sabotage: bool) -> Evidence:
    """‖R² - R‖, ‖r(h) R - R‖ and tr R for five representations."""
    predicted: list[float] = []
    measured: list[float] = []
    labels: list[str] = []
    for name, degree in (("D4", 4), ("S4", 3), ("Q8", 2), ("I", 3), ("SO3", 4)):
        G = group(name)
        rep = G.standard
        for _ in range(degree - 1):
            rep = rep @ G.standard
        # SO(3) is integrated exactly up to the degree of the tensor power
        g = _rotations(degree) if name == "SO3" else G.elements
        values = rep(g)
        mean = values[: -max(1, len(values) // 4)].mean(0) if sabotage else values.mean(0)
        h = rep(G.sample(4, rng))
        predicted += [float(len(rep.fixed())), 0, 0]
        measured += [
            float(mean.trace()),
            float((mean @ mean - mean).norm()),
            float((h @ mean - mean).flatten(1).norm(dim=1).max()),
        ]
        power = f"V⊗{degree}" if degree > 1 else "V"
        labels += [f"{name} {power}: {what}" for what in ("trace", "R² − R", "r(h)R − R")]
    return Evidence(
        predicted,
        measured,
        tolerance=1e-12,
        because="rounding: 81 ε times entries of at most 1, averaged over at most 125 elements, is"
        " below 1e-12",
        labels=tuple(labels),
    )


def null_dimension(r: Rep, s: Rep) -> int:
    """Dimension of Hom_G(r, s) by a plain singular value decomposition.

    The stacked maps W -> s(g) W - W r(g) over *all* elements of a finite group; slow, and shares
    nothing with `geomdl.intertwiners`.

    Args:
        r: representation of a finite group.
        s: representation of the same group.

    Returns:
        Number of eigenvalues of their Gram matrix below 1e-9.

    Example:
        >>> null_dimension(group("C4").regular, group("C4").regular)
        4
    """
    a, b = r(r.group.elements), s(s.group.elements)
    one_r, one_s = (torch.eye(n, dtype=torch.float64) for n in (r.dim, s.dim))
    gram = torch.zeros(r.dim * s.dim, r.dim * s.dim, dtype=torch.float64)
    for x, y in zip(a, b, strict=True):
        rows = kron(y, one_r) - kron(one_s, x.T)
        gram += rows.T @ rows / len(a)
    return int((torch.linalg.svdvals(gram) < 1e-9).sum())


def multiplicity(irrep: Rep, rep: Rep) -> int:
    """How often a real irrep occurs in a representation of a finite group, by characters.

    Args:
        irrep: real irreducible representation.
        rep: any representation of the same group.

    Returns:
        ⟨χ_rep, χ_irrep⟩ / ⟨χ_irrep, χ_irrep⟩.

    Example:
        >>> [multiplicity(i, group("D4").regular) for i in group("D4").irreps()]
        [1, 1, 2, 1, 1]
    """
    g = irrep.group.elements
    x, y = irrep.character(g), rep.character(g)
    return round(float((x * y).sum() / (x * x).sum()))


def _pairs(irrep: Rep, r: Rep, s: Rep, weighted: bool) -> int:
    x = irrep.character(irrep.group.elements)
    d = round(float((x * x).mean())) if weighted else 1
    return d * multiplicity(irrep, r) * multiplicity(irrep, s)


def _random_sum(G: Group, rng: torch.Generator) -> Rep:
    """Every irrep of dimension two or more at least once, others up to twice; then a power."""
    parts: list[tuple[Rep, int]] = []
    for irrep in G.irreps():
        least = 1 if irrep.dim > 1 else 0
        n = int(torch.randint(least, 3, (), generator=rng))
        if n:
            parts.append((irrep, n))
    return direct_sum([*parts, (G.standard, 1)])


def _orthogonal(n: int, rng: torch.Generator) -> Tensor:
    q: Tensor = torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64)).Q
    return q


def _rotations(degree: int) -> Tensor:
    """Nodes of SO(3), of equal weight, exact on matrix coefficients of degree ≤ ``degree`` ≤ 5.

    Euler angles: equal steps in α and γ; in cos β the five nodes of Chebyshev's rule, whose equal
    weights are exact on polynomials of degree five.
    """
    if degree > 5:
        raise ValueError(f"degree: expected at most 5, got {degree}")
    x = [math.sqrt((5 + sign * math.sqrt(11)) / 12) for sign in (-1, 1)]
    cosines = torch.tensor([-x[1], -x[0], 0.0, x[0], x[1]], dtype=torch.float64)
    angles = 2 * math.pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
    z, y = _turn(angles, 0, 1), _turn(cosines.acos(), 2, 0)
    return torch.einsum("aij,bjk,ckl->abcil", z, y, z).reshape(-1, 3, 3)


def _turn(angle: Tensor, i: int, j: int) -> Tensor:
    out = torch.eye(3, dtype=torch.float64).repeat(len(angle), 1, 1)
    out[:, i, i] = out[:, j, j] = angle.cos()
    out[:, j, i], out[:, i, j] = angle.sin(), -angle.sin()
    return out
