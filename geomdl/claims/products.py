"""Clebsch-Gordan for SO(3) and Frobenius reciprocity."""

from itertools import product

import torch

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.claims.representations import null_dimension
from geomdl.groups import Rep, direct_sum, group, intertwiners

TOPIC = "representations"
PAIRS = (("D4", "C4"), ("D3", "C3"), ("S4", "S3"), ("O", "T"))


@claim(
    "clebsch-gordan",
    statement="The product of the irreps of degrees k and l of SO(3) holds each degree from |k − l|"
    " to k + l once, and no other.",
    formula=r"V_k \otimes V_l \cong \bigoplus_{m=|k-l|}^{k+l} V_m",
    source="Hall 2015, Lie groups, Lie algebras, and representations, appendix C",
    topic=TOPIC,
    sabotage="k + l + m must be even too, as for products of functions on the sphere",
)
def clebsch_gordan(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Dimensions of Hom(V_k ⊗ V_l, V_m) from the Lie algebra alone, for all degrees up to 3."""
    G = group("SO3")
    predicted, measured, labels = [], [], []
    for k, l, m in product(range(4), repeat=3):
        fits = abs(k - l) <= m <= k + l
        predicted.append(int(fits and not (sabotage and (k + l + m) % 2)))
        measured.append(len(intertwiners(G.irrep(k) @ G.irrep(l), G.irrep(m))))
        labels.append(f"{k}⊗{l}→{m}")
    return Evidence(predicted, measured, 0, "counting: ranks are whole numbers",
                    labels=tuple(labels))  # fmt: skip


@claim(
    "frobenius",
    statement="Equivariant maps out of an induced representation are the maps of the subgroup into"
    " the restricted one.",
    formula=r"\dim \mathrm{Hom}_G(\mathrm{Ind}_H^G r, s)"
    r" = \dim \mathrm{Hom}_H(r, \mathrm{Res}_H\, s)",
    source="Serre 1977, §7.2, theorem 13",
    topic=TOPIC,
    sabotage="a trivial representation of the same dimension is induced in place of r",
)
def frobenius(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Both sides for four pairs of groups and random sums of irreps."""
    predicted, measured = [], []
    for big, small in PAIRS:
        G, H = group(big), group(small)
        below = G.subgroup(H)
        r = _draw(H.irreps(), rng)
        s = direct_sum([(_draw(G.irreps(), rng), 1), (G.standard, 1)])
        predicted.append(len(intertwiners(r, s.restrict(below))))
        source = r.dim * H.trivial if sabotage else r
        measured.append(null_dimension(source.induce(below), s))
    return Evidence(predicted, measured, 0, "counting: ranks are whole numbers",
                    labels=tuple(f"{H} < {G}" for G, H in PAIRS))  # fmt: skip


def _draw(irreps: list[Rep], rng: torch.Generator) -> Rep:
    """A random irrep that is not trivial, and a second one."""
    first, second = torch.randint(1, len(irreps), (2,), generator=rng).tolist()
    return direct_sum([(irreps[first], 1), (irreps[second], 1)])
