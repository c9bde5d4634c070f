"""Polynomials fitted to data: to the values of a function, or to the logarithm of a density."""

from collections.abc import Callable
from itertools import combinations_with_replacement

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def exponents(d: int, degree: int) -> Tensor:
    """Exponents (terms, d) of the monomials in d variables up to a degree, the constant first.

    Example:
        >>> exponents(2, 2).tolist()
        [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [0, 2]]
    """
    rows = []
    for total in range(degree + 1):
        for choice in combinations_with_replacement(range(d), total):
            rows.append([choice.count(i) for i in range(d)])
    return torch.tensor(rows, dtype=torch.int64)


def monomials(x: Tensor, powers: Tensor) -> Tensor:
    """Values (samples, terms) of monomials at points (samples, d)."""
    degree = int(powers.sum(1).max())
    factors = [[0] * (degree - sum(row)) + _factors(row) for row in powers.tolist()]
    place = torch.tensor(factors, dtype=torch.int64).reshape(len(powers), degree)
    known = torch.cat([torch.ones_like(x[:, :1]), x], 1)
    out = torch.ones(len(x), len(powers), dtype=x.dtype)
    for k in range(degree):
        out = out * known[:, place[:, k]]
    return out


def fit_values(x: Tensor, y: Tensor, degree: int) -> tuple[Function, Function, float]:
    """Polynomials fitted by least squares to the values at either half of the samples.

    Args:
        x: points, shape (samples, …).
        y: values, shape (samples, …).
        degree: of the polynomials in all coordinates of a sample.

    Returns:
        both polynomials, and the rms error of each on the other half over the deviation of y.

    Raises:
        ValueError: fewer than two samples a term in each half.
    """
    powers, scale = _terms(x, degree)
    features, flat = monomials(_flat(x) / scale, powers), _flat(y)
    found = [
        torch.linalg.lstsq(features[half], flat[half], driver="gelsd").solution
        for half in _halves(len(x))
    ]
    misses = [
        features[half] @ c - flat[half]
        for half, c in zip(reversed(_halves(len(x))), found, strict=True)
    ]
    deviation = (flat - flat.mean(0)).square().mean().sqrt()
    error = torch.cat(misses).square().mean().sqrt() / deviation
    first, second = (_polynomial(c, powers, scale, tuple(y.shape[1:])) for c in found)
    return first, second, float(error)


def fit_density(x: Tensor, degree: int) -> tuple[Function, Function]:
    """Logarithms of densities, polynomials, fitted by score matching to either half of the samples.

    log p = Σ θ_k φ_k − log Z with monomials φ_k minimizes E[|∇ log p|²/2 + Δ log p], a linear
    system: E[∇φ_k · ∇φ_l] θ_l = −E[Δφ_k]. *Exact* in the limit of many samples if log p is such a
    polynomial; the constant log Z stays unknown.

    Args:
        x: samples, shape (samples, …), of a density that falls off at infinity.
        degree: of the polynomials; 2 for Gaussian ones.

    Raises:
        ValueError: fewer than two samples a term in each half.

    Source: Hyvärinen, JMLR 6 (2005) 695.
    """
    powers, scale = _terms(x, degree)
    powers, flat = powers[1:], _flat(x) / scale
    gram, laplacian = [], []
    slopes, bends = [], torch.zeros(len(x), len(powers), dtype=x.dtype)
    for axis in range(flat.shape[1]):
        e = powers[:, axis]
        once, twice = powers.clone(), powers.clone()
        once[:, axis], twice[:, axis] = (e - 1).clamp(min=0), (e - 2).clamp(min=0)
        slopes.append(e * monomials(flat, once) / scale[axis])
        bends = bends + e * (e - 1) * monomials(flat, twice) / scale[axis].square()
    for half in _halves(len(x)):
        gram.append(sum((s[half].mT @ s[half]) / len(s[half]) for s in slopes))
        laplacian.append(bends[half].mean(0))
    theta = [
        torch.linalg.lstsq(g, -b.unsqueeze(1), driver="gelsd").solution
        for g, b in zip(gram, laplacian, strict=True)
    ]
    first, second = (_polynomial(c, powers, scale, ()) for c in theta)
    return first, second


def _factors(row: list[int]) -> list[int]:
    """Variables of a monomial, counted from 1, each as often as it occurs."""
    return [i + 1 for i, power in enumerate(row) for _ in range(power)]


def _flat(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1)


def _terms(x: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Exponents, and the scale of each coordinate."""
    flat = _flat(x)
    powers = exponents(flat.shape[1], degree)
    if len(x) < 4 * len(powers):
        raise ValueError(
            f"x: expected at least {4 * len(powers)} samples for the {len(powers)} terms of degree"
            f" {degree}, got {len(x)}"
        )
    return powers, flat.square().mean(0).sqrt().clamp(min=torch.finfo(x.dtype).tiny)


def _halves(n: int) -> list[slice]:
    return [slice(0, n, 2), slice(1, n, 2)]


def _polynomial(c: Tensor, powers: Tensor, scale: Tensor, shape: tuple[int, ...]) -> Function:
    def f(x: Tensor) -> Tensor:
        return (monomials(_flat(x) / scale, powers) @ c).reshape(len(x), *shape)

    return f
