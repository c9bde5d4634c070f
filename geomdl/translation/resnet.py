"""Residual network, invariant to circular shifts where it is built to be."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.registry import Example, register_model

from .conv import Padding
from .plan import Down, Plan
from .space import check_positive
from .units import Residual, Unit

__all__ = ["ResNet"]


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 2, 8, 4, generator=rng, dtype=torch.float64),)


@register_model(
    "translation/resnet",
    example=Example(lambda: ResNet(2, 3, widths=(4, 5), shape=(8, 4)), _inputs),
)
class ResNet(nn.Module):
    """A unit of convolution, batch norm and ReLU; stages of residual units; mean; a linear map.

    Which circular shifts leave the output as it is, *exact*: as for `CNN`. In a residual unit with
    ``down="polyphase"`` both branches keep one phase.

    Args:
        channels: channels of the input.
        classes: numbers that come out.
        d: number of spatial axes.
        widths: channels of the stages; the grid is ``stride`` times coarser from one to the next.
        depth: residual units in each stage.
        kernel_size: of the convolutions.
        stride: how much coarser each stage is than the one before.
        down: how it is made coarser: "stride", "blur" or "polyphase".
        padding: "circular" or "zeros".
        shape: spatial sizes of the input. Known, they name the group; None takes any size and
            declares the trivial group.
        strict: refuse sizes that the total stride does not divide.

    Attributes:
        source: images under the group of shifts.
        target: vectors that the group leaves as they are.

    Raises:
        ValueError: an impossible argument, or a shape that the total stride does not divide.

    Example:
        >>> model = ResNet(1, 10, widths=(8, 16), shape=(28, 28), down="stride")
        >>> model.source.group  # the shifts by two pixels, and what they generate
        group('Z14x14')
        >>> model(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])

    Source: He et al. 2016, arXiv:1512.03385.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 10,
        *,
        d: int = 2,
        widths: tuple[int, ...] = (16, 32, 64),
        depth: int = 1,
        kernel_size: int = 3,
        stride: int = 2,
        down: Down = "polyphase",
        padding: Padding = "circular",
        shape: tuple[int, ...] | None = None,
        strict: bool = True,
    ) -> None:
        super().__init__()
        check_positive(channels=channels, classes=classes)
        plan = Plan(d, tuple(widths), depth, stride, down, padding, shape, strict)
        self.space, self.channels = plan.space, channels
        self.total_stride, self.strict = plan.total, strict
        self.source, self.target = self.space.field(channels), self.space.vector(classes)
        units = plan.units(plan.widths[0])
        stem = {**units[0], "in_channels": channels}
        self.stem = Unit(kernel_size=kernel_size, **stem)
        self.stages = nn.Sequential(*(Residual(kernel_size=kernel_size, **unit) for unit in units))
        self.head = nn.Linear(plan.widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, *n) to (batch, classes)."""
        self.space.check(x, self.channels, self.total_stride, self.strict)
        y: Tensor = self.head(self.stages(self.stem(x)).flatten(2).mean(2))
        return y
