"""Low-pass and subsampling at once, by small matrices where the filter allows it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.fields.numbers import one_of
from geomdl.kernels import filter_fold, real_spectrum
from geomdl.scattering.buffers import WideBuffers
from geomdl.scattering.support import bands_of

_LEAST = 1e-16  # of a filter's greatest value: frequencies below it are left out
_RANK = 1e-14  # of the greatest entry: rest of a product of two
_SMALL = 1 << 18  # entries of a matrix that is better than a chain of small operations
_FEW = 64  # samples of a result: so many sums cost less than a transform of the signal


class Span(NamedTuple):
    """Which samples of the result are kept along an axis: first, first + 1, …, in steps."""

    step: int
    first: int
    count: int  # type: ignore[assignment]  # hides tuple.count


class LowPass(WideBuffers):
    """Circular convolution with a real filter, sampled at given points.

    S[i] = Σ_t φ[(first + i) step - t] U[t] along each axis, *exact* up to rounding, φ the inverse
    transform of the filter, even. Forms for signals: "waves", a matrix from the few frequencies
    that pass to the samples, or where these are few and only the signal is given, one from signal
    to samples; "half", on half the spectrum. For images: "matrices", one an axis, for a filter that
    is a product over the axes; "spectrum", for any other.

    Args:
        phi: the filter's transform, real and even, shape (*spatial), float64, one or two axes.
        spans: one an axis.
        form: which of them; the fastest that there is if None.

    Raises:
        ValueError: the filter does not allow the form.

    Example:
        >>> low = LowPass(torch.tensor([1.0, 0.5, 0.0, 0.5]), (Span(2, 0, 2),))
        >>> low(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
        tensor([[2., 3.]])
    """

    passing: Tensor  # of the form "half"
    waves: Tensor  # of "waves"
    rows: Tensor  # of "matrices"
    columns: Tensor
    psi: Tensor  # of "spectrum"
    bands: Tensor

    def __init__(self, phi: Tensor, spans: tuple[Span, ...], form: str | None = None) -> None:
        super().__init__()
        phi = phi.to(torch.float64)
        self.shape, self.spans = tuple(phi.shape), spans
        forms = self._forms(phi)
        self.form = next(iter(forms)) if form is None else one_of("form", form, forms)
        self._exact = forms[self.form]
        if self.form == "spectrum":
            self.register_buffer("bands", bands_of(self._exact["psi"]), persistent=False)
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        return self._exact

    def _forms(self, phi: Tensor) -> dict[str, dict[str, Tensor]]:
        """Forms that the filter allows, the fastest first, and what they hold."""
        if phi.ndim == 1:
            passing, (span,) = half_of(phi, self.spans[0]), self.spans
            found = {"half": {"passing": passing}}
            if 2 * len(passing) * span.count > _SMALL:
                return found
            held = {"waves": waves_of(passing, len(phi), span)}
            if span.count <= _FEW:
                held["columns"] = matrix(torch.fft.ifft(phi).real, span)
            return {"waves": held, **found}
        steps = math.prod(span.step for span in self.spans)
        spectrum = {"spectrum": {"psi": (phi / steps).unsqueeze(0)}}
        factors = product(phi)
        if factors is None:
            return spectrum
        names = zip(("rows", "columns"), factors, self.spans, strict=True)
        held = {name: matrix(torch.fft.ifft(f).real, span) for name, f, span in names}
        return {"matrices": held, **spectrum}

    @staticmethod
    def padded(shape: tuple[int, ...]) -> tuple[int, int]:
        """Sizes of two axes, the first of size 1 for signals."""
        return (1, shape[0]) if len(shape) == 1 else (shape[0], shape[1])

    def forward(self, u: Tensor) -> Tensor:
        """(rows, *spatial) to (rows, *counts)."""
        if self.form == "spectrum":
            return self.of_spectrum(real_spectrum(u))
        if "columns" not in self._exact:
            return self.of_spectrum(torch.view_as_real(torch.fft.rfft(u)).unsqueeze(1))
        s = u @ self.columns.T
        return s if len(self.spans) == 1 else self.rows @ s

    @property
    def takes_spectrum(self) -> bool:
        """Whether it works on the transform of the signals."""
        return self.form != "matrices"

    def of_spectrum(self, x: Tensor) -> Tensor:
        """The same of the transform, (rows, M, N, 2); of signals, its first half is enough."""
        if self.form == "waves":  # the mean apart: in the sum of waves it would cost digits
            first, waves = self.waves[:1], self.waves[2:]
            low = x[:, 0, 1 : 1 + len(waves) // 2].flatten(1) @ waves
            return low + x[:, 0, :1, 0] * first
        if self.form == "half":
            return self._of_half(torch.view_as_complex(x[:, 0, : len(self.passing)]))
        rows, columns = self.spans
        folded = filter_fold(x, self.psi, self.bands, rows.step, columns.step)[:, 0]
        s: Tensor = torch.fft.ifft2(torch.view_as_complex(folded)).real
        return s.narrow(1, rows.first, rows.count).narrow(2, columns.first, columns.count)

    def _of_half(self, x: Tensor) -> Tensor:
        """Of the frequencies 0 … K - 1 of real signals, (rows, K)."""
        step, first, count = self.spans[0]
        n = self.shape[0] // step  # samples of the result, over which frequencies are aliases
        y = x * self.passing
        y = torch.nn.functional.pad(y, (0, -y.shape[1] % n)).unflatten(1, (-1, n)).sum(1)
        low = n // 2 + 1
        y = y[:, :low] + y.flip(1).roll(1, 1)[:, :low].conj()  # the negative ones
        s: Tensor = torch.fft.irfft(y, n=n)
        return s.narrow(1, first, count)


class Mean(WideBuffers):
    """Mean over a span of samples along each axis, of which one is left. *Exact* up to rounding.

    Args:
        spans: one an axis; their steps are 1.

    Example:
        >>> Mean((Span(1, 1, 2),))(torch.tensor([[9.0, 1.0, 2.0, 9.0]]))
        tensor([[1.5000]])
    """

    share: Tensor
    takes_spectrum = False

    def __init__(self, spans: tuple[Span, ...]) -> None:
        super().__init__()
        self.spans = spans
        count = math.prod(span.count for span in spans)
        self._exact = torch.tensor(1 / count, dtype=torch.float64)
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        return {"share": self._exact}

    def forward(self, u: Tensor) -> Tensor:
        """(rows, *spatial) to (rows, 1) or (rows, 1, 1)."""
        axes = tuple(range(1, 1 + len(self.spans)))
        for axis, span in zip(axes, self.spans, strict=True):
            u = u.narrow(axis, span.first, span.count)
        return u.sum(axes, keepdim=True) * self.share


def matrix(taps: Tensor, span: Span) -> Tensor:
    """Row i: the taps as seen from the sample (first + i) step."""
    n = len(taps)
    at = (span.first + torch.arange(span.count)) * span.step
    return taps[(at[:, None] - torch.arange(n)) % n]


def half_of(phi: Tensor, span: Span) -> Tensor:
    """Weights of the frequencies 0 … K of a real signal that pass, over the step.

    Half of them where a frequency is its own negative, so that each may be added to the conjugate
    of its negative.
    """
    n = len(phi)
    half = phi[: n // 2 + 1] / span.step
    half[0] /= 2
    if n % 2 == 0:
        half[-1] /= 2
    kept = (half.abs() > _LEAST * float(half.abs().max())).nonzero()
    return half[: int(kept.max()) + 1].clone()


def waves_of(passing: Tensor, n: int, span: Span) -> Tensor:
    """Matrix from the frequencies of a real signal of n samples that pass to its low-pass.

    Rows 2 k and 2 k + 1 belong to the real and the imaginary part of frequency k, columns to the
    samples of the span.
    """
    at = (span.first + torch.arange(span.count)) * span.step
    turns = (torch.arange(len(passing))[:, None] * at % n).to(torch.float64)
    angles = 2 * math.pi / n * turns
    parts = torch.stack([angles.cos(), -angles.sin()], 1)
    return (parts * (2 * span.step / n * passing)[:, None, None]).flatten(0, 1)


def product(phi: Tensor) -> tuple[Tensor, Tensor] | None:
    """Factors of a transform that is a product over its two axes, or None.

    Example:
        >>> product(torch.eye(2)) is None, product(torch.ones(2, 2)) is None
        (True, False)
    """
    place = int(phi.abs().argmax())
    row, column = divmod(place, phi.shape[1])
    factors = phi[:, column], phi[row] / phi[row, column]
    rest = (phi - factors[0][:, None] * factors[1]).abs().max()
    return factors if float(rest) <= _RANK * float(phi.abs().max()) else None
