"""The same harmonics, Wigner matrices and rotations as e3nn 0.6."""

import pytest
import torch

from geomdl import euclidean
from geomdl.euclidean import random_rotations, spherical_harmonics, wigner_D
from tests.peers.loading import peer

pytestmark = pytest.mark.peers
LMAX = 11  # of e3nn's harmonics
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
both = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(scope="module")
def o3():
    return peer("e3nn.o3")


def in_float64(call):
    """e3nn takes its generators in the default type, whatever that of the angles."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return call()
    finally:
        torch.set_default_dtype(before)


def close(found, expected, dtype):
    assert found.dtype == expected.dtype == dtype
    assert found.shape == expected.shape
    error = float(((found - expected).abs().max() / expected.abs().max()).detach())
    assert error <= TOLERANCE[dtype]


@both
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("l", range(LMAX + 1))
def test_harmonics_and_their_gradients(o3, l, normalize, dtype):
    rng = torch.Generator().manual_seed(l)
    x = torch.randn(200, 3, generator=rng, dtype=torch.float64).to(dtype).requires_grad_()
    g = torch.randn(200, 2 * l + 1, generator=rng, dtype=torch.float64).to(dtype)
    theirs = o3.spherical_harmonics(l, x.double(), normalize, "component").to(dtype)
    ours = spherical_harmonics(x, l, normalize)[:, l * l :]
    close(ours, theirs, dtype)
    if l:
        pairs = [torch.autograd.grad(y, x, g)[0] for y in (ours, theirs)]
        close(*pairs, dtype)


@pytest.mark.parametrize("l", range(LMAX + 1))
def test_wigner_matrices(o3, l):
    rng = torch.Generator().manual_seed(l)
    angles = 6 * torch.rand(3, 20, generator=rng, dtype=torch.float64)
    theirs = in_float64(lambda: o3.wigner_D(l, *angles))
    close(wigner_D(l, o3.angles_to_matrix(*angles)), theirs, torch.float64)


@both
def test_rotations(o3, dtype):
    rng = torch.Generator().manual_seed(0)
    alpha, beta, gamma = angles = torch.rand(3, 50, generator=rng, dtype=torch.float64).to(dtype)
    r = o3.angles_to_matrix(*angles)
    close(euclidean.matrix_from_angles(*angles), r, dtype)
    for found, expected in zip(euclidean.angles_from_matrix(r), angles, strict=True):
        assert (found - expected).abs().max() <= 20 * TOLERANCE[dtype]  # ÷ sin β
    axis, angle = o3.angles_to_axis_angle(*angles)
    close(euclidean.matrix_from_axis_angle(axis, angle), r, dtype)
    q = o3.angles_to_quaternion(alpha, beta, gamma)
    close(euclidean.quaternion_from_angles(*angles), q * q[:, :1].sign(), dtype)
    close(euclidean.matrix_from_quaternion(q), r, dtype)
    if dtype == torch.float32:
        return  # where e3nn's arc cosine of w loses half the digits
    close(euclidean.matrix_from_quaternion(q), o3.quaternion_to_matrix(q), dtype)
    for found, expected in zip(
        euclidean.axis_angle_from_matrix(r), o3.quaternion_to_axis_angle(q), strict=True
    ):
        assert (found - expected).abs().max() <= 20 * TOLERANCE[dtype]


def test_random_rotations_are_rotations_to_e3nn(o3):
    r = random_rotations(10, torch.Generator().manual_seed(1))
    angles = o3.matrix_to_angles(r)
    close(o3.angles_to_matrix(*angles), r, torch.float64)
