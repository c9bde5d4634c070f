"""The first equivariant networks: exact at odd and even sizes, and able to learn."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.steerable import Conv, SteerableCNN, c4_cnn, d4_cnn


def images(size: int, dtype: torch.dtype = torch.float64, channels: int = 1) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(4, channels, size, size, generator=rng, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("size", [28, 29])
@pytest.mark.parametrize("name", ["C4", "D4"])
@pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_networks_are_exact_at_even_and_odd_sizes(
    name: str, size: int, dtype: torch.dtype, tol: float
) -> None:
    net = SteerableCNN(name, (size, size))
    for randomize in (False, True):
        found = geomdl.audit(net, images(size, dtype), dtype=dtype, randomize=randomize)
        assert found.error <= tol, found
        assert found.passed(tol)


def test_networks_stay_exact_in_training_mode_and_after_steps() -> None:
    net = d4_cnn((13, 13), classes=3, depth=3).double()
    assert geomdl.audit(net, images(13), training=True).error <= 1e-12
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    for _ in range(3):
        net(images(13)).square().mean().backward()
        optimizer.step()
    assert geomdl.audit(net, images(13)).error <= 1e-12


def test_one_bent_filter_is_seen_and_its_layer_named() -> None:
    class Bent(Conv):
        def filter(self) -> tuple[Tensor, Tensor | None]:
            weight, bias = super().filter()
            return torch.cat([weight[:1] * 1.01, weight[1:]]), bias

    net = d4_cnn((12, 12), depth=2).double()
    conv = net.body[3 + 1]
    assert isinstance(conv, Conv)
    conv.__class__ = Bent
    found = geomdl.audit(net, images(12), per_layer=True)
    assert not found.passed(1e-5)
    broken = [row.name for row in found.per_layer if not row.error <= 1e-9]
    assert broken[0] == "body.4"


def test_mixed_precision_and_compiled_training_steps() -> None:
    net = d4_cnn((12, 12), classes=3, depth=2)
    x = images(12, torch.float32)
    plain = net.eval()(x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = net(x)
    assert (mixed.float() - plain).abs().max() <= 0.1 * plain.abs().max()
    compiled = torch.compile(copy.deepcopy(net).train(), backend="aot_eager", fullgraph=True)
    net.train()
    for model in (net, compiled):
        model(x).square().mean().backward()
    for ours, theirs in zip(net.parameters(), compiled.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)
    for ours, theirs in zip(net.buffers(), compiled.buffers(), strict=True):
        assert torch.allclose(ours, theirs)


def test_models_can_be_pickled() -> None:
    net = d4_cnn((12, 12), depth=2).eval()
    again = pickle.loads(pickle.dumps(net))
    assert torch.equal(again(images(12, torch.float32)), net(images(12, torch.float32)))
    assert again.source == net.source


def test_four_turns_do_not_see_mirror_images_as_equal() -> None:
    net = c4_cnn((12, 12), depth=2).eval()
    x = images(12, torch.float32)
    assert (net(x) - net(x.rot90(1, (-2, -1)))).abs().max() <= 1e-5
    assert (net(x) - net(x.flip(-1))).abs().max() >= 1e-2
    assert not geomdl.audit(net, x, group="C4").passed(1e-20)


def test_the_trivial_group_gives_an_ordinary_network_of_the_same_cost() -> None:
    ours, plain = SteerableCNN("D4"), SteerableCNN("C1")
    shapes = [
        [tuple(m.filter()[0].shape) for m in net.modules() if isinstance(m, Conv)]
        for net in (ours, plain)
    ]
    assert shapes[0] == shapes[1]
    weights = [sum(p.numel() for p in net.body.parameters()) for net in (ours, plain)]
    assert weights[0] * 7 <= weights[1]


def test_volumes_under_the_cube() -> None:
    net = SteerableCNN("Oh", (5, 5, 5), classes=2, channels=48, depth=2, kernel_size=3)
    rng = torch.Generator().manual_seed(0)
    found = geomdl.audit(net, torch.randn(2, 1, 5, 5, 5, generator=rng))
    assert found.error <= 1e-12


def test_presets_are_registered_and_take_their_arguments() -> None:
    assert {"steerable/cnn", "steerable/c4_cnn", "steerable/d4_cnn"} <= set(geomdl.list_models())
    net = geomdl.create_model("steerable/d4_cnn", classes=3, channels=24, in_channels=2)
    assert net(images(28, torch.float32, channels=2)).shape == (4, 3)
    assert net.source.group == geomdl.group("D4")


def test_a_generator_decides_all_weights() -> None:
    def weights(seed: int, rng: int | None = 1) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        given = None if rng is None else torch.Generator().manual_seed(rng)
        return d4_cnn((8, 8), depth=2, rng=given).state_dict()

    first, again, other = weights(0), weights(1), weights(0, rng=2)
    key = "body.0.filters.blocks.0.weight"
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first[key], other[key])
    assert not torch.equal(weights(0, None)[key], weights(1, None)[key])


def test_learns_orientation_free_classes() -> None:
    """Crosses against bars, at random places: learnt upright, right at every quarter turn."""
    rng = torch.Generator().manual_seed(0)

    def batch(n: int) -> tuple[Tensor, Tensor]:
        x = 0.1 * torch.randn(n, 1, 13, 13, generator=rng)
        labels = torch.randint(2, (n,), generator=rng)
        for i in range(n):
            r, c = torch.randint(3, 10, (2,), generator=rng).tolist()
            x[i, 0, r, c - 2 : c + 3] += 1
            if labels[i]:
                x[i, 0, r - 2 : r + 3, c] += 1
        return x, labels

    net = d4_cnn((13, 13), classes=2, depth=2, rng=torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    x, labels = batch(64)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()
    net.eval()
    x, labels = batch(64)
    upright = (net(x).argmax(1) == labels).float().mean().item()
    assert upright >= 0.95
    for k in (1, 2, 3):
        turned = (net(x.rot90(k, (-2, -1))).argmax(1) == labels).float().mean().item()
        assert turned == upright


def test_bad_arguments_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^channels: should be a multiple of \|D4\|=8, got 12$"):
        d4_cnn(channels=12)
    with pytest.raises(ValueError, match=r"^kernel_size: should be odd, got 4$"):
        d4_cnn(kernel_size=4)
    with pytest.raises(
        ValueError, match=r"^shape: should be one to three equal sizes, got \(8, 9\)$"
    ):
        d4_cnn((8, 9))
    with pytest.raises(ValueError, match=r"^depth: should be 2 or more, got 1$"):
        d4_cnn(depth=1)
    with pytest.raises(ValueError, match=r"^depth: 4 stages need 8 pixels, got shape=\(7, 7\)$"):
        d4_cnn((7, 7))
    with pytest.raises(ValueError, match=r"^source: C8 does not map the pixel grid to itself"):
        SteerableCNN("C8")
    with pytest.raises(ValueError, match=r"^source: SO2 does not map the pixel grid to itself"):
        SteerableCNN("SO2")
    net = d4_cnn()
    with pytest.raises(ValueError, match=r"^x: axis 1 should be rep.dim=1, got 3$"):
        net(torch.zeros(1, 3, 28, 28))
    with pytest.raises(ValueError, match=r"^x: sizes should be \(28, 28\), got \(29, 29\)$"):
        net(torch.zeros(1, 1, 29, 29))
