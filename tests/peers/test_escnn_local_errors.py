"""Lie derivatives of networks of escnn, layer by layer."""

from types import ModuleType
from typing import Any

import pytest
from torch import Tensor, nn

from geomdl import lie_derivative
from tests.auditing.networks import images

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("broken", [False, True])
def test_layers_of_escnn_and_a_broken_padding(escnn: ModuleType, broken: bool) -> None:
    enn: Any = escnn.nn
    space = escnn.gspaces.rot2dOnR2(4)
    types = [enn.FieldType(space, r) for r in ([space.trivial_repr], 2 * [space.regular_repr])]

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            mode = "zeros" if broken else "circular"
            self.lift = enn.R2Conv(*types, 3, padding=1, padding_mode="circular")
            self.act = enn.ELU(types[1])
            self.conv = enn.R2Conv(types[1], types[1], 3, padding=1, padding_mode=mode)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.conv(self.act(self.lift(enn.GeometricTensor(x, types[0])))).tensor
            return out

    found = lie_derivative(Net(), images(2, 1, 12, 12), action="translation", periodic=True,
                           per_layer=True)  # fmt: skip
    costs = {layer.name: layer.worst for layer in found.layers}
    assert list(costs) == ["lift", "act", "conv"]
    assert costs["lift"] < 1e-12
    assert costs["act"] > 1e-3  # aliasing
    assert (costs["conv"] > 1e-3) == broken
