"""PAC-Bayes and Occam bounds on the probability of an error, from the inverse of the small kl."""

import math
import sys

from geomdl.generalization.bounds.checks import check_at_least, check_count, check_delta, check_risk

_SLACK = 2.0**-50  # more than the relative error of binary_kl


def binary_kl(q: float, p: float) -> float:
    """kl(q‖p) = q ln(q/p) + (1 - q) ln((1 - q)/(1 - p)), in nats.

    To a relative error of at most 2⁻⁵⁰, near p = q too: the parts that cancel are left out.

    Args:
        q: a probability.
        p: a probability.

    Returns:
        The divergence, infinite where p excludes what q allows.

    Raises:
        ValueError: not probabilities.

    Example:
        >>> binary_kl(0.0, 0.5) == math.log(2), binary_kl(0.3, 0.3), binary_kl(0.1, 0.0)
        (True, 0.0, inf)
    """
    check_risk(q, "q")
    check_risk(p, "p")
    return _part(q, p, p - q) + _part(1 - q, 1 - p, q - p)


def _part(a: float, b: float, d: float) -> float:
    """Return a ln(a/b) + d ≥ 0, d = b - a; near 0 by ln(b/a) = 2 artanh(d/(a + b))."""
    if a <= 0:
        return d
    if b <= 0:
        return math.inf
    s = d / (a + b)
    if abs(s) > 0.5:
        return d - a * math.log(min(b / a, sys.float_info.max))
    series = 0.0
    for k in range(27, 0, -1):
        series = 1 / (2 * k + 1) + s * s * series
    return s * (d - 2 * a * s * s * series)


def kl_inverse(q: float, budget: float) -> float:
    """The greatest p with kl(q‖p) ≤ budget, by bisection.

    Args:
        q: a probability, as an empirical risk.
        budget: c ≥ 0, in nats.

    Returns:
        p in [q, 1], never too small and too large by at most 2⁻⁴⁸: rounding errs upwards. Up to
        that it is at most q + √(c/2) (Pinsker), and 1 - e^{-c} for q = 0.

    Raises:
        ValueError: q is no probability, or the budget is negative or not finite.

    Example:
        >>> abs(kl_inverse(0.0, 0.5) - (1 - math.exp(-0.5))) < 1e-15
        True
        >>> round(kl_inverse(0.1, 0.05), 6) < 0.1 + math.sqrt(0.05 / 2)
        True
    """
    check_risk(q, "q")
    check_at_least(budget, "budget", 0.0)
    low, high = q, 1.0
    for _ in range(64):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if binary_kl(q, middle) * (1 - _SLACK) <= budget:
            low = middle
        else:
            high = middle
    return high


def pac_bayes_kl(risk: float, kl: float, n: int, delta: float) -> float:
    r"""Bound on the mean risk of a posterior Q, for all Q at once, with probability 1 - δ.

        kl(L̂(Q) ‖ L(Q)) ≤ (KL(Q‖P) + ln(2√n/δ)) / n

    for a prior P chosen before the n independent samples were seen, and losses in [0, 1].

    Args:
        risk: L̂(Q), mean empirical risk of the posterior.
        kl: KL(Q‖P), in nats.
        n: samples, at least 1.
        delta: probability of a failure.

    Returns:
        The bound on L(Q).

    Raises:
        ValueError: a number out of range, or NaN.

    Example:
        >>> round(pac_bayes_kl(0.05, 100.0, 5000, 0.05), 4)
        0.1084

    Source: Langford and Seeger 2001; Maurer 2004, arXiv:cs/0411099 (the constant 2√n).
    """
    check_risk(risk)
    check_at_least(kl, "kl", 0.0)
    check_count(n, "n")
    check_delta(delta)
    return kl_inverse(risk, (kl + math.log(2 * math.sqrt(n) / delta)) / n)


def sample_bound(risk: float, n: int, delta: float) -> float:
    """Bound on a mean in [0, 1] from n independent draws fixed beforehand: kl(L̂‖L) ≤ ln(1/δ)/n.

    Chernoff's bound, one-sided. It bounds the risk of one classifier from a test set, and the
    mean over a posterior from draws of it.

    Args:
        risk: mean of the draws.
        n: draws.
        delta: probability of a failure.

    Returns:
        The bound.

    Raises:
        ValueError: a number out of range, or NaN.

    Example:
        >>> abs(sample_bound(0.0, 100, 0.05) - (1 - 0.05**0.01)) < 1e-12
        True

    Source: Chernoff 1952; Langford 2005.
    """
    check_risk(risk)
    check_count(n, "n")
    check_delta(delta)
    return kl_inverse(risk, -math.log(delta) / n)


def occam_bound(risk: float, bits: float, n: int, delta: float) -> float:
    r"""Bound on the risk of a classifier that a prefix code writes in so many bits.

        kl(L̂(h) ‖ L(h)) ≤ (bits(h) ln 2 + ln(1/δ)) / n

    for all h at once, with probability 1 - δ: lengths of a prefix code fulfil Kraft's inequality
    Σ 2^{-bits} ≤ 1, so that failures add up to δ. The code is fixed before the samples are seen.

    Args:
        risk: L̂(h), empirical risk of the very classifier that is written.
        bits: length of its word.
        n: samples.
        delta: probability of a failure.

    Returns:
        The bound on L(h).

    Raises:
        ValueError: a number out of range, or NaN.

    Example:
        >>> occam_bound(0.1, 0.0, 500, 0.05) == sample_bound(0.1, 500, 0.05)
        True

    Source: Blumer et al. 1987; Langford 2005; for networks, Zhou et al. 2019, arXiv:1804.05862.
    """
    check_risk(risk)
    check_at_least(bits, "bits", 0.0)
    check_count(n, "n")
    check_delta(delta)
    return kl_inverse(risk, (bits * math.log(2) - math.log(delta)) / n)
