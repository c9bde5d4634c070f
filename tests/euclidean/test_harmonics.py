"""Spherical harmonics turn with the Wigner matrices; shapes, types, refusals."""

import pytest
import torch

import geomdl
from geomdl.euclidean import SphericalHarmonics, random_rotations, spherical_harmonics, wigner_D

F64 = torch.float64


def turned(x, r, lmax):
    """Largest |Y(R x) - D(R) Y(x)|."""
    before, after = spherical_harmonics(x, lmax), spherical_harmonics(x @ r.mT, lmax)
    parts = [slice(l * l, (l + 1) ** 2) for l in range(lmax + 1)]
    moved = [before[:, part] @ wigner_D(l, r).mT for l, part in enumerate(parts)]
    return float((after - torch.cat(moved, 1)).abs().max())


def test_harmonics_turn_with_wigner_matrices():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(30, 3, generator=rng, dtype=F64)
    for r in random_rotations(5, rng):
        assert turned(x, r, 12) <= 1e-12
        swapped = r[[2, 1, 0]]  # x and z exchanged on one side: no rotation
        assert not turned(x, swapped, 12) <= 1e-3


def test_parity():
    x = torch.randn(10, 3, generator=torch.Generator().manual_seed(1), dtype=F64)
    signs = torch.cat([torch.full((2 * l + 1,), (-1.0) ** l, dtype=F64) for l in range(8)])
    assert torch.equal(spherical_harmonics(-x, 7), signs * spherical_harmonics(x, 7))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 4, 3), (2, 0, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, F64, torch.bfloat16])
def test_shapes_and_types(shape, dtype):
    y = spherical_harmonics(torch.ones(shape, dtype=dtype), 2)
    assert y.shape == (*shape[:-1], 9) and y.dtype == dtype
    assert (y[..., :1] == 1).all()


def test_the_layer_passes_its_audit_and_a_permuted_basis_does_not():
    layer = SphericalHarmonics(4)
    x = torch.randn(3, 6, 3, generator=torch.Generator().manual_seed(2), dtype=F64)
    assert geomdl.audit(layer, x).passed(1e-12)

    class Standard(SphericalHarmonics):
        """The order of textbooks, z as the polar axis, under the same type."""

        def forward(self, x):
            return super().forward(x[..., [1, 2, 0]])

    assert not geomdl.audit(Standard(4), x).passed(1e-3)


def test_bad_input_is_one_line():
    with pytest.raises(ValueError, match=r"x: last axis should be 3, got shape \(2, 4\)"):
        spherical_harmonics(torch.ones(2, 4), 1)
    with pytest.raises(ValueError, match="lmax: expected 0 to 12, got 13"):
        SphericalHarmonics(13)
    with pytest.raises(ValueError, match=r"lmax: expected 0 to 12, got 2\.0"):
        SphericalHarmonics(2.0)
