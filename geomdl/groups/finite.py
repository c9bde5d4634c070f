"""Finite groups: elements by position, groups given by a table, subgroups given by elements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import elements as el
from geomdl.groups.constant import constant
from geomdl.groups.group import Group, Parts
from geomdl.groups.linalg import canonical_basis

_AT_ONCE = 2**16  # products that are formed in one go
_GREATEST = 1e6  # entry of a matrix of a finite group


class FiniteGroup(Group):
    """A group with finitely many elements, in a fixed order with the identity first."""

    @property
    @abstractmethod
    def elements(self) -> Any:
        """All elements as one batch, the identity first."""

    @abstractmethod
    def index(self, g: Any) -> Tensor:
        """Position of ``g`` in :attr:`elements`."""

    @property
    def size(self) -> int:
        """Order as an integer."""
        assert self.order is not None
        return self.order

    def _sample(self, n: int, rng: torch.Generator, component: int | None, rapidity: float) -> Any:
        """Uniform elements, or n times the one of the component."""
        if component is not None:
            return el.take(self.elements, torch.full((n,), component))
        return el.take(self.elements, torch.randint(self.size, (n,), generator=rng))

    def translated(self, g: Any) -> Tensor:
        """Positions (..., |G|) of g·h for every element h."""
        shape = el.batch_shape(self, g)
        flat = el.leaf_map(lambda t: t.unsqueeze(1), el.flatten(self, g))
        every, at_once = self.elements, max(1, _AT_ONCE // self.size)
        rows = [
            self.index(self.compose(el.take(flat, slice(i, i + at_once)), every))
            for i in range(0, max(1, shape.numel()), at_once)
        ]
        return torch.cat(rows).reshape(*shape, self.size)

    @constant
    def matrix_coefficients(self) -> Tensor:
        """Orthonormal functions on the group, the entries of its irreps: (|G|, |G|) float64.

        Rows are (d / |G|)^(1/2) ρ_ij(g) over all elements g, irrep after irrep, row by row; of
        irreps of complex or quaternionic type the first columns, since the others are these again
        (or, where those are not orthogonal, a basis of the same span). They diagonalise convolution
        on G as far as real numbers can. For C_n they are cosines and sines; D_n has the sums of
        those over the flip, then the differences. Saved weights of filters stand in this order.
        Exact.

        Example:
            >>> import geomdl
            >>> U = geomdl.group("D4").matrix_coefficients
            >>> torch.allclose(U @ U.T, torch.eye(8, dtype=torch.float64))
            True

        Source: Peter and Weyl 1927; Serre, Linear representations of finite groups, 2.2.
        """
        rows = []
        for rep in self.irreps():
            matrices, d = rep(self.elements), rep.dim
            type_ = round(float(rep.character(self.elements).square().mean()))  # 1, 2, 4: R, C, H
            if type_ not in (1, d):  # which columns are independent depends on the basis
                flat = matrices.flatten(1)
                left, size, _ = torch.linalg.svd(flat, full_matrices=False)
                rows.append(canonical_basis(left[:, size > 0.5 * size[0]]).T)
            else:
                first = matrices[:, :, : d // type_].flatten(1)
                rows.append(first.T * (d / self.size) ** 0.5)
        return torch.cat(rows)

    # irreps of a finite group whose family gives no formula: found once, numerically
    @constant
    def _irreps(self) -> dict[Any, Tensor]:
        from geomdl.groups.irreps import finite_irreps

        return finite_irreps(self)

    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[Any]:
        """All labels; the families here number or name them in order of dimension."""
        return list(self._irreps)

    def irrep_matrix(self, label: Any, g: Any) -> Tensor:
        """Matrices of an irrep, from its table."""
        return self._irreps[label][self.index(g)]


class IndexedGroup(FiniteGroup):
    """A finite group whose elements are positions 0 … |G|−1, int64 scalars."""

    element_shape = ()

    @property
    @abstractmethod
    def table(self) -> Tensor:
        """Multiplication table (|G|, |G|) int64."""

    @property
    def order(self) -> int:
        """Number of elements."""
        return len(self.table)

    @property
    def identity(self) -> Tensor:
        """Position 0."""
        return torch.tensor(0)

    @property
    def elements(self) -> Tensor:
        """0 … |G|−1."""
        return torch.arange(self.order)

    def index(self, g: Tensor) -> Tensor:
        """Position of ``g``: itself."""
        return g

    def _valid(self, g: Tensor) -> bool:
        return bool(((g >= 0) & (g < self.order)).all())

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Product by the table."""
        return self.table.to(a.device)[a, b]

    @constant
    def _inverses(self) -> Tensor:
        return (self.table == 0).int().argmax(1)

    def inverse(self, a: Tensor) -> Tensor:
        """Inverse by the table."""
        return self._inverses.to(a.device)[a]

    @constant
    def generators(self) -> Tensor:
        """Few positions that generate the group, found greedily."""
        return torch.tensor(_generating(self.table), dtype=torch.int64)


