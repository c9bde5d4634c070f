"""Wigner matrices of batches: a homomorphism, by either path, with derivatives everywhere."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geomdl.euclidean import matrix_from_quaternion, random_rotations, wigner_D

F64 = torch.float64
quaternions = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: max(map(abs, q)) > 1e-3)


def rotation(q):
    return matrix_from_quaternion(torch.tensor(q, dtype=F64))


@given(quaternions, quaternions, st.integers(0, 12))
def test_a_homomorphism_into_orthogonal_matrices(p, q, l):
    r, s = rotation(p), rotation(q)
    d, e, product = wigner_D(l, torch.stack([r, s, r @ s]))
    assert (d @ e - product).abs().max() <= 1e-12
    assert (d @ d.T - torch.eye(2 * l + 1, dtype=F64)).abs().max() <= 1e-12


def test_the_other_order_is_no_homomorphism():
    r, s = random_rotations(2, torch.Generator().manual_seed(0))
    d, e, product = wigner_D(3, torch.stack([r, s, r @ s]))
    assert not (e @ d - product).abs().max() <= 1e-2


@pytest.mark.parametrize("l", range(13))
def test_integrals_are_the_products_of_angles(l):
    r = random_rotations(4, torch.Generator().manual_seed(l)).reshape(2, 2, 3, 3)
    poles = torch.eye(3, dtype=F64) * torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1]])[:, None]
    for rotations in (r, poles):
        smooth = wigner_D(l, rotations.clone().requires_grad_())
        assert smooth.requires_grad
        assert (smooth - wigner_D(l, rotations)).abs().max() <= 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, F64, torch.bfloat16])
def test_types_are_kept(dtype):
    r = random_rotations(3, torch.Generator().manual_seed(1), F64).to(dtype)
    d = wigner_D(1, r)
    assert d.dtype == dtype and d.shape == (3, 3, 3)
    assert (d - r).abs().max() <= 8 * torch.finfo(dtype).eps
    assert wigner_D(4, torch.empty(0, 3, 3, dtype=dtype)).shape == (0, 9, 9)


def test_derivatives_at_the_poles_and_elsewhere():
    near = random_rotations(1, torch.Generator().manual_seed(2))
    r = torch.cat([torch.eye(3, dtype=F64)[None], near]).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: wigner_D(3, r), r)
    assert torch.autograd.gradgradcheck(lambda r: wigner_D(3, r).square(), r)


def test_the_derivative_at_one_is_the_lie_algebra():
    from geomdl.groups.wigner import so3_generators

    turns = so3_generators(1)
    for l in (1, 2, 5):

        def along(t, l=l):
            r = torch.linalg.matrix_exp(torch.einsum("a,aij->ij", t, turns))
            return wigner_D(l, r)

        found = torch.autograd.functional.jacobian(along, torch.zeros(3, dtype=F64))
        assert (found.movedim(-1, 0) - so3_generators(l)).abs().max() <= 1e-12


def test_bad_input_is_one_line():
    eye = torch.eye(3)
    for call, kind, text in (
        (lambda: wigner_D(-1, eye), ValueError, "l: expected 0 or more, got -1"),
        (lambda: wigner_D(2, eye[0]), ValueError, r"rotations: expected shape \(..., 3, 3\)"),
        (lambda: wigner_D(2, eye.long()), TypeError, "rotations: expected a floating-point type"),
        (
            lambda: wigner_D(13, eye.clone().requires_grad_()),
            ValueError,
            "l: expected 0 to 12 with derivatives, got 13",
        ),
    ):
        with pytest.raises(kind, match=text):
            call()
