"""Layers one after another, refused where their fields or sizes do not meet."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, check_chain
from geomdl.registry import Example, register_layer
from geomdl.steerable.conv import Conv
from geomdl.steerable.pointwise import Pointwise
from geomdl.steerable.static_sizes import chain_sizes, whole_sizes
from geomdl.steerable.taps import grid_of


def _example() -> nn.Module:
    G = groups.group("C4")
    conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 2 * G.regular), 3)
    return Sequential(conv, Pointwise(conv.target), size=6)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 1, 6, 6, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Sequential", example=Example(_example, _inputs))
class Sequential(nn.Sequential):
    """``torch.nn.Sequential`` whose layers' fields and sizes are checked when it is built.

    Args:
        layers: modules with ``source`` and ``target``, at least one; or one dict of named ones, as
            slices give.
        size: pixels of the images to come, one number or one for each axis: then a stride that
            breaks the symmetry, or a window that does not fit, is refused here and not at the call.

    Raises:
        ValueError: a layer's source is not the target of the one before; or a layer does not take
            the sizes, then with its number, the remedy, and the nearest sizes that all layers take.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> from geomdl.steerable import Conv, GroupPool
        >>> G = geomdl.group("C4")
        >>> conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 8 * G.regular), 3)
        >>> net = Sequential(conv, GroupPool(conv.target), size=28)
        >>> net.target.rep
        <8·trivial of C4, dim 8>
        >>> net.sizes((28, 28))
        (26, 26)
    """

    def __init__(
        self,
        *layers: nn.Module | Mapping[str, nn.Module],
        size: int | Sequence[int] | None = None,
    ) -> None:
        named: OrderedDict[str, nn.Module] = OrderedDict()
        for i, layer in enumerate(layers):
            named |= layer if isinstance(layer, Mapping) else {str(i): layer}
        if not named:
            raise ValueError("layers: should be at least one, got none")
        check_chain(named.values())
        super().__init__(named)
        if size is not None:
            self.sizes(whole_sizes(size, grid_of(self.source, "source").d))

    @property
    def source(self) -> Field:
        """Field of the first layer's input."""
        return cast(Field, self[0].source)

    @property
    def target(self) -> Field:
        """Field of the last layer's output."""
        return cast(Field, self[len(self) - 1].target)

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the output for an input of these sizes; none if the output is a vector.

        Raises:
            ValueError: a layer does not take them; it is named.
        """
        return chain_sizes(self, sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers; in eager mode an error of one of them says which."""
        if torch.compiler.is_compiling():
            for layer in self:
                x = layer(x)
            return x
        for number, layer in enumerate(self, start=1):
            try:
                x = layer(x)
            except ValueError as error:
                raise ValueError(f"layer {number} ({type(layer).__name__}): {error}") from error
        return x
