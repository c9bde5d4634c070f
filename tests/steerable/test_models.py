"""The first equivariant networks: exact at odd and even sizes, and able to learn."""

import copy
import math
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.registry import Example, default
from geomdl.steerable import Conv, SteerableCNN, c4_cnn, cnn3d_o, cnn3d_so3, d4_cnn
from tests.laws.cases import make_case
from tests.laws.laws import check


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
        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x)
            return torch.cat([y[:, :1] * 1.01, y[:, 1:]], 1)

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


def test_the_trivial_group_gives_anordinary_network_of_the_same_cost() -> None:
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
        SteerableCNN("C8", radial="free")
    with pytest.raises(ValueError, match=r"^fields: SO2 is infinite, use 'bandlimited' or"):
        SteerableCNN("SO2", fields="regular")
    with pytest.raises(ValueError, match=r"^fields: should be one of regular, bandlimited, harm"):
        SteerableCNN("SO2", fields="scalar")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^nonlinearity: should be one of relu, .*, got 'step'$"):
        SteerableCNN("SO2", nonlinearity="step")
    with pytest.raises(ValueError, match=r"^source: a pointwise relu needs permutation represent"):
        SteerableCNN("SO2", nonlinearity="relu")
    with pytest.raises(ValueError, match=r"^frequency: should be a positive integer, got 0$"):
        SteerableCNN("SO2", frequency=0)
    with pytest.raises(ValueError, match=r"^pool: should be 'avg', 'max' or a number of pixels"):
        SteerableCNN("C4", pool="min")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^antialias: should be None or a positive number of"):
        SteerableCNN("C4", pool=-1.0)
    with pytest.raises(ValueError, match=r"^shape: SO3 acts in 3 dimensions, got 2 axes; action="):
        SteerableCNN("SO3")
    net = d4_cnn()
    with pytest.raises(ValueError, match=r"^x: axis 1 should be rep.dim=1, got 3$"):
        net(torch.zeros(1, 3, 28, 28))
    with pytest.raises(ValueError, match=r"^SteerableCNN\(.*\): x: sizes should be \(28, 28\)"):
        net(torch.zeros(1, 1, 29, 29))


def blobs(sigma: float, angle: float, size: int = 29) -> Tensor:
    """Sums of Gaussians about turned centres: the action is exact at every angle."""
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(8, 6, 2, generator=rng).double() * size / 9
    heights = torch.randn(8, 6, 1, 1, generator=rng).double()
    c, s = math.cos(angle), math.sin(angle)
    centres = centres @ torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    y, x = torch.meshgrid(-axis, axis, indexing="ij")
    square = (x - centres[..., :1, None]).square() + (y - centres[..., 1:, None]).square()
    return (heights * torch.exp(-square / (2 * sigma**2))).sum(1, keepdim=True)


@torch.no_grad()
def error_at(angle: float, name: str, sigma: float) -> float:
    """Change of the outputs, relative to how they vary over images; mean over seeds."""
    errors = []
    for seed in range(3):
        rng = torch.Generator().manual_seed(seed)
        net = SteerableCNN(name, (29, 29), channels=32, depth=2, kernel_size=7, pool=1.0, rng=rng)
        net = net.double().eval()
        y, moved = net(blobs(sigma, 0.0)), net(blobs(sigma, angle))
        errors.append(((moved - y).norm() / (y - y.mean(0)).norm()).item())
    return sum(errors) / len(errors)


@pytest.mark.parametrize("name", ["C8", "D8", "SO2"])
def test_turns_by_45_degrees_err_little_and_less_for_smooth_images(name: str) -> None:
    errors = [error_at(math.pi / 4, name, sigma) for sigma in (1.0, 2.0, 3.0)]
    assert errors[0] <= 0.1
    assert errors[0] > errors[1] > errors[2]
    assert error_at(math.pi / 2, name, 1.0) <= 1e-12
    # the twin: a network that knows quarter turns alone
    assert error_at(math.pi / 4, "C4", 3.0) >= 10 * errors[2]


