"""Quaternions: the finite group Q8 and SU(2), with irreps of quaternionic type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.finite import MatrixTable
from geomdl.groups.orthogonal import MatrixElements
from geomdl.groups.wigner import spin_generators, spin_matrix


def left_multiplication(q: Tensor) -> Tensor:
    """Matrix (..., 4, 4) of p -> q p on quaternions (w, x, y, z)."""
    w, x, y, z = q.unbind(-1)
    rows = [[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


@dataclass(frozen=True, repr=False)
class Q8(MatrixTable):
    """±1, ±i, ±j, ±k, acting on the quaternions from the left; elements are positions."""

    label: str = "Q8"

    def _matrix_generators(self) -> Tensor:
        return left_multiplication(torch.eye(4, dtype=torch.float64)[1:3])


@dataclass(frozen=True, repr=False)
class SU2(MatrixElements):
    """Unit quaternions as left multiplications: elements are matrices (4, 4).

    Irreps are labelled by the spin j = 0, 0.5, 1, …: real of dimension 2j+1 for integer j, of
    quaternionic type and real dimension 4j+2 for half-integer j.
    """

    name = "SU2"
    standard_dim = 4

    @constant
    def lie_algebra(self) -> Tensor:
        """Return i/2, j/2, k/2."""
        return left_multiplication(torch.eye(4, dtype=torch.float64)[1:]) / 2

    @property
    def generators(self) -> Tensor:
        """None: the group is connected."""
        return torch.zeros(0, 4, 4, dtype=torch.float64)

    def contains(self, matrix: Tensor) -> Tensor:
        """Whether matrices are left multiplications by unit quaternions."""
        if matrix.shape[-2:] != (4, 4):
            return torch.tensor(False)
        q = matrix[..., :, 0]
        same = ((left_multiplication(q) - matrix).abs() <= 1e-6).flatten(-2).all(-1)
        value: Tensor = same & ((q.norm(dim=-1) - 1).abs() <= 1e-6)
        return value

    def _sample(
        self, n: int, rng: torch.Generator, component: int | None, rapidity: float
    ) -> Tensor:
        """Haar measure: normalised Gaussian quaternions."""
        q = torch.randn(n, 4, generator=rng, dtype=torch.float64)
        return left_multiplication(q / q.norm(dim=-1, keepdim=True))

    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[float]:
        """0, 0.5, 1, … up to the spin ``max_frequency``."""
        return [k / 2 for k in range(2 * (max_frequency or 0) + 1)]

    def canonical_label(self, label: Any) -> Any:
        """Spins as floats."""
        return float(label) if isinstance(label, (int, float)) else label

    def has_irrep(self, label: Any) -> bool:
        """Whether 2j is a whole number ≥ 0."""
        return isinstance(label, float) and label >= 0 and (2 * label).is_integer()

    def irrep_matrix(self, label: float, g: Tensor) -> Tensor:
        """Spin matrices."""
        return spin_matrix(round(2 * label), g[..., :, 0])

    def irrep_lie(self, label: float) -> Tensor:
        """Spin generators."""
        return spin_generators(round(2 * label))
