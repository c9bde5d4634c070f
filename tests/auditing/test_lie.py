"""Local errors by Lie derivatives: the whole, what comes out, and refusals."""

import math

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, lie_derivative
from geomdl.auditing import LieDerivative, orbit_error
from geomdl.auditing.curves import names
from tests.auditing.foreign import Residual, Ten, ViT
from tests.auditing.networks import images

ALL = names(2)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def x() -> Tensor:
    return images(2, 1, 16, 16)


@pytest.mark.parametrize("make", [Residual, ViT, Ten])
def test_agrees_with_central_differences(make: type[nn.Module], x: Tensor) -> None:
    found = lie_derivative(make(), x)
    assert [row.name for row in found.rows] == ALL
    for row in found.rows:
        assert row.error > 0.01
        assert row.difference < 1e-6 * (1 + row.error)
        assert found.agrees(row)


def test_a_pointwise_function_of_a_map_costs_only_aliasing() -> None:
    """Squares have twice the band of x: exact where x has less than a quarter of the rate."""
    n = 16
    t = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    for band, exact in ((3, True), (6, False)):
        wave = torch.cos(band * t)[:, None] + torch.sin(band * t + 1)[None, :]
        found = lie_derivative(torch.square, wave[None, None], action="translation", periodic=True)
        assert (found.error < 1e-12) == exact


def test_lee_is_the_mean_square() -> None:
    w = images(6, dtype=torch.float64)
    x = images(3, 6, dtype=torch.float64)
    found = lie_derivative(lambda x: x @ w, x, action=lambda t, x: torch.exp(t) * x)
    assert found.rows[0].lee == pytest.approx(float((x @ w).square().mean()))
    assert found.rows[0].name == "<lambda>"


def test_any_curve_and_any_output() -> None:
    def turn(t: Tensor, x: Tensor) -> Tensor:
        c, s = torch.cos(t), torch.sin(t)
        return x @ torch.stack([torch.stack([c, s]), torch.stack([-s, c])])

    x = images(5, 2)
    assert lie_derivative(lambda x: x.norm(dim=-1), x, action={"turn": turn}).error < 1e-12
    assert lie_derivative(lambda x: x * x.norm(dim=-1, keepdim=True), x, action=turn,
                          target=turn).error < 1e-12  # fmt: skip
    assert lie_derivative(torch.relu, x, action=turn, target=turn).error > 0.1


def test_complex_outputs_have_derivatives_of_both_parts(x: Tensor) -> None:
    found = lie_derivative(lambda x: torch.fft.fft2(x.tanh()), x, action=["scale", "shear"])
    assert max(row.difference for row in found.rows) < 1e-7
    assert found.error > 0.1


def test_inference_mode_does_not_silence_it(x: Tensor) -> None:
    net = Residual()
    expected = lie_derivative(net, x, action="rotation", per_layer=True)
    with torch.inference_mode():
        for mine in (x, x.double()):
            assert lie_derivative(net, mine, action="rotation", per_layer=True) == expected


def test_what_is_cut_from_the_tape_is_found_by_differences(x: Tensor) -> None:
    net = nn.Conv2d(1, 2, 3)
    found = lie_derivative(lambda x: net(x.float()).detach().double() + x.mean(), x,
                           action="translation_x", target=lambda t, y: y)  # fmt: skip
    assert not found.agrees(found.rows[0])
    assert "cut from the tape" in found.summary()


def test_json_table_plot_and_words(x: Tensor, tmp_path) -> None:
    found = lie_derivative(Residual(), x, action=["rotation", "scale"], per_layer=True)
    assert LieDerivative.from_json(found.to_json()) == found
    with pytest.raises(ValueError, match=r"^text: expected a Lie derivative of format 1"):
        LieDerivative.from_json("{}")
    assert found.passed(1e3) and not found.passed(0.0)
    assert str(found).startswith("Residual: local equivariance error")
    table = found.table()
    assert table.row_count == len(found.layers) + 1
    figure = found.plot(tmp_path / "bars.png")
    assert (tmp_path / "bars.png").stat().st_size > 0
    bars = figure.axes[0]
    assert [t.get_text() for t in bars.get_yticklabels()] == ["rotation", "scale"]
    ends = [max(p.get_x() + p.get_width() for c in bars.containers for p in [c[i]]) for i in (0, 1)]
    total = [sum(c.costs[row.name] for c in found.layers) for row in found.rows]
    assert ends == pytest.approx(total)


def test_the_clock_and_the_curve(x: Tensor, tmp_path) -> None:
    clock = orbit_error(Residual(), x, action="rotation")
    assert len(clock.at) == 24
    assert clock.errors[0] < 1e-12
    assert clock.plot(tmp_path / "clock.png").axes[0].name == "polar"
    curve = orbit_error(Residual(), x, action="translation_x", per_layer=True, at=[0.25, 1.0])
    assert curve.plot().axes[0].name == "rectilinear"
    assert curve.table().row_count == len(curve.layers) + 1
    assert curve.costliest in curve.layers
    assert '"action": "translation_x"' in curve.to_json()
    assert curve.passed(curve.error) and not curve.passed(0.0)


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = x * 1
        self.act(x)
        return x


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tensor:
        return grad


