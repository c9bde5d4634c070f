"""Plain changes of basis: a matrix at every pixel."""

import torch
from torch import Tensor, nn

from geomdl.fields import Grid
from geomdl.steerable.basis_change import ChangeOfBasis, Disentangle
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import graph_of, pointwise_map


class _Permute(nn.Module):
    """Channels in another order."""

    order: Tensor

    def __init__(self, order: Tensor, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("order", order)

    def forward(self, x: Tensor) -> Tensor:
        return x.index_select(self.axis, self.order)


@form_of(Disentangle)
@form_of(ChangeOfBasis)
def change_of_basis(layer: ChangeOfBasis) -> nn.Module:
    """Convolution with one tap on a grid, linear map of vectors; or channels in another order."""
    domain, matrix = layer.source.domain, layer.matrix().detach()
    d = domain.d if isinstance(domain, Grid) else None
    order = matrix.abs().argmax(1)
    if torch.equal(matrix, torch.eye(len(matrix)).to(matrix)[order]):
        return graph_of(_Permute(order, -1 if d is None else 1), name=type(layer).__name__)
    return pointwise_map(matrix, None, d)
