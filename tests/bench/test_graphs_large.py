"""Suite `graphs/large`: verdicts, the task, and its smallest run."""

import math

import pytest
import torch

from geomdl import bench
from geomdl.bench.suites.graphs import large
from geomdl.permutation import neighbor_mean


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({}, []),
        ({"losses": [0.5, 0.6]}, ["loss"]),
        ({"losses": [0.7, math.nan]}, ["loss"]),
        ({"accuracy": 0.55}, ["neighbours"]),
        ({"without": 0.85}, ["neighbours"]),
        ({"accuracy": math.nan}, ["neighbours"]),
        ({"memory": 25e9}, ["memory"]),
        ({"memory": math.nan}, ["memory"]),
    ],
)
def test_verdicts(change, failing):
    given = {"losses": [0.7, 0.4], "accuracy": 0.9, "without": 0.5, "memory": 3e9} | change
    checks = large.checks_of(*given.values())
    assert [check.name for check in checks if not check.holds] == failing


def test_the_answers_are_of_the_neighbourhoods():
    data = large.make(3000, 30_000, 1)
    graph, degree = data.graph, data.graph.in_degree
    assert (graph.num_nodes, graph.num_edges) == (3000, 30_000)
    assert degree[data.train].min() > 0 and degree[data.test].min() > 0
    assert len(set(data.train.tolist()) & set(data.test.tolist())) == 0
    assert len(data.train) + len(data.test) == int((degree > 0).sum())
    assert 0.4 < float(data.y.float().mean()) < 0.6
    own = torch.linalg.lstsq(data.x[data.train], 2.0 * data.y[data.train, None] - 1).solution
    right = ((data.x @ own)[data.test, 0] > 0) == (data.y[data.test] == 1)
    assert float(right.float().mean()) < 0.6
    once = neighbor_mean(data.x, graph)
    both = torch.cat([once, neighbor_mean(once, graph)], 1)
    linear = torch.linalg.lstsq(both[data.train], 2.0 * data.y[data.train, None] - 1).solution
    right = ((both @ linear)[data.test, 0] > 0) == (data.y[data.test] == 1)
    assert float(right.float().mean()) > 0.9


def test_training_is_seeded_and_stops_in_time(monkeypatch):
    monkeypatch.setattr(large, "BATCH", 64)
    data = large.make(500, 3000, 0)
    first, again = (large.learn(data, True, 0, 12, math.inf) for _ in range(2))
    assert first.losses == again.losses and len(first.losses) == 12  # more than an epoch
    assert first.accuracy == again.accuracy
    assert len(large.learn(data, True, 0, 12, 0.0).losses) == 1


def test_smallest_run(monkeypatch, tmp_path):
    monkeypatch.setattr(large, "NODES", 4000)
    monkeypatch.setattr(large, "EDGES", 40_000)
    monkeypatch.setattr(large, "BATCH", 128)
    monkeypatch.setattr(large, "STEPS", 100)
    found = bench.run(["graphs/large"], out=tmp_path).suites["graphs/large"]
    rows = {row["name"]: row for row in found.tables[0].rows}
    ours, without = rows["SAGE, 3 layers"], rows["the same without edges"]
    assert ours["steps"] == without["steps"] == 100
    assert ours["accuracy"] > without["accuracy"] + 0.1 and without["accuracy"] < 0.6
    assert ours["nodes"] > 128 and ours["edges"] > ours["nodes"] - 128
    assert all(check.holds for check in found.checks) and found.reduced is None
    sizes = {row["name"]: row["bytes"] for row in found.tables[1].rows}
    assert sizes["Graph.from_edge_index (sorted both ways)"] > 6 * 4 * 40_000


def test_less_for_a_short_budget(tmp_path):
    found = bench.run(["graphs/large"], budget=0.5, out=tmp_path).suites["graphs/large"]
    assert found.settings["nodes"] < large.NODES and "instead of" in found.reduced
