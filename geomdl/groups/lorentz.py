"""Lorentz groups of signature (+, −, −, −): SO⁺(1,3), SO(1,3), O(1,3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.orthogonal import MatrixElements, haar_orthogonal
from geomdl.groups.wigner import so3_generators

_COMPONENTS = {"SO+(1,3)": 1, "SO(1,3)": 2, "O(1,3)": 4}


@dataclass(frozen=True, repr=False)
class Lorentz(MatrixElements):
    """Λᵀ η Λ = η on (t, x, y, z). Elements are matrices (4, 4); 1, 2 or 4 components.

    SO⁺(1,3) is the component of the identity; SO(1,3) adds −1; O(1,3) adds space inversion P.
    """

    label: str
    standard_dim = 4
    compact = False

    @property
    def name(self) -> str:
        """SO+(1,3)."""
        return self.label

    @property
    def metric(self) -> Tensor:
        """Return η = diag(1, −1, −1, −1)."""
        return torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64))

    @constant
    def lie_algebra(self) -> Tensor:
        """Rotations about x, y, z, then boosts along x, y, z."""
        out = torch.zeros(6, 4, 4, dtype=torch.float64)
        out[:3, 1:, 1:] = so3_generators(1)
        for i in range(3):
            out[3 + i, 0, 1 + i] = out[3 + i, 1 + i, 0] = 1.0
        return out

    @property
    def components(self) -> Tensor:
        """1; −1; P; −P."""
        one, p = self.identity, self.metric
        return torch.stack([one, -one, p, -p][: _COMPONENTS[self.label]])

    @property
    def generators(self) -> Tensor:
        """−1 and P, as far as they belong to the group."""
        return self.components[1:3]

    def inverse(self, a: Tensor) -> Tensor:
        """Return η Λᵀ η, exact."""
        eta = self.metric.to(a.device)
        return eta @ a.mT @ eta

    def contains(self, matrix: Tensor) -> Tensor:
        """Whether the metric is kept (relative to the square of the matrix) and the component."""
        m = matrix.to(torch.float64)
        if m.shape[-2:] != (4, 4):
            return torch.tensor(False)
        scale = m.abs().amax((-1, -2)).square().clamp(min=1.0)
        error = (m.mT @ self.metric @ m - self.metric).abs().amax((-1, -2))
        ok = error <= 1e-6 * scale
        if self.label != "O(1,3)":
            ok = ok & (torch.linalg.det(m) > 0)
        return ok & (m[..., 0, 0] > 0) if self.label == "SO+(1,3)" else ok

    def _sample(
        self, n: int, rng: torch.Generator, component: int | None, rapidity: float
    ) -> Tensor:
        """Return R₁ B(ζ) R₂: Haar rotations, a boost of rapidity ζ ~ N(0, ``rapidity``).

        The component is uniform unless given.
        """
        number = len(self.components)
        which = torch.randint(number, (n,), generator=rng)
        if component is not None:
            which = torch.full((n,), component)
        zeta = rapidity * torch.randn(n, generator=rng, dtype=torch.float64)
        boost = torch.eye(4, dtype=torch.float64).repeat(n, 1, 1)
        boost[:, 0, 0] = boost[:, 3, 3] = zeta.cosh()
        boost[:, 0, 3] = boost[:, 3, 0] = zeta.sinh()
        left, right = self._rotations(n, rng), self._rotations(n, rng)
        return self.components[which] @ left @ boost @ right

    def _rotations(self, n: int, rng: torch.Generator) -> Tensor:
        q = haar_orthogonal(n, 3, rng)
        out = torch.eye(4, dtype=torch.float64).repeat(n, 1, 1)
        out[:, 1:, 1:] = q * torch.linalg.det(q).sign()[:, None, None]
        return out
