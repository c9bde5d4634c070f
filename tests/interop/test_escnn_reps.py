"""Representations are recognised by their matrices alone; no escnn is needed for that."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl.groups import Rep
from geomdl.groups.tables import Sub, Tabulated
from geomdl.interop.escnn.reps import checked, recognize

FINITE = ["C4", "C8", "D4", "D3", "O"]


def elements(name: str) -> Tensor:
    """All elements, or some random ones."""
    group = geomdl.group(name)
    if group.order is not None:
        return torch.as_tensor(group.elements)
    return torch.as_tensor(group.sample(12, torch.Generator().manual_seed(0)))


def orthogonal(n: int) -> Tensor:
    """A random orthogonal matrix."""
    rng = torch.Generator().manual_seed(1)
    return torch.linalg.qr(torch.randn(n, n, generator=rng, dtype=torch.float64)).Q


def found(rep: Rep, basis: Tensor | None = None, *, flat: bool = False) -> Rep:
    """What the matrices of a representation, in another basis, are taken for."""
    g = elements(rep.group.name)
    matrices = rep(g) if basis is None else basis @ rep(g) @ basis.T
    ours = recognize(rep.group, g, matrices, flat=flat)
    assert (ours(g) - matrices).abs().max() <= 1e-6
    return ours


@pytest.mark.parametrize("name", FINITE)
def test_what_we_have_is_found(name: str) -> None:
    G = geomdl.group(name)
    assert found(G.trivial) == G.trivial
    assert found(G.regular) == G.regular
    for irrep in G.irreps()[1:]:
        assert found(irrep) == irrep


@pytest.mark.parametrize("name", ["SO2", "O2", "SO3", "O3"])
def test_irreps_of_lie_groups(name: str) -> None:
    G = geomdl.group(name)
    for irrep in G.irreps(2)[1:]:
        assert found(irrep) == irrep


@pytest.mark.parametrize("name", FINITE)
def test_permuted_channels(name: str) -> None:
    G = geomdl.group(name)
    order = torch.randperm(G.order or 0, generator=torch.Generator().manual_seed(0))
    ours = found(G.regular, torch.eye(len(order), dtype=torch.float64)[order])
    assert ours.is_permutation
    assert ours != G.regular


def test_quotients() -> None:
    G = geomdl.group("D4")
    ours = found(G.quotient(G.subgroup("C2")))
    assert ours.dim == 4
    assert ours.name.startswith("quotient")


@pytest.mark.parametrize("name", [*FINITE, "SO2", "O2", "SO3", "O3"])
def test_sums_in_any_orthonormal_basis_are_one_block(name: str) -> None:
    G = geomdl.group(name)
    irreps = G.irreps(None if G.order else 2)
    rep = irreps[0] + 2 * irreps[-1] + irreps[1]
    ours = found(rep, orthogonal(rep.dim))
    assert isinstance(ours, Sub)
    assert len(ours.blocks) == 1
    assert ours.decompose().multiplicities == rep.decompose().multiplicities


@pytest.mark.parametrize("name", ["D4", "SO2"])
def test_flat_sums_keep_their_blocks(name: str) -> None:
    G = geomdl.group(name)
    irreps = G.irreps(None if G.order else 2)
    rep = irreps[1] + G.trivial + irreps[-1]
    assert found(rep, flat=True) == rep


def test_other_bases_of_finite_groups_become_tables() -> None:
    G = geomdl.group("C4")
    skew = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    matrices = skew @ G.standard(G.elements) @ skew.inverse()
    assert isinstance(recognize(G, G.elements, matrices), Tabulated)


def test_other_bases_of_lie_groups_are_refused() -> None:
    G = geomdl.group("SO2")
    skew = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    matrices = skew @ G.standard(elements("SO2")) @ skew.inverse()
    with pytest.raises(ValueError, match="no sum of irreps up to frequency 12") as caught:
        recognize(G, elements("SO2"), matrices)
    assert "\n" not in str(caught.value)


def test_wrong_matrices_are_refused() -> None:
    G = geomdl.group("C8")
    with pytest.raises(ValueError, match="differs from escnn's representation by"):
        checked(G.irrep(1), G.elements, G.irrep(3)(G.elements))
    nan = torch.full((8, 2, 2), float("nan"), dtype=torch.float64)
    with pytest.raises(ValueError, match="differs"):
        checked(G.irrep(1), G.elements, nan)
