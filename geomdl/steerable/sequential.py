"""Layers one after another, refused where their fields do not meet."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from geomdl import groups
from geomdl.fields import Field, Grid, check_chain
from geomdl.registry import Example, register_layer
from geomdl.steerable.conv import Conv
from geomdl.steerable.pointwise import Pointwise


def _example() -> nn.Module:
    G = groups.group("C4")
    conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 2 * G.regular), 3)
    return Sequential(conv, Pointwise(conv.target))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 6, 6, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Sequential", example=Example(_example, _inputs))
class Sequential(nn.Sequential):
    """``torch.nn.Sequential`` whose layers' fields are checked when it is built.

    Args:
        layers: modules with ``source`` and ``target``, at least one; or one dict of named ones, as
            slices give.

    Raises:
        ValueError: a layer's source is not the target of the one before.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> from geomdl.steerable import Conv, GroupPool
        >>> G = geomdl.group("C4")
        >>> conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 8 * G.regular), 3)
        >>> Sequential(conv, GroupPool(conv.target)).target.rep
        <8·trivial of C4, dim 8>
    """

    def __init__(self, *layers: nn.Module | Mapping[str, nn.Module]) -> None:
        named: OrderedDict[str, nn.Module] = OrderedDict()
        for i, layer in enumerate(layers):
            named |= layer if isinstance(layer, Mapping) else {str(i): layer}
        if not named:
            raise ValueError("layers: should be at least one, got none")
        check_chain(named.values())
        super().__init__(named)

    @property
    def source(self) -> Field:
        """Field of the first layer's input."""
        return cast(Field, self[0].source)

    @property
    def target(self) -> Field:
        """Field of the last layer's output."""
        return cast(Field, self[len(self) - 1].target)
