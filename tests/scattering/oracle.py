"""Scattering by the formula: every convolution at full resolution, one path at a time, in
float64.
"""

import itertools

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
