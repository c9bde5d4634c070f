"""Semidirect products of translations with a point group: E(d), and periodic images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import elements as el
from geomdl.groups.constant import constant
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.group import Group, Parts
from geomdl.groups.products import Product
from geomdl.groups.rep import Rep
from geomdl.groups.translations import PeriodicTranslations, Translations


@dataclass(frozen=True, repr=False)
class SemidirectProduct(Product):
    """N ⋊ H, translations N with a point group H: elements (h, n) act as x → h x + n.

    E(d) = R^d ⋊ O(d); on a periodic image Z_n × Z_n ⋊ D4 turns about the centre of the array and
    then shifts. The standard representation is affine for R^d and permutes the pixels of a grid.
    """

    factors: tuple[Group, ...]  # (H, N)

    @staticmethod
    def of(normal: Group, point: Group) -> Group:
        """Check that the point group acts on the translations, and build."""
        if not isinstance(normal, (PeriodicTranslations, Translations)):
            raise ValueError(
                f"semidirect: the normal factor should be translations, got {normal.name}"
            )
        linear = point.linear
        images = torch.cat([linear.generators, torch.linalg.matrix_exp(linear.lie)])
        d = len(normal.identity)
        if linear.dim != d or not normal.accepts(images):
            raise ValueError(f"semidirect: {point.name} does not carry {normal.name} to itself")
        finite = isinstance(point, FiniteGroup) and isinstance(normal, FiniteGroup)
        return (FiniteSemidirectProduct if finite else SemidirectProduct)((point, normal))

    @property
    def point(self) -> Group:
        """Point group H."""
        return self.factors[0]

    @property
    def normal(self) -> PeriodicTranslations | Translations:
        """Translations N."""
        normal = self.factors[1]
        assert isinstance(normal, (PeriodicTranslations, Translations))
        return normal

    @property
    def name(self) -> str:
        """E3, SE3, or N ⋊ H."""
        short = {"O": "E", "SO": "SE"}
        letters = self.point.name.rstrip("0123456789")
        matches = self.point.name == f"{letters}{len(self.normal.identity)}" and letters in short
        if isinstance(self.normal, Translations) and matches:
            return f"{short[letters]}{self.normal.d}"
        return f"{self.normal.name} ⋊ {self.point.name}"

    @property
    def standard_dim(self) -> int:
        """Return d + 1, or the number of pixels."""
        return self.normal.d + 1 if isinstance(self.normal, Translations) else self.normal.order

    @property
    def orthogonal(self) -> bool:
        """Whether pixels are permuted."""
        return isinstance(self.normal, PeriodicTranslations)

    @property
    def standard_permutes(self) -> bool:
        """Whether pixels are permuted."""
        return isinstance(self.normal, PeriodicTranslations)

    @property
    def linear(self) -> Rep:
        """The point group's linear representation."""
        return self.pull(0, self.point.linear)

    @constant
    def lie_algebra(self) -> Tensor:
        """Of the point group, then of the translations."""
        if isinstance(self.normal, PeriodicTranslations):
            if self.point.lie_dim:
                raise ValueError(f"lie_algebra: {self.name} should have a finite point group")
            return torch.zeros(0, self.standard_dim, self.standard_dim, dtype=torch.float64)
        d = self.normal.d
        rotations = torch.zeros(self.point.lie_dim, d + 1, d + 1, dtype=torch.float64)
        rotations[:, :d, :d] = self.point.linear.lie
        return torch.cat([rotations, self.normal.lie_algebra])

    def compose(self, a: Any, b: Any) -> Any:
        """Return (h, n)(k, m) = (hk, n + h m)."""
        moved = self.normal.translate_by(self.point.linear(a[0]), b[1])
        return self.point.compose(a[0], b[0]), self.normal.compose(a[1], moved)

    def inverse(self, a: Any) -> Any:
        """Return (h⁻¹, −h⁻¹ n)."""
        h = self.point.inverse(a[0])
        return h, self.normal.inverse(self.normal.translate_by(self.point.linear(h), a[1]))

    def parts(self, g: Any) -> Parts:
        """Return x → h x + n."""
        return Parts(linear=self.point.linear(g[0]), translation=g[1])

    def standard_matrix(self, g: Any) -> Tensor:
        """Affine matrices, or permutations of the pixels."""
        linear = self.point.linear(g[0])
        if isinstance(self.normal, Translations):
            out = self.normal.standard_matrix(
                g[1].expand(*linear.shape[:-2], self.normal.d)
            ).clone()
            out[..., :-1, :-1] = linear
            return out
        from geomdl.groups.permutation import permutation_matrices
        from geomdl.groups.translations import array_matrix

        centre = (self.normal.sizes - 1) / 2
        pixels = self.normal.elements - centre
        moved = torch.einsum("...ij,pj->...pi", array_matrix(linear), pixels.double()) + centre
        images = moved.round().to(torch.int64) + g[1].unsqueeze(-2)
        return permutation_matrices(self.normal.index(images))

    def from_matrix(self, matrix: Tensor) -> Any:
        """Linear part and last column, or the element that permutes the pixels so."""
        if isinstance(self.normal, Translations):
            h = self.point.from_matrix(matrix[..., :-1, :-1])
            return h, matrix[..., :-1, -1]
        assert isinstance(self.point, FiniteGroup)
        found = []
        turned = self.standard_matrix(self.inject(0, self.point.elements)).argmax(-2)
        images = matrix.reshape(-1, *matrix.shape[-2:]).argmax(-2)
        for image in images:  # a turn, then the shift that carries its first pixel
            shifts = self.normal.elements[image[0]] - self.normal.elements[turned[:, 0]]
            shifts = shifts % self.normal.sizes
            shifted = self.normal.index(self.normal.elements[turned] + shifts.unsqueeze(1))
            hits = (shifted == image).all(1).nonzero().flatten()
            if not len(hits):
                raise ValueError(f"matrix: is no element of {self.name}")
            found.append((el.take(self.point.elements, hits[0]), shifts[hits[0]]))
        batch = matrix.shape[:-2]
        g = el.stack(found)
        return tuple(el.leaf_map(lambda t: t.reshape((*batch, *t.shape[1:])), part) for part in g)

    def to_config(self) -> dict[str, Any]:
        """Translations and point group."""
        return {
            "group": "semidirect",
            "normal": self.normal.to_config(),
            "point": self.point.to_config(),
        }


class FiniteSemidirectProduct(SemidirectProduct, FiniteGroup):
    """A semidirect product of finite groups."""

    elements = Product.elements
    index = Product.index
    _sample = FiniteGroup._sample


def semidirect(normal: Group, point: Group) -> Group:
    """Semidirect product N ⋊ H of translations with a point group; elements are (h, n).

    Args:
        normal: ``group("Z28x28")`` or ``group("R3")``.
        point: a group whose ``linear`` representation carries the translations to themselves.

    Raises:
        ValueError: it does not (rotating a 28 × 30 periodic grid by 90°, say).
    """
    return SemidirectProduct.of(normal, point)
