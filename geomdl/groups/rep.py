"""Representations: one algebra for every group, finite or Lie.

A ``Rep`` is a frozen expression: ``3 * r``, ``r + s``, ``r @ s``, ``r.sym(2)``, ``r.dual``… It
evaluates on batches of elements, and its derivative ``lie`` on the Lie algebra follows from the
expression, so that intertwiners need no sampling.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.linalg import block_diagonal

if TYPE_CHECKING:
    from geomdl.groups.decompose import Decomposition
    from geomdl.groups.group import Group
    from geomdl.groups.subgroup import Subgroup


class Rep(ABC):
    """A real, finite-dimensional representation: ``rep(g)`` gives matrices (..., dim, dim).

    ``==`` means the same construction; ``geomdl.isomorphic`` asks whether two are equivalent.
    All matrices are float64.
    """

    group: Group

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Short name in the notation of the algebra."""

    @abstractmethod
    def matrix(self, g: Any) -> Tensor:
        """Matrices (..., dim, dim) of one element or a batch."""

    @property
    def lie(self) -> Tensor:
        """Derivative at the identity along the group's ``lie_algebra``, (lie_dim, dim, dim)."""
        return torch.zeros(0, self.dim, self.dim, dtype=torch.float64)

    @property
    def is_permutation(self) -> bool:
        """Whether every matrix is a permutation (pointwise functions are then equivariant)."""
        return False

    @property
    def is_orthogonal(self) -> bool:
        """Whether every matrix is orthogonal."""
        return False

    @constant
    def is_trivial(self) -> bool:
        """Whether every element acts as the number 1."""
        return self.dim == 1 and len(self.fixed()) == 1

    @property
    def blocks(self) -> tuple[tuple[Rep, int], ...]:
        """Top-level direct sum as (representation, multiplicity), in order."""
        return ((self, 1),)

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The node of the expression without its group, JSON-able."""

    # --- derived ------------------------------------------------------------------------------
    def __call__(self, g: Any) -> Tensor:
        """Matrices (..., dim, dim) of one element or a batch of elements."""
        return self.matrix(g)

    @constant
    def generators(self) -> Tensor:
        """Matrices (k, dim, dim) of the group's discrete generators."""
        return self.matrix(self.group.generators)

    def permutation(self, g: Any) -> Tensor:
        """Images (..., dim) of the basis vectors, e_i -> e_perm[i], of a permutation rep."""
        if not self.is_permutation:
            raise ValueError(f"rep: {self.name} is not a permutation representation")
        return self.matrix(g).argmax(-2)

    def character(self, g: Any) -> Tensor:
        """Trace of ``rep(g)``."""
        return self.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1)

    def fixed(self, subgroup: Subgroup | Group | str | None = None) -> Tensor:
        """Orthonormal basis (rows, (n, dim)) of the vectors fixed by H, or by the whole group."""
        from geomdl.groups.intertwiners import intertwiners

        rep = self if subgroup is None else self.restrict(subgroup)
        return intertwiners(rep.group.trivial, rep)[:, :, 0]

    @constant
    def reynolds(self) -> Tensor:
        """Reynolds operator (dim, dim): the invariant projection onto the fixed vectors.

        R = F (LF)⁻¹ L with fixed vectors F and invariant functionals L, from generators alone;
        for a compact group it equals the Haar average of rep(g). Exact.

        Raises:
            ValueError: there is none, because the representation is not semisimple.
        """
        fixed, functionals = self.fixed().T, self.dual.fixed()
        if fixed.shape[1] != functionals.shape[0]:
            raise ValueError(f"reynolds: {self.name} is not semisimple")
        pairing = functionals @ fixed
        if fixed.shape[1] and not torch.linalg.svdvals(pairing)[-1] > 1e-9:
            raise ValueError(f"reynolds: {self.name} is not semisimple")
        value: Tensor = fixed @ torch.linalg.solve(pairing, functionals)
        return value

    @constant
    def endomorphism_dim(self) -> int:
        """Dimension of End_G(self); 1, 2, 4 for an irrep of real, complex, quaternionic type."""
        from geomdl.groups.intertwiners import intertwiner_operator

        return intertwiner_operator(self, self).n

    @property
    def type(self) -> str:
        """Type of an irrep: "R", "C" or "H" (real, complex, quaternionic)."""
        from geomdl.groups.intertwiners import intertwiner_operator

        op = intertwiner_operator(self, self)
        rng = torch.Generator().manual_seed(0)
        values = torch.linalg.eigvals(op(torch.randn(op.n, generator=rng, dtype=torch.float64)))
        values = torch.complex(values.real, values.imag.abs())
        types = {1: "R", 2: "C", 4: "H"}
        # a generic element of a division algebra has one pair of conjugate eigenvalues
        if op.n not in types or not (values - values[0]).abs().max() <= 1e-6 * values.abs().max():
            raise ValueError(f"type: {self.name} is not irreducible")
        return types[op.n]

    def decompose(self) -> Decomposition:
        """Multiplicities of the irreps and a change of basis; see ``geomdl.groups.decompose``."""
        from geomdl.groups.decompose import decompose

        return decompose(self)

    def __add__(self, other: Rep) -> Rep:
        """Direct sum."""
        return direct_sum([(self, 1), (other, 1)])

    def __mul__(self, n: int) -> Rep:
        """Return n whole copies, one after another."""
        return self.__rmul__(n)

    def __rmul__(self, n: int) -> Rep:
        """Return n whole copies, one after another."""
        if not isinstance(n, int) or n < 1:
            hint = "; the tensor product is r @ s" if hasattr(n, "group") else ""
            raise ValueError(f"n: a multiple should be a positive integer, got {n!r}{hint}")
        return direct_sum([(self, n)])

    def __matmul__(self, other: Rep) -> Rep:
        """Tensor product; the basis is e_i ⊗ f_j in row-major order."""
        from geomdl.groups.constructions import Tensored

        return Tensored(_same_group(self, other), other)

    def sym(self, k: int) -> Rep:
        """Return the symmetric power, orthonormal basis inside the k-fold tensor product."""
        from geomdl.groups.constructions import Power

        return Power(self, _positive("k", k), symmetric=True)

    def alt(self, k: int) -> Rep:
        """Return the alternating power, orthonormal basis inside the k-fold tensor product."""
        from geomdl.groups.constructions import Power

        if not 1 <= k <= self.dim:
            raise ValueError(f"k: should be between 1 and dim={self.dim}, got {k}")
        return Power(self, k, symmetric=False)

    @property
    def dual(self) -> Rep:
        """Dual representation g -> rep(g⁻¹)ᵀ; the representation itself if it is orthogonal."""
        from geomdl.groups.constructions import Dual

        return self if self.is_orthogonal else Dual(self)

    def restrict(self, subgroup: Subgroup | Group | str) -> Rep:
        """Restriction to a subgroup of ``group``, or to a group (or its name) that it contains."""
        from geomdl.groups.subgroup import Restricted, Subgroup

        if not isinstance(subgroup, Subgroup):
            subgroup = self.group.subgroup(subgroup)
        if subgroup.parent != self.group:
            raise ValueError(f"subgroup: should lie in {self.group.name}, got {subgroup!r}")
        return Restricted(self, subgroup)

    def induce(self, subgroup: Subgroup | Group) -> Rep:
        """Induced representation of G, of dimension |G/H| dim.

        Args:
            subgroup: the embedding of ``group`` in G, or G itself (then embedded by default).
        """
        from geomdl.groups.permutation import Induced
        from geomdl.groups.subgroup import Subgroup

        if not isinstance(subgroup, Subgroup):
            subgroup = subgroup.subgroup(self.group)
        if subgroup.group != self.group:
            raise ValueError(f"subgroup: should be an embedding of {self.group.name}")
        return Induced(self, subgroup)

    def to_config(self) -> dict[str, Any]:
        """JSON-able description, read back by ``geomdl.groups.from_config``."""
        return {**self.config, "of": self.group.to_config()}

    def __repr__(self) -> str:
        return f"<{self.name} of {self.group.name}, dim {self.dim}>"


