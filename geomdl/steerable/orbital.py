"""Filters between permutation representations: one function on the taps for each orbit of entries.

Let G permute the channels X of the source and Y of the target. K[g y, g x] = T(g) K[y, x], so one
function for each orbit of G on Y × X fixes a filter; it must be fixed by the stabilizer of its
pair. For regular fields all |G|² entries are the |G| free functions, rotated: dim T numbers for
each, where a dense basis would mix |G| dim T.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.groups import Rep
from geomdl.groups.intertwiners import orbits
from geomdl.groups.linalg import canonical_basis
from geomdl.steerable.taps import TapSpace


@dataclass(frozen=True, eq=False)
class Orbital:
    """How weights become the entries of a filter between two permutation representations.

    Entry (y, x) is ``carriers[carrier[y, x]] @ (stems @ w)[orbit[y, x]]``.

    Attributes:
        stems: (orbits, T.dim, n) float64: function of each orbit as a linear map of the weights;
            None where no stabilizer restricts them, then n = orbits · T.dim.
        carriers: (elements, taps, T.dim) float64: functions moved by group elements, sampled.
        orbit: (s.dim, r.dim) int64.
        carrier: (s.dim, r.dim) int64.
        n: number of weights.
    """

    stems: Tensor | None
    carriers: Tensor
    orbit: Tensor
    carrier: Tensor
    n: int

    @property
    def count(self) -> int:
        """Number of orbits."""
        return int(self.orbit.max()) + 1

    @property
    def energy(self) -> float:
        """Σ over entries and basis filters of their squares, divided by s.dim."""
        squares = self.carriers.mT @ self.carriers
        if self.stems is None:
            sizes = squares.diagonal(dim1=1, dim2=2).sum(1)[self.carrier]
        else:
            stems = self.stems @ self.stems.mT
            sizes = torch.einsum("jab,oab->oj", squares, stems)[self.orbit, self.carrier]
        return float(sizes.sum()) / len(self.orbit)

    def dense(self) -> Tensor:
        """The basis as a tensor (n, s.dim, taps, r.dim), for tests and small cases."""
        count, dim = self.count, self.carriers.shape[2]
        stems = self.stems
        if stems is None:
            stems = torch.eye(self.n, dtype=torch.float64).reshape(count, dim, self.n)
        return torch.einsum("yxtm,yxmn->nytx", self.carriers[self.carrier], stems[self.orbit])


def orbital(space: TapSpace, source: Rep, target: Rep) -> Orbital:
    """Orbits of entries, an element that carries the first of each to every other, stabilizers.

    Args:
        space: functions on the taps.
        source: permutation representation of a finite group.
        target: the same of another.
    """
    group = source.group
    labels = orbits(target, source)
    elements = group.elements
    ys, xs = target.permutation(elements), source.permutation(elements)
    count = int(labels.max()) + 1
    first = torch.full((count,), len(labels)).scatter_reduce(
        0, labels, torch.arange(len(labels)), "amin"
    )
    moved = ys[:, first // source.dim] * source.dim + xs[:, first % source.dim]  # (|G|, orbits)
    carrier = torch.empty_like(labels)
    for g in range(len(moved) - 1, -1, -1):  # the first element that leads there wins
        carrier[moved[g]] = g
    used, position = carrier.unique(return_inverse=True)
    turned = space.rep(elements)
    stems, n = _stems(turned, moved == first)
    shape = (target.dim, source.dim)
    return Orbital(
        stems, space.samples @ turned[used], labels.reshape(shape), position.reshape(shape), n
    )


def _stems(turned: Tensor, fixes: Tensor) -> tuple[Tensor | None, int]:
    """Functions fixed by the stabilizer of each orbit's first pair; ``fixes`` is (|G|, orbits)."""
    dim, count = turned.shape[-1], fixes.shape[1]
    if bool((fixes.sum(0) == 1).all()):
        return None, count * dim
    found: dict[tuple[bool, ...], Tensor] = {}
    bases = []
    for stabilizer in fixes.T:
        key = tuple(stabilizer.tolist())
        if key not in found:
            values, vectors = torch.linalg.eigh(turned[stabilizer].mean(0))
            found[key] = canonical_basis(vectors[:, values > 0.5])
        bases.append(found[key])
    n = sum(b.shape[1] for b in bases)
    stems, start = torch.zeros(count, dim, n, dtype=torch.float64), 0
    for i, basis in enumerate(bases):
        stems[i, :, start : start + basis.shape[1]] = basis
        start += basis.shape[1]
    return stems, n
