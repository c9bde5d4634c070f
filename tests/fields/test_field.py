"""What a field is, what it refuses, and how values mix."""

import json
import re
from typing import Any

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Graph, Grid, Nodes, Points, Vector
from geomdl.fields import Domain, Edges, positions
from geomdl.fields.domains import domain_from_config

D4 = geomdl.group("D4")
O3 = geomdl.group("O3")
V = O3.standard


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


FIELDS = {
    "grid": Field(Grid(2), 2 * D4.regular),
    "periodic": Field(Grid(2, periodic=True, interpolation="fourier"), D4.trivial),
    "action": Field(Grid(1, action=geomdl.group("C2").irrep(1)), geomdl.group("C2").regular),
    "vector": Field(Vector(), D4.standard),
    "columns": Field(Vector(), D4.standard, channels=5),
    "one column": Field(Vector(), D4.standard, channels=1),
    "shape": Field(Vector(), V @ V, shape=(3, 3)),
    "number": Field(Nodes(), O3.trivial, shape=()),
    "points": Field(Points(3), V + O3.irrep((2, 1)), channels=4),
    "embedded points": Field(Points(3, action=V), V),
    "positions": positions(geomdl.group("E3")),
    "translated": positions(geomdl.group("R2")),
    "edges": Field(Edges(), geomdl.group("S5").trivial),
}


@pytest.mark.parametrize("name", list(FIELDS))
def test_configuration_round_trip(name: str) -> None:
    field = FIELDS[name]
    again = Field.from_config(json.loads(json.dumps(field.to_config())))
    assert again == field
    assert hash(again) == hash(field)
    assert repr(again) == repr(field)
    assert again.channels == field.channels


def test_fields_differ_by_all_their_parts() -> None:
    assert len(set(FIELDS.values())) == len(FIELDS)
    assert Field(Vector(), D4.standard) == Field(Vector(), D4.standard, shape=(2,))
    assert Field(Grid(2), D4.regular) != Field(Grid(2, periodic=True), D4.regular)
    with pytest.raises(AttributeError):
        FIELDS["grid"].rep = D4.trivial  # type: ignore[misc]


def test_repr() -> None:
    assert repr(FIELDS["grid"]) == "Field(Grid(2), 2·regular of D4)"
    assert repr(FIELDS["columns"]) == "Field(Vector(), standard of D4, channels=5)"
    assert repr(FIELDS["shape"]) == "Field(Vector(), standard ⊗ standard of O3, shape=(3, 3))"
    assert repr(FIELDS["periodic"].domain) == "Grid(2, periodic=True, interpolation='fourier')"
    assert "affine=True" in repr(FIELDS["positions"])


