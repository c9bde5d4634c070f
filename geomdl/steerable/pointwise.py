"""Pointwise non-linearities."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, permutes

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "leaky_relu": F.leaky_relu,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
"""Functions of one real variable, by name."""

_OTHERS = "for others use NormNonlinearity, GatedNonlinearity or FourierPointwise"


def _example() -> nn.Module:
    G = groups.group("D4")
    return Pointwise(Field(Grid(2), G.regular + G.trivial))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 9, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Pointwise", example=Example(_example, _inputs))
class Pointwise(nn.Module):
    """The same function of every number: y = φ(x). Exact for permutation representations.

    Only these commute with every φ; for other representations there are `NormNonlinearity`,
    `GatedNonlinearity` and `FourierPointwise`.

    Args:
        source: field of a permutation representation, on any domain.
        function: one of relu, elu, gelu, silu, leaky_relu, softplus, sigmoid, tanh.

    Shape:
        unchanged.

    Raises:
        ValueError: not a permutation representation, or an unknown function.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> relu = Pointwise(Field(Grid(2), geomdl.group("D4").regular))
        >>> relu.target == relu.source
        True
    """

    def __init__(self, source: Field, function: str = "relu") -> None:
        super().__init__()
        permutes(source, f"a pointwise {function}", _OTHERS)
        if function not in FUNCTIONS:
            raise ValueError(f"function: should be one of {', '.join(FUNCTIONS)}, got {function!r}")
        self.source = self.target = source
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to every number."""
        check_input(self.source, x)
        return FUNCTIONS[self.function](x)

    def extra_repr(self) -> str:
        """Name of the function."""
        return self.function
