"""Restriction to subgroups: the same numbers, a smaller group that acts on the same pixels."""

import copy
from pathlib import Path

import pytest
import torch

import geomdl
from geomdl import Field, Grid, Nodes, Vector
from geomdl.fields import restricted
from geomdl.steerable import BatchNorm, Conv, GroupPool, Pointwise, Sequential
from geomdl.steerable.restriction import Restrict
from tests.steerable.nonlinearities import draw

D8, D4, OH = (geomdl.group(name) for name in ("D8", "D4", "Oh"))


@pytest.mark.parametrize(
    ("name", "subgroup", "d"),
    [
        ("D8", "C4", 2),
        ("D8", "D4", 2),
        ("D8", "D1", 2),
        ("D8", "trivial", 2),
        ("D4", "D4", 2),
        ("O2", "SO2", 2),
        ("O2", "C4", 2),
        ("Oh", "O", 3),
        ("Oh", "C4", 3),
        ("O3", "Oh", 3),
        ("SO3", "SO2", 3),
    ],
)
def test_the_action_is_that_of_the_larger_group(name: str, subgroup: str, d: int) -> None:
    G = geomdl.group(name)
    rep = G.trivial + 2 * G.standard + (G.regular if G.order else G.standard.sym(2))
    source = Field(Grid(d), rep)
    layer = Restrict(source, subgroup)
    H = layer.target.group
    x = draw(2, rep.dim, *[5] * d)
    assert layer(x).data_ptr() == x.data_ptr()
    embedding = G.subgroup("C1" if subgroup == "trivial" else subgroup)
    for h in H.sample(3, torch.Generator().manual_seed(0)):
        wanted = source.act(embedding.embed(h), x)
        assert torch.allclose(layer.target.act(h, x), wanted, atol=1e-9)


def test_another_embedding_moves_other_pixels() -> None:
    """Sabotage: C4 about the z axis and about the x axis are not one."""
    C4 = geomdl.group("C4")
    about_x = OH.subgroup("C4", via=C4.trivial + C4.standard)
    source = Field(Grid(3), OH.standard)
    one, two = restricted(source, "C4"), restricted(source, about_x)
    assert one.domain != two.domain
    x = draw(1, 3, 5, 5, 5)
    assert torch.allclose(
        two.act(torch.tensor(1), x), source.act(about_x.embed(torch.tensor(1)), x)
    )
    assert (one.act(torch.tensor(1), x) - two.act(torch.tensor(1), x)).abs().max() >= 0.1


def test_names_of_the_subgroup_take_over_and_permutations_stay() -> None:
    source = Field(Grid(2), 2 * D8.regular + D8.trivial + D8.standard)
    target = restricted(source, "C4")
    C4 = geomdl.group("C4")
    assert target.domain == Grid(2)
    assert target.rep.blocks[1:] == ((C4.trivial, 1), (C4.standard, 1))
    assert target.rep.blocks[0][1] == 2
    assert restricted(Field(Grid(2), D8.regular), "C4").rep.is_permutation
    Pointwise(restricted(Field(Grid(2), D8.regular), "C4"))
    assert restricted(Field(Vector(), D8.standard), "C4") == Field(Vector(), C4.standard)
    assert restricted(source, "D8") == source


def test_an_action_of_the_grid_is_restricted_with_it() -> None:
    C4 = geomdl.group("C4")
    source = Field(Grid(3, action=C4.standard + C4.trivial), C4.regular)
    target = restricted(source, "C2")
    C2 = geomdl.group("C2")
    assert target.domain == Grid(3, action=C2.standard + C2.trivial)
    half = C4.subgroup(generators=torch.tensor([2]))
    inner = restricted(source, half)
    x = draw(1, 4, 5, 5, 5)
    assert torch.equal(inner.act(torch.tensor(1), x), source.act(torch.tensor(2), x))
    assert torch.equal(target.act(torch.tensor(1), x), source.act(torch.tensor(2), x))


def network() -> Sequential:
    torch.manual_seed(0)
    first = Conv(Field(Grid(2), D4.trivial), Field(Grid(2), 2 * D4.regular), 3, padding=1)
    restrict = Restrict(first.target, "C4")
    C4 = geomdl.group("C4")
    second = Conv(restrict.target, Field(Grid(2), 2 * C4.regular), 3, padding=1)
    norm = BatchNorm(restrict.target)
    pool = GroupPool(second.target)
    return Sequential(first, restrict, norm, Pointwise(norm.target), second, pool).eval()


def test_a_network_keeps_the_smaller_group_and_loses_the_larger() -> None:
    net = network()
    x = draw(2, 1, 7, 7)
    assert geomdl.audit(net, x).error <= 1e-12  # under the group of the target
    assert geomdl.audit(net, x, source=restricted(net.source, "C4")).error <= 1e-12
    invariants = Field(Grid(2), 2 * D4.trivial)
    assert geomdl.audit(net, x, source=net.source, target=invariants).error >= 0.1


def test_it_is_saved_with_its_subgroup(tmp_path: Path) -> None:
    about_x = OH.subgroup("C4", via=geomdl.group("C4").trivial + geomdl.group("C4").standard)
    for i, subgroup in enumerate(["O", about_x, geomdl.group("C2")]):
        layer = Restrict(Field(Grid(3), OH.standard), subgroup)
        geomdl.save(layer, tmp_path / f"{i}.safetensors")
        again = geomdl.load(tmp_path / f"{i}.safetensors")
        assert again.target == layer.target
    assert copy.deepcopy(layer).target == layer.target


def test_refusals() -> None:
    source = Field(Grid(2), D4.regular)
    with pytest.raises(ValueError, match=r"^subgroup: C3 does not lie in D4"):
        Restrict(source, "C3")
    with pytest.raises(ValueError, match=r"^subgroup: should lie in D4, got"):
        Restrict(source, D8.subgroup("C4"))
    with pytest.raises(ValueError, match=r"^field: should live on a Grid or Vector\(\), got"):
        restricted(Field(Nodes(), D4.regular), "C4")
    conv = Conv(source, source, 3)
    with pytest.raises(ValueError, match=r"^layer 2: source .* should equal the target .* layer 1"):
        Sequential(Restrict(source, "C4"), conv)
