"""The transforms against the formula, and what is promised of every option."""

import pytest
import torch

from geomdl.scattering import Scattering1D, Scattering2D, bank_1d, bank_2d
from geomdl.scattering import cascade as cascade_module
from geomdl.scattering.lowpass import LowPass, Span
from geomdl.scattering.padding import Axis, axis_1d, axis_2d, pad
from tests.scattering.oracle import noise, scatter


def image_banks(shape, J, L, frame, both):
    banks = [bank_2d(shape, J, L, both), bank_2d(shape, J, L)]
    return [b.tight() for b in banks] if frame == "tight" else banks


def signal_banks(n, J, Q, frame, both):
    banks = [bank_1d(n, J, Q, 2**J, both), bank_1d(n, J, 1, 2**J)]
    return [b.tight() for b in banks] if frame == "tight" else banks


@pytest.mark.parametrize("frame", ["morlet", "tight"])
@pytest.mark.parametrize("complex_input", [False, True])
@pytest.mark.parametrize(
    ("order", "which"), [(0, "all"), (1, "all"), (2, "decreasing"), (2, "all"), (3, "decreasing")]
)
def test_without_subsampling_they_are_the_formula(frame, complex_input, order, which):
    options = {
        "order": order, "which": which, "padding": "periodic", "oversampling": 3,
        "frame": frame, "complex_input": complex_input, "out": "dict",
    }  # fmt: skip
    for scattering, banks in (
        (
            Scattering2D(3, (12, 9), L=2, **options),
            image_banks((12, 9), 3, 2, frame, complex_input),
        ),
        (Scattering1D(3, 45, Q=2, **options), signal_banks(45, 3, 2, frame, complex_input)),
    ):
        x = noise(*scattering.shape)
        if complex_input:
            x = x + 1j * noise(*scattering.shape, seed=1)
        expected = scatter(x, banks, order, which)
        if complex_input:
            low = expected.pop(())
            expected = {("re",): low.real, ("im",): low.imag, **expected}
        found = scattering.double()(x)
        assert list(found) == list(expected)
        for path, value in expected.items():
            assert (found[path] - value).abs().max() <= 1e-13, path


@pytest.mark.parametrize("oversampling", [0, 1, 2, 3])
def test_subsampling_errs_less_and_less(oversampling):
    """By 1 % (images) and 1e-3 (signals) where everything is subsampled, and then quickly less."""
    for full, coarse, bound in (
        (
            Scattering2D(3, (64, 64), padding="periodic", oversampling=3),
            Scattering2D(3, (64, 64), padding="periodic", oversampling=oversampling),
            (0.02, 2e-3, 1e-4, 1e-14)[oversampling],
        ),
        (
            Scattering1D(3, 256, Q=4, padding="periodic", oversampling=3),
            Scattering1D(3, 256, Q=4, padding="periodic", oversampling=oversampling),
            (1e-3, 5e-5, 1e-6, 1e-14)[oversampling],
        ),
    ):
        x = noise(2, *full.shape)
        step = slice(None, None, 2 ** (3 - oversampling))
        fine = full.double()(x)[(..., *full.d * (step,))]
        rough = coarse.double()(x)
        assert rough.shape == fine.shape
        assert (rough - fine).norm() <= bound * fine.norm()


@pytest.mark.parametrize("cache", [1, 4000, 60_000])
def test_pieces_change_nothing(cache, monkeypatch):
    for scattering in (
        Scattering2D(3, (24, 32), L=3, order=3),
        Scattering1D(4, 300, Q=3, order=3, frame="tight"),
    ):
        x = noise(5, *scattering.shape)
        whole = scattering.double()(x)
        monkeypatch.setattr(cascade_module, "CACHE", cache)
        assert (scattering(x) - whole).abs().max() <= 1e-14
        monkeypatch.undo()


@pytest.mark.parametrize("padding", ["reflect", "zero", "constant", "periodic"])
def test_padding_is_what_it_says(padding):
    """The interior of the transform of a signal that was continued by hand."""
    x = noise(2, 64)
    scattering = Scattering1D(2, 64, Q=2, padding=padding, value=0.7).double()
    (axis,) = scattering.axes
    before, after = x.flip(1)[:, -axis.before - 1 : -1], x.flip(1)[:, 1 : axis.after + 1]
    if padding != "reflect":
        fill = {"zero": 0.0, "constant": 0.7, "periodic": 0.0}[padding]
        before, after = torch.full_like(before, fill), torch.full_like(after, fill)
    longer = torch.cat([before[:, : axis.before], x, after[:, : axis.after]], 1)
    around = Scattering1D(2, longer.shape[1], Q=2, padding="periodic").double()
    first = axis.before // 4
    assert axis.before % 4 == 0
    assert torch.allclose(scattering(x), around(longer)[..., first : first + 16], atol=1e-13)


