"""Fitted rings: the weights that predict best, exact on the grid, and better than others at 45°."""

import math

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid
from geomdl.groups import harmonic_values
from geomdl.steerable import Conv
from geomdl.steerable.coordinates import tap_coordinates
from geomdl.steerable.rings import Rings, ring_samples
from geomdl.steerable.taps import tap_representation, tap_space

ONE_RING = Rings((0.9,), (0.6,), (2,), 1.0)


def sphere(d: int) -> tuple[Tensor, Tensor]:
    """Points and weights of a quadrature on the unit circle or sphere."""
    angle = torch.arange(64, dtype=torch.float64) * (2 * math.pi / 64)
    circle = torch.stack([angle.cos(), angle.sin()], -1)
    if d == 2:
        return circle, torch.ones(64, dtype=torch.float64)
    n = 24
    off = torch.arange(1, n, dtype=torch.float64)
    off = off / (4 * off**2 - 1).sqrt()
    z, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))  # Gauss-Legendre
    flat = (1 - z**2).sqrt()[:, None, None] * circle
    points = torch.cat([flat, z[:, None, None].expand(n, 64, 1)], -1)
    return points.flatten(0, 1), vectors[0].square().repeat_interleave(64)


@pytest.mark.parametrize(("d", "kernel_size"), [(2, 5), (2, 4), (3, 3)])
def test_weights_predict_the_integral_best(d: int, kernel_size: int) -> None:
    taps = tap_coordinates(d, kernel_size).double() / 2
    points, weights = sphere(d)
    variance = 2 * 1.0**2 + 0.6**2
    from_ring = torch.exp(-torch.cdist(taps, 0.9 * points).square() / (2 * variance)) * weights
    pixels = torch.exp(-torch.cdist(taps, taps).square() / 4) + 1e-4 * torch.eye(len(taps))
    start = 0
    for _, l in ONE_RING.degrees(d):
        wanted = from_ring @ harmonic_values(points, l)
        found = ring_samples(ONE_RING, d, kernel_size)[:, start : start + wanted.shape[1]]
        start += wanted.shape[1]
        got = pixels @ found  # the normal equations, but for one factor
        factor = (got * wanted).sum() / wanted.square().sum()
        assert (got - factor * wanted).norm() <= 1e-9 * got.norm()
        assert (got - 1.01 * factor * wanted).norm() >= 1e-3 * got.norm()
    assert start == ring_samples(ONE_RING, d, kernel_size).shape[1]


@pytest.mark.parametrize(("name", "d", "kernel_size"), [("D4", 2, 5), ("C4", 2, 6), ("Oh", 3, 4)])
def test_exact_on_the_grid(name: str, d: int, kernel_size: int) -> None:
    G = geomdl.group(name)
    field = Field(Grid(d), G.trivial)
    space = tap_space(field, kernel_size, Rings.smooth(kernel_size))
    taps, samples = tap_representation(field, kernel_size)(G.elements), space.samples
    moved = samples @ space.rep(G.elements)
    assert (taps @ samples - moved).abs().max() <= 1e-13
    spoiled = samples + 1e-9 * torch.arange(len(samples), dtype=torch.float64)[:, None]
    assert (taps @ spoiled - spoiled @ space.rep(G.elements)).abs().max() >= 1e-10


def blobs(angle: float, width: float, size: int) -> Tensor:
    """The same 24 sums of Gaussian blobs, turned about the centre of the array."""
    rng = torch.Generator().manual_seed(0)
    centres = (2 * torch.rand(24, 20, 2, 1, generator=rng, dtype=torch.float64) - 1) * 8
    heights = torch.randn(24, 20, generator=rng, dtype=torch.float64)
    x, y = centres.unbind(2)
    x, y = math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    across = torch.exp(-0.5 * ((axis - x) / width) ** 2)
    along = torch.exp(-0.5 * ((-axis - y) / width) ** 2)
    return torch.einsum("nb,nby,nbx->nyx", heights, along, across).unsqueeze(1)


def error(rings: Rings, kernel_size: int, width: float) -> float:
    """At 45°, of one convolution from C8's trivial to its regular field."""
    G = geomdl.group("C8")
    rng = torch.Generator().manual_seed(1)
    target = Field(Grid(2), 8 * G.regular)
    conv = Conv(
        Field(Grid(2), G.trivial), target, kernel_size, bias=False, radial=rings, rng=rng
    ).double()
    turn = G.generators[0]
    assert abs(float(G.linear(turn)[0, 0]) - 0.5**0.5) <= 1e-9
    sign = 1.0 if float(G.linear(turn)[1, 0]) > 0 else -1.0
    with torch.no_grad():
        here = conv(blobs(0.0, width, kernel_size)).flatten(1) @ target.rep(turn).mT
        there = conv(blobs(sign * math.pi / 4, width, kernel_size)).flatten(1)
    return float((there - here).norm() / here.norm())


@pytest.mark.parametrize("kernel_size", [5, 7])
@pytest.mark.parametrize("width", [1.0, 2.0])
def test_lower_the_error_at_45_degrees(kernel_size: int, width: float) -> None:
    smooth, plain = Rings.smooth(kernel_size), Rings.default(kernel_size)
    sampled = Rings(smooth.radii, smooth.widths, smooth.frequencies)
    lowest = error(smooth, kernel_size, width)
    assert lowest <= error(plain, kernel_size, width) / 3
    assert lowest <= error(sampled, kernel_size, width) / 3  # the fit does it, not the rings


DOCUMENTED = {
    5: ((0.0038, 0.0017, 0.0011), (0.044, 0.0080, 0.0030)),
    7: ((0.0037, 0.0015, 0.0012), (0.035, 0.014, 0.0081)),
}


@pytest.mark.parametrize("kernel_size", DOCUMENTED)
def test_errors_are_as_documented(kernel_size: int) -> None:
    for rings, documented in zip(
        (Rings.smooth(kernel_size), Rings.default(kernel_size)),
        DOCUMENTED[kernel_size],
        strict=True,
    ):
        for width, wanted in zip((1.0, 2.0, 3.0), documented, strict=True):
            assert abs(error(rings, kernel_size, width) - wanted) <= 0.05 * wanted


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_error_falls_at_least_quadratically(kernel_size: int) -> None:
    """Frequency 2 answers to -2 as well: an error of order (ω/σ)², those of others are higher."""
    rings = Rings.default(kernel_size)
    assert error(rings, kernel_size, 6.0) <= 1.2 * error(rings, kernel_size, 3.0) / 4


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 6, 7, 9])
def test_as_many_as_default(kernel_size: int) -> None:
    smooth, plain = Rings.smooth(kernel_size), Rings.default(kernel_size)
    assert smooth.frequencies == plain.frequencies
    samples = ring_samples(smooth, 2, kernel_size)
    assert samples.shape == ring_samples(plain, 2, kernel_size).shape
    assert torch.linalg.matrix_rank(samples) == samples.shape[1]
    assert Rings(**smooth.to_config()) == smooth


def test_refused() -> None:
    for correlation in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="correlation"):
            Rings((0.0,), (0.6,), (0,), correlation)
