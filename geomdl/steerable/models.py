"""Group-equivariant classifiers of images and volumes."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn

from geomdl.fields import Field
from geomdl.groups import Group, Rep
from geomdl.registry import Example, register_model
from geomdl.steerable.checks import whole
from geomdl.steerable.classifier import Classifier, check_odd, check_pool, equal_sizes
from geomdl.steerable.conv import Conv
from geomdl.steerable.features import (
    Features,
    FieldKind,
    grid_for,
    named_group,
    source_of,
    target_of,
)
from geomdl.steerable.linear import Linear
from geomdl.steerable.mask import Mask
from geomdl.steerable.norm import BatchNorm
from geomdl.steerable.pooling import AvgPool, GlobalPool, GroupPool, MaxPool
from geomdl.steerable.rings import Rings
from geomdl.steerable.sequential import Sequential
from geomdl.steerable.taps import maps_grid

POOLS = ("avg", "max")


def _small() -> nn.Module:
    return SteerableCNN(shape=(9, 9), classes=3, channels=16, depth=2).eval()


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 9, 9, generator=rng, dtype=torch.float64),)


@register_model("steerable/cnn", example=Example(_small, _inputs))
class SteerableCNN(Classifier):
    """Classifier that does not change its mind when the image is turned or mirrored.

    ``depth`` stages of Conv, BatchNorm, non-linearity and pool, each with half the pixels and twice
    the fields. The filters of the last stage see all pixels that are left, so the places of parts
    are kept relative to one another; only then features become invariant (the maximum over the
    group for regular fields, else an invariant convolution), and a linear map reads off the
    classes.

    Works for every compact group that turns and mirrors the grid. Groups that map the pixels to
    pixels (C4, D4, O, Oh and their subgroups) have free filters and are exact. For the others (C8,
    D16, SO2, SO3, …) filters are smooth, corners are masked out, quarter turns remain exact, and
    other angles err by what sampling costs: less for smoother images, wider filters
    (``kernel_size=7``), wider means in the pools (``pool=1.0``), and fewer stages (``depth``), so
    that the last one has more pixels.

    Args:
        group: a group or its name.
        shape: pixels along each axis, all equal; odd and even sizes are exact.
        in_channels: channels of the input, each a trivial field.
        classes: number of outputs.
        channels: channels of the first stage; for regular fields a multiple of the group's order,
            else rounded to whole copies. The network costs what an ordinary one with these channels
            costs, and has |G| times fewer weights.
        depth: number of stages, at least 2; pixels that remain: shape // 2^(depth - 1).
        kernel_size: taps of all filters but the last, odd.
        fields: hidden fields are copies of "regular" (finite groups), "bandlimited" (functions on
            the group up to ``frequency``) or "harmonics" (functions of a direction). None: regular
            for finite groups; else bandlimited in the plane, harmonics in space.
        nonlinearity: a function of numbers ("relu", "elu", …) for regular fields, "fourier",
            "gated" or "norm" for others. None: relu, fourier in the plane, gated in space.
        frequency: highest one of the fields of infinite groups.
        pool: "avg", "max" (permutation representations), or a number of pixels: mean weighted by a
            Gaussian of this standard deviation.
        mask: whether a smooth disc masks the corners of the input; None: if the group does not map
            the grid to itself.
        radial: what the filters are made of, as in `Conv`.
        action: how the group moves coordinates, a representation of one dimension for each axis;
            None for its own way. Signals need it: ``action=C2.irrep(1)`` reverses them.
        rng: source of the initial weights; None draws as PyTorch's own layers do, so
            that ``torch.manual_seed`` decides.

    Shape:
        ``(batch, in_channels, *shape)`` -> (batch, classes); invariant, exact to 1e-12 in float64
        and 1e-5 in float32 under 90° rotations, and reflections if the group has them.

    Raises:
        ValueError: fields or sizes that do not fit.

    Example:
        >>> net = SteerableCNN("D4", shape=(29, 29)).eval()
        >>> x = torch.randn(2, 1, 29, 29, generator=torch.Generator().manual_seed(0))
        >>> bool((net(x) - net(x.rot90(1, (-2, -1)))).abs().max() <= 1e-5)
        True
        >>> SteerableCNN("O2", shape=(29, 29), nonlinearity="norm").source.group
        group('O2')

    Source: Cohen and Welling 2016, arXiv:1602.07576; Weiler and Cesa 2019, arXiv:1911.08251.
    """

    def __init__(
        self,
        group: Group | str = "D4",
        shape: Sequence[int] = (28, 28),
        in_channels: int = 1,
        classes: int = 10,
        channels: int = 16,
        depth: int = 4,
        kernel_size: int = 5,
        *,
        fields: FieldKind | None = None,
        nonlinearity: str | None = None,
        frequency: int = 2,
        pool: Literal["avg", "max"] | float = "avg",
        mask: bool | None = None,
        radial: Rings | Literal["free", "gaussian"] | None = None,
        action: Rep | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        whole(in_channels=in_channels, classes=classes, channels=channels, depth=depth)
        shape = equal_sizes(shape)
        G = named_group(group)
        grid = grid_for(G, len(shape), action)
        super().__init__(Field(grid, in_channels * G.trivial), shape, classes)
        left = _pixels_left(shape, depth)
        features = Features.of(G, grid, fields, nonlinearity, frequency)
        if G.order and features.each == G.regular and channels % G.order:
            raise ValueError(
                f"channels: should be a multiple of |{G.name}|={G.order}, got {channels}"
            )
        check_odd(kernel_size)
        check_pool(pool, POOLS)
        if mask is None:
            mask = not maps_grid(G, grid)

        layers: list[nn.Module] = [Mask(self.source, shape)] if mask else []
        field = self.source
        for stage in range(depth):
            width = channels * 2**stage
            wide = features.field(max(1, round(width / features.each.dim)))
            last = stage == depth - 1
            if last and not features.is_permutation:
                wide = features.invariants(width)
            size, padding = (left, 0) if last else (kernel_size, kernel_size // 2)
            activation = features.activation(wide)
            field, between = source_of(activation), field
            layers += [
                Conv(between, field, size, padding=padding, bias=False, radial=radial, rng=rng),
                BatchNorm(field),
                activation,
            ]
            if not last:
                layers.append(_pool(wide, pool))
            field = wide
        if features.is_permutation:
            layers.append(GroupPool(field))
        layers.append(GlobalPool(target_of(layers[-1])))
        self.body = Sequential(*layers, size=shape)
        self.head = Linear(self.body.target, self.target, rng=rng)


def _pool(field: Field, pool: str | float) -> nn.Module:
    """The pool between stages."""
    if pool == "max":
        return MaxPool(field)
    return AvgPool(field, antialias=None if isinstance(pool, str) else float(pool))


def _pixels_left(shape: tuple[int, ...], depth: int) -> int:
    """Pixels along each axis before the last stage."""
    if depth < 2:
        raise ValueError(f"depth: should be 2 or more, got {depth}")
    left = shape[0] >> (depth - 1)
    if left < 1:
        raise ValueError(f"depth: {depth} stages need {1 << (depth - 1)} pixels, got shape={shape}")
    return left
