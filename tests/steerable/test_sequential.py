"""Chains of layers: fields and sizes are checked before any image is there."""

import copy

import pytest
import torch
from torch import nn

import geomdl
from geomdl import Field, Grid
from geomdl.steerable import AvgPool, BatchNorm, Conv, GlobalPool, GroupPool, Pointwise, Sequential
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.static_sizes import layer_sizes
from geomdl.steerable.upsample import Upsample

G = geomdl.group("C4")
IMAGE = Field(Grid(2), G.trivial)
FIELD = Field(Grid(2), 2 * G.regular)


def layers(stride: int = 2) -> list[nn.Module]:
    return [
        Conv(IMAGE, FIELD, 3, padding=1),
        BatchNorm(FIELD),
        Pointwise(FIELD),
        Conv(FIELD, FIELD, 3, stride=stride, padding=1),
        AvgPool(FIELD),
        GroupPool(FIELD),
    ]


def test_sizes_are_those_of_a_call() -> None:
    net = Sequential(*layers(), size=29).eval()
    for n in (29, 33, 13):
        assert net.sizes((n, n)) == tuple(net(torch.zeros(1, 1, n, n)).shape[2:])
    whole = Sequential(*layers(), GlobalPool(GroupPool(FIELD).target), size=(29, 29))
    assert whole.sizes((29, 29)) == ()


def test_a_bad_size_names_the_layer_the_remedy_and_good_sizes() -> None:
    with pytest.raises(
        ValueError,
        match=r"^layer 4 \(Conv\): x: size 28 breaks C4 with kernel_size=3, stride=2, .*use "
        r"kernel_size=4 or size 27 or 29; for all layers the input may have size 27 or 29$",
    ):
        Sequential(*layers(), size=28)
    with pytest.raises(
        ValueError, match=r"^layer 1 \(Conv\): x: C4 turns the grid, so all sizes should be equal"
    ):
        Sequential(*layers(), size=(29, 33))
    with pytest.raises(ValueError, match=r"^layer 1 \(Conv\): x: a window of 3 pixels needs size"):
        Sequential(Conv(IMAGE, FIELD, 3), size=2)
    with pytest.raises(ValueError, match=r"^size: should be a positive integer or 2 of them, got"):
        Sequential(*layers(), size=(29, 29, 29))
    assert isinstance(Sequential(*layers()), Sequential)  # unknown sizes are no error


def test_suggested_sizes_are_good() -> None:
    deep = [*layers()[:5], Conv(FIELD, FIELD, 3, stride=2, padding=1)]
    with pytest.raises(ValueError, match=r"may have size (\d+) or (\d+)$") as caught:
        Sequential(*deep, size=28)
    words = str(caught.value).split()
    for n in (int(words[-3]), int(words[-1])):
        Sequential(*deep, size=n)


def test_layers_without_a_method_are_tried_on_no_samples() -> None:
    up = Upsample(FIELD, 3)
    assert layer_sizes(up, (4, 4)) == (12, 12)
    norm = BatchNorm(FIELD).double().train()
    before = copy.deepcopy(norm.state_dict())
    assert layer_sizes(norm, (4, 4)) == (4, 4)
    assert norm.training
    assert all(torch.equal(v, before[k]) for k, v in norm.state_dict().items())
    back = ConvTranspose(FIELD, FIELD, 4, 2, 1)
    assert Sequential(Conv(FIELD, FIELD, 4, 2, 1), back, size=28).sizes((28, 28)) == (28, 28)
    with pytest.raises(TypeError, match=r"^layer 2 \(Dropout\): Dropout should have fields or a"):
        Sequential(Conv(IMAGE, FIELD, 3), nn.Dropout(), size=5)


def test_an_error_at_the_call_names_the_layer_and_graphs_stay_whole() -> None:
    net = Sequential(*layers()).eval()
    with pytest.raises(ValueError, match=r"^layer 4 \(Conv\): x: size 28 breaks C4"):
        net(torch.zeros(1, 1, 28, 28))
    inner = Sequential(Sequential(*layers()[:4]), layers()[4])
    with pytest.raises(ValueError, match=r"^layer 1 \(Sequential\): layer 4 \(Conv\): x: size 28"):
        inner(torch.zeros(1, 1, 28, 28))
    x = torch.randn(1, 1, 29, 29, generator=torch.Generator().manual_seed(0))
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), net(x))


def test_slices_and_state_are_those_of_torch() -> None:
    net = Sequential(*layers(), size=29)
    assert net[1:3].source == FIELD
    plain = nn.Sequential(*layers())
    assert list(net.state_dict()) == list(plain.state_dict())
