"""Padding of real and complex input, moduli without average, stride, T, the older convention: each
by the formula, on input that was continued by hand.
"""

import numpy as np
import pytest
import torch

from geomdl.scattering import Scattering1D, Scattering2D, bank_1d, bank_2d
from tests.scattering.oracle import noise, scatter
from tests.scattering.test_width import undone

KINDS = ["signal", "image"]
PADDING = ["periodic", "reflect", "zero", "constant"]


def make(kind, padding, **options):
    """Sizes that no step divides, but for periodic input."""
    options |= {"padding": padding, "value": 0.7}
    if kind == "signal":
        return Scattering1D(3, 48 if padding == "periodic" else 45, Q=2, **options).double()
    shape = (12, 8) if padding == "periodic" else (13, 9)
    return Scattering2D(2, shape, L=2, **options).double()


def banks_of(scattering, both):
    sizes = tuple(axis.padded for axis in scattering.axes)
    if scattering.d == 1:
        return [bank_1d(*sizes, 3, 2, 8, both), bank_1d(*sizes, 3, 1, 8)]
    return [bank_2d(sizes, 2, 2, both), bank_2d(sizes, 2, 2)]


def continued(x, scattering, padding):
    """By NumPy's `pad`."""
    ends = (x.ndim - scattering.d) * [(0, 0)] + [(a.before, a.after) for a in scattering.axes]
    if padding in ("periodic", "reflect"):  # periodic: there are no ends
        return torch.as_tensor(np.pad(x.numpy(), ends, "reflect"))
    value = 0.7 if padding == "constant" else 0.0
    return torch.as_tensor(np.pad(x.numpy(), ends, constant_values=value))


def draw(scattering, both):
    x = noise(2, 3, *scattering.shape)
    return x + 1j * noise(2, 3, *scattering.shape, seed=1) if both else x


def cropped(u, places):
    for axis, (first, count) in enumerate(places, start=u.ndim - len(places)):
        u = u.narrow(axis, first, count)
    return u


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", PADDING)
@pytest.mark.parametrize("both", [False, True])
def test_padding_where_nothing_is_subsampled(kind, padding, both):
    scattering = make(kind, padding, complex_input=both, out="dict", oversampling=3)
    x = draw(scattering, both)
    expected = scatter(continued(x, scattering, padding), banks_of(scattering, both), 2)
    if both:
        low = expected.pop(())
        expected = {("re",): low.real, ("im",): low.imag, **expected}
    # images without the first and last step, as kymatio has them
    edges = [(4, a.padded - 8) for a in scattering.axes]
    own = [(a.before, a.size) for a in scattering.axes]
    places = edges if kind == "image" and padding != "periodic" else own
    found = scattering(x)
    assert list(found) == list(expected)
    for path, value in expected.items():
        assert found[path].shape[:2] == (2, 3)
        assert (found[path] - cropped(value, places)).abs().max() <= 1e-13, path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", PADDING)
@pytest.mark.parametrize("both", [False, True])
def test_moduli_without_average(kind, padding, both):
    """Where nothing is subsampled, and at order 1 at every 2^j-th sample, up to the 1e-12 of a
    filter that its band leaves out.
    """
    options = {"complex_input": both, "average": False, "out": "dict"}
    scattering = make(kind, padding, oversampling=3, **options)
    x = draw(scattering, both)
    u = continued(x, scattering, padding)
    moduli = scatter(u, undone(banks_of(scattering, both)), 2)
    own = [(a.before, a.size) for a in scattering.axes]
    found = scattering(x)
    assert list(found) == list(moduli)
    for path, value in moduli.items():
        assert (found[path] - cropped(value, own)).abs().max() <= 1e-12, path
    assert found[()].is_complex() == both
    coarse = make(kind, padding, order=1, **options)
    for path, entry in zip(coarse.paths[1:], list(coarse(x).values())[1:], strict=True):
        value, step = moduli[path.n], 2 ** path.j[0]
        for axis, a in enumerate(scattering.axes, start=2):
            at = [t for t in range(0, a.padded, step) if a.before <= t < a.before + a.size]
            value = value.index_select(axis, torch.tensor(at))
        assert (entry - value).abs().max() <= 1e-12, path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", ["periodic", "reflect"])
def test_derivatives_of_complex_input(kind, padding):
    for options in ({}, {"average": False, "out": "list", "order": 1}):
        if kind == "signal":
            scattering = Scattering1D(2, 16, padding=padding, complex_input=True, **options)
        else:
            scattering = Scattering2D(1, (6, 4), 2, padding=padding, complex_input=True, **options)
        x = noise(1, *scattering.shape) + 1j * noise(1, *scattering.shape, seed=1)

        def run(x, scattering=scattering):
            y = scattering.double()(x)
            return y if isinstance(y, torch.Tensor) else tuple(entry["coef"] for entry in y)

        torch.autograd.gradcheck(run, x.requires_grad_())
        torch.autograd.gradgradcheck(run, x)


