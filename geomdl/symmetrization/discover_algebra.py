"""Lie algebras of matrices that were measured: brackets, the nearest closed one, plain entries."""

import math

import torch
from torch import Tensor

from geomdl.groups.finite import enumerate_closure

DRAWS = 64  # elements by which a matrix is moved, for its logarithm to be taken
STEPS = 20
SMALL = 1e-3  # singular values of the slope, relative, along which no step is taken
WORDS = 500  # products of generators that are compared at most
EXACT = 1e-8  # bracket residual of what counts as closed
ROUNDING = 1e-13  # norm of all brackets that is not driven down further


def orthonormal(algebra: Tensor) -> Tensor:
    """Orthonormal basis of the span of matrices (k, n, n), in the inner product tr(AᵀB)."""
    if not len(algebra):
        return algebra
    q, _ = torch.linalg.qr(algebra.flatten(1).mT)
    basis: Tensor = q.mT.reshape(algebra.shape)
    return basis


def openness(algebra: Tensor) -> Tensor:
    """Parts (k, k, n²) of the brackets of an orthonormal basis that lie outside of its span.

    They vanish for a Lie algebra; brackets are at most √2 in norm.
    """
    products = algebra.unsqueeze(1) @ algebra.unsqueeze(0)
    brackets = (products - products.transpose(0, 1)).flatten(2)
    flat = algebra.flatten(1)
    return brackets - brackets @ flat.mT @ flat


def bracket_residual(algebra: Tensor) -> float:
    """Largest norm of what the brackets of an orthonormal basis leave outside of its span."""
    return float(openness(orthonormal(algebra)).norm(dim=-1).max()) if len(algebra) else 0.0


def closed(algebra: Tensor, among: Tensor) -> Tensor:
    """A Lie algebra near the span of matrices: its open part is driven to zero by Gauss–Newton.

    Args:
        algebra: basis (k, n, n) of the estimate.
        among: matrices (K, n, n) whose span the result lies in.

    Returns:
        orthonormal basis (k, n, n); closed where the iteration arrived, see `bracket_residual`.
    """
    frame, shape = orthonormal(among).flatten(1), algebra.shape[1:]
    rows = orthonormal(algebra).flatten(1) @ frame.mT

    def open_part(weights: Tensor) -> Tensor:
        basis = torch.linalg.qr(weights.mT)[0].mT @ frame
        return openness(basis.reshape(-1, *shape)).flatten()

    for _ in range(STEPS):
        miss = open_part(rows)
        if float(miss.norm()) <= ROUNDING:
            break
        slope = torch.func.jacfwd(open_part)(rows).flatten(1)
        # where the algebra may move without opening, it stays: the shortest step
        inverse = torch.linalg.pinv(slope.mT @ slope, rtol=SMALL**2, hermitian=True)
        step = inverse @ (slope.mT @ miss)
        rows = torch.linalg.qr((rows - step.reshape(rows.shape)).mT)[0].mT
    return (rows @ frame).reshape(-1, *shape)


def plain(algebra: Tensor, tolerance: float) -> Tensor | None:
    """Basis in reduced echelon form with whole numbers for entries, if there is one nearby.

    Args:
        algebra: basis (k, n, n).
        tolerance: largest distance of an entry of the echelon form from a whole number.

    Returns:
        shape (k, n, n), or None.
    """
    rows, used = algebra.flatten(1).clone(), []
    for i in range(len(rows)):
        largest = rows[i:].abs().amax(0)
        column = int((largest >= 0.99 * largest.max()).nonzero()[0, 0])  # the first of equal ones
        pivot = i + int(rows[i:, column].abs().argmax())
        rows[[i, pivot]] = rows[[pivot, i]]
        rows[i] = rows[i] / rows[i, column]
        others = torch.arange(len(rows)) != i
        rows[others] = rows[others] - rows[others, column : column + 1] * rows[i]
        used.append(column)
    whole = rows.round()
    if float((rows - whole).abs().max()) > tolerance:
        return None
    return whole[torch.tensor(used).argsort()].reshape(algebra.shape) + 0.0  # no −0


