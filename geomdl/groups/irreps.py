"""Irreducible subspaces of a representation, and the irreps of a finite group without formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geomdl.groups.intertwiners import intertwiner_operator, isomorphic
from geomdl.groups.linalg import canonical_basis
from geomdl.groups.rep import Rep
from geomdl.groups.tables import Sub

if TYPE_CHECKING:
    from geomdl.groups.finite import FiniteGroup

_REGULAR = 256  # orders up to which the regular representation is split at once
_SAME = 1e-6  # eigenvalues of a random endomorphism closer than this (relative) belong together


def split(rep: Rep) -> list[Tensor]:
    """Orthonormal columns of irreducible subspaces whose sum is the whole space.

    The eigenspaces of a random self-adjoint endomorphism are irreducible with probability one,
    provided that the endomorphisms are closed under transposition, as for orthogonal
    representations and for tensors of reductive matrix groups (Lorentz).

    Raises:
        ValueError: the representation is not semisimple, or no such endomorphism exists.
    """
    op = intertwiner_operator(rep, rep)
    rng = torch.Generator().manual_seed(2)
    x = op(torch.randn(op.n, generator=rng, dtype=torch.float64))
    if not rep.is_orthogonal:
        _require_self_adjoint(rep, op.dense())
    values, vectors = torch.linalg.eigh(x + x.T)
    scale = max(float(values.abs().max()), 1e-300)
    cuts = ((values.diff() > _SAME * scale).nonzero().flatten() + 1).tolist()
    pieces = [canonical_basis(v) for v in vectors.tensor_split(cuts, 1)]
    for piece in (Sub.build(rep, q) for q in pieces):
        if not _irreducible(piece):
            raise ValueError(f"decompose: {rep.name} of {rep.group.name} is not semisimple")
    return pieces


def _require_self_adjoint(rep: Rep, endomorphisms: Tensor) -> None:
    flat, transposed = endomorphisms.flatten(1), endomorphisms.mT.flatten(1)
    if (transposed - (transposed @ flat.T) @ flat).abs().max() <= 1e-8:
        return
    form = transposed @ flat.T  # tr(E_a E_b): its kernel is the radical
    values = torch.linalg.svdvals(form)
    if not values[-1] > 1e-8 * values[0]:
        raise ValueError(
            f"decompose: {rep.name} of {rep.group.name} is not semisimple: an invariant subspace "
            "has no invariant complement"
        )
    raise ValueError(
        f"decompose: the endomorphisms of {rep.name} of {rep.group.name} are not closed under "
        "transposition; change to a basis adapted to an invariant form"
    )


def _irreducible(piece: Rep) -> bool:
    """Burnside: the matrices span an algebra of dimension d²/dim End.

    For an orthogonal representation the eigenspaces are irreducible anyway.
    """
    if piece.is_orthogonal:
        return True
    if piece.endomorphism_dim not in (1, 2, 4):
        return False
    letters = torch.cat([piece.generators, piece.lie])
    d = piece.dim
    basis = torch.eye(d, dtype=torch.float64).reshape(1, -1) / d**0.5
    while True:
        words = (letters.unsqueeze(1) @ basis.reshape(-1, d, d)).reshape(-1, d * d)
        words = words / words.norm(dim=1, keepdim=True).clamp(min=1e-12)
        _, s, vh = torch.linalg.svd(torch.cat([basis, words]), full_matrices=False)
        grown = vh[s > 1e-8 * s[0]]
        if len(grown) == len(basis):
            return len(basis) == d * d // piece.endomorphism_dim
        basis = grown


def distinct(reps: list[Rep]) -> list[Rep]:
    """One representation of each isomorphism class, in order."""
    out: list[Rep] = []
    for rep in reps:
        if not any(isomorphic(rep, other) for other in out):
            out.append(rep)
    return out


def finite_irreps(group: FiniteGroup) -> dict[Any, Tensor]:
    """Tables (|G|, d, d) of all real irreps, numbered by dimension, the trivial one first.

    Splits the regular representation of a small group; else products of known irreps with the
    standard representation (every irrep occurs in a tensor power of a faithful one), until
    Σ d² / dim End = |G|. Irreps are told apart by their characters.
    """
    tables = [group.trivial(group.elements)]
    missing = group.size - 1

    def add(rep: Rep) -> list[Tensor]:
        nonlocal missing
        fresh: list[Tensor] = []
        matrices = rep(group.elements)
        for q in split(rep) if missing else []:
            table = q.T @ matrices @ q
            character = _trace(table)
            if all(abs(float((_trace(t) * character).mean())) < 0.5 for t in tables):
                tables.append(table)
                fresh.append(table)
                missing -= table.shape[1] ** 2 // round(float(character.square().mean()))
        return fresh

    if group.size <= _REGULAR:
        add(group.regular)
    else:
        queue = add(group.standard)
        factors = list(queue)
        while missing and queue:
            head = group.finite_rep(queue.pop(0))
            for factor in factors:
                queue += add(head @ group.finite_rep(factor))
    if missing:
        raise ValueError(f"irreps: the standard representation of {group.name} is not faithful")
    tables.sort(key=lambda t: t.shape[1])
    return dict(enumerate(tables))


def _trace(table: Tensor) -> Tensor:
    return table.diagonal(dim1=-2, dim2=-1).sum(-1)
