"""Exact regions against dense sampling, brute force over sign patterns, and known counts."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import Tensor, nn

import geomdl
from geomdl.expressivity import (
    enumerate_regions,
    montufar_lower,
    montufar_network,
    montufar_upper,
    regions_in_plane,
    regions_on_line,
    sawtooth,
    serra_upper,
    square_network,
    zaslavsky,
)

SQUARE = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)


class Residual(nn.Module):
    """Kinks of several kinds, a skip connection, functions rather than modules."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.prelu = nn.PReLU(6)

    def forward(self, x: Tensor) -> Tensor:
        h = self.prelu(self.a(x))
        h = h + torch.relu(self.b(h)) + self.b(h).abs()
        return self.c(h).clamp(-0.5, 0.7)


def mlp(*sizes: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b).double(), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def conv() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(16, 2),
    ).double().eval()  # fmt: skip


def patterns(model: nn.Module, x: Tensor) -> Tensor:
    """Signs of all pre-activations of ReLU, by hooks."""
    found: list[Tensor] = []
    hooks = [
        m.register_forward_hook(lambda _, inputs, __: found.append((inputs[0] > 0).flatten(1)))
        for m in model.modules()
        if isinstance(m, (nn.ReLU, nn.LeakyReLU))
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return torch.cat(found, 1)


@pytest.mark.parametrize(
    ("model", "shape"), [(mlp(2, 24, 24, 3), (2,)), (conv(), (1, 8, 8))], ids=["mlp", "conv"]
)
def test_line_against_dense_sampling(model, shape):
    rng = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, *shape, generator=rng, dtype=torch.float64) * 4
    found = regions_on_line(model, a, b)
    t = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    x = a + t.reshape(-1, *[1] * len(shape)) * (b - a)
    changes = (patterns(model, x)[1:] != patterns(model, x)[:-1]).any(1)
    inner = found.knots[1:-1]
    # every sampled change brackets a knot, and no knot lies elsewhere
    brackets = t[1:][changes]
    assert len(inner) >= 8
    assert all(bool(((inner <= s) & (inner >= s - 5.1e-5)).any()) for s in brackets)
    assert all(bool(((brackets >= k) & (brackets - 5.1e-5 <= k)).any()) for k in inner)
    where = torch.bucketize(t, inner)
    values = (
        found.values[where] + found.slopes[where, :, 0] * (t - found.centres[where, 0])[:, None]
    )
    with torch.no_grad():
        assert torch.allclose(values, model(x), atol=1e-12)


def test_pieces_are_those_of_the_function():
    """A dead neuron cuts regions, not pieces."""
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [1.0]]))
        model[0].bias.copy_(torch.tensor([-0.25, -0.5]))
        model[2].weight.copy_(torch.tensor([[1.0, 0.0]]))
    found = regions_on_line(model, torch.zeros(1), torch.ones(1))
    assert len(found) == 3 and found.pieces == 2 and found.maps == 2
    assert found.breakpoints.tolist() == [0.25]
    assert found.knots.tolist() == [0, 0.25, 0.5, 1]


