"""The suites `import` and `groups`: their logic on fakes, and one real child of each."""

import subprocess

import pytest

from geomdl.bench import Budget, Context
from geomdl.bench.suites import groups, startup
from geomdl.bench.timing import Timing


def test_the_cost_of_an_import_is_a_difference_within_rounds(monkeypatch):
    seconds = {
        "import torch": (1.0, 2.0, 3.0),
        "import torch, geomdl": (1.1, 2.1, 3.2),
        "and every public name": (1.5, 2.5, 3.5),
    }
    timing = Timing(seconds, dict.fromkeys(seconds, 1), "import torch")
    monkeypatch.setattr(startup, "compare", lambda *a, **k: timing)
    found = startup.startup(Context())
    assert found.tables[0].rows[1]["extra"]["median"] == pytest.approx(0.1)
    assert found.tables[0].rows[0]["extra"] is None
    assert found.checks[0].holds
    assert "3 rounds instead of 9" in found.reduced
    slow = {**seconds, "import torch, geomdl": (1.4, 2.4, 3.4)}
    monkeypatch.setattr(
        startup, "compare", lambda *a, **k: Timing(slow, dict.fromkeys(slow, 1), "import torch")
    )
    assert not startup.startup(Context()).checks[0].holds


def test_a_fresh_interpreter_finds_geomdl_and_its_failure_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    startup.interpreter("import geomdl; geomdl.__version__")()
    with pytest.raises(subprocess.CalledProcessError):
        startup.interpreter("raise SystemExit(3)")()


def run(cold=0.01, error=1e-15):
    return {"n": 4, "shape": [4, 4], "cold": cold, "warm": 1e-4, "error": error}


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (run(), True),
        (run(cold=0.06), False),
        (run(error=1e-3), False),
        (run(error=float("nan")), False),
    ],
)
def test_a_fast_answer_must_be_right(monkeypatch, found, holds):
    monkeypatch.setattr(groups, "cold_call", lambda *arguments: dict(found))
    result = groups.groups(Context())
    assert [check.holds for check in result.checks] == [holds] * len(groups.CASES)
    assert result.reduced is None
    assert result.tables[0].rows[0]["n"] == 4


def test_little_time_gives_two_rounds(monkeypatch):
    calls = []
    monkeypatch.setattr(groups, "cold_call", lambda *arguments: calls.append(arguments) or run())
    result = groups.groups(Context(budget=Budget(1e-9)))
    assert len(calls) == 2 * len(groups.CASES)
    assert "2 rounds instead of 7" in result.reduced


def test_one_real_case():
    found = groups.cold_call("S5", "V @ V", "V @ V @ V", 1)
    assert found["n"] == 52
    assert found["shape"] == [125, 25]
    assert found["error"] <= groups.EXACT
    assert found["warm"] > 0
