"""The suite `theory/ntk`: a small network for real, and its checks on made-up rows."""

import pytest
import torch
from torch import nn

from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context
from geomdl.bench.suites.theory import ntk
from geomdl.bench.table import markdown


def small():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(5, 3)


def test_a_small_network(monkeypatch):
    monkeypatch.setattr(ntk, "cases", lambda: [ntk.Case("small", 5, small)])
    monkeypatch.setattr(ntk, "ROUNDS", 2)
    result = ntk.ntk(Context(budget=Budget(60.0)))
    (row,) = result.tables[0].rows
    assert row["outputs"] == 2 and row["parameters"] == 26 and row["peak"] > 0
    assert 0 < row["single"] <= 1e-6 and row["double"] <= 1e-12
    assert [check.holds for check in result.checks] == [True]
    assert "small" in markdown(result.tables[0])
    assert result.reduced is None


def test_a_wrong_kernel_is_seen(monkeypatch):
    true = ntk.empirical_ntk
    monkeypatch.setattr(ntk, "cases", lambda: [ntk.Case("small", 5, small)])
    monkeypatch.setattr(ntk, "ROUNDS", 2)
    monkeypatch.setattr(ntk, "empirical_ntk", lambda model, x: true(model[2:], model[:2](x)))
    assert [c.holds for c in ntk.ntk(Context(budget=Budget(60.0))).checks] == [False]


@pytest.mark.parametrize("name", ["steerable", "graph"])
def test_networks_of_the_table(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, x = getattr(ntk, name)(4)
    x = ntk.widened(x)
    kernel = ntk.empirical_ntk(model.double(), x)
    assert kernel.shape[:2] == (4, 4)
    assert ntk.off(kernel, ntk.jacobian_contraction(model, x)) <= 1e-12


def row(low=21.0, smaller=3.0, single=1e-7, double=1e-15):
    faster = {"median": low + 1, "low": low, "high": low + 2, "n": 5}
    return {"faster": faster, "smaller": smaller, "single": single, "double": double}


@pytest.mark.parametrize(("changes", "holds"), [
    ({}, [True, True, True]),
    ({"low": 19.0}, [True, False, True]),
    ({"smaller": 1.9}, [True, True, False]),
    ({"single": 2e-6}, [False, True, True]),
    ({"double": float("nan")}, [False, True, True]),
])  # fmt: skip
def test_checks(changes, holds):
    case = ntk.Case("perceptron", 32, small, 20.0, 2.0)
    assert [check.holds for check in ntk.checks_of(case, row(**changes))] == holds
