"""The suite `kernels`: its logic on fakes, a small problem for real, one real first call."""

import pytest
import torch

from geomdl.bench import Budget, Context
from geomdl.bench.statistics import quartiles
from geomdl.bench.suites import kernels
from geomdl.bench.table import markdown


def rows(speed=9.0, low=8.0, error=1e-7):
    return [
        {
            "name": kernels.OURS,
            "pass": "forward",
            "threads": threads,
            "time": vars(quartiles([0.01, 0.011, 0.012])),
            "speed": {**vars(quartiles([speed])), "low": low},
            "error": error,
            "peak": 10,
            "rounds": 9,
        }
        for threads in kernels.THREADS
    ]


def faked(monkeypatch, found, first=0.5):
    calls = {"cold": [{"first": 3.0, "again": 1e-4}], "warm": [{"first": first, "again": 1e-4}] * 2}
    monkeypatch.setattr(kernels, "measure", lambda *arguments: found)
    monkeypatch.setattr(kernels, "first_calls", lambda context: calls)
    return kernels.kernels(Context())


def test_fast_right_and_warm_holds(monkeypatch):
    result = faked(monkeypatch, rows())
    assert [check.holds for check in result.checks] == [True] * 3
    assert "9.0 times faster than PyG's scatter [8.0, 9.0] (at least 4)" in result.checks[0].text
    assert "2 threads" in result.checks[1].text
    assert result.reduced is None
    assert "3.00 s" in markdown(result.tables[1])
    assert kernels.OURS in markdown(result.tables[0])


@pytest.mark.parametrize(
    "changes", [{"low": 3.9}, {"error": 1e-4}, {"error": float("nan")}, {"low": float("nan")}]
)
def test_slow_or_wrong_does_not_hold(monkeypatch, changes):
    result = faked(monkeypatch, rows(**changes))
    assert [check.holds for check in result.checks] == [False, False, True]


def test_a_slow_first_call_does_not_hold(monkeypatch):
    assert not faked(monkeypatch, rows(), first=2.1).checks[-1].holds


def test_fewer_rounds_are_told(monkeypatch):
    found = [{**row, "rounds": 3} for row in rows()]
    assert "3 rounds instead of 9" in faked(monkeypatch, found).reduced


def test_a_small_problem_for_real(monkeypatch):
    monkeypatch.setattr(kernels, "ROUNDS", 1)
    before = torch.get_num_threads()
    found = kernels.measure(Context(budget=Budget(1e-3)), 60, 300, 4)
    assert torch.get_num_threads() == before
    assert {row["name"] for row in found} == {kernels.OURS, kernels.PEER, kernels.MATRIX}
    assert len(found) == 3 * 2 * 2
    for row in found:
        assert row["error"] <= 1e-6
        assert row["time"]["median"] > 0 and row["peak"] > 0
        if row["name"] == kernels.PEER:
            assert row["speed"]["median"] == 1


def test_a_first_call_in_a_fresh_process_fills_the_cache(tmp_path):
    found = kernels.first_call(tmp_path, 1)
    assert found["first"] > found["again"] > 0
    assert any(tmp_path.rglob("*.nbc"))
