"""The groups that every group test runs over."""

import torch

from geomdl.groups import group, matrix_group
from geomdl.groups.group import Group

FINITE = (
    *("C1", "C2", "C4", "C5", "C8", "D1", "D2", "D3", "D4", "D8", "S1", "S2", "S3", "S4", "S5"),
    *("Q8", "T", "Td", "Th", "O", "Oh", "I", "Ih", "Z6", "Z3x4", "Z2x2x3"),
    *("C4 * C2", "C3 * C4", "S3 * D2", "Z4x4 ⋊ D4", "Z3x3x3 : O"),
)
COMPACT = ("SO2", "O2", "SO3", "O3", "SO4", "O4", "SU2", "SO3 * C2", "S3 * O3", "SO2 * SO2")
NONCOMPACT = ("R1", "R2", "SE2", "E2", "SE3", "E3", "SO+(1,3)", "SO(1,3)", "O(1,3)", "S3 * E3")


def _matrices() -> dict[str, Group]:
    shear = matrix_group([[[1.0, 1.0], [0.0, 1.0]]], name="shear")
    cycle = matrix_group(torch.eye(4)[[1, 2, 3, 0]].unsqueeze(0), name="cycle of 4")
    a = torch.zeros(3, 3, 3)
    a[0, 1, 0], a[0, 0, 1] = 1.0, -1.0
    a[1, 2, 1], a[1, 1, 2] = 1.0, -1.0
    a[2] = a[0] @ a[1] - a[1] @ a[0]
    turns = matrix_group(lie_algebra=a, name="three rotations")
    scale = matrix_group([[[-1.0]]], [[[1.0]]], name="nonzero reals")
    return {g.name: g for g in (shear, cycle, turns, scale)}


MATRIX = _matrices()
ALL = (*FINITE, *COMPACT, *NONCOMPACT, *MATRIX)


def named(name: str) -> Group:
    """Group of the catalog."""
    return MATRIX[name] if name in MATRIX else group(name)


def scale(*matrices: torch.Tensor) -> float:
    """Product of the largest entries, at least 1: what rounding errors are relative to."""
    out = 1.0
    for m in matrices:
        out *= max(1.0, float(m.abs().max())) if m.numel() else 1.0
    return out
