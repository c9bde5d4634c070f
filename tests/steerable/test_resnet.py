"""Wide residual networks: exact at odd and even sizes, a group for each stage, known sizes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.steerable import Conv
from geomdl.steerable.configurations import wrn16_d8, wrn16_medium, wrn16_small, wrn28_d8d4d1
from geomdl.steerable.filters import filter_basis
from geomdl.steerable.resnet import SteerableResNet, WideBlock


def images(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def small(groups: Any = "D4", size: int = 9, d: int = 2, **options: Any) -> SteerableResNet:
    return SteerableResNet(groups, (size,) * d, 1, 3, 10, 1, **options).double().eval()


@pytest.mark.parametrize("down", ["conv", "pool"])
@pytest.mark.parametrize("size", [32, 33, 12, 13, 10])
def test_strides_are_exact_at_even_and_odd_sizes(size: int, down: Any) -> None:
    net, x = small("D4", size, down=down, first_stride=1 + size % 2), images(2, 1, size, size)
    assert geomdl.audit(net, x).passed(1e-12)
    assert geomdl.audit(net.float(), x.float(), dtype=torch.float32).error <= 1e-5


def test_a_stride_that_is_not_centred_is_refused_where_it_is_built() -> None:
    net = small("D4", 32)
    block = next(b for b in net.body if isinstance(b, WideBlock) and b.conv2.stride == 2)
    assert block.conv2.kernel_size == 4 and block.shortcut is not None
    block.conv2.kernel_size = 3
    with pytest.raises(ValueError, match=r"^layer \d+ \(WideBlock\): layer 2 \(Conv\): x: size 32"):
        net.body.sizes((32, 32))


def test_each_stage_has_its_group_and_the_network_the_last_one() -> None:
    net = small(("D8", "D4", "C4"), 12)
    assert net.source.group == net.target.group == geomdl.group("C4")
    found = [b.source.group.name for b in net.body if isinstance(b, WideBlock)]
    assert found == ["D8", "D4", "C4"]
    x = images(2, 1, 12, 12)
    assert geomdl.audit(net, x).passed(1e-12)
    y = net(x)
    assert (net(x.flip(-1)) - y).abs().max() >= 1e-3 * y.abs().max()  # no longer a symmetry
    assert (small("D8", 12)(x.flip(-1)) - small("D8", 12)(x)).shape == y.shape
    whole = small("D8", 12)
    assert (whole(x.flip(-1)) - whole(x)).abs().max() <= 1e-11


@pytest.mark.parametrize(
    ("groups", "options"),
    [
        (("O2", "SO2", "C4"), {}),
        ("SO2", {"nonlinearity": "gated"}),
        (("O2", "O2", "D4"), {"nonlinearity": "norm", "fields": "harmonics"}),
        (("C8", "C4", "C4"), {"fix": "params", "dropout": 0.2}),
    ],
    ids=str,
)
def test_other_groups_and_fields_are_exact_under_quarter_turns(
    groups: Any, options: dict[str, Any]
) -> None:
    net, x = small(groups, 12, **options), images(2, 1, 12, 12)
    y = net(x)
    assert y.std() > 0
    assert (net(x.rot90(1, (-2, -1))) - y).abs().max() <= 1e-11 * y.abs().max()


def test_volumes() -> None:
    net, x = small(("Oh", "O", "C4"), 7, d=3), images(2, 1, 7, 7, 7)
    assert net.source.group == geomdl.group("C4")
    assert geomdl.audit(net, x).passed(1e-12)
    y = net(x)
    assert (net(x.rot90(1, (-3, -1))) - y).norm() >= 1e-3 * y.norm()  # C4 turns about z alone


def test_the_symmetry_survives_training_and_batch_statistics() -> None:
    net, x = small(("D4", "D4", "C4")).train(), images(4, 1, 9, 9)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), torch.tensor([0, 1, 2, 0]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert geomdl.audit(net, x, training=True).passed(1e-12)
    assert geomdl.audit(net.eval(), x).passed(1e-12)


def test_depth_width_and_fix_are_those_of_theordinary_network() -> None:
    def filters(net: nn.Module) -> list[tuple[int, ...]]:
        return [tuple(m.filter()[0].shape) for m in net.modules() if isinstance(m, Conv)]

    def weights(net: nn.Module) -> int:
        return sum(m.filters.n for m in net.modules() if isinstance(m, Conv))

    build = {"shape": (33, 33), "depth": 16, "widen": 2}
    plain = SteerableResNet("C1", **build)  # type: ignore[arg-type]
    ours = SteerableResNet("D4", fix="compute", **build)  # type: ignore[arg-type]
    assert len(filters(plain)) == 1 + 12 + 4  # the shortcuts, also to invariants
    assert filters(ours)[4:] == filters(plain)[4:]  # all but the first and what reads it
    assert weights(ours) * 6 <= weights(plain)
    same = SteerableResNet("D4", fix="params", **build)  # type: ignore[arg-type]
    assert weights(same) == pytest.approx(weights(plain), rel=0.15)


def test_building_does_not_depend_on_the_width() -> None:
    """Bases are found once for each pair of representations, however many weights there are."""

    def misses(widen: int) -> int:
        before = filter_basis.cache_info().misses
        wrn16_d8(widen=widen)
        return filter_basis.cache_info().misses - before

    filter_basis.cache_clear()
    assert misses(1) <= 12
    assert misses(2) == 0


def test_presets_are_what_they_say() -> None:
    names = {"steerable/resnet", *(f"steerable/wrn16_{k}" for k in ("small", "medium", "d8"))}
    assert names | {"steerable/wrn28_d8d4d1"} <= set(geomdl.list_models())
    convs = {
        build: sum(isinstance(m, Conv) and m.kernel_size > 2 for m in build(widen=1).modules())
        for build in (wrn16_small, wrn16_medium, wrn16_d8, wrn28_d8d4d1)
    }
    assert convs == {wrn16_small: 13, wrn16_medium: 13, wrn16_d8: 13, wrn28_d8d4d1: 25}
    stl = wrn16_d8(
        (96, 96), widen=1, groups=("D8", "D4", "D1"), fix="params", first_stride=2, dropout=0.3
    )
    assert stl(torch.zeros(2, 3, 96, 96)).shape == (2, 10)


def test_bad_arguments_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^depth: should be 6n \+ 4 with n from 1 on, got 18$"):
        SteerableResNet(depth=18)
    with pytest.raises(ValueError, match=r"^groups: should be one, or 3, got 2$"):
        SteerableResNet(("D8", "D4"))
    with pytest.raises(ValueError, match=r"^fix: should be 'compute' or 'params', got 'none'$"):
        SteerableResNet(fix="none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^down: should be 'conv' or 'pool', got 'max'$"):
        SteerableResNet(down="max")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^first_stride: should be 1 or 2, got 3$"):
        SteerableResNet(first_stride=3)
    with pytest.raises(ValueError, match=r"^kernel_size: should be odd, got 4$"):
        SteerableResNet(kernel_size=4)
    with pytest.raises(ValueError, match=r"^shape: should be one to three equal sizes, got \(8, 9"):
        SteerableResNet(shape=(8, 9))
    with pytest.raises(ValueError, match=r"^subgroup: D8 does not lie in D4"):
        SteerableResNet(("D4", "D8", "D8"))
    net = small()
    with pytest.raises(ValueError, match=r"^SteerableResNet\(.*\): x: sizes should be \(9, 9\)"):
        net(torch.zeros(1, 1, 8, 8))
