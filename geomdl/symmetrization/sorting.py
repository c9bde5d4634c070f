"""Sorting frames of S_n."""

from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Type
from geomdl.groups.symmetric import Symmetric
from geomdl.symmetrization.clouds import choose, holds_members
from geomdl.symmetrization.frame import LARGEST, Frame, Weighted
from geomdl.symmetrization.ties import permutations

_MEMBERS = "numbers of the members of a set, which the group permutes"


class Sorting(Frame):
    """The permutation that sorts the members by their first number, ties by the next, and so on.

    Exact, weighted or not. Members with all their numbers in this input equal tie: the average is
    then over all their orders, at most 720 (6 equal members), and f is evaluated as often. Where
    `alone`, their order is of no account, and stays as it is stored; so it does, and exactness is
    lost, where the frame is traced (`torch.compile`, `torch.export`).

    With one number a member it is continuous; with more it jumps where first numbers meet.
    Weighted, members are instead sorted along several directions a, each with a weight in
    proportion to the smallest gap between neighbouring ⟨a, x_i⟩: a direction whose order changes
    has weight zero there, so that the average is *continuous* wherever the members are distinct.
    (c − 1) n (n − 1) / 2 + 1 directions are enough for n members of c numbers, since the difference
    of two of them is orthogonal to c − 1 directions at most.

    Args:
        group: S_n.
        source: type of the inputs, one of which should hold the members.
        by: name of that input; by default the first.
        weighted: whether to sort along several directions.
        alone: whether there is no other input, and outputs are invariant.

    Raises:
        ValueError: no input holds members, or there are too many directions; at a call, members
            tie in too many orders.

    Source: Dym, Lawrence and Siegel 2024, arXiv:2402.16077.
    """

    def __init__(
        self,
        group: Symmetric,
        source: Type,
        by: str | None = None,
        weighted: bool = False,
        alone: bool = False,
    ) -> None:
        reading = choose(source, by, holds_members, _MEMBERS)
        numbers = reading.numbers(group.n)
        count = (numbers - 1) * group.n * (group.n - 1) // 2 + 1 if weighted else 1
        if count > LARGEST:
            raise ValueError(
                f"weighted: expected at most {LARGEST} directions, got {count} for {group.n}"
                f" members of {numbers} numbers"
            )
        super().__init__(group, count)
        self.reading, self.alone = reading, alone
        rng = torch.Generator().manual_seed(0)
        drawn = torch.randn(count, numbers, generator=rng, dtype=torch.float64)
        self.directions = drawn / drawn.norm(dim=-1, keepdim=True)  # in general position

    def forward(self, inputs: Any) -> Weighted:
        """Permutations (k, …, n), rank to member."""
        members = self.reading.members(inputs)
        order = lexicographic(members)
        if self.size == 1:
            return self._ties(members, order.unsqueeze(0), [1.0])
        numbers, along = members.double(), self.directions.to(members.device)
        keys = torch.stack([(numbers * a).sum(-1) for a in along])  # (k, …, n)
        order = order.expand(keys.shape)
        sorted_keys, place = keys.gather(-1, order).sort(dim=-1, stable=True)
        gaps = sorted_keys.diff(dim=-1).amin(-1)
        total = gaps.sum(0)
        weights = torch.where(total > 0, gaps / torch.where(total > 0, total, 1.0), 1 / len(gaps))
        return self._ties(members, order.gather(-1, place), weights)

    def _ties(self, members: Tensor, order: Tensor, weights: Any) -> Weighted:
        if self.alone:
            return Weighted(order, order.argsort(-1), weights)
        at = order.unsqueeze(-1).expand(*order.shape, members.shape[-1])
        sorted_members = members.expand(at.shape).gather(-2, at)
        same = (sorted_members[..., 1:, :] == sorted_members[..., :-1, :]).all(-1)
        return permutations(order, weights, same)


def lexicographic(members: Tensor) -> Tensor:
    """Order (…, n) of members (…, n, c): by the first number, ties by the second, and so on."""
    order = members[..., -1].argsort(dim=-1, stable=True)
    for key in members[..., :-1].unbind(-1)[::-1]:
        order = order.gather(-1, key.gather(-1, order).argsort(dim=-1, stable=True))
    return order
