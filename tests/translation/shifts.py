"""Circular shifts, for the tests of this folder."""

import itertools
import math

import torch
from torch import Tensor


def shifts(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All circular shifts of an array."""
    return list(itertools.product(*map(range, shape)))


def roll(x: Tensor, t: tuple[int, ...]) -> Tensor:
    """T_t x, over the last axes."""
    return x.roll(t, tuple(range(-len(t), 0)))


def orbit(x: Tensor) -> Tensor:
    """All shifts of one image (channels, *spatial), as a batch."""
    return torch.stack([roll(x, t) for t in shifts(tuple(x.shape[1:]))])


def normal_form(y: Tensor) -> Tensor:
    """A number for each binary image (batch, 1, *spatial), equal for shifts of each other."""
    sizes = tuple(y.shape[2:])
    weights = 2 ** torch.arange(math.prod(sizes))
    codes = [(roll(y, t).flatten(1).long() * weights).sum(1) for t in shifts(sizes)]
    return torch.stack(codes).amin(0)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal numbers."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)
