"""Representations frozen as numbers: tables of matrices, and subrepresentations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.rep import Derived, Rep

if TYPE_CHECKING:
    from geomdl.groups.group import Group


@dataclass(frozen=True, repr=False)
class Tabulated(Rep):
    """Representation of a finite group by a table of matrices in the order of its elements."""

    group: Group
    key: bytes

    @classmethod
    def build(cls, group: Group, matrices: Tensor) -> Tabulated:
        """Check the homomorphism property on the generators and freeze the table."""
        m = matrices.detach().to(torch.float64).contiguous()
        if group.order is None or m.ndim != 3 or len(m) != group.order or m.shape[1] != m.shape[2]:
            raise ValueError(
                f"matrices: should be ({group.order}, d, d), one an element, got {tuple(m.shape)}"
            )
        from geomdl.groups.elements import iterate

        for s in iterate(group, group.generators):
            lhs = m[group.index(group.compose(s, group.elements))]
            if not (lhs - m[int(group.index(s))] @ m).abs().max() <= 1e-9:
                raise ValueError(f"matrices: not a representation of {group.name}")
        return cls(group, m.numpy().tobytes())

    @constant
    def dim(self) -> int:
        return math.isqrt(len(self.key) // (8 * (self.group.order or 1)))

    @constant
    def is_orthogonal(self) -> bool:
        error = self.table @ self.table.mT - torch.eye(self.dim, dtype=torch.float64)
        return bool((error.abs().max() <= 1e-12).item())

    @property
    def name(self) -> str:
        return f"table({self.dim})"

    @constant
    def table(self) -> Tensor:
        """All matrices, (|G|, dim, dim)."""
        flat = torch.frombuffer(bytearray(self.key), dtype=torch.float64)
        return flat.reshape(-1, self.dim, self.dim)

    def matrix(self, g: Any) -> Tensor:
        return self.table[self.group.index(g)]

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "table", "matrices": self.table.tolist()}


@dataclass(frozen=True, repr=False)
class Sub(Derived):
    """Subrepresentation on the span of orthonormal columns Q: Qᵀ r(g) Q."""

    base: Rep
    key: bytes

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.base.group

    @classmethod
    def build(cls, base: Rep, columns: Tensor) -> Sub:
        """Freeze orthonormal columns (base.dim, dim) that span an invariant subspace."""
        return cls(base, columns.contiguous().numpy().tobytes())

    @constant
    def dim(self) -> int:
        return len(self.key) // (8 * self.base.dim)

    @constant
    def columns(self) -> Tensor:
        """Orthonormal columns, (base.dim, dim)."""
        flat = torch.frombuffer(bytearray(self.key), dtype=torch.float64)
        return flat.reshape(self.base.dim, self.dim)

    @property
    def name(self) -> str:
        return f"sub{self.dim}({self.base.name})"

    def matrix(self, g: Any) -> Tensor:
        return self.columns.T @ self.base.matrix(g) @ self.columns

    @constant
    def lie(self) -> Tensor:
        return self.columns.T @ self.base.lie @ self.columns

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "sub", "base": self.base.config, "columns": self.columns.tolist()}
