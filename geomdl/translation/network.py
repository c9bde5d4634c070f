"""What the convolutional networks share: stages on coarser and coarser grids, and a pooled end."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from geomdl.fields.space import check_positive

from .conv import Padding
from .plan import Down, Plan

__all__ = ["Network"]


class Network(nn.Module, ABC):
    """A body of stages; the mean over all pixels; a linear map.

    Args:
        in_channels: channels of the input.
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
    """

    def __init__(
        self,
        in_channels: int = 1,
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
        check_positive(in_channels=in_channels, classes=classes)
        plan = Plan(d, tuple(widths), depth, stride, down, padding, shape, strict)
        self.space, self.in_channels = plan.space, in_channels
        self.total_stride, self.strict = plan.total, strict
        self.source, self.target = self.space.field(in_channels), self.space.vector(classes)
        self.body = self._body(plan, in_channels, kernel_size)
        self.head = nn.Linear(plan.widths[-1], classes)

    @abstractmethod
    def _body(self, plan: Plan, in_channels: int, kernel_size: int) -> nn.Module:
        """Modules from the image to the coarsest grid."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, *n) to (batch, classes)."""
        self.space.check(x, self.in_channels, self.total_stride, self.strict)
        y: Tensor = self.head(self.body(x).flatten(2).mean(2))
        return y
