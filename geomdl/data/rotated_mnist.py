"""Handwritten digits turned by random angles: MNIST and the UCI digits."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from geomdl.data.files import Root
from geomdl.data.images import _spline_matrix, upsample
from geomdl.data.mnist import mnist
from geomdl.data.registry import load, register

FINE = 3  # pixels of the supersampled image per pixel, along each axis


def rotate(images: Tensor, angles: Tensor, size: int, fine: int = FINE) -> Tensor:
    """Turn each image by its own angle about its centre, resampled once, supersampled.

    y[i, j] = mean over the fine² points q of pixel (i, j) of S(R(−θ) q), with S the cubic
    convolution through the given fine samples and zeros around them. *Exact* up to rounding for
    multiples of 90° (then the pixels are means of fine samples); else the error falls with the size
    of the fine samples, and places are right to 1/20 of it.

    Args:
        images: fine samples, shape (n, channels, fine·h, fine·w), floating.
        angles: counter-clockwise, in radians, shape (n,).
        size: pixels of the result along both axes; the centre of the array stays the centre, and a
            pixel is as large as ``fine`` samples.
        fine: samples per pixel along each axis.

    Returns:
        shape (n, channels, size, size), of the dtype of ``images``.

    Example:
        >>> x = torch.zeros(1, 1, 3, 3)
        >>> x[0, 0, 1, 2] = 1  # to the right of the centre
        >>> rotate(x, torch.tensor([math.pi / 2]), 3, fine=1)[0, 0, 0].round().tolist()
        [0.0, 1.0, 0.0]

    Source: Keys 1981, doi:10.1109/TASSP.1981.1163711 (with a = −3/4, as in PyTorch).
    """
    n, _, height, width = images.shape
    line = (torch.arange(fine * size, dtype=torch.float64) - (fine * size - 1) / 2).to(images.dtype)
    y, x = -line[:, None], line[None, :]  # in fine samples from the centre; y runs upwards
    c, s = (f(angles).to(images.dtype).reshape(n, 1, 1) for f in (torch.cos, torch.sin))
    places = torch.stack([(c * x + s * y) * (2 / width), -(c * y - s * x) * (2 / height)], -1)
    turned = F.grid_sample(images, places, mode="bicubic", align_corners=False)
    return F.avg_pool2d(turned, fine)


def _turned(images: Tensor, size: int, seed: int, *, disc: bool) -> dict[str, Tensor]:
    """Angles drawn from the seed, and the images turned by them, in chunks."""
    rng = torch.Generator().manual_seed(seed)
    angles = 2 * math.pi * torch.rand(len(images), generator=rng, dtype=torch.float64)
    h, w = images.shape[2:]
    parts = []
    for part, angle in zip(images.split(500), angles.split(500), strict=True):
        if disc:
            samples = upsample(part, FINE * size)
        else:
            rows, columns = (_enlarging(n).to(part.dtype) for n in (h, w))
            samples = rows @ part @ columns.T
        parts.append(rotate(samples, angle, size).clamp(0, 1))
    return {"images": torch.cat(parts), "angles": angles.to(torch.float32)}


def _enlarging(n: int) -> Tensor:
    """Cubic spline through n pixels, at FINE places in each of them: shape (FINE n, n)."""
    places = torch.arange(FINE * n, dtype=torch.float64) - (FINE * n - 1) / 2
    return _spline_matrix(n, places / FINE)


def _part(n: int, train: int, name: str) -> Tensor:
    """Which samples are for training: the first ones."""
    if not isinstance(train, int) or isinstance(train, bool) or not 0 < train < n:
        raise ValueError(f"{name}: train should be an int from 1 to {n - 1}, got {train!r}")
    return torch.arange(n) < train


def _sized(size: int, least: int, name: str) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or size < least:
        raise ValueError(f"{name}: size should be an int of at least {least}, got {size!r}")


@register("rotated_mnist")
def rotated_mnist(
    root: Root = None, download: bool = False, size: int = 28, train: int = 6000, seed: int = 0
) -> dict[str, Tensor]:
    """MNIST digits, each turned once by a random angle.

    Angles are uniform in [0, 2π). Each digit is enlarged three times by cubic splines, turned by
    cubic convolution and averaged back, so that it is resampled once.

    Args:
        root: folder of the files of "mnist"; default the environment variable GEOMDL_DATA.
        download: whether missing files may be fetched into `root`.
        size: pixels along each axis, at least 28; more add black around (odd sizes have a centre
            pixel).
        train: number of samples for training: the first ones, in the order of "mnist".
        seed: of the angles.

    Returns:
        images: float32 in [0, 1], shape (n, 1, size, size).
        labels: int64, 0 to 9, shape (n,).
        angles: float32, radians, counter-clockwise, shape (n,).
        train: bool, shape (n,): true for the samples for training; the rest is for testing.

    Raises:
        FileNotFoundError: no folder is given, or files are missing there.
        ValueError: a corrupt or foreign file, or `size` or `train` out of range.

    Source: Larochelle et al. 2007, doi:10.1145/1273496.1273556 (the idea); LeCun, Cortes, Burges
    (the digits).
    """
    _sized(size, 28, "rotated_mnist")
    data = mnist(root, download)
    known = _part(len(data["labels"]), train, "rotated_mnist")
    turned = _turned(data["images"], size, seed, disc=False)
    return {**turned, "labels": data["labels"], "train": known}


@register("rotated_digits")
def rotated_digits(
    root: Root = None, download: bool = False, size: int = 28, train: int = 1200, seed: int = 0
) -> dict[str, Tensor]:
    """The UCI digits, each turned once by a random angle.

    As "rotated_mnist" is made from "mnist", from "digits" of three times the size.

    Args:
        root: not needed.
        download: not needed.
        size: pixels along each axis, at least 12.
        train: number of samples for training: the first ones, in the order of "digits".
        seed: of the angles.

    Returns:
        images: float32 in [0, 1], shape (1797, 1, size, size), zero outside the inscribed disc.
        labels: int64, 0 to 9, shape (1797,).
        angles: float32, radians, counter-clockwise, shape (1797,).
        train: bool, shape (1797,): true for the samples for training.

    Raises:
        ValueError: `size` or `train` out of range.

    Example:
        >>> load("rotated_digits")["images"].shape
        torch.Size([1797, 1, 28, 28])

    Source: Alpaydin and Kaynak, Optical recognition of handwritten digits, UCI, 1998 (CC BY 4.0).
    """
    _sized(size, 12, "rotated_digits")
    data = load("digits", size=None)
    known = _part(len(data["labels"]), train, "rotated_digits")
    turned = _turned(data["images"], size, seed, disc=True)
    return {**turned, "labels": data["labels"], "train": known}