def _generating(table: Tensor) -> list[int]:
    """Add the first element outside the subgroup so far until it is everything."""
    chosen: list[int] = []
    span = {0}
    while len(span) < len(table):
        chosen.append(next(i for i in range(len(table)) if i not in span))
        span = set(closure(table, chosen))
    return chosen


def closure(table: Tensor, generators: Sequence[int]) -> list[int]:
    """Sorted positions of the subgroup that the generators generate."""
    rows = table.tolist()
    seen, frontier = {0}, [0]
    while frontier:
        frontier = [j for j in {rows[s][i] for i in frontier for s in generators} if j not in seen]
        seen.update(frontier)
    return sorted(seen)


def match(matrices: Tensor, queries: Tensor, what: str, tol: float = 1e-6) -> Tensor:
    """Positions of ``queries`` (..., n, n) in a list of ``matrices`` (m, n, n).

    Raises:
        ValueError: a query differs from all of them by more than ``tol``.
    """
    flat = queries.reshape(-1, matrices[0].numel()).to(torch.float64)
    found = []
    for part in flat.split(4096):
        distance = torch.cdist(part, matrices.reshape(len(matrices), -1).to(part.device))
        best = distance.min(1)
        if len(part) and not bool((best.values <= tol).all()):
            raise ValueError(f"matrix: is no element of {what}")
        found.append(best.indices)
    return torch.cat(found).reshape(queries.shape[:-2])


def enumerate_closure(generators: Tensor, limit: int) -> Tensor | None:
    """All products of matrices (k, n, n), the identity first; None if more than ``limit``.

    Closed under products, hence under inverses if finite. Elements equal to 1e-6 count as one;
    each one is a product of few generators, so rounding stays near 1e-15. None also where they are
    infinitely many: a determinant other than ±1, or products beyond 1e6.
    """
    return matrix_closure(generators, limit)[0]


def matrix_closure(generators: Tensor, limit: int) -> tuple[Tensor | None, float]:
    """As `enumerate_closure`, and by how much products differ that count as one element."""
    n = generators.shape[-1]
    found = torch.eye(n, dtype=torch.float64).unsqueeze(0)
    if bool(((torch.linalg.det(generators).abs() - 1).abs() > 1e-6).any()):
        return None, 0.0
    frontier, worst = found, 0.0
    seen = {_key(found[0]): found[0]}
    while len(frontier):
        fresh = []
        products = (generators.unsqueeze(1) @ frontier).reshape(-1, n, n)
        if bool((products.abs() > _GREATEST).any()):
            return None, worst
        for candidate in products:
            known = seen.setdefault(_key(candidate), candidate)
            if known is candidate:
                fresh.append(candidate)
            else:
                worst = max(worst, float((known - candidate).abs().max()))
        if len(found) + len(fresh) > limit:
            return None, worst
        frontier = torch.stack(fresh) if fresh else found[:0]
        found = torch.cat([found, frontier])
    return found, worst


