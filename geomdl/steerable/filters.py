"""Filter banks: the equivariant maps from a patch of one field to one pixel of another.

A filter K[t] (s.dim, r.dim) is equivariant when K[g t] = s(g) K[t] r(g)⁻¹ for all g. With a space T
of functions on the taps, that is K[t] = Σ_m T_m(t) W_m for W in Hom_G(T ⊗ r, s): all functions of
the taps where the group permutes these, else smooth ones (`Rings`), of which the group only mixes
those of one ring and frequency, so that W comes from Clebsch–Gordan.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geomdl.groups import Rep, clebsch_gordan, intertwiner_operator, intertwiners
from geomdl.groups import elements as el
from geomdl.groups.linalg import canonical_basis, kron, null_space
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.planar import Cyclic, Dihedral
from geomdl.groups.polyhedral import Polyhedral
from geomdl.groups.rep import Irrep
from geomdl.steerable.orbital import Orbital, orbital
from geomdl.steerable.taps import TapSpace


@dataclass(frozen=True, eq=False)
class Basis:
    """Basis of the equivariant filters, in one of three forms.

    Attributes:
        n: number of basis filters.
        labels: permutation representations, free taps: (s.dim, taps, r.dim) int64: entry (j, t, i)
            of every filter is the number ``labels[j, t, i]`` of those that the weights give; the
            numbers of regular fields are the taps of |G| free filters, (taps, |G|).
        orbital: permutation representations, smooth taps: one function for each orbit of entries.
        mixing: orthogonal (|G|, |G|) float64 from a regular field of C_n, D_n or a polyhedral
            group to itself, else None. Weights (T.dim, |G|)
            times this are the free filters, or the functions of the orbits. So every weight belongs
            to an irrep (for C_n: to a frequency), and optimisers that scale each weight by itself,
            as Adam does, learn them alike.
        matrices: otherwise (n, s.dim, taps, r.dim) float64; orthonormal for free taps if r and s
            are orthogonal.
        energy: Σ_b ‖B_b‖² / s.dim, the mean square of an output for weights and inputs of mean
            square 1 that are uncorrelated.
    """

    n: int
    energy: float
    labels: Tensor | None = None
    orbital: Orbital | None = None
    mixing: Tensor | None = None
    matrices: Tensor | None = None

    def dense(self) -> Tensor:
        """All basis filters, (n, s.dim, taps, r.dim) float64."""
        if self.matrices is not None:
            return self.matrices
        if self.orbital is not None:
            found = self.orbital.dense()
            if self.mixing is None:
                return found
            found = found.unflatten(0, (len(self.mixing), -1)).transpose(0, 1)
        else:
            assert self.labels is not None
            one_hot = torch.nn.functional.one_hot(self.labels, self.n)
            found = one_hot.movedim(-1, 0).to(torch.float64)
            if self.mixing is None:
                return found
            found = found.unflatten(0, (-1, len(self.mixing)))
        return torch.einsum("co,tosir->tcsir", self.mixing, found).flatten(0, 1)


@lru_cache(maxsize=1024)
def filter_basis(taps: Rep | TapSpace, source: Rep, target: Rep) -> Basis:
    """Basis of the equivariant filters for one pair of representations, cached by value.

    Args:
        taps: functions on the taps; a permutation representation stands for all of them, the
            trivial one for a filter of one tap.
        source: r.
        target: s.

    Returns:
        the complete basis: exact for free taps, and for smooth ones wherever the group maps the
        taps to taps; for other elements sampling leaves an error that falls with the widths of the
        rings.

    Example:
        >>> import geomdl
        >>> G = geomdl.group("D4")
        >>> filter_basis(G.trivial, G.regular, G.regular).n  # group convolution of one pixel
        8

    Source: Weiler and Cesa 2019, arXiv:1911.08251; Cohen and Welling 2016, arXiv:1602.07576.
    """
    space = TapSpace.of(taps)
    if source.is_permutation and target.is_permutation:
        if space.rings is None and space.rep.is_permutation:
            return _copied(space.rep, source, target)
        if source.group.order is not None:
            return _shared(space, source, target)
    if space.rings is not None:
        matrices = torch.cat(_smooth(space, source, target))
    elif space.taps == 1:
        matrices = intertwiners(source, target).unsqueeze(2)
    else:
        found = [_orbit_filters(o, space.taps, source, target) for o in tap_orbits(space.rep)]
        matrices = torch.cat(found)
    energy = float(matrices.square().sum()) / target.dim
    return Basis(len(matrices), energy, matrices=matrices)


def _copied(taps: Rep, source: Rep, target: Rep) -> Basis:
    """Permutation representations: which entries of a filter are equal."""
    op = intertwiner_operator(source if taps.dim == 1 else taps @ source, target)
    one = op(torch.ones(op.n, dtype=torch.float64))  # |orbit|^(-1/2) at every entry
    labels = op(torch.arange(op.n, dtype=torch.float64)) / one
    labels = labels.round().long().reshape(target.dim, taps.dim, source.dim)
    mixing = _mixing(source, target)  # the orbits come in the order of the first row
    return Basis(op.n, float(taps.dim * source.dim), labels=labels, mixing=mixing)


def _shared(space: TapSpace, source: Rep, target: Rep) -> Basis:
    """Permutation representations: which entries of a filter are one function, moved."""
    found = orbital(space, source, target)
    mixing = _mixing(source, target)
    return Basis(found.n, found.energy, orbital=found, mixing=mixing)


def _mixing(source: Rep, target: Rep) -> Tensor | None:
    """Between regular fields the free filters stand at the elements, which irreps transform.

    Only for the groups of rotations and mirrorings by name, whose irreps are at hand: what weights
    mean must not depend on more than the group, and finding irreps of large groups takes long.
    """
    group = source.group
    if not isinstance(group, Cyclic | Dihedral | Polyhedral):
        return None
    return group.matrix_coefficients if source == target == group.regular else None


def from_elements(basis: Basis, weight: Tensor) -> Tensor:
    """Weights (…, n) at the elements of the group, as files of format 1 hold them -> of irreps.

    Those stand as (taps, |G|) for free taps and as (|G|, functions) for smooth ones.
    """
    if basis.mixing is None:
        return weight
    rows = weight.to(torch.float64)
    if basis.labels is not None:
        rows = rows.unflatten(-1, (-1, len(basis.mixing)))
    else:
        rows = rows.unflatten(-1, (len(basis.mixing), -1)).transpose(-1, -2)
    found: Tensor = (rows @ basis.mixing.to(rows).T).flatten(-2).to(weight.dtype)
    return found


def _smooth(space: TapSpace, source: Rep, target: Rep) -> list[Tensor]:
    """Filters of each ring and frequency, (n, s.dim, taps, r.dim), from Hom_G(H_l ⊗ r, s)."""
    out, start, samples = [], 0, space.samples
    for harmonic, count in space.rep.blocks:
        angular = _angular(harmonic, source, target)
        for _ in range(count):
            values = samples[:, start : start + harmonic.dim]
            out.append(torch.einsum("th,nshr->nstr", values, angular))
            start += harmonic.dim
    return out


def _angular(harmonic: Rep, source: Rep, target: Rep) -> Tensor:
    """Orthonormal basis of Hom_G(H ⊗ r, s), (n, s.dim, H.dim, r.dim)."""
    shape = (target.dim, harmonic.dim, source.dim)
    if harmonic.dim == 1 and harmonic == source.group.trivial:
        return intertwiners(source, target).reshape(-1, *shape)
    known = isinstance(source.group, Orthogonal) and source.group.n == 3  # there are tables
    if known and all(isinstance(r, Irrep) for r in (harmonic, source, target)):
        return clebsch_gordan(harmonic, source, target).permute(0, 3, 1, 2)
    return intertwiners(harmonic @ source, target).reshape(-1, *shape)


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
