"""Wigner matrices of rotations that carry vectors to the y axis, with derivatives everywhere."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.euclidean.wigner import _cubature, wigner_D
from geomdl.groups.constant import memoized
from geomdl.kernels.directions import unit
from geomdl.kernels.harmonics import MOST
from geomdl.kernels.precision import full_precision

_LEAST = 1e-12  # coefficients below are rounding


class Rows(NamedTuple):
    """Components of an irrep along an axis that are kept.

    Attributes:
        l: degree.
        turned: whether (x_m, x_-m) are replaced by (x_-m, -x_m), -i times x_m + i x_-m.
        most: greatest |m| that is kept.
    """

    l: int
    turned: bool
    most: int


@memoized
def half_turns(l: int) -> Tensor:
    """T of D^l(2 b bᵀ - 1) = Σ_k Σ_q T[kq] Y_kq(b), k = 0, 2, …, 2l, for unit vectors b.

    A half turn about b is even in b, of degree 2l.

    Returns:
        shape ((l + 1) (2l + 1), 2l + 1, 2l + 1), float64.

    Example:
        >>> half_turns(2).shape
        torch.Size([15, 5, 5])
    """
    points, weights = (torch.tensor(part) for part in _cubature(2 * l))
    turns = 2 * points[:, :, None] * points[:, None, :] - torch.eye(3, dtype=torch.float64)
    y = spherical_harmonics(points, 2 * l)[:, _even(l)]
    table: Tensor = torch.einsum("n,nk,nij->kij", weights, y, wigner_D(l, turns))
    return torch.where(table.abs() < _LEAST, 0, table)


def _even(l: int) -> list[int]:
    return [q for k in range(0, 2 * l + 1, 2) for q in range(k * k, (k + 1) ** 2)]


class Alignment(nn.Module):
    """D^l(R) with R v/|v| = ±y, by rows; orthogonal where all rows are kept. Not a layer.

    R is the half turn about the bisector of u = v/|v| and y where u_y ≥ 0, and that of -u and y,
    with a half turn about x after it, where u_y < 0: two charts, each smooth on more than its half
    of the sphere, so that whatever does not depend on the choice of R (on turns about y) has exact
    derivatives of every order, at both poles and at the equator too. D^l is linear in the
    harmonics of the bisector up to degree 2l. *Exact* up to rounding.

    Args:
        rows: of each irrep, degrees up to 6.

    Attributes:
        blank: whether the matrices of zero vectors are zero; else they are those of y. Derivatives
            are zero there.

    Raises:
        ValueError: a higher degree.
    """

    axis: Tensor
    even: Tensor

    def __init__(self, rows: Sequence[Rows]) -> None:
        super().__init__()
        self.rows, self.lmax, self.blank = tuple(rows), max(r.l for r in rows), True
        if 2 * self.lmax > MOST:
            raise ValueError(f"source: expected degrees up to {MOST // 2}, got {self.lmax}")
        self.register_buffer("axis", torch.tensor([0.0, 1.0, 0.0]), persistent=False)
        self.register_buffer("even", torch.tensor(_even(self.lmax)), persistent=False)
        for number, (l, turned, most) in enumerate(self.rows):
            table = half_turns(l)
            orders = torch.arange(-l, l + 1)
            # D^l of the half turn about x that carries -y to y
            signs = torch.where(orders < 0, -1.0, 1.0) * (-1) ** l
            if turned:
                table = table.flip(1) * torch.where(orders < 0, -1.0, 1.0)[None, :, None]
                signs = signs.flip(0)
            kept = slice(l - most, l + most + 1)
            bits = table[:, kept].flatten(1).contiguous().view(torch.int64)
            self.register_buffer(f"bits{number}", bits, persistent=False)
            self.register_buffer(f"signs{number}", signs[kept], persistent=False)

    def forward(self, v: Tensor) -> list[Tensor]:
        """Vectors (n, 3), float32 or float64, to matrices (n, 2 most + 1, 2l + 1) of the irreps."""
        with full_precision(v):
            u, inverse = unit(v)
            below = u[:, 1:2] < 0
            bisector = torch.where(below, -u, u) + self.axis.to(v)
            y = spherical_harmonics(bisector, 2 * self.lmax).index_select(1, self.even)
            present = ((inverse != 0) | (not self.blank)).to(v.dtype)  # NaN is
            found = []
            for number, (l, _, most) in enumerate(self.rows):
                table: Tensor = getattr(self, f"bits{number}").view(torch.float64).to(v)
                signs: Tensor = getattr(self, f"signs{number}").to(v)
                d = (y[:, : table.shape[0]] @ table).unflatten(1, (2 * most + 1, 2 * l + 1))
                found.append(d * (torch.where(below, signs, 1.0) * present).unsqueeze(2))
            return found
