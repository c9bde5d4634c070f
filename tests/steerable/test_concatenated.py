"""Functions of each number and of its negative, for permutations with signs."""

import pytest
import torch

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.groups import Rep
from geomdl.steerable import Pointwise
from geomdl.steerable.concatenated import ConcatenatedNonlinearity, doubled
from geomdl.steerable.pointwise import FUNCTIONS
from tests.steerable.nonlinearities import draw, fibre_error, hold_the_laws

C4, D4, O, S4 = (geomdl.group(name) for name in ("C4", "D4", "O", "S4"))
TILT = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
TURNED = D4.finite_rep(TILT @ D4.standard(D4.elements) @ TILT.T)  # isomorphic, but no permutation
REPS = {
    "signs": D4.irrep((1, 0)) + 2 * D4.irrep((0, 2)) + D4.trivial,
    "planes": 2 * C4.standard + C4.irrep(2),
    "cube": O.standard + O.irrep("A2") + O.regular,
    "twisted": D4.irrep((1, 0)) @ D4.regular,
    "permutations": 2 * S4.standard,
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("rep", REPS.values(), ids=REPS)
def test_exact(rep: Rep, function: str) -> None:
    layer = ConcatenatedNonlinearity(Field(Vector(), rep), function).double()
    assert layer.target.rep.is_permutation and layer.target.rep.dim == 2 * rep.dim
    assert fibre_error(layer) <= 1e-13


def test_without_the_negatives_it_breaks() -> None:
    class Halved(Pointwise):
        def __init__(self, source: Field) -> None:
            super().__init__(Field(Vector(), source.rep.dim * source.group.trivial))
            self.source = self.target = source

    assert fibre_error(Halved(Field(Vector(), C4.standard))) >= 0.1


def test_layout_on_grids_and_nothing_is_lost() -> None:
    field = Field(Grid(2), D4.trivial + 2 * D4.standard)
    layer = ConcatenatedNonlinearity(field)
    x = draw(2, 5, 4, 4)
    a, b, c = x[:, :1], x[:, 1:3], x[:, 3:]
    expected = torch.cat([a, -a, b, -b, c, -c], 1).relu()
    assert torch.equal(layer(x), expected)
    assert geomdl.audit(layer, x).error <= 1e-12
    assert Pointwise(layer.target).source == layer.target


def test_laws() -> None:
    field = Field(Grid(3), O.standard + O.irrep("A2"))
    hold_the_laws(lambda: ConcatenatedNonlinearity(field, "silu"), 2, 4, 3, 3, 3)
    hold_the_laws(lambda: ConcatenatedNonlinearity(Field(Vector(), REPS["planes"]), "elu"), 3, 5)


def test_refusals() -> None:
    for rep in (geomdl.group("C8").standard, geomdl.group("SO3").standard, TURNED):
        with pytest.raises(
            ValueError, match=r"^source: ConcatenatedNonlinearity needs matrices of"
        ):
            ConcatenatedNonlinearity(Field(Vector(), rep))
    with pytest.raises(ValueError, match=r"^function: should be one of relu, .* got 'x'$"):
        ConcatenatedNonlinearity(Field(Vector(), D4.standard), "x")
    assert doubled(geomdl.group("SO3").trivial).dim == 2
