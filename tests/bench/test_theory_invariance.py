"""The suite of ways to use a symmetry, at its smallest."""

import math

import pytest

from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context, find_suites
from geomdl.bench.suites.symmetry import clouds, methods
from geomdl.bench.suites.theory import invariance as module


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(methods, "AUDITED", 2)
    monkeypatch.setattr(clouds, "_TRIED", 50_000)
    monkeypatch.setattr(clouds, "POINTS", 5)
    monkeypatch.setattr(module, "COUNTS", (10,))
    monkeypatch.setattr(module, "DIGITS", module.DIGITS[:4])  # steerable layers are slow to build
    monkeypatch.setattr(module, "TEST", 12)
    monkeypatch.setattr(module, "STEPS", {"digits": 4, "points": 6})


def test_suite(small):
    assert "theory/invariance" in [s.name for s in find_suites(["theory"])]
    found = module.invariance(Context(budget=Budget(0.5), seeds=1))
    assert [table.name for table in found.tables] == [
        "digits", "digits, symmetry", "points", "points, symmetry",
    ]  # fmt: skip
    for table, ways in zip(found.tables[::2], (module.DIGITS, module.POINTS), strict=True):
        assert [row["name"] for row in table.rows] == ["10"]
        for row in table.rows:
            assert all(0 <= row[way.name]["mean"] <= 1 for way in ways)
    for table, ways in zip(found.tables[1::2], (module.DIGITS, module.POINTS), strict=True):
        for row, way in zip(table.rows, ways, strict=True):
            assert (row["error"] < 1e-10) == way.exact, way.name
    assert all(check.holds for check in found.checks)
    assert "% of the steps" in found.reduced
    assert found.notes == ()  # of one seed there is no interval


def test_equal_budgets():
    assert module._epochs(200, 1000, 1) == 6
    assert module._epochs(200, 100, 1) == 50
    assert module._epochs(200, 100, 8) == 6
    assert module._epochs(2, 1000, 8) == 1


@pytest.mark.parametrize(
    ("error", "wrong", "bad"),
    [(1e-15, 0.2, []), (math.nan, 0.2, ["exact, digits"]), (1e-3, 0.2, ["exact, digits"]),
     (1e-15, 0.5, ["layers, digits"])],
)  # fmt: skip
def test_checks_see_what_is_broken(error, wrong, bad):
    ways, level = module.DIGITS, {"plain": 0.8, "equivariant layers": 0.1}
    errors = {
        way.name: {n: [level.get(way.name, 0.4) + 0.01 * s for s in range(3)]
                   for n in module.COUNTS} for way in ways
    }  # fmt: skip
    errors["equivariant layers"][300] = [wrong, wrong, wrong + 0.01]
    departures = {way.name: [1e-15, error if way.exact else 0.5] for way in ways}
    checks = module.checks_of("digits", errors, ways, departures)
    assert [check.name for check in checks if not check.holds] == bad
    errors["augmented"][100] = [0.9, 0.7, 0.8]
    notes = module.gains_of("digits", errors, ways)
    assert len(notes) == 4
    assert notes[0].startswith("digits, augmented: beats plain at 300, 1000;")
