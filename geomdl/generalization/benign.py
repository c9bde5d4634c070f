"""Benign overfitting: when interpolating noise costs little."""

import math

from torch import Tensor

from geomdl.fields.numbers import at_least
from geomdl.generalization.kernel_checks import nonnegative

__all__ = ["benign_variance", "effective_rank"]


def effective_rank(eigenvalues: Tensor, k: int) -> tuple[float, float]:
    """Two effective ranks of the tail λ_{k+1} ≥ λ_{k+2} ≥ … of a covariance. *Exact*.

        r_k = Σ_{i>k} λ_i / λ_{k+1},    R_k = (Σ_{i>k} λ_i)² / Σ_{i>k} λ_i².

    Args:
        eigenvalues: descending, at least 0, shape (p,).
        k: how many are not in the tail, less than p.

    Returns:
        r_k and R_k; both are p - k where the tail is flat.

    Raises:
        ValueError: the eigenvalues ascend, or k is out of range.

    Example:
        >>> import torch
        >>> effective_rank(torch.tensor([9.0, 1, 1, 1]), 1)
        (3.0, 3.0)

    Source: Bartlett et al. 2020, arXiv:1906.11300, definition 3.
    """
    good = isinstance(eigenvalues, Tensor) and eigenvalues.ndim == 1 and len(eigenvalues) > 0
    if not good or not bool((eigenvalues.diff() <= 0).all() and eigenvalues[-1] >= 0):
        raise ValueError("eigenvalues: expected a descending vector of at least 0")
    if not 0 <= k < len(eigenvalues):
        raise ValueError(f"k: expected 0 to {len(eigenvalues) - 1}, got {k!r}")
    tail = eigenvalues[k:].double()
    if not float(tail[0]) > 0:
        return math.nan, math.nan
    total = float(tail.sum())
    return total / float(tail[0]), total**2 / float(tail.square().sum())


def benign_variance(
    eigenvalues: Tensor, n: int, noise: float = 1.0, b: float = 1.0
) -> tuple[float, int]:
    """Variance of the minimum-norm interpolator up to constants, and k*.

        σ² (k*/n + n/R_{k*}),    k* = min {k : r_k ≥ b n}

    with `effective_rank`: k* directions are learned as in classical regression, the others, if they
    are many and alike, hide the noise. The true variance lies between two constants times this:
    the theorem does not say which.

    Args:
        eigenvalues: of the covariance, descending, shape (p,).
        n: samples.
        noise: σ.
        b: the constant of k*.

    Returns:
        The expression, and k*; infinite and p where there is no such k.

    Raises:
        ValueError: as `effective_rank`, n is less than 1, or the noise negative.

    Example:
        >>> import torch
        >>> values = torch.cat([torch.ones(5), torch.full((2000,), 1e-3)])
        >>> variance, k = benign_variance(values, 50)
        >>> round(variance, 3), k
        (0.125, 5)

    Source: Bartlett, Long, Lugosi and Tsigler 2020, arXiv:1906.11300, theorem 4.
    """
    at_least("n", n, 1)
    nonnegative("noise", noise)
    effective_rank(eigenvalues, 0)  # refuses what is no spectrum
    for k in range(len(eigenvalues)):
        r, big = effective_rank(eigenvalues, k)
        if r >= b * n:
            return noise**2 * (k / n + n / big), k
    return math.inf, len(eigenvalues)
