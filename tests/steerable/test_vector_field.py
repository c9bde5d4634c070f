"""From the largest value of a function on the group to a vector: exact, ties too."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.steerable.vector_field import VectorFieldNonlinearity
from tests.steerable.nonlinearities import draw, fibre_error, hold_the_laws


@pytest.mark.parametrize("name", ["C4", "C8", "C5", "D4", "D3", "O", "Ih"])
def test_exact(name: str) -> None:
    layer = VectorFieldNonlinearity(Field(Vector(), 3 * geomdl.group(name).regular)).double()
    assert fibre_error(layer) <= 1e-13


def test_wrong_order_of_the_elements_breaks() -> None:
    class Swapped(VectorFieldNonlinearity):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[..., [1, 0, 2, 3]])

    assert fibre_error(Swapped(Field(Vector(), geomdl.group("C4").regular)).double()) >= 0.1


def test_length_and_angle() -> None:
    C8 = geomdl.group("C8")
    x = draw(100, 8)
    x[0] = -x[0].abs()
    y = VectorFieldNonlinearity(Field(Vector(), C8.regular)).double()(x)
    value, at = x.max(-1)
    angle = at.double() * (torch.pi / 4)
    expected = value.clamp(min=0)[:, None] * torch.stack([angle.cos(), angle.sin()], -1)
    assert torch.allclose(y, expected, atol=1e-14) and not y[0].any()


def test_ties_are_averaged() -> None:
    C4 = geomdl.group("C4")
    layer = VectorFieldNonlinearity(Field(Vector(), C4.regular)).double()
    x = torch.tensor([2.0, 2.0, 1.0, 0.0], dtype=torch.float64)
    assert torch.allclose(layer(x), x.new_tensor([1.0, 1.0]))
    for k in range(4):
        g = torch.tensor(k)
        moved = layer.target.act(g, layer(x))
        assert torch.allclose(layer(layer.source.act(g, x)), moved, atol=1e-14)


def test_other_representations_and_grids() -> None:
    D4 = geomdl.group("D4")
    field = Field(Grid(2), 2 * D4.regular)
    layer = VectorFieldNonlinearity(field, D4.standard + D4.irrep((1, 0))).double()
    x = draw(2, 16, 5, 5)
    assert geomdl.audit(layer, x).error <= 1e-12
    vectors = VectorFieldNonlinearity(Field(Vector(), 2 * D4.regular), layer.rep).double()
    assert torch.allclose(layer(x), vectors(x.movedim(1, -1)).movedim(-1, 1), atol=1e-14)


def test_laws() -> None:
    field = Field(Vector(), 2 * geomdl.group("C8").regular)
    hold_the_laws(lambda: VectorFieldNonlinearity(field), 3, 16)


def test_refusals() -> None:
    C4 = geomdl.group("C4")
    with pytest.raises(ValueError, match=r"^source: VectorFieldNonlinearity needs copies of a reg"):
        VectorFieldNonlinearity(Field(Vector(), C4.regular + C4.trivial))
    with pytest.raises(ValueError, match=r"^rep: should be of C4, got one of C8"):
        VectorFieldNonlinearity(Field(Vector(), C4.regular), geomdl.group("C8").standard)
