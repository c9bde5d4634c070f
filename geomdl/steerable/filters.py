"""Filter banks: the equivariant maps from a patch of one field to one pixel of another.

A filter K[t] (s.dim, r.dim) is equivariant when K[g t] = s(g) K[t] r(g)⁻¹ for all g, that is, when
it lies in Hom_G(P ⊗ r, s) with P the permutation representation on the taps.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geomdl.groups import Rep, intertwiner_operator, intertwiners
from geomdl.groups import elements as el
from geomdl.groups.linalg import canonical_basis, kron, null_space


@dataclass(frozen=True, eq=False)
class Basis:
    """Basis of Hom_G(P ⊗ r, s), in one of two forms.

    Attributes:
        n: number of basis filters.
        labels: for permutation representations (s.dim, taps, r.dim) int64: entry (j, t, i) of
            every filter is the weight ``labels[j, t, i]``. The basis filters are the indicators of
            the orbits, so the weights of regular fields are the taps of free filters.
        matrices: otherwise (n, s.dim, taps, r.dim) float64, orthonormal if r and s are orthogonal.
    """

    n: int
    labels: Tensor | None = None
    matrices: Tensor | None = None


@lru_cache(maxsize=1024)
def filter_basis(taps: Rep, source: Rep, target: Rep) -> Basis:
    """Basis of Hom_G(P ⊗ r, s) for one pair of representations, cached by value.

    Args:
        taps: P, a permutation representation; the trivial one for a filter of one tap.
        source: r.
        target: s.

    Returns:
        the complete basis, exact.

    Example:
        >>> import geomdl
        >>> G = geomdl.group("D4")
        >>> filter_basis(G.trivial, G.regular, G.regular).n  # group convolution of one pixel
        8

    Source: Weiler and Cesa 2019, arXiv:1911.08251; Cohen and Welling 2016, arXiv:1602.07576.
    """
    if source.is_permutation and target.is_permutation:
        return _copied(taps, source, target)
    if taps.dim == 1:
        matrices = intertwiners(source, target).unsqueeze(2)
    else:
        found = [_orbit_filters(orbit, taps.dim, source, target) for orbit in tap_orbits(taps)]
        matrices = torch.cat(found)
    return Basis(len(matrices), matrices=matrices)


def _copied(taps: Rep, source: Rep, target: Rep) -> Basis:
    """Permutation representations: which entries of a filter are equal."""
    op = intertwiner_operator(source if taps.dim == 1 else taps @ source, target)
    one = op(torch.ones(op.n, dtype=torch.float64))  # |orbit|^(-1/2) at every entry
    labels = op(torch.arange(op.n, dtype=torch.float64)) / one
    return Basis(op.n, labels=labels.round().long().reshape(target.dim, taps.dim, source.dim))


def _orbit_filters(orbit: "Orbit", taps: int, source: Rep, target: Rep) -> Tensor:
    """Filters that live on one orbit of taps, (n, s.dim, taps, r.dim).

    Frobenius reciprocity: K at the first tap is any intertwiner of the stabilizer of that tap, and
    K[g t] = s(g) K[t] r(g)⁻¹.
    """
    centre = _commuting(target(orbit.stabilizer), source(orbit.stabilizer))
    back = source(source.group.inverse(orbit.carry))
    moved = target(orbit.carry) @ centre.unsqueeze(1) @ back  # (n, places, s.dim, r.dim)
    filters = torch.zeros(len(centre), target.dim, taps, source.dim, dtype=torch.float64)
    filters[:, :, orbit.places] = moved.transpose(1, 2) / len(orbit.places) ** 0.5
    return filters


def _commuting(left: Tensor, right: Tensor) -> Tensor:
    """Orthonormal basis (n, s, r), the same on every machine, of the W with left W = W right."""
    s, r = left.shape[-1], right.shape[-1]
    one_s, one_r = (torch.eye(n, dtype=torch.float64) for n in (s, r))
    constraints = kron(left, one_r) - kron(one_s, right.mT)
    basis = canonical_basis(null_space(constraints.flatten(0, 1)).basis)
    return basis.T.reshape(-1, s, r)


class Orbit(NamedTuple):
    """An orbit of taps.

    Attributes:
        places: the taps.
        carry: batch of elements, each taking the first tap to the tap at its place.
        stabilizer: batch of elements that generate the stabilizer of the first tap.
    """

    places: list[int]
    carry: Any
    stabilizer: Any


@lru_cache(maxsize=64)
def tap_orbits(taps: Rep) -> tuple[Orbit, ...]:
    """Orbits of a permutation representation of a finite group, from its generators alone.

    The stabilizers come from Schreier's lemma: generators u of the group and elements g_t that take
    the first tap to t give g_{u t}⁻¹ u g_t.
    """
    group = taps.group
    generators = el.iterate(group, group.generators)
    moves = [(u, taps.permutation(u).tolist()) for u in generators]
    orbits: list[Orbit] = []
    seen: set[int] = set()
    for first in range(taps.dim):
        if first in seen:
            continue
        carry, queue = {first: group.identity}, [first]
        for t in queue:
            for u, image in moves:
                if image[t] not in carry:
                    carry[image[t]] = group.compose(u, carry[t])
                    queue.append(image[t])
        fixing = [group.identity]
        for t in queue:
            for u, image in moves:
                h = group.compose(group.inverse(carry[image[t]]), group.compose(u, carry[t]))
                if not any(el.allclose(h, known) for known in fixing):
                    fixing.append(h)
        seen.update(queue)
        orbits.append(Orbit(queue, el.stack(list(carry.values())), el.stack(fixing)))
    return tuple(orbits)
