"""Orthonormal frames of R^d from vectors, also where these are dependent."""

from typing import Any

import torch
from torch import Tensor

_TINY = 1e-280  # a square below this, in float64, is that of no vector
_ROUNDING = 32.0  # what P leaves of a vector is rounding below so many eps of its length
_EQUAL = 1e-12  # eigenvalues closer than this part of the largest


class _Eigenvectors(torch.autograd.Function):
    """`torch.linalg.eigh`, without the derivatives along which equal eigenvalues mix."""

    generate_vmap_rule = True

    @staticmethod
    def forward(matrix: Tensor) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(matrix)
        return values, vectors

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*output)
        ctx.save_for_forward(*output)

    @staticmethod
    def backward(ctx: Any, to_values: Tensor, to_vectors: Tensor) -> Tensor:
        values, vectors = ctx.saved_tensors
        inner = _mixing(values, vectors.mT @ to_vectors) + to_values.diag_embed()
        grad: Tensor = vectors @ inner @ vectors.mT
        return (grad + grad.mT) / 2

    @staticmethod
    def jvp(ctx: Any, change: Tensor) -> tuple[Tensor, Tensor]:
        values, vectors = ctx.saved_tensors
        inner = vectors.mT @ change @ vectors
        return inner.diagonal(dim1=-2, dim2=-1), vectors @ _mixing(values, inner)


def _mixing(values: Tensor, inner: Tensor) -> Tensor:
    """B_ij / (λ_j − λ_i), and 0 where λ_i = λ_j."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    equal = gaps.abs() <= _EQUAL * values.abs().amax(-1)[..., None, None]
    return torch.where(equal, 0.0, inner / torch.where(equal, 1.0, gaps))


def eigenvectors(matrix: Tensor) -> Tensor:
    """Eigenvectors (…, d, d), in columns and ascending order, of a symmetric matrix.

    Where eigenvalues are equal to 10⁻¹² of the largest, their eigenvectors are some basis of the
    eigenspace; the derivative, infinite, of turns within it is taken as 0. Traced, there are first
    derivatives only.

    Args:
        matrix: shape (…, d, d), symmetric.
    """
    vectors: Tensor
    if not torch.compiler.is_compiling():
        _, vectors = _Eigenvectors.apply(matrix)  # type: ignore[no-untyped-call]
        return vectors
    values, vectors = torch.linalg.eigh(matrix.detach())
    change = vectors.mT @ (matrix - matrix.detach()) @ vectors  # 0, but for its derivative
    return vectors + vectors @ _mixing(values, change)


def directions(projector: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors along P v, and |P v|²; where P v = 0 some unit vector in the range of P.

    |P v| ≤ 32 ε |v| counts as 0, ε the rounding of the dtype: such a P v need not be in the range.

    Args:
        projector: P, shape (…, d, d).
        v: shape (…, n, d).

    Returns:
        shapes (…, n, d) and (…, n).
    """
    inside = v @ projector @ projector  # twice: what rounding leaves outside would be enlarged
    square = inside.square().sum(-1)
    rounding = (_ROUNDING * torch.finfo(v.dtype).eps) ** 2 * v.detach().square().sum(-1)
    free = square <= rounding.clamp(min=_TINY)
    square = torch.where(free, 0.0, square)
    unit = inside / torch.where(free, 1.0, square).sqrt().unsqueeze(-1)
    return torch.where(free.unsqueeze(-1), some_direction(projector).unsqueeze(-2), unit), square


def some_direction(projector: Tensor) -> Tensor:
    """A unit vector (…, d) in the range of a projector (…, d, d): its longest column."""
    longest = projector.diagonal(dim1=-2, dim2=-1).argmax(-1)
    place = longest[..., None, None].expand(*projector.shape[:-1], 1)
    column = projector.gather(-1, place).squeeze(-1)
    unit: Tensor = column / column.norm(dim=-1, keepdim=True)
    return unit


def without(projector: Tensor, unit: Tensor) -> Tensor:
    """P − u uᵀ for a unit vector in the range of P."""
    return projector - unit.unsqueeze(-1) * unit.unsqueeze(-2)


def completed(columns: list[Tensor], projector: Tensor) -> Tensor:
    """The rotation (…, d, d) whose first d − 1 columns are given."""
    last = some_direction(projector)
    matrix = torch.stack([*columns, last], -1)
    sign = torch.linalg.det(matrix.detach()).sign()
    return torch.stack([*columns, last * sign.unsqueeze(-1)], -1)


def gram_schmidt(v: Tensor, special: bool) -> Tensor:
    """Orthogonal matrix of d vectors, or the rotation of the first d − 1 of them.

    R(h v) = h R(v) for every h in O(d) (SO(d) if ``special``), where the vectors are independent.

    Args:
        v: shape (…, m, d), m at least d, or d − 1 if ``special``.
        special: whether the matrix should be a rotation.

    Returns:
        shape (…, d, d), orthonormal columns.
    """
    d = v.shape[-1]
    projector = torch.eye(d, dtype=v.dtype, device=v.device).expand(*v.shape[:-2], d, d)
    columns = []
    for i in range(d - 1 if special else d):
        unit = directions(projector, v[..., i : i + 1, :])[0].squeeze(-2)
        columns.append(unit)
        projector = without(projector, unit)
    return completed(columns, projector) if special else torch.stack(columns, -1)
