"""Suite `molecules/qm9`: its plan, and its smallest run on made-up molecules."""

import math

import torch

from geomdl import bench, data
from geomdl.bench import Context
from geomdl.bench.suites.molecules import qm9


def some_molecules(n):
    rng = torch.Generator().manual_seed(0)
    numbers = torch.tensor([6, 8, 1, 1, 0])[torch.randint(5, (n, 5), generator=rng)]
    numbers[:, 0] = 6
    sites = torch.tensor([[0.0, 0, 0], [1.4, 0, 0], [0, 1.4, 0], [-1.4, 0, 0], [0, 0, 1.4]])
    positions = sites + 0.2 * torch.rand(n, 5, 3, generator=rng, dtype=torch.float64)
    u0 = -numbers.double().sum(1) + torch.rand(n, generator=rng)
    split = torch.arange(n) % 3
    found = {"numbers": numbers, "positions": positions, "u0": u0, "split": split}
    return found | {"gap": 5 + u0.sin(), "mu": 1 + u0.cos()}


def test_the_plan_gives_every_network_its_time():
    steps = {"a": 0.1, "b": 0.02}
    assert qm9.plan(math.inf, steps, 500) == (500, dict.fromkeys(steps, qm9.MOST_EPOCHS))
    count, epochs = qm9.plan(400.0, steps, 10_000)
    assert count == 10_000
    assert epochs == {"a": 20, "b": 100}
    count, epochs = qm9.plan(6.5, steps, 10_000)
    assert count == 500
    assert epochs == {"a": qm9.LEAST_EPOCHS, "b": 32}
    assert qm9.plan(1e-6, steps, 10_000) == (qm9.BATCH, {"a": 1, "b": 1})


def test_without_the_package_nothing_is_measured(monkeypatch):
    def missing(name, **options):
        raise FileNotFoundError("qm9: install qm9pack (pip install 'geomdl-torch[chem]')")

    monkeypatch.setattr(data, "load", missing)
    found = qm9.qm9(Context())
    assert found.tables == ()
    assert "Nothing was measured. qm9: install qm9pack" in found.notes[0]


def test_the_smallest_run_is_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "load", lambda name, root, n: some_molecules(90))
    few = {name: qm9.NETWORKS[name] | {"channels": 4, "layers": 1} for name in ("EGNN", "PaiNN")}
    monkeypatch.setattr(qm9, "NETWORKS", few)
    found = bench.run(["molecules/qm9"], budget=0.1, seeds=2, out=tmp_path).suites["molecules/qm9"]
    errors, published = found.tables
    assert [row["name"] for row in errors.rows] == list(few)
    for row in errors.rows:
        assert row["u0"]["mean"] > 0
        assert row["mu"]["mean"] > 0
        assert 0 <= row["error"] <= 1e-10
        assert row["epochs"] >= 1
    assert published.rows[0]["source"].startswith("arXiv")
    assert "30 instead of 10,000 molecules" in found.reduced
    assert len(list(tmp_path.rglob("*.png"))) == len(found.figures) == 3


def test_a_training_that_is_cut_short_says_how_far_it_came(monkeypatch):
    monkeypatch.setitem(qm9.NETWORKS, "EGNN", {"channels": 4, "layers": 1, "lr": 1e-3})
    parts = data.parts(some_molecules(90))
    found = [qm9.trained("EGNN", 0, parts["train"], parts, 3, limit) for limit in (None, 1e-6)]
    assert [run["epochs"] for run in found] == [3, 1]
