"""Suites `scattering/…`: small runs, and verdicts on numbers that are given."""

import math

import pytest
import torch

from geomdl.bench.budget import Budget
from geomdl.bench.registry import Context
from geomdl.bench.results import Column, Table
from geomdl.bench.suites.scattering import peers, small_data, speed


def row(forward=6.0, both=5.0, share=0.3, error=1e-7, kind="images"):
    return {
        "name": "case", "kind": kind, "share": share, "error": error,
        "forward": {"median": forward}, "both": {"median": both},
    }  # fmt: skip


def built(ratio=60.0):
    return Table("construction", (Column("ratio", "ratio"),), ({"ratio": ratio},))


@pytest.mark.parametrize(
    ("rows", "ratio", "verdicts"),
    [
        ([row()], 60, [True] * 5),
        ([row(), row(forward=2.4)], 60, [False, True, True, True, True]),  # one is too slow
        ([row(forward=4.9)], 60, [False, True, True, True, True]),
        ([row(both=3.9)], 60, [True, False, True, True, True]),
        ([row(), row(share=0.4)], 60, [True, True, False, True, True]),
        ([row()], 49, [True, True, True, False, True]),
        ([row(), row(error=2e-6)], 60, [True] * 4 + [False]),
        ([row(error=5e-7, kind="signals")], 60, [True] * 4 + [False]),
        ([row(error=5e-6, kind="volumes")], 60, [True] * 5),
        ([row(error=float("nan"))], 60, [True] * 4 + [False]),
    ],
)
def test_verdicts(rows, ratio, verdicts):
    assert [check.holds for check in speed.checks_of(rows, built(ratio))] == verdicts


def test_without_peers_nothing_is_timed():
    found = speed.speed(Context())
    assert found.tables == () and found.checks == ()
    assert "not asked for" in found.notes[0]


@pytest.mark.parametrize("kind", ["images", "signals", "volumes"])
def test_what_is_timed(kind):
    sizes = {"images": (16, 16), "signals": (64,), "volumes": (8, 8, 8)}[kind]
    case = speed.Case("small", kind, 2, sizes, 2)
    x = case.batch(2)
    transform = case.ours()
    assert torch.equal(speed.forward(transform, x)(), transform(x))
    gradient = speed.step(transform, x)()
    assert gradient.shape == x.shape and bool(gradient.isfinite().all())


def test_filters_for_kymatio_are_whole_images_of_all_levels():
    found = peers._closed_form(24, 16, 3, 2)
    assert [len(f["levels"]) for f in found["psi"]] == [1, 1, 2, 2, 2, 2]
    assert found["psi"][2]["levels"][1].shape == (12, 8)
    assert len(found["phi"]["levels"]) == 3


def test_small_data(monkeypatch):
    monkeypatch.setattr(small_data, "COUNTS", (60, 200))
    monkeypatch.setattr(small_data, "STEPS", 20)
    monkeypatch.setattr(small_data, "TEST", 200)
    found = small_data.small_data(Context(data="digits", seeds=2, budget=Budget(None)))
    rows = found.tables[0].rows
    assert [r["name"] for r in rows] == ["60", "200"]
    assert all(0 <= r[n]["mean"] <= 1 for r in rows for n in small_data.NAMES)
    assert rows[1][small_data.LINEAR]["mean"] < 0.15
    assert found.reduced is None


def test_small_data_keeps_to_little_time(monkeypatch):
    """Fewer steps; once time is up, no more samples and no verdict."""
    monkeypatch.setattr(small_data, "COUNTS", (60, 200, 400))
    monkeypatch.setattr(small_data, "TEST", 200)
    monkeypatch.setattr(small_data, "DIRECTIONS", (5,))
    times = iter(range(1000))
    budget = Budget(2.5, clock=lambda: float(next(times)))  # a second a look
    found = small_data.small_data(Context(data="digits", seeds=2, budget=budget))
    assert [r["name"] for r in found.tables[0].rows] == ["60"]
    assert all(0 <= found.tables[0].rows[0][n]["mean"] <= 1 for n in small_data.NAMES)
    assert "1 instead of 2 seeds" in found.reduced and "at most 60 samples" in found.reduced
    assert "steps of training instead of 1000" in found.reduced
    assert found.checks == ()


@pytest.mark.parametrize(("seconds", "steps"), [(1e-9, small_data.TRIAL), (math.inf, 1000)])
def test_steps_of_training_fit_the_time(seconds, steps):
    x, y = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 10
    assert small_data.steps_within(seconds, {small_data.NETWORK: (x, y)}, 3) == steps


def test_a_class_that_is_not_there_is_never_the_answer():
    x = torch.cat([torch.zeros(5, 3), torch.ones(5, 3)]) + 0.01 * torch.eye(10, 3)
    y = torch.tensor([0] * 5 + [2] * 5)
    assert small_data._answer_error(x, y, x, y, 1) == 0
