"""Families of wavelets, their Littlewood-Paley sum, and the tight frame made of them."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from geomdl.scattering.morlet import gaussian_1d, gaussian_2d, morlet_1d, morlet_2d

SIGMA_0 = 0.1  # width in frequency of the low-pass of one sample
ALPHA = 5.0  # standard deviations that a band keeps clear of the Nyquist frequency


@dataclass(frozen=True)
class Wavelet:
    """One wavelet, by its parameters.

    Attributes:
        j: what it lets through may be sampled every 2^j samples.
        xi: centre frequency: cycles a sample (signals), radians a pixel (images).
        sigma: width: of the transform, cycles a sample (signals); along the wave, pixels (images).
        theta: direction of the wave from the axis of rows, radians; None for signals.
        slant: sigma over the width across the wave; None for signals.
        orientation: number of the direction; None for signals.
    """

    j: int
    xi: float
    sigma: float
    theta: float | None = None
    slant: float | None = None
    orientation: int | None = None


def wavelets_1d(J: int, Q: int, both: bool = False) -> tuple[Wavelet, ...]:
    """Q wavelets an octave over J octaves, then Q - 1 of constant width down to frequency 0.

    Args:
        J: log₂ of the greatest scale.
        Q: wavelets an octave.
        both: whether negative frequencies follow, for complex signals.

    Returns:
        by falling frequency; kymatio's.

    Example:
        >>> [round(w.xi, 3) for w in wavelets_1d(J=3, Q=1)]
        [0.35, 0.175, 0.087, 0.044]
    """
    ratio = 2 ** (-1 / Q)
    xi = max(1 / (1 + 2 ** (3 / Q)), 0.35)
    least = SIGMA_0 / 2**J
    sigma = xi * (1 - ratio) / (1 + ratio) / math.sqrt(math.log(2))
    pairs = []
    if sigma <= least:
        xi = sigma
    else:
        pairs.append((xi, sigma))
        while sigma > least / ratio:
            xi, sigma = xi * ratio, sigma * ratio
            pairs.append((xi, sigma))
    pairs += [(xi - q / Q * xi, least) for q in range(1, Q)]
    if both:
        pairs += [(-xi, sigma) for xi, sigma in pairs]
    return tuple(Wavelet(_dyadic(xi, sigma), xi, sigma) for xi, sigma in pairs)


def _dyadic(xi: float, sigma: float) -> int:
    return math.floor(-math.log2(min(abs(xi) + ALPHA * sigma, 0.5))) - 1


def wavelets_2d(J: int, L: int, both: bool = False) -> tuple[Wavelet, ...]:
    """L directions at each of J scales.

    Args:
        J: number of scales, an octave apart.
        L: number of directions in the half circle.
        both: whether the opposite directions follow, for complex images.

    Returns:
        scale by scale, the finest first; kymatio's.

    Example:
        >>> [(w.j, w.orientation) for w in wavelets_2d(J=2, L=2)]
        [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    return tuple(
        Wavelet(
            j,
            xi=0.75 * math.pi / 2**j,
            sigma=0.8 * 2**j,
            theta=(int(L - L / 2 - 1) - orientation) * math.pi / L,
            slant=4 / L,
            orientation=orientation,
        )
        for j in range(J)
        for orientation in range(2 * L if both else L)
    )


@dataclass(frozen=True, eq=False)
class Bank:
    """A low-pass and band-passes on one grid of frequencies.

    Attributes:
        wavelets: parameters of the band-passes.
        psi: their transforms, real, shape (filters, *shape), float64.
        phi: that of the low-pass, real, shape (*shape,), float64.
        both: whether both halves of the frequencies are covered, as complex input needs.
    """

    wavelets: tuple[Wavelet, ...]
    psi: Tensor
    phi: Tensor
    both: bool = False

    @property
    def littlewood_paley(self) -> Tensor:
        """|φ̂(ω)|² + ½ Σ |ψ̂(ω)|² + |ψ̂(-ω)|², or |φ̂|² + Σ |ψ̂|² where both halves are covered.

        Its least and greatest value are the bounds A and B of the frame: for every input of the
        kind (real, or complex), A ‖x‖² ≤ ‖x * φ‖² + Σ ‖x * ψ‖² ≤ B ‖x‖², with periodic ends and
        nothing left out; *exact*.
        """
        power = self.psi.square().sum(0)
        if not self.both:
            power = (power + _mirrored(power)) / 2
        low = self.phi.square()
        return power + (low if self.both else (low + _mirrored(low)) / 2)

    def tight(self) -> "Bank":
        """The bank divided by the root of its Littlewood-Paley sum: A = B = 1.

        Raises:
            ValueError: the sum vanishes somewhere.
        """
        total = self.littlewood_paley
        if not float(total.min()) > 0:
            raise ValueError("frame: the filters leave out frequencies, so none of it is tight")
        scale = total.rsqrt()
        return replace(self, psi=self.psi * scale, phi=self.phi * scale)


def _mirrored(x: Tensor) -> Tensor:
    """x(-ω)."""
    for axis in range(x.ndim):
        x = x.flip(axis).roll(1, axis)
    return x


def bank_1d(n: int, J: int, Q: int, T: float, both: bool = False) -> Bank:
    """Morlet wavelets and the Gaussian of width T on n samples.

    Args:
        n: number of samples.
        J: log₂ of the greatest scale.
        Q: wavelets an octave.
        T: samples over which the low-pass averages.
        both: whether negative frequencies are covered too.

    Example:
        >>> bank = bank_1d(64, J=3, Q=1, T=8)
        >>> bank.psi.shape, float(bank.phi[0])
        (torch.Size([4, 64]), 1.0)

    Source: `wavelets_1d`, `morlet_1d`; Andén & Mallat 2014, arXiv:1304.6763.
    """
    wavelets = wavelets_1d(J, Q, both)
    xi, sigma = columns(wavelets, "xi", "sigma")
    half = len(wavelets) // 2 if both else len(wavelets)
    psi = morlet_1d(n, xi[:half], sigma[:half])
    if both:
        psi = torch.cat([psi, psi.flip(-1).roll(1, -1)])
    phi = gaussian_1d(n, torch.tensor([SIGMA_0 / T], dtype=torch.float64))[0]
    return Bank(wavelets, psi, phi, both)


def bank_2d(
    shape: tuple[int, int], J: int, L: int, both: bool = False, T: float | None = None
) -> Bank:
    """Morlet wavelets and the Gaussian of width 0.4 T on images.

    Args:
        shape: rows and columns.
        J: number of scales.
        L: number of directions in the half circle.
        both: whether the opposite directions are covered too.
        T: pixels over which the low-pass averages; 2^J if None.

    Example:
        >>> bank_2d((16, 24), J=2, L=4).psi.shape
        torch.Size([8, 16, 24])

    Source: `wavelets_2d`, `morlet_2d`; Bruna & Mallat 2013, arXiv:1203.1513.
    """
    wavelets = wavelets_2d(J, L, both)
    half = wavelets_2d(J, L)
    by_scale = [half[k : k + L] for k in range(0, len(half), L)]
    parts = []
    for ring in by_scale:  # as many copies of the Gaussians as each scale needs
        xi, sigma, theta, slant = columns(ring, "xi", "sigma", "theta", "slant")
        psi = morlet_2d(shape, xi, sigma, theta, slant)
        parts += [psi, torch.stack([_mirrored(p) for p in psi])] if both else [psi]
    low = [gaussian_2d(n, 0.4 * (2**J if T is None else T)) for n in shape]
    return Bank(wavelets, torch.cat(parts), low[0][:, None] * low[1], both)


def columns(wavelets: tuple[Wavelet, ...], *names: str) -> tuple[Tensor, ...]:
    """Parameters of wavelets, one tensor (filters,) a name, float64."""
    return tuple(
        torch.tensor([getattr(w, name) for w in wavelets], dtype=torch.float64) for name in names
    )


def coarser(transform: Tensor, level: int, d: int, mean: bool = False) -> Tensor:
    """A filter's transform for signals that are sampled every 2^level samples, as kymatio has it.

    Signals: the sum over aliases (`mean`: their mean, as kymatio up to 0.3). Images: the lower half
    of the frequencies, level times.

    Args:
        transform: shape (..., *spatial) with d spatial axes.
        level: log₂ of the step.
        d: 1 or 2.
        mean: of signals, whether to take the mean.

    Returns:
        shape (..., *spatial / 2^level).

    Example:
        >>> coarser(torch.tensor([1.0, 0.5, 0.0, 0.25]), 1, d=1)
        tensor([1.0000, 0.7500])
    """
    if level == 0:
        return transform
    if d == 1:
        n = transform.shape[-1]
        folded: Tensor = transform.unflatten(-1, (2**level, n // 2**level))
        return folded.mean(-2) if mean else folded.sum(-2)
    for axis in range(transform.ndim - d, transform.ndim):
        n = transform.shape[axis]
        kept = n // 2**level
        above, below = kept - kept // 2, kept // 2
        low = transform.narrow(axis, 0, above), transform.narrow(axis, n - below, below)
        transform = torch.cat(low, axis)
    return transform
