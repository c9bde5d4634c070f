"""Networks of numbers: affine maps and perceptrons along one axis, of moderate size at first."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

SILU = 1.6765324703310913  # 1/√E[SiLU(z)²] for z of the standard normal distribution


def activation(x: Tensor, sine: float | None = None) -> Tensor:
    """SiLU, or sin(ω x), scaled so that the second moment of standard normal numbers stays one.

    SiLU keeps the relative size of differences; a sine with ω above 1 magnifies small ones, until
    they are of size one, layer by layer (and rounding along with them).

    Args:
        x: any shape.
        sine: ω; SiLU if None.

    Example:
        >>> z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
        >>> normal = (-z.square() / 2).exp() * (16 / 4000) / (2 * torch.pi) ** 0.5
        >>> [round(float((activation(z, w).square() * normal).sum()), 6) for w in (None, 0.5, 6)]
        [1.0, 1.0, 1.0]
    """
    if sine is None:
        return nn.functional.silu(x) * SILU
    return torch.sin(sine * x) * math.sqrt(2 / -math.expm1(-2 * sine**2))


def check_sine(sine: float | None) -> None:
    """Refuse a frequency that is not positive.

    Raises:
        ValueError: it is not.
    """
    if sine is not None and not 0 < sine < math.inf:
        raise ValueError(f"sine: expected a positive frequency, or None for SiLU, got {sine!r}")


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
    """Affine maps with SiLU or a sine between them, which is scaled to second moment one.

    Args:
        sizes: numbers that come in, widths of the layers, numbers that come out.
        sine: its frequency; SiLU if None.
        axis: that the numbers stand on: -1, or 1.
        rng: for the weights; torch's global one if None.

    Example:
        >>> Perceptron([3, 8, 2])(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        sine: float | None = None,
        axis: int = -1,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.sine = sine
        self.layers = nn.ModuleList([Dense(a, b, axis=axis, rng=rng) for a, b in pairwise(sizes)])

    def forward(self, x: Tensor) -> Tensor:
        """Numbers sizes[0] to sizes[-1] along the axis."""
        for place, layer in enumerate(self.layers):
            x = layer(activation(x, self.sine) if place else x)
        return x
