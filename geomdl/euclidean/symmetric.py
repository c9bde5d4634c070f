"""Generalised Clebsch-Gordan coefficients: equivariant polynomials of one spherical tensor."""

import math
from collections import Counter
from itertools import combinations_with_replacement
from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.euclidean.spherical import single
from geomdl.groups import Rep, clebsch_gordan, group
from geomdl.groups.constant import memoized

_DEPENDENT = 1e-6  # what is left of a normalised candidate that the ones before it span
_ZERO = 1e-13  # coefficients below are rounding


class Monomials(NamedTuple):
    """All products of so many components, each product once.

    Attributes:
        parent: the product of one factor less, without the last, shape (products,).
        last: the factor that comes last, shape (products,).
        times: of each product of one factor less with each component, which this is, shape
            (fewer, components).
        orders: in how many orders its factors can be written, shape (products,).
    """

    parent: Tensor
    last: Tensor
    times: Tensor
    orders: Tensor


@memoized
def monomials(components: int, degree: int) -> Monomials:
    """Products of `degree` of the components, in the order of their sorted factors.

    Example:
        >>> found = monomials(2, 2)  # x², x y, y²
        >>> found.parent.tolist(), found.last.tolist(), found.orders.tolist()
        ([0, 0, 1], [0, 1, 1], [1.0, 2.0, 1.0])
    """
    ours = list(combinations_with_replacement(range(components), degree))
    place = {factors: at for at, factors in enumerate(ours)}
    fewer = list(combinations_with_replacement(range(components), degree - 1))
    before = {factors: at for at, factors in enumerate(fewer)}
    times = [[place[tuple(sorted((*f, i)))] for i in range(components)] for f in fewer]
    orders = [
        math.factorial(degree) / math.prod(map(math.factorial, Counter(factors).values()))
        for factors in ours
    ]
    return Monomials(
        torch.tensor([before[factors[:-1]] for factors in ours], dtype=torch.int64),
        torch.tensor([factors[-1] for factors in ours], dtype=torch.int64),
        torch.tensor(times, dtype=torch.int64).reshape(len(fewer), components),
        torch.tensor(orders, dtype=torch.float64),
    )


@memoized
def _multiplicities(rep: Rep, degree: int) -> dict[tuple[int, int], int]:
    """How often the symmetric power holds each (l, p): weights m = l less weights m = l + 1."""
    variables = [(m, b.p) for b in single("source", rep) for m in range(-b.l, b.l + 1)]
    weights: Counter[tuple[int, int]] = Counter()
    for factors in combinations_with_replacement(variables, degree):
        weights[sum(m for m, _ in factors), math.prod(p for _, p in factors)] += 1
    found = {(m, p): n - weights[m + 1, p] for (m, p), n in list(weights.items()) if m >= 0}
    return {label: n for label, n in sorted(found.items()) if n}


