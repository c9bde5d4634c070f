"""Smooth filters: Gaussian rings around the centre, with a highest frequency on each."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import harmonic_values
from geomdl.groups.harmonics import harmonic_dim
from geomdl.steerable.coordinates import tap_coordinates


@dataclass(frozen=True)
class Rings:
    """Radial profiles of smooth filters, and the angular frequencies that each ring may carry.

    A filter is a sum of exp(−(|x| − r)² / 2w²) Y_l(x/|x|), l = 0 … F, over rings (r, w, F), with
    harmonics Y_l; at the centre only l = 0 counts. A ring of radius r crosses about 2πr pixels, so
    it can carry frequencies up to about πr; higher ones alias, and are what breaks the symmetry at
    angles that do not map the grid to itself.

    Args:
        radii: r of each ring, in taps from the centre.
        widths: w of each ring, in taps.
        frequencies: F of each ring.

    Raises:
        ValueError: unequal numbers of them, negative radii or frequencies, widths that are not
            positive.

    Example:
        >>> Rings.default(5)
        Rings(radii=(0.0, 1.0, 2.0), widths=(0.005, 0.6, 0.4), frequencies=(0, 2, 2))

    Source: Weiler and Cesa 2019, arXiv:1911.08251, appendix.
    """

    radii: tuple[float, ...]
    widths: tuple[float, ...]
    frequencies: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = {len(self.radii), len(self.widths), len(self.frequencies)}
        if len(sizes) != 1 or not self.radii:
            raise ValueError(f"rings: expected one radius, width and frequency a ring, got {self}")
        for name, least in (("radii", 0.0), ("widths", 1e-12), ("frequencies", 0)):
            values = getattr(self, name)
            if not all(math.isfinite(v) and v >= least for v in values):
                raise ValueError(f"{name}: should be at least {least:g}, got {values}")

    @staticmethod
    def default(kernel_size: int) -> "Rings":
        """Rings one tap apart, as many frequencies on each as its taps can tell apart.

        Odd sizes: r = 0, 1, …, (k − 1)/2, widths 0.6, 0.4 at the rim, frequencies 0, 2, 3, …, and 2
        at the rim; the filters that are customary in the field. Even sizes: r = 1/2, 3/2, ….

        Args:
            kernel_size: taps along an axis.
        """
        rim = (kernel_size - 1) / 2
        first = 0.0 if kernel_size % 2 else 0.5
        radii = [first + i for i in range((kernel_size + 1) // 2)]
        if kernel_size % 2:
            tops = [
                0 if r == 0 else 2 if r in (1, rim) else int(2 * r - (r + 1) % 2) for r in radii
            ]
            widths = [0.005 if r == 0 else 0.6 for r in radii[:-1]] + [0.4 if rim else 0.005]
        else:
            tops = [1 if r == 0.5 else 2 for r in radii]
            widths = [0.6] * len(radii)
        return Rings(tuple(radii), tuple(widths), tuple(tops))

    def to_config(self) -> dict[str, Any]:
        """JSON-able description."""
        return {"radii": self.radii, "widths": self.widths, "frequencies": self.frequencies}

    def degrees(self, d: int) -> list[tuple[int, int]]:
        """Pairs (ring, degree), in the order of the columns of `samples`."""
        return [
            (i, l)
            for i, top in enumerate(self.frequencies)
            for l in range(top + 1)
            if harmonic_dim(d, l)
        ]


@lru_cache(maxsize=256)
def ring_samples(rings: Rings, d: int, kernel_size: int) -> Tensor:
    """Values of the smooth functions at the taps, (kernel_size^d, columns) float64.

    Columns are grouped by `Rings.degrees`; those of one ring and degree have mean square norm 1.
    """
    points = tap_coordinates(d, kernel_size).to(torch.float64) / 2
    length = points.norm(dim=-1, keepdim=True)
    columns = []
    for i, l in rings.degrees(d):
        offset = (length - rings.radii[i]) / rings.widths[i]
        values = torch.exp(-0.5 * offset**2) * harmonic_values(points, l)
        size = values.square().sum(0).mean().sqrt()
        if not size > 1e-8:
            raise ValueError(
                f"rings: ring {i} of radius {rings.radii[i]:g} and width {rings.widths[i]:g} "
                f"touches no tap at frequency {l} with kernel_size={kernel_size}; leave it out"
            )
        columns.append(values / size)
    return torch.cat(columns, 1)
