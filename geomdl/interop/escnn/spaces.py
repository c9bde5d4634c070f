"""escnn's groups and the spaces they act on, as ours: which element is which.

An element is told by the matrix with which it moves points: both libraries agree on what turns and
mirrors an image. Only where that matrix is not enough (rotations about an axis, dihedral groups in
space) the isomorphism is made from generators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl import groups
from geomdl.fields import Domain, Grid, Vector
from geomdl.groups import Group
from geomdl.interop.escnn.reps import recognize

RANDOM = 12
"""Elements of an infinite group on which representations are compared."""


@dataclass(frozen=True, eq=False)
class Space:
    """A group of escnn's with its action on the base space, translated.

    Attributes:
        group: ours.
        domain: the grid with the action of ``group``; plain vectors where there is no base space.
        theirs: elements of escnn's: all of them in the order of ``group.elements`` if the
            group is finite, else random ones of every component.
        ours: the same elements as one batch of ours.
        matrix: the representation of escnn's that tells the elements of an infinite group apart.
    """

    group: Group
    domain: Domain
    theirs: Sequence[Any]
    ours: Any
    matrix: Callable[[Any], Any]

    def matrices(self, representation: Callable[[Any], Any]) -> Tensor:
        """Matrices (len(theirs), d, d) of a representation of escnn's."""
        return stacked(representation, self.theirs)

    def images(self, elements: Sequence[Any]) -> Any:
        """Elements of escnn's as a batch of ours."""
        if self.group.order is None:
            return self.group.from_matrix(stacked(self.matrix, elements))
        return self.ours[[self.theirs.index(g) for g in elements]]


def stacked(representation: Callable[[Any], Any], elements: Sequence[Any]) -> Tensor:
    """Matrices (n, d, d), float64, of a function of escnn's elements."""
    return torch.from_numpy(np.stack([np.asarray(representation(g), float) for g in elements]))


def space_of(gspace: Any) -> Space:
    """Translate a ``GSpace`` of escnn's.

    Raises:
        ValueError: geomdl has no group for it.
    """
    group, action = gspace.fibergroup, gspace.basespace_action
    elements = _random(group) if group.continuous else list(group.elements)
    matrix = _faithful(group) if action is None else action
    moves = stacked(matrix, elements)
    on_grid = None if action is None else moves
    for candidate, turned in _candidates(group, moves):
        try:
            images = candidate.from_matrix(turned)
        except ValueError:
            continue
        if candidate.order is None or len(set(candidate.index(images).tolist())) == len(elements):
            return _ordered(candidate, images, elements, on_grid, matrix)
    matrix = _faithful(group)
    found = _axial(matrix, elements) if group.continuous else _by_generators(elements)
    if found is None:
        raise ValueError(
            f"module: geomdl has no group for {gspace.name} of escnn; it has C_n, D_n, SO(2), "
            "O(2), SO(3), O(3) and the polyhedral groups"
        )
    ours, images = found
    return _ordered(ours, images, elements, on_grid, matrix)


def _random(group: Any) -> list[Any]:
    """Random elements of an infinite group; escnn draws from NumPy's global state."""
    state = np.random.get_state()
    np.random.seed(0)
    drawn = [group.sample() for _ in range(RANDOM)]
    np.random.set_state(state)
    return drawn


def _faithful(group: Any) -> Callable[[Any], Any]:
    """A representation that tells elements apart, for a group without a base space."""
    if hasattr(group, "standard_representation"):
        return group.standard_representation()  # type: ignore[no-any-return]
    for label in ((1,), (1, 1)):
        try:
            return group.irrep(*label)  # type: ignore[no-any-return]
        except (AssertionError, TypeError, ValueError, KeyError):
            continue
    return group.regular_representation  # type: ignore[no-any-return]


def _candidates(group: Any, moves: Tensor) -> Iterator[tuple[Group, Tensor]]:
    """Groups of ours that may act by these matrices, and the matrices as that group knows them."""
    order, d = len(moves), moves.shape[-1]
    proper = bool((torch.linalg.det(moves) > 0).all())
    if group.continuous:
        if group.name in (f"SO({d})", f"O({d})"):
            yield groups.group(group.name.replace("(", "").replace(")", "")), moves
    elif d == 2:
        yield groups.group(f"C{order}" if proper else f"D{order // 2}"), moves
    elif d == 3:
        quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
        for name in ("T", "Td", "Th", "O", "Oh", "I", "Ih"):
            candidate = groups.group(name)
            if candidate.order == order:
                yield candidate, moves
                yield candidate, quarter @ moves @ quarter.mT  # I and Ih stand in two ways


def _axial(matrix: Callable[[Any], Any], elements: Sequence[Any]) -> tuple[Group, Any] | None:
    """SO(2) and O(2) turning about an axis of space."""
    matrices = stacked(matrix, elements)
    if matrices.shape[-1] != 2:
        return None
    proper = bool((torch.linalg.det(matrices) > 0).all())
    return groups.group("SO2" if proper else "O2"), matrices


def _by_generators(elements: Sequence[Any]) -> tuple[Group, Tensor] | None:
    """C_n or D_n by a rotation and a flip that satisfy its relations; None if there are none."""
    one = next(g for g in elements if g @ g == g)
    order = len(elements)
    powers: dict[int, list[Any]] = {}  # of the first element of each order
    for g in elements:
        cycle = _powers(g, one)
        powers.setdefault(len(cycle), cycle)
    if order in powers:
        place = [next(k for k, p in enumerate(powers[order]) if p == g) for g in elements]
        return groups.group(f"C{order}"), torch.tensor(place)
    turns = powers.get(order // 2)
    if turns is None or order % 2:
        return None
    r = turns[1]
    for s in elements:
        if s @ s == one and s not in turns and s @ r @ s == ~r:
            table = [*turns, *(p @ s for p in turns)]
            place = [next(k for k, p in enumerate(table) if p == g) for g in elements]
            at = torch.tensor(place)
            n = order // 2
            return groups.group(f"D{n}"), torch.stack([at % n, at // n], -1)
    return None


def _powers(g: Any, one: Any) -> list[Any]:
    """1, g, g², … until 1 again."""
    out, power = [one], g
    while power != one:
        out.append(power)
        power = power @ g
    return out


def _ordered(
    group: Group,
    images: Any,
    elements: Sequence[Any],
    moves: Tensor | None,
    matrix: Callable[[Any], Any],
) -> Space:
    """Put the elements in our order, and find the action on the grid."""
    if group.order is not None:
        at = group.index(images).argsort()
        elements, images = [elements[i] for i in at.tolist()], images[at]
        moves = None if moves is None else moves[at]
    if moves is None:
        return Space(group, Vector(), elements, images, matrix)
    d, standard = moves.shape[-1], group.standard
    if standard.dim == d and (standard(images) - moves).abs().max() <= 1e-6:
        return Space(group, Grid(d), elements, images, matrix)
    action = recognize(group, images, moves, flat=True)
    return Space(group, Grid(d, action=action), elements, images, matrix)
