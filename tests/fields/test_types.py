"""Several inputs at once, chains of modules, and types as configuration."""

import json
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Graph, Nodes, Points, Vector
from geomdl.fields import (
    Edges,
    Type,
    check_chain,
    fields_of,
    group_of,
    leaves,
    positions,
    type_from_config,
    type_to_config,
)

G = geomdl.group("S4") * geomdl.group("E3")
NUMBERS = Field(Nodes(), G.trivial, shape=())
SOURCE: dict[str, Type] = {
    "z": NUMBERS,
    "pos": positions(G),
    "cell": Field(Vector(), G.linear),
    "batch": NUMBERS,
    "graph": Field(Edges(), G.trivial),
    "cutoff": None,
}
ENERGY, FORCES = Field(Vector(), G.trivial, shape=()), Field(Points(3), G.linear)


class Output(NamedTuple):
    energy: Tensor
    forces: Tensor
    stress: Tensor | None


def molecule() -> dict[str, Any]:
    rng = torch.Generator().manual_seed(0)
    return {
        "z": torch.tensor([6, 1, 8, 1]),
        "pos": torch.randn(4, 3, generator=rng, dtype=torch.float64),
        "cell": None,
        "batch": torch.tensor([0, 0, 1, 1]),
        "graph": Graph.from_edge_index(torch.tensor([[0, 1, 2], [1, 0, 3]])),
        "cutoff": 5.0,
    }


def element() -> Any:
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]], dtype=torch.float64)
    shift = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    return torch.tensor([3, 0, 1, 2]), (turn, shift)


def test_one_permutation_moves_everything_together() -> None:
    x, (perm, (turn, shift)) = molecule(), element()
    moved = geomdl.act(element(), SOURCE, x)
    assert list(moved) == list(SOURCE)
    assert torch.equal(moved["z"][perm], x["z"])
    assert torch.equal(moved["batch"][perm], x["batch"])
    assert (moved["pos"][perm] - (x["pos"] @ turn.T + shift)).abs().max() <= 1e-14
    assert moved["graph"] == x["graph"].permute(perm)
    assert moved["cell"] is None
    assert moved["cutoff"] == 5.0


def test_arguments_in_order_the_last_left_out() -> None:
    x, moved = molecule(), geomdl.act(element(), SOURCE, molecule())
    in_order = geomdl.act(element(), SOURCE, (x["z"], x["pos"]))
    assert isinstance(in_order, tuple)
    assert torch.equal(in_order[0], moved["z"])
    assert torch.equal(in_order[1], moved["pos"])
    assert geomdl.act(element(), SOURCE, {"pos": x["pos"]}).keys() == {"pos"}


def test_one_field_is_one_argument() -> None:
    x, field = torch.randn(4, 3, dtype=torch.float64), positions(G)
    alone = geomdl.act(element(), field, x)
    assert torch.equal(alone, field.act(element(), x))
    (packed,) = geomdl.act(element(), field, (x,))
    assert torch.equal(packed, alone)
    assert geomdl.act(element(), None, x) is x


def test_outputs_keep_their_kind() -> None:
    forces = torch.randn(4, 3, dtype=torch.float64)
    output = Output(energy=torch.ones(1), forces=forces, stress=None)
    target = {"stress": None, "forces": FORCES, "energy": ENERGY}
    moved = geomdl.act(element(), target, output)
    assert type(moved) is Output
    assert torch.equal(moved.forces, FORCES.act(element(), forces))
    assert moved.energy is not None
    as_tuple = geomdl.act(element(), (ENERGY, FORCES), (torch.ones(1), forces))
    assert torch.equal(as_tuple[1], moved.forces)
    as_list = geomdl.act(element(), (ENERGY, FORCES), [torch.ones(1), forces])
    assert type(as_list) is list
    nested = geomdl.act(element(), {"a": (None, FORCES)}, {"a": (1, forces)})
    assert torch.equal(nested["a"][1], moved.forces)


