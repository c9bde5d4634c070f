"""How well measures of complexity order networks by their gap."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomdl.generalization.bounds.checks import check_count, check_open

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Rank:
    """A measure against the gap.

    Attributes:
        name: of the measure.
        tau: Kendall's τ_b over all pairs of networks; NaN where all values of one are equal.
        low: end of its bootstrap interval; NaN where τ is.
        high: other end.
        psi: mean over the hyperparameters of τ where only that one varies; None where none does.
        axes: that mean for each hyperparameter; None where no two values give a τ.
    """

    name: str
    tau: float
    low: float
    high: float
    psi: float | None
    axes: dict[str, float | None]


def rank_measures(
    gaps: Sequence[float],
    measures: Mapping[str, Sequence[float]],
    axes: Mapping[str, Sequence[object]] | None = None,
    *,
    units: Sequence[object] | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = 500,
    level: float = 0.95,
) -> list[Rank]:
    r"""Kendall's τ of each measure with the true gap, and its granulated form ψ.

    τ_b = (concordant - discordant pairs) / √((pairs not tied in one) (… in the other)). It credits
    a measure for what one hyperparameter does to both; ψ does not: for each hyperparameter, τ over
    the networks that differ in it alone (ties count as 0), averaged over all settings of the
    others, then averaged over the hyperparameters. Networks of equal settings (seeds) are compared
    only where they differ in the axis. The interval is the percentile bootstrap over independent
    units (here seeds or cells of the grid), resampled whole.

    Args:
        gaps: test error - training error of each network.
        measures: name -> a value for each network; larger should mean a larger gap.
        axes: hyperparameter -> its value for each network.
        units: what is resampled together, one label for each network; each its own if None.
        rng: source of resamples; a seed of 0 if None.
        resamples: how many.
        level: of the interval.

    Returns:
        One row a measure, largest τ first, NaN last.

    Raises:
        TypeError: gaps with names, or measures without.
        ValueError: lengths that differ, fewer than three networks, NaN.

    Example:
        >>> (row,) = rank_measures([0.1, 0.2, 0.3, 0.4], {"width": [1, 2, 4, 3]})
        >>> round(row.tau, 3)
        0.667

    Source: Kendall 1945 (ties); Jiang et al. 2020, arXiv:1912.02178 (ψ).
    """
    if isinstance(gaps, Mapping):
        raise TypeError(f"gaps: expected a number for each network, got {type(gaps).__name__}")
    if not isinstance(measures, Mapping):
        raise TypeError(f"measures: expected names with values, got {type(measures).__name__}")
    y = _finite("gaps", gaps)
    n = len(y)
    if n < 3:
        raise ValueError(f"gaps: expected at least 3 networks, got {n}")
    check_count(resamples, "resamples", 10)
    check_open(level, "level", 0.0, 1.0)
    axes = dict(axes or {})
    for name, of in {**axes, **({} if units is None else {"units": units})}.items():
        if len(of) != n:
            raise ValueError(f"{name}: expected {n} values, got {len(of)}")
    rng = np.random.default_rng(0) if rng is None else rng
    labels = list(range(n)) if units is None else list(units)
    members = [np.flatnonzero([v == u for v in labels]) for u in dict.fromkeys(labels)]
    # a resample counts network i as often as c_i says; τ_b is a ratio of quadratic forms in c
    counts = np.ones((resamples + 1, n))
    for c in counts[1:]:
        c[:] = 0
        for i in rng.integers(len(members), size=len(members)):
            c[members[i]] += 1
    ordered = np.sign(y[:, None] - y)

    rows = []
    for name, values in measures.items():
        x = _finite(name, values)
        if len(x) != n:
            raise ValueError(f"{name}: expected {n} values, got {len(x)}")
        taus = _tau(np.sign(x[:, None] - x), ordered, counts)
        constant = bool((x == x[0]).all() or (y == y[0]).all())
        if constant:
            taus = np.full_like(taus, np.nan)
        spread = np.quantile(taus[1:], [(1 - level) / 2, (1 + level) / 2])
        by_axis = {axis: None if constant else _granulated(x, y, axis, axes) for axis in axes}
        known = [v for v in by_axis.values() if v is not None]
        psi = math.fsum(known) / len(known) if known else None
        rows.append(Rank(name, float(taus[0]), float(spread[0]), float(spread[1]), psi, by_axis))
    return sorted(rows, key=lambda row: math.inf if math.isnan(row.tau) else -row.tau)


def _tau(a: Values, b: Values, counts: Values) -> Values:
    """Kendall's τ_b under each row of multiplicities; 0 where everything is tied."""

    def form(matrix: Values) -> Values:
        total: Values = ((counts @ matrix) * counts).sum(1)
        return total

    scale = np.sqrt(form(a * a) * form(b * b))
    return np.divide(form(a * b), scale, out=np.zeros(len(counts)), where=scale > 0)


def _granulated(
    x: Values, y: Values, axis: str, axes: Mapping[str, Sequence[object]]
) -> float | None:
    """Mean over settings of the other axes of τ_a, over pairs that differ in this axis."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i in range(len(x)):
        groups.setdefault(tuple(of[i] for k, of in axes.items() if k != axis), []).append(i)
    found = []
    for rows in groups.values():
        signs = [
            float(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]))
            for a, i in enumerate(rows)
            for j in rows[:a]
            if axes[axis][i] != axes[axis][j]
        ]
        if signs:
            found.append(math.fsum(signs) / len(signs))
    return math.fsum(found) / len(found) if found else None


def _finite(name: str, values: Sequence[float]) -> Values:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError(f"{name}: expected finite numbers in a row, got {list(values)[:4]!r} …")
    return x
