"""Real Wigner matrices D^l of SO(3) and their spin analogues for SU(2), in float64.

Basis, order and signs of e3nn 0.6: real spherical harmonics with y as the polar axis, so that
D¹(R) = R on (x, y, z).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.constant import memoized


@memoized
def su2_generators(twice_j: int) -> Tensor:
    """Antihermitian generators (3, 2j+1, 2j+1) complex128 with [X₀, X₁] = X₂ and cyclic."""
    j = twice_j / 2
    m = torch.arange(twice_j + 1, dtype=torch.float64) - j
    up = torch.diag(-((j * (j + 1) - m[:-1] * (m[:-1] + 1)).sqrt()), -1).to(torch.complex128)
    down = torch.diag((j * (j + 1) - m[1:] * (m[1:] - 1)).sqrt(), 1).to(torch.complex128)
    return torch.stack(
        [(up + down) / 2, torch.diag(1j * m.to(torch.complex128)), -0.5j * (up - down)]
    )


@memoized
def _real_to_complex(l: int) -> Tensor:
    q: Any = torch.zeros(2 * l + 1, 2 * l + 1, dtype=torch.complex128)
    q[l, l] = 1
    for m in range(1, l + 1):
        q[l - m, l + m], q[l - m, l - m] = math.sqrt(0.5), -1j * math.sqrt(0.5)
        q[l + m, l + m], q[l + m, l - m] = (
            (-1) ** m * math.sqrt(0.5),
            1j * (-1) ** m * math.sqrt(0.5),
        )
    out: Tensor = (-1j) ** l * q
    return out


@memoized
def so3_generators(l: int) -> Tensor:
    """Generators (3, 2l+1, 2l+1) of rotations about x, y, z in the real basis; skew, exact."""
    q = _real_to_complex(l)
    out = (q.mH @ su2_generators(2 * l) @ q).real
    return (out - out.mT) / 2


@memoized
def _quarter(l: int) -> Tensor:
    """D^l of the rotation about z by −90°, which carries the y axis to x, by its spectrum."""
    values, vectors = torch.linalg.eigh(1j * so3_generators(l)[2])
    phases = torch.exp(1j * (math.pi / 2) * values.round())
    value: Tensor = ((vectors * phases) @ vectors.mH).real
    return value


def _about_y(l: int, angle: Tensor) -> Tensor:
    """D^l of rotations about y: cos on the diagonal, sin on the antidiagonal."""
    rate = so3_generators(l)[1].flip(-1).diagonal().to(angle.device)  # entries of the antidiagonal
    arg = angle.unsqueeze(-1) * rate
    middle = torch.zeros(2 * l + 1, dtype=torch.float64, device=angle.device)
    middle[l] = 1.0
    return torch.diag_embed(arg.cos()) + torch.diag_embed(arg.sin() * (1 - middle)).flip(-1)


def wigner_matrix(l: int, rotation: Tensor) -> Tensor:
    """D^l(R), shape (..., 2l+1, 2l+1), exact to rounding for every R (poles included).

    R = Ry(α) Rx(β) Ry(γ) with angles by atan2, D = D(Ry(α)) U D(Ry(β)) Uᵀ D(Ry(γ)).

    Args:
        l: degree ≥ 0.
        rotation: matrices (..., 3, 3), float64.
    """
    r = rotation.to(torch.float64)
    sin_alpha, sin_gamma_axis = r[..., 0, 1], r[..., 2, 1]
    alpha = torch.atan2(sin_alpha, sin_gamma_axis)
    beta = torch.atan2(torch.hypot(sin_alpha, sin_gamma_axis), r[..., 1, 1])
    # first row of Rx(−β) Ry(−α) R is that of Ry(γ): (cos γ, 0, sin γ)
    row = alpha.cos().unsqueeze(-1) * r[..., 0, :] - alpha.sin().unsqueeze(-1) * r[..., 2, :]
    gamma = torch.atan2(row[..., 2], row[..., 0])
    u = _quarter(l).to(r.device)
    return _about_y(l, alpha) @ u @ _about_y(l, beta) @ u.T @ _about_y(l, gamma)


def _realify(m: Tensor) -> Tensor:
    return torch.cat([torch.cat([m.real, -m.imag], -1), torch.cat([m.imag, m.real], -1)], -2)


@memoized
def spin_generators(twice_j: int) -> Tensor:
    """Real generators of spin j: (3, 2j+1, 2j+1) for integer j, else (3, 4j+2, 4j+2)."""
    if twice_j % 2 == 0:
        return so3_generators(twice_j // 2)
    return _realify(su2_generators(twice_j))


def quaternion_to_rotation(q: Tensor) -> Tensor:
    """Rotation v -> q v q⁻¹ of a unit quaternion (..., 4) = (w, x, y, z)."""
    w, x, y, z = q.unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def spin_matrix(twice_j: int, q: Tensor) -> Tensor:
    """Real matrices of spin j at unit quaternions; spin ½ is left multiplication up to a basis."""
    if twice_j % 2 == 0:
        return wigner_matrix(twice_j // 2, quaternion_to_rotation(q))
    norm = q[..., 1:].norm(dim=-1, keepdim=True)
    x_axis = torch.tensor([1.0, 0.0, 0.0], dtype=q.dtype, device=q.device)
    axis = torch.where(norm > 0, q[..., 1:] / norm.clamp(min=1e-300), x_axis)
    angle = 2 * torch.atan2(norm, q[..., :1])
    x = torch.einsum("...a,aij->...ij", angle * axis, spin_generators(twice_j).to(q.device))
    value: Tensor = torch.linalg.matrix_exp(x)
    return value
