"""The algebra of representations: homomorphisms, derivatives, names, and twins that break them."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.groups import direct_sum, from_config, group
from geomdl.groups import elements as el
from geomdl.groups.constructions import Dual, Tensored
from geomdl.groups.group import Group
from geomdl.groups.rep import Rep
from tests.groups.catalog import ALL, MATRIX, named, scale


def check_rep(rep: Rep, seed: int, tol: float = 1e-11) -> None:
    """rep(ab) = rep(a) rep(b), rep(1) = 1, the derivative is ``lie``, and the flags are true."""
    g = rep.group
    a, b = (g.sample(3, torch.Generator().manual_seed(2 * seed + i)) for i in (0, 1))
    ma, mb = rep(a), rep(b)
    size = scale(ma, mb)
    assert ma.shape == (3, rep.dim, rep.dim) and ma.dtype == torch.float64
    error = (rep(g.compose(a, b)) - ma @ mb).abs().max()
    assert error <= tol * size, f"{rep}: rep(ab) is off by {error:.1e}"
    one = torch.eye(rep.dim, dtype=torch.float64)
    assert (rep(g.identity) - one).abs().max() <= tol
    assert rep.lie.shape == (g.lie_dim, rep.dim, rep.dim)
    for i in range(g.lie_dim):
        c = torch.zeros(g.lie_dim, dtype=torch.float64)
        c[i] = 0.3
        wanted = torch.linalg.matrix_exp(0.3 * rep.lie[i])
        error = (rep(g.exp(c)) - wanted).abs().max()
        assert error <= tol * scale(wanted), f"{rep}: derivative {i} is off by {error:.1e}"
    if rep.is_orthogonal:
        assert (ma @ ma.mT - one).abs().max() <= tol
    if rep.is_permutation:
        assert torch.equal(ma, ma.round()) and (ma.sum(-1) == 1).all() and (ma.sum(-2) == 1).all()
        images = rep.permutation(a)
        basis = torch.arange(rep.dim)
        assert all((ma[i][images[i], basis] == 1).all() for i in range(3))
    assert (rep.character(a) - ma.diagonal(dim1=1, dim2=2).sum(1)).abs().max() <= tol * size


def expressions(g: Group) -> list[Rep]:
    """Representations that cover the algebra."""
    v = g.standard
    out = [g.trivial, v, v.dual, 3 * v + g.trivial, v @ v]
    if v.dim <= 8:
        out += [v.sym(2), v.alt(min(2, v.dim)), v @ v.dual]
    if v.dim <= 4:
        out += [v.sym(3), v.sym(2) @ v, 2 * (v + g.trivial)]
    if g.order is not None and g.order <= 128:
        out.append(g.regular)
    try:
        irreps = g.irreps(2)
    except ValueError:
        irreps = []
    return out + irreps[:12]


@pytest.mark.parametrize("name", [n for n in ALL if named(n).standard_dim <= 16])
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_algebra(name, seed):
    for rep in expressions(named(name)):
        check_rep(rep, seed)


class NoInverse(Dual):
    """Transposes without inverting."""

    def matrix(self, g):
        return self.base.matrix(g).mT


class WrongDerivative(Tensored):
    """Forgets half of the product rule."""

    lie = property(lambda self: torch.kron(self.left.lie[0], torch.eye(self.right.dim))[None])


@pytest.mark.parametrize(
    "twin",
    [
        NoInverse(group("SO+(1,3)").standard),
        NoInverse(group("SO3").standard),
        WrongDerivative(group("SO2").standard, group("SO2").standard),
    ],
)
def test_sabotaged_representations_fail(twin):
    with pytest.raises(AssertionError):
        check_rep(twin, 0)


def test_sums_flatten_and_merge():
    c4 = group("C4")
    r, s = c4.regular, c4.trivial
    assert r + r == 2 * r and 2 * r + r == 3 * r and (r + s) + s == r + 2 * s
    assert (2 * (r + s)).blocks == ((r, 1), (s, 1), (r, 1), (s, 1))
    assert (3 * r).blocks == ((r, 3),) and r.blocks == ((r, 1),)
    assert 1 * r == r and r @ s != s @ r and hash(3 * r) == hash(r + 2 * r)
    assert (3 * r + s).name == "3·regular + trivial"
    with pytest.raises(ValueError, match="n: a multiple should be a positive integer, got 0"):
        0 * r
    with pytest.raises(ValueError, match="rep: both should be of C4, got one of C8"):
        r + group("C8").regular
    with pytest.raises(ValueError, match="needs at least one representation"):
        direct_sum([])


def test_powers_have_the_right_dimensions_and_split_the_square():
    v = group("SO3").standard
    assert [v.sym(k).dim for k in (1, 2, 3)] == [3, 6, 10]
    assert [v.alt(k).dim for k in (1, 2, 3)] == [3, 3, 1]
    g = v.group.sample(4)
    assert (v.alt(3)(g) - 1).abs().max() <= 1e-12  # the determinant
    both = v.sym(2).character(g) + v.alt(2).character(g)
    assert (both - v.character(g) ** 2).abs().max() <= 1e-12
    with pytest.raises(ValueError, match="k: should be between 1 and dim=3, got 4"):
        v.alt(4)
    with pytest.raises(ValueError, match="k: should be positive, got 0"):
        v.sym(0)


def test_dual_of_the_dual_and_of_orthogonal():
    v = group("SO+(1,3)").standard
    assert v.dual != v and v.dual.dual == v
    assert group("SO3").standard.dual == group("SO3").standard


def test_reynolds_is_the_average_of_a_finite_group():
    for name in ("D4", "S4", "Oh", "cycle of 4"):
        g = named(name)
        rep = g.standard @ g.standard
        average = rep(g.elements).mean(0)
        assert (rep.reynolds - average).abs().max() <= 1e-12
    o = group("O(1,3)").standard
    r = (o @ o).reynolds  # no average exists, the projection does
    m = (o @ o)(o.group.sample(5))
    assert (r @ r - r).abs().max() <= 1e-12
    assert (m @ r - r).abs().max() <= 1e-10 * scale(m)
    assert (r @ m - r).abs().max() <= 1e-10 * scale(m)
    with pytest.raises(ValueError, match="reynolds: standard is not semisimple"):
        _ = MATRIX["shear"].standard.reynolds


def test_tables_and_permutations_are_checked():
    c3 = group("C3")
    good = c3.standard(c3.elements)
    check_rep(c3.finite_rep(good), 0)
    with pytest.raises(ValueError, match="matrices: not a representation of C3"):
        c3.finite_rep(good.flip(0) * 1.0)
    with pytest.raises(ValueError, match="matrices: should be"):
        c3.finite_rep(good[:2])
    turns = torch.tensor([[0, 1, 2], [1, 2, 0], [2, 0, 1]])
    check_rep(c3.permutation_rep(turns), 0)
    with pytest.raises(ValueError, match="perms: not an action of C3"):
        c3.permutation_rep(turns[[0, 1, 1]])
    with pytest.raises(ValueError, match="perms: every row should be a permutation"):
        c3.permutation_rep(torch.zeros(3, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="regular: SO2 is not finite; use bandlimited"):
        _ = group("SO2").regular


@pytest.mark.parametrize("name", [n for n in ALL if named(n).standard_dim <= 16])
def test_configurations_read_back(name):
    g = named(name)
    assert from_config(json.loads(json.dumps(g.to_config()))) == g
    for rep in expressions(g):
        again = from_config(json.loads(json.dumps(rep.to_config())))
        assert again == rep and hash(again) == hash(rep)


def test_bandlimited_stands_in_for_the_regular_representation():
    so3, c8 = group("SO3"), group("C8")
    assert so3.bandlimited(2) == direct_sum([(so3.irrep(l), 2 * l + 1) for l in range(3)])
    sphere = so3.bandlimited(3, so3.subgroup("SO2"))
    assert sphere == direct_sum([(so3.irrep(l), 1) for l in range(4)])
    decomposed = c8.regular.decompose().multiplicities
    assert direct_sum(list(decomposed.items())) == c8.bandlimited(4)


def test_empty_batches():
    for name in ("D4", "S4", "SO3", "SU2", "O3", "Z3x4"):
        g = named(name)
        none = el.take(g.sample(2), slice(0, 0))
        for rep in expressions(g):
            assert rep(none).shape == (0, rep.dim, rep.dim)


def test_a_product_of_representations_by_the_wrong_sign_says_which_is_right():
    V = group("D4").standard
    with pytest.raises(ValueError, match=r"should be a positive integer, .* product is r @ s"):
        V * V
