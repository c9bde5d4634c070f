"""Scattering spectra: the formula, invariances, and synthesis that matches."""

import pytest
import torch

from geomdl.data.sounds import SOUNDS
from geomdl.registry import LAWS, Example
from geomdl.registry import default as registered
from geomdl.scattering import ScatteringSpectra
from geomdl.scattering.synthesis import descend
from tests.laws.cases import make_case
from tests.laws.laws import check
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
    window = torch.linspace(0.5, 1.5, 16, dtype=torch.float64)  # the twin that must fail
    for name in ("sparsity", "phase", "envelope", "power"):
        one, moved = (getattr(spectra(window * y), name) for y in (x, x.roll((2, 5), (-2, -1))))
        assert (one - moved).abs().max() > 1e-3, name


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


def test_synthesis_goes_on_where_a_step_is_too_long():
    """Where the line search has to go back, for which it needs evaluations of its own."""
    x = SOUNDS["random clicks"](4096, torch.Generator().manual_seed(0))
    x = x / x.square().mean().sqrt()
    spectra = ScatteringSpectra(5, 4096).double()
    few, more = (
        spectra.synthesize(x, steps=n, rng=torch.Generator().manual_seed(0), progress=False)[0]
        for n in (2, 30)
    )
    assert spectra.distance(x, more) <= 0.2 * spectra.distance(x, few)


def test_gradients():
    spectra = ScatteringSpectra(2, (8, 8), L=2).double()
    torch.autograd.gradcheck(lambda x: spectra(x).flatten(), noise(1, 8, 8).requires_grad_())


def spikes(n, count, seed=0):
    x = torch.zeros(n, dtype=torch.float64)
    x[torch.randint(n, (count,), generator=torch.Generator().manual_seed(seed))] = 1
    return x


def made(spectra, x, steps, seed=1, **options):
    rng = torch.Generator().manual_seed(seed)
    return spectra.synthesize(x, steps=steps, rng=rng, progress=False, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_more_steps_come_nearer(dtype):
    """Down to two thousandths: a line search that is cut short stalls at a tenth."""
    spectra, x = ScatteringSpectra(3, 64).to(dtype), spikes(64, 5).to(dtype)
    found = [spectra.distance(x, made(spectra, x, steps)[0]) for steps in (20, 60, 180)]
    assert found[0] > 3 * found[1] > 9 * found[2]
    assert found[2] <= 2e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_synthesis_knows_no_unit(dtype):
    spectra, x = ScatteringSpectra(3, 64).to(dtype), spikes(64, 5).to(dtype)
    y = made(spectra, x, 20)
    for power in (-13, 13, 30):  # of two: the same steps, bit for bit
        assert torch.equal(made(spectra, x * 2.0**power, 20), y * 2.0**power)
    for scale in (1e-4, 255.0, 1e6):
        other = scale * x + 3 * scale
        assert spectra.distance(other, made(spectra, other, 60)[0]) <= 0.01


def test_distance_is_that_of_the_formula():
    spectra, x, y = ScatteringSpectra(2, 32).double(), noise(32), noise(32, seed=1)
    scale = spectra(x).power.sqrt()
    one, other = spectra(x, scale), spectra(y, scale)
    misses = [(other.mean - one.mean)[None] / x.std(correction=0)]
    misses += [other.power / one.power - 1, other.sparsity - one.sparsity]
    misses += [torch.view_as_real(other[k] - one[k]).flatten() for k in (3, 4)]
    expected = torch.cat(misses).square().mean().sqrt()
    assert abs(spectra.distance(x, y) / float(expected) - 1) <= 1e-12
    assert spectra.distance(x, x.roll(5)) <= 1e-12
    both = torch.stack([x, y])
    assert spectra.distance(both, both.flip(0)) <= 1e-12 < spectra.distance(both, x)


def test_synthesis_of_several_and_of_waves():
    spectra = ScatteringSpectra(3, (16, 16), L=2).double()
    x = noise(3, 16, 16)
    y = made(spectra, x.requires_grad_(), 30, count=4)
    assert y.shape == (4, 16, 16) and not y.requires_grad
    assert spectra.distance(x, y) <= 0.5 * spectra.distance(x, noise(4, 16, 16, seed=7))
    wave = torch.cos(torch.arange(64, dtype=torch.float64) * torch.pi / 2)  # some power is 0
    spectra = ScatteringSpectra(3, 64).double()
    assert bool(made(spectra, wave, 5).isfinite().all())
    assert made(ScatteringSpectra(3, 64), wave.half(), 2).dtype == torch.float16


def test_descent_ends_where_nothing_is_better():
    calls = []

    def bowl(y):
        calls.append(y)
        return (y - 3).square().sum()

    found = descend(bowl, torch.zeros(4, dtype=torch.float64), 1000)
    assert (found - 3).abs().max() <= 1e-12
    assert len(calls) < 200


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_synthesis_descends_where_nobody_wants_gradients(mode):
    spectra, x = ScatteringSpectra(3, 64), noise(64, dtype=torch.float32)
    expected = made(spectra, x, 5)
    with mode():
        assert torch.equal(made(spectra, x.clone(), 5), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.0, 1.0, 0.3])
