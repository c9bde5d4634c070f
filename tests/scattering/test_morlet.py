"""The closed forms against filters sampled in space and summed over periods there."""

import math

import pytest
import torch

from geomdl.scattering import gaussian_1d, morlet_1d, morlet_2d
from geomdl.scattering.morlet import copies_2d, gaussian_2d
from tests.scattering.oracle import in_space_1d, in_space_2d


@pytest.mark.parametrize("shape", [(16, 16), (15, 18), (9, 32)])
@pytest.mark.parametrize(("j", "theta", "slant"), [(0, 0.3, 0.5), (1, -1.1, 1.0), (0, 2.0, 4.0)])
def test_images(shape, j, theta, slant):
    xi, sigma = 0.75 * math.pi / 2**j, 0.8 * 2**j
    expected = in_space_2d(shape, xi, sigma, theta, slant)
    arguments = [torch.tensor([v], dtype=torch.float64) for v in (xi, sigma, theta, slant)]
    copies = copies_2d(arguments[0], arguments[1], arguments[3])
    over_pixels, over_copies = (morlet_2d(shape, *arguments, copies=k)[0] for k in (None, copies))
    assert copies and not torch.equal(over_pixels, over_copies)  # two ways, by Poisson's formula
    assert (over_pixels - expected).abs().max() <= 1e-12
    assert (over_copies - expected).abs().max() <= 1e-12


@pytest.mark.parametrize("n", [32, 45])
@pytest.mark.parametrize(("xi", "sigma"), [(0.35, 0.14), (0.1, 0.02), (0.02, 0.02)])
def test_signals(n, xi, sigma):
    expected, low = in_space_1d(n, xi, sigma)
    parameters = torch.tensor([xi], dtype=torch.float64), torch.tensor([sigma], dtype=torch.float64)
    assert (morlet_1d(n, *parameters)[0] - expected).abs().max() <= 1e-12
    assert (gaussian_1d(n, parameters[1])[0] - low).abs().max() <= 1e-12


def test_low_pass_of_images():
    n, sigma = 12, 0.8
    t = torch.arange(-20 * n, 20 * n, dtype=torch.float64)
    g = torch.exp(-(t**2) / (2 * sigma**2)).reshape(-1, n).sum(0)
    expected = torch.fft.fft(g) / math.sqrt(2 * 3.1415 * sigma**2)
    assert (gaussian_2d(n, sigma) - expected).abs().max() <= 1e-12


def test_derivatives():
    one = torch.ones(1, dtype=torch.float64)
    parameters = tuple(v.requires_grad_() for v in (2.0 * one, 0.9 * one, 0.4 * one, 0.6 * one))
    for copies in (2, None):
        torch.autograd.gradcheck(lambda *p, c=copies: morlet_2d((6, 5), *p, copies=c), parameters)
    parameters = tuple(v.requires_grad_() for v in (0.2 * one, 0.06 * one))
    torch.autograd.gradcheck(lambda *p: morlet_1d(9, *p, copies=1), parameters)
