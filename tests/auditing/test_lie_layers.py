"""What each layer costs: exact terms, on the graph of the network."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geomdl
from geomdl import Field, Grid, Vector, lie_derivative
from geomdl.auditing import LieDerivative, OrbitError, orbit_error
from geomdl.auditing.certificate import worst_of
from geomdl.auditing.curves import names
from geomdl.auditing.directions import directions
from geomdl.auditing.lie import twice_differentiable
from geomdl.auditing.prepare import prepared
from geomdl.auditing.problem import Problem
from geomdl.auditing.sites import Sites
from geomdl.auditing.tape import END, Tape
from tests.auditing.foreign import Residual, Ten, ViT
from tests.auditing.networks import images

ALL = names(2)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def x() -> Tensor:
    return images(2, 1, 16, 16)


def torus(n: int = 12) -> Tensor:
    return images(2, 1, n, n)


def costs(found: LieDerivative) -> dict[str, float]:
    return {f"{c.kind} {c.name}": c.worst for c in found.layers}


def terms(f: nn.Module, x: Tensor, **options: object) -> tuple[list[Tensor], Tensor, set[str]]:
    """Terms of the first direction, their sum as it should be, and names of code that costs."""
    wanted = directions(f, [x], options.pop("action", None), options.pop("group", None),
                        options.pop("source", None), options.pop("target", None),
                        bool(options.pop("periodic", False)))  # fmt: skip
    ready = prepared(f, torch.float64, rng=torch.Generator())
    with twice_differentiable():
        problem = Problem.build(ready, [x], wanted.source, wanted.target, torch.float64)
        sites = Sites.of(problem, wanted.group, options.pop("actions", {}), None)  # type: ignore[arg-type]
        tape = Tape(problem, sites)
        layers, between, _ = tape.terms(wanted.all[0])
        whole = tape.whole(wanted.all[0])
    assert len(whole) == 1
    code = {name for name, (term,) in between.items() if term.abs().max() > 1e-12}
    return [t for (t,) in [*layers.values(), *between.values()]], whole[0], code


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("net", [Residual(0.5), ViT()])
def test_terms_add_up_to_the_whole(net: nn.Module, name: str, x: Tensor) -> None:
    parts, whole, _ = terms(net, x, action=name)
    assert torch.allclose(torch.stack(parts).sum(0), whole, atol=1e-11 * float(whole.abs().max()))
    assert not torch.allclose(torch.stack(parts[1:]).sum(0), whole, rtol=1e-3)


def test_terms_add_up_whatever_the_actions(x: Tensor) -> None:
    odd = {"block.conv1": None, "stem": lambda t, h, move: move(2 * t, h)}
    parts, whole, code = terms(Residual(), x, action="rotation", actions=odd)
    assert torch.allclose(torch.stack(parts).sum(0), whole, atol=1e-11)
    assert "block.act" not in code  # what it takes is what conv1 gives


def test_sums_of_branches_cost_nothing_and_a_ramp_does(x: Tensor) -> None:
    found = lie_derivative(Residual(), x, action="translation", per_layer=True)
    kinds = [(c.kind, c.name) for c in found.layers]
    assert ("Conv2d", "block.conv2#2") in kinds
    assert ("code before", "head") in kinds  # pooling loses what crosses the border
    assert not {c.name for c in found.layers if c.kind == "code before"} & {
        "stem", "block.conv1", "block.act", "block.conv2"}  # fmt: skip
    broken = lie_derivative(Residual(3.0), x, action="translation", per_layer=True)
    ramp = {c.name: c.worst for c in broken.layers if c.kind == "code before"}
    assert ramp["block.conv1#2"] > 0.1


def test_a_broken_padding_is_the_only_convolution_that_costs() -> None:
    for broken in (None, 6):
        found = lie_derivative(Ten(broken), torus(), action="translation", periodic=True,
                               per_layer=True)  # fmt: skip
        convolutions = {c.name for c in found.layers if c.kind == "Conv2d" and c.worst > 1e-12}
        assert convolutions == (set() if broken is None else {"12"})
        orbit = orbit_error(Ten(broken), torus(), action="translation_y", periodic=True,
                            at=[0.5, 1.0, 2.0], per_layer=True)  # fmt: skip
        whole = {name for name, cost in orbit.layers.items() if max(cost[1:]) > 1e-12}
        assert whole == (set() if broken is None else {"12"})
        assert (max(orbit.errors[1:]) < 1e-12) == (broken is None)
        assert orbit.errors[0] > 1e-3
        if broken is not None:
            assert "whole pixels" in orbit.summary()
            assert "costliest 12 (Conv2d)" in orbit.summary()


def test_a_parametrized_layer_is_named_itself() -> None:
    layers: list[nn.Module] = []
    for i in range(4):
        mode = "zeros" if i == 2 else "circular"
        conv = nn.Conv2d(3 if i else 1, 3, 3, padding=1, padding_mode=mode)
        layers += [nn.utils.parametrizations.weight_norm(conv)]
    net, x = nn.Sequential(*layers), torus()
    found = lie_derivative(net, x, action="translation_x", periodic=True, per_layer=True)
    assert [layer.name for layer in found.layers] == ["0", "1", "2", "3"]
    assert found.costliest is not None
    assert found.costliest.name == "2"
    orbit = orbit_error(net, x, action="translation_x", periodic=True, at=[1.0], per_layer=True)
    assert orbit.costliest == "2"
    grid, group = Grid(2, periodic=True), geomdl.group("Z12x12")
    ends = Field(grid, group.trivial), Field(grid, 3 * group.trivial)
    whole = geomdl.audit(net, x, source=ends[0], target=ends[1], per_layer=True, samples=2)
    assert str(whole.first_break).startswith("2 (ParametrizedConv2d)")


class Placed(nn.Module):
    """A convolution and positions, added between it and the head."""

    def __init__(self, broken: bool) -> None:
        super().__init__()
        mode = "zeros" if broken else "circular"
        self.conv = nn.Conv2d(1, 4, 3, padding=1, padding_mode=mode)
        self.places = torch.randn(4, 12, 12) * (not broken)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.conv(x) + self.places).relu().mean((2, 3)))


def along_x(net: nn.Module, x: Tensor, at: tuple[float, ...] = (1.0,)) -> OrbitError:
    return orbit_error(net, x, action="translation_x", periodic=True, at=at, per_layer=True)


def test_code_between_layers_is_named() -> None:
    for broken in (False, True):
        orbit = along_x(Placed(broken), torus())
        assert orbit.error > 0.01
        name = "conv (Conv2d)" if broken else "code before head"
        assert f"costliest {name}: " in orbit.summary()
        dear = [layer for layer, (cost,) in orbit.layers.items() if cost > 1e-12]
        assert dear == [name.removesuffix(" (Conv2d)")]
        assert orbit.layers[dear[0]][0] == pytest.approx(orbit.error)  # there is nothing else
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"))
    orbit = along_x(net, torus())
    assert "no layer explains" not in orbit.summary()  # of rounding
    assert [*orbit.layers] == ["0"]


class Functional(nn.Module):
    """Three convolutions on a torus, with code of the user before the last one."""

    def __init__(self, code: Callable[[Tensor], Tensor], padded: bool = False) -> None:
        super().__init__()
        self.code = code
        self.convs = nn.ModuleList(
            nn.Conv2d(4 if i else 1, 4, 3, padding=0 if padded and i == 2 else 1,
                      padding_mode="circular") for i in range(3)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        for i, conv in enumerate(self.convs):
            x = conv(self.code(x) if i == 2 else x).relu()
        return x.mean((2, 3))


def test_code_that_turns_or_pads_is_named() -> None:
    def mirrored(x: Tensor) -> Tensor:
        return torch.cat([x[:, :2].flip(-1), x[:, 2:].roll(1, -1)], 1)

    def padded(mode: str) -> Callable[[Tensor], Tensor]:
        return lambda x: F.pad(x, (1, 1, 1, 1), mode=mode)

    found = along_x(Functional(mirrored), torus(), (1.0, 3.0))
    assert found.costliest == "code before convs.2"
    assert min(found.errors) > 1e-3
    found = along_x(Functional(padded("constant"), True), torus(), (1.0, 3.0))
    assert "costliest convs.2 (Conv2d with the code before it)" in found.summary()
    assert {n for n, c in found.layers.items() if max(c) > 1e-12} == {"convs.2"}
    found = along_x(Functional(padded("circular"), True), torus(), (1.0, 3.0))
    assert worst_of([c for costs in found.layers.values() for c in costs]) < 1e-12
    ends = [Field(Grid(2, periodic=True), n * geomdl.group("Z12x12").trivial) for n in (1, 4)]
    ends[1] = Field(Vector(), ends[1].rep)
    net = Functional(padded("constant"), True)
    whole = geomdl.audit(net, torus(), source=ends[0], target=ends[1], per_layer=True, samples=2)
    assert str(whole.first_break).startswith("convs.2 (Conv2d) or the code before it, after")
    slope = lie_derivative(net, torus(), action="translation", periodic=True, per_layer=True)
    assert "Conv2d with the code before it convs.2" in costs(slope)


def test_code_at_the_end_is_named_and_a_network_that_differentiates_has_none() -> None:
    class Last(nn.Module):
        def __init__(self, slope: bool) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")
            self.slope = slope

        def forward(self, x: Tensor) -> Tensor:
            ramp = torch.arange(12).to(x)
            if not self.slope:
                return self.conv(x) * ramp
            x = x.requires_grad_()
            return torch.autograd.grad((self.conv(x).square() * ramp).sum(), x, create_graph=True)[
                0
            ]

    found = along_x(Last(False), torus())
    assert found.costliest == "code at the end"
    assert found.layers["conv"][0] < 1e-12
    found = along_x(Last(True), torus())
    assert [*found.layers] == ["conv"]
    assert "which no layer explains" in found.summary()


@pytest.mark.parametrize("name", ["translation_x", "shear"])
@pytest.mark.parametrize("net", [Residual(0.5), ViT()])
def test_costs_are_slopes_of_costs_at_finite_distances(
    net: nn.Module, name: str, x: Tensor
) -> None:
    h = 1e-6
    slope = lie_derivative(net, x, action=name, per_layer=True)
    near = orbit_error(net, x, action=name, per_layer=True, at=[h])
    code = 0
    for layer in slope.layers:
        key = layer.name if not layer.kind.startswith("code") else f"{layer.kind} {layer.name}"
        key = "code at the end" if layer.name == END else key
        code += key.startswith("code")
        assert near.layers.get(key, (0.0,))[0] / h == pytest.approx(layer.worst, rel=1e-3, abs=1e-4)
    assert code > 1
    assert near.errors[0] / h == pytest.approx(slope.error, abs=1e-4)


def test_a_transformer_without_positions_keeps_shifts_by_patches(x: Tensor) -> None:
    for position in (0.0, 1.0):
        net = ViT(position)
        orbit = orbit_error(net, x, action="translation_x", periodic=True, at=[2.0, 4.0, 8.0])
        assert orbit.errors[0] > 1e-2
        assert (max(orbit.errors[1:]) < 1e-12) == (position == 0)
        found = lie_derivative(net, x, action="translation", periodic=True, per_layer=True)
        rows = costs(found)
        assert rows["Conv2d patch"] > 0.01
        assert max(cost for name, cost in rows.items() if name.startswith("Linear")) < 1e-12
        assert "Dropout mlp.0.3" not in rows
        first = next(c for c in found.layers if c.name == "attention.0.norm")
        assert (first.kind == "code before") == (position > 0)  # the code that adds positions


def test_layers_may_be_named(x: Tensor) -> None:
    found = lie_derivative(ViT(), x, action="rotation", per_layer=True,
                           layers=["patch", "attention.0", "mlp.1"])  # fmt: skip
    named = [c.name for c in found.layers if not c.kind.startswith("code")]
    assert named == ["patch", "attention.0", "mlp.1"]


def test_maps_with_channels_last_move_alike() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(3)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x.movedim(1, -1)).movedim(-1, 1)

    found = lie_derivative(Last(), images(2, 3, 8, 8), per_layer=True, action="translation")
    assert [c.kind for c in found.layers] == ["LayerNorm"]


def test_a_step_is_flat_and_differences_tell(x: Tensor) -> None:
    class Step(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.round()

    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), Step(), nn.Conv2d(2, 2, 3, padding=1))
    found = lie_derivative(net, x, action="translation_x", per_layer=True)
    assert costs(found)["Conv2d 0"] == 0.0  # nothing passes a step
    assert costs(found)["Step 1"] > 0.1
