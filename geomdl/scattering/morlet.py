"""Morlet wavelets and Gaussians on the frequencies of a finite signal or image, in closed form.

A wavelet sampled at the integers has the sum of the shifted copies of its continuous transform
for a transform; a signal of n samples sees it at the frequencies k/n. All formulas are
differentiable in the parameters, and take many filters at once.
"""

import math

import torch
from torch import Tensor

from geomdl.groups.constant import memoized

_DECAY = 8.0  # standard deviations, beyond which a copy of a Gaussian is 1e-14 of its height
_PI = 3.1415  # what kymatio takes for π in the normalisation of 2D filters


def _copies(width: float, center: float, period: float) -> int:
    """How many shifted copies on either side reach into one period, given the greatest width."""
    return max(0, math.ceil((_DECAY * width + center) / period - 0.5))


def copies_1d(xi: Tensor, sigma: Tensor) -> int:
    """How many copies on either side the closed form of signals needs."""
    return _copies(float(sigma.max()), float(xi.abs().max()), 1.0) if len(sigma) else 0


def widest_1d(copies: int) -> float:
    """Greatest width of wavelets of signals that so many copies on either side are enough for."""
    return copies / _DECAY  # at ξ = 1/2


def narrowest_2d(copies: int) -> float:
    """Least width of wavelets of images, at any |ξ| ≤ √2 π, that so many copies are enough for."""
    return _DECAY / (2 * math.pi * (copies + 0.5) - math.sqrt(2) * math.pi)


def copies_2d(xi: Tensor, sigma: Tensor, slant: Tensor) -> int:
    """How many copies on either side the closed form of images needs."""
    narrowest = float(torch.minimum(sigma, sigma / slant).detach().min())
    return _copies(1 / narrowest, float(xi.detach().abs().max()), 2 * math.pi)


def _gaussians_1d(n: int, xi: Tensor, sigma: Tensor, copies: int | None = None) -> Tensor:
    reach = copies_1d(xi, sigma) if copies is None else copies
    frequencies = torch.fft.fftfreq(n, dtype=sigma.dtype, device=sigma.device)
    total = sigma.new_zeros(len(sigma), n)
    for shift in range(-reach, reach + 1):
        distance = frequencies + shift - xi[:, None]
        total = total + torch.exp(-(distance**2) / (2 * sigma[:, None] ** 2))
    return total


def morlet_1d(n: int, xi: Tensor, sigma: Tensor, copies: int | None = None) -> Tensor:
    """Transforms of Morlet wavelets, ψ(t) = g(t) (exp(2πi ξ t) - κ), of mean 0 and ℓ¹ norm 1.

    ψ̂(ω) ∝ Σ_m exp(-(ω + m - ξ)² / 2σ²) - κ exp(-(ω + m)² / 2σ²), ω = k / n. Up to rounding
    those of kymatio.

    Args:
        n: number of samples.
        xi: centre frequencies ξ, cycles a sample, shape (filters,).
        sigma: widths in frequency, cycles a sample, shape (filters,).
        copies: m runs from -copies to copies; as many as make 1e-14 if None.

    Returns:
        real transforms in the order of the FFT, shape (filters, n).

    Example:
        >>> psi = morlet_1d(64, torch.tensor([0.25]), torch.tensor([0.05]))
        >>> int(psi[0].argmax()), float(psi[0, 0].abs()) < 1e-6
        (16, True)
    """
    gabor = _gaussians_1d(n, xi, sigma, copies)
    low = _gaussians_1d(n, torch.zeros_like(xi), sigma, copies)
    return _unit_l1(gabor - gabor[:, :1] / low[:, :1] * low)


def gaussian_1d(n: int, sigma: Tensor) -> Tensor:
    """Transforms of Gaussian low-passes of sum 1: Σ_m exp(-(ω + m)² / 2σ²), ω = k / n.

    Args:
        n: number of samples.
        sigma: widths in frequency, cycles a sample, shape (filters,).

    Returns:
        real transforms in the order of the FFT, shape (filters, n).
    """
    return _unit_l1(_gaussians_1d(n, torch.zeros_like(sigma), sigma))


def _unit_l1(transforms: Tensor) -> Tensor:
    norms: Tensor = torch.fft.ifft(transforms).abs().sum(-1, keepdim=True)
    return transforms / torch.where(norms > 0, norms, 1)  # at ξ = 0 there is no wavelet


def _frequencies(n: int, like: Tensor) -> Tensor:
    cycles: Tensor = torch.fft.fftfreq(n, dtype=like.dtype, device=like.device)
    return 2 * math.pi * cycles


