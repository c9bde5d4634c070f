"""Joint time-frequency scattering: wavelets in time and along log-frequency."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields.space import Space
from geomdl.kernels import filter_fold, real_spectrum, wavelet_modulus
from geomdl.kernels.precision import uncast
from geomdl.registry import Example, register_layer
from geomdl.scattering.banks import SIGMA_0, bank_1d, coarser, columns, wavelets_1d
from geomdl.scattering.buffers import WideBuffers
from geomdl.scattering.cascade import Levels, Wavelets
from geomdl.scattering.lowpass import LowPass, Mean
from geomdl.scattering.morlet import gaussian_1d, morlet_1d
from geomdl.scattering.padding import Mode, axis_1d, check_mode, pad
from geomdl.scattering.transform import (
    Width,
    check_dtype,
    check_number,
    check_value,
    some,
    spans_of,
    width_of,
)
from geomdl.scattering.two import check_period, check_shape

_FAR = 6.0  # standard deviations of a filter along log-frequency that padding holds


class _LogFrequency(WideBuffers):
    """Wavelets of both spins and the low-pass along log-frequency, zeros beyond the ends."""

    psi: Tensor
    average: Tensor

    def __init__(self, count: int, J: int, Q: int, F: int) -> None:
        super().__init__()
        wavelets = wavelets_1d(J, Q)
        widest = 1 / (2 * math.pi * min(SIGMA_0 / 2**J, SIGMA_0 / F))
        padded = count + math.ceil(_FAR * widest)
        self.count, self.padded = count, padded + padded % 2
        xi, sigma = columns(wavelets, "xi", "sigma")
        up = morlet_1d(self.padded, xi, sigma)
        phi = gaussian_1d(self.padded, torch.tensor([SIGMA_0 / F], dtype=torch.float64))
        down = up.flip(-1).roll(1, -1)
        self.spins = (0, *(1,) * len(up), *(-1,) * len(down))
        self.scales = (J, *2 * tuple(w.j for w in wavelets))
        taps = torch.fft.ifft(phi[0]).real
        self.results = -(-count // F)
        at = torch.arange(self.results) * F + (count - 1 - (self.results - 1) * F) // 2
        average = taps[(at[:, None] - torch.arange(self.padded)) % self.padded]
        self._exact = {"psi": torch.cat([phi, up, down]), "average": average}
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        return self._exact

    def forward(self, y: Tensor) -> Tensor:
        """|y * ψ_k| averaged, (rows, frequencies, time) to (rows, filters, results, time)."""
        spectrum = torch.fft.fft(y, n=self.padded, dim=1)
        parts = [
            self.average @ torch.fft.ifft(spectrum * psi[:, None], dim=1).abs() for psi in self.psi
        ]
        return torch.stack(parts, 1)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 64, generator=rng, dtype=torch.float64),)


@register_layer(
    "scattering/TimeFrequencyScattering",
    example=Example(
        lambda: TimeFrequencyScattering(3, 64, Q=2, J_fr=1, padding="periodic", channels=1), _inputs
    ),
)
class TimeFrequencyScattering(nn.Module):
    """Scattering of the scalogram in time and log-frequency at once: it tells rising from falling.

    With U₁[λ](t) = |x * ψ_λ|(t), λ in log-frequency,

    S[n, k](λ, t) = (|U₁ *_t ψ_n *_λ ψ_k| *_λ φ_F) *_t φ_T,

    k a wavelet of either spin along λ (spin +1: frequencies that rise, -1: that fall) or the
    low-pass φ_F; n a wavelet, over the U₁ of finer scale, or the low-pass φ_T. Beyond the
    highest and lowest frequency the scalogram is 0. With periodic padding shifts by multiples of
    the step 2^⌊log₂ T⌋ commute, *exact*; reversing time swaps the spins, *exact*, where nothing is
    subsampled.

    Args:
        J: log₂ of the greatest scale in time.
        shape: samples of a signal.
        Q: wavelets an octave of the scalogram.
        T: samples over which coefficients are averaged; 2^J if None; "global": the mean over all
            samples of the signal itself, without padding, in place of φ_T: one time is left.
        J_fr: log₂ of the greatest scale along log-frequency, in wavelets; as many as fit if None.
        Q_fr: wavelets an octave along log-frequency.
        F: wavelets over which coefficients are averaged along log-frequency; 2^J_fr if None.
        padding: in time: "reflect", "periodic", "zero" or "constant".
        value: of constant padding.
        oversampling: log₂ of how much finer everything is sampled in time.
        channels: if given, x is (batch, channels, shape), the result (batch, channels · paths ·
            frequencies, time), without time if T is "global", and `source` and `target` are fields.

    Attributes:
        paths: (n, k, spin) of each path; n = -1: φ_T.
        source: field on the grid of x, or None.
        target: field on the coarser grid of the result, or None.

    Raises:
        ValueError: signals too short for J, or another impossible argument.

    Example:
        >>> scattering = TimeFrequencyScattering(J=6, shape=1024, Q=8, J_fr=2)
        >>> scattering(torch.randn(3, 1024)).shape
        torch.Size([3, 32, 10, 16])

    Source: Andén, Lostanlen & Mallat 2019, arXiv:1807.08869.
    """

    order: Tensor

    def __init__(
        self,
        J: int,
        shape: int | tuple[int],
        Q: int = 8,
        T: Width = None,
        J_fr: int | None = None,
        Q_fr: int = 1,
        F: int | None = None,
        *,
        padding: Mode = "reflect",
        value: float = 0.0,
        oversampling: int = 0,
        channels: int | None = None,
    ) -> None:
        super().__init__()
        J, Q, Q_fr = (check_number(*n, 1) for n in (("J", J), ("Q", Q), ("Q_fr", Q_fr)))
        oversampling = check_number("oversampling", oversampling, 0)
        check_mode(padding)
        check_value(value)
        (size,) = self.shape = check_shape(shape, J, 1)
        width, self.whole = width_of(T, J, size, average=True)
        step = math.floor(math.log2(width))
        levels = Levels(step, min(oversampling, step))
        self.axes = (axis_1d(size, J, width, padding),)
        check_period((size,), levels, padding)
        channels = None if channels is None else check_number("channels", channels, 1)
        self.padding, self.value, self.channels = padding, value, channels
        first = bank_1d(self.axes[0].padded, J, Q, width)
        second = bank_1d(self.axes[0].padded, J, 1, width)
        count = len(first.wavelets)
        J_fr = check_number("J_fr", max(1, count.bit_length() - 3) if J_fr is None else J_fr, 1)
        F = check_number("F", 2**J_fr if F is None else F, 1)
        self.along = _LogFrequency(count, J_fr, Q_fr, F)
        spans = spans_of(self.axes, levels, -1, self.whole)
        self.first, self.second = nn.ModuleList(), nn.ModuleList()
        by_scale: dict[int, list[int]] = {}
        for index, wavelet in enumerate(first.wavelets):
            by_scale.setdefault(wavelet.j, []).append(index)
        self._scales = sorted(by_scale)
        last = [levels.of(w.j) for w in second.wavelets]
        for j in self._scales:
            self.first.append(Wavelets(first, tuple(by_scale[j]), 1, 0, levels.of(j), False, False))
        # U₁ of each scale under ψ_n, and under φ_T: all at the level of ψ_n, or of the result
        self._used = [[j for j in self._scales if j < w.j] for w in second.wavelets]
        self.numbers = [n for n, used in enumerate(self._used) if used]
        for n in self.numbers:
            self.second.append(
                nn.ModuleList(
                    Wavelets(second, (n,), 1, levels.of(j), last[n], False, False)
                    for j in self._used[n]
                )
            )

        def average(level: int) -> nn.Module:
            if self.whole:
                return Mean(spans(level))
            return LowPass(coarser(second.phi, level, 1), spans(level))

        self.lows = nn.ModuleList(average(last[n]) for n in self.numbers)
        self.blurs = nn.ModuleList(average(levels.of(j)) for j in self._scales)
        order = [index for j in self._scales for index in by_scale[j]]
        self.register_buffer("order", torch.tensor(order).argsort(), persistent=False)
        self._count = {j: len(by_scale[j]) for j in self._scales}
        filters = list(zip(range(len(self.along.spins)), self.along.spins, strict=True))
        # φ_T of a real signal does not see the spin
        self._still = [k for k, spin in filters if spin >= 0]
        self.paths = tuple(
            [(-1, k, self.along.spins[k]) for k in self._still]
            + [(n, k, spin) for n in self.numbers for k, spin in filters]
        )
        self.source = self.target = None
        if channels is not None:
            circular, unit = padding == "periodic", 2**levels.result
            space = Space(1, self.shape if circular else None, unit, circular)
            self.source = space.field(channels)
            numbers = channels * len(self.paths) * self.along.results
            self.target = (
                space.vector(numbers) if self.whole else space.coarser(unit).field(numbers)
            )

    @uncast
    def forward(self, x: Tensor) -> Tensor:
        """(…, samples) to (…, paths, frequencies, time); a layer gives channels of them."""
        check_dtype(x, self.along.dtype)
        if x.ndim < 1 or x.shape[-1] != self.shape[0]:
            raise ValueError(f"x: expected shape (…, {self.shape[0]}), got {tuple(x.shape)}")
        if self.channels is not None and (x.ndim != 3 or x.shape[1] != self.channels):
            raise ValueError(
                f"x: expected (batch, channels={self.channels}, {self.shape[0]}),"
                f" got {tuple(x.shape)}"
            )
        rows = x.reshape(-1, *self.shape).to(self.along.dtype)
        u = pad(some(rows), self.axes, self.padding, self.value)
        spectrum = real_spectrum(u.unsqueeze(1))
        first: Any = self.first
        moduli = {
            j: wavelet_modulus(spectrum, w.psi, w.bands, 1, w.columns).squeeze(2)
            for j, w in zip(self._scales, first, strict=True)
        }
        low = [
            blur(moduli[j].flatten(0, 1)) for j, blur in zip(self._scales, self.blurs, strict=True)
        ]
        scalogram = torch.cat([s.view(u.shape[0], -1, s.shape[-1]) for s in low], 1)
        scalogram = scalogram.index_select(1, self.order)
        found = [self.along(scalogram)[:, self._still]]
        inner = {j: real_spectrum(m.flatten(0, 1).unsqueeze(1)) for j, m in moduli.items()}
        for n, branch, average in zip(self.numbers, self.second, self.lows, strict=True):
            y = self._in_time(inner, n, branch, u.shape[0])
            v = self.along(y)
            s = average(v.flatten(0, 2))
            found.append(s.view(*v.shape[:3], -1))
        s = torch.cat(found, 1)[: rows.shape[0]].to(x.dtype)
        if self.channels is not None:
            rows = s.flatten(1, 3 if self.whole else 2)
            layer: Tensor = rows.unflatten(0, x.shape[:2]).flatten(1, 2)
            return layer
        return s.view(*x.shape[:-1], *s.shape[1:])

    def _in_time(self, inner: dict[int, Tensor], n: int, branch: Any, rows: int) -> Tensor:
        """U₁ *_t ψ_n for all frequencies, (rows, frequencies, time), 0 where ψ_n is too fine."""
        parts, size = [], 0
        wavelets = dict(zip(self._used[n], branch, strict=True))
        for j in self._scales:
            if j in wavelets:
                w = wavelets[j]
                y = filter_fold(inner[j], w.psi, w.bands, 1, w.columns)[:, 0, 0]
                part = torch.fft.ifft(torch.view_as_complex(y))
                size = part.shape[-1]
                parts.append(part.view(rows, -1, size))
            else:
                parts.append(parts[0].new_zeros(rows, self._count[j], size))
        return torch.cat(parts, 1).index_select(1, self.order)
