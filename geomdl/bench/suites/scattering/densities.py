"""Molecules as sums of Gaussians on a grid, and solid harmonic scattering of them."""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from geomdl.scattering import HarmonicScattering3D

ELEMENTS = (1, 6, 7, 8, 9)
VALENCE = {1: 1, 6: 4, 7: 5, 8: 6, 9: 7}
SHAPE, SPACING = (32, 20, 16), 0.5  # voxels; Å. Holds QM9's largest with 1.5 Å on either side
WIDTH = 1.0  # σ of the Gaussians and of the finest wavelet, voxels
J, L = 2, 3
POWERS = (0.5, 1.0, 2.0, 3.0)
BATCH = 8


def counts_of(numbers: Tensor) -> Tensor:
    """How many atoms of each element, and 1: (n, atoms) to (n, 6), float64.

    Example:
        >>> counts_of(torch.tensor([[8, 1, 1, 0]])).tolist()
        [[2.0, 0.0, 0.0, 1.0, 0.0, 1.0]]
    """
    found = [(numbers == z).sum(1) for z in ELEMENTS]
    return torch.stack([*found, torch.ones_like(found[0])], 1).double()


def charges_of(numbers: Tensor) -> Tensor:
    """Nuclear, valence and core charge of each atom, (n, atoms) to (n, 3, atoms).

    Core is nuclear minus valence, as in kymatio's example on QM7.

    Example:
        >>> charges_of(torch.tensor([[8, 1, 0]])).tolist()
        [[[8.0, 1.0, 0.0], [6.0, 1.0, 0.0], [2.0, 0.0, 0.0]]]
    """
    valence = torch.zeros(max(ELEMENTS) + 1, dtype=torch.int64)
    valence[list(VALENCE)] = torch.tensor(list(VALENCE.values()))
    outer = valence[numbers]
    return torch.stack([numbers, outer, numbers - outer], 1).double()


def aligned(numbers: Tensor, positions: Tensor) -> Tensor:
    """Positions along the principal axes, the longest first, and centred in their box.

    Args:
        numbers: nuclear charges, 0 for no atom, shape (n, atoms).
        positions: shape (n, atoms, 3).

    Returns:
        shape (n, atoms, 3); unique up to reflections, which scattering does not see.
    """
    there = (numbers > 0).unsqueeze(-1)
    mean = (positions * there).sum(1, keepdim=True) / there.sum(1, keepdim=True)
    p = (positions - mean) * there
    p = p @ torch.linalg.eigh(p.mT @ p).eigenvectors.flip(-1)
    far = torch.inf
    low = torch.where(there, p, far).amin(1, keepdim=True)
    high = torch.where(there, p, -far).amax(1, keepdim=True)
    centred: Tensor = (p - (low + high) / 2) * there
    return centred


def densities(positions: Tensor, charges: Tensor) -> Tensor:
    """ρ_c(u) = Σ_a q_ca exp(−|u − r_a|² / 2σ²) / (2π)^(3/2) σ³, u in voxels about the centre.

    Args:
        positions: Å, shape (n, atoms, 3).
        charges: q, shape (n, channels, atoms).

    Returns:
        shape (n, channels, *SHAPE), float64.
    """
    axes = []
    for axis, size in enumerate(SHAPE):
        line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
        away = line - positions[..., axis, None] / SPACING
        axes.append(torch.exp(-away.square() / (2 * WIDTH**2)) / ((2 * torch.pi) ** 0.5 * WIDTH))
    x, y, z = axes
    rows = (charges.unsqueeze(-1) * x.unsqueeze(1)).mT  # (n, channels, X, atoms)
    plane = (y.unsqueeze(-1) * z.unsqueeze(-2)).flatten(2)
    found: Tensor = (rows @ plane.unsqueeze(1)).unflatten(-1, SHAPE[1:])
    return found


@lru_cache
def transform() -> HarmonicScattering3D:
    """The transform, float32."""
    return HarmonicScattering3D(J, SHAPE, L, sigma=WIDTH, powers=POWERS)


def features(numbers: Tensor, positions: Tensor) -> Iterator[Tensor]:
    """Of a batch at a time: integrals of the densities' powers, and of all moduli's.

    Eickenberg et al. 2017: Gaussians at the nuclei, weighted by three kinds of charge; integrals of
    ρ^q, and orders 1 and 2 of solid harmonic scattering with the same powers q.

    Args:
        numbers: nuclear charges, shape (n, atoms).
        positions: Å, shape (n, atoms, 3).

    Yields:
        shape (batch, numbers), float64.
    """
    for z, r in zip(numbers.split(BATCH), positions.split(BATCH), strict=True):
        x = densities(aligned(z, r), charges_of(z)).to(torch.float32)
        with torch.no_grad():
            s = transform()(x)
        zero = torch.stack([(x**q).sum((2, 3, 4)) for q in POWERS], -1)
        yield torch.cat([zero.flatten(1), s.flatten(1)], 1).double()
