"""Grids on which groups act, and arguments that all classifiers share."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import geomdl
from geomdl.steerable import E2CNN, Conv, SteerableCNN, SteerableResNet
from geomdl.steerable.features import grid_for, named_group

C2 = geomdl.group("C2")


def signals(*shape: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize(("name", "label"), [("C2", 1), ("D1", (1, 0))])
@pytest.mark.parametrize("size", [16, 17])
@pytest.mark.parametrize("build", [SteerableCNN, SteerableResNet])
def test_signals_are_reversed_exactly_and_a_bent_network_is_seen(
    build: Any, name: str, label: Any, size: int
) -> None:
    action = geomdl.group(name).irrep(label)
    small = {"depth": 10, "widen": 1} if build is SteerableResNet else {"depth": 3}
    net = build(name, (size,), 1, 3, **small, action=action).double().eval()
    x = signals(3, 1, size)
    y = net(x)
    assert y.std() > 0
    assert (net(x.flip(-1)) - y).abs().max() <= 1e-11 * y.abs().max()
    assert (net(x.roll(3, -1)) - y).abs().max() >= 1e-6 * y.abs().max()
    assert geomdl.audit(net, x).passed(1e-12)
    conv = next(m for m in net.body if isinstance(m, Conv))
    hook = conv.register_forward_hook(
        lambda _m, _x, out: torch.cat([2 * out[:, :1], out[:, 1:]], 1)
    )
    assert not geomdl.audit(net, x).passed(1e-9)
    hook.remove()


def test_an_action_is_saved_with_the_network(tmp_path: Path) -> None:
    net = SteerableCNN(C2, (12,), depth=2, action=C2.irrep(1)).eval()
    geomdl.save(net, tmp_path / "net.safetensors")
    again = geomdl.load(tmp_path / "net.safetensors").eval()
    x = signals(2, 1, 12).float()
    assert again.source == net.source and torch.equal(again(x), net(x))


def test_an_action_of_ones_own_decides_what_a_group_does() -> None:
    C4 = geomdl.group("C4")
    about_x = geomdl.groups.direct_sum([(C4.trivial, 1), (C4.standard, 1)])
    net = SteerableCNN("C4", (6,) * 3, depth=2, kernel_size=3, action=about_x).double().eval()
    x = signals(2, 1, 6, 6, 6)
    y = net(x)
    errors = {a: (net(x.rot90(1, a)) - y).abs().max() for a in ((-3, -2), (-2, -1))}
    assert errors[-3, -2] <= 1e-11 * y.abs().max() < errors[-2, -1]


def test_no_symmetry_needs_no_action() -> None:
    for d in (1, 2, 3):
        net = SteerableCNN("C1", (8,) * d, depth=2, kernel_size=3)
        assert net(torch.zeros(2, 1, *[8] * d)).shape == (2, 10)


@pytest.mark.parametrize("build", [SteerableCNN, SteerableResNet, E2CNN])
@pytest.mark.parametrize("name", ["S2", "C4*C2"])
def test_groups_that_move_no_pixel_are_refused(build: Any, name: str) -> None:
    expected = r"^group: should move the pixels of a grid with 2 axes, got .*, which moves none"
    with pytest.raises(ValueError, match=expected):
        build(name, (29, 29))


def test_wrong_actions_are_refused() -> None:
    for action in (C2.standard, geomdl.group("D1").irrep((1, 0))):
        with pytest.raises(ValueError, match=r"^action: should be a representation of C2 of dimen"):
            grid_for(C2, 1, action)
    with pytest.raises(ValueError, match=r"^group: should move the pixels of a grid with 1 axes"):
        grid_for(C2, 1, C2.trivial)
    with pytest.raises(ValueError, match=r"^action: should be a representation, got 'irrep'$"):
        SteerableCNN("C2", (8,), action="irrep")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^shape: C2 acts in 2 dimensions, got 1 axes; action="):
        SteerableCNN("C2", (8,))


@pytest.mark.parametrize("build", [SteerableCNN, SteerableResNet, E2CNN])
@pytest.mark.parametrize(
    "shape", [16, (16.0, 16.0), (True, True), (np.int64(16),) * 2, None, "88", (), (0, 0)]
)
def test_shapes_are_whole_numbers(build: Any, shape: Any) -> None:
    with pytest.raises(ValueError, match=r"^shape: should be one to three equal sizes, got ") as e:
        build(shape=shape)
    assert "\n" not in str(e.value)


def test_other_arguments_are_checked_too() -> None:
    for group in (4, None, 2.0):
        with pytest.raises(ValueError, match=r"^group: should be a Group or its name, got "):
            named_group(group)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^groups: should be one, or 3, got 4$"):
        SteerableResNet(4)  # type: ignore[arg-type]
    for pool in (True, None, float("nan"), "min"):
        with pytest.raises(ValueError, match=r"^pool: should be 'avg', 'max' or a number of pix"):
            SteerableCNN(pool=pool)  # type: ignore[arg-type]
    for size in (5.0, True, 4, -1):
        with pytest.raises(ValueError, match=r"^kernel_size: should be odd, got "):
            SteerableCNN(kernel_size=size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^frequency: should be a positive integer, got True$"):
        SteerableCNN("SO2", frequency=True)
