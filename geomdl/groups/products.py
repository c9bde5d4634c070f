"""Products of groups: what they share, and direct products G × H × …."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import elements as el
from geomdl.groups.constant import constant
from geomdl.groups.constructions import Pullback
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.group import Group, Parts
from geomdl.groups.linalg import block_diagonal
from geomdl.groups.rep import Rep
from geomdl.groups.tables import Sub


class Product(Group):
    """What direct and semidirect products share: elements are tuples, one entry a factor."""

    factors: tuple[Group, ...]

    @property
    def order(self) -> int | None:
        """Product of the orders, None if one is infinite."""
        orders = [f.order for f in self.factors]
        return None if any(o is None for o in orders) else math.prod(o for o in orders if o)

    @property
    def element_shape(self) -> tuple[Any, ...]:
        """The factors' shapes."""
        return tuple(f.element_shape for f in self.factors)

    @property
    def compact(self) -> bool:
        """Whether every factor is."""
        return all(f.compact for f in self.factors)

    @property
    def identity(self) -> Any:
        """The factors' identities."""
        return tuple(f.identity for f in self.factors)

    def _valid(self, g: Any) -> bool:
        return all(f._valid(x) for f, x in zip(self.factors, g, strict=True))

    @property
    def generators(self) -> Any:
        """Generators of each factor, the identity in the others."""
        return el.cat([self.inject(i, f.generators) for i, f in enumerate(self.factors)])

    @property
    def components(self) -> Any:
        """All combinations of the factors' components."""
        if self.order is not None:
            return self.elements
        return self._grid([f.components for f in self.factors])

    def _grid(self, batches: Sequence[Any]) -> Any:
        counts = [el.count(f, b) for f, b in zip(self.factors, batches, strict=True)]
        index = torch.cartesian_prod(*map(torch.arange, counts)).reshape(-1, len(counts))
        return tuple(el.take(b, index[:, i]) for i, b in enumerate(batches))

    def inject(self, factor: int, g: Any) -> Any:
        """Elements of one factor as elements of the product."""
        shape = el.batch_shape(self.factors[factor], g)
        return tuple(
            g if i == factor else el.expand(f, f.identity, shape)
            for i, f in enumerate(self.factors)
        )

    def pull(self, factor: int, rep: Rep) -> Rep:
        """Representation of a factor, through the projection onto it."""
        if rep.group != self.factors[factor]:
            raise ValueError(f"rep: should be of {self.factors[factor].name}, got {rep!r}")
        return Pullback(self, factor, rep)

    def factor_lie(self, factor: int) -> tuple[int, int]:
        """First and last + 1 position of a factor's Lie algebra."""
        dims = [f.lie_dim for f in self.factors]
        return sum(dims[:factor]), sum(dims[: factor + 1])

    def _sample(self, n: int, rng: torch.Generator, component: int | None, rapidity: float) -> Any:
        """Independent samples of the factors."""
        parts: list[int | None] = [None] * len(self.factors)
        if component is not None:
            counts = [el.count(f, f.components) for f in self.factors]
            for i in reversed(range(len(counts))):
                component, parts[i] = divmod(component, counts[i])
        return tuple(
            f._sample(n, rng, c, rapidity) for f, c in zip(self.factors, parts, strict=True)
        )

    def describe(self, g: Any) -> str:
        """The factors' names of their entries."""
        names = [f.describe(x) for f, x in zip(self.factors, g, strict=True)]
        return "(" + ", ".join(names) + ")"

    # a finite product has elements; they are row-major in the factors
    @property
    def elements(self) -> Any:
        """All combinations, the last factor fastest."""
        if self.order is None:
            return super().elements
        return self._grid([f.elements for f in self.factors])

    def index(self, g: Any) -> Tensor:
        """Row-major position."""
        out = torch.zeros((), dtype=torch.int64)
        for f, x in zip(self.factors, g, strict=True):
            out = out * (f.order or 1) + f.index(x)
        return out


