"""Scattering spectra: covariances of wavelet coefficients and of their moduli, and synthesis."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from geomdl.kernels.precision import uncast
from geomdl.scattering.banks import Bank, bank_1d, bank_2d
from geomdl.scattering.buffers import WideBuffers
from geomdl.scattering.transform import check_dtype, check_number
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

    def __init__(self, J: int, shape: int | tuple[int, ...], L: int = 4, Q: int = 1) -> None:
        super().__init__()
        check_number("J", J, 1)
        check_number("L", L, 1)
        check_number("Q", Q, 1)
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        self.shape = check_shape(sizes, J, 1 if len(sizes) == 1 else 2)
        self.d = len(self.shape)
        self.bank: Bank = (
            bank_1d(self.shape[0], J, Q, 2**J)
            if self.d == 1
            else bank_2d((self.shape[0], self.shape[1]), J, L)
        )
        self.wavelets = self.bank.wavelets
        j = torch.tensor([w.j for w in self.wavelets])
        self.pairs = (j[:, None] > j).nonzero()  # λ, ν
        triples = (j[:, None, None] > j[:, None]) & (j[:, None, None] > j)
        first = torch.arange(len(j))
        triples &= first[:, None] <= first  # ν ≤ κ: the others are their conjugates
        self.triples = triples.nonzero()  # λ, ν, κ
        lam = set(self.triples[:, 0].tolist())
        self._used = [index in lam for index in range(len(self.wavelets))]
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        return {"psi": self.bank.psi.flatten(1)}

    @uncast
    def forward(self, x: Tensor, scale: Tensor | None = None) -> Spectra:
        """Statistics of x (…, *shape).

        Args:
            x: real; of half precision, statistics are taken in float32, and real ones rounded.
            scale: σ_λ to divide by, (…, wavelets); those of x if None.
        """
        check_dtype(x, self.dtype)
        if tuple(x.shape[x.ndim - self.d :]) != self.shape or x.ndim < self.d:
            raise ValueError(
                f"x: expected shape (…, {str(self.shape)[1:-1].strip(',')}), got {tuple(x.shape)}"
            )
        lead = x.shape[: x.ndim - self.d]
        rows = x.reshape(-1, *self.shape).to(self.dtype)
        count = rows[0].numel()
        axes = tuple(range(-self.d, 0))
        spectrum = torch.fft.fftn(rows, dim=axes).flatten(1)
        coefficients = spectrum[:, None] * self.psi  # (rows, wavelets, frequencies)
        power = coefficients.abs().square().sum(-1) / count**2
        values = torch.fft.ifftn(coefficients.unflatten(-1, self.shape), dim=axes)
        moduli = values.abs()
        if scale is None:
            scale = power.sqrt()
        else:
            scale = scale.reshape(-1, len(self.wavelets)).expand(len(rows), -1)
        scale = torch.where(scale > 0, scale, 1)
        sparsity = moduli.flatten(2).mean(-1) / scale
        envelopes = torch.fft.fftn(moduli, dim=axes).flatten(2) / (scale * count)[..., None]
        weights = self.psi.square()
        lam, nu = self.pairs.T.to(x.device)
        filtered = (spectrum[:, None] * weights) / (scale * count)[..., None]
        phase = (filtered @ envelopes.conj().mT)[:, lam, nu]
        grams = [
            (envelopes * w) @ envelopes.conj().mT
            for w, use in zip(weights, self._used, strict=True)
            if use
        ]
        lam, nu, kappa = self.triples.T.to(x.device)
        place = (torch.tensor(self._used).cumsum(0) - 1).to(x.device)
        envelope = torch.stack(grams, 1)[:, place[lam], nu, kappa] if grams else phase[:, :0]
        mean, power, sparsity = (
            value.to(x.dtype) for value in (rows.flatten(1).mean(1), power, sparsity)
        )
        found = Spectra(mean, power, sparsity, phase, envelope)
        return Spectra(*(value.reshape((*lead, *value.shape[1:])) for value in found))

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
            x: one field, (*shape), or several whose mean statistics are matched, (samples, *shape).
            count: how many new ones.
            steps: of L-BFGS.
            rng: draws the noise.
            progress: whether to show a bar.

        Returns:
            shape (count, *shape). How far the statistics are matched: see `distance`.
        """
        check_number("count", count, 1)
        check_number("steps", steps, 1)
        x = (x if x.ndim > self.d else x.unsqueeze(0)).to(self.dtype)
        with torch.no_grad():
            scale = self(x).power.mean(0).sqrt()
            target = self(x, scale).flatten().mean(0)
            deviation = x.std()
        noise = torch.randn(count, *self.shape, generator=rng, dtype=self.dtype)
        y = (x.mean() + deviation * noise.to(x.device)).requires_grad_()
        weights = self._weights(target, scale, deviation)
        optimizer = torch.optim.LBFGS(
            [y], max_iter=1, history_size=20, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            found = self(y, scale).flatten()
            error: Tensor = ((found - target) * weights).square().sum(-1).mean()
            error.backward()
            return error.detach()

        for _ in _bar(steps, progress):
            optimizer.step(loss)
        return y.detach()

    def distance(self, x: Tensor, y: Tensor) -> float:
        """Root of the mean square difference of normalised statistics, σ_λ those of x."""
        x, y = x.to(self.dtype), y.to(self.dtype)
        scale = self(x).power.sqrt()
        weights = self._weights(self(x, scale).flatten(), scale, x.std())
        difference = (self(y, scale).flatten() - self(x, scale).flatten()) * weights
        return float(difference.square().mean().sqrt())

    @staticmethod
    def _weights(target: Tensor, scale: Tensor, deviation: Tensor) -> Tensor:
        """One for statistics that are normalised; mean and power by their own size."""
        weights = torch.ones_like(target)
        n = scale.shape[-1]
        weights[..., 0] = 1 / deviation
        weights[..., 1 : 1 + n] = scale.square().reciprocal()
        return weights


def _bar(steps: int, progress: bool) -> Any:
    if not progress:
        return range(steps)
    from rich.progress import track

    return track(range(steps), "synthesis", transient=True)
