"""Products of functions on the sphere against Clebsch-Gordan coefficients, and what they lose."""

import pytest
import torch

from geomdl.euclidean import GauntTensorProduct, TensorProduct, spherical
from geomdl.euclidean.gaunt import gaunt_factor
from geomdl.euclidean.paths import coefficients

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def ones(*reps):
    layer = GauntTensorProduct(*reps, channels=3).double()
    for w in layer.weights.values():
        w.data.fill_(1)
    return layer


@pytest.mark.parametrize(
    "reps",
    [
        [spherical(n) for n in (1, 1, 2)],
        [spherical(n) for n in (3, 2, 4)],
        [spherical(n, of="SO3") for n in (2, 2, 3)],
    ],
    ids=["1 1 2", "3 2 4", "SO3"],
)
def test_against_clebsch_gordan_coefficients(reps):
    """With weights of one the sum over all paths, each times its constant."""
    layer, whole = ones(*reps), TensorProduct(*reps, channels=1)
    x, y = draw(5, reps[0].dim, 3), draw(5, reps[1].dim, 3, seed=1)
    expected = torch.zeros(5, reps[2].dim, 3, dtype=F64)
    used = 0
    for path in whole.made.paths:
        a, b, rows = path.left, path.right, slice(path.l**2, (path.l + 1) ** 2)
        factor = gaunt_factor(path)
        used += factor != 0
        c = coefficients(path) * factor / (2 * path.l + 1) ** 0.5
        expected[:, rows] += torch.einsum(
            "niu,nju,ijk->nku", x[:, a.start : a.stop], y[:, b.start : b.stop], c
        )
    found = layer(x, y)
    assert used >= 2
    for l in range(int(reps[2].dim ** 0.5)):
        rows = slice(l**2, (l + 1) ** 2)
        variance = sum(gaunt_factor(p) ** 2 / (2 * l + 1) for p in whole.made.paths if p.l == l)
        wanted = expected[:, rows] / variance**0.5
        assert wanted.abs().max() > 0.1
        assert (found[:, rows] - wanted).abs().max() <= 1e-12 * wanted.abs().max()
        assert not (found[:, rows].roll(1, 0) - wanted).abs().max() <= 0.1


def test_variances_stay():
    layer = ones(spherical(3), spherical(2), spherical(3))
    x, y = draw(20000, 16, 3), draw(20000, 9, 3, seed=1)
    assert (layer(x, y).square().mean((0, 2)) - 1).abs().max() <= 0.1


def test_the_cross_product_is_lost():
    """The product of functions commutes; the one of Clebsch and Gordan holds the cross product."""
    one = spherical(1, of="SO3")
    layer = ones(one, one, one)
    x, y = torch.zeros(2, 1, 4, 3, dtype=F64)
    x[:, 1:], y[:, 1:] = draw(1, 3, 3), draw(1, 3, 3, seed=1)
    assert torch.linalg.cross(x[:, 1:], y[:, 1:], dim=1).abs().max() > 0.1
    found, swapped = layer(x, y), layer(y, x)
    assert (found - swapped).abs().max() <= 1e-14
    assert found[:, 1:].abs().max() <= 1e-14
    assert [(p.left.l, p.right.l, p.l) for p in layer.lost] == [(1, 1, 1)]
    assert all(gaunt_factor(p) == pytest.approx(0, abs=1e-14) for p in layer.lost)
    whole = TensorProduct(one, one, one, channels=3).double()
    assert not whole(x, y)[:, 1:].abs().max() <= 0.1


def test_refusals():
    two = spherical(2)
    with pytest.raises(ValueError, match=r"left: expected irreps of parity \(-1\)\^l.*got 0o"):
        GauntTensorProduct(spherical(1, "both"), two, channels=1)
    with pytest.raises(ValueError, match="target: no product of the two features holds 2e"):
        GauntTensorProduct(spherical(1), spherical(0), two, channels=1)
    with pytest.raises(ValueError, match="channels: expected a positive number, got 0"):
        GauntTensorProduct(two, two, channels=0)
    with pytest.raises(ValueError, match=r"y: expected shape \(5, 9, 2\), got \(5, 9, 1\)"):
        GauntTensorProduct(two, two, channels=2)(torch.ones(5, 9, 2), torch.ones(5, 9, 1))
