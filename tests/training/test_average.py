"""Averages of weights, by themselves and in `fit`."""

import math

import pytest
import torch
from torch import nn

from geomdl.training import fit
from geomdl.training.average import Average


def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)).double()


def points():
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, x[:, :1] * x[:, 1:] + x[:, :1]


def test_the_average_is_the_weighted_sum_of_the_weights():
    layer = nn.Linear(1, 1, bias=False).double()
    average = Average(layer, 0.5)
    expected = layer.weight.item()
    for step in range(1, 30):
        value = math.sin(step)
        nn.init.constant_(layer.weight, value)
        average.update(step)
        memory = min(0.5, (1 + step) / (10 + step))
        expected = memory * expected + (1 - memory) * value
        with average.used():
            assert layer.weight.item() == pytest.approx(expected, rel=1e-12)
        assert layer.weight.item() == value


def test_what_is_averaged():
    model = net()
    model[2].bias.requires_grad_(False)
    model.register_buffer("mask", torch.tensor(-math.inf))
    kept = set(Average(model, 0.9).weights)
    assert "1.running_mean" in kept
    assert kept.isdisjoint({"mask", "1.num_batches_tracked", "2.bias"})


def test_fit_without_memory_is_fit_without_average():
    def weights(**settings):
        model = net()
        run = fit(model, points(), points(), epochs=3, batch_size=16, **settings)
        return torch.cat([p.flatten() for p in model.parameters()]).detach(), run.history

    plain, rows = weights()
    none, same = weights(ema=0.0)
    some, other = weights(ema=0.9)
    assert (plain - none).abs().max() <= 1e-14
    assert (plain - some).abs().max() > 1e-4
    # validation sees the average, training the weights
    assert [row["train_loss"] for row in rows] == [row["train_loss"] for row in other]
    assert all(a["val_loss"] != b["val_loss"] for a, b in zip(rows, other, strict=True))
    assert rows[-1]["val_loss"] == pytest.approx(same[-1]["val_loss"], rel=1e-12)


def test_what_fit_gives_back_is_what_was_validated():
    run = fit(net(), points(), points(), epochs=4, batch_size=16, ema=0.9)
    with torch.no_grad():
        x, y = points()
        loss = (run.model(x) - y).square().mean().item()
    assert loss == pytest.approx(run.best["val_loss"], rel=1e-12)
