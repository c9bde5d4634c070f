"""Joint time-frequency scattering: the formula, time reversal, shifts, rising and falling
chirps.
"""

import math

import numpy as np
import pytest
import torch

import geomdl
from geomdl.registry import LAWS, Example, default
from geomdl.scattering import Scattering1D, TimeFrequencyScattering, bank_1d
from tests.laws.cases import make_case
from tests.laws.laws import check
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


# --- the mean over the whole signal ---------------------------------------------------------------
def test_global_is_the_limit_of_wide_averages():
    """A low-pass as wide as a periodic signal lets its mean through alone."""
    options = {"Q": 2, "J_fr": 1, "padding": "periodic", "oversampling": 6}
    whole, wide = (TimeFrequencyScattering(3, 64, T=T, **options).double() for T in ("global", 64))
    x = noise(2, 64)
    found = whole(x)
    assert whole.paths == wide.paths
    assert found.shape == (2, len(whole.paths), whole.along.results, 1)
    assert (found - wide(x)).abs().max() <= 1e-13


@pytest.mark.parametrize("padding", ["reflect", "zero", "periodic"])
@pytest.mark.parametrize("oversampling", [0, 1])
def test_global_of_subsampled_moduli(padding, oversampling):
    """φ_T paths: wavelets along log-frequency of the mean over the samples of the signal itself."""
    options = {"padding": padding, "oversampling": oversampling, "T": "global"}
    n = 48 if padding == "periodic" else 45
    joint = TimeFrequencyScattering(3, n, 2, J_fr=1, **options).double()
    plain = Scattering1D(3, n, 2, order=1, **options).double()
    x = noise(2, 3, n)
    found, still = joint(x), [k for number, k, _ in joint.paths if number < 0]
    expected = joint.along(plain(x)[..., 1:, :].flatten(0, 1))[:, still].unflatten(0, (2, 3))
    assert (found[:, :, : len(still)] - expected).abs().max() <= 1e-14
    assert found[:, :, len(still) :].min() > 0


def test_global_does_not_see_what_lies_beyond_a_signal():
    """Of a signal whose moduli have died out at its ends, padding with zeros adds nothing."""
    x = noise(256) * torch.exp(-(((torch.arange(256, dtype=torch.float64) - 128) / 16) ** 2))
    options = {"Q": 2, "J_fr": 1, "T": "global", "oversampling": 3}
    one = TimeFrequencyScattering(3, 256, padding="zero", **options).double()(x)
    other = TimeFrequencyScattering(3, 256, padding="periodic", **options).double()(x)
    assert (one / other - 1).abs().max() <= 1e-8


def signals(rng):
    return (torch.randn(2, 2, 32, generator=rng, dtype=torch.float64),)


LAYER = Example(
    lambda: TimeFrequencyScattering(2, 32, Q=2, T="global", J_fr=1, padding="periodic", channels=2),
    signals,
)


@pytest.mark.parametrize("law", LAWS)
def test_laws_of_the_global_layer(law):
    check(law, make_case("scattering/joint, global", default, LAYER))


def test_a_mean_over_a_part_breaks_the_invariance():
    """The twin that must fail: the samples in the middle, of which one is left out."""
    layer, (x,) = LAYER.build().double(), LAYER.draw()
    assert geomdl.audit(layer, x).passed(1e-12)
    for average in (*layer.lows, *layer.blurs):
        average.spans = tuple(span._replace(count=span.count - 1) for span in average.spans)
    assert not geomdl.audit(layer, x).passed(1e-3)


@pytest.mark.parametrize("padding", ["reflect", "zero"])
def test_gradients(padding):
    scattering = TimeFrequencyScattering(3, 50, 2, J_fr=1, padding=padding).double()
    torch.autograd.gradcheck(scattering, noise(1, 50).requires_grad_(), fast_mode=True)


def test_refusals():
    with pytest.raises(ValueError, match="J: scales up to"):
        TimeFrequencyScattering(7, 64)
    with pytest.raises(ValueError, match="F: expected an integer"):
        TimeFrequencyScattering(3, 64, F=0)
    with pytest.raises(ValueError, match="T: expected a number of samples, 'global' or None"):
        TimeFrequencyScattering(3, 64, T="all")
    with pytest.raises(ValueError, match="x: expected shape"):
        TimeFrequencyScattering(3, 64)(torch.zeros(65))
