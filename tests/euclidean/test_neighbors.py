"""Radius graphs against brute force over images, and what must not change them."""

import itertools
import math
from collections import Counter

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from geomdl.euclidean import edge_vectors, radius_graph
from geomdl.fields import Graph
from geomdl.kernels import threads


def edges_of(found) -> list[tuple[int, ...]]:
    """(source, target, shift) of every edge, in order."""
    sources, targets = found.graph.to_edge_index().tolist()
    return [(s, t, *m) for s, t, m in zip(sources, targets, found.shifts.tolist(), strict=True)]


def brute(pos: Tensor, cutoff: float, cell: Tensor | None, pbc: list[bool]) -> set:
    """All edges of one system, by trying every image that can be near."""
    reach = [0, 0, 0]
    if cell is not None:
        # along a period, by the height of the cell over the span of the other periods
        places = [i for i in range(3) if pbc[i]]
        spans = torch.linalg.pinv(cell[places]) if places else torch.zeros(3, 0)
        for column, axis in zip(spans.T, places, strict=True):
            extent = (pos @ column).max() - (pos @ column).min()
            reach[axis] = math.ceil(cutoff * column.norm() + extent) + 1
    vectors = torch.eye(3).double() if cell is None else cell
    found = set()
    for shift in itertools.product(*(range(-n, n + 1) for n in reach)):
        moved = torch.tensor(shift, dtype=torch.float64) @ vectors
        near = (pos[None] - pos[:, None] - moved).norm(dim=-1) <= cutoff
        found |= {(s, t, *shift) for s, t in near.nonzero().tolist() if s != t or any(shift)}
    return found


def draw(seed: int, atoms: int, spread: float = 4.0) -> tuple[Tensor, Tensor]:
    """Atoms in and outside of a tilted cell."""
    rng = torch.Generator().manual_seed(seed)
    cell = 2 * torch.randn(3, 3, generator=rng, dtype=torch.float64)
    return spread * torch.randn(atoms, 3, generator=rng, dtype=torch.float64), cell


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10_000),
    atoms=st.integers(0, 12),
    cutoff=st.floats(0.3, 4.0),
    pbc=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_against_brute_force_in_tilted_cells(seed, atoms, cutoff, pbc):
    pos, cell = draw(seed, atoms)
    assume(1 / torch.linalg.inv(cell).norm(dim=0).max() > 0.4)
    found = radius_graph(pos, cutoff, cell, pbc)
    edges = edges_of(found)
    assert len(edges) == len(set(edges))
    assert set(edges) == (brute(pos, cutoff, cell, pbc) if atoms else set())
    assert [(t, s, *m) for s, t, *m in edges] == sorted((t, s, *m) for s, t, *m in edges)
    r = edge_vectors(pos, found.graph, found.shifts, cell)
    assert (r.norm(dim=1) <= cutoff * (1 + 1e-11)).all()
    assert Counter(edges) == Counter((t, s, -a, -b, -c) for s, t, a, b, c in edges)


@pytest.mark.parametrize("pbc", [[False] * 3, [True] * 3, [True, False, True]])
def test_against_brute_force_with_many_bins(pbc):
    rng = torch.Generator().manual_seed(0)
    cell = torch.tensor([[9.0, 0, 0], [3, 8, 0], [-2, 4, 10]], dtype=torch.float64)
    pos = (3 * torch.rand(150, 3, generator=rng, dtype=torch.float64) - 1) @ cell
    for cutoff in (0.9, 2.1):
        found = radius_graph(pos, cutoff, cell, pbc)
        assert set(edges_of(found)) == brute(pos, cutoff, cell, pbc)


