"""Networks of numbers: affine maps and perceptrons along the last axis."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from geomdl.euclidean.gate import unit_scale


def shifted_softplus(x: Tensor) -> Tensor:
    """ln(½ eˣ + ½): smooth, and 0 at 0.

    Example:
        >>> shifted_softplus(torch.zeros(1)).item()
        0.0

    Source: Schütt et al. 2017, arXiv:1706.08566.
    """
    return nn.functional.softplus(x) - math.log(2)


class Dense(nn.Module):
    """Affine map of numbers, y = x W/√rows + b, with W of variance one and b = 0 at first.

    Args:
        rows: numbers that come in.
        columns: numbers that come out.
        bias: whether there is b.
        rng: for the weights; torch's global one if None.

    Example:
        >>> Dense(3, 2)(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self, rows: int, columns: int, *, bias: bool = True, rng: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, columns, generator=rng))
        self.bias = nn.Parameter(torch.zeros(columns)) if bias else None
        self.scale = 1 / math.sqrt(rows)

    def forward(self, x: Tensor) -> Tensor:
        """(..., rows) to (..., columns)."""
        y = x @ (self.weight * self.scale)
        return y if self.bias is None else y + self.bias


class Perceptron(nn.Module):
    """Affine maps with a function between them, which is scaled to second moment one.

    Args:
        sizes: numbers that come in, widths of the layers, numbers that come out.
        function: between the layers.
        rng: for the weights; torch's global one if None.

    Example:
        >>> Perceptron([3, 8, 2])(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        function: Callable[[Tensor], Tensor] = nn.functional.silu,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.function, self.scale = function, unit_scale(function)
        self.layers = nn.ModuleList([Dense(a, b, rng=rng) for a, b in pairwise(sizes)])

    def forward(self, x: Tensor) -> Tensor:
        """(..., sizes[0]) to (..., sizes[-1])."""
        for place, layer in enumerate(self.layers):
            if place:
                x = self.function(x) * self.scale
            x = layer(x)
        return x
