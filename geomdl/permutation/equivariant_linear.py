"""All permutation-equivariant linear maps between tensors over a set, without dense bases."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields import Field, Nodes, Vector
from geomdl.fields.numbers import at_least
from geomdl.groups import Rep, group
from geomdl.permutation.inputs import check_dtype
from geomdl.permutation.partitions import (
    Contraction,
    Partition,
    Placement,
    contract,
    diagonal_index,
    partitions,
    split,
    spread,
)
from geomdl.registry import Example, register_layer


def tensor_field(k: int, channels: int, n: int | None) -> Field | None:
    """Field of k-tensors over n things, or None where a number is needed and not given."""
    if k == 0:
        one: Rep = group("C1" if n is None else f"S{n}").trivial
        return Field(Vector(), channels * one)
    if n is None:
        return Field(Nodes(), channels * group("C1").trivial) if k == 1 else None
    symmetric = group(f"S{n}")
    if k == 1:
        return Field(Nodes(), channels * symmetric.trivial)
    rep: Rep = symmetric.standard
    for _ in range(k - 1):
        rep = rep @ symmetric.standard
    shape = (*[n] * k, channels)
    return Field(Vector(), rep @ (channels * symmetric.trivial), shape=shape)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 4, 4, 2, generator=rng, dtype=torch.float64),)


@register_layer(
    "permutation/EquivariantLinear",
    example=Example(lambda: EquivariantLinear(2, 2, 2, 3, n=4), _inputs),
)
class EquivariantLinear(nn.Module):
    """Every permutation-equivariant affine map from k-tensors to l-tensors over a set.

    y[o, d] = Σ_γ Σ_c W_γ[c, d] Σ_i x[i, c] + Σ_β b_β[d]

    γ runs over the Bell(k + l) partitions of the k + l indices, the inner sum over the i such that
    indices (i, o) in one block of γ are equal; β over the Bell(l) partitions of the indices o that
    have equal ones in one block. With n ≥ k + l things the maps are independent and these are all
    there are, 15 for 2 → 2; with fewer things they span the same space, but are dependent (14 for
    n = 3, 8 for n = 2): the parameters stay. Equivariant under S_n, *exact* up to the order of
    sums.

    No basis is stored: a partition takes a diagonal of the input, sums it over the indices that do
    not survive, and adds the result to a diagonal of the output. Sums are shared, one for each
    diagonal and each set of survivors: 6 for 2 → 2. Time and memory are those of n^max(k, l)
    numbers a channel.

    Args:
        k: indices of the input, from 0.
        l: indices of the output, from 0.
        source_channels: of the input.
        target_channels: of the output.
        normalize: take means in place of sums, so that sizes do not grow with n. The space of maps
            for one n is the same.
        bias: whether there is b.
        n: how many things there are, if `source` and `target` are to be known; else any number.
        rng: for the weights; torch's global one if None.

    Attributes:
        source: field of x, under S_n where n is given; None where it needs n.
        target: field of the result, likewise.

    Raises:
        ValueError: an impossible argument; when called, a wrong shape.

    Example:
        >>> layer = EquivariantLinear(2, 2, 1, 1)
        >>> len(layer.partitions), layer(torch.randn(5, 7, 7, 1)).shape
        (15, torch.Size([5, 7, 7, 1]))

    Source: Maron, Ben-Hamu, Shamir & Lipman 2019, arXiv:1812.09902.
    """

    def __init__(
        self,
        k: int,
        l: int,
        source_channels: int,
        target_channels: int,
        *,
        normalize: bool = True,
        bias: bool = True,
        n: int | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.k, self.l = at_least("k", k, 0), at_least("l", l, 0)
        rows = at_least("source_channels", source_channels, 1)
        columns = at_least("target_channels", target_channels, 1)
        self.source_channels, self.target_channels = rows, columns
        self.normalize = bool(normalize)
        self.n = None if n is None else at_least("n", n, 1)
        self.partitions = partitions(k + l)
        self.terms: dict[Contraction, list[tuple[int, Placement]]] = {}
        for number, partition in enumerate(self.partitions):
            contraction, placement = split(partition, k)
            self.terms.setdefault(contraction, []).append((number, placement))
        count = len(self.partitions)
        weight = torch.randn(count, rows, columns, generator=rng)
        self.weight = nn.Parameter(weight / math.sqrt(count * rows))
        self.constants = partitions(l)
        self.bias = nn.Parameter(torch.zeros(len(self.constants), columns)) if bias else None
        self.source = tensor_field(k, rows, self.n)
        self.target = tensor_field(l, columns, self.n)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """k-tensors to l-tensors.

        Args:
            x: shape (batch, n, …, n, source_channels), k times n.
            mask: which things there are, bool of shape (batch, n); all if None. What stands at
                others is not looked at, and the result is 0 there. Needed for k = 0 < l where the
                layer was not told n.

        Returns:
            shape (batch, n, …, n, target_channels), l times n.
        """
        n = self._checked(x, mask)
        if mask is not None and self.k:
            x = torch.where(_everywhere(mask, self.k), x, 0)
        y: dict[Partition, Tensor] = {}
        for contraction, uses in self.terms.items():
            z = contract(x, contraction)
            lost = max(contraction.diagonal, default=-1) + 1 - len(contraction.kept)
            if self.normalize and lost:
                z = z / _power(mask, n, lost, z)
            mixed = z @ torch.cat([self.weight[number] for number, _ in uses], 1)
            parts = mixed.split(self.target_channels, -1)
            for part, (_, placement) in zip(parts, uses, strict=True):
                term = spread(part, placement)
                known = y.get(placement.diagonal)
                y[placement.diagonal] = term if known is None else known + term
        if self.bias is not None:
            for row, constant in zip(self.bias, self.constants, strict=True):
                y[constant] = y[constant] + row
        return self._placed(y, x, n, mask)

    def _placed(self, y: dict[Partition, Tensor], x: Tensor, n: int, mask: Tensor | None) -> Tensor:
        """Sum of what lies on the diagonals of the output."""
        if self.l == 0:
            return y[()]
        full = (x.shape[0], *[n] * self.l, self.target_channels)
        total = y[tuple(range(self.l))].expand(full)
        flat = total.flatten(1, self.l)
        for diagonal, part in y.items():
            blocks = max(diagonal) + 1
            if blocks < self.l:
                index = diagonal_index(diagonal, n, x.device).flatten()
                rows = part.expand(x.shape[0], *[n] * blocks, self.target_channels)
                flat = flat.index_add(1, index, rows.flatten(1, blocks))
        total = flat.view(full)
        return total if mask is None else torch.where(_everywhere(mask, self.l), total, 0)

    def _checked(self, x: Tensor, mask: Tensor | None) -> int:
        """Number of things, if x and mask are what they should be."""
        n = self.n
        if n is None and self.k:
            n = x.shape[1] if x.ndim == self.k + 2 else None
        elif n is None and mask is not None and mask.ndim == 2:
            n = mask.shape[1]
        if n is None and self.k == 0:
            if self.l:
                raise ValueError("mask: expected shape (batch, n), which says n where k = 0")
            n = 0
        size = "n" if n is None else n
        expected = (*[size] * self.k, self.source_channels)
        if n is None or x.ndim != self.k + 2 or tuple(x.shape[1:]) != expected:
            shape = ", ".join(map(str, ("batch", *expected)))
            raise ValueError(f"x: expected shape ({shape}), got {tuple(x.shape)}")
        if mask is not None and (mask.dtype != torch.bool or mask.shape != (x.shape[0], n)):
            raise ValueError(
                f"mask: expected bool of shape ({x.shape[0]}, {n}),"
                f" got {mask.dtype} of shape {tuple(mask.shape)}"
            )
        check_dtype(x, self.weight)
        return n

    def extra_repr(self) -> str:
        return f"{self.k} -> {self.l}, {self.source_channels} -> {self.target_channels}"


def _everywhere(mask: Tensor, k: int) -> Tensor:
    """Whether all of k things are there, (batch, n, …, n, 1)."""
    every = mask
    for _ in range(k - 1):
        every = every.unsqueeze(-1) & mask.view(mask.shape[0], *[1] * (every.ndim - 1), -1)
    return every.unsqueeze(-1)


def _power(mask: Tensor | None, n: int, power: int, like: Tensor) -> Tensor | int:
    """Number of things in each set to a power, at least 1, to divide by."""
    if mask is None:
        return int(max(n, 1) ** power)
    count = mask.sum(1).clamp(min=1).to(like.dtype) ** power
    return count.view(-1, *[1] * (like.ndim - 1))