def connected(g: Tensor, algebra: Tensor, tolerance: float = 1e-6) -> Tensor:
    """Whether matrices (…, n, n) lie in the connected group of a Lie algebra, bool (…).

    g does if h g = exp(X) for some h of the group and X of the algebra; 64 random h are tried, with
    X the principal logarithm. True is certain up to the tolerance; False is not, though a miss is
    unlikely where every element has a logarithm, as in a compact group.
    """
    if not len(algebra):
        identity = torch.eye(g.shape[-1], dtype=g.dtype)
        same: Tensor = (g - identity).abs().amax((-2, -1)) <= tolerance
        return same
    basis = orthonormal(algebra)
    rng = torch.Generator().manual_seed(0)
    weights = torch.randn(DRAWS, len(basis), generator=rng, dtype=torch.float64)
    weights[0] = 0  # g itself
    moved = torch.linalg.matrix_exp(torch.einsum("da,aij->dij", weights, basis))
    h = moved @ g.unsqueeze(-3)
    values, vectors = torch.linalg.eig(h)
    logarithm = (vectors * values.log().unsqueeze(-2)) @ torch.linalg.pinv(vectors)
    flat = basis.flatten(1)
    projected = logarithm.real.flatten(-2) @ flat.mT @ flat
    back = torch.linalg.matrix_exp(projected.reshape(h.shape))
    error = (back - h).norm(dim=(-2, -1)) / h.norm(dim=(-2, -1))
    found: Tensor = (error.nan_to_num(math.inf) <= tolerance).any(-1)
    return found


def normalizes(g: Tensor, algebra: Tensor, tolerance: float) -> Tensor:
    """Whether matrices (m, n, n) carry a Lie algebra into itself, bool (m).

    g A g⁻¹ may leave its span by the tolerance, relative, times the condition of g.
    """
    if not len(algebra) or not len(g):
        return torch.ones(len(g), dtype=torch.bool)
    basis, inverse = orthonormal(algebra), torch.linalg.inv(g)
    carried = (g.unsqueeze(1) @ basis @ inverse.unsqueeze(1)).flatten(2)
    outside = carried - carried @ basis.flatten(1).mT @ basis.flatten(1)
    condition = torch.linalg.cond(g)
    miss = (outside.norm(dim=-1) / carried.norm(dim=-1)).amax(-1)
    held: Tensor = miss <= tolerance * condition
    return held


def generating(found: Tensor, algebra: Tensor, tolerance: float) -> Tensor:
    """Those of some matrices that, with exp of a Lie algebra, generate all of them."""
    left = found[~connected(found, algebra, tolerance)] if len(found) else found
    chosen: list[Tensor] = []
    while len(left):
        chosen.append(left[0])
        left = _outside(left[1:], chosen, algebra, tolerance)
    for g in list(chosen):
        others = [h for h in chosen if h is not g]
        if others and not len(_outside(g.unsqueeze(0), others, algebra, tolerance)):
            chosen = others
    return torch.stack(chosen) if chosen else found[:0]


def _outside(g: Tensor, chosen: list[Tensor], algebra: Tensor, tolerance: float) -> Tensor:
    """Those of some matrices that are no word in chosen ones, times exp of a Lie algebra."""
    words = enumerate_closure(torch.stack(chosen), WORDS)
    for w in torch.stack(chosen) if words is None else words:
        if len(g):
            g = g[~connected(g @ torch.linalg.inv(w), algebra, tolerance)]
    return g


def signed_permutations(n: int) -> Tensor:
    """Candidates for finite generators: matrices that permute and mirror coordinates.

    All 2ⁿ n! for n ≤ 4; above, mirrors, exchanges and quarter turns of two coordinates, and −1.

    Example:
        >>> len(signed_permutations(3)), len(signed_permutations(5))
        (48, 36)
    """
    one = torch.eye(n, dtype=torch.float64)
    mirrors = torch.diag_embed(1 - 2 * one)
    pairs = [(i, j) for i in range(n) for j in range(i)]
    swaps = [_swap(n, i, j) for i, j in pairs]
    if n <= 4:
        every = enumerate_closure(torch.stack([*mirrors, *swaps]), 2**n * math.factorial(n))
        assert every is not None
        return every
    turns = [mirrors[i] @ swap for (i, _), swap in zip(pairs, swaps, strict=True)]
    return torch.stack([*mirrors, *swaps, *turns, *(t.mT for t in turns), -one])


def _swap(n: int, i: int, j: int) -> Tensor:
    order = list(range(n))
    order[i], order[j] = j, i
    return torch.eye(n, dtype=torch.float64)[order]
