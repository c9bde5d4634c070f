"""Lanczos' method: a symmetric operator seen through a few products."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

__all__ = ["Eigenpairs", "Krylov", "Operator", "eigenpairs", "lanczos", "normal", "size_of"]

FLOOR = 1e-12  # of the norm seen so far: what is left of a product that adds nothing new
WHICH = ("largest", "smallest", "magnitude")


class Operator(Protocol):
    """A symmetric matrix with ``shape`` that multiplies vectors; a tensor is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(P, P)."""

    def __matmul__(self, vector: Tensor) -> Tensor:
        """Product with a vector (P,)."""


class Krylov(NamedTuple):
    """What m steps of Lanczos give: A Q = Q T + β_m q_{m+1} e_mᵀ.

    Attributes:
        diagonal: α of the tridiagonal T, (m,).
        beside: β_1, …, β_m; the first m - 1 stand beside the diagonal, the last one is the norm of
            what is left; 0 where a new start was made.
        basis: orthonormal Q, (P, m).
    """

    diagonal: Tensor
    beside: Tensor
    basis: Tensor

    @property
    def matrix(self) -> Tensor:
        """T, (m, m)."""
        off = self.beside[:-1]
        return torch.diag(self.diagonal) + torch.diag(off, 1) + torch.diag(off, -1)


def size_of(operator: Operator | Tensor) -> int:
    """P.

    Raises:
        ValueError: it is not square.
    """
    shape = tuple(operator.shape)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise ValueError(f"operator: should be square, got shape {shape}")
    return shape[0]


def normal(
    operator: Operator | Tensor, rng: torch.Generator | None, columns: int | None = None
) -> Tensor:
    """Standard normal vector (P,), or (P, columns), in float64 on the operator's device."""
    generator = rng or torch.Generator().manual_seed(0)
    shape = (size_of(operator),) if columns is None else (size_of(operator), columns)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device)
    return noise.to(getattr(operator, "device", "cpu"))


class _Process:
    """Lanczos step by step, with full reorthogonalisation; goes on after an invariant space."""

    def __init__(self, operator: Operator | Tensor, start: Tensor) -> None:
        _check_symmetric(operator)
        self.operator, self.size = operator, size_of(operator)
        norm = torch.linalg.vector_norm(start.double())
        if start.shape != (self.size,) or not 0 < float(norm) < torch.inf:
            raise ValueError(
                f"start: should be a finite vector ({self.size},) other than 0, got shape"
                f" {tuple(start.shape)} and norm {float(norm):g}"
            )
        self.next: Tensor | None = start.double() / norm
        self.basis = start.new_empty((self.size, 0), dtype=torch.float64)
        self.alpha: list[float] = []
        self.beta: list[float] = []
        self.scale = 0.0

    def step(self) -> bool:
        """One product; whether there is a next one."""
        assert self.next is not None
        q = self.next
        self._push(q)
        matrix = self.operator.double() if isinstance(self.operator, Tensor) else self.operator
        w = (matrix @ q).double()
        self.alpha.append(float(q @ w))
        held = self.basis[:, : len(self.alpha)]
        for _ in range(2):  # twice is enough
            w = w - held @ (held.mT @ w)
        beta = float(torch.linalg.vector_norm(w))
        if not beta < torch.inf:
            raise ValueError("operator: products should be finite, got nan or inf")
        self.scale = max(self.scale, abs(self.alpha[-1]), beta)
        alive = beta > FLOOR * self.scale and len(self.alpha) < self.size
        self.beta.append(beta if alive else 0.0)
        self.next = w / beta if alive else None
        return alive

    def renew(self, vector: Tensor) -> None:
        """Go on in what is orthogonal to the invariant space that was found."""
        held = self.basis[:, : len(self.alpha)]
        for _ in range(2):
            vector = vector - held @ (held.mT @ vector)
        self.next = vector / torch.linalg.vector_norm(vector)

    def _push(self, q: Tensor) -> None:
        at = len(self.alpha)
        if at == self.basis.shape[1]:  # room for twice as many
            more = min(self.size, max(16, 2 * at)) - at
            self.basis = torch.cat([self.basis, q.new_empty(self.size, more)], 1)
        self.basis[:, at] = q

    def result(self) -> Krylov:
        held = self.basis[:, : len(self.alpha)]
        return Krylov(held.new_tensor(self.alpha), held.new_tensor(self.beta), held)