def _gaussians_2d(
    shape: tuple[int, int], form: tuple[Tensor, ...], center: tuple[Tensor, Tensor], reach: int
) -> Tensor:
    """Σ exp(-a x² - b x y - c y²) over the copies, x and y the distances from the centre."""
    shifts = 2 * math.pi * torch.arange(-reach, reach + 1, dtype=form[0].dtype)
    a, b, c = (-value[:, None, None] for value in form)
    x, y = (
        (_frequencies(n, form[0]) + shifts.to(form[0].device)[:, None]) - middle[:, None, None]
        for n, middle in zip(shape, center, strict=True)
    )  # (filters, copies, sizes)
    total = form[0].new_zeros(())
    y, rest = y.flatten(1)[:, None], (c * y.square()).flatten(1)[:, None]
    for rows in x.unsqueeze(-1).unbind(1):
        terms = torch.addcmul(a * rows.square() + rest, b * rows, y).exp()
        total = total + terms.unflatten(-1, (-1, shape[1])).sum(-2)
    return total


def morlet_2d(
    shape: tuple[int, int],
    xi: Tensor,
    sigma: Tensor,
    theta: Tensor,
    slant: Tensor,
    copies: int | None = None,
) -> Tensor:
    """Transforms of Morlet wavelets ψ(u) = g(u) (exp(i ξ u∥) - K), of mean 0.

    g(u) = slant / (2·3.1415·σ²) exp(-(u∥² + slant² u⊥²) / 2σ²), u∥ = u₀ cos θ + u₁ sin θ along
    the axis of rows and columns, periodised; 3.1415 is kymatio's. The transform is the sum of its
    copies at distances 2π, or by Poisson's formula the sum over the pixels where ψ is above 1e-14,
    whichever is shorter.

    Args:
        shape: rows and columns.
        xi: centre frequencies ξ, radians a pixel, shape (filters,).
        sigma: widths σ along the wave, pixels, shape (filters,).
        theta: directions of the waves, radians, shape (filters,).
        slant: σ over the width across, shape (filters,).
        copies: how many on either side along each axis; None: as many as make
            1e-14, or the sum over pixels where one copy is not enough.

    Returns:
        real transforms in the order of the FFT, shape (filters, *shape).

    Example:
        >>> one = torch.ones(1)
        >>> psi = morlet_2d((16, 16), one * math.pi / 2, 2 * one, 0 * one, one / 2)
        >>> divmod(int(psi.argmax()), 16), float(psi[0, 0, 0].abs()) < 1e-6
        ((4, 0), True)
    """
    if copies is None and (copies := copies_2d(xi, sigma, slant)):
        return _from_pixels(shape, xi, sigma, theta, slant)
    cos, sin = torch.cos(theta), torch.sin(theta)
    along, across = sigma.square() / 2, (sigma / slant).square() / 2
    form = (
        along * cos**2 + across * sin**2,
        2 * (along - across) * cos * sin,
        along * sin**2 + across * cos**2,
    )
    gabor = _gaussians_2d(shape, form, (xi * cos, xi * sin), copies)
    low = _gaussians_2d(shape, form, (0 * xi, 0 * xi), copies)
    return math.pi / _PI * (gabor - gabor[:, :1, :1] / low[:, :1, :1] * low)


def _from_pixels(
    shape: tuple[int, int], xi: Tensor, sigma: Tensor, theta: Tensor, slant: Tensor
) -> Tensor:
    """The same by Poisson's formula: Σ_u ψ(u) cos(ω·u), short where the copies are many."""
    reach = math.ceil(_DECAY * float(torch.maximum(sigma, sigma / slant).detach().max()))
    u = torch.arange(-reach, reach + 1, dtype=sigma.dtype, device=sigma.device)
    xi, sigma, theta, slant = (p[:, None, None] for p in (xi, sigma, theta, slant))
    along = torch.cos(theta) * u[:, None] + torch.sin(theta) * u
    across = torch.cos(theta) * u - torch.sin(theta) * u[:, None]
    g = slant / (2 * _PI * sigma**2)
    g = g * torch.exp(-(along**2 + (slant * across) ** 2) / (2 * sigma**2))
    real, imaginary = g * torch.cos(xi * along), g * torch.sin(xi * along)
    sums = (part.sum((-2, -1), keepdim=True) for part in (real, g))
    real = real - torch.div(*sums) * g
    rows, columns = (_frequencies(n, u)[:, None] * u for n in shape)
    c, s = rows.cos(), rows.sin()  # cos(ω·u) and sin(ω·u) of both axes by the addition theorem
    even, odd = c @ real + s @ imaginary, c @ imaginary - s @ real
    return torch.cat([even, odd], -1) @ torch.cat([columns.cos(), columns.sin()], -1).T


@memoized
def gaussian_2d(n: int, sigma: float) -> Tensor:
    """Transform along one axis of the low-pass exp(-|u|² / 2σ²) / (2·3.1415·σ²), a product of two.

    Args:
        n: number of pixels along the axis.
        sigma: width, pixels.

    Returns:
        shape (n,), float64.
    """
    frequencies = _frequencies(n, torch.zeros((), dtype=torch.float64))
    reach = _copies(1 / sigma, 0.0, 2 * math.pi)
    total = torch.zeros_like(frequencies)
    for m in range(-reach, reach + 1):
        total = total + torch.exp(-0.5 * (sigma * (frequencies + 2 * math.pi * m)).square())
    return math.sqrt(math.pi / _PI) * total
