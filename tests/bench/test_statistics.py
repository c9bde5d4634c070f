import math
import statistics as reference

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomdl.bench.statistics import beats, mean_sd, paired_interval, quartiles

numbers = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


@given(numbers)
def test_mean_and_sd_agree_with_the_standard_library(x):
    got = mean_sd(x)
    assert got.mean == pytest.approx(reference.fmean(x), abs=1e-9)
    assert got.sd == pytest.approx(reference.stdev(x), abs=1e-9)
    assert got.n == len(x)


@given(numbers)
def test_quartiles_agree_with_the_standard_library(x):
    got = quartiles(x)
    low, middle, high = reference.quantiles(x, n=4, method="inclusive")
    assert (got.low, got.median, got.high) == pytest.approx((low, middle, high), abs=1e-9)


def test_one_value_has_no_spread_and_an_endless_interval():
    assert mean_sd([2.0]).sd == 0
    assert quartiles([2.0]) == quartiles([2.0, 2.0, 2.0]).__class__(2.0, 2.0, 2.0, 1)
    interval = paired_interval([1.0], [0.0])
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    assert not beats([1.0], [0.0])


def test_the_interval_is_students():
    # d = 1, 2, 3: mean 2, sd 1, t(0.975; 2) = 4.30265
    interval = paired_interval([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert interval.mean == pytest.approx(2)
    assert interval.high - 2 == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert not interval.excludes(0)
    assert paired_interval([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], level=0.8).excludes(0)


def test_pairing_finds_what_unpaired_means_hide():
    a, b = [0.50, 0.70, 0.90], [0.49, 0.69, 0.89]  # every seed a little better
    assert beats(a, b)
    assert not beats(b, a)
    assert not beats(a, a)
    assert not beats([0.9, 0.1, 0.9], [0.1, 0.2, 0.1])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("summary", [mean_sd, quartiles, lambda x: paired_interval(x, x)])
def test_what_is_not_finite_is_refused(bad, summary):
    with pytest.raises(ValueError, match=r"expected finite values, got .* at position 1"):
        summary([0.0, bad, 1.0])


def test_bad_arguments_say_what_was_expected():
    with pytest.raises(ValueError, match="values: expected at least one value, got none"):
        mean_sd([])
    with pytest.raises(ValueError, match="b: expected 2 values, one for each of a, got 1"):
        paired_interval([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got 95"):
        paired_interval([1.0], [1.0], level=95)