class Derived(Rep):
    """A representation made from another one, of its dimension and as orthogonal."""

    base: Rep

    @property
    def dim(self) -> int:
        return self.base.dim

    @property
    def is_orthogonal(self) -> bool:
        return self.base.is_orthogonal


def _positive(name: str, k: int) -> int:
    if k < 1:
        raise ValueError(f"{name}: should be positive, got {k}")
    return k


def _same_group(r: Rep, s: Rep) -> Rep:
    if r.group != s.group:
        raise ValueError(f"rep: both should be of {r.group.name}, got one of {s.group.name}")
    return r


def direct_sum(parts: Sequence[tuple[Rep, int]]) -> Rep:
    """Direct sum of (representation, multiplicity) pairs, nested sums flattened."""
    if not parts:
        raise ValueError("direct_sum: needs at least one representation")
    merged: list[tuple[Rep, int]] = []
    for rep, n in parts:
        _same_group(parts[0][0], rep)
        # a multiple of a single block keeps run lengths; a multiple of a true sum repeats the list
        pieces = rep.blocks if len(rep.blocks) > 1 else ((rep.blocks[0][0], n * rep.blocks[0][1]),)
        for piece, m in pieces * n if len(rep.blocks) > 1 else pieces:
            if merged and merged[-1][0] == piece:
                merged[-1] = (piece, merged[-1][1] + m)
            else:
                merged.append((piece, m))
    if len(merged) == 1 and merged[0][1] == 1:
        return merged[0][0]
    return Sum(tuple(merged))


