import contextlib
import copy
import itertools
import os

import pytest
import torch
from torch import nn

import geomdl
from geomdl.training import fit
from geomdl.training.checkpoint import Saver, restore, snapshot
from geomdl.translation import CNN

X = torch.randn(24, 1, 4, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(24) % 3


def small():
    return CNN(1, 3, widths=(4, 4))


def equal(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_registered_model_is_rebuilt_by_load(tmp_path, dtype):
    run = fit(small().to(dtype), (X, Y), (X, Y), epochs=4, lr=0.1, folder=tmp_path)
    again = geomdl.load(run.checkpoint)
    assert type(again) is CNN
    assert equal(again, run.model)
    assert not again.training
    assert torch.equal(again(X.to(dtype)), run.model(X.to(dtype)))
    assert not [name for name in os.listdir(tmp_path) if name.endswith("tmp")]


def test_of_a_changed_or_foreign_model_the_tensors_are_kept(tmp_path):
    from safetensors.torch import load_model

    changed = small()
    changed.head = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    for model in (changed, nn.Sequential(nn.Flatten(), nn.Linear(16, 3))):
        twin = copy.deepcopy(model)
        told = pytest.warns(UserWarning, match="only the tensors are kept, not for geomdl.load")
        with told if model is changed else contextlib.nullcontext():
            run = fit(model, (X, Y), epochs=1, folder=tmp_path, resume=False)
        assert not equal(twin, model)
        load_model(twin, run.checkpoint)
        assert equal(twin, model)
        with pytest.raises(ValueError, match="no geomdl checkpoint"):
            geomdl.load(run.checkpoint)


def test_the_file_holds_the_best_weights_not_the_last(tmp_path):
    worse = itertools.count()  # the first epoch is the best, whatever is learnt
    run = fit(
        small(), (X, Y), (X, Y), epochs=4, folder=tmp_path, monitor="metric",
        metric=lambda output, target: torch.tensor(-float(next(worse))),
    )  # fmt: skip
    assert run.best["epoch"] == 1
    assert equal(geomdl.load(run.checkpoint), run.model)
    last = fit(small(), (X, Y), epochs=4).model
    assert not equal(geomdl.load(run.checkpoint), last)


def test_trying_whether_a_model_can_be_saved_leaves_nothing(tmp_path):
    saver = Saver(small(), tmp_path / "best.safetensors")
    assert saver.registered
    assert os.listdir(tmp_path) == []
    saver.save()
    saver.save()
    assert os.listdir(tmp_path) == ["best.safetensors"]


def test_saving_leaves_the_mode_alone(tmp_path):
    model = small().train()
    model.stages = None  # not a part that was there when it was built, and not a module
    Saver(model, tmp_path / "best.safetensors").save()
    assert model.training


def test_snapshots_are_copies():
    model = small()
    state = snapshot(model)
    before = copy.deepcopy(model)
    with torch.no_grad():
        model.head.weight.add_(1)
    assert not equal(before, model)
    restore(model, state)
    assert equal(before, model)