@pytest.mark.parametrize(
    ("source", "inputs", "message"),
    [
        (SOURCE, (1, 2, 3, 4, 5, 6, 7), r"^x: expected 6 values, got 7$"),
        ((ENERGY, FORCES), (torch.ones(1),), r"^x: expected 2 values, got 1$"),
        (FORCES, (1, 2), r"^x: expected one value for Field\(Points\(3\), .*\), got 2$"),
        (SOURCE, {"position": 1}, r"^x: expected the names z, pos, .*, got position$"),
        ((ENERGY,), {"a": 1}, r"^x: expected a tuple of 1, got names a$"),
        ((ENERGY, FORCES), 1.0, r"^x: expected 2 values, got one float$"),
        ({"energy": ENERGY}, Output(torch.ones(1), torch.ones(4, 3), None),
         r"^x: expected the names energy, got forces, stress$"),
        (SOURCE, {"pos": torch.ones(4, 2)}, r"^pos: last axis should be rep.dim=3, got 2$"),
        ((ENERGY, FORCES), (torch.ones(1), torch.ones(3, 3)),
         r"^x\[1\]: axis -2 should be the 4 nodes that S4 \* E3 permutes, got 3$"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(source: Type, inputs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        geomdl.act(element(), source, inputs)


def test_batches_of_elements_act_on_all_inputs() -> None:
    o3 = geomdl.group("O3")
    source = {"a": Field(Vector(), o3.standard), "b": Field(Vector(), o3.standard.sym(2))}
    g = o3.sample(4)
    a, b = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    moved = geomdl.act(g, source, (a, b))
    for i in range(4):
        single = geomdl.act(g[i], source, (a[i : i + 1], b[i : i + 1]))
        assert all(
            (m[i : i + 1] - s).abs().max() <= 1e-14 for m, s in zip(moved, single, strict=True)
        )


def test_leaves_and_fields() -> None:
    found = leaves(SOURCE, molecule())
    assert [name for name, _, _ in found] == ["z", "pos", "batch", "graph"]
    assert [field for _, field, _ in found] == [SOURCE[name] for name, _, _ in found]
    assert fields_of(SOURCE, None, (ENERGY, {"f": FORCES}))[-2:] == [ENERGY, FORCES]


def test_group_of() -> None:
    assert group_of(None, SOURCE, ENERGY) == G
    with pytest.raises(ValueError, match=r"^group: no Field states one, name the group$"):
        group_of(None, {"a": None})
    other = Field(Vector(), geomdl.group("O3").trivial)
    with pytest.raises(
        ValueError, match=r"^group: all fields should be of S4 \* E3, got one of O3$"
    ):
        group_of(SOURCE, other)


def layer(source: Type, target: Type) -> SimpleNamespace:
    return SimpleNamespace(source=source, target=target)


def test_chains() -> None:
    d4 = geomdl.group("D4")
    a, b = Field(Vector(), d4.regular), Field(Vector(), d4.standard)
    check_chain([])
    check_chain([layer(a, b), layer(b, b), layer(b, a)])
    check_chain([layer(a, b), torch.nn.ReLU(), layer(a, b)])
    check_chain([layer(a, b), layer({"x": b, "graph": None}, a)])
    check_chain([layer(a, {"x": b}), layer({"x": b}, a)])
    message = (
        r"^layer 2: source Field\(Vector\(\), regular of D4\) should equal the target "
        r"Field\(Vector\(\), standard of D4\) of layer 1$"
    )
    with pytest.raises(ValueError, match=message):
        check_chain([layer(a, b), layer(a, b)])
    with pytest.raises(ValueError, match=r"^layer 3: source"):
        check_chain([layer(a, b), layer(b, b), layer({"x": a, "graph": None}, b)])


@pytest.mark.parametrize("tree", [None, ENERGY, SOURCE, (ENERGY, None, {"f": FORCES})])
def test_configuration_round_trip(tree: Type) -> None:
    assert type_from_config(json.loads(json.dumps(type_to_config(tree)))) == tree
