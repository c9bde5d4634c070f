"""Symmetric groups S_n, with Young's orthogonal form for the irreps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant, memoized
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.group import Parts
from geomdl.groups.permutation import permutation_matrices

_MAX_LISTED = 9  # 9! = 362,880 elements


def partitions(n: int, largest: int | None = None) -> Iterator[tuple[int, ...]]:
    """Partitions of n in decreasing lexicographic order, (n,) first."""
    if n == 0:
        yield ()
    for first in range(min(n, largest or n), 0, -1):
        for rest in partitions(n - first, first):
            yield (first, *rest)


@memoized
def _tableaux(partition: tuple[int, ...]) -> list[dict[int, tuple[int, int]]]:
    """Standard Young tableaux as maps entry -> (row, column)."""
    n = sum(partition)
    if n == 0:
        return [{}]
    out = []
    for row, length in enumerate(partition):
        if row + 1 < len(partition) and partition[row + 1] == length:
            continue
        smaller = tuple(p for p in (*partition[:row], length - 1, *partition[row + 1 :]) if p)
        out += [{**t, n - 1: (row, length - 1)} for t in _tableaux(smaller)]
    return out


@memoized
def young_orthogonal(partition: tuple[int, ...]) -> Tensor:
    """Matrices (n−1, d, d) of the adjacent transpositions (i, i+1) in Young's orthogonal form.

    With ρ the axial distance from i+1 to i: diagonal 1/ρ, off-diagonal √(1 − 1/ρ²) to the tableau
    with i and i+1 exchanged.
    """
    tableaux = _tableaux(partition)
    position = {tuple(sorted(t.items())): a for a, t in enumerate(tableaux)}
    n, d = sum(partition), len(tableaux)
    out = torch.zeros(max(n - 1, 0), d, d, dtype=torch.float64)
    for i in range(n - 1):
        for a, t in enumerate(tableaux):
            (r1, c1), (r2, c2) = t[i], t[i + 1]
            distance = (c2 - r2) - (c1 - r1)
            out[i, a, a] = 1 / distance
            swapped = tuple(sorted({**t, i: t[i + 1], i + 1: t[i]}.items()))
            if swapped in position:
                out[i, position[swapped], a] = math.sqrt(1 - 1 / distance**2)
    return out


@dataclass(frozen=True, repr=False)
class Symmetric(FiniteGroup):
    """S_n: permutations as images (n,) int64; the standard representation permutes n vectors.

    Irreps are labelled by partitions of n as tuples: (n,) trivial, (1, …, 1) the sign.
    """

    n: int
    standard_permutes = True

    @property
    def name(self) -> str:
        """S_n."""
        return f"S{self.n}"

    @property
    def order(self) -> int:
        """Return n!."""
        return math.factorial(self.n)

    @property
    def element_shape(self) -> tuple[int, ...]:
        """(n,)."""
        return (self.n,)

    @property
    def standard_dim(self) -> int:
        """Return n."""
        return self.n

    @property
    def identity(self) -> Tensor:
        """0 … n−1."""
        return torch.arange(self.n)

    @property
    def generators(self) -> Tensor:
        """The transposition (0 1) and the cycle i → i+1."""
        one = self.identity
        swap = torch.cat([one[:2].flip(0), one[2:]])
        found = [swap, one.roll(-1)] if self.n > 2 else [swap] * (self.n - 1)
        return torch.stack(found) if found else one.new_zeros(0, self.n)

    @constant
    def elements(self) -> Tensor:
        """All permutations in lexicographic order, up to n = 9."""
        if self.n > _MAX_LISTED:
            raise ValueError(f"elements: {self.name} has {self.order} elements; use sample")
        return torch.tensor(list(itertools.permutations(range(self.n)))).reshape(self.order, self.n)

    def _valid(self, g: Tensor) -> bool:
        return bool((g.sort(-1).values == self.identity).all())

    def index(self, g: Tensor) -> Tensor:
        """Lexicographic rank."""
        smaller = g.unsqueeze(-1) > g.unsqueeze(-2)  # [i, j]: g_j < g_i
        later = torch.ones(self.n, self.n, dtype=torch.bool, device=g.device).triu(1)
        weights = [math.factorial(self.n - 1 - i) for i in range(self.n)]
        digits = (smaller & later).sum(-1)
        return (digits * torch.tensor(weights, device=g.device)).sum(-1)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (ab)(i) = a(b(i))."""
        a, b = torch.broadcast_tensors(a, b)
        return a.gather(-1, b)

    def inverse(self, a: Tensor) -> Tensor:
        """Inverse permutation."""
        return a.argsort(-1)

    def _sample(
        self, n: int, rng: torch.Generator, component: int | None, rapidity: float
    ) -> Tensor:
        """Uniform permutations, without listing the group."""
        if component is not None:
            value: Tensor = super()._sample(n, rng, component, rapidity)
            return value
        return torch.rand(n, self.n, generator=rng, dtype=torch.float64).argsort(-1)

    @property
    def components(self) -> Any:
        """All elements, or for n > 9 the identity and the generators."""
        if self.n <= _MAX_LISTED:
            return self.elements
        return torch.cat([self.identity.unsqueeze(0), self.generators])

    def standard_matrix(self, g: Tensor) -> Tensor:
        """Permutation matrices, e_i → e_g(i)."""
        return permutation_matrices(g)

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """Images of the basis vectors."""
        g = matrix.argmax(-2)
        if not bool(((permutation_matrices(g) - matrix).abs() <= 1e-6).all()):
            raise ValueError(f"matrix: is no element of {self.name}")
        return g

    def parts(self, g: Tensor) -> Parts:
        """A permutation of nodes."""
        return Parts(permutation=g)

    @property
    def linear(self) -> Any:
        """Permutations move nodes, not points: refused."""
        raise ValueError(f"linear: {self.name} permutes nodes and moves no points")

    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[tuple[int, ...]]:
        """Partitions of n."""
        return list(partitions(self.n))

    def irrep_matrix(self, label: tuple[int, ...], g: Tensor) -> Tensor:
        """Product of adjacent transpositions that sort the images (a bubble sort)."""
        swaps = young_orthogonal(label).to(g.device)
        d = swaps.shape[-1]
        out = torch.eye(d, dtype=torch.float64, device=g.device).expand(*g.shape[:-1], d, d)
        g = g.clone()
        for round_ in range(self.n):  # odd-even transposition sort: n rounds
            for i in range(round_ % 2, self.n - 1, 2):
                wrong = g[..., i] > g[..., i + 1]
                pair = torch.stack([g[..., i], g[..., i + 1]], -1)
                g[..., i : i + 2] = torch.where(wrong.unsqueeze(-1), pair.flip(-1), pair)
                out = torch.where(wrong[..., None, None], out @ swaps[i], out)
        return out.mT  # g s₁ s₂ … = 1, so ρ(g) = (ρ(s₁) ρ(s₂) …)⁻¹
