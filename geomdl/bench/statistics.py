"""Summaries that a table of results may print, and when one thing beats another.

Accuracies are compared over seeds: one thing beats another when the paired 95 % interval of their
difference excludes zero. Speeds are compared by the ratio within each round of timing: one is
faster when the quartiles of that ratio exclude one. A value that is not finite is refused, so that
no mean hides it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class MeanSD:
    """Mean and sample standard deviation (n - 1 in the denominator; 0 for a single value)."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Quartiles:
    """Median and the first and third quartile."""

    median: float
    low: float
    high: float
    n: int

    def excludes(self, value: float) -> bool:
        """Tell whether `value` lies outside [low, high]."""
        return not self.low <= value <= self.high


@dataclass(frozen=True)
class Interval:
    """Mean of paired differences and its two-sided Student interval."""

    mean: float
    low: float
    high: float
    level: float

    def excludes(self, value: float) -> bool:
        """Tell whether `value` lies outside [low, high]."""
        return not self.low <= value <= self.high


def mean_sd(values: Sequence[float]) -> MeanSD:
    """Mean and sample standard deviation of the values of several seeds.

    Args:
        values: n numbers, in the unit that the result shall have.

    Returns:
        mean = sum x / n; sd = sqrt(sum (x - mean)^2 / (n - 1)), and 0 if n = 1.

    Raises:
        ValueError: no value, or one that is not finite.

    Example:
        >>> mean_sd([1.0, 2.0, 3.0])
        MeanSD(mean=2.0, sd=1.0, n=3)
    """
    x = _finite("values", values)
    mean = math.fsum(x) / len(x)
    square = math.fsum((v - mean) ** 2 for v in x)
    return MeanSD(mean, math.sqrt(square / (len(x) - 1)) if len(x) > 1 else 0.0, len(x))


def quartiles(values: Sequence[float]) -> Quartiles:
    """Median and quartiles, linearly interpolated between order statistics.

    Args:
        values: n numbers.

    Returns:
        Median, first and third quartile.

    Raises:
        ValueError: no value, or one that is not finite.

    Example:
        >>> quartiles([1.0, 2.0, 3.0, 4.0, 5.0])
        Quartiles(median=3.0, low=2.0, high=4.0, n=5)
    """
    x = sorted(_finite("values", values))

    def at(q: float) -> float:
        position = q * (len(x) - 1)
        k = min(int(position), len(x) - 2) if len(x) > 1 else 0
        step = x[min(k + 1, len(x) - 1)] - x[k]
        return x[k] + (position - k) * step

    return Quartiles(at(0.5), at(0.25), at(0.75), len(x))


def worst(values: Sequence[float]) -> float:
    """Greatest of some errors; NaN if one of them is (`max` would drop it, depending on the order).

    Args:
        values: errors.

    Returns:
        The greatest, or NaN; 0 of none.

    Example:
        >>> worst([0.1, float("nan"), 0.2]), worst([0.1, 0.2])
        (nan, 0.2)
    """
    return math.nan if any(math.isnan(v) for v in values) else max(values, default=0.0)


def paired_interval(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> Interval:
    """Student interval of the mean of a - b, paired (same seed, same data).

    mean(d) -+ t sd(d) / sqrt(n), with t the (1 + level) / 2 quantile of Student's law with n - 1
    degrees of freedom. Exact for normal differences; a single pair gives (-inf, inf).

    Args:
        a: n results, one a seed.
        b: n results of the thing compared with, in the same order.
        level: coverage, between 0 and 1.

    Returns:
        Mean of the differences and the interval.

    Raises:
        ValueError: different lengths, no value, a value that is not finite, level outside (0, 1).

    Example:
        >>> paired_interval([0.9, 0.8, 0.9], [0.1, 0.1, 0.1]).low > 0
        True

    Source: Student 1908, "The probable error of a mean".
    """
    from scipy.stats import t

    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    if len(a) != len(b):
        raise ValueError(f"b: expected {len(a)} values, one for each of a, got {len(b)}")
    pairs = zip(_finite("a", a), _finite("b", b), strict=True)
    d = mean_sd([x - y for x, y in pairs])
    if d.n == 1:
        return Interval(d.mean, -math.inf, math.inf, level)
    half = float(t.ppf((1 + level) / 2, d.n - 1)) * d.sd / math.sqrt(d.n)
    return Interval(d.mean, d.mean - half, d.mean + half, level)


def beats(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> bool:
    """Tell whether a beats b: the paired interval of a - b lies above zero.

    Args:
        a: results of the claimed winner, one a seed; higher is better.
        b: results of the other, in the same order.
        level: coverage of the interval.

    Returns:
        True only if the whole interval is positive.

    Example:
        >>> beats([0.9, 0.8, 0.9], [0.1, 0.1, 0.1]), beats([0.9, 0.1, 0.9], [0.1, 0.2, 0.1])
        (True, False)
    """
    return paired_interval(a, b, level).low > 0


def _finite(name: str, values: Sequence[float]) -> list[float]:
    x = [float(v) for v in values]
    if not x:
        raise ValueError(f"{name}: expected at least one value, got none")
    for i, v in enumerate(x):
        if not math.isfinite(v):
            raise ValueError(f"{name}: expected finite values, got {v} at position {i}")
    return x
