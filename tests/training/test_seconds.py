"""`fit` over seconds of training: a clock in place of the real one, that moves as it is read."""

import sys

import pytest
import torch
from torch import nn

from geomdl.training import epochs, fit
from geomdl.training.schedule import warmup_cosine, warmup_cosine_at


class Clock:
    """A tenth of a second passes at each look."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 0.1
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(epochs, "time", found)
    monkeypatch.setattr(sys.modules[fit.__module__], "time", found)
    return found


def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(2, 1)


def points(count=32):
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(1))
    return x, x[:, :1] + 0.5


def test_the_run_ends_after_the_seconds_whatever_the_epochs(clock):
    run = fit(net(), points(), points(), epochs=1, batch_size=8, seconds=1.95, lr=0.1)
    assert run.stopped == "seconds"
    assert [row["step"] for row in run.history] == [4, 8, 12, 16, 20]  # 0.1 s a step
    assert run.history[-1]["val_loss"] < run.history[0]["val_loss"]


def test_the_rate_falls_over_the_seconds(clock):
    run = fit(net(), points(8), seconds=1.95, warmup=0.2, lr=0.1)  # a step an epoch
    rates = [row["lr"] / 0.1 for row in run.history]
    assert rates == pytest.approx([warmup_cosine_at(0.1 * t / 1.95, 0.2) for t in range(20)])
    assert rates[0] == pytest.approx(0.001)
    assert max(rates) > 0.9
    assert rates[-1] < 0.02


def test_validation_does_not_count(clock, monkeypatch):
    def slow(self, row, taken=epochs.Loop._validate):
        clock.now += 100.0
        return taken(self, row)

    monkeypatch.setattr(epochs.Loop, "_validate", slow)
    run = fit(net(), points(), points(), batch_size=8, seconds=1.95)
    assert run.history[-1]["step"] == 20
    assert run.seconds > 300


def test_a_budget_ends_the_run_before(clock):
    run = fit(net(), points(), batch_size=8, seconds=1.95, budget=0.5)
    assert run.stopped == "budget"
    assert run.history[-1]["step"] < 20


def test_goes_on_with_the_seconds_of_the_run_that_was_cut(tmp_path, clock, monkeypatch):
    settings = {"batch_size": 8, "seconds": 1.95, "ema": 0.9, "lr": 0.1}
    whole = fit(net(), points(), points(), folder=tmp_path / "a", **settings)

    class CutError(Exception):
        pass

    def stop(self, row, taken=epochs.Loop._keep_best):
        taken(self, row)
        if row["epoch"] == 3:
            raise CutError

    with monkeypatch.context() as patch:
        patch.setattr(epochs.Loop, "_keep_best", stop)
        with pytest.raises(CutError):
            fit(net(), points(), points(), folder=tmp_path / "b", **settings)
    rest = fit(net(), points(), points(), folder=tmp_path / "b", **settings)
    assert rest.stopped == "seconds"
    assert [row["step"] for row in rest.history] == [row["step"] for row in whole.history]
    for key in ("lr", "train_loss", "val_loss"):
        found, expected = ([row[key] for row in run.history] for run in (rest, whole))
        assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_the_factor_is_that_of_steps(warmup):
    total, first = 4000, int(4000 * warmup)
    for step in range(0, total + 500, 100):
        found = warmup_cosine_at(step / total, warmup)
        assert found == pytest.approx(warmup_cosine(step, total, first), abs=2e-3)
