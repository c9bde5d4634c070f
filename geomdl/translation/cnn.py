"""Convolutional network, invariant to circular shifts where it is built to be."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.registry import Example, register_model

from .conv import Padding
from .plan import Down, Plan
from .space import check_positive
from .units import Unit

__all__ = ["CNN"]


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 2, 8, 4, generator=rng, dtype=torch.float64),)


@register_model(
    "translation/cnn",
    example=Example(lambda: CNN(2, 3, widths=(4, 5), shape=(8, 4)), _inputs),
)
class CNN(nn.Module):
    """Stages of convolution, batch norm and ReLU; the mean over all pixels; a linear map.

    With ``down="polyphase"``, circular padding and sizes that the total stride divides, the output
    is invariant to every circular shift, *exact* (see `PolyphasePool`). With "stride" or "blur" it
    is invariant to the shifts by multiples of the total stride; with "blur" the others change
    little. Zero padding leaves no exact invariance. ``source.group`` says which.

    Args:
        channels: channels of the input.
        classes: numbers that come out.
        d: number of spatial axes.
        widths: channels of the stages; the grid is ``stride`` times coarser from one to the next.
        depth: convolutions in each stage.
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
        >>> model = CNN(1, 10, shape=(28, 28))
        >>> model.source.group
        group('Z28x28')
        >>> model(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
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
        units = [Unit(kernel_size=kernel_size, **unit) for unit in plan.units(channels)]
        self.features = nn.Sequential(*units)
        self.head = nn.Linear(plan.widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, *n) to (batch, classes)."""
        self.space.check(x, self.channels, self.total_stride, self.strict)
        y: Tensor = self.head(self.features(x).flatten(2).mean(2))
        return y
