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
from geomdl.groups.constant import memoized
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
        if self.stems is None:
            sizes = self.carriers.square().sum((1, 2))[self.carrier]
        else:
            squares = self.carriers.mT @ self.carriers
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
    elements, shape = source.group.elements, (target.dim, source.dim)
    ys = target.permutation(elements)
    xs = ys if source == target else source.permutation(elements)
    rows = ys.amin(0).unique()  # the first of each orbit of Y: all pairs are moved from these rows
    moved = (ys[:, rows].unsqueeze(2) * source.dim + xs.unsqueeze(1)).flatten(1)
    order, pairs = moved.shape
    ways = torch.arange(pairs) * order + torch.arange(order).unsqueeze(1)  # pair, then element
    least = torch.full(shape, order * pairs).view(-1)
    least.scatter_reduce_(0, moved.view(-1), ways.view(-1), "amin")
    first, orbit = (least // order).unique(return_inverse=True)
    used, carrier = (least % order).unique(return_inverse=True)
    stems, n = None, len(first) * space.rep.dim
    if order * len(first) > len(least):  # some orbit has less than |G| pairs
        fixes = moved[:, first] == moved[0, first]  # the identity is element 0
        stems, n = _stems(space.rep(elements), fixes)
    return Orbital(stems, _moved(space)[used], orbit.view(shape), carrier.view(shape), n)


@memoized
def _moved(space: TapSpace) -> Tensor:
    """Functions moved by all elements, sampled: (|G|, taps, T.dim). To be read only."""
    elements, blocks = space.rep.group.elements, space.rep.blocks
    turned = {rep: rep(elements) for rep in {rep for rep, _ in blocks}}
    each = [turned[rep] for rep, n in blocks for _ in range(n)]
    functions = space.samples.split([m.shape[-1] for m in each], 1)
    return torch.cat([f @ m for f, m in zip(functions, each, strict=True)], -1)


def _stems(turned: Tensor, fixes: Tensor) -> tuple[Tensor, int]:
    """Functions fixed by the stabilizer of each orbit's first pair; ``fixes`` is (|G|, orbits)."""
    dim, count = turned.shape[-1], fixes.shape[1]
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
