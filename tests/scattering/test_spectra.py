"""Scattering spectra: the formula, invariances, and synthesis that matches."""

import pytest
import torch

from geomdl.scattering import ScatteringSpectra
from tests.scattering.oracle import convolve, noise


@pytest.mark.parametrize("shape", [(32,), (12, 10)])
def test_against_the_formula(shape):
    spectra = ScatteringSpectra(2, shape, L=2, Q=2).double()
    x = noise(*shape)
    found = spectra(x)
    w = [convolve(x, psi) for psi in spectra.bank.psi]
    sigma = torch.stack([v.abs().square().mean() for v in w]).sqrt()
    assert (found.mean - x.mean()).abs() <= 1e-14
    assert (found.power - sigma.square()).abs().max() <= 1e-14
    assert (found.sparsity - torch.stack([v.abs().mean() for v in w]) / sigma).abs().max() <= 1e-13
    for value, (lam, nu) in zip(found.phase, spectra.pairs.tolist(), strict=True):
        envelope = convolve(w[nu].abs(), spectra.bank.psi[lam])
        expected = (w[lam] * envelope.conj()).mean() / (sigma[lam] * sigma[nu])
        assert (value - expected).abs() <= 1e-12
    for value, (lam, nu, kappa) in zip(found.envelope, spectra.triples.tolist(), strict=True):
        a, b = (convolve(w[n].abs(), spectra.bank.psi[lam]) for n in (nu, kappa))
        expected = (a * b.conj()).mean() / (sigma[nu] * sigma[kappa])
        assert (value - expected).abs() <= 1e-12


def test_shifts_and_scale_are_not_seen():
    spectra = ScatteringSpectra(2, (16, 16), L=3).double()
    x = noise(2, 16, 16)
    one, moved = spectra(x), spectra(3 * x.roll((2, 5), (-2, -1)))
    for name in ("sparsity", "phase", "envelope"):
        assert (getattr(one, name) - getattr(moved, name)).abs().max() <= 1e-12
    assert (9 * one.power - moved.power).abs().max() <= 1e-12


def test_synthesis_matches_what_noise_of_the_same_spectrum_does_not():
    rng = torch.Generator().manual_seed(0)
    x = torch.zeros(256, dtype=torch.float64)
    x[torch.randint(256, (12,), generator=rng)] = 1  # spikes
    spectra = ScatteringSpectra(4, 256).double()
    spectrum = torch.fft.fft(x).abs() * torch.exp(1j * torch.fft.fft(noise(256)).angle())
    gaussian = torch.fft.ifft(spectrum).real
    made = spectra.synthesize(x, steps=60, rng=rng, progress=False)[0]
    assert spectra.distance(x, made) <= 0.1 * spectra.distance(x, gaussian)
    kurtosis = [((y - y.mean()) / y.std()).pow(4).mean() for y in (x, made, gaussian)]
    assert kurtosis[1] > 0.5 * kurtosis[0] > 1.5 * kurtosis[2]  # spikes again


def test_gradients():
    spectra = ScatteringSpectra(2, (8, 8), L=2).double()
    torch.autograd.gradcheck(lambda x: spectra(x).flatten(), noise(1, 8, 8).requires_grad_())


def test_refusals():
    with pytest.raises(ValueError, match="J: scales up to"):
        ScatteringSpectra(4, (8, 8))
    with pytest.raises(ValueError, match="x: expected shape"):
        ScatteringSpectra(2, (8, 8))(torch.zeros(8, 9))


def test_nothing_has_no_spectra():
    found = ScatteringSpectra(2, 16)(torch.zeros(2, 16)).flatten()
    assert bool((found == 0).all())
