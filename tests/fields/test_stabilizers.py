"""Stabilizers, and the outputs that no equivariant network can give."""

from dataclasses import dataclass

import networkx
import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Graph, Grid, Nodes, Points, Vector
from geomdl.fields import Edges, coordinates, positions
from geomdl.groups import Rep, Subgroup
from geomdl.groups import elements as el

SIX = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=torch.float64)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def positions_of(subgroup: Subgroup) -> set[int]:
    parent = subgroup.parent
    return set(parent.index(subgroup.embed(subgroup.group.elements)).tolist())


def by_hand(field: Field, x: Tensor) -> set[int]:
    group = field.group
    elements = el.iterate(group, group.elements)
    return {i for i, g in enumerate(elements) if (field.act(g, x) - x).abs().max() <= 1e-9}


def orbit_mean(field: Field, x: Tensor, name: str) -> Tensor:
    """An input that a subgroup fixes: the mean of x over it."""
    subgroup = field.group.subgroup(name)
    elements = el.iterate(field.group, subgroup.embed(subgroup.group.elements))
    return torch.stack([field.act(h, x) for h in elements]).mean(0)


@pytest.mark.parametrize("name", ["C1", "C2", "C4", "D1", "D2", "D4"])
@pytest.mark.parametrize("rep", ["trivial", "regular", "standard"])
def test_finds_the_subgroup_that_made_the_image(name: str, rep: str) -> None:
    d4 = geomdl.group("D4")
    field = Field(Grid(2), getattr(d4, rep))
    x = orbit_mean(field, noise(1, field.channels, 6, 6), name)
    found = field.stabilizer(x)
    assert found.parent == d4
    assert positions_of(found) == by_hand(field, x)
    assert found.group.order == geomdl.group(name).order
    broken = x.clone()
    broken[0, 0, 0, 1] += 1e-3
    assert field.stabilizer(broken).group.order == 1


def test_six_and_nine_under_a_half_turn() -> None:
    """Curie: 69 is its own half turn, so no network with a sign for an output can read it."""
    c2 = geomdl.group("C2")
    field = Field(Grid(2), c2.trivial)
    gap = torch.zeros(5, 1, dtype=torch.float64)
    pair = torch.cat([SIX, gap, SIX.rot90(2)], 1)[None, None]
    h = field.stabilizer(pair)
    assert h.group.order == 2
    assert len(c2.irrep(1).fixed(h)) == 0
    assert len(c2.regular.fixed(h)) == 1
    alone = field.stabilizer(SIX[None, None])
    assert alone.group.order == 1
    assert len(c2.irrep(1).fixed(alone)) == 1
    twice = torch.cat([SIX, gap, SIX], 1)[None, None]
    assert field.stabilizer(twice).group.order == 1, "66 turns into 99"


def test_equivariant_maps_obey_and_others_do_not() -> None:
    """The outputs of the averaged random map on a symmetric input lie in rep.fixed(H)."""
    d4 = geomdl.group("D4")
    source, target = Field(Vector(), d4.regular), Field(Vector(), 2 * d4.standard)
    w = noise(4, 8)

    def rough(x: Tensor) -> Tensor:
        return (x**2 + x) @ w.T

    def averaged(x: Tensor) -> Tensor:
        every = el.iterate(d4, d4.elements)
        return sum(target.act(d4.inverse(g), rough(source.act(g, x))) for g in every) / 8

    x = orbit_mean(source, noise(1, 8), "D1")
    h = source.stabilizer(x)
    fixed = target.rep.fixed(h)
    assert fixed.shape == (2, 4)
    outside = torch.eye(4, dtype=torch.float64) - fixed.T @ fixed
    assert (averaged(x) @ outside).abs().max() <= 1e-13
    assert averaged(x).abs().max() >= 0.1
    assert (rough(x) @ outside).abs().max() >= 0.1, "the twin"


def test_all_samples_at_once() -> None:
    c4 = geomdl.group("C4")
    field = Field(Grid(2), c4.trivial)
    x = noise(1, 1, 5, 5)
    half, quarter = orbit_mean(field, x, "C2"), orbit_mean(field, x, "C4")
    assert field.stabilizer(quarter).group.order == 4
    assert field.stabilizer(torch.cat([half, quarter])).group.order == 2
    assert field.stabilizer(torch.cat([x, quarter])).group.order == 1


