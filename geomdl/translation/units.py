"""The units that networks are stacked from: convolution, normalisation, ReLU, going coarser."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from geomdl.fields.space import Space

from .components import slices
from .conv import Conv
from .lowpass import BlurPool
from .plan import Down
from .polyphase import PolyphasePool

__all__ = ["Residual", "Unit"]

_NORM: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class Unit(nn.Module):
    """Convolution, batch norm, ReLU; coarser by the convolution's stride or by a pool at the end.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: of the convolution.
        stride: how much coarser the output is.
        down: "stride" (the convolution's), "blur" or "polyphase" (a pool after the ReLU).
        where: ``d``, ``padding``, ``shape``, ``step``, ``strict``, as `Conv` has them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        down: Down,
        **where: Any,
    ) -> None:
        super().__init__()
        own = stride if down == "stride" else 1
        self.conv = Conv(in_channels, out_channels, kernel_size, stride=own, bias=False, **where)
        self.norm = _NORM[where["d"]](out_channels)
        self.relu = nn.ReLU()
        self.pool = None if own == stride else _pool(out_channels, stride, down, where)
        self.source = self.conv.source
        self.target = self.conv.target if self.pool is None else self.pool.target

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, *n) to (batch, out_channels, *(n / stride))."""
        x = self.relu(self.norm(self.conv(x)))
        if self.pool is not None:
            x = self.pool(x)
        return x


class Residual(nn.Module):
    """y = ReLU(body(x) + shortcut(x)); a polyphase pool keeps one phase on both branches.

    The body is a `Unit`, a convolution and a batch norm. The shortcut goes coarser in the same way
    and, where the number of channels changes, through a 1×1 convolution and batch norm. The phase
    is that of the body: were the branches to choose each its own, they would be added pixels apart,
    and differently so for each shift.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: of the convolutions of the body.
        stride: how much coarser the output is.
        down: "stride", "blur" or "polyphase".
        where: ``d``, ``padding``, ``shape``, ``step``, ``strict``, as `Conv` has them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        down: Down,
        **where: Any,
    ) -> None:
        super().__init__()
        space = Space(where["d"], where["shape"], where["step"], where["padding"] == "circular")
        after = {**where, "shape": space.coarser(stride).shape, "step": space.coarser(stride).step}
        self.stride = stride
        self.unit = Unit(in_channels, out_channels, kernel_size, stride, down, **where)
        self.conv = Conv(out_channels, out_channels, kernel_size, bias=False, **after)
        self.norm = _NORM[where["d"]](out_channels)
        self.blur = _pool(in_channels, stride, down, where) if down == "blur" else None
        self.project: nn.Module = nn.Identity()
        if in_channels != out_channels:
            pointwise = Conv(in_channels, out_channels, 1, bias=False, **after)
            self.project = nn.Sequential(pointwise, _NORM[where["d"]](out_channels))
        self.source, self.target = self.unit.source, self.conv.target

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, *n) to (batch, out_channels, *(n / stride))."""
        y, x = self._coarser(x)
        return F.relu(self.norm(self.conv(y)) + self.project(x))

    def _coarser(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both branches on the coarser grid, pixel by pixel at the same places."""
        pool = self.unit.pool
        if isinstance(pool, PolyphasePool):
            y = self.unit.relu(self.unit.norm(self.unit.conv(x)))
            chosen = pool.phase(y)
            return pool.take(y, chosen), pool.take(x, chosen)
        y = self.unit(x)
        if self.blur is not None:
            return y, self.blur(x)
        return y, slices(x, self.stride)[0]


def _pool(
    channels: int, stride: int, down: Down, where: dict[str, Any]
) -> BlurPool | PolyphasePool | None:
    if stride == 1:
        return None
    if down == "blur":
        return BlurPool(channels, stride, **where)
    return PolyphasePool(channels, stride, **{k: v for k, v in where.items() if k != "padding"})
