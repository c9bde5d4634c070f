"""`to_plain`: every registered layer, equal outputs, and nothing of geomdl left in it."""

import copy
import io
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.registry import default
from geomdl.steerable import (
    BatchNorm,
    Conv,
    GlobalPool,
    Pointwise,
    Sequential,
    SteerableCNN,
)
from geomdl.steerable.basis_change import Disentangle
from geomdl.steerable.norm_nonlinearity import NormNonlinearity
from geomdl.steerable.plain import to_plain
from geomdl.steerable.resnet import SteerableResNet
from tests.laws.cases import Case, case, cast, distance

NAMES = [*default.list_layers("steerable/*"), *default.list_models("steerable/*")]
SOME = [*default.list_layers("steerable/*"), "steerable/cnn", "steerable/resnet"]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}
C4, D4 = geomdl.group("C4"), geomdl.group("D4")


def saved(module: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.save(module, file)
    return file.getvalue()


def imports(module: nn.Module) -> set[str]:
    """Packages that a pickled module names."""
    with zipfile.ZipFile(io.BytesIO(saved(module))) as archive:
        name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
        strings = {
            str(argument)
            for _, argument, _ in pickletools.genops(archive.read(name))
            if isinstance(argument, str)
        }
    return {s.partition(".")[0].partition(" ")[0] for s in strings}


def reloaded(module: nn.Module) -> nn.Module:
    loaded: nn.Module = torch.load(io.BytesIO(saved(module)), weights_only=False)
    return loaded


def images(channels: int, *sizes: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, *sizes, generator=rng, dtype=torch.float64)


def gap(model: nn.Module, x: Tensor, plain: nn.Module | None = None) -> float:
    """Relative difference of a model's and its plain form's outputs."""
    return distance((to_plain(model) if plain is None else plain)(x), model(x))


# --- all of them --------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NAMES)
def test_every_registered_layer_and_model_has_an_equal_plain_form(
    name: str, dtype: torch.dtype
) -> None:
    it: Case = case(name, default)
    model, inputs = it.copy(dtype), [x.to(dtype) for x in it.inputs]
    plain = to_plain(model)
    before = copy.deepcopy(model.state_dict())
    assert distance(plain(*inputs), model(*inputs)) <= TOLERANCE[dtype]
    assert "geomdl" not in imports(plain)
    again = reloaded(plain)
    assert torch.equal(again(*inputs), plain(*inputs))
    assert list(again.state_dict()) == list(plain.state_dict())
    assert repr(again) == repr(plain)
    mine = {p.data_ptr() for p in model.parameters() if p.numel()}
    assert not mine & {p.data_ptr() for p in plain.parameters()}
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("name", NAMES)
def test_plain_forms_have_one_state_in_both_modes_and_take_any_batch(name: str) -> None:
    it = case(name, default)
    plain = to_plain(it.copy())
    assert not plain.training
    keys = list(plain.state_dict())
    assert list(plain.train().state_dict()) == keys == list(plain.eval().state_dict())
    for size in (0, 1, 3):
        x = it.inputs[0][:1].expand(size, *it.inputs[0].shape[1:])
        assert distance(plain(x), it.module(x)) <= 1e-12
    x = it.inputs[0].clone().requires_grad_()
    # not the sum of squares, which a norm keeps: its derivative would be rounding
    (grad,) = torch.autograd.grad(plain(x).sin().sum(), x)
    (own,) = torch.autograd.grad(it.module(x).sin().sum(), x)
    assert distance(grad, own) <= 1e-11


@pytest.mark.parametrize("name", SOME)
def test_a_plain_form_made_in_float32_may_be_cast_afterwards(name: str) -> None:
    it = case(name, default)
    plain = cast(to_plain(it.copy(torch.float32)), torch.float64)
    y = plain(*it.inputs)
    assert y.dtype == torch.float64
    assert distance(y, it.module(*it.inputs)) <= 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened_where_the_layer_does_so(dtype: torch.dtype) -> None:
    layer = NormNonlinearity(Field(Grid(2), 2 * D4.standard)).to(dtype)
    x = images(4, 5, 5).to(dtype) / 50
    assert torch.equal(to_plain(layer)(x), layer(x))


@pytest.mark.parametrize("name", SOME)
def test_plain_forms_work_in_bfloat16(name: str) -> None:
    it = case(name, default)
    (x,) = it.inputs
    half = to_plain(it.copy(torch.bfloat16))
    y = half(x.bfloat16())
    assert y.dtype == torch.bfloat16
    assert distance(y, it.module(x)) <= 0.1


def test_layers_of_geomdl_name_it_when_pickled() -> None:
    assert "geomdl" in imports(Conv(Field(Grid(2), C4.trivial), Field(Grid(2), C4.regular), 3))


def test_the_table_knows_no_layer_that_it_was_not_told() -> None:
    class Half(Conv):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) / 2

    field = Field(Grid(2), C4.regular)
    with pytest.raises(ValueError, match=r"^model: no plain form is known of 1 \(Half\)$"):
        to_plain(Sequential(Pointwise(field), Half(field, field, 3)))


# --- torch alone --------------------------------------------------------------------------------
SCRIPT = """
import sys
sys.modules["geomdl"] = None
import torch
for net, inputs, y in torch.load(sys.argv[1], weights_only=False):
    assert (net(*inputs) - y).abs().max() <= 1e-12 * y.abs().max(), "outputs differ"
assert not any(name.startswith("geomdl.") for name in sys.modules)
net.train()(*inputs).sum().backward()
assert all(p.grad is not None for p in net.parameters())
"""