def bad(x: Tensor) -> dict[str, tuple[type[Exception], str, object]]:
    G = geomdl.group("D4")
    return {
        "nan": (ValueError, "x: expected numbers, got NaN", lambda: lie_derivative(
            torch.relu, x * math.nan)),
        "output": (ValueError, "f: expected finite numbers", lambda: lie_derivative(
            lambda x: x / 0, x)),
        "constant": (ValueError, "f: expected an output that varies", lambda: lie_derivative(
            torch.zeros_like, x)),
        "shape": (ValueError, "f: expected a shape that does not depend on the element, got",
            lambda: orbit_error(lambda x: x[: 1 + int(x[0, 0] > -2)], torch.eye(3),
                                action=lambda t, x: x - t, at=[8.0])),
        "shapes": (ValueError, "f: expected outputs of one shape for all inputs",
            lambda: lie_derivative(lambda x: x[x > 0], x, action="scale")),
        "actions": (ValueError, r"actions: expected names of layers \(1, 2\), got 'conv'",
            lambda: lie_derivative(nn.Sequential(nn.Identity(), nn.ReLU(), nn.Tanh()), x,
                                   per_layer=True, actions={"conv": None})),
        "layers": (ValueError, "layers: expected names of layers", lambda: lie_derivative(
            nn.Sequential(nn.ReLU()), x, per_layer=True, layers=["7"])),
        "nested": (ValueError, "layers: expected none inside another", lambda: lie_derivative(
            ViT(), x, per_layer=True, layers=["mlp.0", "mlp.0.1"])),
        "name": (ValueError, "action: expected one of translation_x, ", lambda: lie_derivative(
            torch.relu, x, action="turn")),
        "torus": (ValueError, "action: expected a translation of a periodic array, got 'rotation'",
            lambda: lie_derivative(torch.relu, x, action="rotation", periodic=True)),
        "image": (ValueError, r"x: expected an image \(batch, channels, \*spatial\), got shape",
            lambda: lie_derivative(torch.relu, x[0, 0], action="rotation")),
        "batch": (ValueError, r"x: expected a batch axis, .* got shape \(1, 16, 16\) at a Conv2d",
            lambda: lie_derivative(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten(2)), x[0])),
        "at": (ValueError, "at: expected finite distances, got", lambda: orbit_error(
            torch.relu, torch.rand(1, 1, 4, 4), action="rotation", at=[0.1, math.nan])),
        "batch of orbit": (ValueError, "x: expected a batch axis", lambda: orbit_error(
            nn.Conv2d(1, 1, 3), x[0], action="translation_x")),
        "discrete": (ValueError, "group: expected one with a Lie algebra, got D4",
            lambda: lie_derivative(torch.relu, x, group=G, source=Field(Grid(2), G.trivial))),
        "both": (ValueError, "action: expected either an action or a group, got both",
            lambda: lie_derivative(torch.relu, x, action="scale", group="SO2")),
        "curve": (ValueError, r"action: expected x at t = 0, got one off by 1",
            lambda: lie_derivative(torch.relu, x, action=lambda t, x: x + t + 1)),
        "curve shape": (ValueError, "action: expected the shape", lambda: lie_derivative(
            torch.relu, x, action=lambda t, x: (x * t)[0])),
        "function": (TypeError, "per_layer: f should be an nn.Module", lambda: lie_derivative(
            torch.relu, x, per_layer=True)),
        "in place": (ValueError, "f: expected the same output again", lambda: lie_derivative(
            InPlace(), x, per_layer=True)),
        "once": (ValueError, "f: expected a callable differentiable twice", lambda: lie_derivative(
            Once.apply, x)),
        "directions": (ValueError, "action: expected one direction, got translation_x, ",
            lambda: orbit_error(torch.relu, x)),
        "integers": (ValueError, "f: expected a floating output", lambda: lie_derivative(
            lambda x: x.long(), x)),
    }  # fmt: skip


@pytest.mark.parametrize("case", list(bad(torch.zeros(1, 1, 16, 16))))
def test_bad_input_is_one_line(case: str, x: Tensor) -> None:
    kind, message, call = bad(x)[case]
    with pytest.raises(kind, match=f"^{message}") as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_what_varies_in_steps_is_refused_and_not_passed():
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    net = nn.Conv2d(1, 3, 3).double()
    steps = [
        lambda x: (x > 0.5).double().mean((2, 3)),
        lambda x: torch.round(40 * net(x).mean((2, 3))),
    ]
    for f in steps:
        with pytest.raises(ValueError, match="output varies and has no derivative") as error:
            lie_derivative(f, x, action="translation_x")
        assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # dynamo looks at it
def test_a_compiled_network_is_measured_as_the_network():
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            return self.conv(x)

    net = Net()
    compiled = torch.compile(net, backend="eager")
    found = [lie_derivative(f, x, action="translation_x").error for f in (net, compiled)]
    assert found[0] == pytest.approx(found[1], rel=1e-9) and found[0] > 0
