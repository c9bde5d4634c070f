"""Linear, bilinear and gated layers of any group, and the networks made of them."""

import copy
import math

import pytest
import torch

import geomdl
from geomdl.fields import Field, Grid, Vector
from geomdl.groups import group, intertwiner_operator, intertwiners, matrix_group
from geomdl.groups.intertwiners import Orbits
from geomdl.linear import EMLP, Bilinear, GatedNonlinearity, Linear, uniform_rep
from geomdl.linear.allotment import tensor
from geomdl.registry import record_of


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sl2():
    """SL(2, R), whose irreps nobody lists."""
    return matrix_group(
        lie_algebra=[[[1.0, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], name="SL(2)"
    )


def shear():
    """Shears and a mirroring: neither compact nor reductive."""
    return matrix_group([[[-1.0, 0.0], [0.0, 1.0]]], [[[0.0, 1.0], [0.0, 0.0]]], name="shears")


GROUPS = {
    "O3": group("O3"), "SO(1,3)": group("SO(1,3)"), "S4": group("S4"), "SL(2)": sl2(),
    "shears": shear(), "C5": group("C5"),
}  # fmt: skip


def error(layer, x, source=None, target=None):
    """Equivariance error, of float64 weights of size one."""
    layer = copy.deepcopy(layer).double()
    with torch.no_grad():
        for k, p in enumerate(layer.parameters()):
            p.copy_(torch.randn(p.shape, generator=seeded(k)))
    group_of = layer.source.group if source is None else source.group
    return geomdl.audit(layer, x, group=group_of, source=source, target=target).error


@pytest.mark.parametrize("name", GROUPS)
def test_linear_is_equivariant_and_complete(name):
    V = GROUPS[name].standard
    source, target = V @ V + 2 * V.group.trivial, V.dual + V @ V + V.group.trivial
    layer = Linear(source, target, rng=seeded())
    assert error(layer, torch.randn(4, source.dim, generator=seeded(), dtype=torch.float64)) < 1e-12
    basis = layer.operator.dense().flatten(1)
    wanted = intertwiners(source, target).flatten(1)
    assert len(basis) == len(wanted)
    assert (torch.linalg.svdvals(basis @ wanted.T) - 1).abs().max() < 1e-12
    assert len(layer.bias) == len(target.fixed())
    assert torch.allclose(layer.matrix(), layer.operator(layer.weight))


@pytest.mark.parametrize("name", ["O3", "SL(2)"])
def test_a_matrix_beside_the_basis_is_found(name):
    V = GROUPS[name].standard
    layer = Linear(V @ V, V @ V, rng=seeded())
    layer.operator = copy.copy(layer.operator)
    layer.operator.basis = layer.operator.basis.clone()
    layer.operator.basis[0, 0, 1] += 1e-3
    assert error(layer, torch.randn(4, V.dim**2, generator=seeded(), dtype=torch.float64)) > 1e-5


def test_a_bias_beside_the_invariants_is_found():
    V = group("O3").standard
    layer = Linear(V @ V, V @ V, rng=seeded())
    x = torch.randn(4, 9, generator=seeded(), dtype=torch.float64)
    assert error(layer, x) < 1e-12
    layer.constants = Linear(9 * V.group.trivial, 9 * V.group.trivial).constants
    layer.bias = torch.nn.Parameter(torch.randn(9))
    assert error(layer, x) > 1e-3


def test_first_outputs_have_the_size_of_the_inputs():
    G = group("O3")
    source = uniform_rep(G, 200)
    layer = Linear(source, uniform_rep(G, 150), rng=seeded())
    y = layer(torch.randn(2000, 200, generator=seeded())).detach()
    for part in y.split([rep.dim * n for rep, n in layer.target.rep.blocks], -1):
        assert 0.5 < float(part.square().mean()) < 2


def test_three_tensors_of_ten_points():
    V = group("S10").standard
    layer = Linear(tensor(V, 3, 0), tensor(V, 3, 0), rng=seeded())
    assert isinstance(layer.operator, Orbits)
    assert layer.operator.n == 203  # Bell(6)
    x = torch.randn(2, 1000, generator=seeded())
    layer(x).square().sum().backward()
    assert layer.weight.grad.isfinite().all()
    move = torch.randperm(10, generator=seeded())

    def act(t):
        t = t.view(-1, 10, 10, 10)
        return t[:, move][:, :, move][:, :, :, move].flatten(1)

    with torch.no_grad():
        assert (layer(act(x)) - act(layer(x))).abs().max() < 1e-4


def test_what_linear_refuses():
    o3, so3 = group("O3"), group("SO3")
    with pytest.raises(ValueError, match="target: expected a representation of O3, got one of SO3"):
        Linear(o3.standard, so3.standard)
    with pytest.raises(ValueError, match="target: expected an equivariant map other than zero"):
        Linear(o3.standard, o3.trivial)
    with pytest.raises(TypeError, match="source: expected a Rep or a Field, got int"):
        Linear(3, o3.standard)
    with pytest.raises(ValueError, match="source: expected a field of plain vectors, got"):
        Linear(Field(Grid(3), o3.standard), o3.standard)
    layer = Linear(o3.standard, o3.standard)
    assert layer.source == Field(Vector(), o3.standard)
    with pytest.raises(ValueError, match=r"x: .* should be rep.dim=3, got 4"):
        layer(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"x: expected floating point, got torch\.int64"):
        layer(torch.zeros(2, 3, dtype=torch.int64))


@pytest.mark.parametrize("name", GROUPS)
def test_bilinear_is_all_quadratic_maps(name):
    V = GROUPS[name].standard
    source, target = 2 * V.group.trivial + 2 * V, V + V.group.trivial + V @ V
    layer = Bilinear(source, target, rng=seeded())
    assert layer.complete
    assert layer.linear.operator.n == intertwiner_operator(source.sym(2), target).n
    x = torch.randn(4, source.dim, generator=seeded(), dtype=torch.float64)
    assert error(layer, x) < 1e-12
    layer = layer.double()
    assert (layer(3 * x) - 9 * layer(x)).abs().max() < 1e-12
    layer.factors[1] = layer.factors[1].roll(1)
    assert error(layer, x) > 1e-3


def test_bilinear_of_few_channels():
    G = group("O3")
    source = uniform_rep(G, 60)
    layer = Bilinear(source, source, channels=100, rng=seeded())
    assert not layer.complete and layer.factors.shape[1] <= 100
    x = torch.randn(4, 60, generator=seeded(), dtype=torch.float64)
    assert error(layer, x) < 1e-12
    other = Bilinear(source, source, channels=100, rng=seeded(1))
    assert not torch.equal(layer.factors, other.factors)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x.float()), other(x.float()))
    with pytest.raises(ValueError, match="target: expected a quadratic map other than zero"):
        Bilinear(G.standard, G.standard)
    with pytest.raises(ValueError, match="channels: expected an integer of at least 1, got 0"):
        Bilinear(source, source, channels=0)


