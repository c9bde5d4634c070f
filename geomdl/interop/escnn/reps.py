"""escnn's representations as ours, recognised by their matrices and checked against them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from geomdl.groups import Group, Rep
from geomdl.groups import elements as el
from geomdl.groups.rep import direct_sum
from geomdl.groups.tables import Sub

TOL = 1e-6
"""Largest difference of matrices that counts as none; some of escnn's are known to 1e-8."""
FREQUENCIES = 12
"""Highest frequency of irreps that is looked for in a representation of an infinite group."""


def recognize(group: Group, elements: Any, matrices: Tensor, *, flat: bool = False) -> Rep:
    """Return the representation of ours that has given matrices.

    Tried in turn: trivial, regular, quotient, another permutation, an irrep, and a sum of irreps in
    another basis; a finite group without success gets the table of matrices.

    Args:
        group: a group of ours.
        elements: a batch of its elements; all of them, in order, if it is finite.
        matrices: (elements, d, d) float64.
        flat: whether a sum of blocks may become a direct sum; otherwise the answer is one block
            whatever it consists of, since layers treat a block as a unit.

    Raises:
        ValueError: an infinite group's representation is no sum of irreps in an orthonormal basis.
    """
    if flat:
        cuts = _blocks(matrices)
        if len(cuts) > 1:
            parts = [recognize(group, elements, matrices[:, a:b, a:b]) for a, b in cuts]
            return checked(direct_sum([(part, 1) for part in parts]), elements, matrices)
    found = _permutation(group, matrices) or _irrep(group, elements, matrices)
    if found is None:
        found = _sum(group, elements, matrices)
    if found is None and group.order is not None:
        found = group.finite_rep(matrices)
    if found is None:
        raise ValueError(
            f"module: a representation of {group.name} of dimension {matrices.shape[-1]} is no sum "
            f"of irreps up to frequency {FREQUENCIES} in an orthonormal basis"
        )
    return checked(found, elements, matrices)


def checked(rep: Rep, elements: Any, matrices: Tensor) -> Rep:
    """Return ``rep`` if its matrices are the given ones."""
    error = (rep(elements) - matrices).abs().max()
    if not error <= TOL:
        raise ValueError(
            f"module: {rep.name} of {rep.group.name} differs from escnn's representation by "
            f"{float(error):.1e}; please report this"
        )
    return rep


def _blocks(matrices: Tensor) -> list[tuple[int, int]]:
    """Bounds of the finest blocks along the diagonal outside of which all matrices vanish."""
    linked = (matrices.abs() > TOL).any(0)
    linked = linked | linked.T
    bounds, start, reach = [], 0, 0
    for i, row in enumerate(linked):
        if i > reach:
            bounds.append((start, i))
            start = i
        reach = max(reach, i, int(row.nonzero().max()))
    return [*bounds, (start, len(linked))]


def _permutation(group: Group, matrices: Tensor) -> Rep | None:
    """Trivial, regular, quotient or another permutation representation; None if it is none."""
    d = matrices.shape[-1]
    whole = matrices.round()
    if not ((matrices - whole).abs().max() <= TOL and bool((whole.sum(-2) == 1).all())):
        return None
    if bool((whole < 0).any()):
        return None
    if d == 1:
        return group.trivial
    if group.order is None:
        return None
    images = whole.argmax(-2)  # of the basis vectors
    if d == group.order and torch.equal(group.regular.permutation(group.elements), images):
        return group.regular
    if d < group.order and len(set(images[:, 0].tolist())) == d:
        members = el.take(group.elements, (images[:, 0] == 0).nonzero()[:, 0])
        quotient = group.quotient(group.subgroup(generators=members))
        if torch.equal(quotient.permutation(group.elements), images):
            return quotient
    return group.permutation_rep(images)


def _irreps(group: Group, d: int) -> list[Rep]:
    """Irreps of ours of dimension at most d that may occur."""
    every = group.irreps(None if group.order is not None else FREQUENCIES)
    return [irrep for irrep in every if irrep.dim <= d]


def _irrep(group: Group, elements: Any, matrices: Tensor) -> Rep | None:
    """An irrep with exactly these matrices."""
    for irrep in _irreps(group, matrices.shape[-1]):
        if irrep.dim < matrices.shape[-1]:
            continue
        if (irrep(elements) - matrices).abs().max() <= TOL:
            return irrep
    return None


def _sum(group: Group, elements: Any, matrices: Tensor) -> Rep | None:
    """Irreps of ours in another orthonormal basis: Qᵀ (⊕ᵢ rᵢ) Q."""
    d = matrices.shape[-1]
    if not (matrices @ matrices.mT - torch.eye(d, dtype=torch.float64)).abs().max() <= TOL:
        return None
    parts: list[Rep] = []
    rows = torch.zeros(0, d, dtype=torch.float64)
    for irrep in _irreps(group, d):
        if len(rows) == d:
            break
        maps = _intertwiners(irrep(elements), matrices)
        for _ in range(len(maps)):
            maps = maps - maps @ rows.T @ rows
            size, best = maps.flatten(1).norm(dim=1).max(0)
            if size <= 1e-3:  # all copies are found; isometries have size at least this
                break
            x = maps[best]
            parts.append(irrep)
            rows = torch.cat([rows, _tidy(x * (irrep.dim**0.5 / x.norm()))])
    if len(rows) != d:
        return None
    base = direct_sum([(part, 1) for part in parts])
    return Sub.build(base, _orthonormal(rows))


def _intertwiners(ours: Tensor, theirs: Tensor) -> Tensor:
    """Maps (n, d_ours, d_theirs) that span the X with ours(g) X = X theirs(g)."""
    p, q = ours.shape[-1], theirs.shape[-1]
    gram = torch.zeros(p * q, p * q, dtype=torch.float64)
    for a, b in zip(ours, theirs, strict=True):
        left = torch.kron(a.contiguous(), torch.eye(q, dtype=torch.float64))
        right = torch.kron(torch.eye(p, dtype=torch.float64), b.T.contiguous())
        gram += (left - right).T @ (left - right)
    values, vectors = torch.linalg.eigh(gram / len(ours))
    kernel = vectors[:, values <= 100 * TOL**2]
    # the projections of the matrix units, so that the maps are as plain as the space allows
    maps: Tensor = (kernel @ kernel.T).reshape(p * q, p, q)
    return maps


def _tidy(x: Tensor) -> Tensor:
    """Round entries next to whole numbers."""
    return torch.where((x - x.round()).abs() <= TOL, x.round(), x)


def _orthonormal(rows: Tensor) -> Tensor:
    """Nearest orthogonal matrix, unless the rows are orthonormal to rounding already."""
    gram = rows @ rows.T - torch.eye(len(rows), dtype=torch.float64)
    if gram.abs().max() <= 1e-14:
        return rows
    u, _, v = torch.linalg.svd(rows)
    nearest: Tensor = u @ v
    return nearest
