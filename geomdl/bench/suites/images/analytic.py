"""Images given by formulas, so that they can be turned exactly, without resampling."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from geomdl.fields.grid import coordinates, inscribed


@dataclass(frozen=True)
class Blobs:
    """Sums of oriented Gaussian blobs with random signs.

    f(p) = Σ_j a_j exp(−½ |D⁻¹ R(φ_j)ᵀ (p − c_j)|²), D = diag(2σ, σ), in pixels.

    Attributes:
        width: σ.
        centres: c, shape (images, blobs, 2).
        angles: φ, shape (images, blobs).
        weights: a, shape (images, blobs).
    """

    width: float
    centres: Tensor
    angles: Tensor
    weights: Tensor

    def sample(self, size: int, turn: Tensor | None = None) -> Tensor:
        """The images on a square grid: x(p) = f(g⁻¹ p), *exact*.

        Args:
            size: pixels along each axis.
            turn: g, orthogonal, on coordinates (x, y), shape (2, 2); None for the identity.

        Returns:
            shape (images, 1, size, size), float64.
        """
        points = coordinates((size, size)).reshape(-1, 2)
        if turn is not None:
            points = points @ turn  # rows: g⁻¹ p
        away = points - self.centres.unsqueeze(-2)  # (images, blobs, pixels, 2)
        c, s = self.angles.cos().unsqueeze(-1), self.angles.sin().unsqueeze(-1)
        along = c * away[..., 0] + s * away[..., 1]
        across = c * away[..., 1] - s * away[..., 0]
        heights = torch.exp(-(along.square() / 8 + across.square() / 2) / self.width**2)
        values = torch.einsum("ij,ijp->ip", self.weights, heights)
        return values.reshape(-1, 1, size, size)


def random_blobs(images: int, size: int, width: float, seed: int) -> Blobs:
    """Blobs all over a grid and a little beyond, with unit mean square on it.

    Args:
        images: how many.
        size: pixels along each axis.
        width: σ, in pixels.
        seed: of the places, angles and signs.

    Example:
        >>> x = random_blobs(4, 21, 2.0, seed=0).sample(21)
        >>> x.shape, round(float(x.square().mean()), 6)
        (torch.Size([4, 1, 21, 21]), 1.0)
    """
    rng = torch.Generator().manual_seed(seed)
    radius = size / math.sqrt(2) + 2 * width  # of the disc that they fill
    count = max(8, round(math.pi * radius**2 / (6 * width**2)))
    shape = (images, count)
    r, turn, angles = torch.rand(3, *shape, generator=rng, dtype=torch.float64)
    r, turn = radius * r.sqrt(), 2 * math.pi * turn
    centres = torch.stack([r * turn.cos(), r * turn.sin()], -1)
    weights = torch.randn(shape, generator=rng, dtype=torch.float64)
    blobs = Blobs(width, centres, math.pi * angles, weights)
    return Blobs(
        width, centres, math.pi * angles, weights / blobs.sample(size).square().mean().sqrt()
    )


def window(size: int) -> Tensor:
    """Radial window cos²(π r / 2R) that vanishes from the inscribed circle, r = R, on.

    So that nothing comes in or goes out at the corners when what lies under it is turned: its mean
    square over the square is one.

    Args:
        size: pixels along each axis, at least 2; R = (size − 1) / 2.

    Returns:
        shape (size, size), float64.

    Example:
        >>> w = window(9)
        >>> float(w[4, 8].abs()) < 1e-30, float(w[0, 0]), round(float(w.square().mean()), 6)
        (True, 0.0, 1.0)
    """
    share = (2 * coordinates((size, size)).norm(dim=-1) / (size - 1)).clamp(max=1)
    w = torch.where(share < 1, (math.pi / 2 * share).cos().square(), 0.0)
    scaled: Tensor = w / w.square().mean().sqrt()
    return scaled


def rotation(degrees: float) -> Tensor:
    """Counter-clockwise, on coordinates (x, y), float64."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def resampled(images: Tensor, degrees: float) -> Tensor:
    """Images turned counter-clockwise by bicubic interpolation, zeros coming in from outside."""
    g = rotation(degrees).to(images.dtype)
    h, w = images.shape[2:]
    places = coordinates((h, w)).to(images.dtype) @ g  # rows: g⁻¹ p
    half = places.new_tensor([(w - 1) / 2, -(h - 1) / 2])
    grid = (places / half).expand(len(images), h, w, 2)
    return F.grid_sample(images, grid, mode="bicubic", align_corners=True)


def round_trip(images: Tensor, degrees: float) -> float:
    """Relative error of turning there and back by bicubic interpolation.

    In the disc of half the inscribed radius, which no zeros reach.
    """
    back = resampled(resampled(images, degrees), -degrees)
    n = images.shape[-1]
    half = (n - 1) // 4
    inner = slice(n // 2 - half, n // 2 + half + n % 2)
    found, true = back[..., inner, inner], images[..., inner, inner]
    disc = inscribed(found.shape[2:])
    return float(((found - true) * disc).norm() / (true * disc).norm())
