"""Chains of layers: fields and sizes are checked before any image is there."""

import copy
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import geomdl
from geomdl import Field, Grid
from geomdl.steerable import AvgPool, BatchNorm, Conv, GlobalPool, GroupPool, Pointwise, Sequential
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.static_sizes import layer_sizes, whole_sizes
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
    with pytest.raises(ValueError, match=r"^Conv\(2·regular of C4\): x: size 28 breaks C4"):
        layers()[3](torch.zeros(1, FIELD.channels, 28, 28))  # alone it says what it is
    x = torch.randn(1, 1, 29, 29, generator=torch.Generator().manual_seed(0))
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), net(x))


def test_slices_and_state_are_those_of_torch() -> None:
    net = Sequential(*layers(), size=29)
    assert net[1:3].source == FIELD
    plain = nn.Sequential(*layers())
    assert list(net.state_dict()) == list(plain.state_dict())


def wrong() -> Conv:
    return Conv(Field(Grid(2), G.trivial), FIELD, 3)


CHANGES: dict[str, Callable[[Sequential], object]] = {
    "append": lambda net: net.append(wrong()),
    "insert": lambda net: net.insert(1, wrong()),
    "insert first": lambda net: net.insert(0, Pointwise(FIELD)),
    "extend": lambda net: net.extend([Pointwise(GroupPool(FIELD).target), wrong(), wrong()]),
    "iadd": lambda net: operator.iadd(net, [wrong(), wrong()]),
    "set": lambda net: operator.setitem(net, 1, GroupPool(FIELD)),
    "set last": lambda net: operator.setitem(net, -2, wrong()),
    "delete": lambda net: operator.delitem(net, 1),
    "pop": lambda net: net.pop(1),
    "delete all": lambda net: operator.delitem(net, slice(None)),
    "add": lambda net: net + Sequential(wrong(), Pointwise(FIELD), wrong()),
    "multiply": lambda net: net * 2,
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_that_do_not_fit_are_refused_and_change_nothing(name: str) -> None:
    net = Sequential(Conv(IMAGE, FIELD, 3), Conv(FIELD, IMAGE, 3), Conv(IMAGE, FIELD, 3), size=29)
    if name in ("append", "multiply", "iadd", "add"):
        net.append(Pointwise(FIELD))
    before = list(net.named_children())
    with pytest.raises(ValueError, match=r"^layer \d|^layers: should be at least one, got none"):
        CHANGES[name](net)
    assert list(net.named_children()) == before
    assert net.source == IMAGE


def test_changes_that_fit_are_made_as_torch_makes_them_and_can_be_saved(tmp_path: Path) -> None:
    def build(kind: type[nn.Sequential]) -> nn.Sequential:
        torch.manual_seed(0)
        net = kind(Conv(IMAGE, FIELD, 3, padding=1), Pointwise(FIELD), BatchNorm(FIELD))
        net.append(Conv(FIELD, FIELD, 3, padding=1))
        net.insert(1, BatchNorm(FIELD))
        net.insert(-1, Pointwise(FIELD))
        net.extend([Pointwise(FIELD), GroupPool(FIELD)])
        net[2] = Pointwise(FIELD, "elu")
        del net[3]
        net.pop(1)
        net += nn.Sequential(BatchNorm(GroupPool(FIELD).target))
        return net.eval()

    ours, theirs = build(Sequential), build(nn.Sequential)
    x = torch.randn(2, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ours(x), theirs(x))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for net in (ours, copy.deepcopy(ours)):
        geomdl.save(net, tmp_path / "net.safetensors")
        again = geomdl.load(tmp_path / "net.safetensors").eval()
        assert torch.equal(again(x), ours(x))
        assert list(again.state_dict()) == list(ours.state_dict())


def test_sums_and_multiples_have_fields() -> None:
    conv = Conv(FIELD, FIELD, 3, padding=1)
    net = Sequential(conv, Pointwise(FIELD))
    for more in (net + net, net * 2, 2 * net, net + nn.Sequential(*net), copy.copy(net)):
        assert type(more) is Sequential
        assert more.source == more.target == FIELD
    net *= 3
    assert len(net) == 6 and net[4] is conv


def test_a_size_that_was_stated_binds_later_layers() -> None:
    net = Sequential(Conv(IMAGE, FIELD, 3), size=28)
    with pytest.raises(ValueError, match=r"^layer 2 \(Conv\): x: size 26 breaks C4"):
        net.append(Conv(FIELD, FIELD, 3, stride=2))
    net.append(Conv(FIELD, FIELD, 2, stride=2))
    assert net.sizes((28, 28)) == (13, 13)


def test_names_are_kept_and_one_name_is_not_given_twice() -> None:
    conv, act = Conv(IMAGE, FIELD, 3), Pointwise(FIELD)
    with pytest.raises(ValueError, match=r"^layers: names should differ, got '0' twice$"):
        Sequential(conv, {"0": act})
    named = Sequential({"conv": conv, "act": act})
    named.append(GroupPool(FIELD)).insert(1, BatchNorm(FIELD))
    assert list(dict(named.named_children())) == ["conv", "1", "act", "2"]
    del named[1]
    assert list(dict(named.named_children())) == ["conv", "act", "2"]
    with pytest.raises(IndexError, match=r"^index: should be from -3 to 3, got 4$"):
        named.insert(4, act)
    with pytest.raises(TypeError, match=r"^layers: layer '3' should be a module, got 5$"):
        named.append(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [True, 8.0, (8.0, 8.0), "8", (8, True), 0, None, np.int64(8)])
def test_sizes_are_plain_whole_numbers(size: Any) -> None:
    with pytest.raises(ValueError, match=r"^size: should be a positive integer or 2 of them, got"):
        whole_sizes(size, 2)
