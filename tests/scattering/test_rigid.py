"""Roto-translation scattering: quarter turns, shifts, the formula, and what turning by 45°
costs.
"""

import math

import pytest
import torch

import geomdl
from geomdl.scattering import RotoTranslationScattering, bank_2d
from tests.scattering.oracle import convolve, noise


@pytest.mark.parametrize("padding", ["reflect", "periodic", "zero"])
@pytest.mark.parametrize(("size", "L"), [(8, 2), (9, 4), (11, 8)])
def test_quarter_turns(padding, size, L):
    scattering = RotoTranslationScattering(2, (size, size), L, padding=padding).double()
    assert geomdl.audit(scattering, noise(2, 1, size, size)).passed(1e-12)


def test_one_direction_that_differs_breaks_the_quarter_turns():
    """The twin that must fail: at either order."""
    x = noise(2, 1, 9, 9)
    for scale, order in (("-1 0", 1), ("0 1", 2)):
        scattering = RotoTranslationScattering(2, (9, 9), 4).double()
        scattering.scales[scale].psi[1] *= 1.2
        one, other = scattering(x), scattering(x.rot90(dims=(-2, -1)))
        places = [place for place, path in enumerate(scattering.paths) if path[0] == order]
        assert (one - other)[:, places].norm() > 1e-3 * one[:, places].norm()


def test_odd_numbers_of_directions_do_not_turn():
    scattering = RotoTranslationScattering(2, (9, 9), 3).double()
    assert scattering.source.group.order == 1
    x = noise(1, 1, 9, 9)
    assert (scattering(x.rot90(dims=(-2, -1))) - scattering(x)).abs().max() > 1e-4


def test_subsampling_costs_a_little():
    scattering = RotoTranslationScattering(2, (16, 16), 4, oversampling=0).double()
    x = noise(2, 1, 16, 16)
    exact = RotoTranslationScattering(2, (16, 16), 4).double()
    error = (scattering(x) - exact(x)).norm() / exact(x).norm()
    assert 1e-6 < float(error) <= 0.05


def test_against_the_formula():
    J, n, L = 2, 8, 3
    scattering = RotoTranslationScattering(J, (n, n), L, padding="periodic").double()
    psi = bank_2d((n, n), J, L).psi.unflatten(0, (J, L))
    circle = scattering.angular.psi.double()
    x = noise(n, n)
    first = [[convolve(x, psi[j, t]).abs() for t in range(L)] for j in range(J)]
    expected = [x.mean(), *(torch.stack(u).mean() for u in first)]
    for k in range(len(circle) + 1):
        for a in range(L):
            v = []
            for t in range(2 * L):  # the whole circle, half a turn on the wave runs backwards
                wave = psi[1, (t + a) % L]
                if (t + a) // L % 2:
                    wave = wave.flip((0, 1)).roll((1, 1), (0, 1))
                v.append(convolve(first[0][t % L], wave))
            v = torch.stack(v)
            w = (
                v.mean(0, keepdim=True)
                if k == 0
                else torch.fft.ifft(torch.fft.fft(v, dim=0) * circle[k - 1][:, None, None], dim=0)
            )
            expected.append(w.abs().mean())
    found = scattering(x[None, None])[0]
    assert (found - torch.stack(expected)).abs().max() <= 1e-13
    assert [p[0] for p in scattering.paths] == [0, 1, 1] + [2] * (len(expected) - 3)


def test_it_tells_apart_what_averages_over_directions_cannot():
    """Crossing lines, and parallel ones next to each other: relative directions are kept."""
    n = 16
    x = torch.zeros(2, 1, n, n, dtype=torch.float64)
    x[0, 0, :, 5] = x[0, 0, 10, :] = 1
    x[1, 0, :, 5] = x[1, 0, :, 10] = 1
    y = RotoTranslationScattering(2, (n, n), 4).double()(x)
    assert (y[0] - y[1]).norm() > 0.02 * y[0].norm()


def test_45_degrees_on_images_given_by_formulas():
    """The error falls with the scale of the image."""

    def blobs(width, angle):
        t = torch.arange(33, dtype=torch.float64) - 16
        v, u = -t[:, None], t[None]
        c, s = math.cos(angle), math.sin(angle)
        a, b = c * u + s * v, c * v - s * u
        return torch.exp(-((a - width) ** 2 + 3 * b**2) / (2 * width**2))[None, None]

    scattering = RotoTranslationScattering(2, (33, 33), 8, padding="zero").double()
    errors = []
    for width in (1.0, 2.0, 3.0):
        one, other = (scattering(blobs(width, angle)) for angle in (0.0, math.pi / 4))
        errors.append(float((one - other)[:, 1:].norm() / one[:, 1:].norm()))
    assert errors[0] > 10 * max(errors[1:])  # the widest blob comes near the edge
    assert max(errors[1:]) <= 3e-3


def test_refusals():
    with pytest.raises(ValueError, match="shape: expected square images"):
        RotoTranslationScattering(2, (8, 9))
    with pytest.raises(ValueError, match=r"x: expected \(batch, 1"):
        RotoTranslationScattering(2, (8, 8))(torch.zeros(1, 2, 8, 8))
    with pytest.raises(ValueError, match="oversampling: expected an integer of at least 0"):
        RotoTranslationScattering(2, (8, 8), oversampling=-1)