def test_reflection_goes_on_and_on():
    x = torch.tensor([[0.0, 1.0, 2.0]])
    expected = [0.0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]
    assert pad(x, (Axis(3, 4, 5),), "reflect")[0].tolist() == expected
    assert pad(x[:, :1], (Axis(1, 2, 2),), "reflect")[0].tolist() == [0.0] * 5


@pytest.mark.parametrize("size", [8, 9, 31, 32, 33, 100])
@pytest.mark.parametrize("J", [1, 2, 3])
def test_sizes(size, J):
    assert axis_2d(size, J, "reflect").padded % 2**J == 0
    x = noise(1, size, size)
    assert Scattering2D(J, (size, size), L=2).double()(x).shape[-2:] == 2 * (size // 2**J,)
    assert axis_1d(size, J, 2**J, "reflect").padded % 2**J == 0
    assert Scattering1D(J, size).double()(x[0]).shape[-1] in (size // 2**J, -(-size // 2**J))


def test_low_passes_agree():
    for n, count, direct in ((1024, 40, True), (1000, 40, True), (2000, 100, False)):
        x = noise(3, n)
        phi, span = bank_1d(n, 4, 1, 16).phi, (Span(n // 125, 10, count),)
        waves, half = (LowPass(phi, span, form).double() for form in ("waves", "half"))
        spectrum = torch.view_as_real(torch.fft.fft(x)).unsqueeze(1)
        whole = torch.fft.ifft(torch.fft.fft(x) * phi).real
        expected = whole[:, (10 + torch.arange(count)) * (n // 125) % n]
        for found in (waves(x), half(x), waves.of_spectrum(spectrum), half.of_spectrum(spectrum)):
            assert (found - expected).abs().max() <= 1e-14
        assert LowPass(phi, span).form == "waves"
        assert ("columns" in waves.exact_buffers()) == direct
    phi = bank_1d(1 << 13, 1, 1, 2).phi
    assert LowPass(phi, (Span(2, 0, 1 << 12),)).form == "half"
    image = noise(2, 24, 16)
    phi = bank_2d((24, 16), 2, 4).phi
    spans = (Span(4, 1, 4), Span(2, 0, 8))
    found = [LowPass(phi, spans, form).double()(image) for form in ("matrices", "spectrum")]
    assert (found[0] - found[1]).abs().max() <= 1e-14
    with pytest.raises(ValueError, match="form: expected one of spectrum"):
        LowPass(bank_2d((24, 16), 2, 4).tight().phi, spans, "matrices")


@pytest.mark.parametrize(
    "make",
    [lambda **o: Scattering2D(2, (12, 16), L=3, **o), lambda **o: Scattering1D(3, 50, Q=2, **o)],
)
def test_forms_of_the_result(make):
    arrays, named, listed = (make(out=out) for out in ("array", "dict", "list"))
    x = noise(2, 3, *arrays.shape, dtype=torch.float32)
    array = arrays(x)
    assert array.shape[:3] == (2, 3, len(arrays.paths))
    for place, (path, value) in enumerate(named(x).items()):
        assert arrays.paths[place].n == path
        assert torch.equal(value, array[:, :, place])
    for path, entry in zip(arrays.paths, listed(x), strict=True):
        assert entry["n"] == path.n and entry["j"] == path.j and entry["order"] == path.order
    assert len(set(arrays.names)) == len(arrays.paths)
    unaveraged = make(out="dict", average=False)
    moduli = unaveraged(x)
    assert unaveraged.paths == arrays.paths
    assert list(moduli) == [path.n for path in arrays.paths]
    assert torch.equal(moduli[()], x)
    assert all(bool((value >= 0).all()) for path, value in moduli.items() if path)


def test_layers_have_channels():
    scattering = Scattering2D(2, (16, 8), L=4, padding="periodic", channels=3)
    x = noise(2, 3, 16, 8, dtype=torch.float32)
    y = scattering(x)
    assert y.shape[1] == 3 * len(scattering.paths) == scattering.target.channels
    free = Scattering2D(2, (16, 8), L=4, padding="periodic")(x)
    assert torch.equal(y, free.flatten(1, 2))
    assert scattering.source.group.name == "Z4x2"


def test_half_precision_is_storage():
    scattering = Scattering2D(2, (16, 16), L=4)
    x = noise(2, 16, 16).bfloat16()
    expected = scattering(x.float()).bfloat16()
    assert torch.equal(scattering(x), expected)
    assert torch.equal(Scattering2D(2, (16, 16), L=4).bfloat16()(x), expected)


def test_second_derivatives():
    scattering = Scattering2D(1, (4, 5), L=2).double()
    torch.autograd.gradgradcheck(scattering, noise(1, 4, 5).requires_grad_())
    scattering = Scattering1D(2, 9).double()
    torch.autograd.gradgradcheck(scattering, noise(1, 9).requires_grad_())


@pytest.mark.parametrize(
    "make", [lambda: Scattering1D(3, 32), lambda: Scattering2D(2, (8, 8), L=2)]
)
def test_second_derivatives_along_paths_of_order_two(make):
    scattering = make().double()
    assert scattering.paths[-1].order == 2
    x = noise(1, *scattering.shape).requires_grad_()
    torch.autograd.gradgradcheck(scattering, x)
    torch.autograd.gradgradcheck(lambda x: scattering(x).square().sum(), x)


def test_derivatives_are_finite_at_zero():
    for scattering in (Scattering2D(2, (8, 8), L=2), Scattering1D(2, 16)):
        x = torch.zeros(1, *scattering.shape, requires_grad=True)
        scattering(x).sum().backward()
        assert bool(x.grad.isfinite().all())


REFUSED = {
    r"J: scales up to 2\^5 = 32 samples need at least as many.*use J <= 4":
        lambda: Scattering2D(5, (28, 28)),
    "J: expected an integer of at least 1, got 0": lambda: Scattering1D(0, 64),
    "T: expected at most 64": lambda: Scattering1D(3, 64, T=65),
    "Q: expected an integer of at least 1, got 0": lambda: Scattering1D(3, 64, Q=0),
    "Q: expected one or two": lambda: Scattering1D(3, 64, Q=(1, 2, 3)),
    "stride: expected a power of 2, got 3": lambda: Scattering1D(3, 64, stride=3),
    "stride: expected at most 8": lambda: Scattering1D(3, 64, stride=16),
    "shape: expected 2 sizes": lambda: Scattering2D(2, (28,)),
    "shape: with periodic padding the step": lambda: Scattering2D(2, (30, 28), padding="periodic"),
    "padding: expected one of reflect": lambda: Scattering2D(2, (28, 28), padding="wrap"),
    "frame: expected one of morlet, tight": lambda: Scattering2D(2, (28, 28), frame="parseval"),
    "out: expected one of array": lambda: Scattering2D(2, (28, 28), out="tuple"),
    "out: moduli without average": lambda: Scattering2D(2, (28, 28), average=False),
    "order: expected at most 3": lambda: Scattering2D(2, (28, 28), order=4),
    "convention: expected one of 0.4, 0.3": lambda: Scattering1D(2, 64, convention="0.2"),
    "channels: a layer has": lambda: Scattering2D(2, (28, 28), out="dict", channels=1),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


def test_wrong_input_is_refused():
    scattering = Scattering2D(2, (16, 16), L=2)
    with pytest.raises(TypeError, match=r"x: expected torch\.float32, the dtype of the transform"):
        scattering(noise(2, 16, 16))
    with pytest.raises(TypeError, match="x: expected real samples"):
        scattering(torch.zeros(16, 16, dtype=torch.complex64))
    with pytest.raises(TypeError, match=r"x: expected torch\.float32"):
        scattering(torch.zeros(16, 16, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"x: expected shape \(…, 16, 16\), got \(16, 15\)"):
        scattering(torch.zeros(16, 15))
    with pytest.raises(TypeError, match="x: expected complex samples"):
        Scattering1D(2, 16, complex_input=True)(torch.zeros(16))
    with pytest.raises(ValueError, match=r"x: expected \(batch, channels=2"):
        Scattering1D(2, 16, channels=2)(torch.zeros(1, 3, 16))
