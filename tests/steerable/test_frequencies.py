"""The Fourier form of convolutions: equal to the dense one, chosen by measurement."""

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import geomdl
from geomdl import Field, Grid
from geomdl.steerable import BatchNorm, Conv, Sequential, frequencies, tune, tuning
from geomdl.steerable.filtered import Filtered
from geomdl.steerable.frequencies import rotations, terms

CASES: dict[str, dict[str, Any]] = {
    "C3": {},
    "C4": {"padding": 2, "dilation": 2},
    "C5": {"kernel_size": 5, "padding": 2, "padding_mode": "reflect"},
    "C8": {"kernel_size": 5, "stride": 2, "padding": 2, "padding_mode": "circular"},
    "C16": {"kernel_size": 4},
    "D3": {"padding_mode": "replicate", "padding": 1},
    "D4": {"stride": 2, "padding": 1},
    "D6": {"kernel_size": 7, "padding": 3, "bias": False},
    "D8": {"kernel_size": 1},
}


def conv(name: str, **options: Any) -> Conv:
    G = geomdl.group(name)
    source, target = Field(Grid(2), 3 * G.regular), Field(Grid(2), 2 * G.regular)
    rng = torch.Generator().manual_seed(0)
    layer = Conv(source, target, **{"kernel_size": 3, **options}, rng=rng).double()
    if layer.bias is not None:
        nn.init.ones_(layer.bias.weights[0])
    return layer


def image(layer: Conv, batch: int = 2, size: int = 7, dtype: torch.dtype = torch.float64) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(batch, layer.source.channels, size, size, generator=rng, dtype=dtype)


def fourier(layer: Conv, x: Tensor) -> Tensor:
    """In the Fourier basis, also where that has more multiplications."""
    layer.form = "fourier"
    return layer._by_frequency(x, layer.padding_for(x.shape[2:]))


def both(layer: Conv, x: Tensor) -> tuple[Tensor, Tensor]:
    """Dense, then in the Fourier basis."""
    layer.form = "dense"
    return layer(x), fourier(layer, x)


