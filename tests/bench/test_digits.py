"""The suite of digits: its parts on toys, and the whole once, as small as it gets."""

import dataclasses
import math

import pytest
import torch

from geomdl import bench
from geomdl.bench import Budget, Context
from geomdl.bench.suites.digits import networks, suite
from geomdl.bench.suites.digits.networks import NETWORKS, Network, build
from geomdl.bench.suites.digits.plan import EPOCHS, LEAST_TEST, LEAST_TRAIN, make_plan
from geomdl.bench.suites.digits.task import Task, load_task, turned
from geomdl.bench.suites.digits.testing import Finding, equivariance_error, examine
from geomdl.bench.suites.digits.training import train, training_step
from geomdl.bench.table import text_of

STEPS = {"a": 0.01, "b": 0.03}
FULL = {"seeds": 3, "train": 1198, "test": 599}


@pytest.fixture(scope="module")
def task():
    return load_task("digits", None)


# --- the task -------------------------------------------------------------------------------------
def test_the_split_is_fixed_and_disjoint(task):
    again = load_task("digits", None)
    assert torch.equal(task.train[0], again.train[0])
    assert (len(task.train[0]), len(task.test[0]), task.size, task.classes) == (1198, 599, 28, 10)
    rows = torch.cat([task.train[0], task.test[0]]).flatten(1)
    assert len(rows.unique(dim=0)) >= 1790  # of 1797; a few digits are twins in the data themselves


def test_no_ink_outside_the_disc_so_that_turning_loses_none(task):
    x = task.test[0][:50]
    corner = torch.zeros(28, 28, dtype=torch.bool)
    corner[:4, :4] = True
    assert x[..., corner].abs().max() == 0
    there_and_back = turned(turned(x, 45), -45)
    assert (there_and_back.sum() / x.sum() - 1).abs() < 0.01


def test_exact_and_resampled_turns_agree_in_their_sense(task):
    x = task.test[0][:20].double()
    quarter = turned(x, 90)
    assert torch.equal(turned(quarter, 270), x)
    assert torch.equal(turned(x, -90), turned(x, 270))
    near = (turned(x, 89) - quarter).norm() / x.norm()
    far = (turned(x, -89) - quarter).norm() / x.norm()
    assert near < 0.1 < far


def test_a_task_can_be_made_smaller(task):
    small = task.reduced(10, 5)
    assert (len(small.train[1]), len(small.test[0])) == (10, 5)


def test_data_without_square_images_are_refused(tmp_path):
    import numpy as np

    np.savez(tmp_path / "wide.npz", images=np.zeros((3, 4, 5), np.float32), labels=np.zeros(3, int))
    with pytest.raises(ValueError, match="data: expected square grey images"):
        load_task(str(tmp_path / "wide.npz"), None)


# --- the plan -------------------------------------------------------------------------------------
def test_with_time_the_plan_is_the_full_work():
    for seconds in (math.inf, 1e4):
        plan = make_plan(seconds, STEPS, **FULL)
        assert plan.reduced is None
        assert (plan.epochs, plan.train, plan.test) == (EPOCHS, 1198, 599)
        assert plan.angles == tuple(range(0, 360, 15))


def test_with_less_time_everything_is_reduced_and_said():
    previous = EPOCHS
    for seconds in (80, 40, 20, 10, 1):
        plan = make_plan(seconds, STEPS, **FULL)
        assert 1 <= plan.epochs <= previous
        assert set(plan.angles) >= {0, 90, 180, 270}
        assert f"{plan.epochs} epoch" in plan.reduced
        previous = plan.epochs
    assert (plan.epochs, plan.train, plan.test) == (1, LEAST_TRAIN, LEAST_TEST)
    assert "256 training digits instead of 1198" in plan.reduced
    assert "angles 45° apart instead of 15°" in plan.reduced


