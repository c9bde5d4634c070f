"""Suite `graphs/parity`: its table, and verdicts on given numbers."""

import math

import pytest

from geomdl.bench.parity import verdicts
from geomdl.bench.registry import Context, list_suites
from geomdl.bench.suites.graphs import parity, parity_cases

FEW = {"GCNConv, with edge_weight", "SAGEConv, aggr=max", "GATv2Conv, heads=2, edge_dim=3"}


def few():
    return [case for case in parity_cases.cases() if case.name in FEW]


def test_names_are_different():
    names = [case.name for case in parity_cases.cases()]
    assert len(set(names)) == len(names) > 50


def test_the_suite_writes_a_table(monkeypatch):
    assert "graphs/parity" in list_suites("graphs/*")
    monkeypatch.setattr(parity, "cases", few)
    found = parity.parity(Context())
    assert all(check.holds for check in found.checks)
    (table,) = found.tables
    assert {(row["name"], row["dtype"]) for row in table.rows} == {
        (name, dtype) for name in FEW for dtype in ("float32", "float64")
    }


@pytest.mark.parametrize(
    ("row", "failing"),
    [
        ({}, []),
        ({"dtype": "float32", "error": 2e-6}, ["float32"]),
        ({"dtype": "float64", "error": 2e-12}, ["float64"]),
        ({"dtype": "float64", "error": math.nan}, ["float64"]),
    ],
)
def test_verdicts(row, failing):
    rows = [{"name": "a", "dtype": dtype, "error": 1e-13} for dtype in ("float32", "float64")]
    rows.append({"name": "b", "dtype": "float32", "error": 1e-13} | row)
    assert [check.name for check in verdicts(rows, "PyG") if not check.holds] == failing
