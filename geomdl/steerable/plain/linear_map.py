"""Plain linear maps: the expanded matrix in ``nn.Linear``, or in a convolution with one tap."""

from torch import nn

from geomdl.fields import Grid
from geomdl.steerable.linear import Linear
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import pointwise_map


@form_of(Linear)
def linear(layer: Linear) -> nn.Module:
    """Ordinary linear map with the matrix expanded."""
    domain = layer.source.domain
    return pointwise_map(*layer.filter(), domain.d if isinstance(domain, Grid) else None)
