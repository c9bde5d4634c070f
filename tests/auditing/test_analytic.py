"""Analytic inputs move exactly; with them the error of an approximate symmetry falls."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geomdl
from geomdl import Field, Grid, Vector, audit
from geomdl.auditing import Analytic, analytic_inputs, roundtrip
from tests.auditing.networks import image, images

C8, SO2, O2 = (geomdl.group(name) for name in ("C8", "SO2", "O2"))
KINDS = ["bumps", "waves"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [15, 16])
def test_agrees_with_the_array_where_that_is_exact(kind: str, size: int) -> None:
    D4 = geomdl.group("D4")
    field = Field(Grid(2), D4.standard + D4.regular)
    signal = analytic_inputs(field, (size, size), kind=kind)
    for g in geomdl.groups.elements.iterate(D4, D4.elements):
        assert torch.allclose(signal.at(g), field.act(g, signal.tensor), atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_is_an_action(kind: str) -> None:
    """At g it is ρ(g) F(g⁻¹ p) on the pixels, read off the formula at turned points."""
    field = Field(Grid(2), O2.irrep((0, 0)) + O2.standard)
    signal = analytic_inputs(field, (11, 13), kind=kind)
    rng = torch.Generator().manual_seed(1)
    a, b = (O2.sample(1, rng)[0] for _ in range(2))
    points = geomdl.fields.coordinates((11, 13)).flatten(0, 1)
    along = torch.stack([-points[:, 1], points[:, 0]], 1)  # coordinates (x, y) to array axes
    for g in (O2.identity, a, O2.compose(a, b)):
        frame = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double()
        turned = frame @ O2.standard(g) @ frame.T
        origin = torch.linalg.solve(turned, along.T).T
        expected = torch.einsum("ij,bjn->bin", field.rep(g), signal.values(origin))
        assert torch.allclose(signal.at(g).flatten(2), expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_periodic_signals_shift_and_turn_exactly(kind: str) -> None:
    G = geomdl.group("Z8x8 : D4")
    field = Field(Grid(2, periodic=True), G.trivial)
    signal = analytic_inputs(field, (8, 8), kind=kind)
    for g in geomdl.groups.elements.iterate(G, G.sample(10)):
        assert torch.allclose(signal.at(g), field.act(g, signal.tensor), atol=1e-12)


@pytest.mark.parametrize(("d", "name"), [(1, "C1"), (3, "Oh")])
def test_other_dimensions(d: int, name: str) -> None:
    G = geomdl.group(name)
    grid = Grid(1, action=G.trivial) if d == 1 else Grid(3)
    field = Field(grid, G.trivial)
    signal = analytic_inputs(field, (9,) * d)
    g = geomdl.groups.elements.take(G.elements, -1)
    assert torch.allclose(signal.at(g), field.act(g, signal.tensor), atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_same_function_at_every_resolution(kind: str) -> None:
    field = image(SO2)
    coarse, fine = (
        analytic_inputs(field, (n, n), torch.Generator().manual_seed(4), kind=kind) for n in (9, 27)
    )
    assert torch.allclose(coarse.tensor, fine.tensor[..., 1::3, 1::3], atol=1e-13)
    assert (
        fine.tensor[..., ~field.mask(fine.tensor)].abs() <= 1e-3 * fine.tensor.abs().max()
    ).all()


def test_redrawn_signals_differ() -> None:
    signal = analytic_inputs(image(SO2), (9, 9), batch=3)
    other = signal.redraw(torch.Generator().manual_seed(9))
    assert isinstance(other, Analytic)
    assert other.tensor.shape == signal.tensor.shape == (3, 1, 9, 9)
    assert (other.tensor - signal.tensor).abs().max() > 0.1


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^field: expected one on a Grid \(others move exactly\)"):
        analytic_inputs(Field(Vector(), C8.trivial), (9, 9))
    with pytest.raises(ValueError, match=r"^shape: expected 2 positive sizes, got \(9,\)$"):
        analytic_inputs(image(C8), (9,))
    with pytest.raises(ValueError, match=r"^kind: expected 'bumps' or 'waves', got 'noise'$"):
        analytic_inputs(image(C8), (9, 9), kind="noise")
    wrong = analytic_inputs(image(C8), (9, 9))
    with pytest.raises(ValueError, match=r"^x: expected an analytic Field"):
        audit(nn.Identity(), wrong, source=image(SO2), target=image(SO2))


# --- resampled actions ------------------------------------------------------------------------
class Blur(nn.Module):
    """Gaussian blur of a width in half sizes: equivariant under all turns, but for sampling."""

    def forward(self, x: Tensor) -> Tensor:
        width = 0.08 * x.shape[-1] / 2
        reach = math.ceil(5 * width)
        line = torch.exp(-(torch.arange(-reach, reach + 1.0, dtype=x.dtype) / width).square() / 2)
        line = line / line.sum()
        y = F.conv2d(x, line.reshape(1, 1, 1, -1), padding=(0, reach))
        return F.conv2d(y, line.reshape(1, 1, -1, 1), padding=(reach, 0)).tanh()


class Gradient(nn.Module):
    """Partial derivative along one axis: not equivariant, at any resolution."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.roll(-1, -1) - x.roll(1, -1)) * x.shape[-1]


