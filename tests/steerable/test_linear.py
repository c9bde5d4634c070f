"""Linear maps: at every pixel as on vectors, block by block as by the dense matrix."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import geomdl
from geomdl import Field, Grid, Nodes, Vector
from geomdl.groups import Rep
from geomdl.steerable import Conv
from geomdl.steerable.linear import Linear
from tests.steerable.nonlinearities import draw, fibre_error, hold_the_laws, randomized

D4, SO3, SO2, O2 = (geomdl.group(name) for name in ("D4", "SO3", "SO2", "O2"))


def irreps(group: geomdl.groups.Group, n: int, frequency: int) -> Rep:
    first, *others = [n * irrep for irrep in group.irreps(frequency)]
    for other in others:
        first = first + other
    return first


def dense(layer: Linear) -> Linear:
    """The same layer, by the dense matrix."""
    layer._plan = None
    return layer


def test_a_pixel_is_a_vector() -> None:
    r, s = 2 * D4.regular + D4.standard, D4.standard + D4.quotient(D4.subgroup("C2")) + D4.trivial
    layer = randomized(Linear(Field(Grid(2), r), Field(Grid(2), s)))
    assert isinstance(layer, Linear)
    vectors = Linear(Field(Vector(), r), Field(Vector(), s)).double()
    vectors.load_state_dict(layer.state_dict())
    x = draw(2, r.dim, 4, 5)
    assert torch.allclose(layer(x).movedim(1, -1), vectors(x.movedim(1, -1)), atol=1e-12)
    assert geomdl.audit(layer, draw(2, r.dim, 5, 5)).error <= 1e-12
    weight, bias = layer.filter()
    assert bias is not None
    plain = nn.functional.conv2d(x, weight[..., None, None], bias)
    assert torch.allclose(layer(x), plain, atol=1e-12)


def test_it_is_the_convolution_of_one_tap() -> None:
    source, target = Field(Grid(2), D4.regular), Field(Grid(2), 2 * D4.regular)
    layer, conv = Linear(source, target).double(), Conv(source, target, 1).double()
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        k: v.shape for k, v in conv.state_dict().items()
    }
    conv.load_state_dict(layer.state_dict())
    x = draw(2, 8, 4, 4)
    assert torch.allclose(layer(x), conv(x), atol=1e-12)


CASES = {
    "SO3": (irreps(SO3, 12, 3), irreps(SO3, 10, 3) + SO3.irrep(5), Vector()),
    "SO3, volumes": (irreps(SO3, 12, 3), irreps(SO3, 10, 2), Grid(3)),
    "O2": (irreps(O2, 30, 3) + O2.standard, O2.standard + irreps(O2, 25, 4), Grid(2)),
    "SO2": (irreps(SO2, 16, 5), irreps(SO2, 15, 5), Grid(2)),
    "D4": (irreps(D4, 30, 0) + 2 * D4.standard, irreps(D4, 30, 0), Grid(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_blocks_give_what_the_matrix_gives(name: str) -> None:
    r, s, domain = CASES[name]
    layer = randomized(Linear(Field(domain, r), Field(domain, s)))
    assert isinstance(layer, Linear)
    assert layer._plan is not None
    x = draw(3, r.dim, *([3] * domain.d if isinstance(domain, Grid) else [4]))
    x = x if isinstance(domain, Grid) else x.movedim(1, -1)
    y = layer(x)
    assert torch.allclose(y, dense(layer)(x), atol=1e-11)
    layer._plan = [[]] * len(s.blocks)  # sabotage: nothing is multiplied
    assert (layer(x) - y).abs().max() >= 0.1


@pytest.mark.parametrize("name", ["SO3", "O2", "SO2"])
def test_blocks_commute_with_the_group_and_are_complete(name: str) -> None:
    r, s, _ = CASES[name]
    layer = randomized(Linear(Field(Vector(), r), Field(Vector(), s)))
    assert isinstance(layer, Linear)
    assert fibre_error(layer) <= 1e-12
    assert layer.filters.n == geomdl.groups.intertwiner_operator(r, s).n


def test_blocks_hold_the_laws() -> None:
    rep = 64 * D4.standard + 64 * D4.trivial + 64 * D4.irrep((1, 0))
    field = Field(Grid(2), rep)
    assert Linear(field, field)._plan is not None
    hold_the_laws(lambda: Linear(field, field), 2, rep.dim, 3, 3)


def test_small_and_permutation_maps_stay_dense() -> None:
    small = irreps(SO3, 1, 2)
    for rep in (small, 20 * D4.regular, 200 * D4.trivial):
        assert Linear(Field(Vector(), rep), Field(Vector(), rep))._plan is None


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^source: should be a Field on a Grid, got Nodes\(\)$"):
        Linear(Field(Nodes(), D4.trivial), Field(Nodes(), D4.trivial))
    with pytest.raises(ValueError, match=r"^target: no equivariant map but zero leads from"):
        Linear(Field(Grid(2), D4.standard), Field(Grid(2), D4.trivial))


def test_hooks_that_make_weights_are_run_where_blocks_are_multiplied_one_by_one() -> None:
    O3 = geomdl.group("O3")
    parts = O3.irrep((0, 1)) + O3.irrep((1, -1)) + O3.irrep((2, 1)) + O3.irrep((3, -1))
    field = Field(Vector(), 32 * parts)
    layer = Linear(field, field)
    assert layer._plan is not None
    prune.random_unstructured(layer.filters.blocks[0], "weight", 0.5)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    x = torch.randn(3, field.channels)
    for _ in range(2):  # the second pass would go through the first one's graph
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()
    weight, bias = layer.filter()
    torch.testing.assert_close(layer(x), nn.functional.linear(x, weight, bias))


def test_an_overridden_filter_is_used_by_large_layers_too() -> None:
    class Halved(Linear):
        def filter(self) -> tuple[torch.Tensor, torch.Tensor | None]:
            weight, bias = super().filter()
            return weight / 2, bias

    O3 = geomdl.group("O3")
    field = Field(Vector(), 32 * sum((O3.irrep((i, 1)) for i in range(1, 4)), O3.irrep((0, 1))))
    layer = Halved(field, field, bias=False)
    assert layer._plan is not None
    x = torch.randn(3, field.channels)
    torch.testing.assert_close(layer(x), x @ layer.filter()[0].T)
