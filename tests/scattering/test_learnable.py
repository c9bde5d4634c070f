"""Wavelets as parameters: equal to the fixed ones at first, right gradients, and they learn."""

import pytest
import torch

from geomdl.scattering import Bank, Scattering1D, Scattering2D, bank_1d, bank_2d
from tests.scattering.oracle import in_space_1d, in_space_2d, noise, scatter

MAKERS = {
    "images": lambda **o: Scattering2D(2, (12, 8), L=3, **o),
    "signals": lambda **o: Scattering1D(3, 40, Q=2, **o),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("first", [torch.float32, torch.bfloat16])
def test_equal_to_fixed_at_first(name, first):
    """Up to rounding in every dtype, whatever the dtype before."""
    fixed, learnt = MAKERS[name](), MAKERS[name](learnable=True).to(first)
    x = noise(3, *fixed.shape)
    assert (learnt.double()(x) - fixed.double()(x)).abs().max() <= 1e-12
    single = learnt.float()(x.float())
    assert (single - fixed.float()(x.float())).norm() <= 1e-5 * single.norm()


def test_what_was_learnt_stays():
    held = MAKERS["signals"](learnable=True).wavelets[0]
    start = held["xi"].detach().clone()
    with torch.no_grad():
        held["xi"][1] += 0.125
    held.double()
    assert torch.equal(held["xi"][1].float(), start[1] + 0.125)
    assert not torch.equal(held["xi"][0], held["xi"][0].float().double())  # restored
    meta = MAKERS["signals"](learnable=True).to("meta").to_empty(device="cpu")
    assert torch.equal(meta.wavelets[0]["xi"], start)


def moved(**options):
    """Transforms whose wavelets have learnt much, and their wavelets in space."""
    signals = Scattering1D(3, 40, learnable=True, padding="periodic", **options).double()
    images = Scattering2D(2, (12, 8), L=3, learnable=True, padding="periodic", **options).double()
    factors = {"xi": 0.8, "sigma": 1.7}, {"xi": 1.2, "sigma": 0.8, "theta": 1.1, "slant": 0.9}
    for scattering, by in zip((signals, images), factors, strict=True):
        with torch.no_grad():
            for held in scattering.wavelets:
                for parameter, factor in by.items():
                    held[parameter] *= factor
        banks = []
        for bank, held in zip(banks_of(scattering), scattering.wavelets, strict=True):
            values = zip(*(held[parameter].tolist() for parameter in by), strict=True)
            if scattering.d == 1:
                psi = [in_space_1d(40, *v)[0] for v in values]
            else:
                psi = [in_space_2d((12, 8), *v) for v in values]
            banks.append(Bank(bank.wavelets, torch.stack(psi).real, bank.phi))
        yield scattering, banks


def banks_of(scattering):
    if scattering.d == 1:
        return [bank_1d(40, 3, Q, 8) for Q in scattering.Q]
    return [bank_2d((12, 8), 2, 3)]


def test_the_formula_after_learning():
    """Filters of the parameters that are there, not of those at first."""
    for scattering, banks in moved(oversampling=3):
        x = noise(*scattering.shape)
        found = scattering(x)
        for value, expected in zip(found, scatter(x, banks, 2).values(), strict=True):
            assert (value - expected).abs().max() <= 1e-12


LEARNT = {
    "signals": (lambda **o: Scattering1D(5, 512, **o), "sigma", 4.0, 3, (2e-4, 1e-3, 5e-3)),
    "images": (lambda **o: Scattering2D(3, (32, 32), **o), "sigma", 0.5, 8, (1e-2, 1e-2, 1e-1)),
}


@pytest.mark.parametrize("name", LEARNT)
def test_broader_wavelets_alias_where_signals_are_subsampled(name):
    """As the docstring says. The finest wavelets are not subsampled."""
    make, parameter, factor, first, (before, least, most) = LEARNT[name]
    errors = []
    for by in (1.0, factor):
        options = {"learnable": True, "padding": "periodic"}
        coarse, fine = (make(oversampling=o, **options).double() for o in (0, 5))
        with torch.no_grad():
            for scattering in (coarse, fine):
                scattering.wavelets[0][parameter][first:] *= by
            rough, exact = (scattering(noise(2, *coarse.shape)) for scattering in (coarse, fine))
        step = slice(None, None, 2**coarse.J)
        exact = exact[(..., *coarse.d * (step,))]
        errors.append(float((rough - exact)[:, 1:].norm() / exact[:, 1:].norm()))
    assert errors[0] <= before and least <= errors[1] <= most


BEYOND = [
    ("signals", "sigma", (0.0, -1.0)),
    ("signals", "sigma", (0.3, 1e12)),
    ("images", "sigma", (0.0, -1.0)),
    ("images", "sigma", (1e3, 1e12)),
    ("images", "slant", (0.0, -1.0)),
    ("images", "slant", (99.0, 1e9)),
    ("images", "xi", (5.0, 1e9)),
]


@pytest.mark.parametrize(("name", "parameter", "values"), BEYOND)
def test_what_is_beyond_counts_as_the_limit(name, parameter, values):
    results = []
    for value in values:
        scattering = MAKERS[name](learnable=True).double()
        held = scattering.wavelets[0]
        with torch.no_grad():
            held[parameter].fill_(value)
        y = scattering(noise(2, *scattering.shape))
        y.square().sum().backward()
        assert all(bool(v.isfinite().all()) for v in (y, *(p.grad for p in held.values())))
        results.append(y)
    assert (results[0] - results[1]).abs().max() <= 1e-12 * results[0].abs().max()


@pytest.mark.parametrize("name", MAKERS)
def test_frequency_0_has_no_wavelet(name):
    scattering = MAKERS[name](learnable=True).double()
    with torch.no_grad():
        scattering.wavelets[0]["xi"].zero_()
    y = scattering(noise(2, *scattering.shape))
    y.sum().backward()
    assert bool((y[:, 1:] == 0).all()) and bool((y[:, 0] != 0).all())
    assert all(bool(p.grad.isfinite().all()) for p in scattering.wavelets[0].values())


def test_frequencies_of_signals_are_up_to_whole_cycles():
    first, other = (Scattering1D(3, 40, learnable=True).double() for _ in range(2))
    with torch.no_grad():
        other.wavelets[0]["xi"] += 3
    x = noise(2, 40)
    assert (first(x) - other(x)).abs().max() <= 1e-12


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("J", [1, 3])
def test_every_parameter_has_a_gradient(order, J):
    """As training on several processes wants it."""
    for scattering in (
        Scattering1D(J, 40, Q=2, learnable=True, order=order),
        Scattering2D(J, (8, 8), L=2, learnable=True, order=order),
    ):
        x = noise(1, *scattering.shape, dtype=torch.float32).requires_grad_()
        scattering(x).square().sum().backward()
        assert all(p.grad is not None for p in scattering.parameters())
        assert (order > 0) == bool(list(scattering.parameters()))


@pytest.mark.parametrize("name", MAKERS)
def test_gradients(name):
    scattering = MAKERS[name](learnable=True).double()
    x = noise(2, *scattering.shape)
    named = dict(scattering.named_parameters())

    def run(*values):
        return torch.func.functional_call(scattering, dict(zip(named, values, strict=True)), (x,))

    values = [p.detach().clone().requires_grad_() for p in named.values()]
    assert torch.autograd.gradcheck(run, values, fast_mode=True)


def test_they_learn_a_frequency():
    """The one wavelet finds the wave that it is to answer to."""
    t = torch.arange(64.0)
    x = torch.cos(2 * torch.pi * 0.25 * t)
    scattering = Scattering1D(2, 64, learnable=True, order=1, padding="periodic")
    xi = scattering.wavelets[0]["xi"]
    start = float((xi.detach() - 0.25).abs().min())
    optimizer = torch.optim.Adam([xi], 5e-3)
    for _ in range(100):
        optimizer.zero_grad()
        (-scattering(x)[1:].mean(-1).amax()).backward()
        optimizer.step()
    assert float((xi.detach() - 0.25).abs().min()) < 0.2 * start


def test_refusals():
    with pytest.raises(ValueError, match="learnable: expected frame='morlet'"):
        Scattering2D(2, (16, 16), learnable=True, frame="tight")


@pytest.mark.parametrize("name", MAKERS)
def test_half_precision(name):
    """Filters are made in float32 of parameters that are stored in bfloat16."""
    scattering = MAKERS[name](learnable=True).bfloat16()
    y = scattering(noise(1, *scattering.shape).bfloat16())
    assert y.dtype == torch.bfloat16
    assert bool(y.isfinite().all())
