"""Suite `graphs/expressivity`: verdicts on lists that are given, tables, missing data, budgets."""

import pytest
import torch

from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context
from geomdl.bench.suites.graphs import expressivity as module
from geomdl.data.brec import CATEGORIES
from geomdl.expressivity import certificates, circulant

CATEGORY = [name for name, (_, count) in CATEGORIES.items() for _ in range(count)]


def verdicts(found=None, classes=None, beyond=None):
    checks = module.checks_of(
        module.pinned() if found is None else found,
        CATEGORY,
        classes or dict(module.CLASSES),
        beyond or {"wl": 0, "2-fwl": 20},
        20,
    )
    return {check.name: check.holds for check in checks}


def test_verdicts_hold_on_what_is_expected():
    assert list(verdicts().values()) == [True] * 5


def test_verdicts_fail_on_anything_else():
    more = module.pinned()
    more["wl"] = [3]
    assert verdicts(more) == verdicts() | {
        "brec, counts": False, "brec, pinned": False, "brec, nested": False
    }  # fmt: skip
    moved = module.pinned()
    moved["marking"] = [k for k in moved["marking"] if k != 0] + [399]
    assert not verdicts(moved)["brec, pinned"]
    assert not verdicts(moved)["brec, nested"]
    assert not verdicts(classes=module.CLASSES | {"wl": (2, 1)})["classes"]
    assert not verdicts(beyond={"wl": 1, "2-fwl": 20})["beyond 1-WL"]
    assert not verdicts(beyond={"wl": 0, "2-fwl": 19})["beyond 1-WL"]


def test_a_budget_that_ends_gives_no_row():
    pairs = [(circulant(5, (1,)), circulant(6, (1,)))]

    def certify(pair):
        return certificates(pair, "wl")

    assert module.told_apart(certify, pairs, Budget(None)).pairs == [0]
    ticks = iter([0.0, 2.0])
    assert module.told_apart(certify, pairs, Budget(1.0, clock=lambda: next(ticks))) is None


def test_many_graphs_are_timed_and_fewer_give_no_verdict(monkeypatch):
    monkeypatch.setattr(module, "FEW", 20)
    row = module.many(Budget(1.0))
    assert (row["graphs"], row["classes"]) == (20, 20)
    assert module.fast_enough(row) == []
    for seconds, holds in ((9.0, True), (11.0, False)):
        (check,) = module.fast_enough(row | {"graphs": module.MANY, "seconds": seconds})
        assert check.holds == holds


def test_a_run_without_data(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "COLORINGS", {"wl": None, "2-fwl": None})
    few = module.beyond_refinement(2, nodes=5)
    monkeypatch.setattr(module, "beyond_refinement", lambda: few)
    monkeypatch.setattr(module, "MANY", 50)
    result = module.expressivity(Context(root=tmp_path))
    assert "without SR25" in result.reduced
    assert "without BREC (brec: no basic.npy in" in result.reduced
    assert [check.name for check in result.checks] == ["classes", "beyond 1-WL", "many graphs"]
    assert all(check.holds for check in result.checks)
    brec, families, many = result.tables
    assert brec.rows == ()
    assert families.rows[0] == {"name": "1-WL", "csl": 1, "sr25": None, "beyond": 0}
    assert families.rows[1] == {"name": "3-WL (2-FWL)", "csl": 10, "sr25": None, "beyond": 2}
    assert many.rows[0]["graphs"] == 50


def test_a_run_on_few_pairs(monkeypatch):
    pair = (circulant(6, (1,)), circulant(6, (2,)))
    monkeypatch.setattr(module, "COLORINGS", {"wl": None, "spd": None})
    monkeypatch.setattr(module, "beyond_refinement", lambda: [])
    monkeypatch.setattr(module, "sr25_graphs", lambda root: [])
    monkeypatch.setattr(module, "benchmark_pairs", lambda root: ([pair, pair], ["basic", "CFI"]))
    monkeypatch.setattr(module, "MANY", 50)
    result = module.expressivity(Context())
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in result.tables[0].rows]
    assert rows[0] == {"name": "1-WL"} | dict.fromkeys([*module.PARTS, "total"], 0)
    assert rows[1]["Basic"] == rows[1]["CFI"] == 1
    assert result.tables[0].columns[-2].title == "Total (2)"


@pytest.mark.parametrize("seed", [0, 1])
def test_renaming_keeps_the_graph(seed):
    graph = circulant(7, (1, 2))
    moved = module.renamed(graph, torch.Generator().manual_seed(seed))
    assert moved != graph
    assert certificates([graph, moved], "pairs").tolist() == [0, 0]
