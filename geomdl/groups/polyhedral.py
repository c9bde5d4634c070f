"""Tetrahedral, octahedral and icosahedral groups, with irreps named after Mulliken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.finite import MatrixTable
from geomdl.groups.linalg import canonical_basis
from geomdl.groups.wigner import wigner_matrix

POLYHEDRAL = ("T", "Td", "Th", "O", "Oh", "I", "Ih")
_PHI = (1 + math.sqrt(5)) / 2


def _axis_rotation(axis: tuple[float, float, float], angle: float) -> Tensor:
    from geomdl.groups.wigner import so3_generators

    n = torch.tensor(axis, dtype=torch.float64)
    x = torch.einsum("a,aij->ij", angle * n / n.norm(), so3_generators(1))
    value: Tensor = torch.linalg.matrix_exp(x)
    return value


@dataclass(frozen=True, repr=False)
class Polyhedral(MatrixTable):
    """T, Td, Th, O, Oh, I, Ih with twofold axes along x, y, z. Elements are positions.

    Irreps by Mulliken names: A, E, T (T, Th); A1, A2, E, T1, T2 (O, Td); A, T1, T2, G, H (I); with
    inversion g or u behind. They come from restricting O(3): T1 of O and of I is the vector.
    """

    label: str

    def _matrix_generators(self) -> Tensor:
        cycle = torch.eye(3, dtype=torch.float64)[[2, 0, 1]]
        half = torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64))
        quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
        extra = {
            "T": [],
            "Td": [torch.eye(3, dtype=torch.float64)[[1, 0, 2]]],
            "O": [quarter],
            "I": [_axis_rotation((0.0, 1.0, _PHI), 2 * math.pi / 5)],
        }
        base = self.label if self.label == "Td" else self.label[0]
        inversion = [-torch.eye(3, dtype=torch.float64)] if self.label.endswith("h") else []
        return torch.stack([cycle, half, *extra[base], *inversion])

    @constant
    def _irreps(self) -> dict[Any, Tensor]:
        base = "O" if self.label == "Td" else self.label[0]
        m = self.matrices
        det = torch.linalg.det(m).round()
        turns = m * det[:, None, None]
        rotations = {
            name: _part(wigner_matrix(l, turns), columns)
            for name, (l, columns) in _PARTS[base].items()
        }
        if self.label.endswith("h"):
            sign = det[:, None, None]
            even = {f"{name}g": rho for name, rho in rotations.items()}
            return even | {f"{name}u": rho * sign for name, rho in rotations.items()}
        if self.label == "Td":  # reflections stand where O has quarter turns; the vector is T2
            return rotations | {"T2": m}
        return rotations


def _part(matrices: Tensor, columns: Any) -> Tensor:
    """Restrict matrices to a subspace: whole, coordinates, or a projection found numerically."""
    if columns is None:
        return matrices
    if callable(columns):
        q = columns(matrices)
        value: Tensor = q.T @ matrices @ q
        return value
    return matrices[:, columns][:, :, columns]


def _isotypic(dim: int) -> Any:
    """Invariant subspace of dimension ``dim`` of a sum of two inequivalent irreps."""

    def find(matrices: Tensor) -> Tensor:
        d = matrices.shape[-1]
        probe = torch.diag(torch.arange(d, dtype=torch.float64))
        average = (matrices @ probe @ matrices.mT).mean(0)  # λ₁ P₁ + λ₂ P₂
        values, vectors = torch.linalg.eigh(average)
        first = int((values - values[0] < 1e-9).sum())  # size of the lower eigenspace
        return canonical_basis(vectors[:, :dim] if first == dim else vectors[:, first:])

    return find


# (degree l, coordinates of the harmonics in e3nn's order): l = 2 is (xz, xy, 2y²−x²−z², yz, z²−x²)
_PARTS: dict[str, dict[str, tuple[int, Any]]] = {
    "T": {"A": (0, None), "E": (2, [2, 4]), "T": (1, None)},
    "O": {
        "A1": (0, None),
        "A2": (3, [1]),
        "E": (2, [2, 4]),
        "T1": (1, None),
        "T2": (2, [0, 1, 3]),
    },
    "I": {
        "A": (0, None),
        "T1": (1, None),
        "T2": (3, _isotypic(3)),
        "G": (3, _isotypic(4)),
        "H": (2, None),
    },
}