@dataclass(frozen=True, repr=False)
class Trivial(Rep):
    """g -> 1."""

    group: Group
    dim = 1
    name = "trivial"
    is_permutation = True
    is_orthogonal = True

    def matrix(self, g: Any) -> Tensor:
        from geomdl.groups.elements import batch_shape

        return torch.ones(*batch_shape(self.group, g), 1, 1, dtype=torch.float64)

    @property
    def lie(self) -> Tensor:
        return torch.zeros(self.group.lie_dim, 1, 1, dtype=torch.float64)

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "trivial"}


@dataclass(frozen=True, repr=False)
class Standard(Rep):
    """The group's own matrices."""

    group: Group
    name = "standard"

    @property
    def dim(self) -> int:
        return self.group.standard_dim

    @property
    def is_orthogonal(self) -> bool:
        return self.group.orthogonal

    @property
    def is_permutation(self) -> bool:
        return self.group.standard_permutes

    def matrix(self, g: Any) -> Tensor:
        return self.group.standard_matrix(g)

    @property
    def lie(self) -> Tensor:
        return self.group.lie_algebra

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "standard"}


@dataclass(frozen=True, repr=False)
class Irrep(Rep):
    """A real irreducible representation that the group knows by a label."""

    group: Group
    label: Any

    @constant
    def dim(self) -> int:
        return int(self.matrix(self.group.identity).shape[-1])

    @property
    def name(self) -> str:
        return f"irrep({self.label!r})"

    @property
    def is_orthogonal(self) -> bool:
        return self.group.compact

    def matrix(self, g: Any) -> Tensor:
        return self.group.irrep_matrix(self.label, g)

    @constant
    def lie(self) -> Tensor:
        return self.group.irrep_lie(self.label)

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "irrep", "label": self.label}


@dataclass(frozen=True, repr=False)
class Sum(Rep):
    """Direct sum, run-length coded; built by :func:`direct_sum`."""

    parts: tuple[tuple[Rep, int], ...]

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.parts[0][0].group

    @property
    def blocks(self) -> tuple[tuple[Rep, int], ...]:
        return self.parts

    @constant
    def dim(self) -> int:
        return sum(n * rep.dim for rep, n in self.parts)

    @property
    def name(self) -> str:
        return " + ".join(
            rep.name if n == 1 else f"{n}·{bracket(rep.name)}" for rep, n in self.parts
        )

    @constant
    def is_orthogonal(self) -> bool:
        return all(rep.is_orthogonal for rep, _ in self.parts)

    @constant
    def is_permutation(self) -> bool:
        return all(rep.is_permutation for rep, _ in self.parts)

    def _assemble(self, blocks: list[Tensor]) -> Tensor:
        return block_diagonal(
            [b for b, (_, n) in zip(blocks, self.parts, strict=True) for _ in range(n)]
        )

    def matrix(self, g: Any) -> Tensor:
        found = {rep: rep.matrix(g) for rep in {rep for rep, _ in self.parts}}  # each once
        return self._assemble([found[rep] for rep, _ in self.parts])

    def character(self, g: Any) -> Tensor:
        return torch.stack([n * rep.character(g) for rep, n in self.parts]).sum(0)

    @constant
    def lie(self) -> Tensor:
        return self._assemble([rep.lie for rep, _ in self.parts])

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "sum", "parts": [[rep.config, n] for rep, n in self.parts]}


def bracket(name: str) -> str:
    """Name in brackets if it is a compound one."""
    return f"({name})" if any(c in name for c in " +⊗·") else name