def error(f: nn.Module, n: int, group: geomdl.Group = C8, kind: str = "bumps") -> float:
    field = image(group)
    signal = analytic_inputs(field, (n, n), torch.Generator().manual_seed(2), kind=kind)
    return audit(f, signal, source=field, target=field, samples=6).error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("group", [C8, O2])
def test_error_on_analytic_inputs_falls_with_resolution(kind: str, group: geomdl.Group) -> None:
    errors = [error(Blur(), n, group, kind) for n in (15, 29, 57)]
    assert errors[0] < 0.3
    assert errors[1] < errors[0] / 3
    assert errors[2] < errors[1] / 3


def test_error_of_what_is_not_equivariant_stays() -> None:
    errors = [error(Gradient(), n) for n in (15, 29, 57)]
    assert min(errors) > 0.3


def test_analytic_inputs_leave_interpolation_of_the_input_out() -> None:
    """Where the output has no pixels nothing is resampled: what is left is the network's own."""
    field, target = image(C8), Field(Vector(), C8.trivial)
    pooled = lambda x: Blur()(x).square().mean((-2, -1))  # noqa: E731
    signal = analytic_inputs(field, (29, 29))
    exact = audit(pooled, signal, source=field, target=target)
    resampled = audit(pooled, signal.tensor, source=field, target=target)
    assert exact.error < 1e-4
    assert resampled.error > 10 * exact.error
    assert exact.roundtrip == 0.0
    assert resampled.roundtrip > 1e-4


def test_exact_elements_of_a_resampled_group_are_exact() -> None:
    field = image(C8)
    found = audit(Blur(), analytic_inputs(field, (21, 21)), source=field, target=field)
    for row in found.per_element:
        if row.label in ("90°", "180°", "270°"):
            assert row.error <= 1e-12
            assert row.roundtrip == 0.0
        else:
            assert row.error > 1e-6
            assert row.roundtrip > 1e-6


def test_noise_is_compared_inside_the_disc_alone() -> None:
    """The corners, which no turn keeps, count for nothing."""
    field = image(C8)
    x = images(2, 1, 21, 21, dtype=torch.float64)
    corner, centre = torch.zeros(2, 21, 21, dtype=torch.float64)
    corner[0, 0] = centre[3, 10] = 10

    def error(extra: Tensor) -> float:
        f = lambda x: x + extra  # noqa: E731
        return audit(f, x, source=field, target=field, elements=torch.tensor(1)).error

    assert error(0 * corner) == 0.0
    assert error(corner) < 0.02
    assert error(centre) > 0.3


def test_roundtrip_measures_the_interpolation() -> None:
    spline, fourier = (Field(Grid(2, interpolation=i), C8.trivial) for i in ("spline", "fourier"))
    eighth, quarter = torch.tensor(1), torch.tensor(2)
    noise = images(1, 1, 29, 29, dtype=torch.float64)
    smooth = analytic_inputs(spline, (29, 29)).tensor
    assert roundtrip(spline, quarter, noise) == 0.0
    assert roundtrip(spline, eighth, noise) > 0.1
    assert roundtrip(spline, eighth, smooth) < 0.01
    assert roundtrip(fourier, eighth, smooth) < 0.01
    assert roundtrip(spline, eighth, torch.zeros_like(noise)) == 0.0
    assert roundtrip(Field(Vector(), C8.standard), eighth, images(3, 2)) == 0.0


def test_layers_of_a_resampled_group_are_measured_on_redrawn_signals() -> None:
    field = image(C8)
    net = nn.Sequential(Blur(), Gradient())
    signal = analytic_inputs(field, (29, 29), batch=4)
    found = audit(net, signal, source=field, target=field, per_layer=True)
    rows = {row.name: row for row in found.per_layer}
    assert rows["0"].error < 0.02
    assert rows["1"].error > 0.3
    assert found.first_break_at(0.05) is not None
    assert found.first_break_at(0.05).startswith("1 (Gradient), after 0: error")
