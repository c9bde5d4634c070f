"""Operator norms of affine maps that are given as programs: convolutions as they are applied."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least

DENSE = 2**22  # entries of a matrix that is written out
_AFFINE = 1e-6  # relative departure from an affine map that is refused


@dataclass(frozen=True)
class OperatorNorm:
    """Largest singular value of a linear map.

    Args:
        value: σ, reached by ``vector``: a lower bound up to rounding, whatever the error.
        error: half width of an interval around σ that holds a singular value; 0 if the matrix was
            written out. That this is the largest one is very likely, not certain.
        vector: unit input with ‖A v‖ = σ.
    """

    value: float
    error: float
    vector: Tensor


def dense_matrix(affine: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """Matrix of the linear part of an affine map.

    Args:
        affine: samples along the first axis.
        like: one input, without that axis.

    Returns:
        shape (out, in), float64.

    Raises:
        ValueError: the map is not affine to 1e-6, at two random points.

    Example:
        >>> dense_matrix(torch.nn.Flatten(), torch.zeros(2, 2)).shape
        torch.Size([4, 4])
    """
    zero = torch.zeros(1, *like.shape, dtype=torch.float64)
    with torch.no_grad():
        shift = affine(zero).flatten(1)
        eye = torch.eye(like.numel(), dtype=torch.float64).reshape(-1, *like.shape)
        matrix: Tensor = (affine(eye).flatten(1) - shift).T
        x = torch.randn(
            2, *like.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
        )
        gap = affine(x).flatten(1) - shift - x.flatten(1) @ matrix.T
    worst = float(gap.abs().max()) if gap.numel() else 0.0
    if not worst <= _AFFINE * float(matrix.norm()):
        raise ValueError(f"affine: expected an affine map, got one that bends by {worst:.2g}")
    return matrix


def operator_norm(
    affine: Callable[[Tensor], Tensor],
    like: Tensor,
    *,
    steps: int = 100,
    tol: float = 1e-10,
    rng: torch.Generator | None = None,
) -> OperatorNorm:
    r"""‖A‖ = max ‖A x‖ / ‖x‖ of the linear part A of an affine map, by Lanczos' method on AᵀA.

    A is applied as it stands, with its padding and stride: the norm of a convolution is not that of
    its reshaped weights. Small maps are written out. Krylov vectors are kept orthogonal; the error
    is the residual ‖AᵀA v - σ² v‖ / 2σ.

    Args:
        affine: samples along the first axis; a module, or a function.
        like: one input, without that axis.
        steps: most Krylov vectors.
        tol: relative error at which to stop.
        rng: for the first vector; torch's global one if None.

    Returns:
        The norm, its error and a vector that reaches it.

    Raises:
        ValueError: steps < 1, NaN; a small map that is not affine.

    Example:
        >>> conv = torch.nn.Conv1d(1, 1, 3, padding=1, bias=False).double()
        >>> _ = torch.nn.init.ones_(conv.weight)
        >>> round(operator_norm(conv, torch.zeros(1, 3)).value, 6)  # 1 + √2, not ‖(1, 1, 1)‖ = √3
        2.414214

    Source: Lanczos 1950; for convolutions Sedghi, Gupta and Long 2019, arXiv:1805.10408.
    """
    at_least("steps", steps, 1)
    like = like.detach().double()
    zero = torch.zeros(1, *like.shape, dtype=torch.float64)
    with torch.no_grad():
        out = affine(zero)
    if out.numel() * like.numel() <= DENSE:
        _, s, vh = torch.linalg.svd(dense_matrix(affine, like), full_matrices=False)
        return OperatorNorm(float(s[0]), 0.0, vh[0].reshape(like.shape))

    def normal(v: Tensor) -> Tensor:
        """AᵀA v."""
        x = v.reshape(1, *like.shape)
        _, image = torch.autograd.functional.jvp(affine, zero, x)
        _, back = torch.autograd.functional.vjp(affine, zero, image)
        flat: Tensor = back.detach().flatten()
        return flat

    v = torch.randn(like.numel(), generator=rng, dtype=torch.float64)
    basis = (v / v.norm()).unsqueeze(0)
    alphas: list[float] = []
    betas: list[float] = []
    while True:
        w = normal(basis[-1])
        if not bool(torch.isfinite(w).all()):
            raise ValueError("affine: expected finite values, got NaN or infinity")
        alphas.append(float(w @ basis[-1]))
        for _ in range(2):
            w = w - basis.T @ (basis @ w)
        beta = float(w.norm())
        t = torch.diag(torch.tensor(alphas, dtype=torch.float64))
        if betas:
            off = torch.tensor(betas, dtype=torch.float64)
            t = t + torch.diag(off, 1) + torch.diag(off, -1)
        values, vectors = torch.linalg.eigh(t)
        top = max(float(values[-1]), 0.0)
        residual = beta * abs(float(vectors[-1, -1]))
        if len(basis) == min(steps, like.numel()) or residual <= 2 * tol * top or top == 0:
            break
        betas.append(beta)
        basis = torch.cat([basis, (w / beta).unsqueeze(0)])
    value = top**0.5
    error = residual / (2 * value) if value else 0.0
    return OperatorNorm(value, error, (vectors[:, -1] @ basis).reshape(like.shape))
