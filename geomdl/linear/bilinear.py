"""Equivariant quadratic maps: products of blocks, and a linear map of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field
from geomdl.fields.numbers import at_least
from geomdl.groups import Rep, direct_sum, intertwiner_operator
from geomdl.linear.checks import check_input, vectors
from geomdl.linear.linear import Linear
from geomdl.registry import Example, register_layer
from geomdl.registry.exact_buffers import ExactBuffers


@dataclass(frozen=True)
class Kind:
    """Products of copies of two representations: a ⊗ b, or Sym²(a) of a copy with itself.

    Args:
        left: a.
        right: b.
        square: whether it is Sym²(a).
        count: how many pairs of copies there are.
    """

    left: Rep
    right: Rep
    square: bool
    count: int

    @property
    def rep(self) -> Rep:
        """Representation of one product."""
        trivial = self.left.group.trivial
        if self.left == trivial:
            return self.right
        if self.right == trivial:
            return self.left
        return self.left.sym(2) if self.square else self.left @ self.right

    def pairs(self, chosen: Tensor, copies: Mapping[Rep, Tensor]) -> Tensor:
        """Where the factors of the chosen products begin, (2, chosen)."""
        left, right = copies[self.left], copies[self.right]
        if self.square:
            i = j = chosen
        elif self.left == self.right:
            i, j = torch.triu_indices(len(left), len(left), 1)[:, chosen]
        else:
            i, j = chosen // len(right), chosen % len(right)
        return torch.stack([left[i], right[j]])

    def entries(self, starts: Tensor) -> Tensor:
        """Positions of the factors of every entry of products that begin there, (2, entries)."""
        a, b = self.left.dim, self.right.dim
        i, j = torch.triu_indices(a, a) if self.square else torch.cartesian_prod(
            torch.arange(a), torch.arange(b)
        ).reshape(-1, 2).T  # fmt: skip
        within = torch.stack([i, j]).unsqueeze(1)  # (2, 1, entries of one)
        return (starts.unsqueeze(2) + within).flatten(1)


def kinds_of(copies: Mapping[Rep, Tensor]) -> list[Kind]:
    """All kinds of products of two of the copies, each pair of copies once."""
    found, reps = [], list(copies)
    for k, a in enumerate(reps):
        m = len(copies[a])
        found.append(Kind(a, a, True, m))
        if m > 1:
            found.append(Kind(a, a, False, m * (m - 1) // 2))
        found += [Kind(a, b, False, m * len(copies[b])) for b in reps[k + 1 :]]
    return found


def allot(kinds: list[Kind], target: Rep, channels: int) -> tuple[list[tuple[Kind, int]], bool]:
    """How many products of each kind to take, and whether all that lead to the target are taken.

    The channels are shared evenly; what a kind with few products leaves goes to the others.
    """
    order = sorted(range(len(kinds)), key=lambda k: kinds[k].rep.dim * kinds[k].count)
    taken, complete = {}, True
    for place, k in enumerate(order):
        kind, share = kinds[k], channels // (len(order) - place)
        count = min(kind.count, share // kind.rep.dim)
        if count and not any(intertwiner_operator(kind.rep, s).n for s, _ in target.blocks):
            continue
        complete &= count == kind.count
        if count:
            taken[k] = count
            channels -= count * kind.rep.dim
    return [(kinds[k], taken[k]) for k in sorted(taken)], complete


def _example() -> nn.Module:
    G = groups.group("O3")
    rng = torch.Generator().manual_seed(0)
    return Bilinear(2 * G.trivial + 2 * G.standard, G.trivial + G.standard, rng=rng)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 8, generator=rng, dtype=torch.float64),)


@register_layer("linear/Bilinear", example=Example(_example, _inputs))
class Bilinear(ExactBuffers):
    """Equivariant quadratic map: a bilinear map of x and x.

    y = L(z), z the products of pairs of blocks of x, L in Hom_G(products, target)

    The products of blocks a and b are a ⊗ b, those of one with itself Sym²(a). While all fit into
    `channels` dimensions the map is *complete*, every element of Hom_G(Sym²(source), target); else
    each kind of product gets an even share, of pairs drawn at random when the layer is built, and
    kinds of which not one product fits are left out. Equivariant *exactly* in either case. The
    cost is that of one linear map from at most `channels` dimensions.

    Args:
        source: a representation, or a field of plain vectors.
        target: likewise, of the same group.
        channels: most dimensions of products.
        rng: for pairs and weights; torch's global one if None.

    Attributes:
        source: field of x.
        target: field of y.
        complete: whether these are all equivariant quadratic maps.

    Shape:
        (..., source.rep.dim) -> (..., target.rep.dim).

    Raises:
        TypeError: neither a representation nor a field.
        ValueError: representations of different groups, no map but zero; when called, another last
            axis.

    Example:
        >>> import geomdl
        >>> V = geomdl.group("SO3").standard
        >>> layer = Bilinear(2 * V, V)  # the cross product
        >>> layer.linear.operator.n, layer.complete
        (1, True)

    Source: Finzi, Welling & Wilson 2021, arXiv:2104.09459.
    """

    def __init__(
        self,
        source: Rep | Field,
        target: Rep | Field,
        *,
        channels: int = 1024,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.source = vectors("source", source)
        self.target = vectors("target", target, self.source.group)
        self.channels = at_least("channels", channels, 1)
        starts: dict[Rep, list[int]] = {}
        at = 0
        for rep, n in self.source.rep.blocks:
            starts.setdefault(rep, []).extend(range(at, at + n * rep.dim, rep.dim))
            at += n * rep.dim
        copies = {rep: torch.tensor(first) for rep, first in starts.items()}
        self.kinds, self.complete = allot(kinds_of(copies), self.target.rep, channels)
        if not self.kinds:
            raise ValueError(
                f"target: expected a quadratic map other than zero from {self.source.rep.name} in "
                f"{channels} channels, got none to {self.target.rep.name}"
            )
        entries = []
        for kind, count in self.kinds:
            chosen = torch.arange(count)
            if count < kind.count:
                chosen = torch.randperm(kind.count, generator=rng)[:count].sort().values
            entries.append(kind.entries(kind.pairs(chosen, copies)))
        self.factors: Tensor
        self.register_buffer("factors", torch.cat(entries, 1))  # drawn, so part of the state
        products = direct_sum([(kind.rep, count) for kind, count in self.kinds])
        self.linear = Linear(products, self.target, bias=False, rng=rng)
        self.scale: Tensor
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        """√2 at mixed entries of squares, whose basis is orthonormal."""
        scale = []
        for kind, count in self.kinds:
            one = torch.ones(kind.rep.dim, dtype=torch.float64)
            if kind.square:
                i, j = torch.triu_indices(kind.left.dim, kind.left.dim)
                one[i != j] = math.sqrt(2)
            scale.append(one.repeat(count))
        return {"scale": torch.cat(scale)}

    def forward(self, x: Tensor) -> Tensor:
        """Multiply blocks and map the products."""
        check_input(self.source, x)
        left, right = (x.index_select(-1, at) for at in self.factors)
        y: Tensor = self.linear(left * right * self.scale)
        return y

    def extra_repr(self) -> str:
        """Numbers of products."""
        return ", ".join(f"{count} of {kind.count} {kind.rep.name}" for kind, count in self.kinds)
