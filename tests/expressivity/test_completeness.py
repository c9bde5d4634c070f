"""Equivariant polynomials against averages over groups, and what layers reach of them."""

import math

import pytest
import torch
from torch import nn

import geomdl
from geomdl.expressivity import (
    completeness,
    curie,
    equivariant_dimensions,
    polynomial_equivariants,
    taylor_component,
)
from geomdl.expressivity.polynomials import monomials
from geomdl.fields import Field, Grid, Vector, positions
from geomdl.groups import molien
from geomdl.linear import EMLP, Bilinear

O3 = geomdl.group("O3")
V = O3.standard


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", ["C4", "D4", "S3", "Q8", "T"])
def test_dimensions_two_ways(name):
    group = geomdl.group(name)
    source, target = group.standard, group.standard @ group.standard
    counts = equivariant_dimensions(source, target, 3)
    bases = [len(polynomial_equivariants(source, target, k)) for k in range(4)]
    assert counts == bases
    assert equivariant_dimensions(source, group.trivial, 5) == molien(source, 5)


def test_dimensions_by_averaging():
    """Rank of group averages of random polynomials, without any intertwiner."""
    group = geomdl.group("D4")
    source, target, degree = group.standard + group.trivial, group.standard, 3
    x = random(30, source.dim)
    columns = []
    for seed in range(40):
        weight = random(target.dim, monomials(x, degree).shape[1], seed=seed)
        total = torch.zeros(30, target.dim, dtype=torch.float64)
        for g in group.elements:
            moved = monomials(x @ source(g).T, degree) @ weight.T
            total += moved @ target(group.inverse(g)).T
        columns.append(total.flatten())
    rank = int(torch.linalg.matrix_rank(torch.stack(columns), rtol=1e-9))
    assert rank == equivariant_dimensions(source, target, degree)[degree] > 0


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_the_basis_is_equivariant(degree):
    source, target = 2 * V + O3.trivial, V @ V
    maps = polynomial_equivariants(source, target, degree)
    x, g = random(5, source.dim), O3.sample(1, torch.Generator().manual_seed(1))[0]
    moved = maps(x @ source(g).T)
    assert torch.allclose(moved, maps(x) @ target(g).T, atol=1e-10)
    assert torch.allclose(maps(2 * x), 2**degree * maps(x))
    assert len(maps) == equivariant_dimensions(source, target, degree)[degree]


def test_monomials():
    x = random(4, 3)
    assert torch.allclose(monomials(x, 3).square().sum(-1), x.square().sum(-1) ** 3)
    symmetric = V.sym(3).embedding.flatten(0, 2)
    cube = torch.einsum("na,nb,nc->nabc", x, x, x).flatten(1)
    assert torch.allclose(monomials(x, 3), cube @ symmetric, atol=1e-12)


def test_taylor_components():
    x = random(6, 2)

    def f(x: torch.Tensor) -> torch.Tensor:
        a, b = x[:, 0], x[:, 1]
        return torch.exp(a) * torch.cos(b)

    a, b = x.T
    expected = [torch.ones(6).double(), a, (a**2 - b**2) / 2, a**3 / 6 - a * b**2 / 2]
    for degree, component in enumerate(expected):
        assert torch.allclose(taylor_component(f, x, degree), component, atol=1e-12)


def network(products: int, source=2 * V, target=O3.trivial):
    return lambda rng: EMLP(source, target, channels=16, layers=1, products=products, rng=rng)


@pytest.mark.parametrize(("target", "degree"), [(O3.trivial, 2), (V, 1), (V, 3)])
def test_products_make_it_complete(target, degree):
    found = completeness(network(128, target=target), degree, networks=8)
    assert found.complete and found.dimension > 0 and len(found.missing) == 0
    assert found.gap > 1e3
    alone = completeness(network(0, target=target), degree, networks=6)
    assert alone.reached == (2 if degree == 1 else 0)


