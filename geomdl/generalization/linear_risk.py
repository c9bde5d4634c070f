"""Risk of linear least squares on Gaussian features: exact curves of double descent."""

import math

__all__ = ["optimal_ridge", "ridge_risk", "ridgeless_risk"]


def ridgeless_risk(
    n: int, p: int, noise: float = 0.0, norm: float = 1.0, missing: float = 0.0
) -> float:
    """Mean excess risk of minimum-norm least squares on p isotropic Gaussian features.

    y = ⟨θ, x⟩ + ⟨θ', x'⟩ + σξ: the features x are seen, x' are not and act as further noise, so
    s² = σ² + |θ'|². The projection onto the row space of the data is uniform, and the inverse
    Wishart matrix has the mean E (XᵀX)⁻¹ = 1/(n - p - 1). Hence E (y - ŷ)² - σ² =

        |θ'|² + s² p/(n - p - 1)                         for p < n - 1,
        |θ'|² + |θ|² (1 - n/p) + s² n/(p - n - 1)        for p > n + 1,

    infinite between, unless s = 0. *Exact* for every n and p.

    Args:
        n: training samples.
        p: features.
        noise: σ, standard deviation of the noise of the labels.
        norm: |θ|.
        missing: |θ'|, of the part of the target that no feature sees.

    Returns:
        The excess risk, in squared units of y.

    Raises:
        ValueError: fewer than one sample or feature, or a negative or infinite number.

    Example:
        >>> ridgeless_risk(40, 20, noise=1.0) == 20 / 19
        True
        >>> ridgeless_risk(40, 41, noise=1.0), ridgeless_risk(40, 80)
        (inf, 0.5)

    Source: Belkin, Hsu and Xu 2020, arXiv:1903.07571; Hastie et al. 2022, arXiv:1903.08560.
    """
    _check(n, p, noise=noise, norm=norm, missing=missing)
    s2 = noise**2 + missing**2
    bias = norm**2 * max(0.0, 1 - n / p)
    few, many = min(n, p), max(n, p)
    if s2 == 0:
        return bias
    return missing**2 + bias + (s2 * few / (many - few - 1) if many > few + 1 else math.inf)


def ridge_risk(
    n: int, p: int, ridge: float, noise: float = 0.0, norm: float = 1.0, missing: float = 0.0
) -> float:
    """Excess risk of ridge regression on p isotropic Gaussian features, for large n and p.

    For |y - Xw|² + λ|w|². With κ > 0 the root of p/(1 + κ) + λ/κ = n and L = 1/(1 + κ),

        E (y - ŷ)² = n/(n - p L²) ((1 - L)² |θ|² + s²),    s² = σ² + |θ'|².

    The error is of relative order 1/n; without ridge `ridgeless_risk` is exact.

    Args:
        n: training samples.
        p: features.
        ridge: λ ≥ 0, on the sum of squares.
        noise: σ, standard deviation of the noise of the labels.
        norm: |θ|.
        missing: |θ'|, of the part of the target that no feature sees.

    Returns:
        The excess risk, E (y - ŷ)² - σ².

    Raises:
        ValueError: as `ridgeless_risk`, or a negative ridge.

    Example:
        >>> round(ridge_risk(40, 80, 1e-9), 4), ridge_risk(40, 80, 0.0)
        (0.5, 0.5)

    Source: Dobriban and Wager 2018, arXiv:1507.03003; Simon et al. 2021, arXiv:2110.03922.
    """
    _check(n, p, ridge=ridge, noise=noise, norm=norm, missing=missing)
    if ridge == 0:
        return ridgeless_risk(n, p, noise, norm, missing)
    b = n - p - ridge
    root = math.sqrt(b * b + 4 * n * ridge)
    # the stable form of (root - b)/(2n)
    kappa = 2 * ridge / (root + b) if b > 0 else (root - b) / (2 * n)
    keep = 1 / (1 + kappa)
    s2 = noise**2 + missing**2
    return n / (n - p * keep**2) * ((1 - keep) ** 2 * norm**2 + s2) - noise**2


def optimal_ridge(p: int, noise: float, norm: float = 1.0, missing: float = 0.0) -> float:
    """Ridge that makes the mean risk on p isotropic features least: λ = p s²/|θ|².

    An eigenvalue γ of XᵀX adds (|θ|²/p λ² + s² γ)/(γ + λ)² to the risk, least at this λ for every
    γ: one ridge is best for all samples and sizes, that of Bayes under the prior θ ~ N(0, |θ|²/p).
    *Exact*.

    Args:
        p: features.
        noise: σ.
        norm: |θ| > 0.
        missing: |θ'|.

    Returns:
        λ, for |y - Xw|² + λ|w|².

    Raises:
        ValueError: as `ridgeless_risk`, or the norm is 0.

    Example:
        >>> optimal_ridge(20, noise=0.5)
        5.0

    Source: Nakkiran et al. 2021, arXiv:2003.01897.
    """
    _check(1, p, noise=noise, norm=norm, missing=missing)
    if norm == 0:
        raise ValueError("norm: expected more than 0, got 0 (no ridge is too large)")
    return p * (noise**2 + missing**2) / norm**2


def _check(n: int, p: int, **numbers: float) -> None:
    for name, count in (("n", n), ("p", p)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected a whole number of at least 1, got {count!r}")
    for name, value in numbers.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
