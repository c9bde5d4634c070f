"""Networks of numbers: affine maps and perceptrons along one axis, of moderate size at first."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

SILU = 1.6765324703310913  # 1/√E[SiLU(z)²] for z of the standard normal distribution


def activation(x: Tensor) -> Tensor:
    """SiLU, scaled so that the second moment of standard normal numbers stays one."""
    return nn.functional.silu(x) * SILU


class Dense(nn.Module):
    """Affine map of numbers, y = x W/√rows + b, with W of variance one and b = 0 at first.

    Args:
        rows: numbers that come in.
        columns: numbers that come out.
        bias: whether there is b.
        axis: that the numbers stand on: -1, or 1.
        rng: for the weights; torch's global one if None.

    Example:
        >>> Dense(3, 2)(torch.randn(5, 3)).shape, Dense(3, 2, axis=1)(torch.randn(5, 3, 4)).shape
        (torch.Size([5, 2]), torch.Size([5, 2, 4]))
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        bias: bool = True,
        axis: int = -1,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, columns, generator=rng))
        self.bias = nn.Parameter(torch.zeros(columns)) if bias else None
        self.scale = 1 / math.sqrt(max(rows, 1))
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Rows to columns along the axis."""
        weight = self.weight * self.scale
        if self.axis == -1:
            rows: Tensor = x @ weight
            return rows if self.bias is None else rows + self.bias
        y: Tensor = (weight.T @ x.flatten(2)).unflatten(2, x.shape[2:])
        return y if self.bias is None else y + self.bias.view(-1, *[1] * (x.ndim - 2))


class Perceptron(nn.Module):
    """Affine maps with SiLU between them, which is scaled to second moment one.

    Args:
        sizes: numbers that come in, widths of the layers, numbers that come out.
        axis: that the numbers stand on: -1, or 1.
        rng: for the weights; torch's global one if None.

    Example:
        >>> Perceptron([3, 8, 2])(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self, sizes: Sequence[int], *, axis: int = -1, rng: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Dense(a, b, axis=axis, rng=rng) for a, b in pairwise(sizes)])

    def forward(self, x: Tensor) -> Tensor:
        """Numbers sizes[0] to sizes[-1] along the axis."""
        for place, layer in enumerate(self.layers):
            x = layer(activation(x) if place else x)
        return x