def wide(name: str = "C8", copies: int = 8) -> Conv:
    """A layer that has fewer multiplications in the Fourier basis, on 5×5 pixels."""
    field = Field(Grid(2), copies * geomdl.group(name).regular)
    layer = Conv(field, field, 5, padding=2, rng=torch.Generator().manual_seed(0)).double()
    layer.form = "fourier"
    return layer


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What came out of the Fourier form."""
    found: list[Tensor] = []

    def counted(self: Conv, x: Tensor, padding: Any) -> Tensor:
        found.append(by_frequency(self, x, padding))
        return found[-1]

    by_frequency = Conv._by_frequency
    monkeypatch.setattr(Conv, "_by_frequency", counted)
    return found


# --- equal to the dense form ----------------------------------------------------------------------
@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_dense_convolution(name: str) -> None:
    layer = conv(name, **CASES[name])
    dense, fourier = both(layer, image(layer))
    assert dense.shape == fourier.shape
    assert (dense - fourier).abs().max() <= 1e-12 * dense.abs().max()


@pytest.mark.parametrize("name", ["C5", "C8", "D8"])
def test_a_wrong_frequency_is_another_convolution(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: Any) -> frequencies.Terms:
        found = terms(*args)
        return found._replace(functions=found.functions[::-1])

    monkeypatch.setattr(frequencies, "terms", wrong)
    frequencies._constants.cache_clear()
    layer = conv(name, padding=1)
    dense, fourier = both(layer, image(layer))
    frequencies._constants.cache_clear()
    assert (dense - fourier).abs().max() >= 1e-2 * dense.abs().max()


@pytest.mark.parametrize("name", ["C4", "C8", "D6"])
def test_derivatives_are_those_of_the_dense_convolution(name: str) -> None:
    layer = conv(name, padding=1)
    x = image(layer, size=4).requires_grad_()
    found = []
    for y in both(layer, x):
        first = torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()], create_graph=True)
        second = torch.autograd.grad(first[0].square().sum(), [x, *layer.parameters()][:2])
        found.append([*first, *second])
    for a, b in zip(*found, strict=True):
        assert (a - b).abs().max() <= 1e-11 * a.abs().max()


@pytest.mark.parametrize("name", ["C8", "D8"])
def test_float32_errs_by_rounding(name: str) -> None:
    layer = conv(name, kernel_size=5, padding=2)
    expected, x = layer(image(layer)), image(layer).float()
    layer = layer.float()
    assert (fourier(layer, x) - expected).abs().max() <= 3e-6 * expected.abs().max()


def test_right_angles_stay_exact_and_other_images_are_not_turned() -> None:
    layer = conv("D4", kernel_size=5, padding=2)
    x, G = image(layer), layer.source.group
    y = fourier(layer, x)
    for g in G.elements:
        turned = layer.target.act(g, y)
        assert (fourier(layer, layer.source.act(g, x)) - turned).abs().max() <= 1e-12
    wrong = fourier(layer, x.rot90(1, (2, 3)))
    assert (wrong - layer.target.act(G.elements[1], y)).abs().max() >= 0.1


def test_multiplications_are_counted() -> None:
    layer = conv("C8", kernel_size=5)  # 5 frequencies, 11 functions, 3 and 2 copies
    by = layer.multiplications((7, 7))
    assert by["dense"] == 9 * 25 * 24 * 16
    first, last = terms(layer.filters.blocks[0].taps, layer.source.group.regular).shifts[::4]  # type: ignore[union-attr]
    assert (first, last) == (-2, 2)
    there, back = 2 * (5 + 4) * 8 * 49 * 3, 8 * 2 * 5 * 9 * 2
    assert by["fourier"] == 5 * 22 * 9 * 98 * 3 + 5 * 9 * 22 * 3 * 4 + there + back
    field = Field(Grid(2), 64 * geomdl.group("C16").regular)
    by = Conv(field, field, 5).multiplications((7, 7))
    assert by["dense"] >= 8 * by["fourier"]


def test_no_time_is_lost_on_a_form_with_more_multiplications() -> None:
    layer = conv("C8", kernel_size=5)
    choice = tune(layer, image(layer, size=9))[0]
    assert choice.multiplications["fourier"] > choice.multiplications["dense"]
    assert choice.form == layer.form == "dense"
    assert set(choice.seconds) == {"dense"}
    assert "—" in str(tune(layer, image(layer, size=9)))


# --- where the form does not reach ---------------------------------------------------------------
def test_other_fields_are_refused() -> None:
    G, O2 = geomdl.group("C8"), geomdl.group("O2")
    fields = [
        (2 * G.regular, G.trivial),
        (G.regular + G.trivial, G.regular),
        (O2.bandlimited(2), O2.bandlimited(2)),
        (geomdl.group("C2").regular, geomdl.group("C2").regular),
    ]
    for source, target in fields:
        layer = Conv(Field(Grid(2), source), Field(Grid(2), target), 3)
        assert not layer.has_fourier_form
        with pytest.raises(ValueError, match="form: 'fourier' needs regular fields of C_n or D_n"):
            layer.form = "fourier"
    field = Field(Grid(2), 2 * G.regular)
    layer = Conv(field, field, 3, groups=2)
    with pytest.raises(ValueError, match="form: 'fourier' needs regular"):
        layer.form = "fourier"
    with pytest.raises(ValueError, match="form: should be 'dense' or 'fourier', got 'fast'"):
        conv("C8").form = "fast"  # type: ignore[assignment]


def test_the_rotations_of_a_field() -> None:
    D6, Oh = geomdl.group("D6"), geomdl.group("Oh")
    assert rotations(3 * D6.regular) == 6
    assert rotations(D6.trivial) is None
    assert rotations(Oh.regular) is None


def test_recorded_transformed_and_mixed_precision_are_dense(calls: list[Tensor]) -> None:
    layer = wide().float().eval()
    x = image(layer, size=5, dtype=torch.float32)
    expected = layer(x)
    assert len(calls) == 1
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    assert (compiled(x) - expected).abs().max() <= 1e-5
    exported = torch.export.export(layer, (x,))
    assert any("conv2d" in str(node.target) for node in exported.graph.nodes)
    assert (exported.module()(x) - expected).abs().max() <= 1e-5
    each = torch.func.vmap(lambda image: layer(image.unsqueeze(0)).squeeze(0))(x)
    assert (each - expected).abs().max() <= 1e-5
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    frequencies._constants.cache_clear()  # what fakes would spoil
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        layer(mode.from_tensor(torch.randn(1, layer.source.channels, 6, 6)))
    graph = make_fx(layer, tracing_mode="real")(x)
    assert (graph(x) - expected).abs().max() <= 1e-5
    assert len(calls) == 1
    real = layer(torch.randn(1, layer.source.channels, 6, 6))
    assert type(real) is Tensor
    assert real.isfinite().all()


def test_images_with_more_multiplications_are_dense(calls: list[Tensor]) -> None:
    layer = wide()
    for size, count in ((5, 1), (21, 1), (5, 2)):
        x = image(layer, size=size)
        layer.form = "fourier"
        y = layer(x)
        assert len(calls) == count
        layer.form = "dense"
        assert (layer(x) - y).abs().max() <= 1e-12 * y.abs().max()


def test_layers_with_other_filters_have_no_such_form() -> None:
    class Doubled(Conv):
        def _arranged(self, weight: Tensor) -> Tensor:
            return 2 * super()._arranged(weight)

    class Centred(Conv):
        def filter(self) -> tuple[Tensor, Tensor | None]:
            weight, bias = Filtered.filter(self)
            return weight - weight.mean(), bias

    field = Field(Grid(2), 2 * geomdl.group("C8").regular)
    for kind in (Doubled, Centred):
        assert not kind(field, field, 3).has_fourier_form


def test_the_form_is_copied_but_no_state() -> None:
    layer, x = wide(), torch.ones(2, 64, 5, 5, dtype=torch.float64)
    keys = set(layer.state_dict())
    layer(x)
    assert set(layer.state_dict()) == keys
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin.form == "fourier"
        assert torch.equal(twin(x), layer(x))
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    fresh = wide()
    fresh.form = "dense"
    fresh.load_state_dict(torch.load(file))
    assert fresh.form == "dense"


def test_empty_batches_and_inference_mode_come_first() -> None:
    layer = wide("D5")
    frequencies._constants.cache_clear()
    with torch.inference_mode():
        assert layer(image(layer, batch=0, size=5)).shape == (0, layer.target.channels, 5, 5)
    layer(image(layer, size=5)).sum().backward()  # constants made there may enter autograd
    assert all(p.grad is not None for p in layer.parameters())


def test_bad_input_is_refused_as_ever() -> None:
    layer = conv("C8", stride=2, padding=1)
    layer.form = "fourier"
    with pytest.raises(ValueError, match="x: "):
        layer(image(layer, size=8))


# --- chosen by measurement -----------------------------------------------------------------------
def network() -> Sequential:
    G = geomdl.group("C8")
    one, many = Field(Grid(2), G.trivial), Field(Grid(2), 8 * G.regular)
    return Sequential(
        Conv(one, many, 3, padding=1), BatchNorm(many), Conv(many, many, 5, padding=2)
    )


@pytest.mark.parametrize("training", [True, False])
def test_tuning_changes_the_form_and_nothing_else(training: bool) -> None:
    model = network().train(training)
    x = torch.randn(4, 1, 5, 5)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    random = torch.get_rng_state()
    choices = tune(model, x, rounds=2)
    assert torch.equal(torch.get_rng_state(), random)
    assert [c.name for c in choices] == ["2"]  # the first has one form only
    assert model[2].form == choices[0].form == min(choices[0].seconds, key=choices[0].seconds.get)  # type: ignore[arg-type, union-attr]
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(p.grad, torch.ones_like(p)) for p in model.parameters())  # type: ignore[arg-type]
    assert not any(m._forward_pre_hooks for m in model.children())
    table = str(choices).splitlines()
    heads = "layer dense 10⁶ dense ms fourier 10⁶ fourier ms chosen"
    assert " ".join(table[0].split()) == heads
    assert table[1].split()[0] == "2"
    assert table[1].endswith(choices[0].form)


@pytest.mark.parametrize("slow", ["dense", "fourier"])
def test_the_faster_form_is_chosen(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: now[0])
    forward = Conv.forward

    def slower(self: Conv, x: Tensor) -> Tensor:
        now[0] += 2.0 if self.form == slow else 1.0
        return forward(self, x)

    monkeypatch.setattr(Conv, "forward", slower)
    model = network()
    (choice,) = tune(model, torch.randn(1, 1, 5, 5))
    assert choice.form == model[2].form == ({"dense", "fourier"} - {slow}).pop()  # type: ignore[union-attr]
    assert choice.seconds[slow] == 2.0  # type: ignore[index]


def test_tuning_takes_models_as_they_are(calls: list[Tensor]) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = wide().float()
            self.conv.unused = nn.Parameter(torch.ones(1))
            self.conv.form = "dense"

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x=x)

        def get_extra_state(self) -> dict[str, int]:
            return {"steps": 3}

    model, x = Named(), torch.randn(2, 64, 5, 5)
    with torch.inference_mode():
        assert len(tune(model, x, rounds=1)) == 1
    assert len(calls) > 0
    calls.clear()
    model.conv.form = "dense"
    with torch.autocast("cpu", torch.bfloat16):
        (choice,) = tune(model, x, rounds=1)
    assert choice.form == model.conv.form == "dense"
    assert set(choice.seconds) == {"dense"}
    assert calls == []


def test_after_an_error_the_forms_are_what_they_were() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = wide().float(), wide().float()
            self.first.form = "dense"

        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError(f"after {self.first(x).shape}")

    model = Broken()
    with pytest.raises(RuntimeError, match="after"):
        tune(model, torch.randn(1, 64, 5, 5), rounds=1)
    assert (model.first.form, model.second.form) == ("dense", "fourier")
    assert not model.first._forward_pre_hooks


def test_tuning_without_a_choice_and_with_a_bad_number() -> None:
    model = network()
    assert str(tune(model[:2], torch.randn(2, 1, 5, 5))) == "no layer has more than one form"
    with pytest.raises(ValueError, match="rounds: should be a positive integer, got 0"):
        tune(model, torch.randn(2, 1, 5, 5), rounds=0)
    with pytest.raises(ValueError, match="rounds: should be a positive integer, got True"):
        tune(model, torch.randn(2, 1, 5, 5), rounds=True)
