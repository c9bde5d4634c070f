"""Permutations that commute with a permutation representation: those of whole orbits, turned."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Class", "Orbits", "orbits_of"]


@dataclass(frozen=True)
class Class:
    """Orbits that look alike to the group.

    Attributes:
        index: coordinates, (c, m): the h-th of an orbit goes to the h-th of another under a map
            that commutes with the group.
        turns: all maps of one orbit to itself that commute with the group, (a, m), the identity
            first: for a regular representation the m right translations.
    """

    index: Tensor
    turns: Tensor


@dataclass(frozen=True)
class Orbits:
    """The coordinates of a permutation representation, orbit by orbit.

    A permutation that commutes with the group carries orbits to orbits of the same class, and is
    fixed there by the image of one point: the group of all of them is a product of wreath
    products Aut(orbit) ≀ S_c. A layer's hidden field may be moved by any of them without a trace:
    pointwise functions commute with it, and equivariant weights go to equivariant weights.

    Attributes:
        classes: of isomorphic orbits.
        orbit: number of the orbit of each coordinate, (n,), orbits in the order of their first.
    """

    classes: tuple[Class, ...]
    orbit: Tensor

    @property
    def count(self) -> int:
        """Number of orbits."""
        return int(self.orbit.max()) + 1

    @property
    def order(self) -> float:
        """Number of permutations that commute; infinite where it overflows."""
        logs = [
            torch.lgamma(torch.tensor(len(c.index) + 1.0, dtype=torch.float64))
            + len(c.index) * np.log(len(c.turns))
            for c in self.classes
        ]
        return float(torch.stack(logs).sum().exp().round())

    def best(self, gain: Tensor, turn: bool = True) -> Tensor:
        """The commuting permutation π with the largest Σ_i gain[i, π(i)]; *exact*.

        For each pair of orbits the best turn, then the best assignment of orbits.

        Args:
            gain: (n, n).
            turn: False keeps to whole orbits as they stand.

        Returns:
            π, (n,) int64.
        """
        from scipy.optimize import linear_sum_assignment

        found = torch.empty(len(self.orbit), dtype=torch.int64)
        for one in self.classes:
            index, turns = one.index, one.turns if turn else one.turns[:1]
            c, m = index.shape
            block = gain[index.reshape(-1)][:, index.reshape(-1)].view(c, m, c, m)
            at = torch.arange(m)
            scores = torch.stack([block[:, at, :, t].sum(0) for t in turns])  # (a, c, c)
            best, which = scores.max(0)
            rows, columns = linear_sum_assignment(best.numpy(), maximize=True)
            for k, j in zip(rows.tolist(), columns.tolist(), strict=True):
                found[index[k]] = index[j, turns[which[k, j]]]
        return found

    def random(self, rng: torch.Generator, *, permute: bool = True, turn: bool = True) -> Tensor:
        """A uniformly drawn commuting permutation, (n,).

        Args:
            rng: source of it.
            permute: whether orbits change places.
            turn: whether each is turned.
        """
        found = torch.empty(len(self.orbit), dtype=torch.int64)
        for one in self.classes:
            c = len(one.index)
            places = torch.randperm(c, generator=rng) if permute else torch.arange(c)
            which = torch.randint(len(one.turns), (c,), generator=rng)
            for k in range(c):
                t = one.turns[which[k]] if turn else one.turns[0]
                found[one.index[k]] = one.index[places[k], t]
        return found

    def of_orbits(self, permutation: Tensor) -> Tensor:
        """What a commuting permutation does to the orbits, (count,)."""
        first = torch.zeros(self.count, dtype=torch.int64)
        reverse = torch.arange(len(self.orbit) - 1, -1, -1)
        first[self.orbit.flip(0)] = reverse  # the last write is that of the first coordinate
        return self.orbit[permutation[first]]


def orbits_of(images: Tensor) -> Orbits:
    """Orbits of the coordinates under some permutations, and the maps between them.

    Args:
        images: of the n coordinates under each of k generators, (k, n) int64; k = 0 for the trivial
            group.

    Returns:
        the `Orbits`. *Exact*; costs n m k operations for orbits of size m.

    Raises:
        ValueError: a row that is no permutation.

    Example:
        >>> found = orbits_of(torch.tensor([[1, 2, 0, 4, 5, 3]]))  # two copies of C3
        >>> found.count, found.order  # 3² · 2!
        (2, 18.0)
    """
    k, n = images.shape
    if k and not bool((images.sort(1).values == torch.arange(n)).all()):
        raise ValueError("images: each row should be a permutation")
    if k == 0:
        alone = Class(torch.arange(n)[:, None], torch.zeros(1, 1, dtype=torch.int64))
        return Orbits((alone,), torch.arange(n))
    moves = images.tolist()
    orbit, orbits = [-1] * n, list[list[int]]()
    for start in range(n):
        if orbit[start] >= 0:
            continue
        members = sorted(_map(start, start, moves) or {})
        for i in members:
            orbit[i] = len(orbits)
        orbits.append(members)
    kinds: list[tuple[list[int], list[list[int]]]] = []
    for members in orbits:
        for head, rows in kinds:
            row = _extended(head, members, moves) if len(head) == len(members) else []
            if row:
                rows.append(row[0])
                break
        else:
            kinds.append((members, [members]))
    classes = []
    for head, rows in kinds:
        place = {i: h for h, i in enumerate(head)}
        turns = [[place[i] for i in row] for row in _extended(head, head, moves, every=True)]
        classes.append(Class(torch.tensor(rows), torch.tensor(turns)))
    return Orbits(tuple(classes), torch.tensor(orbit))


def _map(start: int, image: int, moves: list[list[int]]) -> dict[int, int] | None:
    """The commuting map of the orbit of ``start`` that takes it to ``image``, if there is one."""
    found, queue = {start: image}, [start]
    while queue:
        at = queue.pop()
        for move in moves:
            after, wanted = move[at], move[found[at]]
            if after not in found:
                found[after] = wanted
                queue.append(after)
            elif found[after] != wanted:
                return None
    return found


def _extended(
    head: list[int], other: list[int], moves: list[list[int]], every: bool = False
) -> list[list[int]]:
    """Images of ``head`` in order under the commuting maps to ``other``; the first, or all."""
    rows = []
    for image in other:
        found = _map(head[0], image, moves)
        if found is not None and len(set(found.values())) == len(head):
            rows.append([found[i] for i in head])
            if not every:
                break
    return rows
