"""What a symmetry is: the ``Group`` interface that every family of groups fills in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from geomdl.groups import elements as el
from geomdl.groups.constant import constant
from geomdl.groups.elements import Element, Shape

if TYPE_CHECKING:
    from geomdl.groups.rep import Rep
    from geomdl.groups.subgroup import Subgroup


class Parts(NamedTuple):
    """How an element moves things: x -> linear x + translation, node i -> permutation[i].

    A part that the group does not have is None.
    """

    linear: Tensor | None = None
    translation: Tensor | None = None
    permutation: Tensor | None = None


class Group(ABC):
    """A group: elements with batch axes, generators that reach every component, a Lie algebra.

    Groups are frozen, hashable and compared by construction. ``geomdl.group(name)`` builds them by
    name. A group needs ``generators`` (and ``lie_algebra``) and a faithful ``standard``
    representation; everything else (tensor representations, intertwiners, audits) follows.
    """

    # --- what a family states -----------------------------------------------------------------
    @property
    @abstractmethod
    def name(self) -> str:
        """Name that ``geomdl.group`` parses back, where there is one."""

    @property
    @abstractmethod
    def order(self) -> int | None:
        """Number of elements; None if infinite."""

    @property
    @abstractmethod
    def element_shape(self) -> Shape:
        """Trailing axes of an element; for products the tuple of the factors' shapes."""

    @property
    @abstractmethod
    def identity(self) -> Any:
        """The neutral element."""

    @property
    @abstractmethod
    def generators(self) -> Any:
        """Batch of discrete generators; with exp of the Lie algebra they generate the group."""

    @abstractmethod
    def compose(self, a: Any, b: Any) -> Any:
        """Product ab (first b, then a), broadcast over batch axes."""

    @abstractmethod
    def inverse(self, a: Any) -> Any:
        """Inverse element."""

    @abstractmethod
    def _sample(self, n: int, rng: torch.Generator, component: int | None, rapidity: float) -> Any:
        """Batch of n random elements; see :meth:`sample`."""

    @abstractmethod
    def standard_matrix(self, g: Any) -> Tensor:
        """Matrices (..., n, n) of the standard, faithful representation."""

    @abstractmethod
    def from_matrix(self, matrix: Tensor) -> Any:
        """Return the element whose standard matrix is given; a ValueError if there is none."""

    @property
    @abstractmethod
    def standard_dim(self) -> int:
        """Dimension of the standard representation."""

    # --- what most families share -------------------------------------------------------------
    def sample(
        self,
        n: int,
        rng: torch.Generator | None = None,
        component: int | None = None,
        rapidity: float = 1.0,
    ) -> Any:
        """Batch of n random elements, Haar distributed if the group is compact.

        Args:
            n: number of elements.
            rng: source of randomness; by default a fresh one seeded with 0.
            component: restrict to the component of this entry of :attr:`components`.
            rapidity: standard deviation along non-compact directions (the family states the law);
                compact groups ignore it.
        """
        if n < 0:
            raise ValueError(f"n: should be 0 or more, got {n}")
        if component is not None and not 0 <= component < el.count(self, self.components):
            raise ValueError(
                f"component: {self.name} has {el.count(self, self.components)}, got {component}"
            )
        return self._sample(n, el.generator(rng), component, rapidity)

    @property
    def compact(self) -> bool:
        """Whether the group is compact (finite groups are)."""
        return True

    @property
    def orthogonal(self) -> bool:
        """Whether the standard matrices are orthogonal."""
        return self.compact

    @property
    def standard_permutes(self) -> bool:
        """Whether the standard matrices are permutations."""
        return False

    @constant
    def lie_algebra(self) -> Tensor:
        """Basis of the Lie algebra in the standard representation, (lie_dim, n, n)."""
        return torch.zeros(0, self.standard_dim, self.standard_dim, dtype=torch.float64)

    @property
    def lie_dim(self) -> int:
        """Dimension of the Lie algebra; 0 for a discrete group."""
        return int(self.lie_algebra.shape[0])

    def check(self, g: Any, name: str = "g") -> None:
        """Refuse what is no element (or batch of elements).

        Raises:
            TypeError: no tensor, or a tuple where none belongs.
            ValueError: wrong trailing shape, or numbers that are no element.
        """
        problem = el.misfit(g, self.identity, self.element_shape)
        if problem:
            raise TypeError(f"{name}: an element of {self.name} {problem}")
        if not self._valid(el.leaf_map(lambda t: t.detach().cpu(), g)):
            raise ValueError(f"{name}: is no element of {self.name}")

    def _valid(self, g: Any) -> bool:
        return True

    def exp(self, coeffs: Tensor) -> Any:
        """Exponential of Σ cᵢ Aᵢ for coefficients (..., lie_dim) in the basis ``lie_algebra``."""
        if coeffs.shape[-1] != self.lie_dim:
            raise ValueError(
                f"coeffs: last axis should be lie_dim={self.lie_dim}, got {coeffs.shape[-1]}"
            )
        return self._exp(coeffs.to(torch.float64))

    def _exp(self, coeffs: Tensor) -> Any:
        if self.lie_dim == 0:
            return el.expand(self, self.identity, coeffs.shape[:-1])
        algebra = self.lie_algebra.to(coeffs.device)
        x = torch.einsum("...a,aij->...ij", coeffs, algebra)
        return self.from_matrix(torch.linalg.matrix_exp(x))

    @property
    def elements(self) -> Any:
        """All elements of a finite group as one batch, the identity first."""
        raise ValueError(f"elements: {self.name} is not finite; use sample or generators")

    def index(self, g: Any) -> Tensor:
        """Position of ``g`` in :attr:`elements`, int64 of the batch shape."""
        raise ValueError(f"index: {self.name} is not finite")

    @property
    def components(self) -> Any:
        """One representative of each connected component, the identity first (batch).

        A finite group's components are its elements.
        """
        return self.elements if self.order is not None else el.stack([self.identity])

    def parts(self, g: Any) -> Parts:
        """Return how ``g`` moves points and nodes; see :class:`Parts`."""
        return Parts(linear=self.standard_matrix(g))

    @constant
    def identity_parts(self) -> Parts:
        """Parts of the identity, which tell what parts the group has. To be read only."""
        return self.parts(self.identity)

    def describe(self, g: Any) -> str:
        """Short name of one element."""
        from geomdl.groups.describe import describe

        return describe(self, g)

    # --- representations ----------------------------------------------------------------------
    @property
    def trivial(self) -> Rep:
        """One-dimensional trivial representation."""
        from geomdl.groups.rep import Trivial

        return Trivial(self)

    @property
    def standard(self) -> Rep:
        """Defining (faithful) representation."""
        from geomdl.groups.rep import Standard

        return Standard(self)

    @property
    def linear(self) -> Rep:
        """Representation on the space that points live in: x -> linear x (+ translation)."""
        return self.standard

    @property
    def regular(self) -> Rep:
        """Regular representation e_h -> e_gh of a finite group."""
        from geomdl.groups.permutation import Regular

        return Regular(self)

    def quotient(self, subgroup: Subgroup | Group | str) -> Rep:
        """Permutation representation on the cosets G/H of a subgroup of a finite group."""
        from geomdl.groups.permutation import Quotient
        from geomdl.groups.subgroup import Subgroup

        sub = subgroup if isinstance(subgroup, Subgroup) else self.subgroup(subgroup)
        return Quotient(self, sub)

    def permutation_rep(self, perms: Tensor) -> Rep:
        """Representation e_i -> e_perm[i] from images (|G|, n) int64, in order of ``elements``."""
        from geomdl.groups.permutation import Permutation

        return Permutation.build(self, perms)

    def finite_rep(self, matrices: Tensor) -> Rep:
        """Representation of a finite group by matrices (|G|, d, d), in order of ``elements``."""
        from geomdl.groups.tables import Tabulated

        return Tabulated.build(self, matrices)

    def irrep(self, label: Any) -> Rep:
        """Real irreducible representation by its label; the labels are in :meth:`irrep_labels`."""
        from geomdl.groups.rep import Irrep

        label = self.canonical_label(label)
        if not self.has_irrep(label):
            known = ", ".join(map(str, self.irrep_labels(3)[:12]))
            raise ValueError(f"label: {self.name} has no irrep {label!r}; its first are {known}")
        return Irrep(self, label)

    def irreps(self, max_frequency: int | None = None) -> list[Rep]:
        """Return the real irreps, all of them for a finite group, else up to ``max_frequency``."""
        if max_frequency is None and self.order is None:
            raise ValueError(f"max_frequency: {self.name} has infinitely many irreps, give a limit")
        return [self.irrep(label) for label in self.irrep_labels(max_frequency)]

    def bandlimited(self, max_frequency: int, subgroup: Subgroup | None = None) -> Rep:
        """Functions on G (or G/H) up to a frequency: every irrep W, dim W^H / dim End(W) times.

        The band-limited stand-in for :attr:`regular` and :meth:`quotient` of an infinite group.
        """
        from geomdl.groups.rep import direct_sum

        counted = []
        for rep in self.irreps(max_frequency):
            fixed = rep.dim if subgroup is None else len(rep.fixed(subgroup))
            counted.append((rep, fixed // rep.endomorphism_dim))
        return direct_sum([(rep, m) for rep, m in counted if m])

    # a family with irreps fills these five in
    def irrep_labels(self, max_frequency: int | None = None) -> Sequence[Any]:
        """Labels of the irreps up to a frequency (finite groups: all)."""
        raise ValueError(
            f"irreps: no list of irreps is known for {self.name}; tensor representations, "
            "intertwiners and audits work without one"
        )

    def canonical_label(self, label: Any) -> Any:
        """Return the hashable form of a label (lists, as read from JSON, become tuples)."""
        return tuple(label) if isinstance(label, list) else label

    def has_irrep(self, label: Any) -> bool:
        """Whether ``label`` names an irrep."""
        return label in self.irrep_labels(None)

    def irrep_matrix(self, label: Any, g: Any) -> Tensor:
        """Matrices (..., d, d) of an irrep."""
        raise NotImplementedError

    def irrep_lie(self, label: Any) -> Tensor:
        """Lie algebra (lie_dim, d, d) in an irrep."""
        d = self.irrep_matrix(label, self.identity).shape[-1]
        return torch.zeros(0, d, d, dtype=torch.float64)

    # --- constructions ------------------------------------------------------------------------
    def subgroup(
        self,
        group: Group | str | None = None,
        *,
        generators: Element | None = None,
        via: Rep | None = None,
    ) -> Subgroup:
        """Subgroup as an embedding.

        Args:
            group: the abstract subgroup H (or its name). It is embedded by matrices: h goes to the
                element of G whose standard matrix is ``via(h)``.
            via: representation of H of dimension ``standard.dim`` of G. By default H's standard
                representation, with trivial ones appended (so C4 in SO3 turns about the z axis).
            generators: instead of ``group``, a batch of elements of a finite group; the subgroup
                they generate.

        Raises:
            ValueError: the matrices do not lie in G, or the dimensions do not fit.
        """
        from geomdl.groups.subgroup import embed_group, generated

        if (group is None) == (generators is None):
            raise ValueError("subgroup: give either a group or generators")
        if generators is not None:
            return generated(self, generators)
        assert group is not None
        return embed_group(self, group, via)

    def __mul__(self, other: Group) -> Group:
        """Direct product; its elements are tuples."""
        from geomdl.groups.products import DirectProduct

        return DirectProduct.of(self, other)

    def to_config(self) -> dict[str, Any]:
        """JSON-able description, read back by ``geomdl.groups.from_config``."""
        return {"group": self.name}

    def __repr__(self) -> str:
        return f"group({self.name!r})"
