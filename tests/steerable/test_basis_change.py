"""Changes of basis: isometric, equivariant, inverse to one another; refused where there is none."""

import pytest
import torch
from torch import nn

import geomdl
from geomdl import Field, Grid, Points, Vector
from geomdl.steerable.basis_change import ChangeOfBasis, Disentangle
from geomdl.steerable.irrep_basis import IrrepBasis
from tests.steerable.nonlinearities import draw, fibre_error

D4, C4, SO3 = (geomdl.group(name) for name in ("D4", "C4", "SO3"))
MIXED = D4.regular + 2 * D4.standard + D4.standard @ D4.standard + D4.trivial


@pytest.mark.parametrize("name", ["C4", "D8", "SO2", "O2", "SO3", "O3", "Oh", "I", "S4"])
def test_fields_fall_into_irreps_of_their_group(name: str) -> None:
    G = geomdl.group(name)
    rep = G.standard @ G.standard + 2 * G.standard + G.trivial
    layer = Disentangle(Field(Vector(), rep)).double()
    assert fibre_error(layer) <= 1e-12
    assert all(block == G.irrep(block.label) for block, _ in layer.target.rep.blocks)  # type: ignore[attr-defined]
    assert layer.target.rep.dim == rep.dim
    x = draw(3, rep.dim)
    assert torch.allclose(layer(x).norm(dim=1), x.norm(dim=1), atol=1e-12)
    assert torch.allclose(layer.inverse().double()(layer(x)), x, atol=1e-12)


def test_the_matrix_commutes_with_the_group_and_is_what_is_applied() -> None:
    layer = Disentangle(Field(Grid(2), MIXED)).double()
    m, elements = layer.matrix(), D4.elements
    r, s = layer.source.rep(elements), layer.target.rep(elements)
    assert (s @ m - m @ r).abs().max() <= 1e-13
    assert (m @ m.T - torch.eye(MIXED.dim).double()).abs().max() <= 1e-13
    x = draw(2, MIXED.dim, 3, 3)
    assert torch.allclose(layer(x), torch.einsum("ij,bjxy->bixy", m, x), atol=1e-13)
    assert geomdl.audit(layer, x).error <= 1e-12
    shuffled = m.roll(1, 0)
    assert (s @ shuffled - shuffled @ r).abs().max() >= 0.1


def test_between_any_isomorphic_representations() -> None:
    r = Field(Vector(), D4.standard @ D4.standard)
    s = Field(Vector(), sum_of_irreps([(1, 2), (0, 0), (0, 2), (1, 0)]))
    there, back = ChangeOfBasis(r, s).double(), ChangeOfBasis(s, r).double()
    assert fibre_error(there) <= 1e-12
    x = draw(5, 4)
    assert torch.allclose(back(there(x)), x, atol=1e-13)
    assert torch.allclose(there.matrix() @ back.matrix(), torch.eye(4).double(), atol=1e-13)


def sum_of_irreps(labels: list[tuple[int, int]]) -> geomdl.groups.Rep:
    first, *others = [D4.irrep(label) for label in labels]
    for other in others:
        first = first + other
    return first


def test_a_matrix_of_ones_own() -> None:
    r, s = Field(Vector(), D4.regular), Field(Vector(), D4.regular)
    right = D4.regular(D4.elements[3])  # does not commute; right translations would
    with pytest.raises(ValueError, match=r"^matrix: should commute with D4, got"):
        ChangeOfBasis(r, s, right)
    own = ChangeOfBasis(r, Disentangle(r).target, Disentangle(r).double().matrix()).double()
    assert fibre_error(own) <= 1e-12
    assert torch.allclose(own.matrix(), Disentangle(r).double().matrix())
    x = draw(2, 8)
    assert torch.allclose(own(x), x @ own.matrix().T)
    with pytest.raises(ValueError, match=r"^matrix: should be orthogonal"):
        ChangeOfBasis(r, s, 2 * torch.eye(8, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"^matrix: should be \(8, 8\), got \(8, 7\)$"):
        ChangeOfBasis(r, s, torch.eye(8)[:, :7])


def test_double_is_exact_and_nothing_is_saved() -> None:
    layer = Disentangle(Field(Grid(2), MIXED)).float().double()
    assert geomdl.audit(layer, draw(2, MIXED.dim, 3, 3)).error <= 1e-12
    assert list(layer.state_dict()) == []

    class Rounded(Disentangle):
        _apply = nn.Module._apply  # sabotage: the basis keeps its rounding to float32

    rounded = Rounded(Field(Grid(2), MIXED))
    for part in rounded.children():
        part._apply = nn.Module._apply.__get__(part)  # type: ignore[method-assign]
    rounded = rounded.double()
    assert rounded.matrix().dtype == torch.float64
    m = rounded.matrix()
    assert (m @ m.T - torch.eye(len(m)).double()).abs().max() >= 1e-9


def test_splitting_and_joining_are_inverse() -> None:
    for align in (True, False):
        basis = IrrepBasis(3 * MIXED, align).double()
        x = draw(2, 3 * MIXED.dim, 5)
        parts = basis.split(x)
        assert [tuple(p.shape[1:3]) for p in parts] == [(n, r.dim) for r, n in basis.irreps]
        assert torch.allclose(basis.join(parts), x, atol=1e-13)


def test_refusals() -> None:
    r = Field(Vector(), D4.standard)
    with pytest.raises(ValueError, match=r"^target: should be isomorphic to standard, got"):
        ChangeOfBasis(r, Field(Vector(), 2 * D4.trivial))
    with pytest.raises(ValueError, match=r"^target: should be a field of D4, got one of C4$"):
        ChangeOfBasis(r, Field(Vector(), C4.standard))
    with pytest.raises(ValueError, match=r"^source: a change of basis needs orthogonal"):
        Disentangle(Field(Vector(), geomdl.group("Lorentz").standard))
    with pytest.raises(ValueError, match=r"^source: should be a Field on a Grid, got Points"):
        Disentangle(Field(Points(3), SO3.standard))
