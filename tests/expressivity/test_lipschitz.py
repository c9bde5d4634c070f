"""Lipschitz constants against Jacobians at many points, dense matrices and Fourier's norm."""

import math
from functools import cache
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl.expressivity import (
    enumerate_regions,
    lipschitz_exact,
    lipschitz_lower,
    lipschitz_upper,
    regions_in_plane,
    regions_on_line,
    sawtooth,
)
from geomdl.training.linear_maps import dense, operator_norm

ORDERS = (1, 2, math.inf)
SQUARE = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)


def mlp(*sizes: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b).double(), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def jacobians(model: nn.Module, x: Tensor) -> Tensor:
    return torch.func.vmap(torch.func.jacrev(lambda v: model(v.unsqueeze(0))[0]))(x).detach()


@cache
def enumerated(box: float | None):
    return enumerate_regions(mlp(2, 5, 4, 3), 2, box=box)


@pytest.mark.parametrize("order", ORDERS)
def test_exact_is_between_and_is_reached(order):
    model = mlp(2, 5, 4, 3)
    exact = lipschitz_exact(enumerated(2.0), order)
    rng = torch.Generator().manual_seed(0)
    x = 4 * torch.rand(8_000, 2, generator=rng, dtype=torch.float64) - 2
    sampled = torch.linalg.matrix_norm(jacobians(model, x), ord=order)
    assert 0.99 * exact.value <= float(sampled.max()) <= exact.value * (1 + 1e-9)
    there = torch.linalg.matrix_norm(jacobians(model, exact.point.unsqueeze(0)), ord=order)
    assert float(there) == pytest.approx(exact.value, rel=1e-9)
    whole = lipschitz_exact(enumerated(None), order)
    lower = lipschitz_lower(model, x[:32], order, steps=40, rng=rng)
    assert 0.5 * exact.value <= lower.value <= whole.value * (1 + 1e-9)
    for method in ("product", "absolute"):
        assert whole.value <= lipschitz_upper(model, 2, order, method)
    if order != 2:
        assert lipschitz_upper(model, 2, order, "absolute") <= lipschitz_upper(model, 2, order)


def test_in_a_plane_and_on_a_line_of_a_larger_space():
    model = mlp(4, 6, 2)
    corners = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plane = regions_in_plane(model, corners)
    found = lipschitz_exact(plane)
    axes = plane.chart.axes
    x = plane.chart(plane.centres)
    expected = torch.linalg.matrix_norm(jacobians(model, x) @ axes.T, ord=2).max()
    assert found.value == pytest.approx(float(expected), rel=1e-10)
    line = regions_on_line(model, corners[0], corners[1])
    direction = (corners[1] - corners[0]) / (corners[1] - corners[0]).norm()
    steepest = (jacobians(model, line.chart(line.centres)) @ direction).norm(dim=1).max()
    assert lipschitz_exact(line).value == pytest.approx(float(steepest), rel=1e-10)
    with pytest.raises(ValueError, match="order: expected 2 on a line"):
        lipschitz_exact(plane, 1)


def test_a_fundamental_domain_is_enough():
    group = geomdl.group("C4")
    torch.manual_seed(0)
    layers = [
        geomdl.linear.Linear(group.standard, 3 * group.regular), nn.ReLU(),
        geomdl.linear.Linear(3 * group.regular, group.regular), nn.ReLU(),
        geomdl.linear.Linear(group.regular, group.standard),
    ]  # fmt: skip
    model = nn.Sequential(*layers).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    whole = lipschitz_exact(regions_in_plane(model, SQUARE))
    quarter = lipschitz_exact(regions_in_plane(model, torch.cat([0 * SQUARE[:1], SQUARE[:2]])))
    assert quarter.value == pytest.approx(whole.value, rel=1e-10)
    plain = mlp(2, 9, 2)
    part = [
        lipschitz_exact(regions_in_plane(plain, torch.stack([0 * a, a, b]))).value
        for a, b in zip(SQUARE, SQUARE.roll(-1, 0), strict=True)
    ]
    assert max(part) > 1.01 * min(part)  # what symmetry alone makes equal


