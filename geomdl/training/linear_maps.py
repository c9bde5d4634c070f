"""The operator norm of any linear map that autograd can transpose, with an error estimate."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .krylov import eigenpairs

__all__ = ["OperatorNorm", "dense", "is_affine", "operator_norm"]

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class OperatorNorm:
    """A norm, and how far off it may be.

    Attributes:
        value: the norm; never above the true one but by rounding.
        error: a singular value lies within this of `value`; 0 where the value is exact.
        steps: products with the map that were spent.
        vector: unit input, flat, with ‖A v‖ = `value`; None where the value came from a formula.
    """

    value: float
    error: float
    steps: int
    vector: Tensor | None = field(default=None, repr=False)

    def __float__(self) -> float:
        return self.value


def operator_norm(
    linear_map: Map,
    input_shape: Sequence[int],
    *,
    rng: torch.Generator | None = None,
    tol: float = 1e-9,
    max_steps: int = 400,
    dtype: torch.dtype | None = None,
) -> OperatorNorm:
    r"""Largest singular value ‖A‖ of an affine map x ↦ A x + b, by Lanczos on AᵀA.

    Products with A are calls, products with Aᵀ are backward passes, so any linear module will do:
    a convolution at its true input size and padding, a steerable one, a step of message passing.
    Lanczos takes the power iteration's products and keeps them all, orthogonalised; its largest
    Ritz value θ, with residual r = ‖AᵀA v − θ v‖, satisfies √θ ≤ ‖A‖, and a singular value lies
    within r / √θ of √θ. That it is the largest holds for almost every first vector.

    Args:
        linear_map: affine; takes and returns one tensor.
        input_shape: of its input, with a batch axis of 1 if it wants one. Several samples would
            give the norm of the map on all of them together.
        rng: source of the first vector; None takes the seed 0.
        tol: relative error at which to stop; the result tells the error that was reached.
        max_steps: of Lanczos, each one product with A and one with Aᵀ.
        dtype: of the input; None takes that of the module's weights, and float64 without any.

    Returns:
        value, error and steps.

    Raises:
        ValueError: the map is not affine, or gives NaN.

    Example:
        >>> A = torch.tensor([[3.0, 0.0], [4.0, 5.0]], dtype=torch.float64)
        >>> norm = operator_norm(lambda x: A @ x, (2,), rng=torch.Generator().manual_seed(0))
        >>> round(norm.value**2, 9)  # the eigenvalues of AᵀA are 45 and 5
        45.0

    Source: Golub and Kahan 1965.
    """
    shape = tuple(input_shape)
    size = math.prod(shape)
    if size == 0:
        raise ValueError(f"input_shape: expected at least one number, got {shape}")
    if dtype is None:
        held = linear_map.parameters() if isinstance(linear_map, nn.Module) else iter(())
        dtype = next((p.dtype for p in held), torch.float64)
    forward, transpose = _products(linear_map, shape, dtype)
    _check_affine(forward, *_draws(size, dtype))
    found = eigenpairs(
        _Gram(forward, transpose, size, dtype), tol=tol, max_steps=min(max_steps, size), rng=rng
    )
    theta, residual = max(float(found.values[0]), 0.0), float(found.errors[0])
    value = math.sqrt(theta)
    error = residual / value if value > 0 else math.sqrt(residual)
    return OperatorNorm(value, error, found.steps, found.vectors[:, 0])


@dataclass(frozen=True)
class _Gram:
    """AᵀA as an operator."""

    forward: Map
    transpose: Map
    size: int
    dtype: torch.dtype

    @property
    def shape(self) -> tuple[int, int]:
        return self.size, self.size

    def __matmul__(self, vector: Tensor) -> Tensor:
        return self.transpose(self.forward(vector.to(self.dtype)))


def dense(
    linear_map: Map, input_shape: Sequence[int], dtype: torch.dtype = torch.float64
) -> Tensor:
    """The matrix of an affine map, one column for each number of the input. *Exact*.

    Args:
        linear_map: affine; takes and returns one tensor.
        input_shape: of its input.
        dtype: of the input.

    Returns:
        shape (numbers out, numbers in).

    Example:
        >>> dense(lambda x: x.flip(0) + 1, (2,))
        tensor([[0., 1.],
                [1., 0.]], dtype=torch.float64)
    """
    forward, _ = _products(linear_map, tuple(input_shape), dtype)
    size = math.prod(input_shape)
    return torch.stack([forward(e) for e in torch.eye(size, dtype=dtype)], 1)


def _products(linear_map: Map, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Map, Map]:
    """Products A x and Aᵀ u of flat vectors on the CPU; the constant b is taken off."""
    held = linear_map.parameters() if isinstance(linear_map, nn.Module) else iter(())
    device = next((p.device for p in held), torch.device("cpu"))
    origin = torch.zeros(shape, dtype=dtype, device=device, requires_grad=True)
    with torch.enable_grad():
        output = linear_map(origin)
    if not isinstance(output, Tensor):
        raise TypeError(f"linear_map: expected a tensor out, got {type(output).__name__}")
    constant = output.detach()

    def forward(v: Tensor) -> Tensor:
        with torch.no_grad():
            out: Tensor = linear_map(v.to(device).reshape(shape)) - constant
        return out.reshape(-1).cpu()

    def transpose(u: Tensor) -> Tensor:
        if not output.requires_grad:
            return torch.zeros(math.prod(shape), dtype=dtype)
        (g,) = torch.autograd.grad(
            output, origin, u.reshape(output.shape).to(device), retain_graph=True, allow_unused=True
        )
        return torch.zeros(math.prod(shape), dtype=dtype) if g is None else g.reshape(-1).cpu()

    return forward, transpose


def _check_affine(forward: Map, x: Tensor, y: Tensor) -> None:
    """A(x - 2y) = A x - 2 A y, to rounding."""
    separate = (forward(x), forward(y))
    if not all(bool(torch.isfinite(part).all()) for part in separate):
        raise ValueError("linear_map: expected finite numbers, got NaN or infinity")
    off = forward(x - 2 * y) - (separate[0] - 2 * separate[1])
    size = separate[0].norm() + 2 * separate[1].norm()
    if not bool(off.norm() <= 1e3 * torch.finfo(x.dtype).eps * size):
        raise ValueError(
            f"linear_map: expected an affine map, got one with A(x - 2y) off A x - 2 A y by"
            f" {float(off.norm()):.2g}"
        )


def is_affine(linear_map: Map, input_shape: Sequence[int], dtype: torch.dtype) -> bool:
    """Whether a map of a tensor is affine, judged at two random points."""
    shape = tuple(input_shape)
    try:
        _check_affine(_products(linear_map, shape, dtype)[0], *_draws(math.prod(shape), dtype))
    except ValueError:
        return False
    return True


def _draws(size: int, dtype: torch.dtype) -> Tensor:
    """Two random points."""
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, size, generator=rng, dtype=torch.float64).to(dtype)