def test_a_thin_cell_needs_many_images():
    pos = torch.zeros(1, 3, dtype=torch.float64)
    cell = torch.diag(torch.tensor([0.5, 20.0, 20.0], dtype=torch.float64))
    found = radius_graph(pos, 2.0, cell)  # four images each way, the fourth just at the cut-off
    assert sorted(found.shifts[:, 0].tolist()) == [-4, -3, -2, -1, 1, 2, 3, 4]
    slanted = cell.clone()
    slanted[1] += 40 * slanted[0]
    assert found.graph.num_edges == radius_graph(pos, 2.0, slanted).graph.num_edges


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), moved=st.integers(0, 1000))
def test_wrapping_moves_shifts_and_nothing_else(seed, moved):
    pos, cell = draw(seed, 6, spread=1.0)
    assume(1 / torch.linalg.inv(cell).norm(dim=0).max() > 0.4)
    rng = torch.Generator().manual_seed(moved)
    jumps = torch.randint(-5, 6, (6, 3), generator=rng)
    one = radius_graph(pos, 2.5, cell)
    other = radius_graph(pos + jumps.double() @ cell, 2.5, cell)
    back = other.shifts - (jumps[other.graph.target.long()] - jumps[other.graph.source.long()])
    assert set(edges_of(one)) == set(edges_of(other._replace(shifts=back)))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_rotations_and_translations_change_nothing_and_permutations_rename(seed):
    pos, cell = draw(seed, 7, spread=2.0)
    assume(1 / torch.linalg.inv(cell).norm(dim=0).max() > 0.4)
    rng = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=rng, dtype=torch.float64)).Q
    one = radius_graph(pos, 2.5, cell, [True, True, False])
    other = radius_graph(pos @ turn.T + 3.0, 2.5, cell @ turn.T, [True, True, False])
    assert edges_of(one) == edges_of(other)
    perm = torch.randperm(7, generator=rng)
    renamed = radius_graph(pos[perm.argsort()], 2.5, cell, [True, True, False])
    names = perm.tolist()
    assert set(edges_of(renamed)) == {(names[s], names[t], *m) for s, t, *m in edges_of(one)}


@pytest.mark.parametrize("repeats", [(2, 1, 1), (1, 2, 1), (2, 2, 3)])
def test_a_supercell_has_as_many_neighbours_an_atom(repeats):
    pos, cell = draw(3, 5, spread=1.0)
    steps = torch.tensor(list(itertools.product(*map(range, repeats))), dtype=torch.float64)
    large = torch.cat([pos + step @ cell for step in steps])
    one = radius_graph(pos, 3.0, cell)
    many = radius_graph(large, 3.0, cell * torch.tensor(repeats)[:, None])
    degree = one.graph.in_degree
    assert one.graph.num_edges > 20
    assert torch.equal(many.graph.in_degree, degree.repeat(len(steps)))
    lengths = [
        edge_vectors(p, g.graph, g.shifts, c).norm(dim=1).sort().values
        for p, g, c in ((pos, one, cell), (large, many, cell * torch.tensor(repeats)[:, None]))
    ]
    torch.testing.assert_close(lengths[1], lengths[0].repeat_interleave(len(steps)).sort().values)


def test_a_batch_is_its_systems_side_by_side_in_any_order():
    parts = [draw(seed, atoms, spread=1.5) for seed, atoms in ((0, 4), (1, 0), (2, 7), (3, 1))]
    periods = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]], dtype=torch.bool)
    batch = torch.cat([torch.full((len(p),), i) for i, (p, _) in enumerate(parts)])
    pos, cell = torch.cat([p for p, _ in parts]), torch.stack([c for _, c in parts])
    whole = radius_graph(pos, 2.0, cell, periods, batch)
    alone = [radius_graph(p, 2.0, c, b) for (p, c), b in zip(parts, periods, strict=True)]
    assert whole.graph == Graph.batch([one.graph for one in alone])
    assert torch.equal(whole.shifts, torch.cat([one.shifts for one in alone]))
    order = torch.randperm(len(pos), generator=torch.Generator().manual_seed(0))
    mixed = radius_graph(pos[order], 2.0, cell, periods, batch[order])
    names = order.tolist()
    assert {(names[s], names[t], *m) for s, t, *m in edges_of(mixed)} == set(edges_of(whole))
    own = edge_vectors(pos[order], mixed.graph, mixed.shifts, cell)
    assert torch.equal(own.norm(dim=1) <= 2.0, torch.ones(len(own), dtype=torch.bool))


