"""Initial weights scaled by one batch: the variance stays where it was put."""

import copy

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.steerable import BatchNorm, Conv, Pointwise, Sequential, SteerableCNN
from geomdl.steerable.calibration import calibrate
from geomdl.steerable.conv_transpose import ConvTranspose

DEPTH = 10


def deep(seed: int) -> Sequential:
    """Ten smooth convolutions with ReLU under C8, five taps wide."""
    G = geomdl.group("C8")
    rng = torch.Generator().manual_seed(seed)
    field, before = Field(Grid(2), 4 * G.regular), Field(Grid(2), G.trivial)
    layers: list[nn.Module] = []
    for _ in range(DEPTH):
        layers += [Conv(before, field, 5, padding=2, rng=rng), Pointwise(field)]
        before = field
    return Sequential(*layers)


def images(seed: int, n: int = 16, size: int = 12) -> Tensor:
    return torch.randn(n, 1, size, size, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def variances(net: Sequential, x: Tensor) -> Tensor:
    """Of the output of each convolution."""
    found = []
    for layer in net:
        x = layer(x)
        if isinstance(layer, Conv):
            found.append(x.var().item())
    return torch.tensor(found)


def test_variance_stays_through_ten_layers_on_fresh_data_and_drifts_without() -> None:
    seeds = range(6)
    nets = [deep(seed) for seed in seeds]
    drift = torch.stack([variances(net, images(100 + i)) for i, net in enumerate(nets)])
    for i, net in enumerate(nets):
        calibrate(net, images(200 + i))
    held = torch.stack([variances(net, images(100 + i)) for i, net in enumerate(nets)])
    assert ((held.mean(0) - 1).abs() <= 0.1).all(), held.mean(0)
    assert not ((drift.mean(0) - 1).abs() <= 0.1).any(), drift.mean(0)
    assert drift.mean(0)[-1] >= 10 * held.mean(0)[-1]


def test_on_the_batch_itself_it_is_exact_and_the_order_is_that_of_execution() -> None:
    net, x = deep(0).double(), images(0).double()
    factors = calibrate(net, x, gain=2.0)
    assert list(factors) == [str(2 * i) for i in range(DEPTH)]
    assert all(factor > 0 for factor in factors.values())
    found = variances(net, x)
    assert (found / 4 - 1).abs().max() <= 1e-3  # of var with one sample less
    again = calibrate(net, x, gain=2.0)
    assert all(abs(factor - 1) <= 1e-12 for factor in again.values())


def test_only_scales_change_and_the_symmetry_stays() -> None:
    net = SteerableCNN("D4", (8, 8), classes=3, depth=2).double().train()
    before = copy.deepcopy(net)
    with torch.no_grad():
        net.head.bias.blocks[0].weight.fill_(1.0)  # type: ignore[union-attr]
    state = torch.get_rng_state()
    factors = calibrate(net, images(0, size=8).double())
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training and net.body.training
    for name, value in net.state_dict().items():
        owner = next((key for key in factors if name.startswith(key + ".filters")), None)
        wanted = before.state_dict()[name] * (1.0 if owner is None else factors[owner])
        assert torch.allclose(value, wanted, rtol=1e-12), name
    assert not any(m._forward_hooks for m in net.modules())
    assert geomdl.audit(net, images(1, size=8).double()).passed(1e-12)


def test_layers_in_nested_and_shared_places_are_scaled_once() -> None:
    G = geomdl.group("C4")
    field = Field(Grid(2), G.regular)
    shared = Conv(field, field, 3, padding=1)
    up = ConvTranspose(field, field, 4, 2, 1)
    net = Sequential(Sequential(shared, BatchNorm(field)), shared, up).eval()
    x = torch.randn(8, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    factors = calibrate(net, x)
    assert list(factors) == ["0.0", "2"]
    assert net(x).var(correction=0).item() == pytest.approx(1.0, rel=1e-5)


def test_bad_batches_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"x: the output of layer 0 should be finite and vary"):
        calibrate(deep(0), torch.zeros(2, 1, 12, 12))
    with pytest.raises(ValueError, match=r"x: the output of layer 0 should be finite and vary"):
        calibrate(deep(0), torch.full((2, 1, 12, 12), float("nan")))
    with pytest.raises(ValueError, match=r"^model: ReLU calls no Conv, ConvTranspose or Linear"):
        calibrate(nn.ReLU(), images(0))
    with pytest.raises(ValueError, match=r"^gain: should be positive and finite, got 0$"):
        calibrate(deep(0), images(0), gain=0)
    for gain in (float("inf"), float("nan"), True):
        with pytest.raises(ValueError, match=r"^gain: should be positive and finite, got"):
            calibrate(deep(0), images(0), gain=gain)
    with pytest.raises(ValueError, match=r"^inputs: should hold samples, got a tensor of shape"):
        calibrate(deep(0), images(0, n=0))


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("no")


@pytest.mark.parametrize("end", ["constant", "error"])
def test_after_an_error_the_model_is_what_it_was(end: str) -> None:
    net = deep(0).train()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1)
        if end == "constant":
            net[6].filters.blocks[0].weight.zero_()  # type: ignore[union-attr, index]
    model = net if end == "constant" else nn.Sequential(net, BatchNorm(net.target), Failing())
    before = copy.deepcopy(model.state_dict())
    assert any(name.endswith("bias.blocks.0.weight") for name in before)
    with pytest.raises((ValueError, RuntimeError), match=r"x: the output of layer 6|^no$"):
        calibrate(model, images(0))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_layers_that_are_not_reached_keep_their_biases() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = deep(0)[0], deep(1)[0]

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.used(x)
            return y

    model = Model()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    before = copy.deepcopy(model.state_dict())
    assert list(calibrate(model, images(0))) == ["used"]
    for name, value in model.state_dict().items():
        if name.startswith("idle"):
            assert torch.equal(value, before[name])
        elif "bias" in name:
            assert (value == 0).all()


def test_filters_that_two_layers_share_are_scaled_once() -> None:
    field = Field(Grid(2), geomdl.group("C4").regular)
    first, second = (Conv(field, field, 3, padding=1) for _ in range(2))
    second.filters = first.filters
    before = first.filters.blocks[0].weight.detach().clone()
    x = torch.randn(8, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    factors = calibrate(Sequential(first, second), x)
    assert list(factors) == ["0"]
    after = first.filters.blocks[0].weight
    assert torch.allclose(after, factors["0"] * before)
    assert first(x).var(correction=0).item() == pytest.approx(1.0, rel=1e-5)
