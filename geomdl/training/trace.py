"""Traces of operators that can only be multiplied: Hutchinson, and Hutch++ with less variance."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .krylov import Operator, normal, size_of

__all__ = ["Estimate", "hutch_plus_plus", "hutchinson", "mean_of"]


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ± {self.error:.1g}"


def mean_of(samples: Tensor) -> Estimate:
    """Mean of independent samples (n,), and its standard error s / √n.

    Raises:
        ValueError: fewer than two samples, which tell nothing of their spread.

    Example:
        >>> mean_of(torch.tensor([1.0, 3.0]))
        Estimate(value=2.0, error=1.0)
    """
    if samples.dim() != 1 or len(samples) < 2:
        raise ValueError(f"samples: should be at least 2, got shape {tuple(samples.shape)}")
    samples = samples.double()
    return Estimate(float(samples.mean()), float(samples.std()) / math.sqrt(len(samples)))


def _signs(operator: Operator | Tensor, columns: int, rng: torch.Generator | None) -> Tensor:
    """Independent ±1, (P, columns), float64."""
    generator = rng or torch.Generator().manual_seed(0)
    bits = torch.randint(
        0, 2, (size_of(operator), columns), generator=generator, device=generator.device
    )
    return (2.0 * bits.double() - 1.0).to(getattr(operator, "device", "cpu"))


def _columns(operator: Operator | Tensor, matrix: Tensor) -> Tensor:
    """A M, column by column, in float64."""
    held = operator.double() if isinstance(operator, Tensor) else operator
    found = torch.stack([(held @ column).double() for column in matrix.unbind(1)], 1)
    if not bool(found.isfinite().all()):
        raise ValueError("operator: products should be finite, got nan or inf")
    return found


def hutchinson(
    operator: Operator | Tensor, probes: int = 30, *, rng: torch.Generator | None = None
) -> Estimate:
    """Trace of A as the mean of zᵀ A z over random signs z.

    Unbiased; the variance of a probe is 2 Σ_{i≠j} A_ij² for symmetric A, so the error falls as
    1/√probes.

    Args:
        operator: symmetric, (P, P).
        probes: products with the operator.
        rng: source of the signs; None takes the seed 0.

    Returns:
        the trace and its standard error.

    Raises:
        ValueError: fewer than two probes, or a product that is not finite.

    Example:
        >>> hutchinson(torch.diag(torch.tensor([1.0, 2.0])), 2)
        Estimate(value=3.0, error=0.0)

    Source: Hutchinson 1990; Girard 1989.
    """
    if isinstance(probes, bool) or not isinstance(probes, int) or probes < 2:
        raise ValueError(f"probes: should be at least 2 for a standard error, got {probes!r}")
    z = _signs(operator, probes, rng)
    return mean_of((z * _columns(operator, z)).sum(0))


def hutch_plus_plus(
    operator: Operator | Tensor, products: int = 30, *, rng: torch.Generator | None = None
) -> Estimate:
    """Trace of A: exactly in a subspace that holds most of it, by Hutchinson in the rest.

    tr A = tr QᵀAQ + tr (1-QQᵀ) A (1-QQᵀ) with Q an orthonormal basis of A S for a normal S. A third
    of the products, k, goes to each of A S, A Q and the probes of the rest. Unbiased, with

        E error² ≤ (2/k) min_{q ≤ k-2} (1 + q/(k-q-1)) Σ_{i>q} λ_i²,

    so that for positive semi-definite A the error relative to tr A falls as 1/products, where
    Hutchinson's falls as 1/√products; for others it is relative to Σ |λ_i|.

    Args:
        operator: symmetric, (P, P).
        products: with the operator, at least 6; rounded down to a multiple of 3.
        rng: source of S and of the probes; None takes the seed 0.

    Returns:
        the trace and its standard error, that of the probes of the rest given Q (the first part is
        exact); 0 where nothing is left.

    Raises:
        ValueError: fewer than six products, or one that is not finite.

    Example:
        >>> A = torch.outer(torch.ones(50), torch.ones(50)) + 0.01 * torch.eye(50)
        >>> found = hutch_plus_plus(A, 12)
        >>> abs(found.value - 50.5) <= 0.1
        True

    Source: Meyer, Musco, Musco and Woodruff 2021, arXiv:2010.09649; the bound by theorem 10.5 of
    Halko, Martinsson and Tropp 2011, arXiv:0909.4061.
    """
    if isinstance(products, bool) or not isinstance(products, int) or products < 6:
        raise ValueError(f"products: should be at least 6 for a standard error, got {products!r}")
    each = products // 3
    generator = rng or torch.Generator().manual_seed(0)
    if each >= size_of(operator):
        eye = torch.eye(size_of(operator), dtype=torch.float64)
        eye = eye.to(getattr(operator, "device", "cpu"))
        return Estimate(float(_columns(operator, eye).trace()), 0.0)
    basis = torch.linalg.qr(_columns(operator, normal(operator, generator, each))).Q
    inside = float((basis * _columns(operator, basis)).sum())
    z = _signs(operator, each, generator)
    z = z - basis @ (basis.mT @ z)
    outside = mean_of((z * _columns(operator, z)).sum(0))
    return Estimate(inside + outside.value, outside.error)
