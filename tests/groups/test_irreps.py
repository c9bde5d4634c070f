"""Irreps: complete, orthogonal, of the right type, with the field's names and signs."""

import math

import pytest
import torch

from geomdl.groups import clebsch_gordan, group, isomorphic
from geomdl.groups.wigner import wigner_matrix
from tests.groups.catalog import FINITE, named

PHI = (1 + math.sqrt(5)) / 2


def schur_error(g, tables) -> float:
    """Worst deviation from mean ρᵢ(g) ⊗ ρⱼ(g) = 0 for i ≠ j, and from a projection for i = j.

    For i = j the average of ρ ⊗ ρ is the projection on End_G, of trace dim End and rank dim End.
    """
    worst = 0.0
    for i, a in enumerate(tables):
        for j, b in enumerate(tables[: i + 1]):
            mean = torch.einsum("gab,gcd->acbd", a, b).div(g.order)
            mean = mean.reshape(a.shape[1] * b.shape[1], -1)
            if i != j:
                worst = max(worst, float(mean.abs().max()))
            else:
                worst = max(worst, float((mean @ mean - mean).abs().max()))
                worst = max(worst, abs(float(mean.trace()) - round(float(mean.trace()))))
    return worst


@pytest.mark.parametrize("name", [n for n in FINITE if named(n).order <= 130])
def test_complete_and_orthogonal(name):
    g = named(name)
    irreps = g.irreps()
    assert sum(r.dim**2 // r.endomorphism_dim for r in irreps) == g.order
    assert isomorphic(irreps[0], g.trivial)
    tables = [r(g.elements) for r in irreps]
    assert schur_error(g, tables) <= 1e-10


def test_a_reducible_impostor_fails_schur():
    g = group("D4")
    tables = [g.irrep((0, 0))(g.elements), g.quotient(g.subgroup("C2"))(g.elements)]
    assert schur_error(g, tables) > 0.1


@pytest.mark.parametrize(
    ("name", "label", "kind"),
    [
        ("C4", 1, "C"),
        ("C4", 2, "R"),
        ("T", "E", "C"),
        ("O", "E", "R"),
        ("Q8", 4, "H"),
        ("SU2", 0.5, "H"),
        ("SU2", 1, "R"),
        ("SU2", 1.5, "H"),
        ("SO2", 3, "C"),
        ("O2", (1, 3), "R"),
        ("SO3", 2, "R"),
        ("Z3x4", (1, 0), "C"),
        ("Z3x4", (0, 2), "R"),
    ],
)
def test_types(name, label, kind):
    assert group(name).irrep(label).type == kind


def test_products_of_irreps_split_where_the_types_say():
    assert {r.label for r in group("C3 * C4").irreps() if r.label[:2] == (1, 1)} == {
        (1, 1, 0),
        (1, 1, 1),
    }
    q = group("Q8 * Q8")
    assert sum(r.dim**2 // r.endomorphism_dim for r in q.irreps()) == 64
    inner = [r for r in q.irreps() if r.label[:2] == (4, 4)]
    assert [(r.dim, r.type) for r in inner] == [(4, "R")]  # H ⊗ H = M₄(R)


# characters: rows of the tables in any textbook, at one element of each kind
CHARACTERS = {
    "O": {"A1": (1, 1, 1), "A2": (1, -1, 1), "E": (2, 0, -1), "T1": (3, 1, 0), "T2": (3, -1, 0)},
    "I": {
        "A": (1, 1, 1),
        "T1": (3, PHI, 0),
        "T2": (3, 1 - PHI, 0),
        "G": (4, -1, 1),
        "H": (5, 0, -1),
    },
}


@pytest.mark.parametrize(("name", "turn"), [("O", math.pi / 2), ("I", 2 * math.pi / 5)])
def test_mulliken_characters(name, turn):
    g = group(name)
    traces = g.standard.character(g.elements)
    first = int((traces - (1 + 2 * math.cos(turn))).abs().argmin())
    third = int(traces.abs().argmin())  # a rotation by 120°
    picks = torch.tensor([0, first, third])
    for label, wanted in CHARACTERS[name].items():
        got = g.irrep(label).character(picks)
        assert (got - torch.tensor(wanted, dtype=torch.float64)).abs().max() <= 1e-12, label


def test_vectors_have_their_mulliken_names():
    for name, label in {
        "T": "T",
        "Td": "T2",
        "Th": "Tu",
        "O": "T1",
        "Oh": "T1u",
        "Ih": "T1u",
    }.items():
        g = group(name)
        assert isomorphic(g.irrep(label), g.standard), name


def test_symmetric_group_dimensions_and_sign():
    s5 = group("S5")
    assert [r.dim for r in s5.irreps()] == [1, 4, 5, 6, 5, 4, 1]
    sign = s5.irrep((1, 1, 1, 1, 1))(s5.elements).flatten()
    assert (sign - torch.linalg.det(s5.standard(s5.elements))).abs().max() <= 1e-12
    rest = s5.standard.character(s5.elements) - 1
    assert (s5.irrep((4, 1)).character(s5.elements) - rest).abs().max() <= 1e-12


@pytest.fixture
def _float64():
    """E3nn computes some intermediate results in torch's default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("l", range(9))
def test_wigner_matrices_are_those_of_e3nn(l):
    from e3nn import o3

    r = group("SO3").sample(20)
    ours, theirs = wigner_matrix(l, r), o3.Irrep(l, 1).D_from_matrix(r)
    assert (ours - theirs).abs().max() <= 1e-10
    y = o3.spherical_harmonics(l, r[:, :, 0].contiguous(), False, "component")
    one = o3.spherical_harmonics(l, torch.eye(3, dtype=torch.float64)[0], False, "component")
    assert (ours @ one - y).abs().max() <= 1e-12


@pytest.mark.parametrize("l", [1, 4, 8, 12])
def test_wigner_matrices_are_exact_at_the_poles(l):
    so3 = group("SO3")
    c = torch.tensor([[0, 0, 0], [0, math.pi, 0], [0, 1e-9, 0], [1e-9, 0, 0], [0, 3.0, 0]])
    near = torch.cat(
        [so3.exp(c.double()), so3.exp(torch.tensor([[math.pi, 0, 0], [math.pi, 1e-9, 0]]))]
    )
    for a in near:
        error = wigner_matrix(l, a @ near) - wigner_matrix(l, a) @ wigner_matrix(l, near)
        assert error.abs().max() <= 1e-12 * l


@pytest.mark.parametrize("name", ["SO3", "O3"])
def test_clebsch_gordan_intertwines_with_e3nns_signs(name):
    from e3nn.o3 import wigner_3j

    g = group(name)
    sample = g.sample(3)
    make = (lambda l: g.irrep(l)) if name == "SO3" else (lambda l: g.irrep((l, (-1) ** l)))
    for l1, l2, l3 in [(1, 1, 0), (1, 1, 2), (2, 1, 3), (2, 2, 2), (3, 2, 1)]:
        r1, r2, r3 = make(l1), make(l2), make(l3)
        c = clebsch_gordan(r1, r2, r3)
        assert c.shape == (1, r1.dim, r2.dim, r3.dim)
        assert torch.equal(c[0], wigner_3j(l1, l2, l3, dtype=torch.float64))
        x = torch.einsum("nijk,gai,gbj->ngabk", c, r1(sample), r2(sample))
        y = torch.einsum("nabl,glk->ngabk", c, r3(sample))
        assert (x - y).abs().max() <= 1e-12
    assert len(clebsch_gordan(make(1), make(1), make(3))) == 0
    if name == "O3":  # a pseudovector, not a vector
        assert len(clebsch_gordan(make(1), make(1), make(1))) == 0
        assert len(clebsch_gordan(make(1), make(1), g.irrep((1, 1)))) == 1


def test_clebsch_gordan_of_other_groups():
    g = group("O")
    t1, e = g.irrep("T1"), g.irrep("E")
    c = clebsch_gordan(t1, t1, e)
    x = torch.einsum("nijk,gai,gbj->ngabk", c, t1(g.elements), t1(g.elements))
    y = torch.einsum("nabl,glk->ngabk", c, e(g.elements))
    assert len(c) == 1 and (x - y).abs().max() <= 1e-12


def test_unknown_labels_name_the_first_ones():
    with pytest.raises(ValueError, match=r"label: C4 has no irrep 3; its first are 0, 1, 2"):
        group("C4").irrep(3)
    for name, label in [
        ("O3", (1, 0)),
        ("SO3", -1),
        ("SU2", 0.3),
        ("S4", (3, 2)),
        ("C3 * C4", (1, 1)),
    ]:
        with pytest.raises(ValueError, match="has no irrep"):
            group(name).irrep(label)
    with pytest.raises(ValueError, match="SO3 has infinitely many irreps, give a limit"):
        group("SO3").irreps()
    with pytest.raises(ValueError, match="irreps: no list of irreps is known for E3"):
        group("E3").irreps(2)


@pytest.mark.parametrize("name", [n for n in FINITE if named(n).order <= 130])
def test_matrix_coefficients_are_orthonormal_and_diagonalise_class_sums(name):
    g = named(name)
    u = g.matrix_coefficients
    assert u.shape == (g.order, g.order)
    torch.testing.assert_close(u @ u.T, torch.eye(g.order, dtype=torch.float64))
    table = g.translated(g.elements)  # [a, b] -> position of a b
    inverse = g.index(g.inverse(g.elements))
    for h in range(g.order):
        conjugates = table[table[:, h], inverse].unique()  # a h a⁻¹
        sums = torch.zeros(g.order, g.order, dtype=torch.float64)
        for c in (*conjugates, *inverse[conjugates]):  # with inverses: real in every irrep
            sums[table[c], torch.arange(g.order)] += 1.0
        moved = u @ sums @ u.T
        assert (moved - moved.diagonal().diag()).abs().max() <= 1e-10 * len(conjugates)
