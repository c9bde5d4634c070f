"""Multilayer perceptron: the network of the trivial group."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Vector
from geomdl.fields.space import Space, check_positive
from geomdl.registry import Example, register_model

__all__ = ["MLP"]


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 2, 4, 3, generator=rng, dtype=torch.float64),)


@register_model(
    "translation/mlp",
    example=Example(lambda: MLP(2, 3, width=8, depth=2, shape=(4, 3)), _inputs),
)
class MLP(nn.Module):
    """Fully connected layers with ReLU between them. It respects no symmetry but the trivial one.

    Args:
        in_channels: channels of the input.
        classes: numbers that come out.
        width: features of each hidden layer.
        depth: number of hidden layers.
        shape: spatial sizes of the input, which is flattened; () for plain vectors.

    Attributes:
        source: field of the trivial group C1, on a grid or of vectors.
        target: vectors of the trivial group.

    Raises:
        ValueError: an argument that is no positive integer.

    Example:
        >>> MLP(1, 10, shape=(28, 28))(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 10,
        *,
        width: int = 256,
        depth: int = 2,
        shape: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        check_positive(in_channels=in_channels, classes=classes, width=width, depth=depth)
        self.space = Space(len(shape), tuple(shape), circular=False) if shape else None
        self.in_channels = in_channels
        trivial = groups.group("C1").trivial
        self.source = (
            self.space.field(in_channels) if self.space else Field(Vector(), in_channels * trivial)
        )
        self.target = Field(Vector(), classes * trivial)
        sizes = [in_channels * math.prod(shape), *depth * [width], classes]
        layers: list[nn.Module] = [nn.Flatten()]
        for i, (before, after) in enumerate(pairwise(sizes)):
            layers += [nn.ReLU()] if i else []
            layers.append(nn.Linear(before, after))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, *shape) to (batch, classes)."""
        if self.space is not None:
            self.space.check(x, self.in_channels)
        elif x.dim() != 2 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"x: should be (batch, channels={self.in_channels}), got {tuple(x.shape)}"
            )
        y: Tensor = self.layers(x)
        return y
