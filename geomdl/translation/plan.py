"""How a network goes coarser stage by stage, and which shifts it respects."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from geomdl.fields.space import Space, check_positive

from .conv import Padding, check_padding

__all__ = ["Down", "Plan"]

Down = Literal["stride", "blur", "polyphase"]


@dataclass(frozen=True)
class Plan:
    """Stages of some widths, each after the first on a grid ``stride`` times coarser.

    With ``down="polyphase"`` the network as a whole is invariant to every circular shift; its
    layers, and the other kinds of network, respect the shifts by multiples of ``total``. Zero
    padding, or a size that ``total`` does not divide, leaves none of them.

    Args:
        d: number of spatial axes.
        widths: channels of the stages.
        depth: units in each stage.
        stride: how much coarser each stage is than the one before.
        down: how it is made coarser.
        padding: "circular" or "zeros".
        shape: sizes of the input, if known.
        strict: refuse sizes that ``total`` does not divide.

    Raises:
        ValueError: an impossible argument.
    """

    d: int
    widths: tuple[int, ...]
    depth: int
    stride: int
    down: Down
    padding: Padding
    shape: tuple[int, ...] | None
    strict: bool

    def __post_init__(self) -> None:
        if not self.widths:
            raise ValueError("widths: should name at least one stage, got ()")
        for width in self.widths:
            check_positive(widths=width)
        check_positive(depth=self.depth, stride=self.stride)
        check_padding(self.padding)
        if self.down not in ("stride", "blur", "polyphase"):
            raise ValueError(f"down: should be 'stride', 'blur' or 'polyphase', got {self.down!r}")
        if self.strict and self.shape and any(n % self.total for n in self.shape):
            raise ValueError(
                f"shape: should be multiples of {self.total} (stride {self.stride} between"
                f" {len(self.widths)} stages), got {tuple(self.shape)}; strict=False takes it, at"
                " the price of the symmetry"
            )

    @property
    def total(self) -> int:
        """Stride of the whole network."""
        return int(math.prod([self.stride] * (len(self.widths) - 1)))

    @property
    def space(self) -> Space:
        """The input of the network under the shifts that the network as a whole respects."""
        whole = self.down == "polyphase" and not any(n % self.total for n in self.shape or ())
        step = 1 if whole else self.total
        return Space(self.d, self.shape, step, self.padding == "circular")

    def units(self, channels: int) -> Sequence[dict[str, Any]]:
        """Arguments of the units in order: channels in and out, stride, and where they live."""
        found: list[dict[str, Any]] = []
        space = Space(self.d, self.shape, self.total, self.padding == "circular")
        for i, width in enumerate(self.widths):
            for j in range(self.depth):
                stride = self.stride if i and not j else 1
                found.append({
                    "in_channels": channels, "out_channels": width, "stride": stride,
                    "down": self.down, "padding": self.padding, "strict": self.strict,
                    "d": self.d, "shape": space.shape, "step": space.step,
                })  # fmt: skip
                channels, space = width, space.coarser(stride)
        return found
