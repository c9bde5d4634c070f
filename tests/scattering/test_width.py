"""How far coefficients are averaged: T in images, and the mean over the whole signal or image."""

import pytest
import torch

import geomdl
from geomdl.registry import LAWS, Example, default
from geomdl.scattering import Scattering1D, Scattering2D, bank_1d, bank_2d
from geomdl.scattering.lowpass import Span
from geomdl.scattering.padding import pad
from tests.laws.cases import make_case
from tests.laws.laws import check
from tests.scattering.oracle import noise, scatter

MAKE = {
    "signal": lambda **o: Scattering1D(3, 45, Q=2, **o),
    "image": lambda **o: Scattering2D(3, (12, 9), L=2, **o),
}


def banks_of(scattering, frame="morlet", both=False, T=None):
    sizes = tuple(axis.padded for axis in scattering.axes)
    if scattering.d == 1:
        banks = [bank_1d(*sizes, 3, 2, T or 8, both), bank_1d(*sizes, 3, 1, T or 8)]
    else:
        banks = [bank_2d(sizes, 3, 2, both, T), bank_2d(sizes, 3, 2, T=T)]
    return [bank.tight() for bank in banks] if frame == "tight" else banks


def own(scattering, u):
    for axis, a in enumerate(scattering.axes, start=u.ndim - scattering.d):
        u = u.narrow(axis, a.before, a.size)
    return u


def undone(banks):
    """The same wavelets with a low-pass that changes nothing."""
    return [type(b)(b.wavelets, b.psi, torch.ones_like(b.phi), b.both) for b in banks]


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("padding", ["periodic", "reflect", "constant"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 3, "which": "all"},
        {"frame": "tight"},
        {"complex_input": True},
        {"order": 0},
    ],
    ids=str,
)
def test_global_is_the_mean_of_the_moduli(kind, padding, options):
    """By the formula: every wavelet at full resolution on the padded input, mean over its own."""
    scattering = MAKE[kind](
        T="global", padding=padding, value=0.3, oversampling=3, out="dict", **options
    ).double()
    x = noise(2, *scattering.shape)
    both = "complex_input" in options
    if both:
        x = x + 1j * noise(2, *scattering.shape, seed=1)
    banks = undone(banks_of(scattering, options.get("frame", "morlet"), both))
    u = pad(x, scattering.axes, padding, 0.3)
    moduli = scatter(u, banks, options.get("order", 2), options.get("which", "decreasing"))
    axes = tuple(range(-scattering.d, 0))
    expected = {path: own(scattering, m).mean(axes, keepdim=True) for path, m in moduli.items()}
    if both:
        low = expected.pop(())
        expected = {("re",): low.real, ("im",): low.imag, **expected}
    found = scattering(x)
    assert list(found) == list(expected)
    for path, value in expected.items():
        assert found[path].shape == (2, *scattering.d * (1,))
        assert (found[path] - value).abs().max() <= 1e-13, path


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("oversampling", [0, 1])
def test_global_of_subsampled_moduli(kind, oversampling):
    """The mean of what `average=False` gives, each path at its own resolution."""
    options = {"oversampling": oversampling, "out": "dict"}
    scattering = MAKE[kind](T="global", **options).double()
    moduli = MAKE[kind](average=False, **options).double()
    x = noise(2, 3, *scattering.shape)
    axes = tuple(range(-scattering.d, 0))
    found, expected = scattering(x), moduli(x)
    assert len({value.shape for value in expected.values()}) > 1
    for path, value in expected.items():
        assert (found[path] - value.mean(axes, keepdim=True)).abs().max() <= 1e-14


@pytest.mark.parametrize("kind", MAKE)
def test_global_in_every_form(kind):
    arrays, named, listed = (MAKE[kind](T="global", out=o) for o in ("array", "dict", "list"))
    local = MAKE[kind]()
    assert arrays.paths == local.paths and "step='global'" in repr(arrays)
    x = noise(2, 3, *arrays.shape, dtype=torch.float32)
    array = arrays(x)
    assert array.shape == (2, 3, len(arrays.paths), *arrays.d * (1,))
    for place, (path, entry) in enumerate(zip(named(x), listed(x), strict=True)):
        assert arrays.paths[place].n == path == entry["n"]
        assert torch.equal(named(x)[path], array[:, :, place])
        assert torch.equal(entry["coef"], array[:, :, place])


@pytest.mark.parametrize("size", [8, 13, 31, 32, 100])
def test_a_constant_has_its_value_for_a_mean(size):
    for scattering in (
        Scattering1D(3, size, T="global"),
        Scattering2D(3, (size, 11), L=2, T="global"),
        Scattering2D(3, (size, 11), L=2, T=5),
    ):
        s = scattering.double()(torch.full((1, *scattering.shape), 2.5, dtype=torch.float64))
        low = s.movedim(1, 0).flatten(1)
        assert (low[0] / 2.5 - 1).abs().max() <= 4e-5  # kymatio's π is 3.1415
        assert low[1:].abs().max() <= 1e-12