@pytest.mark.parametrize("k", [1, 4, 9])
def test_sawtooth_and_square(k):
    zero, one = torch.zeros(1), torch.ones(1)
    expected = torch.arange(1, 2**k).double() / 2**k
    for network in (sawtooth(k), square_network(k)):
        found = regions_on_line(network, zero, one)
        assert found.pieces == 2**k
        assert torch.allclose(found.breakpoints, expected, atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_plane_against_sampling(seed):
    model = mlp(2, 7, 6, 1, seed=seed)
    found = regions_in_plane(model, 3 * SQUARE)
    assert float(found.areas.sum()) == pytest.approx(36, rel=1e-12)
    rng = torch.Generator().manual_seed(seed)
    points = 6 * torch.rand(20_000, 2, generator=rng, dtype=torch.float64) - 3
    at = found.find(points)
    assert int(at.min()) >= 0
    signs = patterns(model, points)
    codes = (signs.long() * 2 ** torch.arange(signs.shape[1])).sum(1)
    pairs = set(zip(at.tolist(), codes.tolist(), strict=True))
    # one region, one pattern, and the other way round
    assert len(pairs) == len({r for r, _ in pairs}) == len({c for _, c in pairs})
    unseen = found.areas[[i for i in range(len(found)) if i not in {r for r, _ in pairs}]]
    assert float(unseen.sum()) < 0.05  # too small to be hit
    values = found.values[at] + torch.einsum(
        "nok,nk->no", found.slopes[at], points - found.centres[at]
    )
    with torch.no_grad():
        assert torch.allclose(values, model(points), atol=1e-11)
    assert int(found.find(torch.tensor([[9.0, 0.0]]))[0]) == -1


def test_any_module_with_kinks():
    torch.manual_seed(3)
    model = Residual().double()
    found = regions_in_plane(model, 2 * SQUARE)
    points = 4 * torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)).double() - 2
    at = found.find(points)
    values = found.values[at] + torch.einsum(
        "nok,nk->no", found.slopes[at], points - found.centres[at]
    )
    with torch.no_grad():
        assert torch.allclose(values, model(points), atol=1e-11)
    assert len(found) > 40


