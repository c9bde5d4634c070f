import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.auditing.statistics import (
    confidence_sentence,
    default_tol,
    exceedance_bound,
    rms,
    rounding_allowance,
)


def test_tolerances_go_by_dtype() -> None:
    order = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
    tols = [default_tol(dtype) for dtype in order]
    assert tols == sorted(tols) == [1e-12, 1e-5, 1e-2, 5e-2]
    assert default_tol(torch.complex64) == default_tol(torch.float32)
    with pytest.raises(
        ValueError, match=r"^dtype: expected a floating dtype such as torch.float64"
    ):
        default_tol(torch.int64)


def test_allowance_is_some_units_of_the_last_place() -> None:
    for dtype in (torch.float64, torch.float32):
        assert rounding_allowance(dtype, 1.0) < default_tol(dtype)
    y = torch.tensor(-1e4, dtype=torch.float64)
    ulp = float(torch.nextafter(y, torch.zeros_like(y)) - y)
    assert ulp < rounding_allowance(torch.float64, 1e4) < 16 * ulp


@given(st.integers(1, 10_000))
def test_rule_of_three(m: int) -> None:
    bound = exceedance_bound(m)
    assert bound == pytest.approx(1 - 0.05 ** (1 / m), rel=1e-9)
    assert bound < 3 / m


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(1, 300), st.data())
def test_clopper_pearson_has_its_coverage(m: int, data: st.DataObject) -> None:
    """At the bound p, no more than k of m exceed with probability 5 % exactly."""
    k = data.draw(st.integers(0, m - 1))
    p = exceedance_bound(m, k)
    log = [
        math.lgamma(m + 1) - math.lgamma(i + 1) - math.lgamma(m - i + 1)
        + i * math.log(p) + (m - i) * math.log1p(-p)
        for i in range(k + 1)
    ]  # fmt: skip
    assert math.fsum(map(math.exp, log)) == pytest.approx(0.05, rel=1e-6)
    assert exceedance_bound(m, k + 1) > p


def test_bound_at_the_ends() -> None:
    assert exceedance_bound(0) == 1.0
    assert exceedance_bound(7, 7) == 1.0
    with pytest.raises(ValueError, match=r"^exceeding: expected 0 to samples=3, got 4$"):
        exceedance_bound(3, 4)


def test_sentences() -> None:
    def say(tested: int, samples: int, exceeding: int = 0, exhaustive: bool = False) -> str:
        return confidence_sentence(
            tested=tested, samples=samples, exceeding=exceeding, tol=1e-12,
            exhaustive=exhaustive, compact=True,
        )  # fmt: skip

    assert say(8, 0, exhaustive=True) == "all 8 elements of the group were tested"
    assert say(1, 0, exhaustive=True).endswith("no element but its identity: nothing was tested")
    assert say(4, 0).startswith("4 elements were tested, none drawn at random")
    assert say(70, 59) == (
        "0 of 59 random elements exceed 1e-12: with 95% confidence fewer than 5.0% of the group do"
    )
    assert "fewer than 7.8% of the group" in say(70, 59, 1)
    assert say(70, 59, 59) == "all 59 random elements exceed 1e-12"


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=20), st.integers(-190, 190))
def test_rms_scales(values: list[float], power: int) -> None:
    x = torch.tensor(values, dtype=torch.float64)
    scale = 10.0**power
    assert rms(x * scale) == pytest.approx(rms(x) * scale, rel=1e-9, abs=1e-305)


def test_rms_propagates_what_is_not_finite() -> None:
    assert rms(torch.zeros(0)) == 0.0
    assert rms(torch.tensor([3 + 4j, 0])) == pytest.approx(5 / 2**0.5)
    for bad in (torch.nan, torch.inf, -torch.inf):
        assert math.isnan(rms(torch.tensor([1.0, bad])))
