"""Translations: of periodic grids (Z_n × Z_m × …) and of space (R^d)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.group import Group, Parts
from geomdl.groups.planar import _angle_steps, turn


@dataclass(frozen=True, repr=False)
class PeriodicTranslations(FiniteGroup):
    """Z_n × Z_m × …: shifts of a periodic array, in the order of its axes, as ``torch.roll``.

    Elements are int64 (d,). The standard representation turns one plane for each axis. Irreps are
    labelled by frequency vectors up to sign: cos and sin of 2π Σ kᵢ tᵢ / nᵢ.
    """

    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """Z28x28."""
        return "Z" + "x".join(map(str, self.shape))

    @property
    def order(self) -> int:
        """Product of the sizes."""
        return math.prod(self.shape)

    @property
    def element_shape(self) -> tuple[int, ...]:
        """(d,)."""
        return (len(self.shape),)

    @property
    def standard_dim(self) -> int:
        """Two for each axis."""
        return 2 * len(self.shape)

    @constant
    def sizes(self) -> Tensor:
        """Sizes as a tensor (d,)."""
        return torch.tensor(self.shape)

    @property
    def identity(self) -> Tensor:
        """No shift."""
        return torch.zeros(len(self.shape), dtype=torch.int64)

    @property
    def generators(self) -> Tensor:
        """One step along each axis longer than one."""
        return torch.eye(len(self.shape), dtype=torch.int64)[self.sizes > 1]

    @constant
    def elements(self) -> Tensor:
        """All shifts, the last axis fastest."""
        return torch.cartesian_prod(*map(torch.arange, self.shape)).reshape(-1, len(self.shape))

    def index(self, g: Tensor) -> Tensor:
        """Row-major position."""
        strides = [math.prod(self.shape[i + 1 :]) for i in range(len(self.shape))]
        return ((g % self.sizes.to(g.device)) * torch.tensor(strides, device=g.device)).sum(-1)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Sum modulo the sizes."""
        return (a + b) % self.sizes.to(a.device)

    def inverse(self, a: Tensor) -> Tensor:
        """Negative modulo the sizes."""
        return -a % self.sizes.to(a.device)

    def standard_matrix(self, g: Tensor) -> Tensor:
        """Block-diagonal rotations by 2π tᵢ / nᵢ."""
        from geomdl.groups.linalg import block_diagonal

        return block_diagonal([turn(g[..., i], n) for i, n in enumerate(self.shape)])

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """Shifts of block-diagonal rotations."""
        steps = [
            _angle_steps(matrix[..., 2 * i : 2 * i + 2, 2 * i : 2 * i + 2], n, self.name)
            for i, n in enumerate(self.shape)
        ]
        out = torch.stack(steps, -1)
        if not bool(((self.standard_matrix(out) - matrix).abs() <= 1e-6).all()):
            raise ValueError(f"matrix: is no element of {self.name}")
        return out

    @property
    def linear(self) -> Any:
        """Shifts turn nothing: refused."""
        raise ValueError(f"linear: {self.name} only translates")

    def parts(self, g: Tensor) -> Parts:
        """A translation in array axes."""
        return Parts(translation=g)

    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[tuple[int, ...]]:
        """Frequency vectors, one of each pair ±k."""
        labels = []
        for k in itertools.product(*map(range, self.shape)):
            if k <= tuple(-a % n for a, n in zip(k, self.shape, strict=True)):
                labels.append(k)
        return labels

    def irrep_matrix(self, label: tuple[int, ...], g: Tensor) -> Tensor:
        """Rotation by 2π Σ kᵢ tᵢ / nᵢ, or a sign."""
        n = math.lcm(*self.shape)
        weights = torch.tensor([k * n // m for k, m in zip(label, self.shape, strict=True)])
        m = turn((g * weights.to(g.device)).sum(-1), n)
        real = all(2 * k % m_ == 0 for k, m_ in zip(label, self.shape, strict=True))
        return m[..., :1, :1] if real else m

    def translate_by(self, linear: Tensor, t: Tensor) -> Tensor:
        """Image of shifts under signed permutations of space, in array axes."""
        array = array_matrix(linear).round().to(torch.int64)
        return torch.einsum("...ij,...j->...i", array, t) % self.sizes.to(t.device)

    def accepts(self, linear: Tensor) -> bool:
        """Whether linear maps carry the periodic grid to itself."""
        array = array_matrix(linear)
        if not bool(((array - array.round()).abs() <= 1e-9).all()):
            return False
        moved = array.abs() @ self.sizes.to(torch.float64)
        return bool((moved == self.sizes).all())


def array_matrix(linear: Tensor) -> Tensor:
    """Matrix in array axes of a linear map in coordinates: x = last axis, all others negated.

    Coordinates (x, y, z) belong to the array axes (−1, −2, −3) with signs (+, −, −).
    """
    frame = array_frame(linear.shape[-1]).to(linear.device)
    return frame @ linear.to(torch.float64) @ frame.T


def array_frame(d: int) -> Tensor:
    """Orthogonal matrix F (d, d) from coordinates (x, y, z) to those along the array's axes.

    x runs along the last axis; y, z, … run against the axes before it: array axis −2 is −y.
    """
    signs = torch.ones(d, dtype=torch.float64)
    signs[:-1] = -1
    return torch.diag(signs).flip(1)


@dataclass(frozen=True, repr=False)
class Translations(Group):
    """R^d: translations of space. Elements are float64 (d,); standard: (d+1) × (d+1) affine."""

    d: int
    order = None
    compact = False

    @property
    def name(self) -> str:
        """R3."""
        return f"R{self.d}"

    @property
    def element_shape(self) -> tuple[int, ...]:
        """(d,)."""
        return (self.d,)

    @property
    def standard_dim(self) -> int:
        """Return d + 1."""
        return self.d + 1

    @property
    def identity(self) -> Tensor:
        """No translation."""
        return torch.zeros(self.d, dtype=torch.float64)

    @property
    def generators(self) -> Tensor:
        """None: the Lie algebra reaches everything."""
        return torch.zeros(0, self.d, dtype=torch.float64)

    @constant
    def lie_algebra(self) -> Tensor:
        """Unit translations as affine matrices."""
        basis = torch.zeros(self.d, self.d + 1, self.d + 1, dtype=torch.float64)
        basis[range(self.d), range(self.d), self.d] = 1.0
        return basis

    def _exp(self, coeffs: Tensor) -> Tensor:
        return coeffs

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Sum."""
        return a + b

    def inverse(self, a: Tensor) -> Tensor:
        """Negative."""
        return -a

    def _sample(
        self, n: int, rng: torch.Generator, component: int | None, rapidity: float
    ) -> Tensor:
        """Normal with standard deviation ``rapidity`` along each axis."""
        return rapidity * torch.randn(n, self.d, generator=rng, dtype=torch.float64)

    def standard_matrix(self, g: Tensor) -> Tensor:
        """Affine matrices [[1, t], [0, 1]]."""
        m = torch.eye(self.d + 1, dtype=torch.float64, device=g.device)
        m = m.repeat(*g.shape[:-1], 1, 1)
        m[..., : self.d, self.d] = g
        return m

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """Last column of an affine matrix without linear part."""
        t = matrix[..., : self.d, self.d]
        if not bool(((self.standard_matrix(t) - matrix).abs() <= 1e-6).all()):
            raise ValueError(f"matrix: is no element of {self.name}")
        return t

    @property
    def linear(self) -> Any:
        """Translations turn nothing: refused."""
        raise ValueError(f"linear: {self.name} only translates")

    def parts(self, g: Tensor) -> Parts:
        """A translation of space."""
        return Parts(translation=g)

    def translate_by(self, linear: Tensor, t: Tensor) -> Tensor:
        """Image of translations under linear maps."""
        return torch.einsum("...ij,...j->...i", linear, t)

    def accepts(self, linear: Tensor) -> bool:
        """Every linear map of R^d is an automorphism."""
        return linear.shape[-1] == self.d
