"""Common eigenspaces: few unknowns for intertwiners of large representations."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.groups import elements as el
from geomdl.groups.group import Group
from geomdl.groups.linalg import null_space_symmetric
from geomdl.groups.rep import Rep

_NEAR = 1e-3  # eigenvalues closer than this, relative to the norm, are not told apart
_CLOSED = 1e-9  # error up to which a transposed matrix is in a Lie algebra
_LETTERS = 8


class Commuting(NamedTuple):
    """What every W with s(g) W = W r(g) intertwines: pairs of matrices, of s and of r.

    Attributes:
        adjoint: self-adjoint pairs, shapes (s.dim, s.dim) and (r.dim, r.dim).
        scale: bound on their eigenvalues.
        checks: pairs that W has to intertwine in order to be one, stacked.
    """

    adjoint: tuple[Tensor, Tensor]
    scale: float
    checks: tuple[Tensor, Tensor]


def commuting(r: Rep, s: Rep) -> Commuting | None:
    """A random self-adjoint element of the group algebra in both representations.

    Of a compact group in orthogonal representations: letters and their inverses. Of a group that is
    closed under transposition, as O(1, 3), SL(n), Sp(2n) are, in representations by which
    transposition commutes, as tensors do: words in the Lie algebra and their transposes. None for
    all others.
    """
    group = r.group
    if group.compact and r.is_orthogonal and s.is_orthogonal:
        return _of_letters(group, r, s)
    return _of_words(group, r, s) if _transposes(group, r, s) else None


def _of_letters(group: Group, r: Rep, s: Rep) -> Commuting:
    rng = torch.Generator().manual_seed(1)
    letters = group.sample(_LETTERS, rng)
    weights = torch.randn(_LETTERS, 1, 1, generator=rng, dtype=torch.float64)
    a, b = ((weights * (m + m.mT)).sum(0) for m in (s(letters), r(letters)))
    some = el.take(letters, slice(0, 3))
    left, right = [s(some)], [r(some)]
    if el.count(group, group.generators):
        left.append(s.generators)
        right.append(r.generators)
    return Commuting((a, b), float(weights.abs().sum()), (torch.cat(left), torch.cat(right)))


def _of_words(group: Group, r: Rep, s: Rep) -> Commuting:
    """Σ w (m + mᵀ), m = Xᵀ X Y h: X, Y random in the Lie algebra, h discrete generators or 1."""
    rng = torch.Generator().manual_seed(1)
    mixing = torch.randn(2, _LETTERS, group.lie_dim, generator=rng, dtype=torch.float64)
    weights = torch.randn(_LETTERS, 1, 1, generator=rng, dtype=torch.float64)
    found = []
    for rep in (s, r):
        one = torch.eye(rep.dim, dtype=torch.float64).unsqueeze(0)
        x, y = (torch.einsum("wa,aij->wij", m, rep.lie) for m in mixing)
        h = torch.cat([one, rep.generators])
        h = h[torch.arange(_LETTERS) % len(h)]
        m = x.mT @ x @ (one + y) @ h
        found.append((weights * (m + m.mT)).sum(0))
    bound = max(float(torch.linalg.matrix_norm(m, ord=2)) for m in found)
    checks = [torch.cat([rep.generators, rep.lie]) for rep in (s, r)]
    return Commuting((found[0], found[1]), bound, (checks[0], checks[1]))


def _transposes(group: Group, r: Rep, s: Rep) -> bool:
    """Whether Aᵀ is in the Lie algebra and hᵀ is h or h⁻¹, in both representations alike."""
    algebra = group.lie_algebra
    if not len(algebra):
        return False
    flat, transposed = algebra.flatten(1), algebra.mT.flatten(1)
    turn = transposed @ torch.linalg.pinv(flat)
    if not (turn @ flat - transposed).abs().max() <= _CLOSED:
        return False
    for rep in (r, s):
        moved = torch.einsum("ab,bij->aij", turn, rep.lie)
        if not (moved - rep.lie.mT).abs().max() <= _CLOSED * (1 + float(rep.lie.abs().max())):
            return False
    return all(
        _same(r.generators[k], s.generators[k], inverse=False)
        or _same(r.generators[k], s.generators[k], inverse=True)
        for k in range(len(r.generators))
    )


def _same(*matrices: Tensor, inverse: bool) -> bool:
    """Whether each matrix is symmetric, or each orthogonal."""
    error = [m @ m.mT - torch.eye(len(m)) if inverse else m - m.mT for m in matrices]
    return all(bool(e.abs().max() <= _CLOSED) for e in error)


def common_pairs(found: Commuting) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenbases of both, and the pairs (2, unknowns) of eigenvectors that W may join."""
    (mu, left), (nu, right) = (torch.linalg.eigh(m) for m in found.adjoint)
    near = (mu[:, None] - nu).abs() <= _NEAR * found.scale
    return left, right, near.nonzero().T


def solve_pairs(
    found: Commuting, left: Tensor, right: Tensor, pairs: Tensor
) -> tuple[Tensor, float]:
    """Coefficients (unknowns, n) of the W that intertwine all checks, and the spectral gap.

    The null space of the quadratic form Σ ‖s W − W r‖² on the pairs.
    """
    j, i = pairs
    gram = torch.zeros(len(i), len(i), dtype=torch.float64)
    same_i, same_j = i[:, None] == i, j[:, None] == j
    for s, r in zip(*found.checks, strict=True):
        s, r = left.T @ s @ left, right.T @ r @ right
        overlap = s[j[:, None], j] * r[i[:, None], i]
        gram -= overlap + overlap.T
        gram += torch.where(same_i, (s.T @ s)[j[:, None], j], 0)
        gram += torch.where(same_j, (r @ r.T)[i[:, None], i], 0)
    null = null_space_symmetric(gram)
    return null.basis, null.gap
