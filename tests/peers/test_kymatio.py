"""The same coefficients as kymatio 0.3, over shapes, scales, angles and wavelets an octave."""

import numpy as np
import pytest
import torch

from geomdl import interop
from geomdl.scattering import Scattering1D, Scattering2D

IMAGES = [  # J, shape, L, order
    (1, (8, 8), 8, 2),
    (2, (32, 32), 8, 2),
    (3, (32, 32), 8, 2),
    (2, (28, 28), 6, 2),
    (2, (29, 31), 4, 2),
    (3, (17, 40), 5, 2),
    (4, (16, 16), 8, 2),
    (2, (33, 20), 1, 2),
    (3, (64, 24), 8, 1),
]
SIGNALS = [  # J, size, Q, T, order, oversampling
    (3, 64, 1, None, 2, 0),
    (5, 512, 8, None, 2, 0),
    (6, 1000, 8, None, 2, 0),
    (6, 4097, (12, 2), None, 2, 0),
    (5, 512, 4, 16, 2, 0),
    (5, 512, 4, 100, 2, 0),
    (5, 777, 3, None, 2, 2),
    (5, 512, 8, None, 1, 0),
    (8, 2**13, 8, None, 2, 0),
    (4, 2**13, 8, None, 2, 0),  # far shorter padding than kymatio's
]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def relative(a, b):
    return float((a - b).norm() / b.norm())


@pytest.mark.peers
@pytest.mark.parametrize(("J", "shape", "L", "order"), IMAGES)
def test_images(kymatio, J, shape, L, order):
    x = noise(2, *shape)
    theirs = kymatio.Scattering2D(J, shape, L=L, max_order=order)(x)
    ours = Scattering2D(J, shape, L=L, order=order)(x)
    assert ours.shape == theirs.shape
    for found, expected in zip(ours.unbind(1), theirs.unbind(1), strict=True):
        assert relative(found, expected) <= 1e-6 * max(
            1.0, float(theirs.norm() / expected.norm()) / 30
        )
    assert relative(ours, theirs) <= 1e-6


@pytest.mark.peers
@pytest.mark.parametrize(("J", "size", "Q", "T", "order", "oversampling"), SIGNALS)
def test_signals(kymatio, J, size, Q, T, order, oversampling):
    x = noise(3, size)
    options = {"oversampling": oversampling}
    theirs = kymatio.Scattering1D(J, size, Q=Q, T=T, max_order=order, **options)(x)
    ours = Scattering1D(J, size, Q=Q, T=T, order=order, convention="0.3", **options)(x)
    assert ours.shape == theirs.shape
    assert relative(ours, theirs) <= 3e-7


VOLUMES = [(0, (8, 8, 8), 2, 2.0), (1, (12, 10, 8), 3, 1.5), (2, (16, 16, 16), 3, 1.5)]


@pytest.mark.peers
@pytest.mark.parametrize(("J", "shape", "L", "sigma"), VOLUMES)
def test_volumes(kymatio, J, shape, L, sigma):
    theirs = kymatio.HarmonicScattering3D(J, shape, L=L, sigma_0=sigma)
    x = smooth(2, *shape)
    expected = theirs(x)
    found = interop.kymatio.convert(theirs)(x)
    assert found.shape == expected.shape
    error = (found - expected).abs() / expected.abs().amax((1, 2), keepdim=True)
    assert float(error.max()) <= 1e-5


def smooth(*shape):
    """Noise without energy near the Nyquist frequency."""
    spectrum = torch.fft.fftn(noise(*shape), dim=(-3, -2, -1))
    for axis in (-3, -2, -1):
        n = shape[axis]
        low = torch.fft.fftfreq(n).abs() < 0.5 - 0.5 / n
        spectrum = spectrum * low.reshape([-1] + [1] * (-axis - 1))
    return torch.fft.ifftn(spectrum, dim=(-3, -2, -1)).real.contiguous()


@pytest.mark.peers
@pytest.mark.parametrize("out", ["array", "list"])
def test_conversion(kymatio, out):
    image, signal = noise(2, 28, 28), noise(2, 300)
    for theirs, x, bound in (
        (kymatio.Scattering2D(2, (28, 28), L=6, out_type=out), image, 1e-6),
        (kymatio.Scattering1D(4, 300, Q=3, T=20, out_type=out), signal, 3e-7),
    ):
        found, expected = interop.kymatio.convert(theirs)(x), theirs(x)
        if out == "array":
            assert relative(found, expected) <= bound
            continue
        for a, b in zip(found, expected, strict=True):
            assert (a["n"], a["j"]) == (b["n"], b["j"])
        total = [torch.stack([entry["coef"] for entry in side]) for side in (found, expected)]
        assert relative(*total) <= bound


@pytest.mark.peers
def test_conversion_keeps_the_dtype(kymatio):
    """kymatio's own filters are of float32, stored in float64."""
    for theirs, bound in (
        (kymatio.Scattering2D(np.int64(2), (16, 20), L=4), 1e-6),
        (kymatio.Scattering1D(np.int64(4), 300, T=16.0), 3e-7),
        (kymatio.Scattering1D(4, 300, max_order=0), 3e-7),
    ):
        ours = interop.kymatio.convert(theirs.double())
        x = noise(2, *theirs.shape).double()
        found, expected = ours(x), theirs(x)
        assert found.dtype == expected.dtype == torch.float64
        assert found.shape == expected.shape
        assert relative(found, expected) <= bound


@pytest.mark.peers
def test_conversion_refuses(kymatio):
    with pytest.raises(TypeError, match="transform: expected a scattering transform"):
        interop.kymatio.convert(torch.nn.Identity())
    with pytest.raises(ValueError, match="pre_pad"):
        interop.kymatio.convert(kymatio.Scattering2D(2, (32, 32), pre_pad=True))
    with pytest.raises(ValueError, match="off centre"):
        interop.kymatio.convert(kymatio.HarmonicScattering3D(1, (9, 8, 8)))