def test_gates_alone_see_the_scalar_only():
    source = O3.trivial + V
    for degree, all_of_them in [(1, 1), (2, 1), (3, 2)]:
        found = completeness(network(0, source, V), degree)
        assert (found.reached, found.dimension) == (
            1,
            all_of_them,
        )
    maps = polynomial_equivariants(source, V, 3)
    x = torch.tensor([[0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    missing = (found.missing @ maps(x)[0]).abs()
    # |v|² v, of Bombieri's norm √5
    assert torch.allclose(missing[0], torch.tensor([5**-0.5, 0, 0]).double(), atol=1e-9)


def test_one_bilinear_layer_is_one_degree():
    class Square(nn.Module):
        def __init__(self, rng: torch.Generator) -> None:
            super().__init__()
            self.layer = Bilinear(2 * V, V.group.trivial + V @ V, rng=rng)
            self.source, self.target = self.layer.source, self.layer.target

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.layer(x)
            return out

    found = completeness(Square, 2)
    # invariants x·x, x·y, y·y; matrices xxᵀ, xyᵀ, yxᵀ, yyᵀ and those three times the identity
    assert found.complete and found.dimension == 3 + 4 + 3
    assert completeness(Square, 3).reached == 0


def test_what_is_not_equivariant_is_refused():
    def broken(rng: torch.Generator) -> nn.Module:
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3))
        model.source = model.target = Field(Vector(), V)
        return model

    torch.manual_seed(0)
    with pytest.raises(ValueError, match="factory: expected equivariant networks"):
        completeness(broken, 1)
    with pytest.raises(ValueError, match="factory: expected equivariant networks"):
        completeness(broken, 2)


def test_curie_is_what_networks_do():
    """A regular square of four charges in the plane, and arrows: D4 on two coordinates each."""
    group = geomdl.group("D4")
    source = Field(Vector(), group.standard + group.trivial)
    on_axis = torch.tensor([[0.7, 0.0, 1.0]], dtype=torch.float64)
    found = curie(source, on_axis, group.standard)
    assert found.stabilizer.group.order == 2 and len(found.fixed) == 1
    y = torch.tensor([0.3, 0.4], dtype=torch.float64)
    outputs = []
    for seed in range(6):
        rng = torch.Generator().manual_seed(seed)
        model = EMLP(source, group.standard, channels=16, layers=1, rng=rng).double()
        outputs.append(model(on_axis)[0].detach())
        assert float(found.distance(outputs[-1])) <= 1e-12
        assert float((outputs[-1] - y).norm()) >= float(found.distance(y))
    assert max(float(o.norm()) for o in outputs) > 1e-3
    assert float(found.distance(y)) == pytest.approx(0.4, abs=1e-12)
    assert torch.allclose(found.project(y), torch.tensor([0.3, 0.0]).double(), atol=1e-12)
    assert found.forbidden.shape == (1, 2)
    off_axis = torch.tensor([[0.7, 0.2, 1.0]], dtype=torch.float64)
    free = curie(source, off_axis, group.standard)
    assert len(free.fixed) == 2 and float(free.distance(y)) <= 1e-12


@pytest.mark.parametrize(
    ("name", "atoms", "order", "dipole", "quadrupole"),
    [  # water C2v, carbon dioxide D4h within the cube, ammonia C3v
        ("water", [[0, 0, 0.1], [0.8, 0, -0.5], [-0.8, 0, -0.5]], 4, 1, 2),
        ("CO2", [[0, 0, 0], [0, 0, 1.2], [0, 0, -1.2]], 16, 0, 1),
        ("ammonia", [[0.2, 0.2, 0.2], [1, 0, 0], [0, 1, 0], [0, 0, 1]], 6, 1, 1),
    ],
)
def test_molecules(name, atoms, order, dipole, quadrupole):
    """Moments that the point group allows, from tables of characters."""
    group = geomdl.group(f"S{len(atoms)}") * geomdl.group("Oh")
    source = positions(group)
    x = torch.tensor(atoms, dtype=torch.float64)
    found = curie(source, x, source.rep)
    assert len(found.fixed) == dipole
    assert found.stabilizer.group.order == order
    # symmetric matrices: one more, the trace
    assert len(curie(source, x, source.rep.sym(2)).fixed) == quadrupole + 1
    if dipole:
        charges = torch.tensor([-1.0] + [1 / (len(x) - 1)] * (len(x) - 1), dtype=torch.float64)
        assert float(found.distance(charges @ x)) <= 1e-12


def test_bad_input_is_one_line():
    D4 = geomdl.group("D4")
    image = Field(Grid(2), D4.trivial)
    plus = torch.tensor([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]])[None, None]
    found = curie(image, plus, D4.standard)
    with pytest.raises(ValueError, match=r"y: last axis should be rep.dim=2, got \(3,\)"):
        found.distance(torch.zeros(3))
    with pytest.raises(ValueError, match="y: expected finite"):
        found.project(torch.tensor([math.nan, 0.0]))
    with pytest.raises(ValueError, match="target: expected a representation of D4, got one of O3"):
        curie(image, plus, V)
    with pytest.raises(ValueError, match="target: expected a field of plain vectors"):
        curie(image, plus, image)
    with pytest.raises(TypeError, match="source: expected a Field"):
        curie(D4.trivial, plus, D4.standard)
    with pytest.raises(ValueError, match="target: expected a representation of O3, got one of D4"):
        polynomial_equivariants(V, D4.standard, 2)
    with pytest.raises(TypeError, match="source: expected a representation, got str"):
        equivariant_dimensions("V", V, 2)
    with pytest.raises(ValueError, match="degree: expected an integer of at least 0"):
        polynomial_equivariants(V, V, -1)
    with pytest.raises(ValueError, match=r"x: last axis should be source.dim=3"):
        polynomial_equivariants(V, V, 1)(torch.zeros(2))
    with pytest.raises(ValueError, match="networks: expected at least the dimension 3, got 2"):
        completeness(network(32), 2, networks=2)
    with pytest.raises(TypeError, match="factory: expected a module, got int"):
        completeness(lambda rng: 3, 2)
    with pytest.raises(TypeError, match="source: expected a representation, the network has no"):
        completeness(lambda rng: nn.Linear(2, 2), 2)
