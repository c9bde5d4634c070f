"""Representations built from others: tensor products, powers, duals, pullbacks."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.linalg import kron
from geomdl.groups.rep import Derived, Rep, bracket

if TYPE_CHECKING:
    from geomdl.groups.group import Group


@dataclass(frozen=True, repr=False)
class Tensored(Rep):
    """Tensor product: (r ⊗ s)(g) = r(g) ⊗ s(g), derivative dr ⊗ 1 + 1 ⊗ ds."""

    left: Rep
    right: Rep

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.left.group

    @property
    def dim(self) -> int:
        return self.left.dim * self.right.dim

    @property
    def name(self) -> str:
        return f"{bracket(self.left.name)} ⊗ {bracket(self.right.name)}"

    @property
    def is_orthogonal(self) -> bool:
        return self.left.is_orthogonal and self.right.is_orthogonal

    @property
    def is_permutation(self) -> bool:
        return self.left.is_permutation and self.right.is_permutation

    def matrix(self, g: Any) -> Tensor:
        return kron(self.left.matrix(g), self.right.matrix(g))

    def permutation(self, g: Any) -> Tensor:
        left, right = self.left.permutation(g), self.right.permutation(g)
        return (left[..., :, None] * self.right.dim + right[..., None, :]).flatten(-2)

    def character(self, g: Any) -> Tensor:
        return self.left.character(g) * self.right.character(g)

    @constant
    def lie(self) -> Tensor:
        one_l = torch.eye(self.left.dim, dtype=torch.float64)
        one_r = torch.eye(self.right.dim, dtype=torch.float64)
        return kron(self.left.lie, one_r) + kron(one_l, self.right.lie)

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "tensor", "left": self.left.config, "right": self.right.config}


@dataclass(frozen=True, repr=False)
class Power(Derived):
    """Symmetric or alternating power: Sᵀ (r ⊗ … ⊗ r) S, columns of S orthonormal."""

    base: Rep
    k: int
    symmetric: bool

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.base.group

    @property
    def dim(self) -> int:
        d = self.base.dim
        return math.comb(d + self.k - 1, self.k) if self.symmetric else math.comb(d, self.k)

    @property
    def name(self) -> str:
        return f"{'sym' if self.symmetric else 'alt'}{self.k}({self.base.name})"

    @constant
    def embedding(self) -> Tensor:
        """S, shape (d, …, d, dim): orthonormal basis inside the tensor product."""
        d, k = self.base.dim, self.k
        choose = (
            itertools.combinations_with_replacement if self.symmetric else itertools.combinations
        )
        out = torch.zeros(*[d] * k, self.dim, dtype=torch.float64)
        for column, multi in enumerate(choose(range(d), k)):
            for order in itertools.permutations(range(k)):
                inversions = sum(order[i] > order[j] for i in range(k) for j in range(i + 1, k))
                place = (*(multi[i] for i in order), column)
                out[place] += 1.0 if self.symmetric or inversions % 2 == 0 else -1.0
        value: Tensor = out / out.flatten(0, -2).norm(dim=0)
        return value

    def matrix(self, g: Any) -> Tensor:
        rho, s = self.base.matrix(g), self.embedding.reshape(-1, self.dim)
        batch, d = rho.shape[:-2], self.base.dim
        out = s.expand(*batch, *s.shape)
        for axis in range(self.k):  # apply r(g) along each tensor axis of S
            out = out.reshape(*batch, d**axis, d, d ** (self.k - axis - 1) * self.dim)
            out = torch.einsum("...xy,...ayz->...axz", rho, out)
        return s.T @ out.reshape(*batch, *s.shape)

    @constant
    def lie(self) -> Tensor:
        s, total = self.embedding, torch.zeros((), dtype=torch.float64)
        for axis in range(self.k):
            moved = torch.einsum("aij,j...->ai...", self.base.lie, s.movedim(axis, 0))
            total = total + moved.movedim(1, axis + 1)
        flat = total.reshape(self.group.lie_dim, self.base.dim**self.k, self.dim)
        return s.reshape(-1, self.dim).T @ flat

    @property
    def config(self) -> dict[str, Any]:
        name = "sym" if self.symmetric else "alt"
        return {"rep": name, "k": self.k, "base": self.base.config}


@dataclass(frozen=True, repr=False)
class Dual(Derived):
    """Dual: g -> rep(g⁻¹)ᵀ, derivative −drᵀ."""

    base: Rep

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.base.group

    @property
    def name(self) -> str:
        return f"{bracket(self.base.name)}*"

    @property
    def dual(self) -> Rep:
        return self.base

    def matrix(self, g: Any) -> Tensor:
        return self.base.matrix(self.group.inverse(g)).mT

    @constant
    def lie(self) -> Tensor:
        return -self.base.lie.mT

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "dual", "base": self.base.config}


@dataclass(frozen=True, repr=False)
class Pullback(Derived):
    """Representation of a product through the projection onto one factor."""

    group: Group
    factor: int
    base: Rep

    @property
    def is_permutation(self) -> bool:
        return self.base.is_permutation

    @property
    def name(self) -> str:
        return f"{bracket(self.base.name)}∘π{self.factor}"

    def matrix(self, g: Any) -> Tensor:
        return self.base.matrix(g[self.factor])

    def permutation(self, g: Any) -> Tensor:
        return self.base.permutation(g[self.factor])

    @constant
    def lie(self) -> Tensor:
        out = torch.zeros(self.group.lie_dim, self.dim, self.dim, dtype=torch.float64)
        start, stop = self.group.factor_lie(self.factor)  # type: ignore[attr-defined]
        out[start:stop] = self.base.lie
        return out

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "pullback", "factor": self.factor, "base": self.base.to_config()}
