"""Suite `molecules/accuracy`: plan, frames, verdicts on given numbers, the smallest run."""

import math

import pytest
import torch

from geomdl import bench, data
from geomdl.bench import Context
from geomdl.bench.suites.molecules import accuracy, training
from geomdl.bench.suites.molecules.training import Outcome


def small(monkeypatch):
    """Few frames, models and points."""
    monkeypatch.setattr(training, "MADE", {"n": 40, "atoms": 4})
    monkeypatch.setattr(training, "EPOCH", 20)
    monkeypatch.setattr(accuracy, "COUNTS", (10, 32))
    sizes = {"lmax": 1, "channels": 2, "layers": 1, "radial": (2,)}
    recipes = {
        "SchNet": training.Recipe(0.01, {"channels": 4, "layers": 1}),
        "NequIP": training.Recipe(0.01, sizes),
    }
    for module in (training, accuracy):
        monkeypatch.setattr(module, "RECIPES", recipes)
    monkeypatch.setattr(accuracy, "LEARNERS", ("SchNet", "NequIP"))


def test_the_plan_keeps_to_the_budget():
    for left in (600.0, 3600.0, 8000.0):
        for seeds in (1, 3):
            plan = accuracy.make_plan(left, 2, seeds)
            spent = plan.seconds * plan.seeds * 6 * 2 + plan.each * 3 * 5
            assert spent <= 0.9 * left + 1e-6
    assert accuracy.make_plan(3600.0, 2, 3).seeds == 3
    assert accuracy.make_plan(1000.0, 2, 3).seeds == 1
    assert "1 instead of 3 seeds" in accuracy.make_plan(1000.0, 2, 3).reduced
    assert accuracy.make_plan(math.inf, 2, 3).reduced is None


def test_without_the_files_molecules_are_made_up_and_it_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    parts, said = training.load(Context(root=tmp_path), "xtb_ethanol")
    assert said.startswith("made-up molecules instead: xtb_ethanol: no ")
    assert {name: len(part["energy"]) for name, part in parts.items()}["train"] == 240
    with pytest.raises(FileNotFoundError):
        training.load(Context(root=tmp_path, data="xtb_ethanol"), "xtb_ethanol")


def test_frames_are_spread_and_repeated():
    frames = {"energy": torch.arange(100), "pos": torch.arange(600).view(100, 2, 3)}
    few = training.spread(frames, 7)
    assert few["energy"].tolist() == [0, 14, 28, 42, 57, 71, 85]
    assert torch.equal(few["pos"], frames["pos"][few["energy"]])
    many = training.repeated(few)
    assert len(many["energy"]) == 504
    assert torch.equal(many["pos"][7:14], few["pos"])
    assert training.repeated({"energy": torch.zeros(950)})["energy"].shape == (950,)


def test_errors_of_ignorance():
    train = {"energy": torch.tensor([1.0, 3.0])}
    test = {"energy": torch.tensor([2.0, 3.0]), "forces": torch.tensor([[[0.5, -0.5, 2.0]]])}
    assert training.ignorance(train, test) == {"energy": 500.0, "forces": 1000.0}


def test_the_seed_draws_the_weights_and_nothing_else():
    before = torch.get_rng_state()
    a, b, c = (training.potential_of("NequIP", (1, 6), seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    a, b, c = (model.model.embedding for model in (a, b, c))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_training_pays_and_is_tested_on_the_test_frames(monkeypatch):
    small(monkeypatch)
    found = data.load("made_molecules", n=40, atoms=4)
    parts = data.parts(data.as_frames(found))
    blocks = parts["train"], parts["validation"], parts["test"]
    short = training.outcome("NequIP", *blocks, seconds=0.01, seed=0)
    longer = training.outcome("NequIP", *blocks, seconds=2.0, seed=0)
    assert longer.steps > short.steps >= 1
    assert longer.test["forces"] < short.test["forces"]
    nothing = training.ignorance(parts["train"], parts["test"])
    assert longer.test["forces"] < nothing["forces"]


def runs(schnet, nequip):
    made = {"SchNet": schnet, "NequIP": nequip}
    return {n: [Outcome({"energy": 1.0, "forces": f}, 10, 5)] for n, f in made.items()}


@pytest.mark.parametrize(("forces", "holds"), [((50.0, 20.0), True), ((20.0, 50.0), False)])
def test_verdicts(forces, holds):
    (check,) = accuracy.checks_of({"ethanol": runs(*forces)})
    assert check.holds is holds


def test_nan_is_no_result():
    with pytest.raises(ValueError, match=r"^values: expected finite values, got nan"):
        accuracy.checks_of({"ethanol": runs(50.0, math.nan)})


def test_rows_and_exponents():
    rows = accuracy.rows_of(runs(50.0, 20.0), 5.0, {"energy": 9.0, "forces": 99.0})
    assert [row["name"] for row in rows] == [accuracy.NOTHING, "SchNet", "NequIP"]
    assert (rows[0]["forces"], rows[2]["forces"]["mean"], rows[2]["step"]) == (99.0, 20.0, 0.5)
    curves = {"SchNet": {10: [8.0], 1000: [0.8]}, "NequIP": {10: [8.0], 1000: [0.08]}}
    table = accuracy.curve_table(curves, "x")
    assert [row["name"] for row in table.rows] == ["10", "1,000", "exponent"]
    assert table.rows[-1]["SchNet"] == pytest.approx(-0.5)
    assert table.rows[-1]["NequIP"] == pytest.approx(-1.0)


def test_the_smallest_run_is_whole(monkeypatch, tmp_path):
    small(monkeypatch)
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    name = "molecules/accuracy"
    found = bench.run([name], budget=0.1, seeds=2, out=tmp_path).suites[name]
    assert [table.name for table in found.tables] == ["ethanol", "aspirin", "learning"]
    assert [row["name"] for row in found.tables[0].rows] == [
        accuracy.NOTHING, "SchNet", "NequIP",
    ]  # fmt: skip
    assert [row["name"] for row in found.tables[2].rows] == ["10", "32", "exponent"]
    assert "1 instead of 2 seeds" in found.reduced
    assert found.checks == ()
    assert "No verdict: less than 60 s of training." in found.notes
    assert (tmp_path / "molecules_accuracy_learning.png").is_file()
