"""How the error of kernel ridge regression falls with the number of samples, predicted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least
from geomdl.generalization.kernel_checks import double, nonnegative


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Prediction of `learning_curve`, one entry for each number of samples.

    Attributes:
        n: numbers of samples.
        test: mean squared error on new samples, their noise included.
        train: mean squared error on the samples.
        kappa: effective ridge κ.
        learnability: L_i = λ_i / (λ_i + κ), the share of each mode that is learned, shape
            (len(n), modes).
    """

    n: Tensor
    test: Tensor
    train: Tensor
    kappa: Tensor
    learnability: Tensor


def learning_curve(
    eigenvalues: Tensor,
    coefficients: Tensor,
    n: int | Iterable[int],
    ridge: float = 0.0,
    noise: float = 0.0,
) -> LearningCurve:
    """Errors of kernel ridge regression from the eigenvalues of the kernel, without training.

    With k(x, x') = Σ λ_i φ_i(x) φ_i(x'), target Σ v_i φ_i, noise of variance σ² and ridge δ:

        Σ_i λ_i / (λ_i + κ) + δ/κ = n,    L_i = λ_i / (λ_i + κ),
        test = n / (n − Σ L_i²) · (Σ (1 − L_i)² v_i² + σ²),    train = (δ / (nκ))² test.

    Derived for eigenfunctions that are Gaussian; *asymptotically exact* for these, off by a
    relative O(1/n); an approximation for others, often within a few per cent.

    Args:
        eigenvalues: λ_i ≥ 0, each as often as its multiplicity, shape (modes,).
        coefficients: v_i of the target, of the same shape.
        n: number or numbers of samples.
        ridge: δ of (K + δ)⁻¹, at least 0.
        noise: standard deviation σ of the targets' noise.

    Returns:
        `LearningCurve`. Without ridge, n equal to the number of positive modes has infinite error
        (the peak of double descent) if something is left to overfit; beyond, κ is 0.

    Raises:
        ValueError: shapes that differ, negative or NaN numbers, no sample, no positive eigenvalue.

    Example:
        >>> curve = learning_curve(torch.tensor([1.0, 0.5]), torch.tensor([1.0, 1.0]), [1, 4])
        >>> curve.test.round(decimals=3).tolist()
        [1.061, 0.0]

    Source: Simon, Dickens, Karkada and DeWeese 2021, arXiv:2110.03922; Canatar et al. 2021.
    """
    values, v = _modes("eigenvalues", eigenvalues), _modes("coefficients", coefficients)
    if values.shape != v.shape:
        raise ValueError(
            f"coefficients: expected shape {tuple(values.shape)}, got {tuple(v.shape)}"
        )
    if not bool((values >= 0).all()) or not bool((values > 0).any()):
        raise ValueError("eigenvalues: expected at least 0 and one above, got others")
    ridge, noise = nonnegative("ridge", ridge), nonnegative("noise", noise)
    sizes = list(n) if isinstance(n, Iterable) else [n]
    sizes = [at_least("n", size, 1) for size in sizes]
    if not sizes:
        raise ValueError("n: expected at least one number of samples, got none")
    kappa = torch.tensor([effective_ridge(values, k, ridge) for k in sizes], dtype=torch.float64)
    count = torch.tensor(sizes, dtype=torch.float64)
    alive = values > 0
    learned = torch.where(alive, values / (values + kappa[:, None]).where(alive, 1.0), 0.0)
    left = count - learned.square().sum(1)
    open_ = ((1 - learned).square() * v.square()).sum(1) + noise**2
    inflation = torch.where(left > 1e-12 * count, count / left.clamp(min=1e-300), math.inf)
    test = torch.where(open_ > 0, inflation * open_, 0.0)
    share = torch.where(kappa > 0, ridge / (count * kappa).where(kappa > 0, 1.0), 0.0)
    # without ridge, κ = 0: least squares fits what it cannot reach with n − p degrees of freedom
    share = torch.where(kappa > 0, share, (1 - alive.sum() / count).clamp(min=0))
    finite = torch.where(test.isfinite(), test, 0.0)
    return LearningCurve(torch.tensor(sizes), test, share.square() * finite, kappa, learned)


def effective_ridge(eigenvalues: Tensor, n: int, ridge: float = 0.0) -> float:
    """The root κ of Σ λ_i / (λ_i + κ) + δ/κ = n, to rounding, by bisection of log κ.

    Args:
        eigenvalues: at least 0, shape (modes,).
        n: samples.
        ridge: δ.

    Returns:
        κ; 0 if there is no ridge and n is at least the number of positive eigenvalues.

    Example:
        >>> round(effective_ridge(torch.ones(4, dtype=torch.float64), 2), 12)  # 4 / (1 + κ) = 2
        1.0
    """
    values = eigenvalues[eigenvalues > 0].to(torch.float64)
    if ridge == 0 and n >= len(values):
        return 0.0
    # the left side is at most (Σλ + δ)/κ, so the root is below (Σλ + δ)/n
    high = math.log((float(values.sum()) + ridge) / n)
    low = high - 1.0
    while _supply(values, ridge, low) < n:
        low -= 2 * (high - low)
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _supply(values, ridge, middle) < n:
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)


def _supply(values: Tensor, ridge: float, log_kappa: float) -> float:
    kappa = math.exp(log_kappa)
    return float((values / (values + kappa)).sum()) + ridge / kappa


def _modes(name: str, x: Tensor) -> Tensor:
    x = double(name, x)
    if x.ndim != 1:
        raise ValueError(f"{name}: expected numbers in one row, got shape {tuple(x.shape)}")
    return x
