"""The share of circular shifts that leave the answer of a trained network as it is."""

from functools import cache

import pytest
import torch
from sklearn.datasets import load_digits

from geomdl.training import evaluate, fit
from geomdl.translation import CNN, ResNet
from tests.translation.shifts import orbit


@cache
def digits():
    data = load_digits()
    x = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(data.target)
    return (x[:1000], y[:1000]), (x[1000:1200], y[1000:1200])


@cache
def trained(net, down, padding="circular"):
    model = build(net, down, padding)
    fit(model, digits()[0], epochs=10, lr=0.02)
    return model


def build(net, down, padding):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return net(widths=(8, 16, 16), down=down, padding=padding)


def share(model):
    """Share of (test image, shift) whose answer is that for the image unshifted."""
    with torch.no_grad():
        answers = torch.stack([model(orbit(image)).argmax(1) for image in digits()[1][0]])
    return (answers == answers[:, :1]).double().mean().item()


@pytest.mark.parametrize("net", [CNN, ResNet])
def test_all_shifts_of_all_digits(net):
    assert evaluate(trained(net, "polyphase"), digits()[1]) > 0.8
    assert share(trained(net, "polyphase")) == 1.0


@pytest.mark.parametrize("net", [CNN, ResNet])
@pytest.mark.parametrize(("down", "padding"), [("stride", "circular"), ("polyphase", "zeros")])
def test_not_with_a_plain_stride_nor_with_zero_padding(net, down, padding):
    assert evaluate(trained(net, down, padding), digits()[1]) > 0.8
    assert 0.1 < share(trained(net, down, padding)) < 0.5  # 0.25 and 0.3 when this was written


def test_blur_lies_between():
    assert share(trained(ResNet, "stride")) < 0.5 < share(trained(ResNet, "blur")) < 1.0
