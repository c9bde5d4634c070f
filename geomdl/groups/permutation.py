"""Permutation representations: regular, quotient, from images; and induced representations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import elements as el
from geomdl.groups.constant import constant
from geomdl.groups.group import Group
from geomdl.groups.rep import Derived, Rep
from geomdl.groups.subgroup import Subgroup


def permutation_matrices(images: Tensor) -> Tensor:
    """Matrices (..., n, n) with a one at [images[i], i]: e_i -> e_images[i]."""
    return torch.nn.functional.one_hot(images, images.shape[-1]).mT.to(torch.float64)


class PermutationRep(Rep):
    """A representation by permutation matrices, stated by the images of the basis vectors."""

    group: Group
    is_permutation = True
    is_orthogonal = True

    def matrix(self, g: Any) -> Tensor:
        return permutation_matrices(self.permutation(g))


def finite(group: Group, what: str) -> Any:
    """``group`` if it is finite, else a one-line error that names the band-limited stand-in."""
    from geomdl.groups.finite import FiniteGroup

    if not isinstance(group, FiniteGroup):
        raise ValueError(
            f"{what}: {group.name} is not finite; use bandlimited(max_frequency) or irreps"
        )
    return group


@dataclass(frozen=True, repr=False)
class Regular(PermutationRep):
    """e_h -> e_gh, basis in the order of ``group.elements``."""

    group: Group
    name = "regular"

    def __post_init__(self) -> None:
        finite(self.group, "regular")

    @property
    def dim(self) -> int:
        return int(self.group.order or 0)

    def permutation(self, g: Any) -> Tensor:
        images: Tensor = finite(self.group, "regular").translated(g)
        return images

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "regular"}


@dataclass(frozen=True, repr=False)
class Quotient(PermutationRep):
    """Permutations of the left cosets G/H, e_tH -> e_gtH, cosets by their first element."""

    group: Group
    subgroup: Subgroup

    def __post_init__(self) -> None:
        finite(self.group, "quotient")
        if self.subgroup.parent != self.group:
            raise ValueError(f"subgroup: should lie in {self.group.name}, got {self.subgroup!r}")

    @constant
    def cosets(self) -> tuple[Tensor, Tensor]:
        """Coset number of each element (|G|,), and the position of each coset's first element."""
        group = finite(self.group, "quotient")
        members = self.subgroup.embed(self.subgroup.group.elements)
        first = torch.stack(  # |G| numbers a member h: the position of gh
            [
                group.index(group.compose(group.elements, el.take(members, slice(i, i + 1))))
                for i in range(el.count(group, members))
            ]
        ).amin(0)
        representatives, number = torch.unique(first, return_inverse=True)
        return number, representatives

    @property
    def dim(self) -> int:
        return len(self.cosets[1])

    @property
    def name(self) -> str:
        return f"quotient({self.subgroup.group.name})"

    def permutation(self, g: Any) -> Tensor:
        number, representatives = self.cosets
        return number[finite(self.group, "quotient").translated(g)[..., representatives]]

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "quotient", "subgroup": self.subgroup.to_config()}


@dataclass(frozen=True, repr=False)
class Permutation(PermutationRep):
    """Permutation representation of a finite group from a table of images."""

    group: Group
    images: tuple[tuple[int, ...], ...]

    @classmethod
    def build(cls, group: Group, perms: Tensor) -> Permutation:
        """Check the images (|G|, n) and freeze them."""
        finite(group, "permutation_rep")
        if perms.ndim != 2 or len(perms) != group.order:
            raise ValueError(
                f"perms: should be ({group.order}, n), one row an element, got {tuple(perms.shape)}"
            )
        if not bool((perms.sort(1).values == torch.arange(perms.shape[1])).all()):
            raise ValueError("perms: every row should be a permutation of 0 … n−1")
        for s in el.iterate(group, group.generators):
            products = perms[group.index(group.compose(s, group.elements))]
            if not torch.equal(products, perms[int(group.index(s))][perms]):
                raise ValueError(f"perms: not an action of {group.name}")
        return cls(group, tuple(map(tuple, perms.tolist())))

    @property
    def dim(self) -> int:
        return len(self.images[0])

    @property
    def name(self) -> str:
        return f"permutation({self.dim})"

    @constant
    def _table(self) -> Tensor:
        return torch.tensor(self.images)

    def permutation(self, g: Any) -> Tensor:
        return self._table[self.group.index(g)]

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "permutation", "images": [list(row) for row in self.images]}


@dataclass(frozen=True, repr=False)
class Induced(Derived):
    """Ind_H^G r of a finite group: basis (coset, component); g·(t ⊗ v) = u ⊗ r(h)v, gt = uh."""

    base: Rep
    subgroup: Subgroup

    @property
    def is_permutation(self) -> bool:
        return self.base.is_permutation

    def __post_init__(self) -> None:
        finite(self.subgroup.parent, "induce")

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.subgroup.parent

    @constant
    def _cosets(self) -> Quotient:
        return Quotient(self.group, self.subgroup)

    @property
    def dim(self) -> int:
        return self._cosets.dim * self.base.dim

    @property
    def name(self) -> str:
        return f"ind({self.base.name} of {self.subgroup.group.name})"

    def matrix(self, g: Any) -> Tensor:
        group = finite(self.group, "induce")
        n, d = self._cosets.dim, self.base.dim
        batch = el.batch_shape(group, g)
        flat = el.leaf_map(lambda t: t.unsqueeze(1), el.flatten(group, g))
        t = el.take(group.elements, self._cosets.cosets[1])
        images = self._cosets.permutation(el.flatten(group, g))  # (b, n)
        h = group.compose(group.inverse(el.take(t, images)), group.compose(flat, t))
        blocks = self.base.matrix(self.subgroup.lift(h))  # (b, n, d, d)
        out = torch.einsum(
            "bnij,bnm->bminj", blocks, torch.nn.functional.one_hot(images, n).double()
        )
        return out.reshape(*batch, n * d, n * d)

    @property
    def config(self) -> dict[str, Any]:
        return {"rep": "induced", "base": self.base.config, "subgroup": self.subgroup.to_config()}