def in_a_process_without_geomdl(nets: list[Any], folder: Path) -> subprocess.CompletedProcess[str]:
    torch.save(nets, folder / "nets.pt")
    command = [sys.executable, "-c", SCRIPT, str(folder / "nets.pt")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_all_run_where_geomdl_is_not_installed(tmp_path: Path) -> None:
    nets: list[Any] = []
    for it in (case(name, default) for name in NAMES):
        nets.append((to_plain(it.copy()), it.inputs, it.module(*it.inputs).detach()))
    net = Residual(Field(Grid(2), 2 * C4.regular)).double().eval()
    x = images(8, 5, 5)
    nets.append((to_plain(net), (x,), net(x).detach()))
    done = in_a_process_without_geomdl(nets, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrong", [True, False])
def test_wrong_outputs_and_layers_of_geomdl_are_seen_there(wrong: bool, tmp_path: Path) -> None:
    net = Conv(Field(Grid(2), C4.trivial), Field(Grid(2), C4.regular), 3).double()
    x = images(1, 5, 5)
    nets = [(to_plain(net) if wrong else net, (x,), net(x).detach() + wrong)]
    done = in_a_process_without_geomdl(nets, tmp_path)
    assert done.returncode != 0
    assert ("outputs differ" if wrong else "geomdl") in done.stderr


# --- the user's own modules ---------------------------------------------------------------------
class Residual(nn.Module):
    """A block as users write them."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.source = self.target = field
        conv = Conv(field, field, 3, padding=1, padding_mode="circular")
        self.body = Sequential(conv, BatchNorm(field), Pointwise(field))
        self.stages = nn.ModuleList([Pointwise(field, "elu"), nn.Identity()])
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("shift", torch.arange(2.0))

    def forward(self, x: Tensor) -> Tensor:
        self.source.check(x)
        y = x + self.scale * self.body(x)
        for stage in self.stages:
            y = stage(y)
        return y + self.shift.sum()


def test_modules_that_call_layers_become_graphs_with_the_names_of_their_parts() -> None:
    net = Residual(Field(Grid(2), 2 * C4.regular)).double().eval()
    plain = to_plain(net)
    assert gap(net, images(8, 5, 5)) <= 1e-12
    assert type(plain.body).__name__ == "Sequential"
    assert isinstance(plain.body[0], nn.Conv2d)
    assert isinstance(plain.get_submodule("stages.0"), nn.ELU)
    assert {"scale", "body.0.weight", "body.1.running_mean"} <= set(plain.state_dict())
    assert "Residual" in str(nn.Sequential(plain))


def test_weights_that_are_shared_stay_shared() -> None:
    field = Field(Grid(2), C4.regular)
    conv = Conv(field, field, 3, padding=1)
    plain = to_plain(nn.Sequential(conv, Pointwise(field), conv))
    assert plain[0] is plain[2]
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    pool = GlobalPool(field)
    plain = to_plain(nn.Sequential(pool, first, second))
    assert plain[1].weight is plain[2].weight is not first.weight


def test_what_does_not_learn_stays_fixed() -> None:
    field = Field(Grid(2), D4.regular)
    conv = Conv(field, field, 3)
    plain = to_plain(nn.Sequential(conv, Disentangle(field)))
    assert [name for name, p in plain.named_parameters() if p.requires_grad] == [
        "0.weight",
        "0.bias",
    ]
    assert not any(p.requires_grad for p in to_plain(conv.requires_grad_(False)).parameters())


def test_modules_without_geomdl_are_copied() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5))
    plain = to_plain(net)
    assert str(plain) == str(net)
    assert plain[0].weight is not net[0].weight


def test_what_cannot_be_traced_is_named() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = Pointwise(Field(Grid(2), C4.regular))

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(x) if x.sum() > 0 else x

    with pytest.raises(
        ValueError, match=r"^model: 0 \(Branches\) cannot be traced by torch.fx: .+$"
    ):
        to_plain(nn.Sequential(Branches()))
    hooked = Pointwise(Field(Grid(2), C4.regular))
    hooked.register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match=r"^model: 0 \(Pointwise\) has hooks"):
        to_plain(nn.Sequential(hooked))
    replaced = Pointwise(Field(Grid(2), C4.regular))
    replaced.forward = lambda x: x  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"^model: Pointwise has a forward of its own"):
        to_plain(replaced)
    with pytest.raises(TypeError, match=r"^model: expected an nn.Module, got function$"):
        to_plain(lambda x: x)  # type: ignore[arg-type]


def test_residual_networks_keep_their_names_and_run_on_any_batch() -> None:
    net = SteerableResNet(("D4", "C4", "C1"), (9, 9), 1, 3, depth=10, widen=1).double().eval()
    plain = to_plain(net)
    assert gap(net, images(1, 9, 9), plain) <= 1e-12
    assert gap(net, images(1, 9, 9)[:1], plain) <= 1e-12
    assert {"body.0.weight", "body.3.conv1.weight", "head.weight"} <= set(plain.state_dict())


def test_random_numbers_and_the_mode_of_parts_are_left_alone() -> None:
    net = SteerableCNN("C4", (9, 9), channels=8, depth=2)
    net.body[1].eval()
    state = torch.get_rng_state()
    plain = to_plain(net)
    assert torch.equal(torch.get_rng_state(), state)
    assert plain.training
    assert not plain.body[1].training
    assert plain.body[0].training


def test_a_plain_network_trains_asordinary_ones_do() -> None:
    net = to_plain(SteerableCNN("D4", (9, 9), channels=8, depth=2, classes=2))
    x, y = images(1, 9, 9).float(), torch.tensor([0, 1])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] <= 0.5 * losses[0]
    assert any(m.running_mean.abs().max() > 0 for m in net.modules() if hasattr(m, "running_mean"))
