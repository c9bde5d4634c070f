"""Plain dropout of whole fields: ``nn.Dropout`` of one number for each copy."""

import torch
from torch import Tensor, nn

from geomdl.fields import Grid
from geomdl.steerable.dropout import Dropout
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import graph_of


class _FieldDropout(nn.Module):
    """Dropout of ones, one for each copy, by which the copy's channels are multiplied."""

    first: Tensor
    index: Tensor

    def __init__(self, layer: Dropout) -> None:
        super().__init__()
        index = layer.index.detach().clone()
        same = torch.cat([index.new_full((1,), -1), index[:-1]]) == index
        self.register_buffer("first", (~same).nonzero().flatten())  # channel of each copy
        self.register_buffer("index", index)
        self.drop = nn.Dropout(layer.p)
        domain = layer.source.domain
        self.d = domain.d if isinstance(domain, Grid) else 0
        self.axis, self.per_pixel = 1 if self.d else -1, layer.per_pixel

    def forward(self, x: Tensor) -> Tensor:
        copies = x.index_select(self.axis, self.first)
        if not self.per_pixel:
            for axis in range(2, 2 + self.d):
                copies = copies.narrow(axis, 0, 1)
        mask: Tensor = self.drop(torch.ones_like(copies))
        return x * mask.index_select(self.axis, self.index)


@form_of(Dropout)
def dropout(layer: Dropout) -> nn.Module:
    """Graph around an ordinary dropout."""
    return graph_of(_FieldDropout(layer), name="FieldDropout")
