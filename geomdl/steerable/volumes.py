"""Classifiers of volumes, registered by name."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from geomdl.registry import Example, register_model
from geomdl.steerable.models import SteerableCNN


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 6, 6, 6, generator=rng, dtype=torch.float64),)


def _o() -> nn.Module:
    return cnn3d_o(shape=(6, 6, 6), classes=2, channels=24, depth=2, kernel_size=3).eval()


def _so3() -> nn.Module:
    # a group that maps voxels to voxels, so that the laws can ask for exactness
    return cnn3d_so3((6, 6, 6), classes=2, channels=18, depth=2, kernel_size=3, group="O").eval()


@register_model("steerable/cnn3d_o", example=Example(_o, _inputs))
def cnn3d_o(
    shape: Sequence[int] = (16, 16, 16),
    in_channels: int = 1,
    classes: int = 10,
    channels: int = 24,
    depth: int = 3,
    kernel_size: int = 3,
    rng: torch.Generator | None = None,
) -> SteerableCNN:
    """:class:`SteerableCNN` for volumes, invariant under the 24 rotations of the cube. Exact.

    Example:
        >>> cnn3d_o((8, 8, 8), classes=3)(torch.zeros(2, 1, 8, 8, 8)).shape
        torch.Size([2, 3])
    """
    return SteerableCNN("O", shape, in_channels, classes, channels, depth, kernel_size, rng=rng)


@register_model("steerable/cnn3d_so3", example=Example(_so3, _inputs))
def cnn3d_so3(
    shape: Sequence[int] = (17, 17, 17),
    in_channels: int = 1,
    classes: int = 10,
    channels: int = 36,
    depth: int = 3,
    kernel_size: int = 5,
    frequency: int = 2,
    group: str = "SO3",
    rng: torch.Generator | None = None,
) -> SteerableCNN:
    """:class:`SteerableCNN` for volumes on spherical harmonics, gated, under all rotations.

    Exact under the rotations of the cube; for others the error is that of sampling.

    Args:
        shape: voxels along each axis, all equal.
        in_channels: channels of the input.
        classes: number of outputs.
        channels: of the first stage; a copy of the harmonics up to 2 has nine.
        depth: number of stages.
        kernel_size: taps of the filters along each axis.
        frequency: highest degree of the harmonics.
        group: "SO3", "O3" (reflections too), or a subgroup such as "O" or "I", under which the same
            network has more filters.
        rng: source of the initial weights.

    Example:
        >>> cnn3d_so3((9, 9, 9), classes=3, depth=2)(torch.zeros(2, 1, 9, 9, 9)).shape
        torch.Size([2, 3])
    """
    return SteerableCNN(
        group,
        shape,
        in_channels,
        classes,
        channels,
        depth,
        kernel_size,
        fields="harmonics",
        nonlinearity="gated",
        frequency=frequency,
        mask=True,
        radial="gaussian",
        rng=rng,
    )
