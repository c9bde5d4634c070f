"""Quadratic maps of one vector: complete, exact, refused where they do not fit."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.groups import Rep
from geomdl.steerable.tensor_nonlinearity import TensorProductNonlinearity, quadratic_maps
from tests.steerable.nonlinearities import draw, fibre_error, hold_the_laws, randomized

SO2, O2, SO3, O3, D4 = (geomdl.group(name) for name in ("SO2", "O2", "SO3", "O3", "D4"))
LORENTZ = geomdl.group("SO+(1,3)")


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (SO2.bandlimited(2), SO2.bandlimited(3)),
        (O2.standard + O2.irrep((1, 0)), O2.bandlimited(2)),
        (SO3.irrep(1) + SO3.irrep(2), SO3.irrep(0) + SO3.irrep(2) + SO3.irrep(1)),
        (O3.standard + O3.irrep((0, -1)), O3.irrep((2, 1)) + O3.irrep((1, 1)) + O3.standard),
        (D4.regular, D4.regular + D4.standard),
        (LORENTZ.standard, LORENTZ.trivial),
    ],
    ids=["SO2", "O2", "SO3", "O3", "D4", "Lorentz"],
)
def test_complete_and_exact(r: Rep, s: Rep) -> None:
    maps = quadratic_maps(r, s)
    assert len(maps) == geomdl.intertwiners(r.sym(2), s).shape[0] >= 1
    flat = maps.flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(len(maps), dtype=torch.float64), atol=1e-10)
    fields = Field(Vector(), 3 * r), Field(Vector(), 3 * s)
    layer = randomized(TensorProductNonlinearity(*fields, copies=3))
    assert fibre_error(layer) <= 1e-12


def test_the_value() -> None:
    fields = Field(Vector(), 2 * O3.standard), Field(Vector(), 2 * O3.trivial)
    layer = randomized(TensorProductNonlinearity(*fields))
    x = draw(5, 6)
    expected = x.unflatten(-1, (2, 3)).square().sum(-1) / 3**0.5 * layer.weight[:, 0]
    assert torch.allclose(layer(x), expected, atol=1e-13)


def test_mixing_components_breaks() -> None:
    class Mixed(TensorProductNonlinearity):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * x.square().mean(-1, keepdim=True) + x[..., :1]

    assert (
        fibre_error(Mixed(Field(Vector(), O3.standard), Field(Vector(), O3.trivial)).double())
        >= 0.01
    )


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_mean_square_at_the_start(gain: float) -> None:
    source = Field(Vector(), 200 * (SO3.irrep(1) + SO3.irrep(2)))
    target = Field(Vector(), 200 * (SO3.irrep(1) + SO3.irrep(2) + SO3.irrep(0)))
    rng = torch.Generator().manual_seed(0)
    layer = TensorProductNonlinearity(source, target, gain=gain, rng=rng).double()
    assert float(layer(draw(200, 1600)).detach().square().mean()) == pytest.approx(gain**2, rel=0.1)


def test_grids_and_vectors_agree() -> None:
    r, s = D4.standard + D4.trivial, D4.regular
    grid = TensorProductNonlinearity(Field(Grid(2), 2 * r), Field(Grid(2), 2 * s)).double()
    vector = TensorProductNonlinearity(Field(Vector(), 2 * r), Field(Vector(), 2 * s)).double()
    vector.load_state_dict(grid.state_dict())
    x = draw(2, 6, 3, 4)
    assert torch.allclose(grid(x), vector(x.movedim(1, -1)).movedim(-1, 1), atol=1e-13)


def test_laws() -> None:
    fields = Field(Vector(), 2 * SO3.irrep(2)), Field(Vector(), 2 * SO3.irrep(2))
    hold_the_laws(lambda: TensorProductNonlinearity(*fields), 3, 10, forces=True)
    O = geomdl.group("O")
    cubes = Field(Grid(3), 2 * O.standard), Field(Grid(3), 2 * O.irrep("E"))
    hold_the_laws(lambda: TensorProductNonlinearity(*cubes), 2, 6, 3, 3, 3)


def test_refusals() -> None:
    vector = Field(Vector(), O3.standard)
    with pytest.raises(ValueError, match=r"^target: no equivariant quadratic map but zero leads"):
        TensorProductNonlinearity(vector, vector)
    with pytest.raises(ValueError, match=r"^copies: standard is not 2 copies of a representation"):
        TensorProductNonlinearity(vector, Field(Vector(), O3.trivial), copies=2)
    with pytest.raises(ValueError, match=r"^target: should be a field of O3, got one of SO3"):
        TensorProductNonlinearity(vector, Field(Vector(), SO3.standard))
    with pytest.raises(ValueError, match=r"^target: should live on Vector\(\), got Grid\(3\)"):
        TensorProductNonlinearity(vector, Field(Grid(3), O3.trivial))
    with pytest.raises(ValueError, match=r"^copies: should be a positive integer, got 0"):
        TensorProductNonlinearity(vector, Field(Vector(), O3.trivial), copies=0)
