"""The group laws, over every group, and twins that break them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.groups import elements as el
from geomdl.groups import finite
from geomdl.groups.group import Group
from geomdl.groups.planar import Cyclic, Dihedral
from tests.groups.catalog import ALL, COMPACT, FINITE, NONCOMPACT, named, scale

TOL = 1e-10


def draw(g: Group, seed: int, n: int = 4):
    return g.sample(n, torch.Generator().manual_seed(seed))


def check_laws(g: Group, seed: int) -> None:
    """Associativity, identity, inverse, and that the standard matrices follow."""
    a, b, c = (draw(g, 3 * seed + i) for i in range(3))
    ma, mb, mc = g.standard(a), g.standard(b), g.standard(c)
    size = scale(ma, mb, mc, ma)
    left, right = g.compose(g.compose(a, b), c), g.compose(a, g.compose(b, c))
    assert el.allclose(left, right, TOL * size), f"{g.name}: (ab)c ≠ a(bc), seed {seed}"
    one = el.expand(g, g.identity, (4,))
    assert el.allclose(g.compose(one, a), a) and el.allclose(g.compose(a, one), a)
    inverse = g.inverse(a)
    size = scale(ma, g.standard(inverse), ma)
    assert el.allclose(g.compose(a, inverse), one, TOL * size), f"{g.name}: a a⁻¹ ≠ 1"
    assert el.allclose(g.compose(inverse, a), one, TOL * size), f"{g.name}: a⁻¹ a ≠ 1"
    error = (g.standard(g.compose(a, b)) - ma @ mb).abs().max()
    assert error <= TOL * scale(ma, mb), f"{g.name}: standard(ab) is off by {error:.1e}"


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_laws(name, seed):
    check_laws(named(name), seed)


class WrongDihedral(Dihedral):
    """Forgets that a flip reverses rotations."""

    def compose(self, a, b):
        return (a + b) % torch.tensor([self.n, 2])


class WrongInverse(Cyclic):
    """Calls every element its own inverse."""

    def inverse(self, a):
        return a


@pytest.mark.parametrize("twin", [WrongDihedral(5), WrongInverse(5)])
def test_sabotaged_groups_fail(twin):
    with pytest.raises(AssertionError):
        check_laws(twin, 0)


@pytest.mark.parametrize("name", ALL)
def test_standard_is_faithful_and_read_back(name):
    g = named(name)
    a = draw(g, 7)
    assert el.allclose(g.from_matrix(g.standard(a)), a, 1e-6)
    single = el.take(a, 0)
    assert g.standard(single).shape == (g.standard.dim, g.standard.dim)
    assert el.allclose(g.from_matrix(g.standard(single)), single, 1e-6)


@pytest.mark.parametrize("name", ALL)
def test_batches_broadcast(name):
    g = named(name)
    a, b = draw(g, 1, 6), draw(g, 2, 3)
    grid = el.leaf_map(lambda t: t.reshape(2, 3, *t.shape[1:]), a)
    product = g.compose(grid, b)
    assert el.batch_shape(g, product) == (2, 3)
    rows = [g.compose(el.take(a, i), el.take(b, i % 3)) for i in range(6)]
    assert el.allclose(el.flatten(g, product), el.stack(rows), 1e-9 * scale(g.standard(a)))
    assert g.standard(product).shape == (2, 3, g.standard.dim, g.standard.dim)
    empty = g.compose(el.take(a, slice(0, 0)), el.take(b, slice(0, 0)))
    assert el.batch_shape(g, empty) == (0,) and g.standard(empty).shape[0] == 0


@pytest.mark.parametrize("name", FINITE)
def test_elements_are_listed_once(name):
    g = named(name)
    listed = g.elements
    assert el.count(g, listed) == g.order
    assert torch.equal(g.index(listed), torch.arange(g.order))
    assert el.allclose(el.take(listed, 0), g.identity)


@pytest.mark.parametrize("name", FINITE)
def test_products_do_not_depend_on_how_many_are_formed_at_once(name, monkeypatch):
    g = named(name)
    some = el.take(g.elements, slice(0, 7))
    whole = g.translated(some)
    monkeypatch.setattr(finite, "_AT_ONCE", 3 * g.order)
    assert torch.equal(g.translated(some), whole)
    assert torch.equal(g.translated(g.identity), torch.arange(g.order))
    assert g.translated(el.take(some, slice(0, 0))).shape == (0, g.order)


@pytest.mark.parametrize("name", FINITE)
def test_generators_generate(name):
    g = named(name)
    images = g.translated(g.generators).tolist() if el.count(g, g.generators) else []
    seen, frontier = {0}, {0}
    while frontier:
        frontier = {row[i] for row in images for i in frontier} - seen
        seen |= frontier
    assert len(seen) == g.order


@pytest.mark.parametrize("name", [*COMPACT, *NONCOMPACT, "shear"])
def test_only_elements_refuses_infinite_groups(name):
    g = named(name)
    with pytest.raises(ValueError, match=r"elements: .* is not finite"):
        _ = g.elements
    assert g.order is None
    assert (g.standard @ g.standard)(draw(g, 0)).shape[-1] == g.standard.dim**2


@pytest.mark.parametrize("name", [n for n in (*COMPACT, *NONCOMPACT) if named(n).lie_dim])
def test_exp_is_a_one_parameter_subgroup(name):
    g = named(name)
    c = torch.randn(g.lie_dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a, b, both = g.standard(g.exp(0.3 * c)), g.standard(g.exp(0.5 * c)), g.standard(g.exp(0.8 * c))
    assert (a @ b - both).abs().max() <= 1e-12 * scale(a, b)
    h = 1e-5  # the derivative at 0 is the Lie algebra element
    slope = (g.standard(g.exp(h * c)) - g.standard(g.exp(-h * c))) / (2 * h)
    wanted = torch.einsum("a,aij->ij", c, g.lie_algebra)
    assert (slope - wanted).abs().max() <= 1e-8
    with pytest.raises(ValueError, match="coeffs: last axis should be lie_dim"):
        g.exp(torch.zeros(g.lie_dim + 1, dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "number"),
    [("SO3", 1), ("O3", 2), ("O2", 2), ("SO+(1,3)", 1), ("SO(1,3)", 2), ("O(1,3)", 4), ("E3", 2)],
)
def test_components(name, number):
    g = named(name)
    assert el.count(g, g.components) == number
    assert el.allclose(el.take(g.components, 0), g.identity)
    signs = []
    for c in range(number):
        m = g.standard(g.sample(6, torch.Generator().manual_seed(c), component=c))
        sign = torch.stack([torch.linalg.det(m).sign(), m[:, 0, 0].sign()], 1)
        signs.append(sign[:, : 2 if "1,3" in name else 1].unique(dim=0))
        assert len(signs[-1]) == 1, f"samples of component {c} of {name} leave it"
    assert len(torch.cat(signs).unique(dim=0)) == number


def test_lorentz_keeps_the_metric():
    g = named("O(1,3)")
    m = g.sample(50, rapidity=2.0)
    error = (m.mT @ g.metric @ m - g.metric).abs().amax((1, 2)) / m.abs().amax((1, 2)).square()
    assert (error <= 1e-13).all()
    with pytest.raises(ValueError, match="is no element of"):
        named("SO+(1,3)").from_matrix(-torch.eye(4, dtype=torch.float64))


def test_elements_follow_the_conventions():
    assert named("C4").element_shape == () and named("D4").element_shape == (2,)
    assert named("S4").element_shape == (4,) and named("Oh").element_shape == ()
    assert named("O3").element_shape == (3, 3) and named("E3").element_shape == ((3, 3), (3,))
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    assert torch.equal(named("C4").standard(torch.tensor(1)), quarter)
    flip = torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64))
    assert torch.equal(named("D4").standard(torch.tensor([0, 1])), flip)
    assert torch.equal(named("D4").standard(torch.tensor([1, 1])), quarter @ flip)


def test_euclidean_elements_move_points():
    g = named("E3")
    a, b = draw(g, 1), draw(g, 2)
    x = torch.randn(3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def move(g_, x_):
        p = g.parts(g_)
        return torch.einsum("bij,bj->bi", p.linear, x_.expand(4, 3)) + p.translation

    assert (move(g.compose(a, b), x) - move(a, move(b, x))).abs().max() <= 1e-12


def test_semidirect_refuses_what_does_not_act():
    with pytest.raises(ValueError, match="D4 does not carry Z28x30 to itself"):
        named("Z28x30 ⋊ D4")
    with pytest.raises(ValueError, match="C8 does not carry Z8x8 to itself"):
        named("Z8x8 ⋊ C8")
    assert named("Z28x30 ⋊ D2").order == 28 * 30 * 4
