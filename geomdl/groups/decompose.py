"""Decomposition into irreps with its change of basis."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.groups.constant import memoized
from geomdl.groups.group import Group
from geomdl.groups.intertwiners import intertwiner_operator
from geomdl.groups.rep import Rep
from geomdl.groups.tables import Sub


class Decomposition(NamedTuple):
    """rep(g) = basis · ⊕ᵢ mᵢ irrepᵢ(g) · basis⁻¹, irreps in the order of ``multiplicities``.

    ``basis`` is orthogonal for orthogonal representations.
    """

    multiplicities: dict[Rep, int]
    basis: Tensor


def has_irreps(group: Group) -> bool:
    """Whether the group has a list of irreps."""
    try:
        group.irrep_labels(0)
    except ValueError:
        return False
    return True


def _frequency(rep: Rep) -> int | None:
    """Bound on the frequency of irreps inside: the spectral radius of the Lie algebra."""
    if rep.group.order is not None:
        return None
    if rep.group.lie_dim == 0:
        return 0
    radius = torch.linalg.matrix_norm(rep.lie, ord=2).max() if rep.is_orthogonal else None
    if radius is None:
        radius = torch.linalg.eigvals(rep.lie).abs().max()
    return int(torch.ceil(radius - 1e-6))


@memoized
def decompose(rep: Rep) -> Decomposition:
    """Multiplicities and change of basis of a semisimple representation.

    For each irrep the space Hom_G(irrep, rep) is solved; maps with independent images are chosen
    one after another (mutually orthogonal isometries if ``rep`` is orthogonal). Groups without a
    list of irreps get the irreducible subspaces themselves as irreps.

    Raises:
        ValueError: the representation is not semisimple (a shear, say): it has an invariant
            subspace without invariant complement.

    Example:
        >>> from geomdl.groups import group
        >>> D4 = group("D4")
        >>> {r.label: m for r, m in D4.regular.decompose().multiplicities.items()}
        {(0, 0): 1, (1, 0): 1, (1, 1): 2, (0, 2): 1, (1, 2): 1}
    """
    group = rep.group
    if has_irreps(group):
        candidates = group.irreps(_frequency(rep))
    else:
        from geomdl.groups.irreps import distinct, split

        candidates = distinct([Sub.build(rep, q) for q in split(rep)])
    counts: dict[Rep, int] = {}
    columns = torch.zeros(rep.dim, 0, dtype=torch.float64)
    for irrep in candidates:
        if columns.shape[1] == rep.dim:
            break
        found = _copies(irrep, rep)
        if found.shape[1]:
            counts[irrep] = found.shape[1] // irrep.dim
            columns = torch.cat([columns, found], 1)
    if columns.shape[1] < rep.dim:
        raise ValueError(f"decompose: {rep.name} of {group.name} is not semisimple")
    return Decomposition(counts, columns)


def _copies(irrep: Rep, rep: Rep) -> Tensor:
    """Columns of independent intertwiners irrep → rep, each of norm √dim."""
    op = intertwiner_operator(irrep, rep)
    out = torch.zeros(rep.dim, 0, dtype=torch.float64)
    maps = op.dense()
    for _ in range(op.n // irrep.endomorphism_dim):
        if rep.is_orthogonal:  # what is left of each map beside the images chosen so far
            for _ in range(2):
                maps = maps - out @ (out.T @ maps)
            gain = maps.flatten(1).norm(dim=1)
        else:
            trial = torch.cat([out.expand(len(maps), *out.shape), maps * irrep.dim**0.5], 2)
            gain = torch.linalg.svdvals(trial)[:, -1]
        best = int((gain >= gain.max() * (1 - 1e-6)).nonzero()[0])
        w = maps[best]
        out = torch.cat([out, w * (irrep.dim**0.5 / w.norm())], 1)
    return out
