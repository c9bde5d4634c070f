"""Counting invariants: Molien, harmonics, Burnside."""

from itertools import combinations_with_replacement, product

import numpy as np
import torch
from numpy.typing import NDArray

from geomdl.claims import figures
from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.groups import Group, Rep, group, intertwiners

TOPIC = "counting"
Array = NDArray[np.float64]


@claim(
    "molien",
    statement="Molien's series counts the invariant polynomials, and with a character the"
    " equivariant ones, degree by degree.",
    formula=r"\sum_k \dim \mathrm{Hom}_G(\mathrm{Sym}^k V, W)\, t^k"
    r" = \frac{1}{|G|}\sum_g \frac{\chi_W(g)}{\det(1 - t g)}",
    source="Molien 1897; Sturmfels 2008, theorem 2.2.1",
    topic=TOPIC,
    sabotage="polynomials of a proper subgroup are counted",
)
def molien(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Series of characteristic polynomials against numerical ranks, up to degree 6."""
    predicted, measured, labels = [], [], []
    for name, smaller, degrees in (("D4", "C4", 6), ("S4", "S3", 4), ("Td", "T", 5), ("O", "T", 5)):
        G = group(name)
        used = G.subgroup(smaller) if sabotage else G.subgroup(G)
        for target, what in ((G.trivial, "invariants"), (G.standard, "vectors")):
            series = molien_series(G.standard, target, degrees)
            for k in range(degrees, 0, -1):
                source, out = G.standard.sym(k).restrict(used), target.restrict(used)
                predicted.append(series[k])
                measured.append(len(intertwiners(source, out)))
                labels.append(f"{name} {what} {k}")
    return Evidence(
        predicted,
        measured,
        tolerance=1e-9,
        because="rounding of the series; the ranks are whole numbers",
        labels=tuple(labels),
    )


@claim(
    "invariant-harmonics",
    statement="The share of invariant functions among the spherical harmonics of degree k tends to"
    " 1/|G|.",
    formula=r"\gamma_k = \frac{\dim H_k^G}{\dim H_k},\quad \sum_k \dim H_k^G\, t^k"
    r" = \frac{1}{|G|}\sum_g \frac{1 - t^2}{\det(1 - t g)},\quad \gamma_k \to \frac{1}{|G|}",
    source="Bietti, Venturi and Bruna 2021, arXiv:2106.07148",
    topic=TOPIC,
    sabotage="the measured functions are invariant under half of the group only",
)
def invariant_harmonics(rng: torch.Generator, sabotage: bool) -> Evidence:
    """C6 turning six coordinates: Molien against null spaces of the Laplacian; then the limit."""
    G = group("C6")
    shift = G.regular
    series = np.array(molien_series(shift, G.trivial, 60))
    series[2:] -= series[:-2].copy()
    total = np.array([_harmonics(6, k) for k in range(61)], dtype=np.float64)
    share = series / total
    step = 2 if sabotage else 1
    degrees = range(1, 6)
    moved = [(i + step) % 6 for i in range(6)]
    measured = [_fixed_harmonics(moved, k) / total[k] for k in degrees]
    return Evidence(
        [*share[1:6], 1 / 6],
        [*measured, share[60]],
        tolerance=[1e-9] * 5 + [1e-3],
        because="rounding of the series; at degree 60 the other elements still weigh below 10⁻³",
        labels=(*(f"degree {k}" for k in degrees), "series, degree 60"),
        figure=figures.curve(
            range(1, 30),
            share[1:30].tolist(),
            measured,
            at=degrees,
            labels=("degree", "share of invariant harmonics"),
            limit=(1 / 6, "1/|G|"),
        ),
    )


@claim(
    "burnside",
    statement="The number of orbits is the average number of fixed points.",
    formula=r"|X/G| = \frac{1}{|G|}\sum_g |X^g| = \frac{1}{|G|}\sum_g q^{\mathrm{cycles}(g)}",
    source="Burnside 1897; Pólya 1937",
    topic=TOPIC,
    sabotage="fixed places are counted in place of cycles",
)
def burnside(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Colourings of necklaces, bracelets and graphs' nodes: the formula against enumeration."""
    predicted, measured, labels = [], [], []
    for name, colours in (("C5", 3), ("D6", 3), ("S4", 4), ("C8", 2)):
        G = group(name)
        perms = _places(G)
        cycles = [_fixed_places(p) if sabotage else _cycles(p) for p in perms]
        predicted.append(sum(colours**c for c in cycles) / len(cycles))
        seen = {
            min(tuple(x[i] for i in p) for p in perms)
            for x in product(range(colours), repeat=len(perms[0]))
        }
        measured.append(len(seen))
        labels.append(f"{name}, {colours} colours")
    return Evidence(predicted, measured, 0, "counting", labels=tuple(labels))


def molien_series(rep: Rep, target: Rep, degree: int) -> list[float]:
    """Dimensions of Hom_G(Sym^k rep, target) for k = 0 … ``degree``, by Molien's series.

    The reciprocal power series of the characteristic polynomials; not exactly integral, to 1e-9.

    Args:
        rep: representation of a finite group.
        target: of the same group.
        degree: of the last coefficient.

    Returns:
        The coefficients.

    Example:
        >>> D4 = group("D4")
        >>> [round(x) for x in molien_series(D4.standard, D4.trivial, 4)]
        [1, 0, 1, 0, 2]
    """
    g = rep.group.elements
    matrices, weights = rep(g).numpy(), target.character(g).numpy()
    total = np.zeros(degree + 1)
    for matrix, weight in zip(matrices, weights, strict=True):
        # det(1 - t g) has the coefficients of the characteristic polynomial, highest first
        c = np.real(np.poly(matrix))
        h = np.zeros(degree + 1)
        h[0] = 1.0
        for k in range(1, degree + 1):
            n = min(k, rep.dim)
            h[k] = -(c[1 : n + 1] * h[k - n : k][::-1]).sum()
        total += weight * h / len(matrices)
    return [float(x) for x in total]


def _harmonics(n: int, k: int) -> int:
    from math import comb

    return comb(n + k - 1, k) - (comb(n + k - 3, k - 2) if k > 1 else 0)


def _monomials(n: int, k: int) -> dict[tuple[int, ...], int]:
    found = combinations_with_replacement(range(n), k)
    return {tuple(c.count(i) for i in range(n)): j for j, c in enumerate(found)}


def _fixed_harmonics(moved: list[int], k: int) -> int:
    """Dimension of {p of degree k : Δp = 0, p(x moved) = p}, by singular values."""
    n = len(moved)
    index, lower = _monomials(n, k), _monomials(n, k - 2) if k > 1 else {}
    laplace, move = np.zeros((len(lower), len(index))), -np.eye(len(index))
    for power, j in index.items():
        move[index[tuple(power[i] for i in moved)], j] += 1
        for i in range(n):
            if power[i] > 1:
                less = (*power[:i], power[i] - 2, *power[i + 1 :])
                laplace[lower[less], j] = power[i] * (power[i] - 1)
    rank = int((np.linalg.svd(np.concatenate([laplace, move]), compute_uv=False) > 1e-9).sum())
    return len(index) - rank


def _places(G: Group) -> list[list[int]]:
    """The group as permutations of its places: beads of a necklace, or points."""
    if G.name.startswith("S"):
        return [list(map(int, row)) for row in G.elements]
    n = int(G.name[1:])
    turns = [[(i + k) % n for i in range(n)] for k in range(n)]
    return turns if G.name.startswith("C") else turns + [[p[-i] for i in range(n)] for p in turns]


def _cycles(p: list[int]) -> int:
    seen: set[int] = set()
    count = 0
    for start in range(len(p)):
        count += start not in seen
        while start not in seen:
            seen.add(start)
            start = p[start]
    return count


def _fixed_places(p: list[int]) -> int:
    return sum(i == x for i, x in enumerate(p))
