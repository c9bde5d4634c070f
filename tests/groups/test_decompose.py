"""Decomposition, subgroups, restriction and induction, invariants, names."""

import math

import pytest
import torch

from geomdl.groups import direct_sum, elements, from_config, group, isomorphic, matrix_group, molien
from geomdl.groups import intertwiner_operator as hom
from tests.groups.catalog import ALL, MATRIX, named, scale


def check_decomposition(rep, tol=1e-11):
    """rep(g) B = B ⊕ mᵢ irrepᵢ(g), B invertible (orthogonal for orthogonal rep)."""
    counts, basis = rep.decompose()
    inner = direct_sum(list(counts.items()))
    g = rep.group.sample(4, torch.Generator().manual_seed(9))
    m = rep(g)
    error = (m @ basis - basis @ inner(g)).abs().max()
    assert error <= tol * scale(m), f"{rep}: {error:.1e}"
    assert torch.linalg.svdvals(basis)[-1] > 1e-3
    if rep.is_orthogonal:
        assert (basis.T @ basis - torch.eye(rep.dim)).abs().max() <= tol
    assert all(r.endomorphism_dim in (1, 2, 4) for r in counts)
    return counts


@pytest.mark.parametrize(
    "name",
    [
        *("C1", "C4", "C5", "D4", "S4", "Q8", "T", "Oh", "I", "Z3x4", "C3 * C4", "cycle of 4"),
        *("SO2", "O2", "SO3", "O3", "SU2", "SO3 * C2", "SO4", "SO+(1,3)", "O(1,3)"),
        "nonzero reals",
    ],
)
def test_decompositions(name):
    v = named(name).standard
    for rep in (v, v @ v, 2 * v + v.group.trivial, v.sym(2)):
        check_decomposition(rep)