def test_a_small_data_set_is_used_whole():
    plan = make_plan(0.001, STEPS, seeds=1, train=100, test=50)
    assert (plan.train, plan.test) == (100, 50)


# --- the networks ---------------------------------------------------------------------------------
def test_the_networks_have_as_many_weights_as_each_other():
    counts = [sum(p.numel() for p in n.build(28, 10, 0).parameters()) for n in NETWORKS]
    assert max(counts) / min(counts) < 1.02


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
def test_a_seed_decides_the_weights_and_leaves_the_global_state_alone(network):
    before = torch.random.get_rng_state()
    weights = [
        torch.cat([p.flatten() for p in network.build(28, 10, seed).parameters()])
        for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_overrides_win():
    model = build("translation/mlp", (1, 6, 6), 3, 0, {"shape": (4, 4)})
    assert model(torch.zeros(2, 1, 4, 4)).shape == (2, 3)


def test_a_step_trains_and_the_augmented_one_turns(task, monkeypatch):
    for network in (Network("MLP", "translation/mlp"), dataclasses.replace(NETWORKS[2])):
        step = training_step(network, task.train, 28, 10)
        torch.manual_seed(0)
        before = torch.random.get_rng_state()
        step()
        assert torch.equal(torch.random.get_rng_state(), before)


# --- the test of a trained network ----------------------------------------------------------------
class Ink(torch.nn.Module):
    """Invariant under the symmetries of the square: the ink in the middle against that around."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 3.0]))

    def forward(self, x):
        return torch.stack([x.sum((1, 2, 3)), x[..., 9:-9, 9:-9].sum((1, 2, 3))], -1) * self.weight


class Half(Ink):
    """Sabotaged: it looks at the left half only."""

    def forward(self, x):
        return super().forward(x * (torch.arange(28) < 14))


@pytest.mark.parametrize("exact", [True, False])
def test_an_invariant_network_is_found_invariant(task, exact):
    data = (task.test[0][:64], (task.test[1][:64] > 4).long())
    found = examine(Ink(), data, (0, 45, 90, 180, 270), exact=exact)
    assert found.compared == 3 * 64
    assert found.error <= 1e-12
    assert found.quarter == found.upright == found.accuracy[90]
    if exact:
        assert found.changed == 0
        assert found.logit <= 1e-10


def test_a_network_that_is_not_invariant_is_found_out(task):
    data = (task.test[0][:64], (task.test[1][:64] > 4).long())
    found = examine(Half(), data, (0, 90, 180, 270), exact=True)
    assert found.changed > 0
    assert found.logit > 1
    assert found.error > 0.1
    assert not suite._exactness([found]).holds


def test_nan_weights_are_never_exact(task):
    model = Ink()
    with torch.no_grad():
        model.weight.fill_(math.nan)
    assert math.isnan(equivariance_error(model.double(), task.test[0][:8]))


def result(changed=0, accuracy=0.9, quarter=0.9, any_angle=0.5):
    angles = {0: accuracy, 90: quarter, 180: quarter, 270: quarter, 45: any_angle}
    return Finding(angles, changed, 300, 1e-15, 1e-15)


def test_the_exactness_line_needs_every_prediction_of_every_seed():
    good = suite._exactness([result(), result()])
    assert good.holds
    assert "600 of 600 predictions" in good.text
    assert "accuracies are equal (float64, 2 seeds" in good.text
    one = suite._exactness([result(), result(changed=1)])
    assert not one.holds
    assert "599 of 600" in one.text
    assert not suite._exactness([result(quarter=0.8)]).holds


def test_who_beats_whom_is_decided_by_the_interval():
    tests = {
        "MLP": [result(any_angle=a) for a in (0.1, 0.12, 0.11)],
        "CNN": [result(any_angle=a) for a in (0.1, 0.9, 0.3)],
        "D4 network": [result(any_angle=a) for a in (0.5, 0.52, 0.51)],
    }
    (table,) = suite._differences(tests)
    mlp, cnn = table.rows
    assert mlp["name"] == "− MLP"
    assert mlp["any_angle"]["low"] > 0
    assert cnn["any_angle"]["low"] < 0 < cnn["any_angle"]["high"]
    assert mlp["upright"]["low"] == mlp["upright"]["high"] == 0
    assert text_of(table.columns[3], mlp["any_angle"]).startswith("+8.0 [+8.0, +8.0]")
    assert suite._differences({name: runs[:1] for name, runs in tests.items()}) == ()


# --- the whole ------------------------------------------------------------------------------------
@pytest.fixture
def tiny(monkeypatch):
    """The networks of the suite, small."""
    small = (
        Network("MLP", "translation/mlp", {"width": 8}),
        Network("CNN", "translation/cnn", {**NETWORKS[1].overrides, "widths": (4, 4, 4)}),
        Network("CNN + rotations", "translation/cnn",
                {**NETWORKS[1].overrides, "widths": (4, 4, 4)}, augmented=True),
        Network("D4 network", "steerable/d4_cnn", {"channels": 8}, exact=True),
    )  # fmt: skip
    monkeypatch.setattr(networks, "NETWORKS", small)
    monkeypatch.setattr(suite, "NETWORKS", small)
    return small


def test_the_smallest_run_is_whole(tiny, tmp_path):
    results = bench.run(["digits"], budget=0.1, seeds=2, out=tmp_path)
    found = results.suites["digits"]
    assert results.holds
    assert "instead of" in found.reduced
    (table,) = found.tables
    assert [row["name"] for row in table.rows] == [n.name for n in tiny]
    d4 = table.rows[-1]
    assert d4["upright"] == d4["quarter"]
    assert d4["error"] <= 1e-12
    assert all(row["error"] > 1e-3 for row in table.rows[:-1])
    assert all(row["memory"] > 0 and row["ratio"]["median"] > 0 for row in table.rows)
    assert table.rows[1]["ratio"]["median"] == 1
    assert {p.name for p in tmp_path.iterdir()} == {
        "results.json", "report.html", "table.md", *(f"digits_{f.name}.png" for f in found.figures)
    }  # fmt: skip
    assert len(found.figures) == 6
    assert "reduced run" in (tmp_path / "table.md").read_text()
    assert found.settings["seeds"] == [0]  # the second one had no time left
    assert found.reduced.startswith("1 seed instead of 2, 1 epoch instead of")
    again = bench.rebuild(tmp_path)
    assert again.read_text().count("<svg") == 6


def test_on_a_machine_that_slows_down_the_last_seeds_are_left_out_for_all(tiny, monkeypatch, task):
    now = [0.0]

    def slow(network, *arguments, **keywords):
        now[0] += 20
        return network.build(28, 10, 0).eval(), [1.0]

    monkeypatch.setattr(suite, "train", slow)
    monkeypatch.setattr(suite, "load_task", lambda *arguments: task.reduced(64, 32))
    context = Context(budget=Budget(170, clock=lambda: now[0]), seeds=3)
    found = suite.digits(context)
    assert now[0] == 160  # two seeds of four networks
    assert found.settings["seeds"] == [0, 1]
    assert found.reduced.startswith("2 seeds instead of 3, ")
    table, differences = found.tables
    assert all(row["upright"]["n"] == 2 for row in table.rows)
    assert [row["name"] for row in differences.rows] == ["− MLP", "− CNN", "− CNN + rotations"]


def test_a_seed_gives_the_same_network_again(task):
    network = Network("MLP", "translation/mlp", {"width": 8})
    small = task.reduced(128, 10)
    one, two, other = (
        train(network, small.train, 28, 10, seed=seed, epochs=2)[1] for seed in (0, 0, 1)
    )
    assert one == two != other
    assert len(one) == 2


def test_a_task_is_plain_data(task):
    assert isinstance(task, Task)
    assert task.train[0].dtype == torch.float32
