"""Plain filtered non-linearities: their matrices made for the sizes that come."""

import torch
from torch import Tensor, nn

from geomdl.steerable.oversampled import FilteredPointwise, along_axes, fitted, gaussian
from geomdl.steerable.plain.forms import form_of
from geomdl.steerable.plain.graphs import graph_of
from geomdl.steerable.plain.pointwise_function import FUNCTIONS
from geomdl.steerable.taps import grid_of


class _Filtered(nn.Module):
    """Interpolate, apply a function, take Gaussian means."""

    def __init__(self, function: nn.Module, d: int, scale: int, blur: float, wrap: bool) -> None:
        super().__init__()
        self.function = function
        self.d, self.scale, self.blur, self.wrap = d, scale, blur, wrap

    def offsets(self, x: Tensor) -> list[Tensor]:
        """Steps of the finer array from each pixel to each new place, for each axis."""
        found = []
        for axis in range(2, 2 + self.d):
            n, s = x.shape[axis], self.scale
            places = s * n if self.wrap else s * (n - 1) + 1
            new = x.new_ones(places, dtype=torch.float64).cumsum(0) - 1
            u = new.unsqueeze(1) - s * (x.new_ones(n, dtype=torch.float64).cumsum(0) - 1)
            found.append(u - places * (u / places).round() if self.wrap else u)
        return found

    def forward(self, x: Tensor) -> Tensor:
        offsets = self.offsets(x)
        if self.scale > 1:
            x = along_axes(x, [fitted(u / self.scale) for u in offsets], self.d)
        x = self.function(x)
        if self.scale > 1 or self.blur > 0:
            x = along_axes(x, [gaussian(u.mT, self.scale * self.blur) for u in offsets], self.d)
        return x


@form_of(FilteredPointwise)
def filtered_pointwise(layer: FilteredPointwise) -> nn.Module:
    """A graph; the function's own module where nothing is filtered."""
    function, grid = FUNCTIONS[layer.function](), grid_of(layer.source, "source")
    if layer.oversample == 1 and layer.blur == 0:
        return function
    plain = _Filtered(function, grid.d, layer.oversample, layer.blur, grid.periodic)
    return graph_of(plain, name="FilteredPointwise")
