"""Grids on groups: exact quadratures, permuted by the subgroups they should be."""

import math

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl.groups import Group
from geomdl.groups import elements as el
from geomdl.steerable.sampling import (
    cyclic_vectors,
    evaluation,
    frequency,
    group_grid,
    sphere_rule,
)

SO2, O2, SO3, O3 = (geomdl.group(name) for name in ("SO2", "O2", "SO3", "O3"))


def means(group: Group, n: int, top: int) -> dict[object, float]:
    """Largest entry of the quadrature's mean of each irrep that is not trivial."""
    grid = group_grid(group, n)
    assert grid.weights.min() > 0 and abs(float(grid.weights.sum()) - 1) <= 1e-12
    return {
        irrep.label: float(
            torch.einsum("n,nij->ij", grid.weights, irrep(grid.elements)).abs().max()
        )
        for irrep in group.irreps(top)
        if len(irrep.fixed()) == 0
    }


@pytest.mark.parametrize("name", ["SO2", "O2", "SO3", "O3"])
@pytest.mark.parametrize("n", [3, 4, 7, 10])
def test_quadratures_are_exact_below_their_frequency(name: str, n: int) -> None:
    group = geomdl.group(name)
    assert max(means(group, n, n - 1).values()) <= 1e-13
    beyond = n + 2 if name in ("SO3", "O3") else n  # Lebedev's rules are exact to odd degrees
    assert max(means(group, n, max(beyond, 12)).values()) >= 1e-3


def test_products_and_finite_groups() -> None:
    product = geomdl.group("SO2 * C2")
    assert max(means(product, 5, 4).values()) <= 1e-13
    assert el.count(product, group_grid(product, 5).elements) == 10
    assert len(group_grid(geomdl.group("Oh"), None).weights) == 48
    with pytest.raises(ValueError, match=r"^source: no grid of samples is known on SU2$"):
        group_grid(geomdl.group("SU2"), 4)


@pytest.mark.parametrize("degree", [2, 7, 13, 26, 131])
def test_sphere_rules_integrate_powers(degree: int) -> None:
    points, weights = sphere_rule(degree)
    assert weights.min() > 0
    assert torch.allclose(points.norm(dim=1), torch.ones(len(points), dtype=torch.float64))
    for power in range(1, degree + 1):
        expected = 0.0 if power % 2 else 1 / (power + 1)
        for axis in (0, 1, 2):
            assert abs(float(weights @ points[:, axis] ** power) - expected) <= 1e-12
    if degree >= 6:
        assert float(weights @ points.square().prod(1)) == pytest.approx(1 / 105, abs=1e-12)


def test_degrees_without_a_rule_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^samples: on SO3 and O3 should be at most 132, got more"
    ):
        sphere_rule(132)


def same_set(a: Tensor, b: Tensor) -> bool:
    apart = torch.cdist(a.flatten(1), b.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
    return bool((apart.amin(1) <= 1e-12).all())


@pytest.mark.parametrize("n", [3, 4, 6, 9, 12])
def test_the_octahedral_group_permutes_the_rotations(n: int) -> None:
    octahedral = geomdl.group("O")
    points = group_grid(SO3, n).elements
    assert len(points) <= 1.4 * max(24, n**3)
    for turn in octahedral.standard(octahedral.elements):
        assert same_set(turn @ points, points)
    other = SO3.sample(1, torch.Generator().manual_seed(0))[0]
    assert not same_set(other @ points, points)
    reflected = group_grid(O3, n).elements
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    assert same_set(-reflected, reflected)
    assert len(reflected) == 2 * len(points)
    if n <= 4:
        assert same_set(mirror @ reflected, reflected)


def test_evaluation_on_the_circle_is_the_fourier_series() -> None:
    values, weights = evaluation(SO2.bandlimited(2), 8, None)
    angle = torch.arange(8, dtype=torch.float64) * (2 * math.pi / 8)
    root = 2**0.5
    waves = [root * f(k * angle) for k in (1, 2) for f in (torch.cos, torch.sin)]
    expected = torch.stack([torch.ones(8, dtype=torch.float64), *waves], 1)
    assert torch.allclose(values, expected, atol=1e-13)
    assert torch.allclose(weights, torch.full((8,), 0.125, dtype=torch.float64))


def test_samples_of_one_coset_are_joined() -> None:
    sphere = SO3.subgroup("SO2")
    values, weights = evaluation(SO3.bandlimited(2, sphere), 8, sphere)
    assert values.shape == (26, 9)  # the 26 points of Lebedev's rule of degree 7
    assert torch.allclose(values.T * weights @ values, torch.eye(9, dtype=torch.float64))
    even, _ = evaluation(SO2.irrep(0) + SO2.irrep(2), 8, None)
    assert len(even) == 4
    D4 = geomdl.group("D4")
    assert len(evaluation(D4.quotient("C2"), None, D4.subgroup("C2"))[0]) == 4


@pytest.mark.parametrize("name", ["C8", "D4", "Q8", "O", "Ih", "SO2", "O2", "SO3", "O3"])
def test_cyclic_vectors_span_all_functions(name: str) -> None:
    group = geomdl.group(name)
    for irrep in group.irreps(None if group.order else 2):
        n = irrep.dim // irrep.endomorphism_dim
        assert cyclic_vectors(irrep, None, n).shape == (n, irrep.dim)
        with pytest.raises(ValueError, match=rf"^source: a function on {name} holds .* at most"):
            cyclic_vectors(irrep, None, n + 1)
    if group.order:
        everything = group.bandlimited(0)
        values, weights = evaluation(everything, None, None)
        assert values.shape == (group.order, group.order)
        gram = values.T * weights @ values
        assert torch.allclose(gram, torch.eye(group.order, dtype=torch.float64), atol=1e-10)


def test_frequencies() -> None:
    assert frequency(SO2.irrep(3) + SO2.irrep(1)) == 3
    assert frequency(O3.irrep((2, -1)) + O3.trivial) == 2
    assert frequency(SO3.trivial) == 0 == frequency(geomdl.group("C8").regular)
