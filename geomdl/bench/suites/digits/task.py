"""The task: read handwritten digits, upright in training, turned in testing."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from geomdl import data
from geomdl.fields import Field, Grid
from geomdl.fields.grid import inscribed
from geomdl.groups import group

Samples = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """Images and labels, split once for all models and seeds.

    Attributes:
        name: of the data set.
        train: images (n, 1, size, size) float32, zero outside the inscribed disc; labels (n,).
        test: the same.
    """

    name: str
    train: Samples
    test: Samples

    @property
    def size(self) -> int:
        """Pixels along a side."""
        return int(self.train[0].shape[-1])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(max(self.train[1].max(), self.test[1].max())) + 1

    def reduced(self, train: int, test: int) -> "Task":
        """The first samples of each part."""
        (x, y), (u, v) = self.train, self.test
        return Task(self.name, (x[:train], y[:train]), (u[:test], v[:test]))


def load_task(name: str, root: Path | None, most: int = 6000) -> Task:
    """Load a data set of digits and split it, two thirds for training.

    Args:
        name: as for `geomdl.data.load`.
        root: folder of data sets.
        most: samples to use.

    Returns:
        The task. Images are cut to the inscribed disc, so that no rotation moves ink out of them.

    Raises:
        ValueError: an unknown data set, or one that holds no square images with labels.
        FileNotFoundError: its files are not there.
    """
    loaded = data.load(name, root=root)
    images, labels = loaded.get("images"), loaded.get("labels")
    if images is None or labels is None or images.ndim != 4 or not _grey_square(images):
        found = {key: tuple(value.shape) for key, value in loaded.items()}
        raise ValueError(f"data: expected square grey images (n, 1, h, h) with labels, got {found}")
    images = images.to(torch.float32) * inscribed(images.shape[2:])
    share = min(1.0, most / len(images))
    train, test = data.split({"x": images, "y": labels}, (share * 2 / 3, share / 3), seed=0)
    return Task(name, (train["x"], train["y"]), (test["x"], test["y"]))


def _grey_square(images: Tensor) -> bool:
    return images.shape[1] == 1 and images.shape[-1] == images.shape[-2]


@lru_cache
def rotations() -> Field:
    """Grey images under rotations by any angle, resampled by cubic splines."""
    return Field(Grid(2), group("SO2").trivial)


def turned(images: Tensor, degrees: int) -> Tensor:
    """Turn images about their centre, counter-clockwise.

    Exact for multiples of 90°: there `torch.rot90`, and not geomdl, moves the pixels, so that the
    exactness of a network is not checked by the code that makes it exact. Else resampled by cubic
    splines, with an error that falls with the resolution, and zero outside the inscribed disc.

    Args:
        images: shape (n, channels, size, size).
        degrees: angle.

    Returns:
        The same shape and dtype.

    Example:
        >>> x = torch.zeros(1, 1, 3, 3)
        >>> x[0, 0, 1, 2] = 1  # to the right of the centre
        >>> turned(x, 90)[0, 0, 0].tolist()
        [0.0, 1.0, 0.0]
    """
    if degrees % 90 == 0:
        return torch.rot90(images, degrees // 90, dims=(-2, -1))
    field = rotations()
    angle = torch.tensor([math.radians(degrees)], dtype=torch.float64)
    return field.act(field.group.exp(angle), images)
