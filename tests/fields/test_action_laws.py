"""1 x = x, g⁻¹ g x = x and (gh) x = g (h x), over groups × domains, each with actions that fail."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import geomdl
from geomdl import Field, Graph, Grid, Nodes, Points, Vector
from geomdl.fields import Edges, positions
from geomdl.groups import Group
from geomdl.groups import elements as el

Action = Callable[[Any, Any], Any]


class Case(NamedTuple):
    field: Field
    shape: tuple[int, ...]
    tol: float  # relative; 0 where values only move


def _c4_in_space() -> Field:
    c4 = geomdl.group("C4")
    matrices = torch.eye(3, dtype=torch.float64).repeat(4, 1, 1)
    matrices[:, :2, :2] = c4.standard(torch.arange(4))
    return Field(Grid(3, action=c4.finite_rep(matrices)), c4.regular)


def _cases() -> dict[str, Case]:
    g = geomdl.group
    vectors = {
        name: Case(Field(Vector(), rep), (4, rep.dim), 1e-12)
        for name, rep in {
            "D5 standard": g("D5").standard,
            "C6 regular + irrep": g("C6").regular + 2 * g("C6").irrep(1),
            "SO3 tensor": g("SO3").standard @ g("SO3").standard,
            "O2 dual and power": g("O2").irrep((1, 2)) + g("O2").standard.sym(2),
            "Lorentz": g("O(1,3)").standard.dual + g("O(1,3)").standard,
            "Q8": g("Q8").standard,
            "S4 pairs": g("S4").standard @ g("S4").standard,
            "product": (g("C8") * g("C2")).regular,
        }.items()
    }
    d4, z6d4, s5o3 = g("D4"), g("Z6x6 ⋊ D4"), g("S5") * g("O3")
    e3, s4e3 = g("E3"), g("S4") * g("E3")
    return {
        **vectors,
        "columns": Case(Field(Vector(), d4.standard + d4.regular, channels=3), (4, 10, 3), 1e-12),
        "stress": Case(
            Field(Vector(), g("O3").standard @ g("O3").standard, shape=(3, 3)), (4, 3, 3), 1e-12
        ),
        "D4 image": Case(Field(Grid(2), d4.regular), (2, 8, 5, 5), 0),
        "D4 oblong": Case(Field(Grid(2), d4.trivial + d4.standard), (2, 3, 4, 6), 1e-14),
        "line": Case(Field(Grid(1, action=g("C2").irrep(1)), g("C2").regular), (2, 2, 7), 0),
        "Oh voxels": Case(
            Field(Grid(3), g("Oh").trivial + g("Oh").standard), (1, 4, 3, 3, 3), 1e-14
        ),
        "C4 voxels": Case(_c4_in_space(), (1, 4, 4, 4, 4), 0),
        "Z6": Case(Field(Grid(1, periodic=True), g("Z6").regular), (2, 6, 6), 0),
        "Z4x6": Case(Field(Grid(2, periodic=True), 3 * g("Z4x6").trivial), (2, 3, 4, 6), 0),
        "Z6x6 ⋊ D4": Case(Field(Grid(2, periodic=True), z6d4.trivial), (2, 1, 6, 6), 0),
        "Z4x6 ⋊ D2": Case(
            Field(Grid(2, periodic=True), g("Z4x6 ⋊ D2").linear), (2, 2, 4, 6), 1e-14
        ),
        "Z3x3x3 ⋊ Oh": Case(
            Field(Grid(3, periodic=True), g("Z3x3x3 ⋊ Oh").trivial), (1, 1, 3, 3, 3), 0
        ),
        "R2 waves": Case(
            Field(Grid(2, periodic=True, interpolation="fourier"), g("R2").trivial),
            (2, 1, 5, 7),
            1e-11,
        ),
        "O3 points": Case(
            Field(Points(3), g("O3").irrep((1, -1)) + g("O3").irrep((2, 1)), channels=2),
            (5, 8, 2),
            1e-12,
        ),
        "E3 vectors": Case(Field(Points(3), e3.linear), (5, 3), 1e-12),
        "E3 positions": Case(positions(e3), (5, 3), 1e-11),
        "E2 positions": Case(positions(g("E2")), (2, 5, 2), 1e-11),
        "R3 positions": Case(positions(g("R3")), (5, 3), 1e-12),
        "S4 nodes": Case(Field(Nodes(), g("S4").trivial, channels=3), (4, 1, 3), 0),
        "S4 x-regular nodes": Case(Field(Nodes(), g("S4").standard), (2, 4, 4), 0),
        "S5 * O3 nodes": Case(Field(Nodes(), s5o3.linear, channels=2), (5, 3, 2), 1e-12),
        "S5 * O3 positions": Case(positions(s5o3), (5, 3), 1e-12),
        "S4 * E3 positions": Case(positions(s4e3), (4, 3), 1e-11),
        "S5 edges": Case(Field(Edges(), g("S5").trivial), (0,), 0),
        "S5 * O3 edges": Case(Field(Edges(), s5o3.trivial), (0,), 0),
    }


CASES = _cases()


def data(case: Case, seed: int) -> Any:
    rng = torch.Generator().manual_seed(seed)
    if isinstance(case.field.domain, Edges):
        return Graph.from_edge_index(torch.randint(5, (2, 9), generator=rng), num_nodes=5)
    return torch.randn(case.shape, generator=rng, dtype=torch.float64)


def differ(a: Any, b: Any) -> float:
    """Largest difference relative to the size of ``b``; inf for other shapes or graphs."""
    if isinstance(a, Graph):
        return 0.0 if a == b else float("inf")
    return float((a - b).abs().max() / b.abs().max()) if a.shape == b.shape else float("inf")


def check_laws(group: Group, action: Action, x: Any, tol: float, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    g, h = el.iterate(group, group.sample(2, rng))
    grown = 1 + max(_size(group, k) for k in (g, h, group.compose(g, h)))
    assert differ(action(group.identity, x), x) <= tol
    assert differ(action(group.inverse(g), action(g, x)), x) <= tol * grown**2
    left, right = action(g, action(h, x)), action(group.compose(g, h), x)
    assert differ(left, right) <= tol * grown**2


def _size(group: Group, g: Any) -> float:
    """Size of a non-compact element, by which rounding grows."""
    return 1.0 if group.compact else float(group.standard(g).norm())


@pytest.mark.parametrize("name", list(CASES))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_laws_hold(name: str, seed: int) -> None:
    case = CASES[name]
    check_laws(case.field.group, case.field.act, data(case, seed), case.tol, seed)


@pytest.mark.parametrize("name", list(CASES))
def test_laws_hold_on_generators(name: str) -> None:
    field, _, tol = case = CASES[name]
    group, x = field.group, data(case, 0)
    generators = el.iterate(group, group.generators)
    for g in generators:
        for h in generators:
            left, right = field.act(g, field.act(h, x)), field.act(group.compose(g, h), x)
            assert differ(left, right) <= 100 * tol


def _fails(name: str, action: Action, seeds: int = 20) -> bool:
    case = CASES[name]
    for seed in range(seeds):
        try:
            check_laws(case.field.group, action, data(case, seed), case.tol, seed)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("name", [n for n in CASES if "edges" not in n])
def test_an_offset_fails(name: str) -> None:
    field = CASES[name].field
    assert _fails(name, lambda g, x: field.act(g, x) + 1e-6)


@pytest.mark.parametrize("name", list(CASES))
def test_nan_fails(name: str) -> None:
    field = CASES[name].field
    if isinstance(field.domain, Edges):
        assert _fails(name, lambda g, x: field.act(g, x).reverse())
    else:
        assert _fails(name, lambda g, x: field.act(g, x) * torch.nan)


def _dual_of(field: Field) -> Action:
    return lambda g, x: torch.einsum("ji,...j->...i", field.rep(g), x)


@pytest.mark.parametrize("name", ["D5 standard", "SO3 tensor", "Lorentz", "Q8", "S4 pairs"])
def test_a_transpose_fails(name: str) -> None:
    assert _fails(name, _dual_of(CASES[name].field))


@pytest.mark.parametrize("name", ["D4 image", "Oh voxels", "Z6x6 ⋊ D4", "Z3x3x3 ⋊ Oh"])
def test_moving_places_the_other_way_fails(name: str) -> None:
    """Places by g⁻¹ and values by g: right for commutative groups, so tried on others."""
    field = CASES[name].field
    places = Field(field.domain, field.rep.dim * field.group.trivial)

    def action(g: Any, x: Tensor) -> Tensor:
        moved = places.act(field.group.inverse(g), x)
        return torch.einsum("ij,bj...->bi...", field.rep(g), moved)

    assert _fails(name, action)


@pytest.mark.parametrize("name", ["Z6x6 ⋊ D4", "Z4x6 ⋊ D2", "E3 positions", "E2 positions"])
def test_shifting_before_turning_fails(name: str) -> None:
    field = CASES[name].field
    group = field.group

    def action(g: Any, x: Tensor) -> Tensor:
        turn, shift = (g[0], group.identity[1]), (group.identity[0], g[1])
        return field.act(turn, field.act(shift, x))

    assert _fails(name, action)


@pytest.mark.parametrize("name", ["S4 nodes", "S4 x-regular nodes"])
def test_gathering_nodes_fails(name: str) -> None:
    field = CASES[name].field
    axis = -1 - len(field.fibre)
    assert _fails(name, lambda g, x: field.act(field.group.identity, x).index_select(axis, g))


def test_the_case_of_each_failure_is_no_accident() -> None:
    assert not any(_fails(name, case.field.act, seeds=3) for name, case in CASES.items())


BATCHED = [n for n, c in CASES.items() if isinstance(c.field.domain, (Grid, Vector))]


@pytest.mark.parametrize("name", [n for n in BATCHED if n != "D4 oblong"])
def test_a_batch_of_elements_acts_sample_by_sample(name: str) -> None:
    field, shape, _ = case = CASES[name]
    x = data(case, 0)
    rng = torch.Generator().manual_seed(1)
    g = field.group.sample(shape[0], rng)
    while shape[0] > 1 and el.allclose(el.take(g, 0), el.take(g, 1)):
        g = field.group.sample(shape[0], rng)
    together = field.act(g, x)
    for i, single in enumerate(el.iterate(field.group, g)):
        assert differ(together[i : i + 1], field.act(single, x[i : i + 1])) <= 1e-13
    shuffled = el.take(g, torch.arange(shape[0]).roll(1))
    if shape[0] > 1:
        assert differ(field.act(shuffled, x), together) > 1e-3, "the elements must differ"


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_of_another_size_is_refused(name: str) -> None:
    field, shape, _ = case = CASES[name]
    g = field.group.sample(shape[0] + 1)
    message = rf"^g: batch shape should be \(\) or \({shape[0]},\), .*got \({shape[0] + 1},\)$"
    with pytest.raises(ValueError, match=message):
        field.act(g, data(case, 0))
