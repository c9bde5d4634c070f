"""Solid harmonic scattering: symmetries of the cube on odd and even sizes, the formula, sparse
input.
"""

import itertools
import math

import pytest
import torch

from geomdl.scattering import HarmonicScattering3D, solid_harmonics
from tests.scattering.oracle import noise


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("q", [0.5, 1.0, 2.0])
def test_the_cube_is_not_seen(size, q):
    scattering = HarmonicScattering3D(1, (size,) * 3, L=3, powers=(q,)).double()
    x = noise(2, size, size, size)
    expected = scattering(x)
    for axes in itertools.permutations((-3, -2, -1)):
        for flips in ((), (-1,), (-3, -2)):
            moved = x.permute(0, *axes).flip(flips)
            assert (scattering(moved) / expected - 1).abs().max() <= 1e-12
    moved = x.roll((1, 2, 3), (-3, -2, -1))
    assert (scattering(moved) / expected - 1).abs().max() <= 1e-12
    warped = x * torch.linspace(1, 2, size)  # the twin that must fail
    assert (scattering(warped) / expected - 1).abs().max() > 1e-3


def test_wavelets_are_real_and_centred_in_space():
    for shape in ((6, 7, 8), (5, 5, 5)):
        for l in range(4):
            half = solid_harmonics(shape, 1.0, l) * (1j**l)
            back = torch.fft.rfftn(
                torch.fft.irfftn(half, s=shape, dim=(-3, -2, -1)), dim=(-3, -2, -1)
            )
            assert (back - half).abs().max() <= 1e-12
            psi = torch.fft.irfftn(half, s=shape, dim=(-3, -2, -1))
            mirrored = psi.flip((-3, -2, -1)).roll((1, 1, 1), (-3, -2, -1))
            assert (mirrored - (-1) ** l * psi).abs().max() <= 1e-12


def test_against_the_formula():
    shape, sigma, J, L = (7, 6, 5), 1.2, 1, 2
    x = noise(*shape)

    def modulus(u, j, l):
        half = solid_harmonics(shape, sigma * 2**j, l) * (-1j) ** l
        parts = torch.fft.rfftn(u) * half
        return torch.fft.irfftn(parts, s=shape, dim=(-3, -2, -1)).square().sum(0).sqrt()

    found = HarmonicScattering3D(J, shape, L, sigma, powers=(1.0, 2.0)).double()(x)
    for l in range(L + 1):
        first = [modulus(x, j, l) for j in (0, 1)]
        for path, u in enumerate([*first, modulus(first[0], 1, l)]):
            expected = torch.stack([u.sum(), u.square().sum()])
            assert (found[path, l] / expected - 1).abs().max() <= 1e-12


def test_turning_errs_less_for_wider_wavelets():
    """A density of Gaussians, turned by 30° about each axis."""

    def density(points, sigma):
        grid = torch.stack(
            torch.meshgrid(*3 * [torch.arange(24.0, dtype=torch.float64)], indexing="ij"), -1
        )
        squares = (grid[None] - 11.5 - points[:, None, None, None]).square().sum(-1)
        return torch.exp(-squares / (2 * sigma**2)).sum(0)

    points = torch.tensor(
        [[0.0, 3.0, 1.0], [2.0, -2.0, 0.5], [-3.0, 0.0, -2.0]], dtype=torch.float64
    )
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
    turn = turn @ torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=torch.float64)
    errors = []
    for sigma in (0.5, 0.8, 1.2):
        scattering = HarmonicScattering3D(0, (24, 24, 24), L=2, sigma=sigma, powers=(1.0,)).double()
        one, other = (scattering(density(p, sigma)) for p in (points, points @ turn.T))
        errors.append(float((one - other).norm() / one.norm()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] <= 1e-3


@pytest.mark.parametrize("output", ["integral", "local"])
def test_gradients_of_sparse_input(output):
    scattering = HarmonicScattering3D(1, (8, 8, 8), L=1, output=output)
    x = torch.zeros(1, 8, 8, 8)
    x[0, 3, 3, 3] = 1
    for start in (x, torch.zeros_like(x)):
        leaf = start.clone().requires_grad_()
        scattering(leaf).sum().backward()
        assert bool(leaf.grad.isfinite().all())


def test_second_derivatives():
    scattering = HarmonicScattering3D(1, (3, 4, 3), L=1).double()
    torch.autograd.gradgradcheck(scattering, noise(1, 3, 4, 3).requires_grad_())


def test_local_output():
    scattering = HarmonicScattering3D(1, (8, 8, 8), L=1, output="local").double()
    x = noise(2, 8, 8, 8)
    y = scattering(x)
    assert y.shape == (2, 3, 2, 4, 4, 4)
    moved = scattering(x.roll((2, 4, 0), (-3, -2, -1)))
    assert (moved - y.roll((1, 2, 0), (-3, -2, -1))).abs().max() <= 1e-13


def test_refusals():
    with pytest.raises(ValueError, match="shape: expected 3 sizes"):
        HarmonicScattering3D(1, (8, 8))
    with pytest.raises(ValueError, match="sigma: expected a positive width"):
        HarmonicScattering3D(1, (8, 8, 8), sigma=0)
    with pytest.raises(ValueError, match="powers: expected positive"):
        HarmonicScattering3D(1, (8, 8, 8), powers=(0.0,))
    with pytest.raises(ValueError, match=r"shape: for local output 2\^J=4"):
        HarmonicScattering3D(2, (8, 8, 6), output="local")
    with pytest.raises(ValueError, match=r"x: expected shape \(…, 8, 8, 8\)"):
        HarmonicScattering3D(1, (8, 8, 8))(torch.zeros(8, 8))
    with pytest.raises(TypeError, match=r"x: expected torch.float32"):
        HarmonicScattering3D(1, (8, 8, 8))(torch.zeros(8, 8, 8).double())


def test_second_derivatives_where_nothing_is():
    """At 0 the modulus has no derivative; 0 is taken, of every order."""
    scattering = HarmonicScattering3D(0, [4, 4, 4], L=1, powers=(0.5, 1.0)).double()
    x = torch.zeros(1, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(scattering(x).sum(), x)
    assert bool((g == 0).all())
