"""Wigner matrices of batches of rotations."""

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.groups.wigner import wigner_matrix
from geomdl.kernels.harmonics import MOST


def wigner_D(l: int, rotations: Tensor) -> Tensor:  # noqa: N802 - the field's name
    """Real Wigner matrices: Y_l(R x) = D^l(R) Y_l(x), D^l(R S) = D^l(R) D^l(S), orthogonal.

    Basis of `spherical_harmonics` and of e3nn 0.6, so that D^1(R) = R. *Exact* up to rounding,
    taken in float64, at every rotation, by the angles of R = Ry(α) Rx(β) Ry(γ). These have no
    derivatives at the poles; where a derivative is asked for (rotations.requires_grad), D^l is
    integrated instead,

    D^l(R) = ∫ Y_l(R u) Y_l(u)ᵀ du,

    over (l + 1) (2l + 1) points, *exact* for polynomials: smooth, with derivatives of every order,
    and some three times the work. They are derivatives along rotations; across them, of this
    polynomial continuation.

    Args:
        l: degree, 0 or more; with derivatives 0 to 12.
        rotations: shape (..., 3, 3), proper; that they are is not checked.

    Returns:
        shape (..., 2l + 1, 2l + 1), dtype and device of rotations.

    Raises:
        TypeError: rotations are of no floating-point type.
        ValueError: an impossible degree, or no matrices (3, 3).

    Example:
        >>> wigner_D(2, torch.eye(3).expand(7, 3, 3)).shape
        torch.Size([7, 5, 5])
    """
    if not rotations.is_floating_point():
        raise TypeError(f"rotations: expected a floating-point type, got {rotations.dtype}")
    if rotations.shape[-2:] != (3, 3):
        raise ValueError(f"rotations: expected shape (..., 3, 3), got {tuple(rotations.shape)}")
    smooth = rotations.requires_grad and torch.is_grad_enabled()
    if l < 0 or (smooth and l > MOST):
        most = f"0 to {MOST} with derivatives" if smooth else "0 or more"
        raise ValueError(f"l: expected {most}, got {l}")
    if not smooth:
        return wigner_matrix(l, rotations).to(rotations.dtype)
    r = rotations.double()
    points, weights = (torch.tensor(part, device=r.device) for part in _cubature(l))
    turned = torch.einsum("...ab,ib->...ia", r, points)
    before, after = (
        spherical_harmonics(v, l, normalize=False)[..., l * l :] for v in (points, turned)
    )
    found = torch.einsum("...im,ik->...mk", after, weights[:, None] * before)
    return found.to(rotations.dtype)


@cache
def _cubature(l: int) -> tuple[Any, Any]:
    """Points (k, 3) and weights of sum 1 that give means over the sphere of degree 2l exactly."""
    height, weights = np.polynomial.legendre.leggauss(l + 1)
    angle = 2 * np.pi * np.arange(2 * l + 1) / (2 * l + 1)
    ring = np.sqrt(1 - height**2)[:, None]
    parts = ring * np.sin(angle), height[:, None] + 0 * angle, ring * np.cos(angle)
    weights = np.repeat(weights / 2 / len(angle), len(angle))
    return np.stack(parts, -1).reshape(-1, 3), weights
