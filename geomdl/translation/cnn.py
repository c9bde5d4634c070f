"""Convolutional network, invariant to circular shifts where it is built to be."""

from typing import Any

import torch
from torch import nn

from geomdl.registry import Example, register_model

from .network import Network
from .plan import Plan
from .units import Unit

__all__ = ["CNN"]


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 2, 8, 4, generator=rng, dtype=torch.float64),)


@register_model(
    "translation/cnn",
    example=Example(lambda: CNN(2, 3, widths=(4, 5), shape=(8, 4)), _inputs),
)
class CNN(Network):
    """Stages of convolution, batch norm and ReLU; the mean over all pixels; a linear map.

    With ``down="polyphase"``, circular padding and sizes that the total stride divides, the output
    is invariant to every circular shift, *exact* (see `PolyphasePool`). With "stride" or "blur" it
    is invariant to the shifts by multiples of the total stride; with "blur" the others change
    little. Zero padding leaves no exact invariance. ``source.group`` says which.

    Arguments, attributes and errors as `Network` has them.

    Example:
        >>> model = CNN(1, 10, shape=(28, 28))
        >>> model.source.group
        group('Z28x28')
        >>> model(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    def _body(self, plan: Plan, in_channels: int, kernel_size: int) -> nn.Module:
        units = plan.units(in_channels)
        return nn.Sequential(*(Unit(kernel_size=kernel_size, **unit) for unit in units))
