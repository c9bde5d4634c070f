"""Intertwiners: residuals at fresh elements, dimensions against theory, and sabotage."""

import math

import pytest
import torch

from geomdl.groups import group, intertwiner_operator, intertwiners, isomorphic, matrix_group
from geomdl.groups import intertwiners as module_function
from geomdl.groups.intertwiners import Blocks, Dense, Orbits, Spectral
from geomdl.groups.linalg import canonical_basis, null_space, null_space_symmetric
from geomdl.groups.rep import Rep
from geomdl.groups.spectral import commuting
from tests.groups.catalog import ALL, named, scale

assert module_function is intertwiners


def residual(q: torch.Tensor, r: Rep, s: Rep, seed: int = 123) -> float:
    """max |s(g) Q − Q r(g)| at fresh elements, relative to the matrices."""
    g = r.group.sample(6, torch.Generator().manual_seed(seed))
    a, b = s(g).unsqueeze(1), r(g).unsqueeze(1)
    if not len(q):
        return 0.0
    return float((a @ q - q @ b).abs().max()) / scale(a, b)


def check(r: Rep, s: Rep) -> int:
    """Orthonormal, equivariant, complete (the dimension comes out of the operator too)."""
    q = intertwiners(r, s)
    flat = q.flatten(1)
    assert (
        (flat @ flat.T - torch.eye(len(q), dtype=torch.float64)).abs().max() <= 1e-12
        if len(q)
        else True
    )
    error = residual(q, r, s)
    assert error <= 1e-11, f"{r} → {s}: residual {error:.1e}"
    op = intertwiner_operator(r, s)
    w = torch.randn(2, op.n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (op(w) - torch.tensordot(w, q, 1)).abs().max() <= 1e-12 if op.n else True
    return len(q)


@pytest.mark.parametrize("name", [n for n in ALL if named(n).standard_dim <= 6])
def test_equivariant_at_fresh_elements(name):
    v = named(name).standard
    assert check(v, v) >= 1
    check(v @ v, v)
    check(v, 2 * v + v.group.trivial)
    if v.dim <= 3:
        check(v @ v, v @ v)
    check(v, v.dual)


@pytest.mark.parametrize(
    "name", ["C1", "C4", "C5", "D4", "S4", "Q8", "T", "O", "Ih", "C3 * C4", "SU2", "O3"]
)
def test_dimension_is_sum_of_d_m_n(name):
    g = named(name)
    r, s = g.standard @ g.standard, 2 * g.standard + g.trivial
    m, n = r.decompose().multiplicities, s.decompose().multiplicities
    wanted = sum(k.endomorphism_dim * m[k] * n[k] for k in m if k in n)
    assert check(r, s) == wanted
    if g.order:
        assert check(g.regular, g.regular) == g.order


def test_c4_regular_has_four_maps():
    c4 = group("C4").regular
    assert len(intertwiners(c4, c4)) == 4


@pytest.mark.parametrize(("name", "count"), [("SO+(1,3)", 4), ("SO(1,3)", 4), ("O(1,3)", 3)])
def test_lorentz_tensors(name, count):
    v = group(name).standard
    assert check(v @ v, v @ v) == count
    assert check(v, v.dual) == 1  # the metric
    assert check(v @ v, group(name).trivial) == 1
    assert (check(v, v.alt(3)) == 1) == (name != "O(1,3)")  # ε needs det = 1


def test_a_transpose_in_place_of_an_inverse_breaks_lorentz_but_keeps_the_dimension():
    v = group("SO+(1,3)").standard
    r = v @ v
    rows = [
        torch.kron(a, torch.eye(16)) + torch.kron(torch.eye(16), b)  # −bᵀ of a skew b, wrongly
        for a, b in zip(r.lie, r.lie, strict=True)
    ]
    wrong = null_space(torch.cat(rows)).basis.T.reshape(-1, 16, 16)
    assert len(wrong) == 4
    assert residual(wrong, r, r) > 1e-3


def test_a_dropped_generator_is_found():
    d4 = group("D4")
    c4 = d4.subgroup("C4")
    v = d4.standard
    wrong = intertwiners(v.restrict(c4), v.restrict(c4))
    assert residual(intertwiners(v, v), v, v) <= 1e-12 < residual(wrong, v, v)


@pytest.mark.parametrize(("k", "bell"), [(1, 1), (2, 2), (3, 5), (4, 15), (5, 52)])
def test_permutation_tensors_count_bell_numbers(k, bell):
    v = group("S5").standard
    t = v
    for _ in range(k - 1):
        t = t @ v
    assert intertwiner_operator(v.group.trivial, t).n == bell


def test_s5_52_dimensional_case():
    v = group("S5").standard
    op = intertwiner_operator(v @ v, v @ v @ v)
    assert isinstance(op, Orbits) and op.n == 52
    assert residual(op.dense(), v @ v, v @ v @ v) <= 1e-12


@pytest.mark.parametrize("name", ["D4", "S4", "O", "Z3x4"])
def test_orbits_are_counted_by_burnside(name):
    g = named(name)
    r = g.quotient(g.subgroup(generators=g.generators[:1]))
    fixed = r.character(g.elements) * g.regular.character(g.elements)
    assert intertwiner_operator(r, g.regular).n == round(float(fixed.mean()))


def test_the_cheapest_way_is_taken_and_all_ways_agree():
    so3, d4 = group("SO3"), group("D4")
    v = so3.standard
    big = v @ v @ v
    assert isinstance(intertwiner_operator(big, big), Dense)
    larger = big @ v @ v
    lazy = intertwiner_operator(larger, larger)
    assert isinstance(lazy, Spectral)
    assert lazy.n == 603  # Motzkin sum: invariants of ten vectors
    assert isinstance(intertwiner_operator(v @ v, v), Dense)
    assert isinstance(intertwiner_operator(2 * v, v), Blocks)
    assert check(big, big) == 15
    r = d4.regular
    table = d4.finite_rep(r(d4.elements))  # the same matrices, not known to be permutations
    slow, fast = intertwiners(table, table), intertwiners(r, r)
    assert isinstance(intertwiner_operator(table, table), Dense)
    overlap = torch.linalg.svdvals(slow.flatten(1) @ fast.flatten(1).T)
    assert (overlap - 1).abs().max() <= 1e-12  # the same span


def sp4():
    """Sp(4, R) from its Lie algebra: J S for symmetric S."""
    j = torch.tensor([[0.0, 0, 1, 0], [0, 0, 0, 1], [-1, 0, 0, 0], [0, -1, 0, 0]])
    e = torch.eye(4)
    pairs = [(a, b) for a in range(4) for b in range(a, 4)]
    return matrix_group(
        lie_algebra=torch.stack([j @ (torch.outer(e[a], e[b]) + torch.outer(e[b], e[a]))
                                 for a, b in pairs]),
        name="Sp(4)",
    )  # fmt: skip


def sl2():
    """SL(2, R)."""
    return matrix_group(
        lie_algebra=[[[1.0, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], name="SL(2)"
    )


def power(v: Rep, k: int) -> Rep:
    """V ⊗ … ⊗ V."""
    out = v
    for _ in range(k - 1):
        out = out @ v
    return out


@pytest.mark.parametrize(
    ("v", "k", "l", "count"),
    [
        (group("O(1,3)").standard, 3, 3, 15),  # 5!! pairings
        (group("SO+(1,3)").standard, 3, 3, 25),  # Catalan numbers squared, C₃²
        (sp4().standard, 3, 3, 14),  # 15 pairings, one relation: 6 points, n = 2
        (sl2().standard, 5, 5, 42),  # C₅
        (sl2().standard.dual, 5, 5, 42),
    ],
)
def test_large_tensors_of_noncompact_groups(v, k, l, count):
    r, s = power(v, k), power(v, l)
    assert commuting(r, s) is not None
    op = intertwiner_operator(r, s)
    assert op.n == count
    w = op(torch.eye(op.n, dtype=torch.float64))
    assert residual(w, r, s) <= 1e-11
    assert (w.flatten(1) @ w.flatten(1).T - torch.eye(op.n)).abs().max() <= 1e-11


def test_eigenspaces_and_the_whole_null_space_agree():
    v = group("SO(1,3)").standard
    r, s = v @ v, v.dual @ v
    found = commuting(r, s)
    one = Spectral(r, s, found).dense()
    two = intertwiners(r, s)
    assert len(one) == len(two)
    overlap = torch.linalg.svdvals(one.flatten(1) @ two.flatten(1).T)
    assert (overlap - 1).abs().max() <= 1e-11
    lost = found._replace(checks=tuple(c[:-3] for c in found.checks))  # no boosts checked
    assert Spectral(r, s, lost).n >= len(one)


def test_eigenspaces_need_a_group_closed_under_transposition():
    e3 = group("E3").standard
    assert commuting(e3, e3) is None
    shear = named("shear").standard
    assert commuting(shear, shear) is None


def test_gap_is_reported():
    v = group("SO+(1,3)").standard
    assert 1e6 < intertwiner_operator(v @ v, v @ v).gap < math.inf
    with pytest.raises(ValueError, match="singular values fall by only"):
        null_space(torch.diag(torch.tensor([1.0, 5e-8, 2e-9], dtype=torch.float64)))


def test_null_spaces_agree():
    a = torch.randn(6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one, two = null_space(a).basis, null_space_symmetric(a.T @ a).basis
    assert one.shape == two.shape == (8, 2)
    assert (a @ two).abs().max() <= 1e-12
    assert (canonical_basis(one) - canonical_basis(two)).abs().max() <= 1e-12


def test_large_bases_are_refused_but_operators_are_not():
    s8 = group("S8").standard
    r, s = s8 @ s8 @ s8, s8 @ s8 @ s8
    op = intertwiner_operator(r, s)
    assert op.n == 203  # Bell(6)
    with pytest.raises(ValueError, match="more than 256 MB; use intertwiner_operator"):
        intertwiners(r, s)
    rng = torch.Generator().manual_seed(0)
    w = torch.randn(op.n, generator=rng, dtype=torch.float64, requires_grad=True)
    op(w).square().sum().backward()
    assert (w.grad - 2 * w).abs().max() <= 1e-10  # orthonormal: ‖W‖² = ‖w‖²
    with pytest.raises(ValueError, match="weights: last axis should be n=203, got 3"):
        op(torch.zeros(3))
    e3 = group("E3").standard
    with pytest.raises(ValueError, match="unknowns are too many for E3"):
        intertwiner_operator(e3 @ e3 @ e3 @ e3, e3 @ e3 @ e3)


def test_different_groups_are_refused():
    with pytest.raises(ValueError, match="s: should be a representation of C4, got one of C8"):
        intertwiners(group("C4").regular, group("C8").regular)


def test_isomorphic():
    d4, so3 = group("D4"), group("SO3")
    assert isomorphic(d4.standard, d4.irrep((1, 1))) and not isomorphic(
        d4.irrep((0, 2)), d4.irrep((1, 2))
    )
    v = so3.standard
    assert isomorphic(v @ v, so3.irrep(0) + so3.irrep(1) + so3.irrep(2))
    assert isomorphic(v.alt(2), v) and not isomorphic(v, 3 * so3.trivial)
    o3 = group("O3").standard
    assert not isomorphic(o3.alt(2), o3)
    assert not isomorphic(d4.trivial, so3.trivial)


@pytest.mark.parametrize(
    ("name", "label", "other"),
    [("SO3", 6, 7), ("SO3", 12, 3), ("O3", (10, 1), (10, -1)), ("S7", (4, 2, 1), (3, 3, 1))],
)
def test_large_irreps(name, label, other):
    g = group(name)
    r = g.irrep(label)
    assert r.type == "R"
    assert check(r, r) == 1
    assert check(r, g.irrep(other)) == 0
    if name == "SO3":
        product = g.irrep(label) @ g.irrep(3)
        counts = product.decompose().multiplicities
        assert counts == {g.irrep(k): 1 for k in range(label - 3, label + 4)}
        assert check(product, product) == 7


def test_reducible_representations_have_no_type():
    for rep in (group("C4").regular, 2 * group("C4").trivial, group("S5").standard):
        with pytest.raises(ValueError, match="is not irreducible"):
            _ = rep.type
