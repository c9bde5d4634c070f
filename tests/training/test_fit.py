import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from geomdl.training import evaluate, fit, read_history


def blobs(count=90, seed=0, classes=3, dtype=torch.float32):
    """Well separated clouds of points in the plane."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (count,), generator=rng)
    angle = 2 * math.pi * y / classes
    x = 3 * torch.stack([angle.cos(), angle.sin()], 1) + torch.randn(count, 2, generator=rng)
    return x.to(dtype), y


def net(dropout=0.2, dtype=torch.float32, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3)
        ).to(dtype)


def equal(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def noise(x, rng):
    return x + 0.1 * torch.randn(x.shape, generator=rng)


def test_learns():
    run = fit(net(), blobs(), blobs(seed=1), epochs=15, lr=0.03)
    assert run.stopped == "epochs"
    assert len(run.history) == 15
    assert not run.model.training
    assert evaluate(run.model, blobs(seed=2)) > 0.9
    assert run.best["val_metric"] > 0.9
    assert run.history[0]["train_loss"] > run.history[-1]["train_loss"]
    assert all(run.seconds >= row["seconds"] >= 0 for row in run.history)


def test_same_seed_same_result_bit_for_bit_and_no_global_state():
    torch.manual_seed(5)
    np.random.seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()

    def run(seed, burn):
        torch.rand(burn)
        return fit(net(), blobs(), blobs(seed=1), epochs=3, batch_size=16, seed=seed, augment=noise)

    first = run(0, 0)
    assert torch.equal(before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()
    second, other = run(0, 7), run(1, 0)
    assert equal(first.model, second.model)
    assert not equal(first.model, other.model)
    losses = [[(r["train_loss"], r["val_loss"]) for r in run.history] for run in (first, second)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("kind", ["dropout", "shuffle", "augment"])
def test_each_source_of_chance_hangs_on_the_seed(kind):
    """The twin of the test above: with any one of them alone, the seed still matters."""
    model = net(dropout=0.5 if kind == "dropout" else 0.0)
    batch_size = 16 if kind == "shuffle" else 90
    augment = noise if kind == "augment" else None

    def weights(seed):
        trained = copy.deepcopy(model)
        fit(trained, blobs(), epochs=2, batch_size=batch_size, seed=seed, augment=augment)
        return trained

    assert equal(weights(0), weights(0))
    assert not equal(weights(0), weights(1))


def test_best_weights_are_restored_and_the_rows_say_which():
    run = fit(net(), blobs(30), blobs(seed=1), epochs=12, lr=0.3, weight_decay=0.0)
    losses = [row["val_loss"] for row in run.history]
    assert losses.index(min(losses)) < len(losses) - 1  # else this test would say nothing
    assert run.best is run.history[losses.index(min(losses))]
    measured = evaluate(run.model, blobs(seed=1), nn.functional.cross_entropy)
    assert measured == pytest.approx(run.best["val_loss"], rel=1e-6)
    so_far = [min(losses[: i + 1]) for i in range(len(losses))]
    wanted = [i == 0 or loss < so_far[i - 1] for i, loss in enumerate(losses)]
    assert [row["best"] for row in run.history] == wanted


def test_monitors_the_metric_in_either_direction():
    kwargs = {"epochs": 6, "lr": 0.05, "monitor": "metric"}
    run = fit(net(), blobs(), blobs(seed=1), **kwargs)
    values = [row["val_metric"] for row in run.history]
    assert run.best["val_metric"] == max(values)
    assert run.best["epoch"] == values.index(max(values)) + 1
    run = fit(net(), blobs(), blobs(seed=1), maximize=False, **kwargs)
    values = [row["val_metric"] for row in run.history]
    assert run.best["epoch"] == values.index(min(values)) + 1


def test_stops_when_patience_is_exhausted():
    run = fit(net(), blobs(30), blobs(seed=1), epochs=200, lr=0.3, patience=3)
    assert run.stopped == "patience"
    assert len(run.history) == run.best["epoch"] + 3 < 200


def test_stops_when_the_budget_is_exhausted():
    run = fit(net(), blobs(), blobs(seed=1), epochs=10**6, budget=0.2)
    assert run.stopped == "budget"
    assert run.seconds < 30
    assert "val_loss" in run.history[-1]
    cut = fit(net(), blobs(), epochs=2, batch_size=8, budget=1e-9)
    assert [row["step"] for row in cut.history] == [1]


def test_without_validation_the_last_weights_stay():
    run = fit(net(), blobs(), epochs=4)
    assert run.best is run.history[-1]
    assert set(run.best) == {"epoch", "step", "lr", "train_loss", "best", "seconds"}


def test_history_and_checkpoint_on_disk(tmp_path):
    from safetensors.torch import load_model

    run = fit(net(), blobs(), blobs(seed=1), epochs=3, folder=tmp_path / "run")
    assert sorted(p.name for p in run.folder.iterdir()) == [
        ".lock", "best.safetensors", "history.jsonl", "last.safetensors", "previous.safetensors"
    ]  # fmt: skip
    assert read_history(run.folder / "history.jsonl") == run.history
    assert json.loads((run.folder / "history.jsonl").read_text().splitlines()[1])["epoch"] == 2
    twin = net(seed=9)
    load_model(twin, run.checkpoint)
    assert equal(twin, run.model)
    assert fit(net(), blobs(), epochs=1).checkpoint is None


def test_schedule_reaches_the_optimiser():
    run = fit(net(), blobs(), epochs=10, batch_size=90, lr=0.5, warmup=0.2)
    wanted = [0.5 / 3, 1 / 3] + [0.25 * (1 + math.cos(math.pi * t / 8)) for t in range(8)]
    assert [row["lr"] for row in run.history] == pytest.approx(wanted)


def test_is_adamw_with_that_schedule():
    """Against a loop written out: one full batch, no chance involved."""
    x, y = blobs(dtype=torch.float64)
    reference = nn.Linear(2, 3, dtype=torch.float64)
    trained = copy.deepcopy(reference)
    fit(trained, (x, y), epochs=5, batch_size=90, lr=0.01, weight_decay=0.1, warmup=0.0)
    optimizer = torch.optim.AdamW(reference.parameters(), weight_decay=0.1)
    for t in range(5):
        for group in optimizer.param_groups:
            group["lr"] = 0.005 * (1 + math.cos(math.pi * t / 5))
        optimizer.zero_grad()
        nn.functional.cross_entropy(reference(x), y).backward()
        optimizer.step()
    a, b = trained.state_dict(), reference.state_dict()
    assert all(torch.allclose(a[k], b[k], rtol=1e-10) for k in a)


@pytest.mark.parametrize("kind", ["tuple", "dict", "dataset", "loader"])
def test_every_kind_of_data(kind):
    x, y = blobs()
    data = {
        "tuple": (x, y),
        "dict": {"input": x, "y": y},
        "dataset": TensorDataset(x, y),
        "loader": DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True),
    }[kind]
    run = fit(net(), data, data, epochs=2, batch_size=30)
    assert run.history[-1]["step"] == 6
    assert equal(run.model, fit(net(), data, data, epochs=2, batch_size=30).model)


def test_regression_and_several_inputs():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def forward(self, a, b):
            return self.weight[0] * a + self.weight[1] * b

    a, b = torch.randn(2, 64, 1, generator=torch.Generator().manual_seed(0))
    run = fit(Sum(), (a, b, 2 * a - b), (a, b, 2 * a - b), epochs=150, lr=0.2, weight_decay=0.0)
    assert torch.allclose(run.model.weight, torch.tensor([2.0, -1.0]), atol=1e-2)
    assert "val_metric" not in run.best


def test_clip_bounds_the_gradient():
    seen = []
    model = net(dropout=0.0)
    x, y = blobs()

    def loss(output, target):
        return 1e3 * nn.functional.cross_entropy(output, target)

    optimizer_step = torch.optim.AdamW.step

    def spy(self, *args, **kwargs):
        grads = [p.grad for g in self.param_groups for p in g["params"]]
        seen.append(float(nn.utils.get_total_norm(grads)))
        return optimizer_step(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", spy)
        fit(copy.deepcopy(model), (x, y), epochs=2, loss=loss, clip=0.5)
        clipped, seen = seen, []
        fit(model, (x, y), epochs=2, loss=loss)
    assert all(norm <= 0.5 + 1e-5 for norm in clipped)
    assert max(seen) > 1


def test_float64_stays_float64_and_data_follow_the_model():
    run = fit(net(dtype=torch.float64), blobs(dtype=torch.float64), epochs=2)
    assert all(p.dtype == torch.float64 for p in run.model.parameters())
    run = fit(net(), blobs(dtype=torch.float64), epochs=2)
    assert all(p.dtype == torch.float32 for p in run.model.parameters())
    assert evaluate(run.model, blobs(dtype=torch.float64)) > 0
    with pytest.raises(
        ValueError, match=r"^precision: should be '64-true' or None for a float64 mo"
    ):
        fit(net(dtype=torch.float64), blobs(), precision="32-true")


def test_bfloat16_autocast_keeps_float32_weights():
    run = fit(net(), blobs(), blobs(seed=1), epochs=10, lr=0.03, precision="bf16-mixed")
    assert all(p.dtype == torch.float32 for p in run.model.parameters())
    assert run.best["val_metric"] > 0.8


def test_frozen_parameters_stay():
    model = net()
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    fit(model, blobs(), epochs=1)
    assert torch.equal(model[0].weight, before)
    with pytest.raises(ValueError, match=r"^model: should have parameters to train, got none$"):
        fit(nn.Identity(), blobs())
    with pytest.raises(ValueError, match=r"^model: should have parameters to train, got none$"):
        fit(net().requires_grad_(False), blobs())


def test_the_model_is_no_wrapper_afterwards():
    model = net()
    fit(model, blobs(), epochs=1)
    assert type(model) is nn.Sequential
    assert equal(copy.deepcopy(model), model)
    model(torch.zeros(2, 2)).sum().backward()


def test_progress_bar_only_where_asked_for(capsys):
    fit(net(), blobs(), epochs=1)
    assert capsys.readouterr().out == ""
    fit(net(), blobs(), blobs(seed=1), epochs=2, progress=True)
    assert "4/4" in capsys.readouterr().out
