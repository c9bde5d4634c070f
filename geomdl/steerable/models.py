"""Group-equivariant classifiers of images and volumes."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, Vector
from geomdl.groups import Group
from geomdl.registry import Example, register_model
from geomdl.steerable.checks import whole
from geomdl.steerable.conv import Conv
from geomdl.steerable.linear import Linear
from geomdl.steerable.norm import BatchNorm
from geomdl.steerable.pointwise import Pointwise
from geomdl.steerable.pooling import AvgPool, GlobalPool, GroupPool
from geomdl.steerable.sequential import Sequential
from geomdl.steerable.taps import linear_parts


def _small(build: Callable[..., nn.Module]) -> nn.Module:
    return build(shape=(9, 9), classes=3, channels=16, depth=2).eval()


def _d4() -> nn.Module:
    return _small(d4_cnn)


def _c4() -> nn.Module:
    return _small(c4_cnn)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 9, 9, generator=rng, dtype=torch.float64),)


@register_model("steerable/cnn", example=Example(lambda: _small(SteerableCNN), _inputs))
class SteerableCNN(nn.Module):
    """Classifier that does not change its mind when the image is turned or mirrored.

    ``depth`` stages of Conv, BatchNorm, ReLU and AvgPool on regular fields, each with half the
    pixels and twice the fields. The filters of the last stage see all pixels that are left, so the
    places of parts are kept relative to one another; only then the maximum over the group makes
    the features invariant, and a linear map reads off the classes.

    Args:
        group: subgroup of D4 for images (Oh for volumes), or its name.
        shape: pixels along each axis, all equal; odd and even sizes are exact.
        in_channels: channels of the input, each a trivial field.
        classes: number of outputs.
        channels: channels of the first stage, a multiple of the group's order. The network costs
            what an ordinary one with these channels costs, and has |G| times fewer weights.
        depth: number of stages, at least 2; pixels that remain: shape // 2^(depth - 1).
        kernel_size: taps of all filters but the last, odd.
        rng: source of the initial weights; None draws as PyTorch's own layers do, so
            that ``torch.manual_seed`` decides.

    Shape:
        ``(batch, in_channels, *shape)`` -> (batch, classes); invariant, exact to 1e-12 in float64
        and 1e-5 in float32.

    Raises:
        ValueError: a group that does not map the grid to itself, or sizes that do not fit.

    Example:
        >>> net = SteerableCNN("D4", shape=(29, 29)).eval()
        >>> x = torch.randn(2, 1, 29, 29, generator=torch.Generator().manual_seed(0))
        >>> bool((net(x) - net(x.rot90(1, (-2, -1)))).abs().max() <= 1e-5)
        True

    Source: Cohen and Welling 2016, arXiv:1602.07576.
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
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        whole(in_channels=in_channels, classes=classes, channels=channels, depth=depth)
        G = groups.group(group) if isinstance(group, str) else group
        self.shape = tuple(shape)
        grid = Grid(len(self.shape))
        self.source = Field(grid, in_channels * G.trivial)
        left = _pixels_left(self.shape, depth)
        order = len(linear_parts(G, grid))
        if channels % order:
            raise ValueError(
                f"channels: should be a multiple of |{G.name}|={order}, got {channels}"
            )
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size: should be odd, got {kernel_size}")

        layers: list[nn.Module] = []
        field = self.source
        for stage in range(depth):
            wide = Field(field.domain, (channels * 2**stage // order) * G.regular)
            last = stage == depth - 1
            size, padding = (left, 0) if last else (kernel_size, kernel_size // 2)
            layers += [
                Conv(field, wide, size, padding=padding, bias=False, rng=rng),
                BatchNorm(wide),
                Pointwise(wide),
            ]
            if not last:
                layers.append(AvgPool(wide))
            field = wide
        pool = GroupPool(field)
        self.body = Sequential(*layers, pool, GlobalPool(pool.target))
        self.target = Field(Vector(), classes * G.trivial)
        self.head = Linear(self.body.target, self.target, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes (logits)."""
        self.source.check(x)
        if tuple(x.shape[2:]) != self.shape:
            raise ValueError(f"x: sizes should be {self.shape}, got {tuple(x.shape[2:])}")
        scores: Tensor = self.head(self.body(x))
        return scores


def _pixels_left(shape: tuple[int, ...], depth: int) -> int:
    """Pixels along each axis before the last stage."""
    if len(set(shape)) != 1 or not 1 <= len(shape) <= 3:
        raise ValueError(f"shape: should be one to three equal sizes, got {shape}")
    if depth < 2:
        raise ValueError(f"depth: should be 2 or more, got {depth}")
    left = shape[0] >> (depth - 1)
    if left < 1:
        raise ValueError(f"depth: {depth} stages need {1 << (depth - 1)} pixels, got shape={shape}")
    return left


@register_model("steerable/d4_cnn", example=Example(_d4, _inputs))
def d4_cnn(
    shape: Sequence[int] = (28, 28),
    in_channels: int = 1,
    classes: int = 10,
    channels: int = 16,
    depth: int = 4,
    kernel_size: int = 5,
    rng: torch.Generator | None = None,
) -> SteerableCNN:
    """:class:`SteerableCNN` invariant under quarter turns and mirrorings.

    Example:
        >>> d4_cnn(classes=3)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 3])
    """
    return SteerableCNN("D4", shape, in_channels, classes, channels, depth, kernel_size, rng=rng)


@register_model("steerable/c4_cnn", example=Example(_c4, _inputs))
def c4_cnn(
    shape: Sequence[int] = (28, 28),
    in_channels: int = 1,
    classes: int = 10,
    channels: int = 16,
    depth: int = 4,
    kernel_size: int = 5,
    rng: torch.Generator | None = None,
) -> SteerableCNN:
    """:class:`SteerableCNN` invariant under quarter turns; mirror images may differ.

    Example:
        >>> c4_cnn(classes=3)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 3])
    """
    return SteerableCNN("C4", shape, in_channels, classes, channels, depth, kernel_size, rng=rng)