def test_the_graph_is_the_one_that_its_edges_give():
    pos, cell = draw(5, 40, spread=3.0)
    graph = radius_graph(pos, 2.0, cell).graph
    built = Graph.from_edge_index(graph.to_edge_index(), 40)
    for name in Graph.__dataclass_fields__:
        found, expected = getattr(graph, name), getattr(built, name)
        assert found.dtype == expected.dtype and torch.equal(found, expected), name


def test_threads_change_nothing():
    pos, cell = draw(6, 60, spread=3.0)
    with threads.always(1):
        one = radius_graph(pos, 2.0, cell)
    with threads.always(3):
        many = radius_graph(pos, 2.0, cell)
    assert edges_of(one) == edges_of(many)


def test_none_one_and_coincident_atoms():
    none = radius_graph(torch.empty(0, 3), 1.0)
    assert (none.graph.num_nodes, none.graph.num_edges, none.shifts.shape) == (0, 0, (0, 3))
    assert radius_graph(torch.zeros(1, 3), 1.0).graph.num_edges == 0
    assert edges_of(radius_graph(torch.ones(2, 3), 1.0)) == [(1, 0, 0, 0, 0), (0, 1, 0, 0, 0)]
    same = radius_graph(torch.ones(2, 3), 1.0, loop=True)
    assert [e[:2] for e in edges_of(same)] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    periodic = radius_graph(torch.zeros(1, 3), 1.0, torch.eye(3), loop=True)
    assert periodic.graph.num_edges == 7 and edges_of(periodic).count((0, 0, 0, 0, 0)) == 1


def test_atoms_far_apart_cost_no_bins():
    pos = torch.tensor([[0.0, 0, 0], [1e7, 0, 0], [1e7, 0.5, 0], [-3e8, 2e6, 9e8]]).double()
    assert [e[:2] for e in edges_of(radius_graph(pos, 1.0))] == [(2, 1), (1, 2)]


def test_ties_at_the_cut_off_count():
    line = 0.1 * torch.arange(50, dtype=torch.float64)[:, None] * torch.tensor([[1.0, 0, 0]])
    found = radius_graph(line, 0.3)
    assert found.graph.num_edges == 2 * (49 + 48 + 47)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_positions_are_taken_as_they_are(dtype):
    pos, cell = draw(7, 9)
    pos, cell = pos.to(dtype), cell.to(dtype)
    expected = radius_graph(pos.double(), 2.0, cell.double())
    assert edges_of(radius_graph(pos, 2.0, cell)) == edges_of(expected)
    assert edge_vectors(pos, *expected, cell).dtype == dtype


def test_vectors_are_differentiable_and_compile():
    pos, cell = draw(8, 5, spread=1.0)
    batch = torch.tensor([0, 0, 1, 1, 1])
    cells = torch.stack([cell, 1.1 * cell])
    graph, shifts = radius_graph(pos, 2.0, cells, batch=batch)
    assert shifts.abs().sum() > 0 and graph.num_edges > 10
    inputs = (pos.requires_grad_(), cells.requires_grad_())

    def squares(p, c):
        return edge_vectors(p, graph, shifts, c).square().sum(1)

    assert torch.autograd.gradcheck(squares, inputs)
    assert torch.autograd.gradgradcheck(squares, inputs)
    compiled = torch.compile(edge_vectors, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(pos, graph, shifts, cells), edge_vectors(pos, graph, shifts, cells))
    one = edge_vectors(pos[:2], *radius_graph(pos[:2], 2.0, cell), cell)
    own = (batch[graph.source.long()] == 0).nonzero()[:, 0]
    torch.testing.assert_close(one, edge_vectors(pos, graph, shifts, cells)[own])


