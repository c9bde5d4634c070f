"""Symmetric couplings: against characters, dense tensors and all trees of couplings."""

import itertools

import pytest
import torch

from geomdl.euclidean import SymmetricContraction, blocks, spherical, symmetric_couplings
from geomdl.euclidean.spherical import from_blocks
from geomdl.euclidean.symmetric import monomials, polynomials
from geomdl.groups import clebsch_gordan, group, intertwiners

F64 = torch.float64
SO3 = group("SO3")


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def dense(source, l, p, degree):
    """Couplings as symmetric tensors (K, 2l + 1, components, …, components)."""
    found, made = symmetric_couplings(source, l, p, degree), monomials(source.dim, degree)
    whole = torch.zeros(*found.shape[:2], *[source.dim] * degree, dtype=F64)
    sorted_factors = itertools.combinations_with_replacement(range(source.dim), degree)
    for at, factors in enumerate(sorted_factors):
        for order in set(itertools.permutations(factors)):
            whole[:, :, *order] = found[:, :, at] / made.orders[at]
    return whole


@pytest.mark.parametrize(
    ("source", "degree"),
    [
        (spherical(1), 1),
        (spherical(1), 2),
        (spherical(1), 3),
        (spherical(1), 4),
        (spherical(2), 2),
        (spherical(2), 3),
        (spherical(1, "both"), 2),
        (spherical(2, of="SO3"), 3),
        (from_blocks([(2, 1, 1)]), 4),
    ],
)
def test_as_many_as_intertwiners(source, degree):
    power = source if degree == 1 else source.sym(degree)
    special = source.group.special
    for l in range(3):
        for p in (1,) if special else (1, -1):
            irrep = source.group.irrep(l if special else (l, p))
            found = symmetric_couplings(source, l, p, degree)
            assert len(found) == len(intertwiners(power, irrep)), (l, p)


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize(("l", "p"), [(0, 1), (1, -1), (2, 1), (1, 1)])
def test_symmetric_orthonormal_equivariant(l, p, degree):
    source = spherical(2) if degree < 4 else spherical(1)
    u = dense(source, l, p, degree)
    for order in itertools.permutations(range(2, degree + 2)):
        assert torch.equal(u, u.permute(0, 1, *order))
    gram = u.flatten(2) @ u.flatten(2).mT  # one k, both M
    expected = torch.eye(2 * l + 1, dtype=F64).expand_as(gram)
    assert torch.allclose(gram, expected, rtol=0, atol=1e-12)
    flat = u.flatten(1)
    assert torch.allclose(
        flat @ flat.T, (2 * l + 1) * torch.eye(len(flat), dtype=F64), rtol=0, atol=1e-12
    )
    g = source.group.sample(1, torch.Generator().manual_seed(0))[0]
    turned = u
    for _ in range(degree):  # U D … D, each time the first axis to the end
        turned = torch.tensordot(turned, source(g), ([2], [0]))
    expected = torch.einsum("MN,kN...->kM...", source.group.irrep((l, p))(g), u)
    assert torch.allclose(turned, expected, rtol=0, atol=1e-12)