def _key(matrix: Tensor) -> tuple[int, ...]:
    return tuple((matrix.flatten() * 1e5 + 0.5e-3).round().to(torch.int64).tolist())


@dataclass(frozen=True, repr=False)
class MatrixTable(IndexedGroup):
    """A named finite group enumerated from faithful matrices; elements are positions."""

    label: str

    @property
    def name(self) -> str:
        """Name."""
        return self.label

    @constant
    def matrices(self) -> Tensor:
        """Standard matrices of all elements, (|G|, n, n)."""
        found = enumerate_closure(self._matrix_generators(), limit=1000)
        assert found is not None
        return found

    @abstractmethod
    def _matrix_generators(self) -> Tensor: ...

    @constant
    def table(self) -> Tensor:
        """Multiplication table."""
        m = self.matrices
        return match(m, m.unsqueeze(1) @ m.unsqueeze(0), self.name)

    @constant
    def generators(self) -> Tensor:
        """The positions of the defining generators."""
        return match(self.matrices, self._matrix_generators(), self.name)

    @property
    def standard_dim(self) -> int:
        """Dimension of the matrices."""
        return int(self.matrices.shape[-1])

    def standard_matrix(self, g: Tensor) -> Tensor:
        """Matrices by position."""
        return self.matrices.to(g.device)[g]

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """Position of a matrix."""
        return match(self.matrices, matrix, self.name)


@dataclass(frozen=True, repr=False)
class ElementGroup(IndexedGroup):
    """The subgroup of a finite group given by positions of its elements; it acts as they do."""

    parent: FiniteGroup
    ids: tuple[int, ...]

    @property
    def name(self) -> str:
        """The parent's name and the order."""
        return f"subgroup of order {len(self.ids)} of {self.parent.name}"

    @property
    def order(self) -> int:
        """Number of members."""
        return len(self.ids)

    @property
    def linear(self) -> Any:
        """The parent's, restricted."""
        from geomdl.groups.subgroup import Subgroup

        return self.parent.linear.restrict(Subgroup(self, self.parent))

    @property
    def members(self) -> Any:
        """Elements of the parent, in order."""
        return el.take(self.parent.elements, torch.tensor(self.ids))

    def member(self, g: Tensor) -> Any:
        """Elements of the parent at the positions ``g``."""
        return el.take(self.members, g)

    @constant
    def table(self) -> Tensor:
        """Multiplication table."""
        members = self.members
        rows = [self.parent.compose(g, members) for g in el.iterate(self.parent, members)]
        return torch.stack([self.position(row) for row in rows])

    @property
    def standard_dim(self) -> int:
        """The parent's."""
        return self.parent.standard_dim

    @property
    def standard_permutes(self) -> bool:
        """The parent's."""
        return self.parent.standard_permutes

    def standard_matrix(self, g: Tensor) -> Tensor:
        """The parent's, restricted."""
        return self.parent.standard_matrix(self.member(g))

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """Position among the members."""
        return self.position(self.parent.from_matrix(matrix))

    def position(self, g: Any) -> Tensor:
        """Positions of elements ``g`` of the parent; a ValueError if one is not a member."""
        at, ids = self.parent.index(g), torch.tensor(self.ids)
        found = torch.searchsorted(ids, at.contiguous()).clamp(max=len(ids) - 1)
        if not bool((ids[found] == at).all()):
            raise ValueError(f"element: is not in the {self.name}")
        return found

    def parts(self, g: Tensor) -> Parts:
        """As the member acts."""
        return self.parent.parts(self.member(g))

    def describe(self, g: Tensor) -> str:
        """As the parent names the member."""
        return self.parent.describe(self.member(g))

    def to_config(self) -> dict[str, Any]:
        """Parent and positions."""
        return {"group": "subgroup", "parent": self.parent.to_config(), "ids": list(self.ids)}
