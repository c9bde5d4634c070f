"""Configurations: what they are made of, their arguments, and that they can be saved."""

import doctest
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import geomdl
from geomdl import steerable as table
from geomdl.registry import default
from geomdl.steerable import E2CNN, Conv, SteerableCNN, SteerableResNet, configurations, volumes

NAMES = {
    "cnn_small": SteerableCNN,
    "cnn_medium": SteerableCNN,
    "cnn1d_c2": SteerableCNN,
    "cnn3d_o": SteerableCNN,
    "cnn3d_small": SteerableCNN,
    "cnn3d_medium": SteerableCNN,
    "cnn3d_so3": SteerableCNN,
    "cnn3d_so3_small": SteerableCNN,
    "cnn3d_so3_medium": SteerableCNN,
    "e2cnn_small": E2CNN,
    "e2cnn_medium": E2CNN,
    "wrn16_small": SteerableResNet,
    "wrn16_medium": SteerableResNet,
    "wrn16_d8": SteerableResNet,
    "wrn28_d8d4d1": SteerableResNet,
    "resnet3d_small": SteerableResNet,
    "resnet3d_medium": SteerableResNet,
    "resnet3d_so3_small": SteerableResNet,
    "resnet3d_so3_medium": SteerableResNet,
}


def weights(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_each_takes_the_arguments_of_its_network_and_can_be_saved(
    name: str, tmp_path: Path
) -> None:
    build = getattr(table, name)
    assert f"steerable/{name}" in geomdl.list_models()
    own = inspect.signature(NAMES[name]).parameters
    found = inspect.signature(build).parameters
    assert set(found) == set(own)
    assert list(found)[:3] == ["shape", "in_channels", "classes"]
    with pytest.raises(TypeError, match="colour"):
        build(colour=1)
    example = default.example(f"steerable/{name}")
    net, x = example.build(), example.draw(seed=0)
    assert type(net) is NAMES[name]
    geomdl.save(net, tmp_path / "net.safetensors")
    again = geomdl.load(tmp_path / "net.safetensors").double().eval()
    assert torch.equal(again(*x), net.double().eval()(*x))


def test_small_ones_are_smaller_than_medium_ones() -> None:
    def less(small: Any, medium: Any) -> bool:
        return 0 < 2 * weights(small()) < weights(medium())

    assert less(table.cnn_small, table.cnn_medium)
    assert less(table.e2cnn_small, table.e2cnn_medium)
    assert less(table.e2cnn_medium, E2CNN)
    assert less(table.wrn16_small, table.wrn16_medium)
    assert less(table.resnet3d_small, table.resnet3d_medium)
    assert less(table.resnet3d_so3_small, table.resnet3d_so3_medium)
    assert less(table.cnn3d_small, table.cnn3d_o)
    assert less(table.cnn3d_o, table.cnn3d_medium)
    assert less(table.cnn3d_so3_small, table.cnn3d_so3)
    assert less(table.cnn3d_so3, table.cnn3d_so3_medium)


def test_networks_for_signals_and_volumes_have_their_axes() -> None:
    assert table.cnn1d_c2((16,), depth=2)(torch.zeros(2, 1, 16)).shape == (2, 10)
    for build, group in (
        (table.resnet3d_small, "O"),
        (table.resnet3d_so3_small, "SO3"),
        (table.cnn3d_small, "O"),
        (table.cnn3d_so3_small, "SO3"),
    ):
        net = build((5, 5, 5))
        assert net.source.group == geomdl.group(group)
        convs = [m for m in net.modules() if isinstance(m, Conv)]
        assert {m.source.domain.d for m in convs} == {3}


def test_residual_networks_of_harmonics_do_not_change_under_quarter_turns() -> None:
    net = table.resnet3d_so3_small((5, 5, 5), classes=3).double().eval()
    x = torch.randn(2, 1, 5, 5, 5, generator=torch.Generator().manual_seed(0)).double()

    @torch.no_grad()
    def error() -> float:
        y = net(x)
        assert (y[0] - y[1]).abs().max() >= 1e-2 * y.abs().max()
        turned = [net(x.rot90(1, axes)) for axes in ((2, 3), (3, 4), (2, 4))]
        return float(max((z - y).abs().max() for z in turned) / y.abs().max())

    assert error() <= 1e-12
    slope = torch.linspace(0.5, 1.5, 5).double()
    net.body[0].register_forward_hook(lambda layer, args, out: out * slope)
    assert error() >= 1e-3


@pytest.mark.parametrize("module", [configurations, volumes])
def test_their_examples_are_tests_of_their_modules(module: ModuleType) -> None:
    found = doctest.DocTestFinder().find(module)
    assert {t.name.rpartition(".")[2] for t in found if t.examples} == {
        name for name in vars(module) if name in NAMES or name in ("d4_cnn", "c4_cnn")
    }


def test_the_published_network_for_cifar_has_the_weights_that_its_text_states() -> None:
    text = " ".join((table.wrn28_d8d4d1.__doc__ or "").split())
    assert "44.4 million weights, and 39.4 million at 33 pixels" in text
    assert "has 41.2 and 36.9 million" in text
    counts = [
        round(weights(table.wrn28_d8d4d1((n, n), groups=groups)) / 1e6, 1)
        for groups, n in ((("D8", "D4", "D1"), 32), ("C1", 33))
    ]
    assert counts == [44.4, 36.9]


@pytest.mark.parametrize("name", ["d4_cnn", "c4_cnn"])
def test_what_a_name_stands_for_cannot_be_changed(name: str) -> None:
    build = getattr(table, name)
    assert build(channels=8, depth=2).source.group.name == name[:2].upper()
    assert "group" not in inspect.signature(build).parameters
    with pytest.raises(TypeError, match="group"):
        build(group="C8")
