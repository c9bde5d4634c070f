"""What `fit` refuses, each with one line that says what and where."""

import pytest
import torch
from torch import nn

from geomdl.training import fit

X = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
Y = torch.arange(20) % 3
NAN = torch.tensor(float("nan"))


class NeverCalled(nn.Module):
    """Fails if training begins."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        raise AssertionError("training began")


def refused(message, *args, error=ValueError, **kwargs):
    with pytest.raises(error, match=message) as caught:
        fit(*args, **kwargs)
    assert "\n" not in str(caught.value)


def test_nan_in_the_data():
    bad = X.clone()
    bad[7, 1] = NAN
    refused(r"^train x\[7, 1\]: should be finite, got nan$", NeverCalled(), (bad, Y))
    refused(r"^val x\[7, 1\]: should be finite, got nan$", NeverCalled(), (X, Y), (bad, Y))
    refused(r"^train y\[7, 1\]: should be finite, got nan$", NeverCalled(), (X, bad))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(bad, Y), batch_size=5)
    refused(r"^train batch 1 x\[2, 1\]: should be finite, got nan$", nn.Linear(2, 3), loader)


def test_nan_in_a_target_may_be_a_mask_of_the_users_loss():
    target = X.clone()
    target[3] = NAN

    def masked(output, target):
        known = target.isfinite()
        return (output[known] - target[known]).square().mean()

    run = fit(nn.Linear(2, 2), (X, target), (X, target), epochs=1, loss=masked)
    assert run.best["val_loss"] > 0


def test_nan_in_the_loss():
    def loss(output, target):
        return output.sum() * NAN

    refused(
        r"^loss: should be finite, got nan at epoch 1, step 1$", nn.Linear(2, 3), (X, Y), loss=loss
    )
    refused(
        r"^loss: should be a scalar, got shape \(20,\) at epoch 1, step 1$",
        nn.Linear(2, 3), (X, Y), loss=lambda output, target: output.sum(1),
    )  # fmt: skip


def test_nan_in_the_validation():
    refused(
        r"^validation metric: should be finite, got nan after epoch 1$",
        nn.Linear(2, 3), (X, Y), (X, Y), metric=lambda output, target: NAN,
    )  # fmt: skip


def test_nan_in_the_gradient_before_it_reaches_the_weights():
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()

    def loss(output, target):
        return (0 * output).abs().sqrt().sum()  # 0, with derivative 0 · ∞

    refused(
        r"^gradient: should be finite, got nan or inf in weight at epoch 1, step 1$",
        model, (X, X[:, :1]), loss=loss,
    )  # fmt: skip
    assert torch.equal(model.weight, before)


def test_unwritable_folder_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    refused(
        r"^folder: should be a writable folder, got .*file/run",
        NeverCalled(), (X, Y), folder=tmp_path / "file" / "run",
    )  # fmt: skip


def test_wrong_channel_count_is_the_models_error():
    class Picky(nn.Linear):
        def forward(self, x):
            if x.shape[1] != 2:
                raise ValueError(f"x: axis 1 should be 2, got {x.shape[1]}")
            return super().forward(x)

    refused(r"^x: axis 1 should be 2, got 1$", Picky(2, 3), (X[:, :1], Y))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"epochs": 0}, r"^epochs: should be an integer >= 1, got 0$"),
        ({"epochs": 2.5}, r"^epochs: should be an integer >= 1, got 2.5$"),
        ({"batch_size": 0}, r"^batch_size: should be an integer >= 1, got 0$"),
        ({"lr": float("nan")}, r"^lr: should be a number > 0, got nan$"),
        ({"lr": -1.0}, r"^lr: should be a number > 0, got -1.0$"),
        ({"weight_decay": -1.0}, r"^weight_decay: should be a number >= 0, got -1.0$"),
        ({"warmup": 1.0}, r"^warmup: should be a share in \[0, 1\), got 1.0$"),
        ({"clip": 0.0}, r"^clip: should be a number > 0, got 0.0$"),
        ({"seconds": 0.0}, r"^seconds: should be a number > 0, got 0.0$"),
        ({"ema": 1.0}, r"^ema: should be a decay in \[0, 1\), got 1.0$"),
        ({"ema": float("nan")}, r"^ema: should be a decay in \[0, 1\), got nan$"),
        ({"budget": 0.0}, r"^budget: should be a number > 0, got 0.0$"),
        ({"monitor": "accuracy"}, r"^monitor: should be 'loss' or 'metric', got 'accuracy'$"),
        ({"patience": 3}, r"^val: should be given when patience or monitor='metric' is, got None$"),
        ({"monitor": "metric"}, r"^val: should be given when patience or monitor"),
    ],
)
def test_impossible_settings(kwargs, message):
    refused(message, NeverCalled(), (X, Y), **kwargs)


def test_a_monitored_metric_that_is_none():
    refused(
        r"^metric: should be given when monitor='metric', got None$",
        NeverCalled(), (X, X), (X, X), monitor="metric",
    )  # fmt: skip


def test_augment_of_another_kind():
    refused(
        r"^augment: should be a function \(x, rng\) -> x or \(group, field\), got str$",
        NeverCalled(), (X, Y), augment="rotate", error=TypeError,
    )  # fmt: skip


@pytest.mark.parametrize("label", [-1, 7])
def test_labels_outside_of_the_classes(label):
    model = torch.nn.Linear(3, 2)
    y = torch.tensor([0, 1, 1, label])
    with pytest.raises(ValueError, match="y: labels should be 0, …, 1 for 2 classes, got "):
        fit(model, (torch.ones(4, 3), y), epochs=1, batch_size=4, progress=False)
