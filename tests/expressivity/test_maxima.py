"""Maxima, exactly: windows against torch, regions against derivatives and dense sampling."""

import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geomdl
from geomdl.expressivity import (
    enumerate_regions,
    lipschitz_exact,
    regions_in_plane,
    regions_on_line,
)
from geomdl.expressivity.maxima import REDUCTIONS

SQUARE = torch.tensor([[-2.0, -2], [2, -2], [2, 2], [-2, 2]], dtype=torch.float64)
POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
ADAPTIVE = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def by_windows(function, x: Tensor, *options) -> Tensor:
    windows = REDUCTIONS[function](x, *options).windows(1)
    padded = F.pad(x.flatten(1), (0, 1), value=-torch.inf)
    return padded[:, windows].amax(-1)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_windows_are_those_of_torch(d):
    draw, rng, seen = random.Random(d), torch.Generator().manual_seed(d), 0
    while seen < 60:
        x = torch.randn(2, 3, *(draw.randint(4, 8) for _ in range(d)), generator=rng)
        k = draw.randint(1, 3)
        options = (k, draw.choice([None, 1, 2, 3]), draw.randint(0, k // 2), draw.randint(1, 2),
                   draw.random() < 0.5)  # fmt: skip
        try:
            y = POOLS[d - 1](x, *options)
        except RuntimeError:  # nothing left
            continue
        assert torch.equal(by_windows(POOLS[d - 1], x, *options), y.flatten(1)), options
        m = draw.randint(1, 4)
        y = ADAPTIVE[d - 1](x, m)
        assert torch.equal(by_windows(ADAPTIVE[d - 1], x, m), y.flatten(1))
        seen += 1


def flat_networks(seed: int) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    linear = lambda a, b: nn.Linear(a, b).double()  # noqa: E731
    tenth = torch.tensor(0.1, dtype=torch.float64)
    return {
        "maxout": nn.Sequential(
            linear(2, 12), Of(lambda x: x.reshape(-1, 4, 3).max(-1)[0]), linear(4, 9),
            Of(lambda x: x.reshape(-1, 3, 3).amin(1)), linear(3, 1),
        ),
        "comparisons": nn.Sequential(
            linear(2, 8), Of(lambda x: torch.maximum(x[:, :4], x[:, 4:])), linear(4, 4),
            Of(lambda x: torch.min(x, tenth)), linear(4, 2), nn.ReLU(),
        ),
        "beside what it is of": nn.Sequential(
            linear(2, 6), nn.ReLU(), Of(lambda x: torch.cat([x, x.max(1, keepdim=True)[0]], 1)),
            linear(7, 4), nn.Hardtanh(), linear(4, 1),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["maxout", "comparisons", "beside what it is of"])
def test_planes_against_derivatives(name, seed):
    model = flat_networks(seed)[name]
    found = regions_in_plane(model, SQUARE)
    assert float(found.areas.sum()) == pytest.approx(16, rel=1e-12)
    points = 4 * torch.rand(5000, 2, generator=torch.Generator().manual_seed(seed)).double() - 2
    jacobian = torch.func.vmap(torch.func.jacrev(lambda x: model(x[None])[0]))(points).detach()
    at = found.find(points)
    assert torch.allclose(found.slopes[at], jacobian, atol=1e-12)
    seen = torch.linalg.matrix_norm(jacobian, 2).max()
    assert lipschitz_exact(found).value >= float(seen) * (1 - 1e-12)
    listed = enumerate_regions(model, 2, box=2.0)
    assert sorted(found.find(listed.centres).tolist()) == list(range(len(found)))
    assert len(listed) == len(found) >= 3


def test_maxout_of_affine_functions_is_their_upper_envelope():
    """Σ over the plane: as many regions as functions that are largest somewhere."""
    angle = torch.arange(7) * 2 * torch.pi / 7
    layer = nn.Linear(2, 8).double()
    with torch.no_grad():  # tangents of a circle, and one below them all
        layer.weight.copy_(torch.cat([torch.stack([angle.cos(), angle.sin()], 1), 0 * SQUARE[:1]]))
        layer.bias.copy_(torch.tensor(7 * [0.0] + [-1e-3]))
    model = nn.Sequential(layer, Of(lambda x: x.amax(1, keepdim=True)))
    for found in (regions_in_plane(model, SQUARE), enumerate_regions(model, 2)):
        assert len(found) == found.maps == 7


def images(seed: int) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    return {
        "zeros that tie": nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 3, 2), nn.MaxPool2d(2, 1),
            nn.Flatten(), nn.Linear(3, 2),
        ),
        "overlapping": nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.LeakyReLU(0.2),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(2, 2, 3), nn.AdaptiveMaxPool2d(1),
            nn.Flatten(), nn.Linear(2, 2),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["zeros that tie", "overlapping"])
def test_lines_through_images_against_dense_sampling(name, seed):
    model = images(seed)[name].double().eval()
    a, b = 2 * torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(seed)).double()
    found = regions_on_line(model, a, b)
    t = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    with torch.no_grad():
        y = model(a + t.reshape(-1, 1, 1, 1) * (b - a))
    bent = y.diff(dim=0).diff(dim=0).abs().amax(1) > 1e-7 * float(y.diff(dim=0).abs().max())
    seen, breaks = t[1:-1][bent], found.breakpoints
    assert all(bool(((breaks - s).abs() <= 1.01e-4).any()) for s in seen)
    assert all(bool(((seen - k).abs() <= 1.01e-4).any()) for k in breaks)
    where = torch.bucketize(t, found.knots[1:-1])
    away = t - found.centres[where, 0]
    assert torch.allclose(found.values[where] + found.slopes[where, :, 0] * away[:, None], y)
    assert len(found) > found.pieces > 8


def test_an_equivariant_network_with_pooling():
    G = geomdl.group("C4")
    image, rng = geomdl.Field(geomdl.Grid(2), G.trivial), torch.Generator().manual_seed(0)
    hidden = geomdl.Field(geomdl.Grid(2), 2 * G.regular)
    model = geomdl.steerable.Sequential(
        geomdl.steerable.Conv(image, hidden, 3, padding=1, rng=rng),
        geomdl.steerable.Pointwise(hidden, "relu"),
        geomdl.steerable.MaxPool(hidden),
        geomdl.steerable.GroupPool(hidden),
    ).double().eval()  # fmt: skip
    corners = torch.randn(3, 1, 4, 4, generator=rng, dtype=torch.float64)
    corners = corners[:1] + 0.2 * (corners - corners[:1])
    found = regions_in_plane(model, corners)
    turned = regions_in_plane(model, image.act(torch.tensor(1), corners))
    assert len(found) == len(turned) > 20
    assert torch.allclose(found.areas.sort().values, turned.areas.sort().values, atol=1e-10)
