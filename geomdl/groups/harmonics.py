"""Harmonics: how a group that acts orthogonally on R^d acts on functions of a direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.group import Group
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.rep import Irrep, Rep, Standard
from geomdl.groups.wigner import wigner_matrix


@dataclass(frozen=True, repr=False)
class Harmonic(Rep):
    """Harmonic polynomials of degree l on R^d under an orthogonal action; built by `harmonics`."""

    action: Rep
    l: int
    is_orthogonal = True

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.action.group

    @property
    def dim(self) -> int:
        return harmonic_dim(self.action.dim, self.l)

    @property
    def name(self) -> str:
        return f"harmonic({self.l})"

    @property
    def _label(self) -> Any:
        return (1, self.l) if self.action.dim == 2 else (self.l, (-1) ** self.l)

    @property
    def _whole(self) -> Group:
        return Orthogonal(self.action.dim, special=False)

    def matrix(self, g: Any) -> Tensor:
        return self._whole.irrep_matrix(self._label, self.action.matrix(g))

    @constant
    def lie(self) -> Tensor:
        whole = self._whole
        basis = whole.lie_algebra.flatten(1)  # orthogonal, of square norm two
        coefficients = self.action.lie.flatten(1) @ basis.T / 2
        return torch.einsum("ab,bij->aij", coefficients, whole.irrep_lie(self._label))

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "harmonic", "action": self.action.config, "l": self.l}


def harmonic_dim(d: int, l: int) -> int:
    """Number of independent harmonic polynomials of degree l in d = 1, 2, 3 variables.

    Example:
        >>> harmonic_dim(2, 3), harmonic_dim(3, 3), harmonic_dim(1, 2)
        (2, 7, 0)
    """
    if d == 1:
        return int(l < 2)
    return 1 if l == 0 else 2 if d == 2 else 2 * l + 1


def harmonics(action: Rep, l: int) -> Rep:
    """Representation on the harmonic polynomials of degree l, (g p)(x) = p(g⁻¹ x). Exact.

    Their restrictions to the sphere are the functions of frequency l of a direction: cos lφ, sin lφ
    in the plane, the spherical harmonics of degree l in space, with the values `harmonic_values`.

    Args:
        action: orthogonal representation of dimension d = 1, 2, 3 by which the group moves points.
        l: degree, 0 or more.

    Returns:
        of dimension 1 (l = 0), 2 (d = 2), 2l + 1 (d = 3); for l = 0, and for the orthogonal groups
        under their own action, an irrep of the group.

    Raises:
        ValueError: no orthogonal action of dimension 1, 2 or 3, or none of this degree.

    Example:
        >>> import geomdl
        >>> harmonics(geomdl.group("D4").standard, 2)
        <harmonic(2) of D4, dim 2>
        >>> harmonics(geomdl.group("SO3").standard, 2)
        <irrep(2) of SO3, dim 5>
    """
    d, group = action.dim, action.group
    if d not in (1, 2, 3) or not action.is_orthogonal:
        raise ValueError(
            f"action: should be orthogonal, of dimension 1, 2 or 3, got {action.name} of "
            f"{group.name}, dimension {d}"
        )
    if l < 0 or harmonic_dim(d, l) == 0:
        raise ValueError(f"l: there are no harmonics of degree {l} in {d} dimensions")
    if l == 0:
        return group.trivial
    if d == 1:
        return action
    if isinstance(group, Orthogonal) and group.n == d and isinstance(action, Standard):
        if group.special:
            return Irrep(group, l)
        return Irrep(group, (1, l) if d == 2 else (l, (-1) ** l))
    return Harmonic(action, l)


def harmonic_values(points: Tensor, l: int) -> Tensor:
    """Y_l(x/|x|) with Y_l(g x) = D_l(g) Y_l(x) for D_l = `harmonics`, and |Y_l| = 1. Exact.

    At the origin, where there is no direction, 0 for l > 0.

    Args:
        points: (..., d) float64, d = 1, 2, 3.
        l: degree.

    Returns:
        (..., dim).

    Example:
        >>> harmonic_values(torch.tensor([[0.0, 2.0]], dtype=torch.float64), 1)
        tensor([[0., 1.]], dtype=torch.float64)
    """
    d = points.shape[-1]
    if l == 0:
        return torch.ones(*points.shape[:-1], 1, dtype=torch.float64)
    if d == 1:
        return points.sign()
    length = points.square().sum(-1, keepdim=True).sqrt()
    if d == 2:
        x, y = points.unbind(-1)
        angle = l * torch.atan2(-x, y)  # from the y axis, which x → −x leaves alone
        values = torch.stack([-angle.sin(), angle.cos()], -1)
    else:
        values = wigner_matrix(l, _from_y(points / length.clamp(min=1e-300)))[..., l]
    return torch.where(length > 0, values, 0.0)


def _from_y(unit: Tensor) -> Tensor:
    """Rotations (..., 3, 3) that carry the y axis to unit vectors."""
    x, y, z = unit.unbind(-1)
    azimuth, polar = torch.atan2(x, z), torch.atan2(torch.hypot(x, z), y)
    zero, one = torch.zeros_like(x), torch.ones_like(x)

    def matrix(*rows: list[Tensor]) -> Tensor:
        return torch.stack([torch.stack(row, -1) for row in rows], -2)

    ca, sa, cb, sb = azimuth.cos(), azimuth.sin(), polar.cos(), polar.sin()
    about_y = matrix([ca, zero, sa], [zero, one, zero], [-sa, zero, ca])
    about_x = matrix([one, zero, zero], [zero, cb, -sb], [zero, sb, cb])
    return about_y @ about_x
