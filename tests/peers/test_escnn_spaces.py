"""Groups and representations: the same elements, the same matrices."""

from types import ModuleType
from typing import Any

import pytest
import torch

import geomdl
from geomdl import Grid, Vector
from geomdl.interop.escnn.bridge import Bridge
from geomdl.interop.escnn.reps import checked, recognize
from geomdl.interop.escnn.spaces import Space, space_of, stacked
from tests.peers.escnn_cases import SPACES, space

pytestmark = pytest.mark.peers
FINITE = [n for n in SPACES if n not in ("SO2", "O2", "SO2 in space", "SO3", "O3")]


def products(found: Space) -> tuple[list[Any], Any]:
    """Products of neighbouring elements, escnn's and ours."""
    others = [*found.theirs[1:], found.theirs[0]]
    ours = found.group.compose(found.ours, found.images(others))
    return [a @ b for a, b in zip(found.theirs, others, strict=True)], ours


@pytest.mark.parametrize("name", SPACES)
def test_elements_multiply_and_move_points_alike(escnn: ModuleType, name: str) -> None:
    gspace = space(escnn, name)
    found = space_of(gspace)
    theirs, ours = products(found)
    same = found.group.standard(found.images(theirs)) - found.group.standard(ours)
    assert same.abs().max() <= 1e-6
    assert isinstance(found.domain, Grid)
    action = found.domain.action or found.group.standard
    moved = stacked(gspace.basespace_action, theirs)
    assert (action(ours) - moved).abs().max() <= 1e-6
    if len(theirs) > 2:  # elements in another order are refused
        assert (action(ours.roll(1, 0)) - moved).abs().max() > 0.1


@pytest.mark.parametrize("name", SPACES)
def test_irreps_have_the_same_matrices(escnn: ModuleType, name: str) -> None:
    gspace = space(escnn, name)
    found, bridge = space_of(gspace), Bridge()
    for irrep in list(gspace.fibergroup.irreps())[:6]:
        ours = bridge.rep(gspace, irrep)
        theirs, elements = products(found)
        assert (ours(elements) - stacked(irrep, theirs)).abs().max() <= 1e-6
        assert ours.is_orthogonal
        assert len(ours.blocks) == 1


@pytest.mark.parametrize("name", [n for n in FINITE if n not in ("Oh", "I")])
def test_regular_representations_are_permutations(escnn: ModuleType, name: str) -> None:
    gspace = space(escnn, name)
    ours = Bridge().rep(gspace, gspace.regular_repr)
    assert ours.is_permutation
    assert ours.dim == gspace.fibergroup.order()


@pytest.mark.parametrize("name", ["C4", "C8", "D1", "D4", "D8", "C4 in space"])
def test_where_the_order_agrees_it_is_our_regular_one(escnn: ModuleType, name: str) -> None:
    gspace = space(escnn, name)
    found = space_of(gspace)
    assert Bridge().rep(gspace, gspace.regular_repr) == found.group.regular


@pytest.mark.parametrize(("name", "subgroup"), [("C8", 2), ("D4", (None, 2)), ("D8", (0, 1))])
def test_quotients(escnn: ModuleType, name: str, subgroup: Any) -> None:
    gspace = space(escnn, name)
    ours = Bridge().rep(gspace, gspace.quotient_repr(subgroup))
    assert ours.name.startswith("quotient")
    assert ours.is_permutation


@pytest.mark.parametrize("name", ["C8", "D4", "SO2", "O2", "O", "SO3"])
def test_sums_stay_one_block(escnn: ModuleType, name: str) -> None:
    gspace = space(escnn, name)
    irreps = list(gspace.fibergroup.irreps())
    theirs = irreps[1] + irreps[0] + irreps[-1] + irreps[1]
    ours = Bridge().rep(gspace, theirs)
    assert len(ours.blocks) == 1
    counts = ours.decompose().multiplicities
    assert sorted(counts.values())[-1] == 2
    assert sum(irrep.dim * n for irrep, n in counts.items()) == theirs.size


def test_no_base_space(escnn: ModuleType) -> None:
    gspace = escnn.gspaces.no_base_space(escnn.group.dihedral_group(4))
    found = space_of(gspace)
    assert found.group == geomdl.group("D4")
    assert found.domain == Vector()


def test_a_group_that_we_do_not_have(escnn: ModuleType) -> None:
    with pytest.raises(ValueError, match="geomdl has no group for Cylindrical") as caught:
        space_of(escnn.gspaces.cylindricalOnR3(4))
    assert "\n" not in str(caught.value)


def test_a_representation_that_differs_is_refused(escnn: ModuleType) -> None:
    gspace = space(escnn, "C8")
    found = space_of(gspace)
    matrices = found.matrices(gspace.irrep(1))
    ours = recognize(found.group, found.ours, matrices)
    with pytest.raises(ValueError, match="differs from escnn's representation"):
        checked(ours, found.ours, matrices.flip(0))
    assert torch.equal(checked(ours, found.ours, matrices)(found.ours), ours(found.ours))