EYE, ATOMS = torch.eye(3), torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((ATOMS[0], 1.0), ValueError, r"pos: expected shape \(nodes, 3\), got \(3,\)"),
        ((ATOMS.long(), 1.0), TypeError, "pos: expected a tensor of real floating-point numbers"),
        ((ATOMS / 0, 1.0), ValueError, "pos: expected finite numbers, got NaN .* in node 0"),
        ((ATOMS, 0.0), ValueError, "cutoff: expected a positive number, got 0"),
        ((ATOMS, math.nan), ValueError, "cutoff: expected a positive number, got nan"),
        ((ATOMS, "far"), TypeError, "cutoff: expected a number, got str"),
        ((ATOMS, 1.0, None, True), ValueError, "pbc: periodic axes need a cell, got cell=None"),
        ((ATOMS, 1.0, EYE, [1, 0, 1]), ValueError, "pbc: expected bools of shape"),
        ((ATOMS, 1.0, EYE[:2]), ValueError, r"cell: expected shape \(3, 3\) or \(1, 3, 3\)"),
        ((ATOMS, 1.0, EYE / 0), ValueError, "cell: expected finite numbers, got NaN or infinity"),
        ((ATOMS, 1.0, torch.ones(3, 3)), ValueError, "cell: .* got a singular cell in system 0"),
        ((ATOMS, 1.0, 0 * EYE), ValueError, "cell: .* got a singular cell in system 0"),
        ((ATOMS, 1.0, 1e-3 * EYE), ValueError, "cutoff: 1 reaches .* images of the cell"),
        ((3e9 * EYE[:1], 0.6, EYE), ValueError, "pos: expected atoms within .* got node 0 beyond"),
        ((1e25 * EYE[:1], 0.6, EYE), ValueError, "pos: expected atoms within .* got node 0 beyond"),
        ((ATOMS, 1.0, None, None, torch.zeros(3).long()), ValueError, "batch: expected shape"),
        ((ATOMS, 1.0, EYE[None], None, torch.tensor([0, 1])), ValueError, "batch: system numbers"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=f"^{message}") as caught:
        radius_graph(*arguments)
    assert "\n" not in str(caught.value)


def test_cells_without_periods_are_not_used():
    flat = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]])
    found = radius_graph(torch.zeros(1, 3), 1.5, flat, [True, False, False])
    assert edges_of(found) == [(0, 0, -1, 0, 0), (0, 0, 1, 0, 0)]
    assert radius_graph(ATOMS, 1.0, 0 * EYE, False).graph.num_edges == 2
    with pytest.raises(ValueError, match=r"^shifts: expected shape \(2, 3\), got \(1, 3\)$"):
        edge_vectors(ATOMS, radius_graph(ATOMS, 1.0).graph, torch.zeros(1, 3), EYE)
    with pytest.raises(ValueError, match=r"^pos: expected shape \(2, 3\), got \(1, 3\)$"):
        edge_vectors(ATOMS[:1], radius_graph(ATOMS, 1.0).graph)
    with pytest.raises(ValueError, match=r"^cell: expected shape \(3, 3\) or \(1, 3, 3\)"):
        edge_vectors(ATOMS, *radius_graph(ATOMS, 1.0), torch.ones(2, 3, 3))


@pytest.mark.parametrize("systems", [None, 1])
def test_autocast_rounds_no_lattice_vector(systems):
    pos, cell = torch.tensor([[0.1, 0.2, 0.3]]), 3.4567 * torch.eye(3)
    cell = cell if systems is None else cell.expand(systems, 3, 3)
    graph, shifts = radius_graph(pos, 4.0, cell)
    expected = edge_vectors(pos, graph, shifts, cell)
    with torch.autocast("cpu", torch.bfloat16):
        found = edge_vectors(pos, graph, shifts, cell)
    assert torch.equal(found, expected)