PLANAR: list[tuple[str, dict[str, Any]]] = [
    ("C8", {}),
    ("D8", {"pool": "max"}),
    ("C16", {"pool": 1.0, "nonlinearity": "elu"}),
    ("SO2", {}),
    ("SO2", {"nonlinearity": "norm"}),
    ("O2", {"frequency": 1}),
    ("O2", {"fields": "harmonics"}),
    ("O2", {"nonlinearity": "gated", "frequency": 3}),
    ("D4", {"fields": "harmonics", "nonlinearity": "gated"}),
    ("C4", {"radial": "gaussian", "mask": True}),
]


@pytest.mark.parametrize(("name", "options"), PLANAR, ids=str)
def test_every_planar_group_is_exact_under_quarter_turns(
    name: str, options: dict[str, Any]
) -> None:
    for size in (12, 13):
        net = SteerableCNN(name, (size, size), classes=3, depth=3, **options).double()
        x = images(size)
        for mode in (True, False):
            net.train(mode)
            y = net(x)
            assert y.std() > 0
            tol = 1e-11 * y.abs().max()
            assert (net(x.rot90(1, (-2, -1))) - y).abs().max() <= tol
            flipped = (net(x.flip(-1)) - y).abs().max()
            assert bool(flipped <= tol) is (name[0] in "DO"), flipped  # C and SO see mirror images


VOLUMES: list[tuple[str, dict[str, Any]]] = [
    ("O", {"channels": 24}),
    ("C4", {}),
    ("I", {"channels": 60, "nonlinearity": "elu"}),
    ("SO3", {}),
    ("O3", {"nonlinearity": "norm"}),
    ("SO3", {"nonlinearity": "fourier", "frequency": 1}),
]


@pytest.mark.parametrize(("name", "options"), VOLUMES, ids=str)
def test_groups_in_space(name: str, options: dict[str, Any]) -> None:
    net = SteerableCNN(name, (8, 8, 8), classes=3, depth=3, kernel_size=3, **options).double()
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 1, 8, 8, 8, generator=rng, dtype=torch.float64)
    y = net.eval()(x)
    tol = 1e-11 * y.abs().max()
    turns = {axes: (net(x.rot90(2, axes)) - y).abs().max() for axes in ((-2, -1), (-3, -1))}
    assert turns[-2, -1] <= tol
    assert bool(turns[-3, -1] <= tol) is (name != "C4")
    mirrored = (net(x.flip((-3, -2, -1))) - y).abs().max()
    assert bool(mirrored <= tol) is (name == "O3")


def test_laws_hold_where_sampling_decides_on_the_angles() -> None:
    def build() -> nn.Module:
        return SteerableCNN("SO2", (6, 6), classes=2, channels=10, depth=2, kernel_size=3).eval()

    case = make_case("cnn", default, Example(build, lambda rng: (images(6),)))
    for law in ("dtypes", "compile", "export", "save_load", "empty_batch"):
        check(law, case)


def test_presets_for_volumes_are_what_they_say() -> None:
    assert cnn3d_o((6, 6, 6)).source.group == geomdl.group("O")
    net = cnn3d_so3((6, 6, 6), depth=2, kernel_size=3)
    assert net.source.group == geomdl.group("SO3")
    assert {"steerable/cnn3d_o", "steerable/cnn3d_so3"} <= set(geomdl.list_models())


def test_default_networks_are_what_they_were() -> None:
    """Weights that were saved before other groups came still load."""
    net = d4_cnn((12, 12), depth=2)
    assert list(net.state_dict()) == [
        "body.0.filters.blocks.0.weight",
        *(f"body.1.{k}" for k in ("weight", "bias", "running_mean", "running_var")),
        "body.4.filters.blocks.0.weight",
        *(f"body.5.{k}" for k in ("weight", "bias", "running_mean", "running_var")),
        "head.filters.blocks.0.weight",
        "head.bias.blocks.0.weight",
    ]
    kinds = [type(layer).__name__ for layer in net.body]
    stage = ["Conv", "BatchNorm", "Pointwise"]
    assert kinds == [*stage, "AvgPool", *stage, "GroupPool", "GlobalPool"]
