import pytest
import torch
from torch import nn

from geomdl.training import accuracy, evaluate, mean_squared_error
from geomdl.training.metrics import default_loss, default_metric


def test_accuracy_counts_and_a_nan_logit_is_wrong():
    logits = torch.eye(4)
    assert accuracy(logits, torch.arange(4)).item() == 1.0
    assert accuracy(logits, torch.tensor([0, 1, 0, 1])).item() == 0.5
    logits[1, 1] = float("nan")  # argmax would point at it
    assert accuracy(logits, torch.arange(4)).item() == 0.75


def test_accuracy_per_pixel():
    logits = torch.zeros(2, 3, 4, 4)
    logits[:, 2] = 1
    assert accuracy(logits, torch.full((2, 4, 4), 2)).item() == 1.0


def test_nothing_is_broadcast():
    with pytest.raises(
        ValueError, match=r"^target: shape should be the output's \(5, 1\), got \(5,\)$"
    ):
        mean_squared_error(torch.zeros(5, 1), torch.zeros(5))
    with pytest.raises(ValueError, match=r"^target: shape should be \(5,\), got \(5, 1\)$"):
        accuracy(torch.zeros(5, 3), torch.zeros(5, 1))


def test_defaults_by_kind_of_target():
    assert default_metric(torch.zeros(2)) is None
    assert default_loss(torch.zeros(2)) is mean_squared_error
    assert default_metric(torch.zeros(2, dtype=torch.int32)) is accuracy
    loss = default_loss(torch.zeros(2, dtype=torch.int32))
    assert loss(torch.zeros(2, 4), torch.ones(2, dtype=torch.int32)).item() == pytest.approx(
        1.3862944
    )


def test_evaluate_weighs_batches_by_their_size():
    x = torch.randn(11, 4, generator=torch.Generator().manual_seed(0))
    y = x.argmax(1)
    y[:3] = (y[:3] + 1) % 4
    for batch_size in (1, 3, 4, 256):
        assert evaluate(nn.Identity(), (x, y), batch_size=batch_size) == pytest.approx(8 / 11)
    wanted = (x**2).mean().item()
    found = evaluate(nn.Identity(), (x, torch.zeros(11, 4)), batch_size=4)
    assert found == pytest.approx(wanted)
    assert evaluate(nn.Identity(), (x, y), lambda out, target: out.max()) > 0


def test_evaluate_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[0].eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    first = evaluate(model, (x, x.argmax(1)))
    assert first == evaluate(model, (x, x.argmax(1))) == 1.0
    assert model.training
    assert not model[0].training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_evaluate_refuses_nan():
    with pytest.raises(ValueError, match=r"^data x\[1, 0\]: should be finite, got nan$"):
        evaluate(nn.Identity(), (torch.tensor([[0.0], [float("nan")]]), torch.zeros(2, 1)))


def test_metrics_take_tensors_alone():
    for metric in (accuracy, mean_squared_error, default_loss(torch.arange(3))):
        with pytest.raises(TypeError, match=r"^output: should be a tensor, got tuple$"):
            metric((torch.eye(3),), torch.arange(3))
