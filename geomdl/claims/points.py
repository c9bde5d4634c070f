"""What networks on points can tell apart: degrees, layers; the addition theorem."""

import math
from typing import Any

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.euclidean import (
    MACE,
    Interaction,
    NequIP,
    SchNet,
    spherical,
    spherical_harmonics,
)
from geomdl.fields import Graph

TOPIC = "points"
_APART = 1e-12  # relative; what agrees, agrees to 1e-15


@claim(
    "addition-theorem",
    statement="Harmonics of one degree make a kernel that depends on the angle between two"
    " directions alone: the Legendre polynomial.",
    formula=r"\sum_m Y_{lm}(a)\, Y_{lm}(b) = (2l + 1)\, P_l(a \cdot b)",
    source="Müller 1966, Spherical harmonics, theorem 2",
    topic=TOPIC,
    sabotage="one component of each degree is left out",
)
def addition_theorem(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Both sides at degrees 1 to 12 for a random pair; P_l by its recursion."""
    pair = torch.randn(2, 3, generator=rng, dtype=torch.float64)
    a, b = pair / pair.norm(dim=1, keepdim=True)
    t = float(a @ b)
    legendre = [1.0, t]
    for l in range(2, 13):
        legendre.append(((2 * l - 1) * t * legendre[-1] - (l - 1) * legendre[-2]) / l)
    products = spherical_harmonics(a, 12) * spherical_harmonics(b, 12)
    measured = [
        float(products[l * l + int(sabotage) : (l + 1) ** 2].sum()) / (2 * l + 1)
        for l in range(1, 13)
    ]
    return Evidence(legendre[1:], measured, 1e-12,
                    "rounding: 25 products of numbers up to 5, in float64",
                    labels=tuple(f"l = {l}" for l in range(1, 13)))  # fmt: skip


def _star(n: int, shift: float, uneven: bool) -> Tensor:
    """Directions of n neighbours on a circle across the polar axis, in units of a step."""
    steps = torch.arange(n, dtype=torch.float64) + shift
    if uneven:
        steps[0] += 0.2
    angles = 2 * math.pi * steps / n
    return torch.stack([angles.cos(), torch.zeros_like(angles), angles.sin()], -1)


@claim(
    "star-degree",
    statement="One layer of messages tells a star of n even directions from itself turned by half a"
    " step if and only if its features reach degree n.",
    formula=r"\min\{l : \Sigma_l \text{ differs}\} = n",
    source="Joshi et al. 2023, arXiv:2301.09308",
    topic=TOPIC,
    sabotage="one neighbour is out of place, by a fifth of a step",
)
def star_degree(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Least degree at which an `Interaction` with random weights gives two stars two features."""
    folds = (2, 3, 4, 5, 6)
    measured = []
    for n in folds:
        ends = torch.stack([torch.arange(1, n + 1), torch.zeros(n, dtype=torch.int64)])
        graph, least = Graph.from_edge_index(ends), 0
        for l in range(1, 9):
            layer = Interaction(spherical(0), spherical(l), channels=4)
            w = torch.randn(layer.paths, 4, generator=rng, dtype=torch.float64)
            x = torch.ones(n + 1, 1, 4, dtype=torch.float64)
            found = [
                layer(x, spherical_harmonics(_star(n, shift, sabotage and shift > 0), l),
                      w.expand(n, -1, -1), graph)[0]
                for shift in (0.0, 0.5)
            ]  # fmt: skip
            if float((found[0] - found[1]).norm()) > _APART * float(found[0].norm()):
                least = l
                break
        measured.append(least)
    return Evidence(list(folds), measured, 0, "counting: degrees are whole numbers",
                    labels=tuple(f"n = {n}" for n in folds))  # fmt: skip


def _chain(k: int, side: int, bent: bool) -> tuple[Tensor, Graph]:
    """K points in a row, with an arm at either end: both on one side, or on two."""
    row = torch.zeros(k, 3, dtype=torch.float64)
    row[:, 0] = torch.arange(k, dtype=torch.float64)
    if bent:
        row[1:-1, 1] = 0.3
    arms = torch.tensor([[-0.6, 0.8, 0.0], [k - 0.4, 0.8 * side, 0.0]], dtype=torch.float64)
    order = [k, *range(k), k + 1]
    ends = torch.tensor([order[:-1], order[1:]])
    return torch.cat([row, arms]), Graph.from_edge_index(torch.cat([ends, ends.flip(0)], 1))


@claim(
    "chain-layers",
    statement="A row of k points with an arm at either end, both on one side or on two, is told"
    " apart by ⌊k/2⌋ + 1 layers and not by fewer, where an atom multiplies what it hears; by k + 1"
    " where messages are linear in the features; and by no number of them where the features"
    " between layers are invariant.",
    formula=r"T_{\mathrm{MACE}} = \lfloor k/2 \rfloor + 1, \quad T_{\mathrm{NequIP}} = k + 1,"
    r" \quad T_{\mathrm{invariant}} = \infty",
    source="Joshi et al. 2023, arXiv:2301.09308; the second is a count of hops",
    topic=TOPIC,
    sabotage="the row between its ends is bent, so that a point sees on which side an arm is",
)
def chain_layers(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Least number of layers with random weights, l ≤ 1, whose energies differ; 0 if none to 6."""
    wide: dict[str, Any] = {"channels": 16, "cutoff": 3.0, "neighbors": 2.0}
    mace: dict[str, Any] = {"lmax": 1, "correlation": 2, **wide}
    cases: list[tuple[str, type, dict[str, Any], int, int]] = [
        *(("MACE", MACE, mace, k, k // 2 + 1) for k in (3, 4, 5, 6)),
        *(("NequIP", NequIP, {"lmax": 1, **wide}, k, k + 1) for k in (3, 4)),
        ("MACE, invariant features", MACE, {**mace, "hidden": 0, "channels": 8}, 4, 0),
        ("SchNet", SchNet, wide, 4, 0),
    ]
    measured = []
    for _, kind, options, k, _ in cases:
        pairs = [_chain(k, side, sabotage) for side in (1, -1)]
        least = 0
        for layers in range(1, 7):
            model = kind((6,), layers=layers, rng=rng, **options).double()
            with torch.no_grad():
                one, other = (float(model(torch.full((k + 2,), 6), *pair)) for pair in pairs)
            if abs(one - other) > _APART * abs(one):
                least = layers
                break
        measured.append(least)
    return Evidence([count for *_, count in cases], measured, 0,
                    "counting: layers are whole numbers",
                    labels=tuple(f"{name}, k = {k}" for name, *_, k, _ in cases))  # fmt: skip
