"""Scattering spectra: covariances of wavelet coefficients and of their moduli, and synthesis."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geomdl.fields.space import Space
from geomdl.kernels.norms import root
from geomdl.kernels.precision import uncast
from geomdl.registry import Example, register_layer
from geomdl.scattering.banks import Bank, bank_1d, bank_2d
from geomdl.scattering.buffers import WideBuffers
from geomdl.scattering.synthesis import descend
from geomdl.scattering.transform import check_dtype, check_number, some
from geomdl.scattering.two import check_shape


class Spectra(NamedTuple):
    """Statistics of a stationary field; leading axes are those of the input.

    Attributes:
        mean: E x, shape (…,).
        power: σ_λ² = E |x * ψ_λ|², shape (…, wavelets).
        sparsity: E |x * ψ_λ| / σ_λ, shape (…, wavelets).
        phase: E (x * ψ_λ)(|x * ψ_ν| * ψ_λ)* / (σ_λ σ_ν), shape (…, pairs), complex.
        envelope: E (|x * ψ_ν| * ψ_λ)(|x * ψ_κ| * ψ_λ)* / (σ_ν σ_κ), shape (…, triples), complex.
    """

    mean: Tensor
    power: Tensor
    sparsity: Tensor
    phase: Tensor
    envelope: Tensor

    def flatten(self) -> Tensor:
        """All of them in one real vector, (…, numbers)."""
        parts = [self.mean.unsqueeze(-1), self.power, self.sparsity]
        parts += [torch.stack([x.real, x.imag], -1).flatten(-2) for x in self[3:]]
        return torch.cat(parts, -1)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 2, 16, generator=rng, dtype=torch.float64),)


@register_layer(
    "scattering/ScatteringSpectra",
    example=Example(lambda: ScatteringSpectra(2, 16, channels=2), _inputs),
)
class ScatteringSpectra(WideBuffers):
    """Second-order statistics of wavelet coefficients and of their moduli.

    What the power spectrum does not see: sparsity, phases aligned between scales, and envelopes
    that vary together. For ψ_λ coarser than ψ_ν and ψ_κ (see `Spectra`). Means run over a periodic
    domain; by Parseval's formula those of products of convolutions are sums over frequencies,
    E (a * ψ)(b * ψ)* = Σ |ψ̂|² â b̂* / N², so that one transform a wavelet is all they cost. *Exact*.

    Args:
        J: number of octaves.
        shape: samples of a signal, or rows and columns of an image.
        L: directions in the half circle, for images.
        Q: wavelets an octave, for signals.
        channels: if given, x is (batch, channels, *shape), the result (batch, channels · numbers),
            those of `Spectra.flatten`, and `source` and `target` are fields.

    Attributes:
        source: field on the grid of x, or None.
        target: invariants, or None.

    Raises:
        ValueError: too small for J, or another impossible argument.

    Example:
        >>> spectra = ScatteringSpectra(J=3, shape=(32, 32), L=4)
        >>> found = spectra(torch.randn(2, 32, 32))
        >>> found.power.shape, found.phase.shape, found.envelope.shape
        (torch.Size([2, 12]), torch.Size([2, 48]), torch.Size([2, 184]))

    Source: Cheng, Morel, Allys, Ménard & Mallat 2023, arXiv:2306.17210; Morel et al. 2022,
    arXiv:2204.10177.
    """

    psi: Tensor
    pairs: Tensor
    triples: Tensor
    place: Tensor

    def __init__(
        self,
        J: int,
        shape: int | tuple[int, ...],
        L: int = 4,
        Q: int = 1,
        *,
        channels: int | None = None,
    ) -> None:
        super().__init__()
        J, L, Q = (check_number(*n, 1) for n in (("J", J), ("L", L), ("Q", Q)))
        self.shape = check_shape(shape, J, 1, 2)
        self.d = len(self.shape)
        self.bank: Bank = (
            bank_1d(self.shape[0], J, Q, 2**J)
            if self.d == 1
            else bank_2d((self.shape[0], self.shape[1]), J, L)
        )
        self.wavelets = self.bank.wavelets
        j = torch.tensor([w.j for w in self.wavelets])
        pairs = (j[:, None] > j).nonzero()
        triples = (j[:, None, None] > j[:, None]) & (j[:, None, None] > j)
        first = torch.arange(len(j))
        triples &= first[:, None] <= first  # ν ≤ κ: the others are their conjugates
        lam = triples.flatten(1).any(1)
        self._used = lam.tolist()
        for name, value in (
            ("pairs", pairs),  # λ, ν
            ("triples", triples.nonzero()),  # λ, ν, κ
            ("place", lam.cumsum(0) - 1),  # of λ among those that are used
        ):
            self.register_buffer(name, value.contiguous(), persistent=False)
        self.hold()
        self.channels, self.source, self.target = channels, None, None
        if channels is not None:
            channels = check_number("channels", channels, 1)
            space = Space(self.d, self.shape)
            numbers = 1 + 2 * (len(self.wavelets) + len(self.pairs) + len(self.triples))
            self.source, self.target = space.field(channels), space.vector(channels * numbers)

    def exact_buffers(self) -> dict[str, Tensor]:
        return {"psi": self.bank.psi.flatten(1)}

    @uncast
    def forward(self, x: Tensor, scale: Tensor | None = None) -> Any:
        """Statistics of x (…, *shape).

        Args:
            x: real; of half precision, statistics are taken in float32, and real ones rounded.
            scale: σ_λ to divide by, (wavelets,) or (…, wavelets); those of x if None.
        """
        check_dtype(x, self.dtype)
        if tuple(x.shape[x.ndim - self.d :]) != self.shape or x.ndim < self.d:
            raise ValueError(
                f"x: expected shape (…, {str(self.shape)[1:-1].strip(',')}), got {tuple(x.shape)}"
            )
        if self.channels is None:
            return self._statistics(x, scale)
        if x.ndim != self.d + 2 or x.shape[1] != self.channels:
            raise ValueError(
                f"x: expected (batch, channels={self.channels}, *{self.shape}),"
                f" got {tuple(x.shape)}"
            )
        return self._statistics(x, scale).flatten().flatten(1).to(x.dtype)

    def _statistics(self, x: Tensor, scale: Tensor | None = None) -> Spectra:
        lead = x.shape[: x.ndim - self.d]
        rows = x.reshape(-1, *self.shape).to(self.dtype)
        count = math.prod(self.shape)
        axes = tuple(range(-self.d, 0))
        spectrum = torch.fft.fftn(some(rows), dim=axes).flatten(1)
        coefficients = spectrum[:, None] * self.psi  # (rows, wavelets, frequencies)
        power = coefficients.abs().square().sum(-1) / count**2
        values = torch.fft.ifftn(coefficients.unflatten(-1, self.shape), dim=axes)
        moduli = values.abs()
        if scale is None:
            scale = root(power)
        else:
            numbers = (len(self.wavelets),)
            if tuple(scale.shape) not in (numbers, (*lead, *numbers)):
                expected = str((*lead, *numbers))
                raise ValueError(f"scale: expected shape {expected}, got {tuple(scale.shape)}")
            scale = some(scale.expand(*lead, *numbers).reshape(-1, *numbers))
        scale = torch.where(scale > 0, scale, 1)
        sparsity = moduli.flatten(2).mean(-1) / scale
        envelopes = torch.fft.fftn(moduli, dim=axes).flatten(2) / (scale * count)[..., None]
        weights = self.psi.square()
        lam, nu = self.pairs.unbind(1)
        filtered = (spectrum[:, None] * weights) / (scale * count)[..., None]
        phase = (filtered @ envelopes.conj().mT)[:, lam, nu]
        grams = [
            (envelopes * w) @ envelopes.conj().mT
            for w, use in zip(weights, self._used, strict=True)
            if use
        ]
        lam, nu, kappa = self.triples.unbind(1)
        envelope = torch.stack(grams, 1)[:, self.place[lam], nu, kappa] if grams else phase[:, :0]
        mean, power, sparsity = (
            value.to(x.dtype) for value in (rows.flatten(1).mean(1), power, sparsity)
        )
        found = (mean, power, sparsity, phase, envelope)
        kept = (value[: rows.shape[0]] for value in found)
        return Spectra(*(value.reshape((*lead, *value.shape[1:])) for value in kept))

    @uncast
    @torch.inference_mode(False)  # it descends along gradients wherever it is called
    def synthesize(
        self,
        x: Tensor,
        count: int = 1,
        steps: int = 100,
        rng: torch.Generator | None = None,
        progress: bool = True,
    ) -> Tensor:
        """New fields with the statistics of given ones, by gradient descent (L-BFGS) from noise.

        Args:
            x: one field, (*shape), or several whose mean statistics are matched, (samples, *shape);
                finite, and not constant. In any unit: only its normal form (mean 0, variance 1) is
                looked at.
            count: how many new ones.
            steps: of L-BFGS.
            rng: draws the noise.
            progress: whether to show a bar.

        Returns:
            shape (count, *shape). How far the statistics are matched: see `distance`.
        """
        count, steps = check_number("count", count, 1), check_number("steps", steps, 1)
        fields = self._fields("x", x).clone()  # gradients take no tensors of inference mode
        normal = _Normal.of(fields)
        matched = _Matched(self, normal(fields))
        noise = torch.randn(count, *self.shape, generator=rng, dtype=self.dtype).to(x.device)
        z = descend(lambda z: matched.misses(z).square().sum(-1).mean(), noise, steps, progress)
        return normal.back(z).to(x.dtype)

    @uncast
    def distance(self, x: Tensor, y: Tensor) -> float:
        """Root of the mean square difference of normalised statistics, σ_λ those of x.

        Args:
            x: one field, (*shape), or several whose mean statistics are meant, (samples, *shape);
                finite, and not constant.
            y: others, in the same unit.
        """
        fields, others = self._fields("x", x), self._fields("y", y)
        normal = _Normal.of(fields)
        misses = _Matched(self, normal(fields)).misses(normal(others)).mean(0)
        return float(misses.square().mean().sqrt())

    def _fields(self, name: str, x: Tensor) -> Tensor:
        """One or several, (samples, *shape), without gradient, in the dtype of the filters."""
        check_dtype(x, self.dtype, name=name)
        if x.ndim not in (self.d, self.d + 1) or tuple(x.shape[x.ndim - self.d :]) != self.shape:
            sizes = str(self.shape)[1:-1].strip(",")
            raise ValueError(
                f"{name}: expected shape ({sizes}) or (samples, {sizes}), got {tuple(x.shape)}"
            )
        if not (x.numel() and x.isfinite().all()):
            raise ValueError(f"{name}: expected finite samples, got others or none")
        return x.detach().reshape(-1, *self.shape).to(self.dtype)


class _Normal(NamedTuple):
    """The change of unit that gives fields the mean 0 and the variance 1."""

    mean: Tensor
    deviation: Tensor

    @staticmethod
    def of(x: Tensor) -> "_Normal":
        size = x.abs().max()  # squares of large or small units leave the range
        unit = x / torch.where(size > 0, size, 1)
        mean, deviation = size * unit.mean(), size * (unit - unit.mean()).square().mean().sqrt()
        if not float(deviation) > 4 * torch.finfo(x.dtype).eps * float(x.abs().max()):
            raise ValueError("x: expected a field that varies, got a constant")
        return _Normal(mean, deviation)

    def __call__(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation

    def back(self, z: Tensor) -> Tensor:
        return self.mean + self.deviation * z


class _Matched:
    """Mean statistics of fields in their normal form, and how far others miss them.

    σ_λ below the rounding of the transform count as that.
    """

    def __init__(self, spectra: ScatteringSpectra, x: Tensor) -> None:
        self.statistics = spectra._statistics
        power = self.statistics(x).power.mean(0)
        self.scale = power.clamp(min=torch.finfo(x.dtype).eps).sqrt()
        self.target = self.statistics(x, self.scale).flatten().mean(0)
        self.weights = torch.ones_like(self.target)
        self.weights[1 : 1 + len(self.scale)] = self.scale.square().reciprocal()

    def misses(self, y: Tensor) -> Tensor:
        """Differences to the target, power relative to its own, (samples, numbers)."""
        return (self.statistics(y, self.scale).flatten() - self.target) * self.weights