@dataclass(frozen=True, repr=False)
class DirectProduct(Product):
    """G × H × …; the standard representation is the sum of the factors' standard ones."""

    factors: tuple[Group, ...]

    @staticmethod
    def of(a: Group, b: Group) -> Group:
        """Product of two groups, direct products flattened."""
        parts = [p for g in (a, b) for p in (g.factors if isinstance(g, DirectProduct) else (g,))]
        finite = all(isinstance(p, FiniteGroup) for p in parts)
        return (FiniteDirectProduct if finite else DirectProduct)(tuple(parts))

    @property
    def name(self) -> str:
        """C8 * C2."""
        return " * ".join(f"({f.name})" if " " in f.name else f.name for f in self.factors)

    @property
    def standard_dim(self) -> int:
        """Sum."""
        return sum(f.standard_dim for f in self.factors)

    @property
    def orthogonal(self) -> bool:
        """Whether every factor's standard representation is."""
        return all(f.orthogonal for f in self.factors)

    @property
    def standard_permutes(self) -> bool:
        """Whether every factor's standard representation permutes."""
        return all(f.standard_permutes for f in self.factors)

    @constant
    def lie_algebra(self) -> Tensor:
        """The factors' Lie algebras, block by block."""
        rows = []
        for i, f in enumerate(self.factors):
            zero = [
                torch.zeros(f.lie_dim, h.standard_dim, h.standard_dim).double()
                for h in self.factors
            ]
            zero[i] = f.lie_algebra
            rows.append(block_diagonal(zero))
        return torch.cat(rows)

    def _exp(self, coeffs: Tensor) -> Any:
        parts = coeffs.split([f.lie_dim for f in self.factors], -1)
        return tuple(f.exp(c) for f, c in zip(self.factors, parts, strict=True))

    def compose(self, a: Any, b: Any) -> Any:
        """Entry by entry."""
        return tuple(f.compose(x, y) for f, x, y in zip(self.factors, a, b, strict=True))

    def inverse(self, a: Any) -> Any:
        """Entry by entry."""
        return tuple(f.inverse(x) for f, x in zip(self.factors, a, strict=True))

    def standard_matrix(self, g: Any) -> Tensor:
        """Block-diagonal."""
        return block_diagonal([f.standard_matrix(x) for f, x in zip(self.factors, g, strict=True)])

    def from_matrix(self, matrix: Tensor) -> Any:
        """Block by block."""
        out, i = [], 0
        for f in self.factors:
            out.append(f.from_matrix(matrix[..., i : i + f.standard_dim, i : i + f.standard_dim]))
            i += f.standard_dim
        if not bool(((self.standard_matrix(tuple(out)) - matrix).abs() <= 1e-6).all()):
            raise ValueError(f"matrix: is no element of {self.name}")
        return tuple(out)

    @property
    def linear(self) -> Rep:
        """Linear part of the one factor that has one."""
        found = [i for i, f in enumerate(self.factors) if f.identity_parts.linear is not None]
        if len(found) != 1:
            raise ValueError(f"linear: {self.name} has {len(found)} factors that act linearly")
        return self.pull(found[0], self.factors[found[0]].linear)

    def parts(self, g: Any) -> Parts:
        """The factors' parts together; a kind of part that two factors have is left out."""
        each = [f.parts(x) for f, x in zip(self.factors, g, strict=True)]
        merged = []
        for kind in zip(*each, strict=True):
            known = [p for p in kind if p is not None]
            merged.append(known[0] if len(known) == 1 else None)
        return Parts(*merged)

    def _atoms(self, max_frequency: int | None) -> list[tuple[Any, ...]]:
        out: list[tuple[Any, ...]] = [()]
        for f in self.factors:
            out = [(*a, label) for a in out for label in f.irrep_labels(max_frequency)]
        return out

    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[Any]:
        """Tuples of the factors' labels, with a number behind them where the product splits."""
        labels: list[Any] = []
        for atom in self._atoms(max_frequency):
            n = len(self._pieces(atom))
            labels += [atom] if n == 1 else [(*atom, i) for i in range(n)]
        return labels

    def has_irrep(self, label: Any) -> bool:
        """Whether each factor has its label (and the split its number)."""
        k = len(self.factors)
        if not isinstance(label, tuple) or not k <= len(label) <= k + 1:
            return False
        if not all(f.has_irrep(x) for f, x in zip(self.factors, label[:k], strict=True)):
            return False
        n = len(self._pieces(label[:k]))
        return n == 1 if len(label) == k else n > 1 and label[k] in range(n)

    def canonical_label(self, label: Any) -> Any:
        """The factors' canonical labels."""
        label = tuple(label)
        heads = (f.canonical_label(x) for f, x in zip(self.factors, label, strict=False))
        return (*heads, *label[len(self.factors) :])

    def _pieces(self, atom: tuple[Any, ...]) -> list[Rep]:
        """Distinct irreps inside the tensor product of real irreps of the factors.

        It is irreducible unless two factors are of complex or quaternionic type.
        """
        cache: dict[Any, list[Rep]] = self.__dict__.setdefault("_piece_cache", {})
        if atom not in cache:
            reps = [
                self.pull(i, f.irrep(x))
                for i, (f, x) in enumerate(zip(self.factors, atom, strict=True))
            ]
            product = reps[0]
            for rep in reps[1:]:
                product = product @ rep
            if sum(r.base.endomorphism_dim > 1 for r in reps if isinstance(r, Pullback)) <= 1:
                cache[atom] = [product]
            else:
                from geomdl.groups.irreps import distinct, split

                cache[atom] = distinct([Sub.build(product, q) for q in split(product)])
        return cache[atom]

    def _piece(self, label: Any) -> Rep:
        k = len(self.factors)
        return self._pieces(label[:k])[label[k] if len(label) > k else 0]

    def irrep_matrix(self, label: Any, g: Any) -> Tensor:
        """Tensor product of the factors' irreps, or an irreducible part of it."""
        return self._piece(label).matrix(g)

    def irrep_lie(self, label: Any) -> Tensor:
        """Its derivative."""
        return self._piece(label).lie

    def to_config(self) -> dict[str, Any]:
        """The factors."""
        return {"group": "direct", "factors": [f.to_config() for f in self.factors]}


class FiniteDirectProduct(DirectProduct, FiniteGroup):
    """A direct product of finite groups."""

    index = Product.index
    _sample = FiniteGroup._sample
