"""Scattering by the formula: every convolution at full resolution, one path at a time, in
float64.
"""

import itertools
import math

import torch


def convolve(x, transform):
    axes = tuple(range(-transform.ndim, 0))
    return torch.fft.ifftn(torch.fft.fftn(x, dim=axes) * transform, dim=axes)


def scatter(x, banks, order, which="decreasing"):
    """Path -> low-passed moduli at every sample, periodic ends; the low-pass of complex x is
    complex.
    """
    found = {}
    for k in range(order + 1):
        families = [banks[min(m, len(banks) - 1)] for m in range(k + 1)]
        for path in itertools.product(*(range(len(b.wavelets)) for b in families[:k])):
            scales = [b.wavelets[n].j for b, n in zip(families, path, strict=False)]
            if which == "decreasing" and any(b <= a for a, b in itertools.pairwise(scales)):
                continue
            u = x
            for family, n in zip(families, path, strict=False):
                u = convolve(u, family.psi[n]).abs()
            s = convolve(u, families[k].phi)
            found[path] = s if u.is_complex() else s.real
    return found


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def in_space_1d(n, xi, sigma):
    """Transforms of a wavelet and of its Gaussian, sampled in time and summed over 80 periods."""
    t = torch.arange(-40 * n, 40 * n, dtype=torch.float64)
    g = torch.exp(-2 * (math.pi * sigma * t) ** 2)
    wave, low = (h.reshape(-1, n).sum(0) for h in (g * torch.exp(2j * math.pi * xi * t), g))
    psi = wave - wave.sum() / low.sum() * low
    return torch.fft.fft(psi / psi.abs().sum()), torch.fft.fft(low / low.sum())


def in_space_2d(shape, xi, sigma, theta, slant):
    """Sampled in space, periodised by a sum over 11 × 11 periods."""
    total = wave = 0
    for a in range(-5, 6):
        for b in range(-5, 6):
            u = torch.arange(shape[0], dtype=torch.float64)[:, None] + a * shape[0]
            v = torch.arange(shape[1], dtype=torch.float64)[None] + b * shape[1]
            along = math.cos(theta) * u + math.sin(theta) * v
            across = -math.sin(theta) * u + math.cos(theta) * v
            g = torch.exp(-(along**2 + slant**2 * across**2) / (2 * sigma**2))
            total = total + g
            wave = wave + g * torch.exp(1j * xi * along)
    psi = (wave - wave.sum() / total.sum() * total) * slant / (2 * 3.1415 * sigma**2)
    return torch.fft.fft2(psi)
