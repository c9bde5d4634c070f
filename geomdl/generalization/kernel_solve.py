"""Symmetric positive systems of kernel machines, with a stated policy where rounding interferes."""

from collections.abc import Callable

import torch
from torch import Tensor

Kernel = Callable[[Tensor, Tensor], Tensor]

JITTERS = (0.0, *(10.0**k for k in range(-14, -7)))  # of the mean of the diagonal


def cholesky(matrix: Tensor) -> tuple[Tensor, float]:
    """Lower factor L of a symmetric matrix, L Lᵀ = matrix + jitter · 1.

    The jitter is zero where that works; else 1e-14 of the mean of the diagonal, then ten times as
    much and so on, at most 1e-8. A kernel matrix is singular to rounding when two inputs are
    nearly equal, or when eigenvalues fall fast.

    Args:
        matrix: float64, shape (n, n).

    Returns:
        The factor and the jitter that was added.

    Raises:
        ValueError: the matrix is NaN, or not positive definite even with the largest jitter.

    Example:
        >>> _, jitter = cholesky(torch.ones(3, 3, dtype=torch.float64))
        >>> 0 < jitter <= 1e-13
        True
    """
    if not bool(matrix.isfinite().all()):
        raise ValueError("kernel: expected finite values, got NaN or infinity")
    size = float(matrix.diagonal().mean()) if len(matrix) else 0.0
    jitter = 0.0
    for share in JITTERS:
        jitter = share * abs(size)
        shifted = matrix + jitter * torch.eye(len(matrix), dtype=matrix.dtype)
        factor, failed = torch.linalg.cholesky_ex(shifted)
        if not int(failed) and bool(factor.isfinite().all()):
            return factor, jitter
    least = float(torch.linalg.eigvalsh(matrix)[0])
    raise ValueError(
        f"kernel: expected a positive definite matrix, got least eigenvalue {least:.2e} beside a"
        f" mean diagonal of {size:.2e}"
    )


def evaluated(kernel: Kernel, a: Tensor, b: Tensor) -> Tensor:
    """The kernel between rows of a and of b, checked, in float64.

    Raises:
        ValueError: wrong shape, or NaN.
    """
    out = kernel(a, b)
    if not isinstance(out, Tensor) or out.shape != (len(a), len(b)):
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ValueError(f"kernel: expected values of shape {(len(a), len(b))}, got {got}")
    if not bool(out.isfinite().all()):
        raise ValueError("kernel: expected finite values, got NaN or infinity")
    return out.detach().to(torch.float64)


def variances(kernel: Kernel, x: Tensor, chunk: int = 256) -> Tensor:
    """k(x, x) for each row, chunk by chunk."""
    return torch.cat([evaluated(kernel, part, part).diagonal() for part in x.split(chunk)])
