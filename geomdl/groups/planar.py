"""Cyclic and dihedral groups, acting on the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.finite import FiniteGroup


def rotation_matrix(angle: Tensor) -> Tensor:
    """[[cos, −sin], [sin, cos]] for angles in radians, (..., 2, 2)."""
    c, s = angle.cos(), angle.sin()
    return torch.stack([c, -s, s, c], -1).view(*angle.shape, 2, 2)


def turn(k: Tensor, n: int) -> Tensor:
    """Rotation by 2πk/n, (..., 2, 2), exact at multiples of 90° and of 45° up to rounding."""
    k = k % n
    m = rotation_matrix((2 * math.pi / n) * k.to(torch.float64))
    exact = (4 * k % n == 0)[..., None, None]  # multiples of a quarter turn
    return torch.where(exact, m.round(), m)


def mirrored(matrix: Tensor, sign: Tensor) -> Tensor:
    """Product of 2 × 2 matrices (..., 2, 2) with diag(sign, 1)."""
    x, y = matrix.unbind(-1)
    return torch.stack([x * sign.unsqueeze(-1), y], -1)


def planar_det(matrix: Tensor) -> Tensor:
    """Determinants of 2 × 2 matrices (..., 2, 2), in float64; far faster than by factorisation."""
    a, b, c, d = matrix.to(torch.float64).flatten(-2).unbind(-1)
    return a * d - b * c


def _angle_steps(matrix: Tensor, n: int, name: str) -> Tensor:
    """Return the k of a rotation matrix by 2πk/n; a ValueError if it is none."""
    angle = torch.atan2(matrix[..., 1, 0], matrix[..., 0, 0])
    k = (angle * n / (2 * math.pi)).round().to(torch.int64) % n
    if not bool(((turn(k, n) - matrix).abs() <= 1e-6).all()):
        raise ValueError(f"matrix: is no element of {name}")
    return k


@dataclass(frozen=True, repr=False)
class Cyclic(FiniteGroup):
    """C_n: rotations of the plane by multiples of 2π/n. Elements are int64 scalars k.

    Irreps: k = 0 … ⌊n/2⌋, rotation by k times the angle; 1-dimensional for k = 0 and n/2.
    """

    n: int
    element_shape = ()
    standard_dim = 2

    @property
    def name(self) -> str:
        """C_n."""
        return f"C{self.n}"

    @property
    def order(self) -> int:
        """Return n."""
        return self.n

    @property
    def identity(self) -> Tensor:
        """Rotation by 0."""
        return torch.tensor(0)

    @property
    def generators(self) -> Tensor:
        """Rotation by 2π/n (none for C1)."""
        return torch.arange(1, min(self.n, 2))

    @property
    def elements(self) -> Tensor:
        """0 … n−1."""
        return torch.arange(self.n)

    def index(self, g: Tensor) -> Tensor:
        """Return k modulo n."""
        return g % self.n

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Sum modulo n."""
        return (a + b) % self.n

    def inverse(self, a: Tensor) -> Tensor:
        """Negative modulo n."""
        return -a % self.n

    def standard_matrix(self, g: Tensor) -> Tensor:
        """Rotation matrices."""
        return turn(g, self.n)

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """Return k of a rotation matrix."""
        return _angle_steps(matrix, self.n, self.name)

    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[int]:
        """0 … ⌊n/2⌋."""
        return range(self.n // 2 + 1)

    def irrep_matrix(self, label: int, g: Tensor) -> Tensor:
        """Rotation by label times the angle, or ±1."""
        m = turn(label * g, self.n)
        return m[..., :1, :1] if 2 * label % self.n == 0 else m

    @constant
    def matrix_coefficients(self) -> Tensor:
        """Constant, cosine and sine of each frequency, and for even n the alternating signs."""
        k = torch.arange(self.n)
        waves = turn(torch.outer(k[1 : (self.n + 1) // 2], k), self.n)[..., 0].transpose(1, 2)
        rows = [torch.ones(1, self.n, dtype=torch.float64), 2**0.5 * waves.flatten(0, 1)]
        if self.n % 2 == 0:
            rows.append(1.0 - 2.0 * (k % 2).to(torch.float64).unsqueeze(0))
        coefficients: Tensor = torch.cat(rows) / self.n**0.5
        return coefficients


@dataclass(frozen=True, repr=False)
class Dihedral(FiniteGroup):
    """D_n: symmetries of the n-gon, order 2n. Elements (k, f) mean rᵏ sᶠ, s: x → −x, int64.

    Irreps are labelled (parity, k) as those of O(2): (0, 0) trivial, (1, 0) the determinant,
    (1, k) two-dimensional, and for even n also (0, n/2), (1, n/2).
    """

    n: int
    element_shape = (2,)
    standard_dim = 2

    @property
    def name(self) -> str:
        """D_n."""
        return f"D{self.n}"

    @property
    def order(self) -> int:
        """Return 2n."""
        return 2 * self.n

    @property
    def identity(self) -> Tensor:
        """(0, 0)."""
        return torch.tensor([0, 0])

    @property
    def generators(self) -> Tensor:
        """Rotation by 2π/n and the flip."""
        return torch.tensor([[1, 0], [0, 1]] if self.n > 1 else [[0, 1]])

    @property
    def elements(self) -> Tensor:
        """Rotations first, then rotations after the flip."""
        return torch.stack(
            [torch.arange(self.n).repeat(2), torch.arange(2).repeat_interleave(self.n)], 1
        )

    def _valid(self, g: Tensor) -> bool:
        return bool(((g[..., 1] == 0) | (g[..., 1] == 1)).all())

    def index(self, g: Tensor) -> Tensor:
        """Return k + n f."""
        return g[..., 0] % self.n + self.n * (g[..., 1] % 2)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return rᵏ sᶠ rˡ sᵉ = r^(k + (−1)ᶠ l) s^(f+e)."""
        rotation = a[..., 0] + (1 - 2 * a[..., 1]) * b[..., 0]
        return torch.stack([rotation % self.n, (a[..., 1] + b[..., 1]) % 2], -1)

    def inverse(self, a: Tensor) -> Tensor:
        """(−k, 0) for rotations; reflections are their own inverses."""
        return torch.stack([-(1 - 2 * a[..., 1]) * a[..., 0] % self.n, a[..., 1]], -1)

    def standard_matrix(self, g: Tensor) -> Tensor:
        """Rotation times diag(±1, 1)."""
        return mirrored(turn(g[..., 0], self.n), 1.0 - 2.0 * g[..., 1])

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """Return (k, f) of an orthogonal 2 × 2 matrix."""
        f = (planar_det(matrix) < 0).to(torch.int64)
        rotation = mirrored(matrix, 1.0 - 2.0 * f)
        return torch.stack([_angle_steps(rotation, self.n, self.name), f], -1)

    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[tuple[int, int]]:
        """(0, 0), (1, 0), (1, k)…, and (0, n/2), (1, n/2) for even n."""
        labels = [(0, 0), (1, 0), *((1, k) for k in range(1, (self.n + 1) // 2))]
        return labels + ([(0, self.n // 2), (1, self.n // 2)] if self.n % 2 == 0 else [])

    def irrep_matrix(self, label: tuple[int, int], g: Tensor) -> Tensor:
        """Signs, or the standard matrix with the angle multiplied by k."""
        parity, k = label
        if 2 * k % self.n == 0:
            exponent = (k > 0) * g[..., 0] + parity * g[..., 1]
            return (1.0 - 2.0 * (exponent % 2)).to(torch.float64)[..., None, None]
        return self.standard_matrix(torch.stack([k * g[..., 0], g[..., 1]], -1))

    @constant
    def matrix_coefficients(self) -> Tensor:
        """Sums and differences, over the flip, of those of the rotations."""
        turned = Cyclic(self.n).matrix_coefficients * 0.5**0.5
        return torch.cat([torch.cat([turned, turned], 1), torch.cat([turned, -turned], 1)])