def test_periodic_images() -> None:
    group = geomdl.group("Z6x6 ⋊ D4")
    field = Field(Grid(2, periodic=True), group.trivial)
    stripes = torch.tensor([1.0, 0.0, 0.0]).repeat(1, 1, 6, 2)
    found = field.stabilizer(stripes)
    assert positions_of(found) == by_hand(field, stripes)
    assert found.group.order == 2 * 6 * 4  # shifts by 3 columns and any row, and D2
    assert field.stabilizer(noise(1, 1, 6, 6)).group.order == 1


def test_chunks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    field = Field(Grid(2), geomdl.group("D4").regular)
    x = orbit_mean(field, noise(2, 8, 4, 4), "D2")
    whole = field.stabilizer(x)
    monkeypatch.setattr("geomdl.fields.stabilizers._CHUNK", 1)
    assert field.stabilizer(x) == whole


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.uint8, torch.bool]
)
def test_dtypes(dtype: torch.dtype) -> None:
    c4 = geomdl.group("C4")
    x = (noise(1, 1, 6, 6) > 0).to(dtype)
    half = torch.maximum(x, x.rot90(2, (-2, -1)))
    field = Field(Grid(2), c4.trivial)
    assert field.stabilizer(half).group.order == 2
    assert field.stabilizer(x).group.order == 1


def test_oblong_images_are_not_fixed_by_quarter_turns() -> None:
    field = Field(Grid(2), geomdl.group("D4").trivial)
    assert field.stabilizer(torch.ones(1, 1, 4, 6)).group.order == 4


def test_automorphisms_of_graphs() -> None:
    s5 = geomdl.group("S5")
    field = Field(Edges(), s5.trivial)
    for graph, order in [
        (networkx.cycle_graph(5), 10),
        (networkx.path_graph(5), 2),
        (networkx.star_graph(4), 24),
        (networkx.cycle_graph(5, create_using=networkx.DiGraph), 5),
    ]:
        ours = Graph.from_networkx(graph)
        assert field.stabilizer(ours).group.order == order
        assert field.stabilizer(ours.to_edge_index()).group.order == order


def test_sets_with_equal_members() -> None:
    s4 = geomdl.group("S4")
    x = torch.tensor([[1.0], [2.0], [1.0], [1.0]])
    assert Field(Nodes(), s4.trivial).stabilizer(x).group.order == 6
    numbers = Field(Nodes(), s4.trivial, shape=()).stabilizer(torch.tensor([6, 6, 1, 1]))
    assert numbers.group.order == 4
    assert Field(Vector(), s4.standard).stabilizer(torch.ones(4)).group.order == 24


def test_elements_that_interpolate_need_a_tolerance() -> None:
    c8 = geomdl.group("C8")
    field = Field(Grid(2), c8.trivial)
    places = coordinates((33, 33)) / 16
    radius = places.norm(dim=-1)
    round_ = torch.exp(-radius.square() / 0.08)[None, None]
    with pytest.raises(
        ValueError, match=r"^tol: .* moves this grid by interpolation, give the relat"
    ):
        field.stabilizer(round_)
    assert field.stabilizer(round_, tol=1e-2).group.order == 8
    angle = torch.atan2(places[..., 1], places[..., 0])
    cross = round_ * radius**2 * (4 * angle).cos()
    assert field.stabilizer(cross, tol=1e-2).group.order == 4
    bar = round_ * radius**2 * (2 * angle).cos()
    assert field.stabilizer(bar, tol=1e-2).group.order == 2


def test_a_tolerance_by_which_they_form_no_group() -> None:
    c8 = geomdl.group("C8")
    field = Field(Vector(), c8.standard)
    x = torch.tensor([1.0, 0.0], dtype=torch.float64)  # turned by 45° it moves by 0.77
    assert field.stabilizer(x).group.order == 1
    with pytest.raises(
        ValueError, match=r"^tol: too large, elements that fix x give .*, which does n"
    ):
        field.stabilizer(x, tol=0.8)


