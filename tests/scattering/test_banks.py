"""Families of wavelets, and the bounds of the frames that they are."""

import itertools

import pytest
import torch

from geomdl.scattering import Scattering1D, Scattering2D, bank_1d, bank_2d, wavelets_1d
from tests.scattering.oracle import convolve, noise

BANKS = {
    "signals": lambda **o: bank_1d(128, 4, 4, 16, **o),
    "signals, odd": lambda **o: bank_1d(135, 3, 1, 8, **o),
    "images": lambda **o: bank_2d((24, 16), 2, 4, **o),
    "images, odd": lambda **o: bank_2d((15, 21), 2, 3, **o),
}


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("tight", [False, True])
@pytest.mark.parametrize("name", BANKS)
def test_littlewood_paley_is_the_energy_of_the_transform(name, both, tight):
    bank = BANKS[name](both=both)
    bank = bank.tight() if tight else bank
    x = noise(*bank.phi.shape)
    if both:
        x = x + 1j * noise(*bank.phi.shape, seed=1)
    energy = sum(convolve(x, f).abs().square().sum() for f in (bank.phi, *bank.psi))
    spectrum = torch.fft.fftn(x).abs().square()
    expected = (spectrum * bank.littlewood_paley).sum() / x.numel()
    assert (energy - expected).abs() <= 1e-12 * expected
    if tight:
        assert (bank.littlewood_paley - 1).abs().max() <= 1e-12
        assert (energy - x.abs().square().sum()).abs() <= 1e-12 * energy
    elif not both:
        assert (energy / x.square().sum() - 1).abs() > 0.01  # a tight frame by accident


def test_the_bounds_of_kymatio():
    """Measured with kymatio's own filters, L = 8."""
    for J, n, lower, upper in (
        (2, 40, 0.123, 1.0001),
        (3, 48, 0.123, 1.0187),
        (4, 96, 0.123, 1.0485),
    ):
        total = bank_2d((n, n), J, 8).littlewood_paley
        assert abs(float(total.min()) - lower) <= 2e-3
        assert abs(float(total.max()) - upper) <= 2e-3


@pytest.mark.parametrize("J", [3, 6])
@pytest.mark.parametrize("Q", [1, 2, 8])
def test_frequencies_fall_and_cover(J, Q):
    wavelets = wavelets_1d(J, Q)
    assert all(a.xi > b.xi > 0 for a, b in itertools.pairwise(wavelets))
    assert all(w.sigma >= 0.1 / 2**J for w in wavelets)
    assert all(0 <= w.j <= J + 1 for w in wavelets)
    total = bank_1d(64 * 2**J, J, Q, 2**J).littlewood_paley
    frequencies = torch.arange(len(total)) / len(total)
    middle = total[(frequencies > 0.05) & (frequencies < 0.33)]
    assert float(middle.min()) >= 0.15
    assert float(middle.max()) <= 1.01


def test_a_frame_with_a_hole_is_refused():
    bank = bank_1d(64, 3, 2, 8)
    hollow = type(bank)(bank.wavelets, bank.psi * 0, bank.phi * (bank.phi > 0.5))
    with pytest.raises(ValueError, match="frame: the filters leave out"):
        hollow.tight()


def test_numbers_of_paths():
    for J, L in ((2, 8), (3, 6), (4, 1)):
        expected = 1 + L * J + L * L * J * (J - 1) // 2
        assert len(Scattering2D(J, (32, 32), L=L).paths) == expected
    scattering = Scattering1D(4, 256, Q=3)
    scales = [w.j for w in wavelets_1d(4, 3)], [w.j for w in wavelets_1d(4, 1)]
    pairs = sum(b > a for a in scales[0] for b in scales[1])
    assert len(scattering.paths) == 1 + len(scales[0]) + pairs