class Positive(nn.Module):
    """A skip around an activation in place, and weights that pass a kink themselves."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, n), nn.Parameter(torch.randn(n, n))

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        y = torch.nn.functional.leaky_relu(h, 0.2, inplace=True)
        h = (h + 0.5 * y) @ (1.0 * self.b).relu() - self.b.abs().amax(0)
        return h.clamp_(max=0.5)


@pytest.mark.parametrize("n", [4, 6, 9])
def test_weights_are_no_samples_and_what_is_written_in_place_is_kept(n):
    torch.manual_seed(n)
    model = Positive(n).double()
    found = regions_in_plane(model, SQUARE)
    points = 2 * torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)).double() - 1
    at = found.find(points)
    outputs = model(points.requires_grad_()).sum(0)
    rows = [torch.autograd.grad(y, points, retain_graph=True)[0] for y in outputs]
    assert torch.allclose(found.slopes[at], torch.stack(rows, 1), atol=1e-12)
    assert len(found) > n


def by_views(h, u):
    h[:, :3].copy_(u[:, :3])
    h[:, 3:].add_(u[:, 3:])


def by_out(h, u):
    torch.add(h, u, out=h)


def by_columns(h, u):
    for column, values in zip(h.unbind(1), u.unbind(1), strict=True):
        column.copy_(values)


@pytest.mark.parametrize("fill", [by_views, by_out, by_columns])
def test_what_is_filled_later_is_no_constant(fill):
    torch.manual_seed(0)
    a, b = nn.Linear(2, 6).double(), nn.Linear(6, 1).double()

    def model(x):
        h = torch.zeros(len(x), 6, dtype=x.dtype)
        fill(h, a(x))
        return b(h.relu())

    assert len(regions_in_plane(model, SQUARE)) == len(
        regions_in_plane(nn.Sequential(a, nn.ReLU(), b), SQUARE)
    ) > 2  # fmt: skip


def test_more_lines_than_a_stack_is_deep():
    model = nn.Sequential(nn.Linear(2, 1500), nn.ReLU(), nn.Linear(1500, 1)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, 0.0]).expand(1500, 2))
        model[0].bias.copy_(torch.linspace(-0.9, 0.9, 1500))
    assert len(regions_in_plane(model, SQUARE)) == 1501


def test_a_plane_through_images():
    model, rng = conv(), torch.Generator().manual_seed(0)
    corners = 0.5 * torch.randn(3, 1, 8, 8, generator=rng, dtype=torch.float64)
    found = regions_in_plane(model, corners)
    a, b = ((corners[i] - corners[0]).flatten() for i in (1, 2))
    area = 0.5 * math.sqrt(float(a @ a * (b @ b) - (a @ b) ** 2))
    assert float(found.areas.sum()) == pytest.approx(area, rel=1e-10)
    with torch.no_grad():
        there = model(found.chart(found.centres))
    assert torch.allclose(there, found.values, atol=1e-12)


def brute_force(model: nn.Sequential, d: int) -> int:
    """Patterns of a one-hidden-layer network that a linear program finds room for."""
    weight, bias = model[0].weight.detach().numpy(), model[0].bias.detach().numpy()
    count = 0
    for signs in product((1.0, -1.0), repeat=len(bias)):
        s = np.array(signs)[:, None]
        rows = np.concatenate([-s * weight, np.linalg.norm(weight, axis=1)[:, None]], 1)
        bounds = [(None, None)] * d + [(0, 1)]
        found = linprog([0.0] * d + [-1.0], rows, s[:, 0] * bias, bounds=bounds)
        count += found.status == 0 and found.x[-1] > 1e-7
    return count


@pytest.mark.parametrize(("n", "d"), [(5, 2), (5, 3), (3, 4)])
def test_enumeration_of_one_layer(n, d):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(d, n), nn.ReLU()).double()
    assert len(enumerate_regions(model, d)) == brute_force(model, d) == zaslavsky(n, d)


def test_lines_that_are_not_generic():
    model = nn.Sequential(nn.Linear(2, 5), nn.ReLU()).double()
    with torch.no_grad():  # three through one point, a repeated one, a parallel one
        model[0].weight.copy_(torch.tensor([[1.0, 0], [0, 1], [1, 1], [2, 2], [1, 0]]))
        model[0].bias.copy_(torch.tensor([0.0, 0, 0, 0, -1]))
    assert len(enumerate_regions(model, 2)) == brute_force(model, 2) == 9
    assert len(regions_in_plane(model, 9 * SQUARE)) == 9


@pytest.mark.parametrize("seed", range(2))
def test_enumeration_agrees_with_polygons(seed):
    model = mlp(2, 5, 4, 1, seed=seed)
    listed, drawn = enumerate_regions(model, 2, box=3.0), regions_in_plane(model, 3 * SQUARE)
    assert len(listed) == len(drawn)
    assert sorted(drawn.find(listed.centres).tolist()) == list(range(len(drawn)))
    at = drawn.find(listed.centres)
    assert torch.allclose(listed.slopes, drawn.slopes[at], atol=1e-10)


@pytest.mark.parametrize(
    ("widths", "d"), [((4, 3), 2), ((4, 5, 4), 2), ((2, 2), 1), ((3, 3, 4), 3), ((6,), 2)]
)
def test_montufars_network(widths, d):
    network = montufar_network(widths, d, torch.Generator().manual_seed(1))
    bound = montufar_lower(widths, d)
    assert bound <= serra_upper(widths, d) <= montufar_upper(widths, d)
    if d == 2:
        assert len(regions_in_plane(network, (SQUARE + 1) / 2)) == bound
    if d == 1:
        assert len(regions_on_line(network, torch.zeros(1), torch.ones(1))) == bound
    if d == 3:
        shifted = nn.Sequential(nn.Linear(3, 3).double(), network)
        with torch.no_grad():
            shifted[0].weight.copy_(torch.eye(3))
            shifted[0].bias.fill_(0.5)
        assert len(enumerate_regions(shifted, 3, box=0.5)) == bound


def test_bounds_hold_and_serras_is_sharper():
    for widths in ((2, 3), (3, 2, 3)):
        counts = [
            len(regions_in_plane(mlp(2, *widths, 1, seed=s), 1e3 * SQUARE)) for s in range(12)
        ]
        assert max(counts) <= serra_upper(widths, 2)
    assert serra_upper((2, 2), 2) == 11 < montufar_upper((2, 2), 2) == 16


def test_regions_of_an_invariant_network_are_permuted():
    group = geomdl.group("C4")
    torch.manual_seed(0)
    lift = geomdl.linear.Linear(group.standard, 4 * group.regular)
    inner = geomdl.linear.Linear(4 * group.regular, 3 * group.regular)
    head = geomdl.linear.Linear(3 * group.regular, group.trivial)
    model = nn.Sequential(lift, nn.ReLU(), inner, nn.ReLU(), head).double()
    with torch.no_grad():
        lift.get_parameter("weight").normal_()
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    found = regions_in_plane(model, 2 * SQUARE)
    turn = group.standard(torch.tensor(1))
    moved = found.find(found.centres @ turn.T)
    assert sorted(moved.tolist()) == list(range(len(found)))
    assert torch.allclose(found.areas[moved], found.areas, atol=1e-10)
    assert torch.allclose(found.slopes[moved], found.slopes @ turn.T, atol=1e-10)
    assert len(found) > 20


def test_float32_models_stay_as_they_are():
    model = mlp(2, 8, 1).float()
    found = regions_on_line(model, torch.zeros(2), torch.ones(2))
    assert found.values.dtype == torch.float64
    assert next(model.parameters()).dtype == torch.float32


def test_plots():
    found = regions_in_plane(mlp(2, 6, 2), SQUARE)
    for color in ("value", "slope", "map"):
        axes = found.plot(color=color, output=1)
        assert len(axes.collections[0].get_paths()) == len(found)
    with pytest.raises(ValueError, match="color: expected one of"):
        found.plot(color="red")
    with pytest.raises(ValueError, match="output: expected one of 2, got 2"):
        found.plot(output=2)


ZERO, ONE = torch.zeros(2), torch.ones(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regions_on_line(mlp(2, 3, 1), ZERO, torch.ones(3)), "end: expected the shape"),
        (lambda: regions_on_line(mlp(2, 3, 1), ZERO, ZERO), "end: expected another point"),
        (lambda: regions_on_line(mlp(2, 3, 1), ZERO, math.nan * ONE), "end: expected finite"),
        (lambda: regions_on_line(mlp(2, 30, 1), -ONE, ONE, limit=3), "limit: more than 3 regions"),
        (
            lambda: regions_on_line(nn.Sequential(nn.Linear(2, 9), nn.GELU()), ZERO, ONE),
            "model: expected a network that is affine but for ReLU",
        ),
        (
            lambda: regions_on_line(
                nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 9), nn.ReLU()), ZERO, ONE
            ),
            "model: expected a network that is affine but for ReLU",
        ),
        (
            lambda: regions_on_line(nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5)), ZERO, ONE),
            "model: should be free of dropout",
        ),
        (
            lambda: regions_on_line(lambda x: x - x.amax(0), ZERO, ONE),
            "model: a maximum over the axis of samples",
        ),
        (
            lambda: regions_on_line(
                nn.MaxPool1d(2, return_indices=True), torch.zeros(1, 4), torch.ones(1, 4)
            ),
            "model: a maximum with its positions",
        ),
        (
            lambda: regions_on_line(lambda x: 1 + (2 * math.pi * x[:, 0]).sin(), ZERO, ONE),
            "model: expected a network that is affine but for ReLU",
        ),
        (lambda: regions_on_line(torch.sum, ZERO, ONE), "model: expected samples along the first"),
        (lambda: regions_in_plane(mlp(2, 3, 1), SQUARE[:2]), "polygon: expected corners"),
        (lambda: regions_in_plane(mlp(2, 3, 1), SQUARE[[0, 2, 1, 3]]), "polygon: .* convex"),
        (
            lambda: regions_in_plane(mlp(3, 3, 1), torch.arange(3.0).outer(torch.ones(3))),
            "polygon: expected three corners",
        ),
        (
            lambda: regions_in_plane(
                mlp(3, 3, 1), torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]])
            ),
            "polygon: expected corners in one plane",
        ),
        (lambda: enumerate_regions(mlp(2, 3, 1), 2, box=0.0), "box: expected a positive"),
        (lambda: zaslavsky(-1, 2), "n: expected an integer"),
        (lambda: montufar_lower((), 2), "widths: expected one width"),
        (lambda: montufar_network((1, 3), 2), "widths: expected at least d=2"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_types():
    with pytest.raises(TypeError, match="model: expected a network, got int"):
        regions_on_line(3, ZERO, ONE)
    with pytest.raises(TypeError, match="start: expected a tensor, got list"):
        regions_on_line(mlp(2, 3, 1), [0, 0], ONE)
    with pytest.raises(TypeError, match="end: expected real numbers, got"):
        regions_on_line(mlp(2, 3, 1), ZERO, ONE + 0j)
