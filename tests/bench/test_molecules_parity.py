"""Suite `molecules/parity`: cases that would notice a difference, verdicts on given numbers."""

import math

import pytest
import torch

from geomdl.bench.parity import BOUNDS
from geomdl.bench.registry import Context, list_suites
from geomdl.bench.suites.molecules import parity, parity_cases
from geomdl.bench.suites.molecules.parity_cases import Case

FEW = {
    "harmonics and gradients, l = 4, of vectors",
    "tensor product uuu, l ≤ 1, natural parity",
    "tensor product uvu, l ≤ 1, both parities",
    "tensor product uvw (fully connected), l ≤ 1, natural parity",
    "tensor product uvu, l ≤ 2, natural parity, without weights",
    "interaction, l ≤ 1, both parities",
    "gate, 4x0e+4x0o+4x1o+4x1e, constants of e3nn",
    "gate, 4x0e+4x1o+4x1e+4x2o+4x2e, constants of e3nn",
}


def few():
    return [case for case in parity_cases.cases() if case.name in FEW]


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("case", few(), ids=lambda case: case.name)
def test_equal(case, dtype):
    assert case.error(dtype) <= BOUNDS[dtype]


def test_a_sign_or_a_component_makes_a_difference():
    for case in few():

        def turned(dtype, case=case):
            found, expected = case.both(dtype)
            return torch.cat([found[:, :1], -found[:, 1:]], 1), expected

        def scaled(dtype, case=case):
            found, expected = case.both(dtype)
            return found * (1 + 1e-5), expected

        for sabotaged in (turned, scaled):
            assert not Case("sabotaged", sabotaged).error(torch.float32) <= 1e-6


def test_a_wrong_type_or_shape_is_an_error():
    for found in (torch.ones(3), torch.ones(2).double()):
        case = Case("made", lambda dtype, found=found: (found, torch.ones(2).double()))
        with pytest.raises(ValueError, match=r"^made: expected torch\.Size\(\[2\]\)"):
            case.error(torch.float32)


def test_the_suite_writes_a_table(monkeypatch):
    assert {"molecules/parity", "molecules/speed"} <= set(list_suites("molecules/*"))
    monkeypatch.setattr(parity, "cases", few)
    found = parity.parity(Context())
    assert all(check.holds for check in found.checks)
    table, moments = found.tables
    assert {(row["name"], row["dtype"]) for row in table.rows} == {
        (name, dtype) for name in FEW for dtype in ("float32", "float64")
    }
    assert [row["name"] for row in moments.rows] == ["silu", "sigmoid"]


@pytest.mark.parametrize(
    ("row", "moment", "failing"),
    [
        ({}, 1e-3, []),
        ({"dtype": "float32", "error": 2e-6}, 1e-3, ["float32"]),
        ({"dtype": "float64", "error": 2e-12}, 1e-3, ["float64"]),
        ({"dtype": "float64", "error": math.nan}, 1e-3, ["float64"]),
        ({}, math.nan, ["constants"]),
        ({}, 0.02, ["constants"]),
    ],
)
def test_verdicts(row, moment, failing):
    rows = [{"name": "a", "dtype": dtype, "error": 1e-13} for dtype in ("float32", "float64")]
    rows.append({"name": "b", "dtype": "float32", "error": 1e-13} | row)
    checks = parity.checks_of(rows, [{"error": moment}])
    assert [check.name for check in checks if not check.holds] == failing