def test_channels_and_fibres() -> None:
    expected = {"grid": (16, (16,)), "columns": (5, (2, 5)), "one column": (1, (2, 1)),
                "shape": (9, (3, 3)), "number": (1, ()), "positions": (3, (3,))}  # fmt: skip
    for name, (channels, fibre) in expected.items():
        assert (FIELDS[name].channels, FIELDS[name].fibre) == (channels, fibre)
    assert FIELDS["grid"].group == D4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid(0), "d: should be a positive integer, got 0"),
        (lambda: Grid(True), "d: should be a positive integer, got True"),
        (lambda: Points(2.0), "d: should be a positive integer, got 2.0"),
        (lambda: Grid(2, interpolation="linear"),
         "interpolation: should be 'spline' or 'fourier', got 'linear'"),
        (lambda: Grid(3, action=D4.standard),
         "action: should have dimension d=3, got <standard of D4, dim 2>"),
        (lambda: Field(Grid(2, action=D4.standard), geomdl.group("C4").trivial),
         "domain: its action is of D4, rep of C4"),
        (lambda: Field(Grid(3), D4.trivial),
         "domain: D4 moves points in 2 dimensions, Grid(3) needs action=, a representation of "
         "dimension 3"),
        (lambda: Field(Grid(3, periodic=True), geomdl.group("Z6x6").trivial),
         "domain: Z6x6 translates in 2 dimensions, got Grid(3, periodic=True)"),
        (lambda: Field(Grid(2), geomdl.group("Z6x6").trivial),
         "domain: Z6x6 shifts periodically, expected Grid(2, periodic=True), got Grid(2)"),
        (lambda: Field(Grid(2, periodic=True),
                       (geomdl.group("C2") * geomdl.group("Z6x6")).trivial),
         "domain: the turns and shifts of C2 * Z6x6 do not compose as its elements do; use a "
         "semidirect product, or state action="),
        (lambda: Field(Grid(2), D4.regular, channels=4),
         "channels: a grid has rep.dim=8 channels, got channels=4"),
        (lambda: Field(Grid(2), D4.regular, shape=(4, 2)),
         "channels: a grid has rep.dim=8 channels, got shape=(4, 2)"),
        (lambda: Field(Vector(), V @ V, channels=2, shape=(3, 3)),
         "shape: give either channels or shape, got both"),
        (lambda: Field(Vector(), V, channels=0), "channels: should be positive, got 0"),
        (lambda: Field(Vector(), V @ V, shape=(3, 2)),
         "shape: (3, 2) should have rep.dim=9 entries"),
        (lambda: Field(Edges(), V),
         "rep: edges carry no values, expected trivial alone, got standard"),
        (lambda: Field(Vector(), V, affine=True),
         "affine: coordinates are those of Points, got Field(Vector(), standard of O3, "
         "affine=True)"),
        (lambda: positions(geomdl.group("Z6x6 ⋊ D4")),
         "positions: Z6x6 ⋊ D4 shifts the pixels of an array, not points"),
        (lambda: positions(geomdl.group("S4")), "linear: S4 permutes nodes and moves no points"),
        (lambda: domain_from_config({"domain": "Sphere"}),
         "config: domain should be one of Edges, Grid, Nodes, Points, Vector, got 'Sphere'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_wrong_kinds_of_argument() -> None:
    with pytest.raises(TypeError, match=r"^domain: expected Grid, Points, .* got 2$"):
        Field(2, D4.trivial)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^rep: expected a representation, got group\('D4'\)$"):
        Field(Grid(2), D4)  # type: ignore[arg-type]


S5, Z6 = geomdl.group("S5"), geomdl.group("Z6x6")


@pytest.mark.parametrize(
    ("field", "x", "message"),
    [
        (Field(Vector(), V @ V), torch.zeros(2, 7), "x: last axis should be rep.dim=9, got 7"),
        (Field(Vector(), V), torch.zeros(()), "x: expected axes (…, 3), got ()"),
        (Field(Grid(2), D4.regular), torch.zeros(2, 7, 5, 5),
         "x: axis 1 should be rep.dim=8, got 7"),
        (Field(Grid(2), D4.regular), torch.zeros(8, 5, 5),
         "x: expected axes (batch, 8, size, size), got (8, 5, 5)"),
        (Field(Grid(2), D4.regular), torch.zeros(1, 8, 5, 0),
         "x: spatial axes should not be empty, got (5, 0)"),
        (Field(Grid(2, periodic=True), Z6.trivial), torch.zeros(1, 1, 6, 5),
         "x: spatial axes should be (6, 6), which Z6x6 shifts, got (6, 5)"),
        (FIELDS["columns"], torch.zeros(4, 3, 5), "x: axis -2 should be rep.dim=2, got 3"),
        (FIELDS["columns"], torch.zeros(4, 2, 4), "x: last axis should be channels=5, got 4"),
        (FIELDS["columns"], torch.zeros(5), "x: expected axes (…, 2, 5), got (5,)"),
        (FIELDS["shape"], torch.zeros(4, 3, 2), "x: trailing shape should be (3, 3), got (3, 2)"),
        (FIELDS["number"], torch.zeros(()), "x: expected axes (…, nodes), got ()"),
        (Field(Nodes(), S5.trivial), torch.zeros(4, 1),
         "x: axis -2 should be the 5 nodes that S5 permutes, got 4"),
        (FIELDS["edges"], torch.zeros(3, 4, dtype=torch.int64),
         "x: expected shape (2, edges), got (3, 4)"),
        (FIELDS["edges"], torch.tensor([[0, 5], [1, 2]]),
         "x: node numbers should be 0, …, 4, which S5 permutes, got 0, …, 5"),
        (FIELDS["edges"], Graph.from_edge_index(torch.tensor([[0], [1]])),
         "x: should have the 5 nodes that S5 permutes, got 2"),
    ],
)  # fmt: skip
def test_check_names_the_axis(field: Field, x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        field.check(x)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        field.act(field.group.identity, x)


def test_check_names_the_kind() -> None:
    with pytest.raises(TypeError, match=r"^image: expected a Tensor, got list$"):
        FIELDS["grid"].check([1.0], "image")
    for x, kind in [(torch.zeros(2, 3), "torch.float32"), ([[0], [1]], "list")]:
        with pytest.raises(
            TypeError, match=rf"^x: expected a Graph or .* \(2, edges\), got {kind}$"
        ):
            FIELDS["edges"].check(x)


def test_sizes_may_divide_the_period() -> None:
    field = Field(Grid(2, periodic=True), Z6.trivial)
    x = noise(1, 1, 6, 3)
    assert torch.equal(field.act(torch.tensor([1, 4]), x), x.roll((1, 4), (-2, -1)))


@pytest.mark.parametrize("name", ["vector", "columns", "shape", "points", "number", "grid"])
def test_mixing_is_multiplication_by_the_dense_matrix(name: str) -> None:
    """The slow definition, with blocks and permutations left aside."""
    field = FIELDS[name]
    group = field.group
    for g in group.sample(3, torch.Generator().manual_seed(0)):
        rho = field.rep(g)
        if name == "grid":
            x = noise(2, 16, 1, 1)
            expected = torch.einsum("ij,bjhw->bihw", rho, x)
        elif name in ("columns", "points"):
            x = noise(4, *field.fibre)
            expected = torch.einsum("ij,bjc->bic", rho, x)
        else:
            x = noise(4, *field.fibre)
            flat = x.reshape(4, field.rep.dim)
            expected = (flat @ rho.T).reshape(x.shape)
        assert (field.act(g, x) - expected).abs().max() <= 1e-13


def test_stress_turns_on_both_sides() -> None:
    g = O3.sample(1)[0]
    stress = noise(4, 3, 3)
    assert (FIELDS["shape"].act(g, stress) - g @ stress @ g.T).abs().max() <= 1e-13


def test_points_translate_and_vectors_do_not() -> None:
    e3 = geomdl.group("E3")
    turn, shift = e3.sample(1)
    g = (turn[0], shift[0])
    x = noise(5, 3)
    assert (positions(e3).act(g, x) - (x @ g[0].T + g[1])).abs().max() <= 1e-13
    assert (Field(Points(3), e3.linear).act(g, x) - x @ g[0].T).abs().max() <= 1e-13
    assert shift.abs().max() >= 0.1


def test_nodes_and_edges_move_together() -> None:
    group = geomdl.group("S5") * O3
    g = (torch.tensor([2, 0, 4, 1, 3]), O3.sample(1)[0])
    pos, edge_index = noise(5, 3), torch.tensor([[0, 1, 4, 2], [3, 2, 1, 2]])
    moved = positions(group).act(g, pos)
    for i in range(5):
        assert (moved[g[0][i]] - g[1] @ pos[i]).abs().max() <= 1e-14
    edges = Field(Edges(), group.trivial)
    renamed = edges.act(g, edge_index)
    graph = edges.act(g, Graph.from_edge_index(edge_index, num_nodes=5))
    assert torch.equal(graph.to_edge_index(), renamed)
    vectors = pos[edge_index[1]] - pos[edge_index[0]]
    after = moved[renamed[1]] - moved[renamed[0]]
    turned = Field(Vector(), group.linear).act(g, vectors)
    assert (after - turned).abs().max() <= 1e-14, "edges keep their order"
    assert Field(Edges(), group.trivial).act(g, edge_index.int()).dtype == torch.int32


def test_groups_that_permute_nothing_leave_edges_alone() -> None:
    edge_index = torch.tensor([[0, 1], [1, 7]])
    assert Field(Edges(), O3.trivial).act(O3.identity, edge_index) is edge_index


def test_elements_for_each_node() -> None:
    field = Field(Points(3), V, channels=2)
    g, x = O3.sample(4), noise(4, 3, 2)
    assert (field.act(g, x) - g @ x).abs().max() <= 1e-14
    e3 = geomdl.group("E3")
    h, y = e3.sample(4), noise(4, 3)
    expected = (h[0] @ y.unsqueeze(-1)).squeeze(-1) + h[1]
    assert (positions(e3).act(h, y) - expected).abs().max() <= 1e-13


def test_batches_of_permutations() -> None:
    s4 = geomdl.group("S4")
    field = Field(Nodes(), s4.trivial + s4.standard)
    g, x = s4.sample(3, torch.Generator().manual_seed(2)), noise(3, 4, 5)
    together = field.act(g, x)
    for i in range(3):
        assert torch.equal(together[i], field.act(g[i], x[i]))
    with pytest.raises(
        ValueError, match=r"^g: a batch of permutations needs x with axes \(batch, n"
    ):
        field.act(s4.sample(4), x[0].clone())
    with pytest.raises(
        ValueError, match=r"^g: edges are renamed by one element, got batch shape \(3"
    ):
        Field(Edges(), s4.trivial).act(g, torch.zeros(2, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"^g: batch shape should be \(\), got \(3,\)$"):
        Field(Vector(), s4.standard).act(g, noise(4))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["vector", "columns", "shape", "points", "positions"])
def test_dtype_is_kept(name: str, dtype: torch.dtype) -> None:
    field = FIELDS[name]
    g = field.group.sample(1)
    g = tuple(part[0] for part in g) if isinstance(g, tuple) else g[0]
    x = noise(4, *field.fibre)
    moved = field.act(g, x.to(dtype))
    assert moved.dtype == dtype
    assert (moved.double() - field.act(g, x)).abs().max() <= 16 * torch.finfo(dtype).eps


def test_permutations_move_any_dtype_exactly() -> None:
    s4 = geomdl.group("S4")
    g = torch.tensor([1, 2, 3, 0])
    for x in (torch.arange(4), torch.tensor([True, False, False, True])):
        moved = Field(Vector(), s4.standard).act(g, x)
        assert torch.equal(moved[g], x)
        assert moved.dtype == x.dtype
    numbers = Field(Nodes(), s4.trivial, shape=()).act(g, torch.arange(4))
    assert numbers.tolist() == [3, 0, 1, 2]
    with pytest.raises(
        TypeError, match=r"^x: torch.int64 cannot hold what a matrix mixes, expected"
    ):
        Field(Vector(), D4.standard).act(D4.identity, torch.arange(2))


def test_nan_stays_with_its_sample() -> None:
    x = noise(3, 3)
    x[1, 0] = torch.nan
    moved = Field(Vector(), V).act(O3.sample(1)[0], x)
    assert moved.isnan().any(1).tolist() == [False, True, False]


def test_gradients() -> None:
    for name in ("columns", "shape", "points"):
        field = FIELDS[name]
        g = field.group.sample(1)[0]
        x = noise(2, *field.fibre).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, f=field, g=g: f.act(g, x), (x,))


def test_empty_data() -> None:
    assert FIELDS["points"].act(O3.identity, torch.zeros(0, 8, 4)).shape == (0, 8, 4)
    assert FIELDS["vector"].act(D4.sample(0), torch.zeros(0, 2)).shape == (0, 2)
    empty = torch.empty(2, 0, dtype=torch.int64)
    assert FIELDS["edges"].act(S5.sample(1)[0], empty).shape == (2, 0)


def test_masks_and_exactness_without_pixels() -> None:
    x = noise(4, 2)
    assert FIELDS["vector"].exact(D4.identity, x)
    assert FIELDS["vector"].mask(x).shape == ()
    assert bool(FIELDS["vector"].mask(x))


def test_domains_are_values() -> None:
    assert isinstance(Vector(), Domain)
    assert Grid(2) == Grid(2)
    assert len({Grid(2), Grid(2, periodic=True), Grid(3), Points(2), Nodes(), Vector()}) == 6
    assert geomdl.Grid is Grid


def test_a_subgroup_stands_for_its_homogeneous_space():
    d4 = geomdl.group("D4")
    c4 = d4.subgroup("C4")
    r = c4.group.irrep(1)
    field = geomdl.Field(c4, r)
    assert field == geomdl.Field(geomdl.Vector(), r.induce(c4))
    assert field.group == d4
    assert field.fibre == (4,)
    with pytest.raises(ValueError, match="subgroup: should be an embedding of D4"):
        geomdl.Field(c4, d4.trivial)


@pytest.mark.parametrize(
    ("name", "g", "error", "message"),
    [
        ("SO3", 2 * torch.eye(3, dtype=torch.float64), ValueError, "g: is no element of SO3"),
        ("SO3", torch.eye(2, dtype=torch.float64), TypeError, r"has trailing shape \(3, 3\)"),
        ("SO3", torch.eye(3, dtype=torch.int64), TypeError, "has dtype torch.float64"),
        ("S3", torch.tensor([0, 0, 1]), ValueError, "g: is no element of S3"),
        ("D4", torch.tensor([1, 3]), ValueError, "g: is no element of D4"),
        ("C4", torch.tensor(1.5), TypeError, "has dtype torch.int64, got torch.float32"),
        ("C4", 1, TypeError, r"is a tensor of shape \(\), got int"),
        ("E3", torch.eye(3), TypeError, "is a tuple of 2 parts, got Tensor"),
        ("T", torch.tensor(12), ValueError, "g: is no element of T"),
    ],
)
def test_what_is_no_element_is_refused(name, g, error, message):
    group = geomdl.group(name)
    field = Field(Vector(), group.standard)
    with pytest.raises(error, match=message):
        field.act(g, torch.zeros(2, field.rep.dim, dtype=torch.float64))