def test_lie_groups_on_vectors() -> None:
    so3 = geomdl.group("SO3")
    field = Field(Vector(), so3.standard)
    axis = torch.tensor([[0.6, 0.0, 0.8]], dtype=torch.float64)
    h = field.stabilizer(axis)
    assert h.group.lie_dim == 1
    for element in h.group.sample(4):
        assert (field.act(h.embed(element), axis) - axis).abs().max() <= 1e-12
    fixed = so3.standard.fixed(h)
    assert fixed.shape == (1, 3)
    assert (fixed.abs() - axis).abs().max() <= 1e-9, "a vector can only answer along itself"
    assert len(so3.standard.sym(2).fixed(h)) == 2
    assert len(so3.irrep(1).fixed(h)) == 1
    assert field.stabilizer(torch.zeros(1, 3)) == Subgroup(so3, so3)


def test_components_of_lie_groups() -> None:
    o3 = geomdl.group("O3")
    even = Field(Vector(), o3.standard @ o3.standard, shape=(3, 3))
    uniaxial = torch.diag(torch.tensor([1.0, 1.0, 3.0], dtype=torch.float64))
    h = even.stabilizer(uniaxial)
    assert h.group.lie_dim == 1
    assert len(o3.standard.fixed(h)) == 0, "the inversion fixes the tensor, so no vector comes out"
    assert len((o3.standard @ o3.standard).fixed(h)) == 2, "half turns across leave no torque"
    assert even.stabilizer(torch.eye(3, dtype=torch.float64)) == Subgroup(o3, o3)
    triaxial = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    assert even.stabilizer(triaxial).group.order == 8  # D2h


def test_molecules_on_a_line() -> None:
    o3 = geomdl.group("O3")
    line = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.5]], dtype=torch.float64)
    h = positions(o3).stabilizer(line)
    assert h.group.lie_dim == 1
    swaps = geomdl.group("S3") * o3
    assert positions(swaps).stabilizer(line).group.lie_dim == 1
    field = Field(Points(3), o3.standard, channels=2)
    assert field.stabilizer(line.unsqueeze(-1).expand(-1, -1, 2)).group.lie_dim == 1


def test_isolated_elements_are_searched_for() -> None:
    so3, o3, o2 = geomdl.group("SO3"), geomdl.group("O3"), geomdl.group("O2")
    assert Field(Vector(), so3.standard).stabilizer(noise(2, 3)).group.order == 1
    arrow = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    cone = Field(Vector(), o3.standard).stabilizer(arrow)  # C∞v: turns, and mirrors through them
    fixed = [len(o3.irrep(k).fixed(cone)) for k in [(0, 1), (0, -1), (1, -1), (1, 1)]]
    assert fixed == [1, 0, 1, 0]
    assert Field(Vector(), o2.standard).stabilizer(arrow[1:]).group.order == 2
    water = torch.tensor([[0.0, 0.0, 0.1], [0.8, 0.0, -0.5], [-0.8, 0.0, -0.5]])
    for x in (water, water.double()):
        mirror = positions(o3).stabilizer(x)  # the plane of the three
        assert mirror.group.order == 2
        assert len(o3.irrep((0, -1)).fixed(mirror)) == 0, "no chirality comes out"
    tensor = Field(Vector(), so3.standard @ so3.standard, shape=(3, 3))
    turned = so3.sample(1)[0]
    rod = turned @ torch.diag(torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)) @ turned.T
    h = tensor.stabilizer(rod)
    assert h.group.lie_dim == 1
    assert len(h.group.generators) == 2, "the identity and one half turn: D∞, not only its turns"
    moved = tensor.act(h.embed(h.group.generators[1]), rod)
    assert (moved - rod).abs().max() <= 1e-12
    assert len(so3.irrep(1).fixed(h)) == 0