@pytest.mark.parametrize("name", GROUPS)
def test_gated(name):
    G = GROUPS[name]
    gated = GatedNonlinearity(G.trivial + 2 * G.standard + G.trivial + G.standard @ G.standard)
    x = torch.randn(4, gated.source.rep.dim, generator=seeded(), dtype=torch.float64)
    assert error(gated, x) < 1e-12
    assert torch.allclose(gated(x)[:, 0], torch.nn.functional.silu(x[:, 0]))
    if name != "S4":  # permutations gate themselves
        gated.owner = torch.arange(len(gated.owner))
        assert error(gated, x) > 1e-3


@pytest.mark.parametrize(
    ("name", "channels"), [("O3", 100), ("SO(1,3)", 77), ("S4", 64), ("C5", 9)]
)
def test_channels_are_shared_among_orders(name, channels):
    rep = uniform_rep(group(name), channels)
    assert rep.dim == channels
    sizes = {}
    for block, n in rep.blocks:
        order = round(math.log(block.dim, group(name).standard.dim))
        sizes[order] = sizes.get(order, 0) + n * block.dim
    highest = max(sizes)
    d = group(name).standard.dim
    assert (highest + 1) * d**highest <= channels < (highest + 2) * d ** (highest + 1)
    assert all(sizes[r] >= d**highest for r in range(highest + 1))


def test_types_of_tensors_of_a_group_with_duals():
    V = group("SO(1,3)").standard
    names = {block.name for block, _ in uniform_rep(V.group, 200).blocks}
    assert {"standard", "standard*", "standard ⊗ standard*"} <= names
    with pytest.raises(ValueError, match="channels: expected a positive number, got 0"):
        uniform_rep(V.group, 0)


@pytest.mark.parametrize("name", ["O3", "SL(2)", "S4", "shears"])
def test_emlp(name, tmp_path):
    G = GROUPS[name]
    V = G.standard
    model = EMLP(2 * V + G.trivial, V @ V, G, channels=[12, 7 * G.trivial + V], rng=seeded())
    assert model.blocks[1].target.rep == 7 * G.trivial + V
    x = 0.3 * torch.randn(4, model.source.rep.dim, generator=seeded(), dtype=torch.float64)
    assert geomdl.audit(model, x).error < 1e-12
    assert record_of(model).name == "linear/EMLP"
    geomdl.save(model, tmp_path / "model.safetensors")
    again = geomdl.load(tmp_path / "model.safetensors")
    assert torch.equal(again(x.float()), model(x.float()))
    same = EMLP(2 * V + G.trivial, V @ V, channels=[12, 7 * G.trivial + V], rng=seeded())
    assert torch.equal(same(x.float()), model(x.float()))


def test_what_emlp_refuses():
    o3, so3 = group("O3"), group("SO3")
    with pytest.raises(ValueError, match="source: expected a representation of SO3, got one of O3"):
        EMLP(o3.standard, o3.standard, "SO3")
    with pytest.raises(ValueError, match="channels: expected a representation of O3, got one of"):
        EMLP(o3.standard, o3.standard, channels=so3.standard)
    for wrong in ([], 2.5, 0):
        with pytest.raises(ValueError, match="channels: expected a"):
            EMLP(o3.standard, o3.standard, channels=wrong)
    with pytest.raises(ValueError, match="layers: expected an integer of at least 1, got 0"):
        EMLP(o3.standard, o3.standard, layers=0)
    with pytest.raises(ValueError, match="generators: should be invertible"):
        matrix_group(torch.zeros(1, 2, 2))
