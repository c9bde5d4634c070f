"""Affine maps and perceptrons of layers on graphs, drawn from a generator."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import dropout_rate


def affine(
    rows: int, columns: int, *, bias: bool = True, rng: torch.Generator | None = None
) -> nn.Linear:
    """`torch.nn.Linear` with the weights of Glorot and no bias at first.

    Args:
        rows: numbers that come in.
        columns: numbers that come out.
        bias: whether there is one.
        rng: for the weights; torch's global one if None.

    Example:
        >>> affine(3, 2).bias.tolist()
        [0.0, 0.0]
    """
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, rows, columns, bias=bias)
    with torch.no_grad():
        nn.init.xavier_uniform_(layer.weight, generator=rng)
        if bias:
            layer.bias.zero_()
    return layer


def glorot(*shape: int, rng: torch.Generator | None = None) -> nn.Parameter:
    """Parameter with the weights of Glorot along its last two axes.

    Example:
        >>> glorot(4, 2).shape
        torch.Size([4, 2])
    """
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(*shape), generator=rng))


def perceptron(
    sizes: Sequence[int], *, dropout: float = 0.0, rng: torch.Generator | None = None
) -> nn.Sequential:
    """Affine maps with ReLU, and dropout where there is some, between them.

    Args:
        sizes: numbers that come in, widths of the layers, numbers that come out.
        dropout: probability.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: `dropout` is no probability below 1.

    Example:
        >>> perceptron([3, 8, 2])(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """
    layers: list[nn.Module] = []
    rate = dropout_rate(dropout)
    for rows, columns in pairwise(sizes):
        if layers:
            layers.append(nn.ReLU())
            layers += [nn.Dropout(rate)] if rate else []
        layers.append(affine(rows, columns, rng=rng))
    return nn.Sequential(*layers)


def alike(x: Tensor, *others: Tensor | None) -> tuple[Any, ...]:
    """All of them in the widest type among them, as autocast leaves some and rounds others.

    Example:
        >>> [x.dtype for x in alike(torch.zeros(1, dtype=torch.bfloat16), torch.zeros(1))]
        [torch.float32, torch.float32]
    """
    dtype = x.dtype
    for other in others:
        dtype = dtype if other is None else torch.promote_types(dtype, other.dtype)
    return x.to(dtype), *(None if other is None else other.to(dtype) for other in others)


def plus(y: Tensor, bias: Tensor | None) -> Tensor:
    """The sum, or y where there is no bias."""
    return y if bias is None else y + bias
