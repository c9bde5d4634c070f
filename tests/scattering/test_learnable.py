"""Wavelets as parameters: equal to the fixed ones at first, right gradients, and they learn."""

import pytest
import torch

from geomdl.scattering import Scattering1D, Scattering2D
from tests.scattering.oracle import noise

MAKERS = {
    "images": lambda **o: Scattering2D(2, (12, 8), L=3, **o),
    "signals": lambda **o: Scattering1D(3, 40, Q=2, **o),
}


@pytest.mark.parametrize("name", MAKERS)
def test_equal_to_fixed_at_first(name):
    fixed, learnt = MAKERS[name](), MAKERS[name](learnable=True)
    x = noise(3, *fixed.shape)
    with torch.no_grad():
        for parameter, exact in zip(learnt.double().parameters(), exact_of(learnt), strict=True):
            parameter.copy_(exact)
    assert (learnt(x) - fixed.double()(x)).abs().max() <= 1e-12
    single = MAKERS[name](learnable=True)(x.float())
    assert (single - fixed(x)).norm() <= 1e-5 * single.norm()


def exact_of(scattering):
    for held, bank in zip(scattering.wavelets, banks_of(scattering), strict=True):
        for parameter in held:
            values = [getattr(w, parameter) for w in bank]
            yield torch.tensor(values, dtype=torch.float64)


def banks_of(scattering):
    from geomdl.scattering import wavelets_1d, wavelets_2d

    if scattering.d == 2:
        return [wavelets_2d(scattering.J, scattering.L)]
    return [wavelets_1d(scattering.J, q) for q in scattering.Q]


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
