"""Suites of tasks on graphs, at their smallest."""

import math
from dataclasses import replace

import pytest
import torch

from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context
from geomdl.bench.suites.graphs import communities, counting, enzymes
from geomdl.bench.suites.graphs.patterns import PATTERNS
from geomdl.fields import Graph
from geomdl.permutation import GIN, GraphDataset


def quick(seeds=1, seconds=1.0):
    return Context(budget=Budget(seconds), seeds=seeds)


@pytest.fixture(scope="module")
def atlas():
    return counting.atlas()


def test_the_atlas_has_its_triangles(atlas):
    assert len(atlas) == 1245, "all but those without an edge"
    _, graph = atlas.inputs()
    sizes = graph.ptr.diff()
    counts = counting.count("triangles", counting.adjacency(atlas))
    complete = (graph.in_degree.float().view(-1) > 0).sum()
    assert complete > 0
    for n in (3, 4, 5, 6, 7):  # the complete graph is the one with the most of them
        assert int(counts[sizes == n].max()) == math.comb(n, 3)
    assert atlas.y.mean(0).abs().max() < 1e-5
    assert (atlas.y.std(0) - 1).abs().max() < 1e-5


def test_walks_are_back_at_once_only_on_loops(atlas):
    few = atlas[torch.arange(100, 110)]
    x = counting.with_walks(few).x
    assert x.shape == (few.x.shape[0], 1 + counting.WALK)
    assert x[:, 1].abs().max() == 0
    assert x[:, 2].max() > 0


def test_counting(monkeypatch, atlas):
    some = atlas[torch.arange(0, 1245, 25)]
    monkeypatch.setattr(counting, "atlas", lambda: some)
    names = ("GIN", "PPGN")
    monkeypatch.setattr(counting, "NETWORKS", {n: counting.NETWORKS[n] for n in names})
    found = counting.counting(quick(seeds=2, seconds=4.0))
    (table,) = found.tables
    assert [row["name"] for row in table.rows] == list(names)
    for row in table.rows:
        assert all(math.isfinite(row[pattern]["mean"]) for pattern in PATTERNS)
        assert row["error"] < 1e-10
    assert [check.name for check in found.checks] == ["triangles, PPGN"]
    assert "epochs of one training instead of" in found.reduced


def test_what_counts_no_better_is_no_success():
    runs = {
        name: [dict.fromkeys(PATTERNS, 0.5 + 0.01 * k) for k in range(3)]
        for name in counting.NETWORKS
    }
    assert not any(check.holds for check in counting.checks_of(runs))
    runs["PPGN"] = [dict.fromkeys(PATTERNS, 0.1 + 0.011 * k) for k in range(3)]
    good = {check.name for check in counting.checks_of(runs) if check.holds}
    assert good == {"triangles, PPGN"}


def proteins():
    rng = torch.Generator().manual_seed(0)
    graphs = [
        Graph.from_edge_index(torch.randint(5, (2, 8), generator=rng), num_nodes=5)
        for _ in range(120)
    ]
    y = torch.arange(6).repeat(20)
    x = torch.randn(600, 4, generator=rng) + y.repeat_interleave(5).unsqueeze(1)
    return GraphDataset.of(Graph.batch(graphs), x, y)


def test_enzymes(monkeypatch):
    monkeypatch.setattr(enzymes, "enzymes", lambda root: proteins())
    monkeypatch.setattr(enzymes, "FOLDS", 3)
    names = (enzymes.PLAIN, "GIN")
    monkeypatch.setattr(enzymes, "NETWORKS", {n: enzymes.NETWORKS[n] for n in names})
    found = enzymes.classify(quick(seconds=2.0))
    rows = found.tables[0].rows
    assert [row["name"] for row in rows] == list(names)
    assert all(0 <= row["accuracy"]["mean"] <= 1 for row in rows)
    assert all(row["error"] < 1e-10 for row in rows)
    assert [check.name for check in found.checks] == ["above chance"]


def test_folds_do_not_overlap_and_test_everything():
    y = proteins().y
    tested = []
    for fold in range(10):
        parts = enzymes.split_of(y, fold)
        joined = torch.cat(list(parts.values()))
        assert torch.equal(joined.sort().values, torch.arange(120))
        assert torch.equal(y[parts["test"]].bincount(), torch.full((6,), 2))
        tested.append(parts["test"])
    assert torch.equal(torch.cat(tested).sort().values, torch.arange(120))


def test_enzymes_without_the_file(tmp_path):
    found = enzymes.classify(replace(quick(), root=tmp_path))
    assert not found.tables
    assert "Nothing was measured" in found.summary


def test_guessing_is_not_above_chance():
    runs = {name: [{"accuracy": (k % 3) / 6} for k in range(10)] for name in (enzymes.PLAIN, "GIN")}
    assert not enzymes.checks_of(runs)[0].holds
    runs["GIN"] = [{"accuracy": 0.5 + 0.01 * k} for k in range(10)]
    assert enzymes.checks_of(runs)[0].holds


def test_communities(monkeypatch):
    for name, value in (("NODES", 60), ("EPOCHS", 3), ("SIGNALS", (1.0, 4.0)), ("LAYERS", 2)):
        monkeypatch.setattr(communities, name, value)
    small = {"GIN": lambda rng: GIN(3, 2, channels=8, layers=2, readout="nodes", rng=rng)}
    monkeypatch.setattr(communities, "NETWORKS", small)
    task = communities.Task
    monkeypatch.setattr(communities, "Task", lambda signal, seed: task(signal, seed, nodes=60))
    found = communities.communities(quick(seconds=30.0))
    rows = found.tables[0].rows
    assert [row["name"] for row in rows] == [communities.OPTIMUM, "GIN"]
    assert rows[1]["error"] < 1e-10
    assert [check.name for check in found.checks] == ["optimum", "near"]


def test_known_nodes_are_not_asked_for():
    task = communities.Task(2.0, 0, nodes=100)
    every = torch.cat(list(task.parts.values()))
    assert (task.known[every] == -1).all()
    assert torch.equal(task.x.argmax(1) - 1, task.known)
    assert len(every) + int((task.known >= 0).sum()) == len(task.labels)
    right = torch.nn.functional.one_hot(task.labels, 2).double()
    assert task.accuracy(right) == 1
    assert task.accuracy(1 - right) == 0


def test_more_than_the_optimum_is_told():
    good = {s: [{"accuracy": 0.9}] for s in communities.SIGNALS}
    runs = {communities.OPTIMUM: good} | {
        name: {s: [{"accuracy": 0.88}] for s in communities.SIGNALS}
        for name in communities.NETWORKS
    }
    assert all(check.holds for check in communities.checks_of(runs))
    runs["GIN"] = {s: [{"accuracy": 0.95}] for s in communities.SIGNALS}
    assert not communities.checks_of(runs)[0].holds