@memoized
def symmetric_couplings(source: Rep, l: int, p: int, degree: int) -> Tensor:
    """All equivariant polynomials from a spherical tensor into an irrep, of one degree.

    B_k,M(A) = Σ_q U[k, M, q] A^q,  A^q the products of `monomials`; B(D A) = D^l B(A)

    As symmetric tensors, U_k,M are orthonormal, Σ_q U[k, M, q] U[k', M', q] / orders_q = δ δ. They
    span all of Hom(Sym^ν source, (l, p)): those of degree ν are products of those of degree ν - 1
    with A, coupled by Clebsch-Gordan coefficients, made orthonormal in turn, until there are as
    many as weights count. *Exact* up to rounding, in float64.

    Args:
        source: each irrep once.
        l: degree of the irrep that comes out.
        p: its parity.
        degree: ν, of the polynomials.

    Returns:
        shape (K, 2l + 1, products).

    Example:
        >>> from geomdl.euclidean.spherical import spherical
        >>> symmetric_couplings(spherical(1), 0, 1, 2).shape  # s², x² + y² + z²
        torch.Size([2, 1, 10])

    Source: Drautz 2019, doi:10.1103/PhysRevB.99.014104; Batatia et al. 2022, arXiv:2206.07697.
    """
    parts, so3 = single("source", source), group("SO3")
    count, components = _multiplicities(source, degree).get((l, p), 0), source.dim
    size = 2 * l + 1
    if degree == 1:
        rows = [b for b in parts if (b.l, b.p) == (l, p)]
        eye = torch.eye(components, dtype=torch.float64)
        return (
            torch.stack([eye[b.start : b.stop] for b in rows])
            if rows
            else eye.new_zeros(0, size, components)
        )
    products = monomials(components, degree)
    metric = products.orders.rsqrt()
    made = torch.zeros(count, size, len(products.last), dtype=torch.float64)
    found = 0
    for middle, parity in _multiplicities(source, degree - 1):
        for b in parts:
            if found == count or parity * b.p != p or not abs(middle - b.l) <= l <= middle + b.l:
                continue
            fewer = symmetric_couplings(source, middle, parity, degree - 1)
            cg = clebsch_gordan(*(so3.irrep(x) for x in (middle, b.l, l)))[0]
            candidates = made.new_zeros(len(fewer), *made.shape[1:])
            for m in range(2 * b.l + 1):
                part = torch.einsum("knq,nM->kMq", fewer, cg[:, m])
                candidates.index_add_(2, products.times[:, b.start + m], part)
            for new in candidates:
                norm = (new[0] * metric).norm()
                if found == count or not norm > _DEPENDENT:
                    continue
                new = new / norm
                for _ in range(2):
                    shares = made[:found, 0] * metric @ (new[0] * metric)
                    new = new - torch.tensordot(shares, made[:found], 1)
                norm = (new[0] * metric).norm()
                if norm > _DEPENDENT:
                    made[found], found = new / norm, found + 1
    if found != count:
        raise RuntimeError(f"couplings: expected {count} of ({l}, {p}), found {found}")
    return torch.where(made.abs() > _ZERO, made, 0.0)


class Degree(NamedTuple):
    """Terms of one degree of equivariant polynomials.

    Attributes:
        parent: which product of the degree before is multiplied, shape (products,).
        last: by which component, shape (products,).
        matrix: U, rows (irrep, k, M), shape (rows, products).
        counts: number of couplings of each irrep of the target.
    """

    parent: Tensor
    last: Tensor
    matrix: Tensor
    counts: tuple[int, ...]


@memoized
def polynomials(source: Rep, target: Rep, degree: int) -> tuple[Degree, ...]:
    """Couplings of every degree up to one, with those products alone that they or others need.

    U is sparse, so that most products of high degree are in no polynomial: of 816 of degree 3 of
    the harmonics up to l = 3, invariants and vectors need 355.

    Example:
        >>> from geomdl.euclidean.spherical import spherical
        >>> [x.counts for x in polynomials(spherical(2), spherical(1), 3)]
        [(1, 1), (3, 2), (5, 5)]
    """
    found: list[Degree] = []
    needed = None  # of the degree at hand, by that above it
    for v in range(degree, 0, -1):
        parts = [symmetric_couplings(source, b.l, b.p, v) for b in single("target", target)]
        matrix, products = torch.cat([u.flatten(0, 1) for u in parts]), monomials(source.dim, v)
        used = (matrix != 0).any(0)
        if needed is not None:
            used[needed] = True
        if v == 1:
            used[:] = True
        kept = used.nonzero().flatten()
        if needed is not None:
            place = torch.cumsum(used, 0) - 1
            found[-1] = found[-1]._replace(parent=place[found[-1].parent])
        parent, last = products.parent[kept], products.last[kept]
        counts = tuple(len(u) for u in parts)
        found.append(Degree(parent, last, matrix[:, kept].contiguous(), counts))
        needed = parent
    return tuple(reversed(found))
