"""Suite `molecules/paths`: verdicts, and rows whose ways give the same numbers."""

import pytest

from geomdl.bench.suites.molecules import paths


def row(error=1e-7, chosen="fused"):
    return {"name": "2", "error": error, "chosen": chosen}


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ([row()], True),
        ([row(1e-4), row()], False),
        ([row(), row(float("nan"))], False),
    ],
)
def test_verdicts(rows, holds):
    assert [check.holds for check in paths.checks_of(rows)] == [holds]


def test_the_faster_way_is_told():
    assert "backward: l = none" in paths.checks_of([row()])[0].text
    assert "backward: l = 2" in paths.checks_of([row(chosen="so2")])[0].text


def test_rows_hold_what_the_columns_name(monkeypatch):
    monkeypatch.setattr(paths, "NODES", 8)
    monkeypatch.setattr(paths, "CHANNELS", 4)
    found = paths.convolutions(1, 0.01)
    assert found["error"] <= paths.OFF and found["chosen"] in ("fused", "so2")
    assert {"forward", "both", "so2_forward", "so2_both"} <= set(found)
    assert {"few_both", "so2_both"} <= set(paths.mixing(2, 4, 0.01))
    assert "gaunt_both" in paths.products(2, 0.01)
