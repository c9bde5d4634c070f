"""Wide residual networks of known configurations, registered by name."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn

from geomdl.registry import Example, register_model
from geomdl.steerable.resnet import SteerableResNet


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 8, 8, generator=rng, dtype=torch.float64),)


def _small() -> nn.Module:
    return wrn16_small((8, 8), 1, 3, depth=10).eval()


def _medium() -> nn.Module:
    return wrn16_medium((8, 8), 1, 3, widen=2, depth=10).eval()


@register_model("steerable/wrn16_small", example=Example(_small, _inputs))
def wrn16_small(
    shape: Sequence[int] = (32, 32),
    in_channels: int = 3,
    classes: int = 10,
    widen: int = 1,
    depth: int = 16,
    rng: torch.Generator | None = None,
) -> SteerableResNet:
    """WRN-16-1 under D4, exact: 16, 32, 64 channels.

    Example:
        >>> wrn16_small(classes=3)(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 3])
    """
    return SteerableResNet("D4", shape, in_channels, classes, depth, widen, rng=rng)


@register_model("steerable/wrn16_medium", example=Example(_medium, _inputs))
def wrn16_medium(
    shape: Sequence[int] = (32, 32),
    in_channels: int = 3,
    classes: int = 10,
    widen: int = 4,
    depth: int = 16,
    rng: torch.Generator | None = None,
) -> SteerableResNet:
    """WRN-16-4 under D4, exact: 64, 128, 256 channels.

    Example:
        >>> wrn16_medium().source.group
        group('D4')
    """
    return SteerableResNet("D4", shape, in_channels, classes, depth, widen, rng=rng)


def _d8() -> nn.Module:
    # the laws ask for exactness, which groups that map pixels to pixels give
    return wrn16_d8((8, 8), 1, 3, widen=1, depth=10, groups=("D4", "D4", "D4")).eval()


@register_model("steerable/wrn16_d8", example=Example(_d8, _inputs))
def wrn16_d8(
    shape: Sequence[int] = (32, 32),
    in_channels: int = 3,
    classes: int = 10,
    widen: int = 4,
    depth: int = 16,
    groups: Sequence[str] = ("D8", "D8", "D8"),
    fix: Literal["compute", "params"] = "compute",
    first_stride: int = 1,
    dropout: float = 0.0,
    rng: torch.Generator | None = None,
) -> SteerableResNet:
    """WRN-16 under rotations by 45° and reflections: exact under D4, up to sampling under D8.

    The published network for STL-10 is ``wrn16_d8((96, 96), widen=8, groups=("D8", "D4", "D1"),
    fix="params", first_stride=2, dropout=0.3)``.

    Example:
        >>> wrn16_d8(widen=1).source.group
        group('D8')

    Source: Weiler and Cesa 2019, arXiv:1911.08251.
    """
    return SteerableResNet(
        groups,
        shape,
        in_channels,
        classes,
        depth,
        widen,
        fix=fix,
        first_stride=first_stride,
        dropout=dropout,
        rng=rng,
    )


def _d8d4d1() -> nn.Module:
    return wrn28_d8d4d1((8, 8), 1, 3, widen=1, depth=10, groups=("D4", "D4", "D1")).eval()


@register_model("steerable/wrn28_d8d4d1", example=Example(_d8d4d1, _inputs))
def wrn28_d8d4d1(
    shape: Sequence[int] = (32, 32),
    in_channels: int = 3,
    classes: int = 10,
    widen: int = 10,
    depth: int = 28,
    groups: Sequence[str] = ("D8", "D4", "D1"),
    fix: Literal["compute", "params"] = "params",
    dropout: float = 0.3,
    rng: torch.Generator | None = None,
) -> SteerableResNet:
    """E(2)-WRN-28-10 as published for CIFAR: D8, then D4, then D1; as many weights as WRN-28-10.

    ``groups=("C8", "C4", "C1")`` and ``widen=7`` give its other versions. Its memory is that of a
    network with |G|^(1/2) times the channels; ``fix="compute"`` keeps these of the ordinary one.

    Example:
        >>> wrn28_d8d4d1(widen=1, depth=10).source.group
        group('D1')

    Source: Weiler and Cesa 2019, arXiv:1911.08251.
    """
    return SteerableResNet(
        groups, shape, in_channels, classes, depth, widen, fix=fix, dropout=dropout, rng=rng
    )
