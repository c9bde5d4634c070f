"""Rotations as matrices, Euler angles, axis and angle, unit quaternions; each from each.

Angles (α, β, γ) are those of e3nn: R = Ry(α) Rx(β) Ry(γ), y the polar axis. Quaternions are
(w, x, y, z), with w ≥ 0 where they are made here. All functions take any batch axes, keep dtype and
device, are *exact* up to rounding for every rotation, those by 0 and by π included, and
differentiable, angles except at the poles β = 0, π, where only α ± γ means something.
"""

import torch
from torch import Tensor

from geomdl.groups.wigner import quaternion_to_rotation
from geomdl.kernels.directions import unit


def matrix_from_quaternion(q: Tensor) -> Tensor:
    """Matrix (..., 3, 3) of v -> q v q⁻¹, for quaternions (..., 4) of any length.

    Example:
        >>> matrix_from_quaternion(torch.tensor([0.0, 0.0, 2.0, 0.0])).diag()
        tensor([-1.,  1., -1.])
    """
    return quaternion_to_rotation(unit(_checked("q", q, 4))[0])


def quaternion_from_matrix(r: Tensor) -> Tensor:
    """Unit quaternion (..., 4), w ≥ 0, of rotation matrices (..., 3, 3).

    Example:
        >>> quaternion_from_matrix(torch.eye(3))
        tensor([1., 0., 0., 0.])
    """
    r = _checked("r", r, 3, 3)
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in r.unbind(-2))
    # 4 q qᵀ, of whose rows the longest is taken: none of its sums cancels
    rows = [
        [1 + a + e + i, h - f, c - g, d - b],
        [h - f, 1 + a - e - i, b + d, c + g],
        [c - g, b + d, 1 - a + e - i, f + h],
        [d - b, c + g, f + h, 1 - a - e + i],
    ]
    outer = torch.stack([torch.stack(row, -1) for row in rows], -2)
    longest = outer.diagonal(dim1=-2, dim2=-1).detach().argmax(-1)
    index = longest[..., None, None].expand(*longest.shape, 1, 4)
    return _upper(unit(outer.gather(-2, index).squeeze(-2))[0])


