"""The published networks for rotated MNIST."""

from pathlib import Path

import pytest
import torch

import geomdl
from geomdl.steerable import AvgPool, Conv, Mask, Pointwise
from geomdl.steerable.e2cnn import E2CNN, e2cnn_mnist_rot_d16c16
from geomdl.steerable.static_sizes import layer_sizes


def test_the_default_is_the_network_of_the_introduction() -> None:
    net = E2CNN()
    convs = [m for m in net.body if isinstance(m, Conv)]
    C8 = geomdl.group("C8")
    assert [c.target.rep for c in convs] == [n * C8.regular for n in (24, 48, 48, 96, 96, 64)]
    assert [c.kernel_size for c in convs] == [7, 5, 5, 5, 5, 5]
    assert net.source.group == C8
    sizes = [layer_sizes(net.body[: i + 1], (29, 29))[0] for i in range(len(net.body) - 3)]
    assert list(dict.fromkeys(sizes)) == [29, 25, 13, 7, 5]
    assert net(torch.zeros(2, 1, 29, 29)).shape == (2, 10)


def test_the_published_one_restricts_after_five_layers() -> None:
    net = e2cnn_mnist_rot_d16c16(width=0.1)
    convs = [m for m in net.body if isinstance(m, Conv)]
    assert [c.target.group.name for c in convs] == ["D16"] * 5 + ["C16"]
    assert [c.kernel_size for c in convs] == [9, 7, 7, 7, 7, 5]
    assert net.source.group == geomdl.group("C16")
    names = {"steerable/e2cnn_mnist_rot", "steerable/e2cnn_mnist_rot_d16c16"}
    assert names <= set(geomdl.list_models())


@pytest.mark.parametrize(("group", "restrict"), [("C8", None), ("D8", None), ("D8", "C4")])
def test_quarter_turns_are_exact_and_a_bent_network_is_not(
    group: str, restrict: str | None
) -> None:
    net = E2CNN(group, fields=(2, 2, 2, 2, 2, 4), restrict=restrict, after=3).double().eval()
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(4, 1, 29, 29, generator=rng, dtype=torch.float64)
    y = net(x)
    scale = (y - y.mean(0)).norm()
    assert (net(x.rot90(1, (-2, -1))) - y).norm() <= 1e-11 * scale
    mirrored = (net(x.flip(-1)) - y).norm() / scale
    assert bool(mirrored <= 1e-11) is (group == "D8" and restrict is None)
    # the twin: one channel of one field is scaled
    first = next(i for i, m in enumerate(net.body) if isinstance(m, Pointwise))
    hook = net.body[first].register_forward_hook(
        lambda _m, _x, out: torch.cat([1.1 * out[:, :1], out[:, 1:]], 1)
    )
    assert (net(x.rot90(1, (-2, -1))) - net(x)).norm() >= 1e-6 * scale
    hook.remove()


def test_bad_arguments_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^fields: should be 6 numbers, got \(1, 2\)$"):
        E2CNN(fields=(1, 2))
    with pytest.raises(ValueError, match=r"^after: should be from 1 to 5, got 6$"):
        E2CNN(after=6)
    with pytest.raises(
        ValueError, match=r"^pool: should be 'max' or a number of pixels, got 'avg'"
    ):
        E2CNN(pool="avg")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^fields: SO2 is infinite, use 'bandlimited' or"):
        E2CNN("SO2")
    with pytest.raises(ValueError, match=r"^layer 19 \(Conv\): x: a window of 5 pixels needs"):
        E2CNN(shape=(12, 12), fields=(1,) * 6)
    for pool in (True, None):
        with pytest.raises(ValueError, match=r"^pool: should be 'max' or a number of pixels, got"):
            E2CNN(pool=pool)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^classes: should be a positive integer, got 0$"):
        E2CNN(classes=0)
    with pytest.raises(ValueError, match=r"^kernel_sizes: should be 6 numbers, got 5$"):
        E2CNN(kernel_sizes=5)  # type: ignore[arg-type]


def test_the_end_and_the_non_linearity_are_those_of_the_introduction() -> None:
    net = E2CNN()
    acts = [m.function for m in net.body if isinstance(m, Pointwise)]
    assert acts == ["relu"] * 6
    assert [m.antialias for m in net.body if isinstance(m, AvgPool)] == [0.66] * 3
    kinds = [type(m).__name__ for m in net.body][-3:]
    assert kinds == ["AvgPool", "GroupPool", "GlobalPool"]
    assert net.body[:-2].sizes((29, 29)) == (1, 1)
    published = e2cnn_mnist_rot_d16c16(width=0.1)
    assert {m.function for m in published.body if isinstance(m, Pointwise)} == {"elu"}
    assert not any(isinstance(m, Mask) for m in published.body)
    assert published.body[:-2].sizes((28, 28)) == (1, 1)


def test_a_subgroup_may_be_given_as_such(tmp_path: Path) -> None:
    D8 = geomdl.group("D8")
    for restrict in ("C4", geomdl.group("C4"), D8.subgroup("C4")):
        net = E2CNN("D8", fields=(1,) * 6, restrict=restrict).eval()
        assert net.source.group == geomdl.group("C4")
        geomdl.save(net, tmp_path / "net.safetensors")
        x = torch.randn(2, 1, 29, 29, generator=torch.Generator().manual_seed(0))
        assert torch.equal(geomdl.load(tmp_path / "net.safetensors").eval()(x), net(x))
