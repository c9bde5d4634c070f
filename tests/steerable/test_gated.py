"""Gated non-linearities: their formula and layout, exactness, refusals."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.groups import Rep
from geomdl.steerable import Conv, Sequential
from geomdl.steerable.gated import GATES, GatedNonlinearity, gate_representation
from geomdl.steerable.pointwise import FUNCTIONS
from tests.steerable.nonlinearities import draw, fibre_error, hold_the_laws

SO3, O3, D4 = (geomdl.group(name) for name in ("SO3", "O3", "D4"))
C4_IN_D4 = D4.subgroup("C4")
INDUCED = C4_IN_D4.group.standard.induce(C4_IN_D4)
LORENTZ = geomdl.group("SO+(1,3)")


@pytest.mark.parametrize("gates", ["copy", "shared"])
@pytest.mark.parametrize(
    "rep",
    [
        2 * SO3.irrep(0) + SO3.irrep(2) + 2 * SO3.irrep(1),
        O3.irrep((0, -1)) + O3.trivial + 2 * O3.standard,
        D4.regular + D4.standard,
        LORENTZ.standard + LORENTZ.trivial,
    ],
    ids=lambda rep: rep.group.name,
)
def test_exact_for_random_elements(rep: Rep, gates: str) -> None:
    layer = GatedNonlinearity(Field(Vector(), rep), gates=gates).double()
    assert layer.target.rep == rep
    assert fibre_error(layer) <= 1e-12


def test_cosets_are_gated_one_by_one() -> None:
    rep = INDUCED + D4.trivial + 2 * D4.regular
    layer = GatedNonlinearity(Field(Grid(2), rep), "tanh", gates="coset")
    gates = gate_representation(rep, "coset")
    assert [r.dim for r, _ in gates.blocks] == [2, 8]
    assert gates.dim == 18 and gates.is_permutation
    assert geomdl.audit(layer, draw(2, 18 + 21, 4, 4)).error <= 1e-12


def test_a_gate_for_each_component_breaks() -> None:
    class Each(GatedNonlinearity):
        def forward(self, x: Tensor) -> Tensor:
            gate, vector = x[..., :1], x[..., 1:]
            return vector * torch.sigmoid(gate * torch.arange(3))

    assert fibre_error(Each(Field(Vector(), SO3.irrep(1)))) >= 0.01


def test_formula_and_order_of_channels() -> None:
    target = Field(Grid(2), 2 * D4.trivial + D4.standard + D4.trivial + 2 * D4.irrep((1, 0)))
    layer = GatedNonlinearity(target, "tanh", scalars="elu")
    assert layer.source.rep.dim == 3 + 7
    x = draw(2, 10, 3, 3)
    g, v = x[:, :3].tanh(), x[:, 3:]
    elu = torch.nn.functional.elu
    expected = [elu(v[:, :2]), g[:, :1] * v[:, 2:4], elu(v[:, 4:5]), g[:, 1:] * v[:, 5:]]
    assert torch.equal(layer(x), torch.cat(expected, 1))
    shared = GatedNonlinearity(target, "tanh", scalars=None, gates="shared")
    expected = [v[:, :2], g[:, :1] * v[:, 2:4], v[:, 4:5], g[:, :1] * v[:, 5:]]
    assert torch.equal(shared(torch.cat([x[:, :1], v], 1)), torch.cat(expected, 1))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions(function: str) -> None:
    layer = GatedNonlinearity(Field(Vector(), SO3.irrep(1)), function)
    x = draw(5, 4)
    assert torch.equal(layer(x), FUNCTIONS[function](x[:, :1]) * x[:, 1:])


def test_the_source_is_what_a_convolution_should_produce() -> None:
    field = Field(Grid(2), D4.trivial)
    gated = GatedNonlinearity(Field(Grid(2), 2 * D4.trivial + 3 * D4.standard))
    net = Sequential(Conv(field, gated.source, 3), gated)
    assert net.target == gated.target
    assert geomdl.audit(net, draw(2, 1, 5, 5), randomize=True).error <= 1e-12


def test_laws() -> None:
    O = geomdl.group("O")
    field = Field(Grid(3), O.trivial + O.standard)
    hold_the_laws(lambda: GatedNonlinearity(field, "silu", gates="shared"), 2, 5, 3, 3, 3)
    field = Field(Grid(2), INDUCED + D4.regular)
    hold_the_laws(lambda: GatedNonlinearity(field, gates="coset"), 2, 22, 3, 3)
    vectors = Field(Vector(), SO3.irrep(0) + 2 * SO3.irrep(2))
    hold_the_laws(lambda: GatedNonlinearity(vectors, "tanh", None), 3, 13)


def test_autocast() -> None:
    layer = GatedNonlinearity(Field(Vector(), SO3.irrep(1)))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(draw(3, 4).bfloat16()).dtype == torch.bfloat16


def test_refusals() -> None:
    field = Field(Vector(), SO3.irrep(1))
    with pytest.raises(ValueError, match=r"^target: has only trivial copies, use Pointwise, got"):
        GatedNonlinearity(Field(Vector(), 2 * SO3.trivial + SO3.irrep(0)))
    with pytest.raises(ValueError, match=r"^function: should be one of relu, .* got 'gate'$"):
        GatedNonlinearity(field, "gate")
    with pytest.raises(ValueError, match=r"^scalars: should be one of relu, .* got 'gate'$"):
        GatedNonlinearity(field, scalars="gate")
    with pytest.raises(ValueError, match=rf"^gates: should be one of {', '.join(GATES)}, got 'x'$"):
        GatedNonlinearity(field, gates="x")
    with pytest.raises(ValueError, match=r"^target: parts for each coset need .* got irrep\(1\)"):
        GatedNonlinearity(field, gates="coset")
    with pytest.raises(ValueError, match=r"^target: should be a Field on a Grid, got Points\(3\)$"):
        GatedNonlinearity(Field(geomdl.Points(3), SO3.standard))
    with pytest.raises(ValueError, match=r"^x: .* should be rep\.dim=4, got 3$"):
        GatedNonlinearity(field)(torch.zeros(2, 3))
