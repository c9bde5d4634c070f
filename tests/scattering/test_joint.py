"""Joint time-frequency scattering: the formula, time reversal, shifts, rising and falling
chirps.
"""

import math

import numpy as np
import pytest
import torch

from geomdl.scattering import TimeFrequencyScattering, bank_1d
from tests.scattering.oracle import convolve, noise


def test_against_the_formula():
    n, J, Q = 64, 3, 2
    scattering = TimeFrequencyScattering(
        J, n, Q, J_fr=1, padding="periodic", oversampling=3
    ).double()
    first, second = bank_1d(n, J, Q, 2**J), bank_1d(n, J, 1, 2**J)
    x = noise(n)
    u = torch.stack([convolve(x, psi).abs() for psi in first.psi])
    along = scattering.along
    found = scattering(x)
    for place, (number, k, _) in enumerate(scattering.paths):
        if number < 0:
            y = torch.stack([convolve(row, second.phi) for row in u])
        else:
            rows = [convolve(row, second.psi[number]) for row in u]
            fine = [w.j < second.wavelets[number].j for w in first.wavelets]
            y = torch.stack([r if f else 0 * r for r, f in zip(rows, fine, strict=True)])
        spectrum = torch.fft.fft(y, n=along.padded, dim=0)
        v = torch.fft.ifft(spectrum * along.psi[k][:, None], dim=0).abs()
        if number >= 0:
            v = torch.stack([convolve(row, second.phi).real for row in v])
        expected = along.average @ v
        assert (found[place] - expected).abs().max() <= 1e-13


def test_reversing_time_swaps_the_spins():
    scattering = TimeFrequencyScattering(
        3, 64, 4, J_fr=2, padding="periodic", oversampling=3
    ).double()
    x = noise(64)
    one, other = scattering(x), scattering(x.flip(0).roll(1, 0))
    partners = {(n, abs(k), spin): place for place, (n, k, spin) in enumerate(scattering.paths)}
    half = (len(scattering.along.spins) - 1) // 2
    for place, (n, k, spin) in enumerate(scattering.paths):
        if n < 0:
            continue
        partner = partners[(n, k if spin == 0 else k + spin * half, -spin)]
        moved = other[partner].flip(-1).roll(1, -1)
        assert (moved - one[place]).abs().max() <= 1e-13


def test_shifts():
    scattering = TimeFrequencyScattering(3, 64, 4, J_fr=2, padding="periodic").double()
    x = noise(2, 64)
    assert (scattering(x.roll(16, -1)) - scattering(x).roll(2, -1)).abs().max() <= 1e-13
    assert (scattering(x.roll(3, -1)) - scattering(x)).abs().max() > 1e-5


def test_rising_and_falling_chirps_differ_and_plain_scattering_does_not_see_it():
    n = 1024
    t = torch.arange(n, dtype=torch.float64) - n / 2
    phase = 2 * math.pi * 0.05 * 128 * torch.exp(t / 128)  # frequency 0.05 exp(t / 128)
    rising = torch.cos(phase) * torch.exp(-((t / 200) ** 2))
    # beyond the ends zero: reflected, it would fall there
    scattering = TimeFrequencyScattering(7, n, 8, J_fr=3, T=n // 2, padding="zero").double()
    energies = []
    for x in (rising, rising.flip(0)):
        s = scattering(x).square().sum((-2, -1))
        spins = torch.tensor([spin for _, _, spin in scattering.paths])
        moving = torch.tensor([number >= 0 for number, _, _ in scattering.paths])
        energies.append([float(s[(spins == sign) & moving].sum()) for sign in (1, -1)])
    (up, down), (back_up, back_down) = energies
    assert up > 30 * down and back_down > 30 * back_up  # spin +1 rises


@pytest.mark.parametrize("padding", ["reflect", "zero", "constant"])
@pytest.mark.parametrize("oversampling", [0, 1])
def test_padding(padding, oversampling):
    """The interior of the transform of a signal that was continued by hand."""
    options = {"Q": 2, "J_fr": 1, "oversampling": oversampling}
    scattering = TimeFrequencyScattering(3, 50, padding=padding, value=0.7, **options).double()
    (a,), step = scattering.axes, 8 >> oversampling
    x = noise(2, 3, 50)
    values = {"zero": {"constant_values": 0.0}, "constant": {"constant_values": 0.7}}
    mode = "reflect" if padding == "reflect" else "constant"
    ends = [(0, 0), (0, 0), (a.before, a.after)]
    longer = torch.as_tensor(np.pad(x.numpy(), ends, mode, **values.get(padding, {})))
    around = TimeFrequencyScattering(3, a.padded, padding="periodic", **options).double()
    at = [t // step for t in range(0, a.padded, step) if a.before <= t < a.before + a.size]
    found = scattering(x)
    assert found.shape[:3] == (2, 3, len(scattering.paths))
    assert (found - around(longer)[..., at]).abs().max() <= 1e-13


@pytest.mark.parametrize("padding", ["reflect", "zero"])
def test_gradients(padding):
    scattering = TimeFrequencyScattering(3, 50, 2, J_fr=1, padding=padding).double()
    torch.autograd.gradcheck(scattering, noise(1, 50).requires_grad_(), fast_mode=True)


def test_refusals():
    with pytest.raises(ValueError, match="J: scales up to"):
        TimeFrequencyScattering(7, 64)
    with pytest.raises(ValueError, match="F: expected an integer"):
        TimeFrequencyScattering(3, 64, F=0)
    with pytest.raises(ValueError, match="x: expected shape"):
        TimeFrequencyScattering(3, 64)(torch.zeros(65))