def matrix_from_angles(alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """Matrix Ry(α) Rx(β) Ry(γ), shape (..., 3, 3), of angles in radians that broadcast.

    Example:
        >>> angles = torch.tensor([torch.pi / 2, 0.0, 0.0])
        >>> matrix_from_angles(*angles)[:, 2].abs().round()  # z goes to x
        tensor([1., 0., 0.])
    """
    return quaternion_to_rotation(quaternion_from_angles(alpha, beta, gamma))


def angles_from_matrix(r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Angles α, γ in [-π, π], β in [0, π], each (...,); α = 0 at the poles.

    Example:
        >>> [float(angle) for angle in angles_from_matrix(torch.eye(3))]
        [0.0, 0.0, 0.0]
    """
    r = _checked("r", r, 3, 3)
    x, z = r[..., 0, 1], r[..., 2, 1]
    alpha = torch.atan2(x, z)
    beta = torch.atan2(torch.hypot(x, z), r[..., 1, 1])
    # the first row of Ry(-α) R is that of Ry(γ)
    row = alpha.cos().unsqueeze(-1) * r[..., 0, :] - alpha.sin().unsqueeze(-1) * r[..., 2, :]
    return alpha, beta, torch.atan2(row[..., 2], row[..., 0])


def quaternion_from_axis_angle(axis: Tensor, angle: Tensor) -> Tensor:
    """Unit quaternion (..., 4), w ≥ 0, of the turn by an angle (...,) about an axis (..., 3).

    The axis may have any length; about an axis of length 0 there is no turn.

    Example:
        >>> quaternion_from_axis_angle(
        ...     torch.tensor([0.0, 3.0, 0.0]), torch.tensor(torch.pi)
        ... ).abs().round()
        tensor([0., 0., 1., 0.])
    """
    half = (angle / 2).unsqueeze(-1)
    direction = unit(_checked("axis", axis, 3))[0]
    some = direction.detach().abs().sum(-1, keepdim=True) != 0
    half = torch.where(some, half, 0)
    return _upper(torch.cat([half.cos() + 0 * direction[..., :1], half.sin() * direction], -1))


def axis_angle_from_quaternion(q: Tensor) -> tuple[Tensor, Tensor]:
    """Unit axis (..., 3) and angle (...,) in [0, π] of quaternions (..., 4) of any length.

    Where there is no turn the axis is y. At the angle π the axis' sign is arbitrary.

    Example:
        >>> axis, angle = axis_angle_from_quaternion(torch.tensor([0.0, 0.0, 0.0, 5.0]))
        >>> axis, round(float(angle), 4)
        (tensor([0., 0., 1.]), 3.1416)
    """
    q = _upper(unit(_checked("q", q, 4))[0])
    direction, inverse = unit(q[..., 1:])
    length = (q[..., 1:] * direction).sum(-1)  # whose derivative at 0 is 0
    pole = torch.tensor([0.0, 1.0, 0.0], dtype=q.dtype, device=q.device)
    axis = torch.where(inverse.detach() == 0, pole, direction)
    return axis, 2 * torch.atan2(length, q[..., 0])


def quaternion_from_angles(alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """Unit quaternion (..., 4), w ≥ 0, of Ry(α) Rx(β) Ry(γ).

    Example:
        >>> quaternion_from_angles(*torch.tensor([0.0, torch.pi, 0.0])).abs().round()
        tensor([0., 1., 0., 0.])
    """
    alpha, beta, gamma = torch.broadcast_tensors(alpha, beta, gamma)
    c, s, total, difference = (beta / 2).cos(), (beta / 2).sin(), alpha + gamma, alpha - gamma
    total, difference = total / 2, difference / 2
    parts = c * total.cos(), s * difference.cos(), c * total.sin(), -s * difference.sin()
    return _upper(torch.stack(parts, -1))


def angles_from_quaternion(q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Angles α, β, γ of quaternions (..., 4), as those of `angles_from_matrix`."""
    return angles_from_matrix(matrix_from_quaternion(q))


def matrix_from_axis_angle(axis: Tensor, angle: Tensor) -> Tensor:
    """Matrix (..., 3, 3) of the turn by an angle (...,) about an axis (..., 3) of any length.

    Example:
        >>> turn = matrix_from_axis_angle(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(torch.pi / 2))
        >>> (turn @ torch.tensor([1.0, 0.0, 0.0])).round()
        tensor([0., 1., 0.])
    """
    return quaternion_to_rotation(quaternion_from_axis_angle(axis, angle))


def axis_angle_from_matrix(r: Tensor) -> tuple[Tensor, Tensor]:
    """Unit axis (..., 3) and angle (...,) in [0, π], as those of `axis_angle_from_quaternion`."""
    return axis_angle_from_quaternion(quaternion_from_matrix(r))


def angles_from_axis_angle(axis: Tensor, angle: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Angles α, β, γ of the turn by an angle (...,) about an axis (..., 3) of any length."""
    return angles_from_matrix(matrix_from_axis_angle(axis, angle))


def axis_angle_from_angles(alpha: Tensor, beta: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
    """Unit axis (..., 3) and angle (...,) in [0, π] of Ry(α) Rx(β) Ry(γ)."""
    return axis_angle_from_quaternion(quaternion_from_angles(alpha, beta, gamma))


def random_rotations(n: int, rng: torch.Generator, dtype: torch.dtype = torch.float64) -> Tensor:
    """Rotation matrices (n, 3, 3), uniform on SO(3), independent.

    Example:
        >>> random_rotations(5, torch.Generator().manual_seed(0)).shape
        torch.Size([5, 3, 3])
    """
    q = torch.randn(n, 4, generator=rng, dtype=torch.float64, device=rng.device)
    return matrix_from_quaternion(q).to(dtype)


def _upper(q: Tensor) -> Tensor:
    """Of q and -q, the same rotation, the one with w ≥ 0."""
    return torch.where(q[..., :1] < 0, -q, q)


def _checked(name: str, x: Tensor, *shape: int) -> Tensor:
    if x.shape[-len(shape) :] != shape:
        expected = ", ".join(map(str, shape))
        raise ValueError(f"{name}: expected shape (..., {expected}), got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise TypeError(f"{name}: expected a floating-point type, got {x.dtype}")
    return x
