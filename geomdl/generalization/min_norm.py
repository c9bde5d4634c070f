"""Least squares of minimum norm, and ridge regression, for batches of problems."""

import torch
from torch import Tensor

from geomdl.fields.numbers import positive
from geomdl.generalization.kernel_checks import matrices, nonnegative

__all__ = ["kernel_ridge", "least_squares"]


def least_squares(x: Tensor, y: Tensor, ridge: float = 0.0) -> Tensor:
    """Coefficients w that minimise |y - x w|² + λ|w|²; of least norm where λ = 0 leaves many.

    By QR of the shorter side where its rank is full, else by singular values; with a ridge, by the
    normal equations of the shorter side. *Exact* to rounding times the condition number.

    Args:
        x: features, shape (..., n, p).
        y: targets, shape (..., n, k).
        ridge: λ ≥ 0.

    Returns:
        shape (..., p, k).

    Raises:
        TypeError: no tensors of real numbers.
        ValueError: the ridge is negative or no number, or positive and lost in rounding; NaN,
            integers, dtypes or shapes that do not fit.

    Example:
        >>> x = torch.tensor([[3.0, 4.0]])
        >>> least_squares(x, torch.tensor([[25.0]])).flatten().tolist()
        [3.0, 4.0]
    """
    ridge = nonnegative("ridge", ridge)
    matrices(x=x, y=y)
    n, p = x.shape[-2:]
    _check_rows(y, n)
    w: Tensor
    if ridge > 0 and p <= n:
        w = _solve(x.mT @ x, x.mT @ y, ridge)
    elif ridge > 0:
        w = x.mT @ _solve(x @ x.mT, y, ridge)
    else:
        q, r = torch.linalg.qr(x if p <= n else x.mT)
        size = r.diagonal(dim1=-2, dim2=-1).abs()
        full = size.amin(-1) > max(n, p) * torch.finfo(x.dtype).eps * size.amax(-1)
        if not bool(full.all()):
            w = torch.linalg.lstsq(x, y, driver="gelsd").solution
        elif p <= n:
            w = torch.linalg.solve_triangular(r, q.mT @ y, upper=True)
        else:
            w = q @ torch.linalg.solve_triangular(r.mT, y, upper=False)
    return w


def kernel_ridge(kernel: Tensor, y: Tensor, ridge: float) -> Tensor:
    """Coefficients a = (K + λ)⁻¹ y of kernel ridge regression, f = Σ a_i k(x_i, ·).

    For matrices, and batches of them; `KernelRidge` takes a kernel function and inputs instead, and
    predicts with its uncertainty.

    Args:
        kernel: shape (..., n, n), symmetric and positive semi-definite.
        y: shape (..., n, k).
        ridge: λ > 0.

    Returns:
        shape (..., n, k).

    Raises:
        TypeError: no tensors of real numbers.
        ValueError: the ridge is not positive, or lost in rounding; a kernel that is not symmetric,
            or has a negative eigenvalue beyond the ridge; NaN, integers, dtypes or shapes that do
            not fit.

    Example:
        >>> kernel_ridge(torch.eye(2), torch.ones(2, 1), 1.0).flatten().tolist()
        [0.5, 0.5]
    """
    ridge = positive("ridge", ridge)
    matrices(kernel=kernel, y=y)
    if kernel.shape[-1] != kernel.shape[-2]:
        raise ValueError(f"kernel: expected square matrices, got shape {tuple(kernel.shape)}")
    _check_rows(y, kernel.shape[-1])
    rounding = 1e3 * torch.finfo(kernel.dtype).eps
    if kernel.numel() and bool((kernel - kernel.mT).abs().max() > rounding * kernel.abs().max()):
        raise ValueError("kernel: expected symmetric matrices, got one that is not")
    return _solve(kernel, y, ridge)


def _check_rows(y: Tensor, n: int) -> None:
    if y.shape[-2] != n:
        raise ValueError(f"y: expected {n} rows, one a sample, got shape {tuple(y.shape)}")


def _solve(gram: Tensor, y: Tensor, ridge: float) -> Tensor:
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    factor, failed = torch.linalg.cholesky_ex(gram + ridge * eye)
    if bool(failed.any()):
        raise ValueError(
            "ridge: expected one that makes the matrix positive definite, got"
            f" {ridge:g} beside entries of {float(gram.abs().max()):.2e}"
        )
    return torch.cholesky_solve(y, factor)