TETRAHEDRON = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)
RECTANGLE = torch.tensor([[2, 1, 0], [2, -1, 0], [-2, 1, 0], [-2, -1, 0]], dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("points", "name", "order", "vectors"), [
    (TETRAHEDRON, "O3", 24, 0), (TETRAHEDRON, "SO3", 12, 0), (RECTANGLE, "O3", 8, 0),
    (RECTANGLE + RECTANGLE.new_tensor([0, 0, 1.0]), "O3", 4, 1), (noise(4, 3), "O3", 1, 3),
])  # fmt: skip
def test_turns_and_permutations_together(points, name, order, vectors, dtype) -> None:
    """Td, T, D2h, C2v, nothing: turned points that a permutation puts back."""
    turns = geomdl.group(name)
    both = geomdl.group("S4") * turns
    x = (points @ geomdl.group("SO3").sample(1, torch.Generator().manual_seed(1))[0].T).to(dtype)
    h = positions(both).stabilizer(x)
    assert h.group.order == order
    for g in el.iterate(both, h.embed(h.group.elements)):
        assert (positions(both).act(g, x) - x).abs().max() <= (1e-6 if x.itemsize == 4 else 1e-12)
    assert len(both.pull(1, turns.standard).fixed(h)) == vectors


def test_permutations_that_turns_undo_for_tensors_at_the_nodes() -> None:
    """Two molecules at once, channels of vectors, and numbers that tell two points apart."""
    so3 = geomdl.group("SO3")
    both = geomdl.group("S4") * so3
    vectors = Field(Points(3, both.pull(1, so3.standard)), both.pull(1, so3.standard), channels=2)
    x = torch.stack([RECTANGLE, 3 * RECTANGLE], -1)
    assert vectors.stabilizer(torch.stack([x, -x])).group.order == 4
    rep = both.trivial + both.pull(1, so3.standard)
    marked = torch.cat([torch.tensor([[1.0], [1], [0], [0]]).double(), RECTANGLE], 1)
    assert Field(Nodes(), rep).stabilizer(marked).group.order == 2


@dataclass(frozen=True)
class Sheared(Rep):
    """A representation in a basis that is not orthogonal."""

    base: Rep
    name = "sheared"
    config = None  # it is not written

    @property
    def group(self):
        return self.base.group

    @property
    def dim(self) -> int:
        return self.base.dim

    def basis(self) -> Tensor:
        return torch.eye(self.dim).double() + torch.ones(self.dim, self.dim).double().triu(1)

    def matrix(self, g) -> Tensor:
        return self.basis() @ self.base.matrix(g) @ torch.linalg.inv(self.basis())

    @property
    def lie(self) -> Tensor:
        return self.basis() @ self.base.lie @ torch.linalg.inv(self.basis())


def test_permutations_and_turns_in_a_basis_that_is_not_orthogonal() -> None:
    both = geomdl.group("S4") * geomdl.group("O3")
    rep = Sheared(both.pull(1, geomdl.group("O3").standard))
    assert Field(Nodes(), rep).stabilizer(TETRAHEDRON @ rep.basis().T).group.order == 24


def test_what_cannot_be_found_is_refused() -> None:
    so3, so2, e3 = geomdl.group("SO3"), geomdl.group("SO2"), geomdl.group("E3")
    with pytest.raises(
        ValueError, match=r"^stabilizer: SO2 moves pixels by interpolation; take a f"
    ):
        Field(Grid(2), so2.trivial).stabilizer(torch.ones(1, 1, 5, 5))
    with pytest.raises(ValueError, match=r"^stabilizer: E3 also translates; centre the points and"):
        positions(e3).stabilizer(noise(4, 3))
    with pytest.raises(ValueError, match=r"^x: last axis should be rep.dim=3, got 2$"):
        Field(Vector(), so3.standard).stabilizer(torch.zeros(1, 2))


def test_a_finite_subgroup_of_a_lie_group() -> None:
    so2 = geomdl.group("SO2")
    h = so2.subgroup("C4")
    field = Field(Grid(2), so2.trivial.restrict(h))
    square = torch.zeros(1, 1, 6, 6)
    square[..., 1:5, 1:5] = 1
    assert field.stabilizer(square).group.order == 4


def test_empty_data() -> None:
    d4 = geomdl.group("D4")
    assert Field(Vector(), d4.standard).stabilizer(torch.zeros(0, 2)).group.order == 8
    so3 = geomdl.group("SO3")
    assert Field(Vector(), so3.standard).stabilizer(torch.zeros(0, 3)) == Subgroup(so3, so3)


def test_nan_is_refused():
    field = geomdl.Field(geomdl.Vector(), geomdl.group("C4").standard)
    with pytest.raises(ValueError, match="x: expected numbers, got NaN"):
        field.stabilizer(torch.tensor([1.0, torch.nan]))
