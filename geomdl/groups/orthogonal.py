"""Orthogonal groups SO(n) and O(n) by their matrices; irreps for n = 2 and 3."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.group import Group
from geomdl.groups.planar import mirrored, planar_det, rotation_matrix
from geomdl.groups.wigner import so3_generators, wigner_matrix


class MatrixElements(Group):
    """Groups whose elements are their own standard matrices, float64 (n, n)."""

    order: int | None = None

    @property
    def element_shape(self) -> tuple[int, ...]:
        """(n, n)."""
        return (self.standard_dim, self.standard_dim)

    @property
    def identity(self) -> Any:
        """Identity matrix."""
        return torch.eye(self.standard_dim, dtype=torch.float64)

    def compose(self, a: Tensor, b: Tensor) -> Any:
        """Matrix product."""
        return a @ b

    def inverse(self, a: Tensor) -> Any:
        """Inverse matrix; the transpose of an orthogonal one."""
        return a.mT if self.orthogonal else torch.linalg.inv(a)

    def standard_matrix(self, g: Tensor) -> Tensor:
        """The element itself."""
        return g

    def contains(self, matrix: Tensor) -> Tensor:
        """Whether matrices lie in the group, bool of the batch shape."""
        raise NotImplementedError

    def _valid(self, g: Tensor) -> bool:
        return bool(self.contains(g.double()).all())

    def from_matrix(self, matrix: Tensor) -> Any:
        """The matrix itself, checked."""
        if not bool(self.contains(matrix).all()):
            raise ValueError(f"matrix: is no element of {self.name}")
        return matrix


def haar_orthogonal(n: int, d: int, rng: torch.Generator) -> Tensor:
    """Haar distributed O(d) matrices (n, d, d): QR of a Gaussian with positive diagonal of R."""
    q, r = torch.linalg.qr(torch.randn(n, d, d, generator=rng, dtype=torch.float64))
    value: Tensor = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
    return value


@dataclass(frozen=True, repr=False)
class Orthogonal(MatrixElements):
    """O(n), or SO(n) if ``special``. Elements are matrices (n, n).

    Irreps: SO2 k ≥ 0; O2 (parity, k): (0, 0), (1, 0), (1, k); SO3 l ≥ 0; O3 (l, p), p = ±1.
    """

    n: int
    special: bool

    @property
    def name(self) -> str:
        """SO3, O3."""
        n = str(self.n) if self.n < 10 else f"({self.n})"
        return f"{'S' if self.special else ''}O{n}"

    @property
    def standard_dim(self) -> int:
        """Return n."""
        return self.n

    @constant
    def lie_algebra(self) -> Tensor:
        """Rotations in the coordinate planes; about x, y, z for n = 3."""
        if self.n == 3:
            return so3_generators(1)
        planes = list(itertools.combinations(range(self.n), 2))
        out = torch.zeros(len(planes), self.n, self.n, dtype=torch.float64)
        for a, (i, j) in enumerate(planes):
            out[a, j, i], out[a, i, j] = 1.0, -1.0
        return out

    @constant
    def _reflection(self) -> Tensor:
        """−1 in odd dimensions (it is central), else x → −x."""
        if self.n % 2:
            value: Tensor = -self.identity
            return value
        flip: Tensor = self.identity.clone()
        flip[0, 0] = -1.0
        return flip

    @property
    def generators(self) -> Tensor:
        """A reflection for O(n); none for SO(n)."""
        return self.components[1:]

    @property
    def components(self) -> Tensor:
        """The identity, and a reflection for O(n)."""
        one = [self.identity]
        return torch.stack(one if self.special else [*one, self._reflection])

    def contains(self, matrix: Tensor) -> Tensor:
        """Orthogonal, with determinant 1 if special."""
        if matrix.shape[-2:] != (self.n, self.n):
            return torch.tensor(False)
        m = matrix.to(torch.float64)
        ok = ((m @ m.mT - self.identity).abs() <= 1e-6).flatten(-2).all(-1)
        value: Tensor = ok & (torch.linalg.det(m) > 0) if self.special else ok
        return value

    def _sample(
        self, n: int, rng: torch.Generator, component: int | None, rapidity: float
    ) -> Tensor:
        """Haar measure, by QR of Gaussian matrices."""
        q = haar_orthogonal(n, self.n, rng)
        if component is None and not self.special:
            return q
        sign = torch.linalg.det(q).sign() * (-1.0 if component == 1 else 1.0)
        first = torch.cat([sign.unsqueeze(1), torch.ones(n, self.n - 1, dtype=torch.float64)], 1)
        return q * first.unsqueeze(-2)

    # --- irreps -------------------------------------------------------------------------------
    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[Any]:
        """Labels up to a frequency k or degree l."""
        if self.n not in (2, 3):
            return super().irrep_labels(max_frequency)
        top = range((max_frequency or 0) + 1)
        if self.special:
            return list(top)
        if self.n == 2:
            return [(0, 0), (1, 0), *((1, k) for k in top[1:])]
        return [(l, p) for l in top for p in ((1, -1) if l % 2 == 0 else (-1, 1))]

    def has_irrep(self, label: Any) -> bool:
        """Whether the label has the right form."""
        if self.n not in (2, 3):
            return False
        if self.special:
            return isinstance(label, int) and label >= 0
        if not (isinstance(label, tuple) and len(label) == 2):
            return False
        return label in self.irrep_labels(max(label))

    def irrep_matrix(self, label: Any, g: Tensor) -> Tensor:
        """Rotations by multiples of the angle; Wigner matrices times the parity."""
        if self.n == 2:
            return self._planar(label, g)
        if self.special:
            return wigner_matrix(label, g)
        l, p = label
        det = torch.linalg.det(g.double()).sign()[..., None, None]
        return wigner_matrix(l, g * det) * (det if p == -1 else 1.0)

    def _planar(self, label: Any, g: Tensor) -> Tensor:
        parity, k = (0, label) if self.special else label
        det = planar_det(g).sign()
        if k == 0:
            return (det if parity else torch.ones_like(det))[..., None, None]
        x, y = (entry * det for entry in g[..., 0].unbind(-1))  # of g times the flip
        return mirrored(rotation_matrix(k * torch.atan2(y, x)), det)

    def irrep_lie(self, label: Any) -> Tensor:
        """Derivatives: k times the quarter turn; so(3) generators."""
        if self.n == 3:
            return so3_generators(label if self.special else label[0])
        k = label if self.special else label[1]
        if k == 0:
            return torch.zeros(1, 1, 1, dtype=torch.float64)
        value: Tensor = k * torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=torch.float64)
        return value
