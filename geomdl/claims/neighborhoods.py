"""What the body order of a layer sees of a neighbourhood: pairs of which lists agree."""

from itertools import combinations, permutations

import torch
from torch import Tensor

from geomdl.claims.evidence import Evidence
from geomdl.claims.registry import claim
from geomdl.data.lookalikes import INCOMPLETE, incomplete
from geomdl.euclidean import Interaction, SymmetricContraction, spherical, spherical_harmonics
from geomdl.fields import Graph

TOPIC = "points"
_APART = 1e-10  # relative; what agrees, agrees to 1e-14
_SAME = 1e-8  # of products near 1, rounded to 1e-9: the least that differ, differ by 1e-2


def _pair(name: str) -> list[Tensor]:
    """Neighbours of the middle, twice."""
    found = incomplete(name)
    return [places[1:] for places in (found.first, found.second)]


def _isosceles() -> list[Tensor]:
    """The third pair with an isosceles triangle."""
    above = torch.tensor([[0.6, -0.8], [0.0, 1.0], [-0.6, -0.8]], dtype=torch.float64)
    turn = torch.tensor([[12.0, -5.0], [5.0, 12.0]], dtype=torch.float64) / 13
    height = above.new_full((3, 1), 0.4)
    drum = torch.cat([torch.cat([above, height], 1), torch.cat([above @ turn.T, -height], 1)])
    return [torch.cat([drum, drum.new_tensor([[0.0, 0.0, side]])]) for side in (1.0, -1.0)]


def body_list(points: Tensor, order: int) -> Tensor:
    """Geometry of all sets of order - 1 neighbours with the middle, sorted: lists that compare.

    Each set is its matrix of inner products, up to the order of its points: up to isometry.
    """
    products = (points @ points.T + 0.0).round(decimals=9)
    rows = []
    for chosen in combinations(range(len(points)), order - 1):
        inner = products[list(chosen)][:, list(chosen)]
        rows.append(min(inner[list(p)][:, list(p)].flatten().tolist()
                        for p in permutations(range(order - 1))))  # fmt: skip
    return torch.tensor(sorted(rows), dtype=torch.float64)


def isometries(one: Tensor, other: Tensor) -> int:
    """How many bijections of the points are rotations or reflections about the origin."""
    a, b = one @ one.T, other @ other.T
    orders = torch.tensor(list(permutations(range(len(one)))))
    moved = b[orders.unsqueeze(2), orders.unsqueeze(1)]
    return int(((moved - a).abs().amax((1, 2)) <= _SAME).sum())


@claim(
    "incomplete-lists",
    statement="There are neighbourhoods whose lists of distances agree, others whose lists of"
    " distances and angles agree, others whose lists of tetrahedra agree too, that no rotation or"
    " reflection maps onto each other: the next body order tells them apart.",
    formula=r"\min\{\nu + 1 : \{G_S\}_{|S| = \nu} \neq \{G'_S\}_{|S| = \nu}\} = 3, 4, 5",
    source="Pozdnyakov et al. 2020, arXiv:2001.11696, figures 1b and 2f",
    topic=TOPIC,
    sabotage="the triangle of the third pair is isosceles, so that a half-turn maps it to itself",
)
def incomplete_lists(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Least body order whose lists differ, 0 if none; isometries among all bijections."""
    measured, labels = [], []
    for name in INCOMPLETE:
        one, other = _isosceles() if sabotage and name == "4-body" else _pair(name)
        turn = torch.linalg.qr(torch.randn(3, 3, generator=rng, dtype=torch.float64))[0]
        other = other[torch.randperm(len(other), generator=rng)] @ turn
        orders = (
            k
            for k in range(2, len(one) + 2)
            if not torch.allclose(body_list(one, k), body_list(other, k), 0, _SAME)
        )
        measured += [next(orders, 0), isometries(one, other)]
        labels += [f"{name}, order", f"{name}, isometries"]
    because = "counting: orders and maps are whole numbers"
    return Evidence([3, 0, 4, 0, 5, 0], measured, 0, because, labels=tuple(labels))


@claim(
    "body-order",
    statement="Polynomials of degree ν of a sum over neighbours see body order ν + 1: they tell"
    " apart the pairs whose lists agree to 2, 3 and 4 bodies from ν = 2, 3 and 4 on.",
    formula=r"\min\{\nu : B_\nu(A) \neq B_\nu(A')\} = 2, 3, 4",
    source="Joshi et al. 2023, arXiv:2301.09308; Pozdnyakov et al. 2020, arXiv:2001.11696",
    topic=TOPIC,
    sabotage="of the second of each pair, one neighbour is further away, by a tenth",
)
def body_order(rng: torch.Generator, sabotage: bool) -> Evidence:
    """Least degree of a `SymmetricContraction` with random weights that gives two features."""
    lmax, channels, measured = 3, 4, []
    for name in INCOMPLETE:
        one, other = _pair(name)
        if sabotage:
            other[0] *= 1.1
        n = len(one)
        graph = Graph.from_edge_index(torch.stack([torch.arange(1, n + 1), torch.zeros(n).long()]))
        layer = Interaction(spherical(0), spherical(lmax), channels=channels)
        radial = torch.randn(2, layer.paths, channels, generator=rng, dtype=torch.float64)
        x = torch.ones(n + 1, 1, channels, dtype=torch.float64)
        sums = []
        for points in (one, other):
            r = points.norm(dim=1)[:, None, None]
            w = radial[0] * (-r).exp() + radial[1] * (-r * r).exp()
            sums.append(layer(x, spherical_harmonics(points, lmax), w, graph)[:1])
        least = 0
        for degree in range(1, 5):
            contract = SymmetricContraction(
                spherical(lmax), spherical(0), channels=channels, correlation=degree, rng=rng
            ).double()
            with torch.no_grad():
                a, b = (contract(s, torch.zeros(1, dtype=torch.int64)) for s in sums)
            if float((a - b).norm()) > _APART * float(a.norm()):
                least = degree
                break
        measured.append(least)
    return Evidence([2, 3, 4], measured, 0, "counting: degrees are whole numbers",
                    labels=INCOMPLETE)  # fmt: skip
