"""Enlarge small images so that rotations by any angle make sense."""

import math

import torch
from torch import Tensor


def upsample(images: Tensor, size: int) -> Tensor:
    """Enlarge images into the inscribed disc of a square, by cubic splines.

    With r = sqrt(h² + w²) / size input pixels per output pixel, and S the cubic spline (a tensor
    product) through the pixels of the image and zeros everywhere around it, the output pixel in
    row i, column j is

    y[i, j] = clip(S(r (i − c), r (j − c)), 0, 1)  if (i − c)² + (j − c)² ≤ c², else 0,

    where c = (size − 1) / 2, and S has its origin at the centre of the input array. So the corners
    of the image lie on the circle of diameter `size`, the centre of the array stays the centre, and
    a rotation about it by any angle moves nothing out of the square. Exact under multiples of 90°
    and flips, up to rounding: upsample(rot90(x)) = rot90(upsample(x)).

    Args:
        images: in [0, 1], floating, shape (..., h, w).
        size: number of output pixels along each axis, at least sqrt(h² + w²): none are merged.

    Returns:
        shape (..., size, size), in [0, 1], of the dtype of `images`, computed in float64.

    Raises:
        TypeError: `images` are not floating, or `size` is no int.
        ValueError: values outside [0, 1] or NaN, or `size` too small.

    Example:
        >>> upsample(torch.ones(8, 8), 28)[14, [0, 4, 14]]
        tensor([0.0000, 0.6856, 0.9935])
    """
    if not images.is_floating_point():
        raise TypeError(f"images: expected floating values, got {images.dtype}")
    if images.ndim < 2 or 0 in images.shape[-2:]:
        raise ValueError(f"images: expected shape (..., h, w), got {tuple(images.shape)}")
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"size: expected an int, got {type(size).__name__}")
    h, w = images.shape[-2:]
    diagonal = math.hypot(h, w)
    if size < diagonal:
        raise ValueError(f"size: should be at least {math.ceil(diagonal)}, got {size}")
    if not bool(((images >= 0) & (images <= 1)).all()):
        raise ValueError("images: values should be in [0, 1], got others or NaN")
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    rows, columns = (_spline_matrix(n, offsets * (diagonal / size)) for n in (h, w))
    device = images.device
    smooth = rows.to(device) @ images.to(torch.float64) @ columns.T.to(device)
    inside = offsets[:, None] ** 2 + offsets**2 <= ((size - 1) / 2) ** 2
    return (smooth.clamp(0, 1) * inside.to(device)).to(images.dtype)


def _spline_matrix(n: int, points: Tensor) -> Tensor:
    """Values of the cubic splines through unit vectors, at points relative to their centre.

    Shape (points, n): row p times n pixels is the spline through them, and zeros around, at p.
    """
    from scipy.interpolate import CubicSpline

    # Where the zeros end matters less by 2 - sqrt(3) for each of them: 25 bring it below rounding.
    margin = max(0, math.ceil(float(points.abs().max()) - (n - 1) / 2)) + 25
    knots = torch.arange(n + 2 * margin) - (n + 2 * margin - 1) / 2
    units = torch.eye(n + 2 * margin, dtype=torch.float64)[:, margin : margin + n]
    spline = CubicSpline(knots.numpy(), units.numpy(), bc_type="natural")
    return torch.from_numpy(spline(points.numpy()))