def trees(x, source, degree):
    """Values of all couplings ((x ⊗ x) ⊗ x) … for features x (n, components), by (l, p)."""
    parts = {(b.l, b.p): [x[:, b.start : b.stop]] for b in blocks(source)}
    made = parts
    for _ in range(degree - 1):
        new = {}
        for ((l1, p1), lefts), ((l2, p2), rights) in itertools.product(made.items(), parts.items()):
            for l in range(abs(l1 - l2), l1 + l2 + 1):
                cg = clebsch_gordan(SO3.irrep(l1), SO3.irrep(l2), SO3.irrep(l))[0]
                for a, b in itertools.product(lefts, rights):
                    new.setdefault((l, p1 * p2), []).append(torch.einsum("ni,nj,ijk->nk", a, b, cg))
        made = new
    return made


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize(("l", "p"), [(0, 1), (1, -1), (2, 1), (1, 1), (2, -1)])
def test_spans_all_trees_of_couplings(l, p, degree):
    """The polynomials have the span of every way to couple copies of A one after another."""
    source, x = spherical(2), draw(60, 9)
    u = symmetric_couplings(source, l, p, degree)
    made = trees(x, source, degree)[l, p]
    brute = torch.stack([t.flatten() for t in made])
    tensors = dense(source, l, p, degree).flatten(2)
    ours = torch.einsum("kMq,nq->knM", tensors, power(x, degree)).flatten(1)
    scale = max(1.0, float(brute.norm(dim=1).max()))
    rank = int((torch.linalg.svdvals(brute) > 1e-9 * scale).sum())
    assert rank == len(u)
    if not rank:
        return
    assert int((torch.linalg.svdvals(ours) > 1e-9 * ours.norm()).sum()) == rank
    basis = torch.linalg.svd(ours, full_matrices=False).Vh
    assert (brute - brute @ basis.T @ basis).abs().max() <= 1e-10 * scale


def power(x, degree):
    """x ⊗ … ⊗ x, flattened."""
    found = x
    for _ in range(degree - 1):
        found = (found.unsqueeze(2) * x.unsqueeze(1)).flatten(1)
    return found


@pytest.mark.parametrize(
    ("source", "target", "correlation"),
    [
        (spherical(2), spherical(1), 3),
        (spherical(1), spherical(2), 4),
        (spherical(1, "both"), spherical(1, "both"), 2),
        (spherical(1, of="SO3"), spherical(1, of="SO3"), 3),
    ],
)
def test_contraction_against_dense_tensors(source, target, correlation):
    rng = torch.Generator().manual_seed(1)
    layer = SymmetricContraction(
        source, target, channels=2, correlation=correlation, species=3, rng=rng
    ).double()
    x, kind = draw(5, source.dim, 2), torch.tensor([0, 2, 1, 1, 0])
    expected = torch.zeros(5, target.dim, 2, dtype=F64)
    factorial = 1
    for degree in range(1, correlation + 1):
        factorial *= degree
        for b in blocks(target):
            u = dense(source, b.l, b.p, degree).flatten(2)
            if not len(u):
                continue
            w = layer.weights[f"{degree}_{b.name[2:]}"][kind]
            w = w / (len(u) * correlation * factorial) ** 0.5
            for c in range(2):
                rows = torch.einsum("kMq,nq,nk->nM", u, power(x[:, :, c], degree), w[:, :, c])
                expected[:, b.start : b.stop, c] += rows
    assert (layer(x, kind) - expected).abs().max() <= 1e-12 * expected.abs().max()


def test_products_are_those_that_are_needed():
    sizes = [x.matrix.shape[1] for x in polynomials(spherical(3), spherical(1), 3)]
    assert sizes == [16, 123, 355]
    for found in polynomials(spherical(3), spherical(1), 3)[2:]:
        assert (found.matrix != 0).any(0).all()


def test_couplings_are_exact_in_every_dtype():
    layer = SymmetricContraction(spherical(1), channels=2)
    before = layer.u3.clone()
    assert torch.equal(layer.bfloat16().double().u3, before)


def test_bad_input():
    with pytest.raises(ValueError, match="correlation: expected 1 to 4, got 5"):
        SymmetricContraction(spherical(1), channels=2, correlation=5)
    with pytest.raises(ValueError, match="species: expected a positive number, got 0"):
        SymmetricContraction(spherical(1), channels=2, species=0)
    with pytest.raises(ValueError, match="target: expected O3, got SO3"):
        SymmetricContraction(spherical(1), spherical(1, of="SO3"), channels=2)
    with pytest.raises(ValueError, match="target: no product of up to 3 features holds 0o"):
        SymmetricContraction(spherical(1), spherical(0, "both"), channels=2)
    layer = SymmetricContraction(spherical(1), channels=2)
    with pytest.raises(ValueError, match=r"x, kind: expected shapes \(3, 4, 2\) and \(3,\), got"):
        layer(torch.ones(3, 4, 3), torch.zeros(3, dtype=torch.int64))
