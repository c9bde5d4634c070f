"""Smooth filters: Gaussian rings around the centre, with a highest frequency on each."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import harmonic_values
from geomdl.groups.harmonics import harmonic_dim
from geomdl.registry.config import register_value
from geomdl.steerable.coordinates import tap_coordinates, tap_images


@register_value("rings")
@dataclass(frozen=True)
class Rings:
    """Radial profiles of smooth filters, and the angular frequencies that each ring may carry.

    A filter is a sum of exp(−(|x| − r)² / 2w²) Y_l(x/|x|), l = 0 … F, over rings (r, w, F), with
    harmonics Y_l; at the centre only l = 0 counts. A ring of radius r crosses about 2πr pixels, so
    it can carry frequencies up to about πr; higher ones alias, and are what breaks the symmetry at
    angles that do not map the grid to itself.

    A filter of few taps cannot hold the values of such a function far from the centre, and between
    taps it knows nothing of them. With a ``correlation`` p the taps are therefore not the values of
    functions but weights: those by which the pixels under the filter predict best, in the mean
    square over images of correlation length p, the integral of the image against Y_l on the sphere
    of radius r, blurred by a Gaussian of width w. Many weights predict one integral, and these do
    it at every angle: see `smooth`.

    Args:
        radii: r of each ring, in taps from the centre.
        widths: w of each ring, in taps.
        frequencies: F of each ring.
        correlation: p in taps; images then have covariance exp(−|x − y|² / 4p²), that of random
            sums of Gaussian blobs of width p. 0 samples the functions.

    Raises:
        ValueError: unequal numbers of them, negative radii, frequencies or correlation, widths that
            are not positive.

    Example:
        >>> Rings.default(5)  # doctest: +NORMALIZE_WHITESPACE
        Rings(radii=(0.0, 1.0, 2.0), widths=(0.005, 0.6, 0.4), frequencies=(0, 2, 2),
              correlation=0.0)

    Source: Weiler and Cesa 2019, arXiv:1911.08251, appendix.
    """

    radii: tuple[float, ...]
    widths: tuple[float, ...]
    frequencies: tuple[int, ...]
    correlation: float = 0.0

    def __post_init__(self) -> None:
        sizes = {len(self.radii), len(self.widths), len(self.frequencies)}
        if len(sizes) != 1 or not self.radii:
            raise ValueError(f"rings: expected one radius, width and frequency a ring, got {self}")
        if not (math.isfinite(self.correlation) and self.correlation >= 0):
            raise ValueError(f"correlation: should be at least 0, got {self.correlation}")
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

    @staticmethod
    def smooth(kernel_size: int) -> "Rings":
        """Rings whose filters turn best: as many as `default` has, of the same frequencies.

        All widths are 0.6, the rim lies 0.6 taps further in, and taps are weights fitted to images
        of correlation length 1. One convolution from the trivial to the regular field of C8 errs at
        45°, on sums of Gaussian blobs of width 1, 2, 3 pixels, by 0.0038, 0.0017, 0.0011 with 5 × 5
        taps (`default`: 0.044, 0.0080, 0.0030), by 0.0037, 0.0015, 0.0012 with 7 × 7 (0.035,
        0.014, 0.0081); with 3 × 3 taps little or nothing is gained. The filters are blurred. They
        suit smooth fields; networks that need the detail of sharp images bring it back by large
        weights of opposite sign, and lose most of the gain.

        Args:
            kernel_size: taps along an axis.
        """
        plain = Rings.default(kernel_size)
        count = len(plain.radii)
        inner = plain.radii[0] or 0.9
        rim = max((kernel_size - 1) / 2 - 0.6, inner if count < 3 else 0.0)
        if kernel_size % 2:
            steps = max(count - 2, 1)
            radii = [0.0] + [inner + (rim - inner) * i / steps for i in range(count - 1)]
        else:
            steps = max(count - 1, 1)
            radii = [inner + (rim - inner) * i / steps for i in range(count)]
        return Rings(tuple(radii), (0.6,) * count, plain.frequencies, 1.0)

    def to_config(self) -> dict[str, Any]:
        """JSON-able description."""
        return {
            "radii": self.radii,
            "widths": self.widths,
            "frequencies": self.frequencies,
            "correlation": self.correlation,
        }

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
    length = points.square().sum(-1, keepdim=True).sqrt()
    degrees = rings.degrees(d)
    angular = {l: harmonic_values(points, l) for l in {l for _, l in degrees}}
    if rings.correlation:
        noisy = _covariance(points, rings.correlation)
        columns = []
        for i, l in degrees:
            radius, width = rings.radii[i], rings.widths[i]
            profile = _blurred_sphere(length, radius, width, rings.correlation, d, l)
            values = torch.linalg.solve(noisy, profile * angular[l])
            columns.append(_symmetric(values, d, kernel_size, l))
    else:
        radii, widths = torch.tensor([rings.radii, rings.widths], dtype=torch.float64)
        profiles = torch.exp(-0.5 * ((length - radii) / widths).square()).split(1, 1)
        columns = [profiles[i] * angular[l] for i, l in degrees]
    samples = torch.cat(columns, 1)
    norms: list[float] = []
    squares = samples.square().sum(0).tolist()
    for i, l in degrees:
        dim = harmonic_dim(d, l)
        found = squares[len(norms) : len(norms) + dim]
        norms += [math.sqrt(sum(found) / dim)] * dim
        if not all(square > 1e-16 for square in found):
            raise ValueError(
                f"rings: ring {i} of radius {rings.radii[i]:g} and width {rings.widths[i]:g} "
                f"cannot hold frequency {l}: with kernel_size={kernel_size} one of its functions "
                "is zero at every tap; leave it out"
            )
    return samples / torch.tensor(norms, dtype=torch.float64)


_NOISE = 1e-4  # variance of white noise on the pixels, against 1 of the images: bounds the weights


def _covariance(points: Tensor, p: float) -> Tensor:
    """Covariance of the pixels under a filter, for images of correlation length p."""
    squares = (points.unsqueeze(0) - points.unsqueeze(1)).square().sum(-1)
    noise = _NOISE * torch.eye(len(points), dtype=torch.float64)
    return torch.exp(-squares / (4 * p**2)) + noise


def _blurred_sphere(length: Tensor, r: float, w: float, p: float, d: int, l: int) -> Tensor:
    """Covariance of pixels with the integral that a ring stands for, but for a factor Y_l.

    The sphere |x| = r with weight Y_l, convolved with a Gaussian of variance s² = 2p² + w², is
    exp(−(|x|² + r²) / 2s²) z^(1 − d/2) I_(l + d/2 − 1)(z) Y_l(x/|x|), z = |x| r / s².
    """
    from scipy.special import ive

    variance = 2 * p**2 + w**2
    z = (length * r / variance).clamp(min=1e-9)
    bessel = torch.from_numpy(ive(l + d / 2 - 1, z.numpy()))  # I(z) exp(−z)
    return torch.exp(-0.5 * (length - r) ** 2 / variance) * z ** (1 - d / 2) * bessel


def _symmetric(values: Tensor, d: int, kernel_size: int, l: int) -> Tensor:
    """Remove what rounding has left of v(h t) − D_l(h) v(t), h a signed permutation of the axes."""
    signs = torch.cartesian_prod(*[torch.tensor([1.0, -1.0])] * d).reshape(-1, d)
    orders = torch.tensor(list(permutations(range(d))))
    moves = (signs[:, None, :, None] * torch.eye(d)[orders]).flatten(0, 1).to(torch.float64)
    steps = torch.arange(1.0, 3 + l, dtype=torch.float64)
    scale = torch.arange(1.0, d + 1, dtype=torch.float64).sqrt()
    ways = torch.cartesian_prod(*[steps] * d).reshape(-1, d) * scale  # enough, in general position
    known = torch.linalg.pinv(harmonic_values(ways, l))
    turns = (known @ harmonic_values(ways @ moves.mT, l)).mT  # D_l(h)
    images = tap_images(moves, kernel_size)
    mean: Tensor = (values[images] @ turns).mean(0)  # D_l is orthogonal
    return mean
