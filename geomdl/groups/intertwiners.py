"""Intertwiners: the linear maps W with s(g) W = W r(g), for any two representations.

Four ways, the cheapest that applies: block by block for direct sums, orbits of index pairs for
permutation representations, a null space for small cases, common eigenspaces for large ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import torch
from torch import Tensor

from geomdl.groups.constant import memoized
from geomdl.groups.linalg import (
    canonical_basis,
    canonical_rotation,
    kron,
    null_space,
    null_space_symmetric,
)
from geomdl.groups.rep import Rep
from geomdl.groups.spectral import Commuting, common_pairs, commuting, solve_pairs

_DENSE_BYTES = 256 * 2**20
_HELD_BYTES = 32 * 2**20  # a larger basis is not held as a tensor
_CANONICAL_BYTES = 128 * 2**20  # a larger one is not made the same on every machine
_DIRECT = 400  # unknowns up to which the null space is taken by a singular value decomposition
_LARGEST = 4500  # unknowns up to which a null space is taken at all


class IntertwinerOperator(ABC):
    """Orthonormal basis (Q_b) of Hom_G(source, target), applied without holding it densely.

    ``op(w)`` = Σ_b w[..., b] Q_b of shape (..., target.dim, source.dim), differentiable in w.

    Attributes:
        n: number of basis maps.
        sizes: how many of them lead to each block of the target, in order.
        gap: ratio of the singular values on both sides of the cut.
    """

    source: Rep
    target: Rep
    n: int
    gap: float = float("inf")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of basis maps to each block of the target."""
        return (self.n,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # it never changes

    def held(self, name: str, like: Tensor) -> Tensor:
        """A constant of float64 in the dtype and on the device of the weights, rounded once."""
        value: Tensor = getattr(self, name)
        dtype = like.dtype if value.is_floating_point() else value.dtype
        if value.dtype == dtype and value.device == like.device:
            return value
        if torch.compiler.is_compiling():
            return value.to(like.device, dtype)
        known: dict[Any, Tensor] = self.__dict__.setdefault("_held", {})
        key = (name, dtype, like.device)
        if key not in known:
            with torch.inference_mode(False):
                found = value.to(like.device, dtype)
            if type(found) is not Tensor:  # made up by whoever traces
                return found
            known[key] = found
        return known[key]

    @abstractmethod
    def __call__(self, weights: Tensor) -> Tensor:
        """Σ_b w[..., b] Q_b, in the dtype and on the device of the weights."""

    def dense(self) -> Tensor:
        """All basis maps, (n, target.dim, source.dim) float64."""
        size = 8 * self.n * self.source.dim * self.target.dim
        if size > _DENSE_BYTES:
            raise ValueError(
                f"intertwiners: the dense basis needs {size / 2**20:.0f} MB, more than 256 MB; "
                "use intertwiner_operator"
            )
        return self(torch.eye(self.n, dtype=torch.float64))

    def _check(self, weights: Tensor) -> None:
        if weights.shape[-1] != self.n:
            raise ValueError(f"weights: last axis should be n={self.n}, got {weights.shape[-1]}")


class Dense(IntertwinerOperator):
    """A basis held as a tensor."""

    def __init__(self, source: Rep, target: Rep, basis: Tensor, gap: float) -> None:
        self.source, self.target, self.gap = source, target, gap
        self.basis = basis.clone(memory_format=torch.contiguous_format)  # no view: exports hold it
        self.n = len(basis)

    def __call__(self, weights: Tensor) -> Tensor:
        """Weighted sum of the basis maps."""
        self._check(weights)
        value: Tensor = torch.tensordot(weights, self.held("basis", weights), dims=([-1], [0]))
        return value


class Orbits(IntertwinerOperator):
    """Permutation representations: one map for each orbit of G on index pairs (j, i)."""

    def __init__(self, source: Rep, target: Rep) -> None:
        self.source, self.target = source, target
        labels = orbits(target, source)
        self.labels = labels.reshape(target.dim, source.dim)
        self.n = int(labels.max()) + 1
        self.scale = labels.bincount(minlength=self.n).to(torch.float64).rsqrt()

    def __call__(self, weights: Tensor) -> Tensor:
        """Gather: W[j, i] = w[orbit of (j, i)] / √|orbit|."""
        self._check(weights)
        return (weights * self.held("scale", weights))[..., self.held("labels", weights)]


class Blocks(IntertwinerOperator):
    """Direct sums: one operator for each pair of blocks.

    Weights run over target blocks, source blocks, target copies, source copies, basis maps.
    """

    def __init__(self, source: Rep, target: Rep) -> None:
        self.source, self.target = source, target
        self.pairs = [
            [(intertwiner_operator(r, s), m, k) for r, k in source.blocks] for s, m in target.blocks
        ]
        self.n = sum(op.n * m * k for row in self.pairs for op, m, k in row)
        self.gap = min(op.gap for row in self.pairs for op, _, _ in row)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(sum(op.n * m * k for op, m, k in row) for row in self.pairs)

    def __call__(self, weights: Tensor) -> Tensor:
        """Assemble the block matrix."""
        self._check(weights)
        batch, start, rows = weights.shape[:-1], 0, []
        for row in self.pairs:
            out = []
            for op, m, k in row:
                if not op.n:
                    size = (m * op.target.dim, k * op.source.dim)
                    out.append(weights.new_zeros(1).expand(*batch, *size))
                    continue
                stop = start + op.n * m * k
                part = op(weights[..., start:stop].reshape(*batch, m, k, op.n))
                part = part.transpose(-3, -2)  # (m, s, k, r)
                out.append(part.reshape(*batch, m * part.shape[-3], k * part.shape[-1]))
                start = stop
            rows.append(torch.cat(out, -1))
        return torch.cat(rows, -2)


class Spectral(IntertwinerOperator):
    """Large representations, in eigenbases that every intertwiner respects.

    For a self-adjoint element A of the group algebra, s(A) W = W r(A): W joins only eigenvectors of
    equal eigenvalue. A random A leaves few unknowns; they solve s(g) W = W r(g) for generators and
    random elements, or ds W = W dr for the Lie algebra.
    """

    def __init__(self, source: Rep, target: Rep, found: Commuting) -> None:
        self.source, self.target = source, target
        self.left, self.right, self.pairs = common_pairs(found)
        if self.pairs.shape[1] > _LARGEST:
            raise ValueError(
                f"intertwiners: {self.pairs.shape[1]} unknowns are too many; split {source.name} "
                f"and {target.name} of {source.group.name} into summands"
            )
        self.coefficients, self.gap = solve_pairs(found, self.left, self.right, self.pairs)
        self.n = self.coefficients.shape[1]

    def __call__(self, weights: Tensor) -> Tensor:
        """Fill in the blocks of equal eigenvalue and change basis on both sides."""
        self._check(weights)
        values = weights @ self.held("coefficients", weights).T
        shape = (*weights.shape[:-1], self.target.dim * self.source.dim)
        rows, columns = self.held("pairs", weights)
        at = rows * self.source.dim + columns
        inner = values.new_zeros(shape).index_copy(-1, at, values)
        inner = inner.unflatten(-1, (self.target.dim, self.source.dim))
        out: Tensor = self.held("left", weights) @ inner @ self.held("right", weights).T
        return out


def orbits(left: Rep, right: Rep) -> Tensor:
    """Orbit number of every pair of indices of two permutation representations, row-major."""
    group = left.group
    p, q = left.permutation(group.generators), right.permutation(group.generators)
    moves = (p[:, :, None] * right.dim + q[:, None, :]).flatten(1)
    moves = torch.cat([moves, moves.argsort(1)])
    labels = torch.arange(left.dim * right.dim)
    while True:  # the least position of an orbit spreads; pointers jump, so few rounds do
        old = labels
        for move in moves:
            labels = torch.minimum(labels, labels[move])
        labels = labels[labels]
        if torch.equal(labels, old):
            value: Tensor = labels.unique(return_inverse=True)[1]
            return value


def _constraints(r: Rep, s: Rep) -> list[Tensor]:
    """Rows A ⊗ 1 − 1 ⊗ Bᵀ on vec(W) for discrete generators and the Lie algebra.

    For a compact group two random elements are added: they follow from the others and widen the
    spectral gap.
    """
    group = r.group
    left, right = [*s.generators, *s.lie], [*r.generators, *r.lie]
    if group.compact and group.order != 1:
        extra = group.sample(2, torch.Generator().manual_seed(1))
        left, right = [*left, *s(extra)], [*right, *r(extra)]
    one_s = torch.eye(s.dim, dtype=torch.float64)
    one_r = torch.eye(r.dim, dtype=torch.float64)
    return [
        kron(a, one_r) - kron(one_s, b.mT.contiguous()) for a, b in zip(left, right, strict=True)
    ]


def _solve(r: Rep, s: Rep) -> Dense:
    unknowns = r.dim * s.dim
    rows = _constraints(r, s)
    if unknowns <= _DIRECT:
        stacked = torch.cat(rows) if rows else torch.zeros(0, unknowns, dtype=torch.float64)
        found = null_space(stacked)
    else:
        gram = torch.zeros(unknowns, unknowns, dtype=torch.float64)
        for a in rows:
            gram += a.T @ a
        found = null_space_symmetric(gram)
    return _canonical(found.basis.T.reshape(-1, s.dim, r.dim), r, s, found.gap)


@memoized
def intertwiner_operator(r: Rep, s: Rep) -> IntertwinerOperator:
    """Orthonormal basis of Hom_G(r, s) as an operator on weights; see ``IntertwinerOperator``.

    Solves s(g) W = W r(g) at discrete generators that reach every component and ds·W = W·dr on
    the Lie algebra, so it needs neither a list of elements nor compactness. Cached.

    Args:
        r: source.
        s: target, of the same group.

    Returns:
        operator with ``n`` basis maps; ``gap`` is the ratio of the singular values on both sides
        of the cut (inf where the method is combinatorial).

    Raises:
        ValueError: different groups; a numerically undetermined null space; too large a case of a
            group without irreps.
    """
    if r.group != s.group:
        raise ValueError(
            f"s: should be a representation of {r.group.name}, got one of {s.group.name}"
        )
    if len(r.blocks) > 1 or len(s.blocks) > 1 or r.blocks[0][1] > 1 or s.blocks[0][1] > 1:
        return Blocks(r, s)
    if r.is_permutation and s.is_permutation:
        return Orbits(r, s)
    unknowns = r.dim * s.dim
    found = commuting(r, s) if unknowns > _DIRECT else None
    if found is not None:
        op = Spectral(r, s, found)
        size = 8 * op.n * unknowns
        if size > _CANONICAL_BYTES:
            return op
        if size <= _HELD_BYTES:
            return _canonical(op.dense(), r, s, op.gap)
        op.coefficients = op.coefficients @ canonical_rotation(op.dense().flatten(1).T)
        return op
    if unknowns > _LARGEST:
        raise ValueError(
            f"intertwiners: {s.dim} × {r.dim} unknowns are too many for {r.group.name}; split the "
            "representations into smaller summands"
        )
    return _solve(r, s)


def _canonical(basis: Tensor, r: Rep, s: Rep, gap: float) -> Dense:
    columns = canonical_basis(basis.flatten(1).T)
    return Dense(r, s, columns.T.reshape(-1, s.dim, r.dim), gap)


def intertwiners(r: Rep, s: Rep) -> Tensor:
    """Orthonormal basis (Frobenius) of the equivariant linear maps from r to s.

    Q[b] satisfies s(g) Q[b] = Q[b] r(g) for all g, exact to rounding.

    Args:
        r: source representation.
        s: target representation of the same group.

    Returns:
        shape (n, s.dim, r.dim), float64; for compact groups n = Σ dᵢ mᵢ nᵢ over irreps with
        endomorphism algebras of dimension dᵢ = 1, 2, 4.

    Raises:
        ValueError: more than 256 MB; then use ``intertwiner_operator``.

    Example:
        >>> from geomdl.groups import group
        >>> C4 = group("C4")
        >>> intertwiners(C4.regular, C4.regular).shape
        torch.Size([4, 4, 4])

    Source: Finzi, Welling, Wilson 2021, arXiv:2104.09459.
    """
    return intertwiner_operator(r, s).dense()


def isomorphic(r: Rep, s: Rep) -> bool:
    """Whether two representations are equivalent: a generic intertwiner is invertible.

    Example:
        >>> from geomdl.groups import group
        >>> D4 = group("D4")
        >>> isomorphic(D4.standard, D4.irrep((1, 1))), D4.standard == D4.irrep((1, 1))
        (True, False)
    """
    if r.group != s.group or r.dim != s.dim:
        return False
    op = intertwiner_operator(r, s)
    if op.n == 0:
        return False
    w = op(torch.randn(op.n, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    values = torch.linalg.svdvals(w)
    return bool(values[-1] > 1e-6 * values[0])


def clebsch_gordan(r1: Rep, r2: Rep, r3: Rep) -> Tensor:
    """Orthonormal basis of the equivariant bilinear maps r1 × r2 → r3.

    C[b] with Σ C[b, i, j, k] r1(g)[i, i'] r2(g)[j, j'] = Σ r3(g)[k, k'] C[b, i', j', k'] up to the
    transposition of orthogonal matrices. For irreps of SO(3) and O(3) the values are e3nn's
    ``wigner_3j`` (0.6), signs included.

    Returns:
        shape (n, r1.dim, r2.dim, r3.dim), float64; every C[b] has Frobenius norm 1.

    Example:
        >>> from geomdl.groups import group
        >>> SO3 = group("SO3")
        >>> clebsch_gordan(SO3.irrep(1), SO3.irrep(1), SO3.irrep(2)).shape
        torch.Size([1, 3, 3, 5])
    """
    from geomdl.groups.orthogonal import Orthogonal
    from geomdl.groups.rep import Irrep

    group = r1.group
    shape = (r1.dim, r2.dim, r3.dim)
    known = isinstance(group, Orthogonal) and group.n == 3
    if known and all(isinstance(r, Irrep) and r.group == group for r in (r1, r2, r3)):
        labels = [r.label for r in (r1, r2, r3) if isinstance(r, Irrep)]
        l1, l2, l3 = (x if isinstance(x, int) else x[0] for x in labels)
        parity = 1 if isinstance(labels[0], int) else labels[0][1] * labels[1][1] * labels[2][1]
        if parity != 1 or not abs(l1 - l2) <= l3 <= l1 + l2:
            return torch.zeros(0, *shape, dtype=torch.float64)
        from e3nn.o3 import wigner_3j

        value: Tensor = wigner_3j(l1, l2, l3, dtype=torch.float64).unsqueeze(0)
        return value
    return intertwiners(r1 @ r2, r3).reshape(-1, r3.dim, r1.dim, r2.dim).movedim(1, 3)