@pytest.mark.parametrize("padding", ["reflect", "constant"])
@pytest.mark.parametrize("oversampling", [0, 1, 2])
def test_where_the_samples_of_signals_lie(padding, oversampling):
    """At the multiples of the step, counted from the first padded sample."""
    scattering = make("signal", padding, oversampling=oversampling)
    (a,), step = scattering.axes, 8 >> oversampling
    x = noise(2, 45)
    u = continued(x, scattering, padding)
    options = {"Q": 2, "padding": "periodic", "oversampling": oversampling}
    around = Scattering1D(3, a.padded, **options).double()(u)
    at = [t for t in range(0, a.padded, step) if a.before <= t < a.before + a.size]
    expected = around[..., [t // step for t in at]]
    assert (scattering(x) - expected).abs().max() <= 1e-13


def test_finer_samples_of_signals_may_begin_earlier():
    """Of 45 samples the coarse result is not every second one of the finer."""
    coarse, fine = (make("signal", "reflect", oversampling=o) for o in (0, 1))
    x = noise(45)
    one, other = coarse(x), fine(x)
    count = one.shape[-1]
    assert (one - other[:, 1::2][:, :count]).norm() <= 1e-3 * one.norm()
    assert (one - other[:, ::2][:, :count]).norm() > 0.05 * one.norm()


@pytest.mark.parametrize(("L", "error"), [(1, 0.07), (2, 0.04), (3, 0.015), (4, 0.01), (8, 0.006)])
def test_what_subsampling_of_images_costs(L, error):
    """As the docstring says; no less than half of it at J = 2."""
    for J in (2, 3, 4):
        coarse, fine = (
            Scattering2D(J, (64, 64), L, padding="periodic", oversampling=o).double()
            for o in (0, 4)
        )
        x = noise(64, 64)
        exact = fine(x)[:, :: 2**J, :: 2**J]
        found = float((coarse(x) - exact).norm() / exact.norm())
        assert found <= error and (J > 2 or found >= error / 2)


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
def test_stride(stride):
    """The formula at every stride-th sample: exact where nothing is subsampled, else nearly."""
    x = noise(2, 64)
    banks = [bank_1d(64, 4, Q, 16) for Q in (2, 1)]
    expected = torch.stack(list(scatter(x, banks, 2).values()), 1)
    for oversampling, bound in ((0, 1e-3 if stride > 1 else 1e-13), (4, 1e-13)):
        scattering = Scattering1D(
            4, 64, Q=2, padding="periodic", stride=stride, oversampling=oversampling
        ).double()
        step = stride if oversampling == 0 else 1
        found, exact = scattering(x), expected[..., ::step]
        assert found.shape == exact.shape
        assert (found - exact).norm() <= bound * exact.norm()


@pytest.mark.parametrize(("T", "step"), [(1, 1), (3, 2), (8, 8), (20, 16), (48, 32)])
@pytest.mark.parametrize("frame", ["morlet", "tight"])
def test_signals_averaged_over_more_or_less(T, step, frame):
    x = noise(2, 64)
    banks = [bank_1d(64, 3, Q, T) for Q in (2, 1)]
    banks = [bank.tight() for bank in banks] if frame == "tight" else banks
    expected = torch.stack(list(scatter(x, banks, 2).values()), 1)
    options = {"Q": 2, "T": T, "padding": "periodic", "frame": frame}
    coarse, fine = (Scattering1D(3, 64, oversampling=o, **options).double() for o in (0, 5))
    assert (fine(x) - expected).abs().max() <= 1e-13
    found, exact = coarse(x), expected[..., ::step]
    assert found.shape == exact.shape
    assert (found - exact).norm() <= 2e-3 * exact.norm()


@pytest.mark.parametrize("oversampling", [0, 1])
def test_the_older_convention_divides_by_the_subsampling(oversampling):
    """By 2^level for every modulus on the way, level that which it is sampled at."""
    options = {"Q": 2, "padding": "periodic", "oversampling": oversampling, "order": 3}
    now, before = (
        Scattering1D(4, 64, convention=convention, **options).double()
        for convention in ("0.4", "0.3")
    )
    x = noise(2, 64)
    share = [2.0 ** -sum(max(j - oversampling, 0) for j in path.j) for path in now.paths]
    expected = now(x) * torch.tensor(share, dtype=torch.float64)[:, None]
    assert min(share) <= 0.25
    assert (before(x) - expected).abs().max() <= 1e-14
