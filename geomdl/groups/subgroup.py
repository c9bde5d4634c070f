"""Subgroups are embeddings h -> g; restriction of representations along them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import elements as el
from geomdl.groups.constant import constant
from geomdl.groups.finite import ElementGroup, FiniteGroup
from geomdl.groups.group import Group
from geomdl.groups.rep import Derived, Rep, direct_sum


@dataclass(frozen=True, repr=False)
class Subgroup:
    """An embedding of ``group`` into ``parent``.

    Attributes:
        group: the abstract subgroup H.
        parent: the group G.
        via: representation of H whose matrices are the standard matrices of the images; None where
            ``group`` consists of elements of the parent.
    """

    group: Group
    parent: Group
    via: Rep | None = None

    @property
    def name(self) -> str:
        """H < G."""
        return f"{self.group.name} < {self.parent.name}"

    def embed(self, h: Any) -> Any:
        """Elements of the parent."""
        if self.via is None:
            return self.group.member(h) if isinstance(self.group, ElementGroup) else h
        return self.parent.from_matrix(self.via(h))

    def lift(self, g: Any) -> Any:
        """Elements of H that are embedded as ``g``; a ValueError if there is none (finite H)."""
        if self.via is None:
            return self.group.position(g) if isinstance(self.group, ElementGroup) else g
        if not isinstance(self.group, FiniteGroup) or not isinstance(self.parent, FiniteGroup):
            raise ValueError(f"lift: {self.name} should be finite")
        at = self.parent.index(g)
        table = self._positions
        found = table[at]
        if bool((found < 0).any()):
            raise ValueError(f"element: is not in the subgroup {self.name}")
        return el.take(self.group.elements, found)

    @constant
    def _positions(self) -> Tensor:
        assert isinstance(self.parent, FiniteGroup)
        table = torch.full((self.parent.size,), -1)
        ids = self.parent.index(self.embed(self.group.elements))
        table[ids] = torch.arange(len(ids))
        return table

    @constant
    def lie_coefficients(self) -> Tensor:
        """The Lie algebra of H in the basis of the parent's, (lie_dim of H, lie_dim of G)."""
        if self.group.lie_dim == 0:
            return torch.zeros(0, self.parent.lie_dim, dtype=torch.float64)
        if self.via is None:
            return torch.eye(self.parent.lie_dim, dtype=torch.float64)
        wanted = self.via.lie.flatten(1).T
        basis = self.parent.lie_algebra.flatten(1).T
        coefficients = torch.linalg.lstsq(basis, wanted, driver="gelsd").solution
        if not (basis @ coefficients - wanted).abs().max() <= 1e-9:
            raise ValueError(f"subgroup: the Lie algebra of {self.name} is not in the parent's")
        value: Tensor = coefficients.T
        return value

    def to_config(self) -> dict[str, Any]:
        """JSON-able description, read back by ``geomdl.groups.from_config``."""
        return {
            "subgroup": self.group.to_config(),
            "parent": self.parent.to_config(),
            "via": None if self.via is None else self.via.config,
        }

    def __repr__(self) -> str:
        return f"<subgroup {self.name}>"


def generated(parent: Group, generators: Any) -> Subgroup:
    """Subgroup of a finite group that some elements generate."""
    if not isinstance(parent, FiniteGroup):
        raise ValueError(
            f"generators: {parent.name} is not finite; give the subgroup as a group and via="
        )
    images = parent.translated(generators).tolist()
    seen, frontier = {0}, {0}
    while frontier:
        frontier = {row[i] for row in images for i in frontier} - seen
        seen |= frontier
    return Subgroup(ElementGroup(parent, tuple(sorted(seen))), parent)


def embed_group(parent: Group, group: Group | str, via: Rep | None) -> Subgroup:
    """Embed a group by the matrices ``via``; checked on generators and Lie algebra."""
    from geomdl.groups.names import group as by_name

    h = by_name(group) if isinstance(group, str) else group
    if h == parent and via is None:
        return Subgroup(h, parent)
    if via is None:
        missing = parent.standard_dim - h.standard_dim
        if missing < 0:
            raise ValueError(
                f"subgroup: {h.name} acts in {h.standard_dim} dimensions, {parent.name} in "
                f"{parent.standard_dim}; give via="
            )
        via = direct_sum([(h.standard, 1), (h.trivial, missing)] if missing else [(h.standard, 1)])
    if via.group != h or via.dim != parent.standard_dim:
        raise ValueError(
            f"via: should be a representation of {h.name} of dimension {parent.standard_dim}, "
            f"got {via!r}"
        )
    out = Subgroup(h, parent, via)
    try:
        images = out.embed(h.generators)
        assert el.count(parent, images) >= 0
        assert out.lie_coefficients is not None
    except ValueError as error:
        raise ValueError(
            f"subgroup: {h.name} does not lie in {parent.name} by {via.name}"
        ) from error
    if isinstance(h, FiniteGroup) and h.size <= 1000:
        matrices = via(h.elements).flatten(1)
        distance = torch.cdist(matrices, matrices) + 9 * torch.eye(h.size, dtype=torch.float64)
        if not distance.min() > 1e-6:
            raise ValueError(f"via: {via.name} of {h.name} is not faithful, so it is no embedding")
    return out


@dataclass(frozen=True, repr=False)
class Restricted(Derived):
    """h -> r(embed(h)); the derivative by the coefficients of H's Lie algebra in the parent's."""

    base: Rep
    subgroup: Subgroup

    @property
    def is_permutation(self) -> bool:
        return self.base.is_permutation

    @property
    def group(self) -> Group:  # type: ignore[override]
        return self.subgroup.group

    @property
    def name(self) -> str:
        return f"res({self.base.name} of {self.base.group.name})"

    def matrix(self, g: Any) -> Tensor:
        return self.base.matrix(self.subgroup.embed(g))

    @constant
    def lie(self) -> Tensor:
        return torch.einsum("ab,bij->aij", self.subgroup.lie_coefficients, self.base.lie)

    @property
    def config(self) -> dict[str, Any]:
        base, subgroup = self.base.to_config(), self.subgroup.to_config()
        return {"rep": "restrict", "base": base, "subgroup": subgroup}