def lanczos(operator: Operator | Tensor, start: Tensor, steps: int) -> Krylov:
    """Orthonormal basis of span(v, Av, …, A^{m-1} v) in which A is tridiagonal.

    The basis is reorthogonalised in full at every step, twice, in float64: P m numbers of memory
    and P m² operations. It ends early where the space is invariant.

    Args:
        operator: symmetric A, (P, P).
        start: v, (P,).
        steps: m at most.

    Returns:
        the `Krylov` space: QᵀQ = 1 and A Q = Q T + β_m q e_mᵀ to rounding.

    Raises:
        ValueError: shapes that do not fit, no step, or a product that is not finite.

    Example:
        >>> A = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
        >>> torch.linalg.eigvalsh(lanczos(A, torch.ones(3), 3).matrix).round(decimals=6)
        tensor([1., 2., 3.], dtype=torch.float64)

    Source: Lanczos 1950; Parlett 1980, The Symmetric Eigenvalue Problem, chapter 13.
    """
    _at_least("steps", steps, 1)
    process = _Process(operator, start)
    while process.step() and len(process.alpha) < steps:
        pass
    return process.result()


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues with the errors that their residuals bound.

    Attributes:
        values: θ, (k,), in the order that was asked for.
        vectors: unit vectors y, (P, k).
        errors: residuals ‖A y - θ y‖, (k,): A has an eigenvalue within this distance of θ. They
            are those of exact products: where a model computes in float32, add about 10⁻⁷ ‖A‖.
        steps: products that were taken.
        converged: whether every error is below the tolerance.
    """

    values: Tensor
    vectors: Tensor = field(repr=False)
    errors: Tensor
    steps: int
    converged: bool

    @classmethod
    def of(cls, space: Krylov, k: int, which: str, tol: float) -> Self:
        """Those of T, carried to the space of A."""
        values, vectors = torch.linalg.eigh(space.matrix)
        key = {"largest": -values, "smallest": values, "magnitude": -values.abs()}[which]
        order = key.argsort()[:k]
        values, vectors = values[order], vectors[:, order]
        errors = space.beside[-1] * vectors[-1].abs()
        scale = float(space.matrix.abs().max())
        done = len(values) == k and bool((errors <= tol * scale).all())
        return cls(values, space.basis @ vectors, errors, len(space.diagonal), done)


def eigenpairs(
    operator: Operator | Tensor,
    k: int = 1,
    *,
    which: str = "largest",
    tol: float = 1e-6,
    max_steps: int = 200,
    rng: torch.Generator | None = None,
) -> Eigenpairs:
    """Extreme eigenvalues and their vectors, each with its residual as an error.

    Lanczos from a random start until the k residuals are below tol ‖T‖. A residual r proves that
    there is an eigenvalue within r of θ; that none further out was missed is likely, not proved
    (the random start may be nearly orthogonal to its vector), and Krylov spaces see one vector of
    each eigenspace: a repeated eigenvalue is found repeatedly only when the space is exhausted.

    Args:
        operator: symmetric, (P, P).
        k: how many.
        which: "largest", "smallest" or "magnitude".
        tol: residual relative to the largest entry of T at which to stop.
        max_steps: products at most; what was reached by then is returned, with its errors.
        rng: source of the start; None takes the seed 0.

    Returns:
        the `Eigenpairs`; ``converged`` says whether the tolerance was reached.

    Raises:
        ValueError: fewer than k products allowed, or an impossible argument.

    Example:
        >>> A = torch.diag(torch.arange(50.0))
        >>> found = eigenpairs(A, 2)
        >>> found.values.round(decimals=4), found.converged
        (tensor([49., 48.], dtype=torch.float64), True)

    Source: Parlett 1980, theorem 4.5.1 (the bound by residuals).
    """
    size = size_of(operator)
    _at_least("k", k, 1)
    if k > size:
        raise ValueError(f"k: should be at most the size {size} of the operator, got {k}")
    if which not in WHICH:
        raise ValueError(f"which: should be one of {', '.join(WHICH)}, got {which!r}")
    if not 0 < tol < 1:
        raise ValueError(f"tol: should be in (0, 1), got {tol!r}")
    _at_least("max_steps", max_steps, k)
    rng = rng or torch.Generator().manual_seed(0)
    process, check = _Process(operator, normal(operator, rng)), k
    while True:
        alive = process.step()
        at = len(process.alpha)
        last = at == min(size, max_steps)
        if last or not alive or at >= check:
            found = Eigenpairs.of(process.result(), k, which, tol)
            if last or (found.converged and alive) or at == size:
                return found
            check = at + max(2, at // 10)
        if not alive:
            process.renew(normal(operator, rng))


def _check_symmetric(operator: Operator | Tensor) -> None:
    """What can be seen of a tensor alone, and what Lanczos would pass over in silence."""
    if isinstance(operator, Tensor) and size_of(operator) and bool((operator != operator.mT).any()):
        gap, scale = (operator - operator.mT).abs().max(), operator.abs().max()
        if float(gap) > 1e-6 * float(scale):  # NaN is found in the products
            raise ValueError(f"operator: should be symmetric, got one off by {float(gap):.2g}")


def _at_least(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}: should be an integer >= {least}, got {value!r}")
