"""What invariance is worth, in closed form: counts of functions, complexities, risks."""

import math

from geomdl.fields.numbers import at_least
from geomdl.generalization.kernel_checks import nonnegative
from geomdl.generalization.linear_risk import ridgeless_risk
from geomdl.groups import Rep
from geomdl.groups.invariants import molien

__all__ = [
    "averaging_gap",
    "chi_mean",
    "harmonic_counts",
    "rademacher_ratio",
    "samples_for",
]


def chi_mean(m: int) -> float:
    """Mean norm of a standard Gaussian vector, μ_m = √2 Γ((m+1)/2) / Γ(m/2). *Exact*.

    Args:
        m: dimension; 0 gives 0.

    Returns:
        The mean.

    Raises:
        ValueError: no whole number of at least 0.

    Example:
        >>> round(chi_mean(1) ** 2 * 3.141592653589793, 12)
        2.0
    """
    if at_least("m", m, 0) == 0:
        return 0.0
    return math.sqrt(2) * math.exp(math.lgamma((m + 1) / 2) - math.lgamma(m / 2))


def rademacher_ratio(d: int, k: int) -> float:
    """Rademacher complexity of the invariant linear ball over that of the whole, isotropic data.

    The supremum over the ball is the norm of the mean of the signed samples, which is Gaussian: the
    ratio is μ_k/μ_d. It tends to √(k/d), so to 1/√|G| for copies of the regular representation.
    *Exact* for Gaussian inputs.

    Args:
        d: dimension.
        k: dimension of the invariant vectors.

    Returns:
        The ratio, in [0, 1].

    Raises:
        ValueError: not 0 ≤ k ≤ d, or d is 0.

    Example:
        >>> round(rademacher_ratio(24, 4), 3)
        0.388
    """
    if at_least("k", k, 0) > at_least("d", d, 1):
        raise ValueError(f"k: expected at most d={d}, got {k}")
    return chi_mean(k) / chi_mean(d)


def averaging_gap(n: int, d: int, a: int, noise: float, norm: float = 1.0) -> float:
    """Gap of the risks of minimum-norm least squares and its average over the group.

    Standard Gaussian inputs, invariant target θ. Classical: E (XᵀX)⁻¹ = 1/(n - d - 1).
    Overparametrised: the row space is uniform, its projection Π has E Π₁₂² =
    n (d - n) / (d (d - 1) (d + 2)), and E tr (XXᵀ)⁻¹ = n / (d - n - 1). *Exact*.

    Args:
        n: training points.
        d: dimension.
        a: dimension of the complement of the invariant vectors, 0 to d.
        noise: standard deviation of the noise.
        norm: of θ.

    Returns:
        The gap; with noise infinite for d - 1 ≤ n ≤ d + 1 (unless a = 0), without it 0 for n ≥ d.

    Raises:
        ValueError: fewer than one point or dimension, a not in 0 … d, a negative or infinite
            number.

    Example:
        >>> round(averaging_gap(60, 24, 20, 0.5), 4), round(averaging_gap(12, 24, 20, 0.5), 4)
        (0.1429, 0.4279)

    Source: Elesedy and Zaidi 2021, arXiv:2102.10333.
    """
    at_least("n", n, 1)
    at_least("d", d, 1)
    if at_least("a", a, 0) > d:
        raise ValueError(f"a: expected at most d = {d}, got {a}")
    nonnegative("noise", noise)
    nonnegative("norm", norm)
    bias = a * norm**2 * n * (d - n) / (d * (d - 1) * (d + 2)) if n < d else 0.0
    if a == 0 or noise == 0:
        return bias
    if n > d + 1:
        return noise**2 * a / (n - d - 1)
    if n < d - 1:
        return bias + a * noise**2 * n / (d * (d - n - 1))
    return math.inf


def harmonic_counts(rep: Rep, degree: int) -> tuple[list[int], list[int]]:
    """Invariant and all spherical harmonics of degree 0 … ``degree`` on the sphere of ``rep``.

    A polynomial is a harmonic one plus |x|² times another, and |x|² is invariant, so
    dim H_k^G = m_k - m_{k-2} with Molien's numbers m_k. *Exact*.

    Args:
        rep: orthogonal representation of dimension at least 2.
        degree: greatest one.

    Returns:
        dim H_k^G and dim H_k, one entry a degree.

    Raises:
        ValueError: the representation is not orthogonal, or too small.

    Example:
        >>> from geomdl.groups import group
        >>> harmonic_counts(group("D4").standard, 4)
        ([1, 0, 0, 0, 1], [1, 2, 2, 2, 2])

    Source: Bietti, Venturi and Bruna 2021, arXiv:2106.07148.
    """
    if not rep.is_orthogonal:
        raise ValueError(f"rep: expected an orthogonal one, got {rep.name}")
    if rep.dim < 2:
        raise ValueError(f"rep: expected a dimension of at least 2, got {rep.dim}")
    counts = molien(rep, degree)
    part = [m - (counts[k - 2] if k > 1 else 0) for k, m in enumerate(counts)]
    return part, [
        _polynomials(rep.dim, k) - _polynomials(rep.dim, k - 2) for k in range(degree + 1)
    ]


def samples_for(risk: float, k: int, noise: float, norm: float = 1.0, most: int = 10**6) -> int:
    """Samples that least squares on k isotropic features needs for a mean risk. *Exact*.

    The least n whose `ridgeless_risk` is at most ``risk``; the curve has a peak at n = k, so that
    fewer may do than more.

    Args:
        risk: the excess risk wanted, more than 0.
        k: features, at least 1.
        noise: σ.
        norm: |θ|.
        most: of the samples that are tried.

    Returns:
        n.

    Raises:
        ValueError: the risk is not positive, there is no feature, or more than ``most`` samples are
            needed.

    Example:
        >>> samples_for(ridgeless_risk(121, 24, noise=0.5), 4, noise=0.5)
        21
    """
    if not risk > 0:
        raise ValueError(f"risk: expected more than 0, got {risk!r}")
    at_least("k", k, 1)
    at_least("most", most, 1)
    room = 1 + 1e-12  # for rounding where a whole number meets the risk exactly
    for n in range(1, min(k, most) + 1):
        if ridgeless_risk(n, k, noise, norm) <= risk * room:
            return n
    n = max(k + 2, math.ceil((noise**2 * k / risk + k + 1) * (1 - 1e-12)))
    if n > most:
        raise ValueError(f"risk: expected one that {most} samples reach, got {risk!r}")
    return n


def _polynomials(d: int, k: int) -> int:
    return math.comb(d + k - 1, k) if k >= 0 else 0
