"""Null spaces and canonical bases in float64: what the linear algebra of symmetry rests on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

RANK_TOL = 1e-8  # a singular value below RANK_TOL * largest counts as zero
_PIVOT_ZERO = 1e-24  # squared norm of a row of rounding errors
_PIVOT_TIE = 1e-6  # pivots closer than this count as equal, so that rounding does not choose


class NullSpace(NamedTuple):
    """Orthonormal columns that span a null space, and how clearly it is one."""

    basis: Tensor  # (n, k)
    gap: float  # smallest kept singular value over the largest one discarded (inf if none)


def null_space(a: Tensor) -> NullSpace:
    """Null space of ``a`` (m, n) by a singular value decomposition, with its spectral gap.

    A singular value counts as zero below 1e-8 of the largest one (or of 1). ``gap`` is the
    smallest non-zero singular value divided by the largest one called zero (at least the rounding
    level): below about 1e3 the dimension would be in doubt and a ValueError is raised.
    """
    n = a.shape[1]
    if n == 0 or a.shape[0] == 0:
        return NullSpace(torch.eye(n, dtype=torch.float64), float("inf"))
    if a.shape[0] > n:
        a = torch.linalg.qr(a, mode="r").R
    _, s, vh = torch.linalg.svd(a, full_matrices=True)
    s = torch.cat([s, s.new_zeros(n - len(s))])
    return _cut(s, vh.T)


def null_space_symmetric(a: Tensor) -> NullSpace:
    """Null space of a symmetric positive semidefinite matrix ``a`` = MᵀM by ``eigh``.

    Faster than :func:`null_space` on a large M; the gap is in the singular values of M, of which
    rounding hides those under 1e-8: use it only where the gap is wide.
    """
    values, vectors = torch.linalg.eigh(a)
    return _cut(values.clamp(min=0).sqrt().flip(0), vectors.flip(1), tol=1e-6)


def _cut(s: Tensor, v: Tensor, tol: float = RANK_TOL) -> NullSpace:
    if not len(s):
        return NullSpace(v, float("inf"))
    top = max(float(s[0]), 1.0)
    rank = int((s > tol * top).sum())
    if rank == 0:
        return NullSpace(v, float("inf"))
    if rank == len(s):
        return NullSpace(v[:, :0], float("inf"))
    gap = float(s[rank - 1]) / max(float(s[rank]), 1e-16 * top)
    if not gap >= 1e3:
        raise ValueError(
            f"null space: singular values fall by only {gap:.1e} where the rank should be cut; "
            "the generators do not determine it numerically"
        )
    return NullSpace(v[:, rank:], gap)


def canonical_basis(v: Tensor) -> Tensor:
    """Orthonormal basis of the column span of ``v`` that depends on the span alone.

    Gram-Schmidt on the projections of the unit vectors, taken in the order of a pivoted Cholesky
    factorisation of the projector in which near-equal pivots go to the lowest index. The result is
    the same on every machine and mostly sparse.

    Args:
        v: orthonormal columns, shape (n, k).

    Returns:
        orthonormal columns, shape (n, k).
    """
    basis = v @ canonical_rotation(v)
    return torch.where(basis.abs() < 1e-15, torch.zeros_like(basis), basis)


def canonical_rotation(v: Tensor) -> Tensor:
    """Orthogonal matrix (k, k) that takes the columns ``v`` to those of :func:`canonical_basis`."""
    k = v.shape[1]
    norms = v.square().sum(1)  # of what is left of each row beside the vectors found
    rows = v[norms > _PIVOT_ZERO]
    norms = norms[norms > _PIVOT_ZERO]
    out = v.new_zeros(k, k)
    for j in range(k):
        pivot = int((norms >= norms.max() * (1 - _PIVOT_TIE)).nonzero()[0])
        q = rows[pivot]
        for _ in range(2):
            q = q - out[:, :j] @ (out[:, :j].T @ q)
        out[:, j] = q / q.norm()
        norms = norms - (rows @ out[:, j]).square()
    return out


def block_diagonal(blocks: list[Tensor]) -> Tensor:
    """Block-diagonal matrix of batches of square or oblong blocks, (..., Σ rows, Σ columns)."""
    batch = blocks[0].shape[:-2]
    if any(b.shape[:-2] != batch for b in blocks):
        # torch.broadcast_shapes would do, but imports SymPy at its first call: 0.7 s
        batch = torch.broadcast_tensors(*(torch.empty(b.shape[:-2]) for b in blocks))[0].shape
    rows, cols = sum(b.shape[-2] for b in blocks), sum(b.shape[-1] for b in blocks)
    out = blocks[0].new_zeros(*batch, rows, cols)
    i = j = 0
    for b in blocks:
        out[..., i : i + b.shape[-2], j : j + b.shape[-1]] = b
        i, j = i + b.shape[-2], j + b.shape[-1]
    return out


def kron(a: Tensor, b: Tensor) -> Tensor:
    """Kronecker product of batches of matrices: (a ⊗ b)[ik, jl] = a[i, j] b[k, l]."""
    out = torch.einsum("...ij,...kl->...ikjl", a, b)
    return out.reshape(*out.shape[:-4], a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1])