def signals(rng):
    return (torch.randn(2, 2, 32, generator=rng, dtype=torch.float64),)


def images(rng):
    return (torch.randn(2, 1, 8, 12, generator=rng, dtype=torch.float64),)


LAYERS = {
    "signal": Example(
        lambda: Scattering1D(2, 32, Q=2, T="global", padding="periodic", channels=2), signals
    ),
    "image": Example(
        lambda: Scattering2D(2, (8, 12), L=2, T="global", padding="periodic", channels=1), images
    ),
    "image, T": Example(
        lambda: Scattering2D(2, (8, 12), L=2, T=2, padding="periodic", channels=1), images
    ),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("law", LAWS)
def test_laws(name, law):
    check(law, make_case(f"scattering/{name}", default, LAYERS[name]))


@pytest.mark.parametrize("name", ["signal", "image"])
def test_a_mean_over_a_part_breaks_the_invariance(name):
    """The twin that must fail: all samples but the last."""
    layer = LAYERS[name].build().double()
    x = LAYERS[name].draw()[0]
    assert geomdl.audit(layer, x).passed(1e-12)
    for module in layer.modules():
        if hasattr(module, "share"):
            module.spans = tuple(Span(1, 0, span.count - 1) for span in module.spans)
    assert not geomdl.audit(layer, x).passed(1e-3)


def test_global_does_not_see_shifts_where_nothing_is_subsampled():
    x = noise(1, 8, 12)
    for oversampling, bound in ((2, 1e-14), (0, None)):
        scattering = Scattering2D(
            2, (8, 12), L=2, T="global", padding="periodic", oversampling=oversampling
        ).double()
        change = (scattering(x.roll(1, -1)) - scattering(x)).abs().max()
        assert change <= bound if bound else change >= 1e-6  # aliases of subsampled moduli


@pytest.mark.parametrize("T", [1, 3, 4, 8, 9])
@pytest.mark.parametrize("frame", ["morlet", "tight"])
def test_images_averaged_over_more_or_less(T, frame):
    """The formula at every 2^⌊log₂ T⌋-th pixel, up to the 1 % of subsampled moduli."""
    step = {1: 1, 3: 2, 4: 4, 8: 8, 9: 8}[T]
    options = {"T": T, "padding": "periodic", "frame": frame}
    fine = Scattering2D(3, (16, 24), L=2, oversampling=3, **options).double()
    x = noise(16, 24)
    expected = torch.stack(list(scatter(x, banks_of(fine, frame, T=T), 2).values()))
    assert (fine(x) - expected).abs().max() <= 1e-13
    x = noise(64, 64)
    coarse, fine = (Scattering2D(3, (64, 64), oversampling=o, **options).double() for o in (0, 3))
    rough, exact = coarse(x), fine(x)[..., ::step, ::step]
    assert rough.shape[-2:] == (64 // step, 64 // step)
    assert (rough - exact).norm() <= 0.02 * exact.norm()


@pytest.mark.parametrize(("T", "size"), [(2, 21), (3, 16), (6, 17), (13, 16), (16, 16)])
def test_edges_of_images(T, size):
    """A reflected image is a periodic one, reflected by hand; results lie on the image."""
    x = noise(1, size, size)
    scattering = Scattering2D(2, (size, size), L=2, T=T).double()
    (axis, _), step = scattering.axes, 1 << (T.bit_length() - 1)
    longer = pad(x, scattering.axes, "reflect")
    assert torch.equal(own(scattering, longer), x)
    assert axis.before >= step and axis.after >= step
    periodic = Scattering2D(2, tuple(longer.shape[1:]), L=2, T=T, padding="periodic").double()
    first, last = -(-axis.before // step), -(-(axis.before + size) // step)
    expected = periodic(longer)[..., first:last, first:last]
    assert expected.shape[-1] in (size // step, -(-size // step))
    assert torch.allclose(scattering(x), expected, atol=1e-13)


def test_the_usual_width_is_kymatios():
    x = noise(2, 29, 31)
    usual, named = Scattering2D(2, (29, 31)), Scattering2D(2, (29, 31), T=4)
    assert torch.equal(usual.double()(x), named.double()(x))
    assert usual(x).shape[-2:] == (7, 7)


REFUSED = {
    "T: expected a number of samples, 'global' or None, got 'all'": {"T": "all"},
    "T: expected an integer of at least 1, got 0": {"T": 0},
    "T: expected an integer of at least 1, got 2.5": {"T": 2.5},
    "T: expected at most": {"T": 46},
    "T: 'global' is an average; expected average=True": {
        "T": "global", "average": False, "out": "dict"
    },
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
@pytest.mark.parametrize("kind", MAKE)
def test_refusals(kind, message):
    with pytest.raises(ValueError, match=message):
        MAKE[kind](**REFUSED[message])


def test_global_has_no_stride():
    with pytest.raises(ValueError, match="stride: T='global' leaves one sample; expected None"):
        Scattering1D(3, 45, T="global", stride=4)