def test_the_norm_of_a_periodic_convolution_is_that_of_its_symbol():
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular", bias=True).double()
    kernel = torch.zeros(3, 2, 8, 8, dtype=torch.float64)
    kernel[:, :, :3, :3] = conv.weight.detach()
    symbol = torch.fft.fft2(kernel).permute(2, 3, 0, 1)
    expected = float(torch.linalg.matrix_norm(symbol, ord=2).max())
    found = operator_norm(conv, (1, 2, 8, 8))
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.error <= 1e-9 * found.value


@pytest.mark.parametrize("stride", [1, 2])
def test_lanczos_agrees_with_the_dense_matrix(stride):
    torch.manual_seed(1)
    conv = nn.Conv2d(2, 4, 3, padding=1, stride=stride).double()
    shape = (1, 2, 9, 9)
    true = float(torch.linalg.matrix_norm(dense(conv, shape), ord=2))
    found = operator_norm(conv, shape)
    assert abs(found.value - true) <= found.error + 1e-12
    assert found.error <= 1e-9 * found.value
    rough = operator_norm(conv, shape, max_steps=6)
    assert rough.value <= true and rough.error > 1e-6
    zero = torch.zeros(shape, dtype=torch.float64)
    reached = float((conv(found.vector.view(shape)) - conv(zero)).detach().norm())
    assert reached == pytest.approx(found.value, rel=1e-10)


def test_upper_bound_of_a_convolutional_network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.LeakyReLU(0.2)),
        nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(48, 2), nn.Sigmoid(),
    ).double().eval()  # fmt: skip
    first = operator_norm(nn.Sequential(*model[0][:2]), (1, 1, 8, 8)).value
    last = operator_norm(nn.Sequential(*model[1:5]), (1, 3, 8, 8)).value
    bound = lipschitz_upper(model, (1, 8, 8))
    assert bound == pytest.approx(0.25 * first * last, rel=1e-10)
    starts = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    assert 0 < lipschitz_lower(model, starts, steps=20).value <= bound


@pytest.mark.parametrize("module", [nn.GELU(), nn.SiLU(), nn.ELU(2.0), nn.Softplus(), nn.Tanh()])
def test_slopes_of_activations(module):
    x = torch.linspace(-6, 6, 200_001, dtype=torch.float64).unsqueeze(1)
    steepest = float((module(x).diff(dim=0) / x.diff(dim=0)).abs().max())
    bound = lipschitz_upper(nn.Sequential(module), 1)
    assert steepest <= bound + 1e-9
    assert bound <= 1.01 * steepest or isinstance(module, nn.Softplus)


def test_the_lower_bound_finds_the_sawtooth():
    found = lipschitz_lower(sawtooth(4), torch.tensor([[0.3]]), distance=1e-4)
    assert found.value == pytest.approx(16, rel=1e-9)
    assert lipschitz_upper(sawtooth(4), 1) >= 16


def bad_shape() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lipschitz_upper(mlp(2, 3, 1), 2, order=3), "order: expected 1, 2 or inf, got 3"),
        (lambda: lipschitz_upper(mlp(2, 3, 1), 2, method="sdp"), "method: expected one of"),
        (lambda: lipschitz_upper(bad_shape(), 2), "model: no Lipschitz bound is known of Softmax"),
        (
            lambda: lipschitz_upper(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)), 2),
            "model: should be free of dropout",
        ),
        (lambda: lipschitz_lower(mlp(2, 3, 1), torch.zeros(2)), "starts: expected a tensor"),
        (
            lambda: lipschitz_lower(mlp(2, 3, 1), torch.full((1, 2), math.nan)),
            "model: expected finite values",
        ),
        (lambda: operator_norm(nn.Tanh(), (3,)), "linear_map: expected an affine map"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_samples_may_not_show_is_refused():
    hooked = nn.ReLU()
    hooked.register_forward_hook(lambda m, i, o: 3 * o)
    with pytest.raises(ValueError, match="hook may change anything, got one on ReLU"):
        lipschitz_upper(nn.Sequential(nn.Linear(2, 2), hooked), 2)
    with pytest.raises(ValueError, match="no Lipschitz bound is known of Hardshrink"):
        lipschitz_upper(nn.Sequential(nn.Linear(2, 2), nn.Hardshrink(1e-4)), 2)


def test_the_norm_of_a_layer_in_single_precision():
    torch.manual_seed(0)
    layer = nn.Linear(5, 4)
    found = operator_norm(layer, (1, 5))
    true = float(torch.linalg.matrix_norm(layer.weight.detach(), ord=2))
    assert found.value == pytest.approx(true, rel=1e-5)
