"""Any group from matrix generators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.groups.constant import constant
from geomdl.groups.finite import FiniteGroup, enumerate_closure, match, matrix_closure
from geomdl.groups.group import Group
from geomdl.groups.orthogonal import MatrixElements

Nested = tuple[tuple[tuple[float, ...], ...], ...]
_ROUNDING = 1e-9  # relative, between products that are one element
_LIMIT = 5000  # elements; a group with more than this is treated as infinite
_WORD = 12  # letters in a random word


class _Generated(MatrixElements):
    label: str
    discrete: Nested
    algebra: Nested
    n: int

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    @property
    def standard_dim(self) -> int:
        """Return n."""
        return self.n

    @constant
    def generators(self) -> Tensor:
        """The discrete generators as given."""
        return torch.tensor(self.discrete, dtype=torch.float64).reshape(-1, self.n, self.n)

    @constant
    def lie_algebra(self) -> Tensor:
        """The infinitesimal generators as given, closed under brackets."""
        return torch.tensor(self.algebra, dtype=torch.float64).reshape(-1, self.n, self.n)

    @constant
    def orthogonal(self) -> bool:
        """Whether all generators are orthogonal and all infinitesimal ones skew."""
        error = self.generators.mT @ self.generators - self.identity
        skew = self.lie_algebra + self.lie_algebra.mT
        return bool((torch.cat([error, skew]).abs() <= 1e-12).all())

    def inverse(self, a: Tensor) -> Tensor:
        """Matrix inverse."""
        return a.mT if self.orthogonal else torch.linalg.inv(a)

    def to_config(self) -> dict[str, Any]:
        """The generators."""
        return {
            "group": "matrices",
            "name": self.label,
            "generators": self.generators.tolist(),
            "lie_algebra": self.lie_algebra.tolist(),
            "n": self.n,
        }


@dataclass(frozen=True, repr=False)
class MatrixGroup(_Generated):
    """The (infinite) group that matrices and exponentials of infinitesimal matrices generate.

    It is called compact if its generators are orthogonal; membership of a matrix is not decided.
    """

    label: str
    discrete: Nested
    algebra: Nested
    n: int

    @property
    def compact(self) -> bool:
        """Whether the generators are orthogonal."""
        return self.orthogonal

    @property
    def components(self) -> Tensor:
        """The identity, the generators and their products of two, each once.

        Which of them share a component is not decided; every component is reached by products.
        """
        pairs = (self.generators.unsqueeze(1) @ self.generators).flatten(0, 1)
        found = torch.cat([self.identity.unsqueeze(0), self.generators, pairs])
        distance = torch.cdist(found.flatten(1), found.flatten(1)).tril(-1)
        new = (distance + 1.0 * torch.ones_like(distance).triu() > 1e-9).all(1)
        return found[new]

    def contains(self, matrix: Tensor) -> Tensor:
        """Whether the matrices are invertible (no more is decided)."""
        if matrix.shape[-2:] != (self.n, self.n):
            return torch.tensor(False)
        value: Tensor = torch.linalg.det(matrix.double()).abs() > 1e-12
        return value

    def _sample(
        self, n: int, rng: torch.Generator, component: int | None, rapidity: float
    ) -> Tensor:
        """Random words: 12 letters, each exp(Σ cᵢ Aᵢ) and a generator, its inverse or 1.

        The cᵢ are normal with standard deviation π for a compact group (the words then approach
        Haar measure geometrically) and ``rapidity``/√12 otherwise. ``component`` c starts with the
        c-th of :attr:`components` and draws no other generator.
        """
        out: Tensor = self.identity.expand(n, self.n, self.n)
        scale = torch.pi if self.compact else rapidity / _WORD**0.5
        letters = torch.cat(
            [self.identity.unsqueeze(0), self.generators, self.inverse(self.generators)]
        )
        if component is not None:
            out, letters = self.components[component].expand_as(out), letters[:1]
        for _ in range(_WORD):
            c = torch.randn(n, self.lie_dim, generator=rng, dtype=torch.float64)
            pick = torch.randint(len(letters), (n,), generator=rng)
            out = out @ letters[pick] @ self.exp(scale * c)
        return out


@dataclass(frozen=True, repr=False)
class FiniteMatrixGroup(_Generated, FiniteGroup):
    """A finite group of matrices; elements are the matrices themselves."""

    label: str
    discrete: Nested
    algebra: Nested
    n: int
    compact = True

    @constant
    def elements(self) -> Tensor:
        """All products of the generators, the identity first."""
        found = enumerate_closure(self.generators, _LIMIT)
        assert found is not None
        return found

    @property
    def order(self) -> int:  # type: ignore[override]
        """Number of elements."""
        return len(self.elements)

    def index(self, g: Tensor) -> Tensor:
        """Position by comparison."""
        return match(self.elements, g, self.name)

    def contains(self, matrix: Tensor) -> Tensor:
        """Whether the matrices are elements."""
        if matrix.shape[-2:] != (self.n, self.n):
            return torch.tensor(False)
        flat = matrix.double().reshape(-1, self.n * self.n)
        near = torch.cdist(flat, self.elements.flatten(1)).amin(1) <= 1e-6
        return near.reshape(matrix.shape[:-2])

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """The nearest element, rounding errors removed."""
        return self.elements[self.index(matrix)]


def _nested(t: Tensor) -> Nested:
    return tuple(tuple(map(tuple, m)) for m in t.tolist())


def matrix_group(
    generators: Tensor | Sequence[Any] | None = None,
    lie_algebra: Tensor | Sequence[Any] | None = None,
    name: str = "matrix group",
    tol: float = 1e-8,
) -> Group:
    """Group from matrix generators alone.

    Args:
        generators: invertible matrices (k, n, n), exact to rounding in float64: what is a symmetry
            to 1e-7 is none to 1e-15.
        lie_algebra: infinitesimal generators (m, n, n), likewise; their exponentials belong to the
            group, and the brackets of any two lie in their span.
        name: what to call it.
        tol: how far a bracket may be from the span, relative to the norms of the two.

    Returns:
        a finite group if there is no Lie algebra and at most 5,000 products of the generators
        exist, else an infinite one. Tensor representations, intertwiners and audits need no more.

    Raises:
        TypeError: complex matrices.
        ValueError: no or misshapen or singular matrices, rounded ones, or a Lie algebra that does
            not close.

    Example:
        >>> squeeze = matrix_group(lie_algebra=[[[1.0, 0.0], [0.0, -1.0]]], name="squeeze")
        >>> squeeze.compact, squeeze.lie_dim
        (False, 1)
    """
    both = {"generators": generators, "lie_algebra": lie_algebra}
    given = [_exact(key, x) for key, x in both.items() if x is not None]
    if not given:
        raise ValueError("generators: give generators, lie_algebra or both")
    n = given[0].shape[-1]
    if any(g.ndim != 3 or g.shape[1:] != (n, n) for g in given):
        shapes = ", ".join(str(tuple(g.shape)) for g in given)
        raise ValueError(f"generators: should be stacked square matrices (k, n, n), got {shapes}")
    empty = torch.zeros(0, n, n, dtype=torch.float64)
    gens = empty if generators is None else given[0]
    algebra = empty if lie_algebra is None else given[-1]
    if not bool(torch.isfinite(torch.cat([gens, algebra])).all()):
        raise ValueError("generators: should be finite numbers")
    singular = ~(torch.linalg.cond(gens) < 1e12)  # NaN for zeros
    if bool(singular.any()):
        place = int(singular.nonzero()[0])
        raise ValueError(f"generators: should be invertible, but number {place} is not")
    _check_closed(algebra, tol)
    found, apart = (None, 0.0) if len(algebra) else matrix_closure(gens, _LIMIT)
    if found is not None and apart > _ROUNDING * float(found.abs().max()):
        raise ValueError(
            f"generators: should be exact to rounding, but products that look equal are {apart:.1g}"
            " apart; give them in float64, or their logarithms as lie_algebra"
        )
    finite = found is not None
    kind = FiniteMatrixGroup if finite else MatrixGroup
    return kind(name, _nested(gens), _nested(algebra), n)


def _exact(name: str, matrices: Any) -> Tensor:
    """Real numbers in float64; those of a shorter type only where they are short fractions."""
    given = torch.as_tensor(matrices) if isinstance(matrices, Tensor) else torch.as_tensor(
        np.asarray(matrices)
    )  # fmt: skip
    if given.is_complex():
        raise TypeError(f"{name}: should be real, got {given.dtype}")
    exact = given.to(torch.float64)
    rounded = given.is_floating_point() and given.dtype != torch.float64
    parts = exact.nan_to_num() * 1024
    if rounded and not torch.equal(parts, parts.round()):
        raise ValueError(
            f"{name}: should be exact to rounding in float64, got {given.dtype}; make them"
            " in torch.float64"
        )
    return exact


def _check_closed(algebra: Tensor, tol: float) -> None:
    """Refuse infinitesimal matrices whose brackets leave their span."""
    if len(algebra) < 2:
        return
    bracket = algebra.unsqueeze(1) @ algebra
    bracket = (bracket - bracket.transpose(0, 1)).flatten(2)
    _, s, span = torch.linalg.svd(algebra.flatten(1), full_matrices=False)
    span = span[s > 1e-12 * s.max()]
    norms = algebra.flatten(1).norm(dim=1)
    beyond = (bracket - bracket @ span.T @ span).norm(dim=2)
    wrong = beyond > tol * norms[:, None] * norms
    if bool(wrong.any()):
        i, j = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"lie_algebra: should be closed under brackets, but [A{i}, A{j}] is not in the span; "
            "add it as a generator"
        )
