"""Residual network, invariant to circular shifts where it is built to be."""

from typing import Any

import torch
from torch import nn

from geomdl.registry import Example, register_model

from .network import Network
from .plan import Plan
from .units import Residual, Unit

__all__ = ["ResNet"]


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 2, 8, 4, generator=rng, dtype=torch.float64),)


@register_model(
    "translation/resnet",
    example=Example(lambda: ResNet(2, 3, widths=(4, 5), shape=(8, 4)), _inputs),
)
class ResNet(Network):
    """A unit of convolution, batch norm and ReLU; stages of residual units; mean; a linear map.

    Which circular shifts leave the output as it is, *exact*: as for `CNN`. In a residual unit with
    ``down="polyphase"`` both branches keep one phase.

    Arguments, attributes and errors as `Network` has them.

    Example:
        >>> model = ResNet(1, 10, widths=(8, 16), shape=(28, 28), down="stride")
        >>> model.source.group  # the shifts by two pixels, and what they generate
        group('Z14x14')
        >>> model(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])

    Source: He et al. 2016, arXiv:1512.03385.
    """

    def _body(self, plan: Plan, in_channels: int, kernel_size: int) -> nn.Module:
        units = plan.units(plan.widths[0])
        stem = Unit(kernel_size=kernel_size, **{**units[0], "in_channels": in_channels})
        return nn.Sequential(stem, *(Residual(kernel_size=kernel_size, **u) for u in units))