@pytest.mark.parametrize("name", ["C4", "D4", "S4", "Q8", "O"])
def test_regular_holds_every_irrep_dim_over_d_times(name):
    g = named(name)
    counts = check_decomposition(g.regular)
    assert counts == {r: r.dim // r.endomorphism_dim for r in g.irreps()}


def test_angular_momenta_add():
    so3 = group("SO3")
    counts = check_decomposition(so3.irrep(2) @ so3.irrep(3))
    assert counts == {so3.irrep(l): 1 for l in range(1, 6)}
    su2 = group("SU2")
    counts = check_decomposition(su2.irrep(0.5) @ su2.irrep(0.5))
    assert counts == {su2.irrep(0): 4, su2.irrep(1): 4}  # H ⊗ H over R


def test_what_is_not_semisimple_is_refused():
    with pytest.raises(ValueError, match="not semisimple: an invariant subspace has no invariant"):
        MATRIX["shear"].standard.decompose()
    for g in ("E3", "R2"):
        with pytest.raises(ValueError, match=r"semisimple|closed under"):
            group(g).standard.decompose()


def test_a_skewed_basis_of_a_compact_group_decomposes():
    m = torch.tensor([[1.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    g = matrix_group((m @ quarter @ torch.linalg.inv(m)).unsqueeze(0), name="skewed C4")
    assert g.order == 4 and not g.standard.is_orthogonal
    check_decomposition(g.standard @ g.standard, 1e-10)


# --- subgroups ------------------------------------------------------------------------------------
EMBEDDINGS = [
    *[("D4", "C4"), ("D8", "D4"), ("C8", "C2"), ("SO3", "C4"), ("SO3", "SO2"), ("SO3", "O")],
    *[("SO3", "I"), ("O3", "Oh"), ("O3", "SO3"), ("O2", "D8"), ("Oh", "O"), ("Ih", "Th")],
    *[("S5", "S4"), ("E3", "O3"), ("Z28x28", "Z14x7"), ("O(1,3)", "SO+(1,3)"), ("SO3", "SO3")],
    ("O3", "D4"),
]


@pytest.mark.parametrize(("parent", "name"), EMBEDDINGS)
def test_embeddings_are_homomorphisms(parent, name):
    g = group(parent)
    sub = g.subgroup(name)
    h = sub.group
    a, b = h.sample(4), h.sample(4, torch.Generator().manual_seed(2))
    together, apart = sub.embed(h.compose(a, b)), g.compose(sub.embed(a), sub.embed(b))
    assert elements.allclose(together, apart, 1e-9 * scale(h.standard(a)) ** 2)
    restricted = (g.standard @ g.standard).restrict(sub)
    for i in range(h.lie_dim):  # the derivative is the restriction's own
        c = torch.zeros(h.lie_dim, dtype=torch.float64)
        c[i] = 0.2
        wanted = torch.linalg.matrix_exp(0.2 * restricted.lie[i])
        assert (restricted(h.exp(c)) - wanted).abs().max() <= 1e-11
    assert from_config(sub.to_config()) == sub


def test_embeddings_that_fail_say_why():
    with pytest.raises(ValueError, match="D4 does not lie in SO3 by standard"):
        group("SO3").subgroup("D4")
    d4 = group("D4")
    proper = group("SO3").subgroup("D4", via=d4.standard + d4.irrep((1, 0)))
    assert proper.embed(torch.tensor([0, 1])).diagonal().tolist() == [-1.0, 1.0, -1.0]
    with pytest.raises(ValueError, match="via: should be a representation of D4 of dimension 3"):
        group("SO3").subgroup("D4", via=d4.standard)
    with pytest.raises(ValueError, match="not faithful"):
        group("O3").subgroup("D4", via=3 * d4.trivial)
    with pytest.raises(ValueError, match="acts in 3 dimensions, D4 in 2; give via="):
        d4.subgroup("O")
    with pytest.raises(ValueError, match="give either a group or generators"):
        d4.subgroup()
    with pytest.raises(ValueError, match="SO3 is not finite; give the subgroup as a group"):
        group("SO3").subgroup(generators=torch.eye(3).unsqueeze(0))
    with pytest.raises(ValueError, match="subgroup: should lie in C4"):
        group("C4").standard.restrict(d4.subgroup("C4"))


def test_generated_subgroups():
    d4 = group("D4")
    half = d4.subgroup(generators=torch.tensor([[2, 0], [0, 1]]))
    assert half.group.order == 4 and half.lift(half.embed(torch.tensor(3))) == 3
    with pytest.raises(ValueError, match="is not in the"):
        half.lift(torch.tensor([1, 0]))
    image = group("Z4x4 ⋊ D4")
    turn = elements.stack([image.inject(0, torch.tensor([1, 0]))])
    assert image.subgroup(generators=turn).group.order == 4
    assert from_config(half.to_config()) == half


PAIRS = [
    ("D4", "C4"),
    ("D4", "C2"),
    ("S4", "S3"),
    ("O", "C4"),
    ("C8", "C4"),
    ("D6", "D3"),
    ("D4", "D4"),
]


@pytest.mark.parametrize(("parent", "name"), PAIRS)
def test_frobenius_reciprocity_and_quotients(parent, name):
    g = group(parent)
    sub = g.subgroup(name)
    for small in sub.group.irreps():
        induced = small.induce(sub)
        assert induced.dim == g.order // sub.group.order * small.dim
        a, b = g.sample(5), g.sample(5, torch.Generator().manual_seed(4))
        assert (induced(g.compose(a, b)) - induced(a) @ induced(b)).abs().max() <= 1e-12
        for big in g.irreps():
            assert hom(big, induced).n == hom(big.restrict(sub), small).n
    quotient = g.quotient(sub)
    assert torch.equal(quotient(a), sub.group.trivial.induce(sub)(a))
    assert quotient.is_permutation and isomorphic(quotient, sub.group.trivial.induce(sub))
    assert isomorphic(g.regular, sub.group.regular.induce(sub))


def test_fixed_vectors_are_curies_principle():
    so3 = group("SO3")
    v = so3.standard
    axis = v.fixed(so3.subgroup("SO2"))
    assert torch.allclose(axis.abs(), torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64))
    assert len(v.fixed()) == 0 and len((v @ v).fixed()) == 1
    c2 = group("C2")
    assert len(c2.irrep(1).fixed(c2.subgroup("C2"))) == 0
    rep = group("D4").regular
    half = group("D4").subgroup("C2")
    fixed = rep.fixed(half)
    assert fixed.shape == (4, 8)
    g = half.embed(half.group.elements)
    assert (rep(g) @ fixed.T - fixed.T).abs().max() <= 1e-12


def test_molien_counts():
    assert molien(group("D4").standard, 6) == [1, 0, 1, 0, 2, 0, 2]
    assert molien(group("S3").standard, 5) == [1, 1, 2, 3, 4, 5]  # partitions into parts ≤ 3
    assert molien(group("O3").standard, 4) == [1, 0, 1, 0, 1]
    assert molien(group("I").standard, 6) == [1, 0, 1, 0, 1, 0, 2]
    assert molien(group("SO+(1,3)").standard, 4) == [1, 0, 1, 0, 1]
    for name in ("C5", "O", "Q8"):
        v = named(name).standard
        assert molien(v, 3) == [1] + [len(v.sym(k).fixed()) for k in (1, 2, 3)]


def test_molien_counts_beyond_float64():
    m = 400  # pairs of swapped variables; 1/(1 - t)^2m and 1/(1 - t²)^m, averaged
    counts = [math.comb(2 * m + k - 1, k) for k in range(10)]
    even = [0 if k % 2 else math.comb(m + k // 2 - 1, k // 2) for k in range(10)]
    series = [(a + b) // 2 for a, b in zip(counts, even, strict=True)]
    assert series[-1] > 2**60
    assert molien(m * group("C2").regular, 9) == series
    assert molien(group("C2").regular, 0) == [1]
    with pytest.raises(ValueError, match="degree: expected numbers of invariants that float64"):
        molien(100 * group("C5").standard, 10)


# --- names ----------------------------------------------------------------------------------------
def test_names_read_back():
    for name in ALL:
        g = named(name)
        if name not in MATRIX:
            assert group(g.name) == g and g != named("C5" if name != "C5" else "C4")
    assert group("Z28x28 : D4") == group("Z28x28 ⋊ D4") and group("SO(3)") == group("SO3")
    assert group("SE3").name == "SE3" and group("R3 ⋊ O3").name == "E3"
    assert (group("C8") * group("C2")) == group("C8 * C2") == group("C8 × C2")


def test_unknown_names_list_near_ones():
    with pytest.raises(ValueError, match=r"name: unknown group 'D4x'; did you mean .*D4"):
        group("D4x")
    with pytest.raises(ValueError, match="unknown group"):
        group("octahedron")
    with pytest.raises(ValueError, match="C0 needs a number of at least 1"):
        group("C0")
    with pytest.raises(TypeError, match="name: should be a string"):
        group(4)


@pytest.mark.parametrize("name", ALL)
def test_every_element_has_a_short_name(name):
    g = named(name)
    if g.standard_dim > 16 and not isinstance(g.sample(1), tuple):
        pytest.fail("the catalog holds no such group")
    assert "1" in g.describe(g.identity) or "shift" in g.describe(g.identity)
    assert len({g.describe(x) for x in elements.iterate(g, g.sample(3))}) >= 1


def test_descriptions():
    d4, o3 = group("D4"), group("O3")
    assert [d4.describe(torch.tensor(x)) for x in ([0, 0], [1, 0], [0, 1], [3, 1])] == [
        "1", "90°", "flip", "270°·flip",
    ]  # fmt: skip
    assert group("S4").describe(torch.tensor([1, 0, 3, 2])) == "(0 1)(2 3)"
    assert o3.describe(-torch.eye(3, dtype=torch.float64)) == "inversion"
    turn = o3.exp(torch.tensor([0.0, 0.0, torch.pi / 3], dtype=torch.float64))
    assert o3.describe(turn) == "60° about (0, 0, 1)"
    assert group("Z8x8").describe(torch.tensor([3, 5])) == "shift(3, 5)"


def test_matrix_groups_are_checked():
    with pytest.raises(ValueError, match="generators: should be stacked square matrices"):
        matrix_group(torch.eye(3))
    with pytest.raises(ValueError, match="generators: should be invertible"):
        matrix_group(torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match="generators: should be finite numbers"):
        matrix_group(torch.full((1, 2, 2), torch.nan))
    with pytest.raises(ValueError, match="generators: give generators, lie_algebra or both"):
        matrix_group()
    x, y, _ = group("SO3").lie_algebra
    with pytest.raises(ValueError, match=r"lie_algebra: .* \[A0, A1\] is not in the span; add it"):
        matrix_group(lie_algebra=torch.stack([x, y]))
    assert matrix_group(lie_algebra=torch.stack([x, y, x @ y - y @ x])).lie_dim == 3
    assert MATRIX["cycle of 4"].order == 4 and MATRIX["shear"].order is None


def test_groups_stand_for_their_subgroups():
    d4 = group("D4")
    sub = d4.subgroup("C4")
    r = sub.group.irrep(1)
    assert r.induce(d4) == r.induce(sub)
    assert d4.regular.restrict("C4") == d4.regular.restrict(sub)
    assert d4.quotient("C4") == d4.quotient(sub)
    assert torch.equal(d4.regular.fixed("C4"), d4.regular.fixed(sub))
    assert r * 2 == 2 * r


def test_samples_are_asked_for_sensibly():
    with pytest.raises(ValueError, match="n: should be 0 or more, got -1"):
        group("O3").sample(-1)
    with pytest.raises(ValueError, match="component: O3 has 2, got 7"):
        group("O3").sample(5, component=7)
    with pytest.raises(ValueError, match="unknown group 'SO13'"):
        group("SO13")
    assert group("SO(12)").standard_dim == 12
    assert group(group("SO(12)").name) == group("SO(12)")


def test_components_of_generated_groups_are_listed_once():
    lorentz = group("O(1,3)")
    same = matrix_group(lorentz.generators, lorentz.lie_algebra, name="generated")
    assert len(same.components) == 4
    twice = torch.eye(2).repeat(2, 1, 1)
    assert len(matrix_group(twice, [[[0.0, -1.0], [1.0, 0.0]]]).components) == 1