def test_derivatives_are_finite_where_nothing_varies(value, dtype):
    for shape in ((16,), (12, 10)):
        x = torch.full((1, *shape), value, dtype=dtype, requires_grad=True)
        spectra = ScatteringSpectra(2, shape).to(dtype)
        spectra(x).flatten().sum().backward()
        assert bool(x.grad.isfinite().all())


def test_no_fields_have_no_spectra():
    for spectra in (
        ScatteringSpectra(2, 16),
        ScatteringSpectra(1, 16),
        ScatteringSpectra(2, (8, 8)),
    ):
        whole = spectra(torch.randn(2, *spectra.shape))
        empty = spectra(torch.randn(0, *spectra.shape))
        for a, b in zip(whole, empty, strict=True):
            assert b.shape == (0, *a.shape[1:]) and a.dtype == b.dtype


LAYERS = {
    "images": lambda: ScatteringSpectra(2, (8, 4), L=2, channels=2),
    "one scale": lambda: ScatteringSpectra(1, 8, channels=2),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("law", LAWS)
def test_laws(name, law):
    shape = LAYERS[name]().shape

    def inputs(rng):
        return (torch.randn(2, 2, *shape, generator=rng, dtype=torch.float64),)

    check(law, make_case(f"scattering/{name}", registered, Example(LAYERS[name], inputs)))


def test_layers_are_flattened():
    x = noise(3, 2, 16)
    y = ScatteringSpectra(2, 16, channels=2).double()(x)
    assert torch.equal(y, ScatteringSpectra(2, 16).double()(x).flatten().flatten(1))


REFUSED = {
    r"J: scales up to": lambda: ScatteringSpectra(4, (8, 8)),
    r"channels: expected an integer of at least 1": lambda: ScatteringSpectra(2, 8, channels=0),
    r"x: expected shape \(…, 8, 8\), got \(8, 9\)":
        lambda: ScatteringSpectra(2, (8, 8))(torch.zeros(8, 9)),
    r"x: expected \(batch, channels=2, \*\(8,\)\), got \(2, 8\)":
        lambda: ScatteringSpectra(2, 8, channels=2)(torch.zeros(2, 8)),
    r"scale: expected shape \(3, 3\), got \(2,\)":
        lambda: ScatteringSpectra(2, 8)(torch.zeros(3, 8), torch.ones(2)),
    "x: expected a tensor, got ndarray":
        lambda: ScatteringSpectra(2, 8).synthesize(torch.zeros(8).numpy()),
    r"x: expected torch\.float32": lambda: ScatteringSpectra(2, 8).synthesize(noise(8)),
    r"x: expected shape \(8\) or \(samples, 8\), got \(2, 3, 8\)":
        lambda: ScatteringSpectra(2, 8).synthesize(torch.zeros(2, 3, 8)),
    "x: expected finite samples": lambda: ScatteringSpectra(2, 8).synthesize(torch.ones(8) / 0),
    "x: expected finite samples, got others or none":
        lambda: ScatteringSpectra(2, 8).synthesize(torch.zeros(0, 8)),
    "x: expected a field that varies":
        lambda: ScatteringSpectra(2, 8).synthesize(torch.full((8,), 0.3)),
    "x: expected a field that varies, got a constant":
        lambda: ScatteringSpectra(2, 8).distance(torch.zeros(8), torch.zeros(8)),
    "y: expected finite samples":
        lambda: ScatteringSpectra(2, 8).distance(torch.rand(8), torch.rand(8) / 0),
    r"y: expected shape \(8\)":
        lambda: ScatteringSpectra(2, 8).distance(torch.rand(8), torch.rand(9)),
    "steps: expected an integer":
        lambda: ScatteringSpectra(2, 8).synthesize(torch.rand(8), steps=0),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        REFUSED[message]()
    assert "\n" not in str(caught.value)


def test_nothing_has_no_spectra():
    found = ScatteringSpectra(2, 16)(torch.zeros(2, 16)).flatten()
    assert bool((found == 0).all())
