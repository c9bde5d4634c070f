"""Plain masks and restrictions: a product with numbers, and nothing at all."""

from torch import Tensor, nn

from geomdl.steerable.mask import Mask
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import graph_of
from geomdl.steerable.restriction import Restrict


class _Mask(nn.Module):
    """x · mask."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask


@form_of(Mask)
def mask(layer: Mask) -> nn.Module:
    """Graph of the product."""
    return graph_of(_Mask(layer.mask), name="Mask")


@form_of(Restrict)
def restrict(layer: Restrict) -> nn.Module:
    """The identity: numbers stay as they are."""
    return nn.Identity()
