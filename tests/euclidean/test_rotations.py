"""Rotations: round trips at every angle, near 0 and π included; products; derivatives."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geomdl import euclidean
from geomdl.euclidean import (
    angles_from_matrix,
    axis_angle_from_matrix,
    matrix_from_angles,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    quaternion_from_matrix,
    random_rotations,
)

F64 = torch.float64
PI = torch.pi
FORMS = ("matrix", "angles", "axis_angle", "quaternion")
sizes = st.sampled_from([0.0, 1e-300, 1e-18, 1e-9, 1e-4, 0.7, PI / 2, 3.0]).flatmap(
    lambda small: st.sampled_from([small, PI - small, PI])
)
numbers = st.floats(-1, 1)
axes = st.tuples(numbers, numbers, numbers).filter(lambda v: max(map(abs, v)) > 1e-3)


def axis_angle(axis, angle):
    return torch.tensor(axis, dtype=F64), torch.tensor(angle, dtype=F64)


def convert(value, source, target):
    if source == target:
        return value
    function = getattr(euclidean, f"{target}_from_{source}")
    return function(*value) if isinstance(value, tuple) else function(value)


@given(axes, sizes)
def test_every_pair_of_forms_goes_round(axis, angle):
    start = axis_angle(axis, angle)
    r = matrix_from_axis_angle(*start)
    assert (r @ r.T - torch.eye(3, dtype=F64)).abs().max() <= 1e-14
    assert abs(float(torch.linalg.det(r)) - 1) <= 1e-14
    for a, b in itertools.permutations(FORMS, 2):
        there = convert(convert(r, "matrix", a), a, b)
        again = convert(there, b, "matrix")
        assert (again - r).abs().max() <= 2e-15, (a, b)


@given(axes, st.sampled_from([1e-12, 1e-7, 1e-3, 1.0, 2.0, 3.0, PI - 1e-3, PI - 1e-7]))
def test_axis_and_angle_are_found_again(axis, angle):
    start = axis_angle(axis, angle)
    axis, angle = axis_angle_from_matrix(matrix_from_axis_angle(*start))
    assert abs(angle - start[1]) <= 1e-14 + 1e-14 * start[1]
    expected = start[0] / start[0].norm()
    assert (axis - expected).abs().max() <= 1e-14


def test_a_half_turn_keeps_its_axis_up_to_sign():
    for axis in torch.eye(3, dtype=F64):
        r = 2 * torch.outer(axis, axis) - torch.eye(3, dtype=F64)
        found, angle = axis_angle_from_matrix(r)
        assert abs(angle - PI) <= 1e-15
        assert (found.abs() - axis).abs().max() <= 1e-15


def test_no_turn_has_the_axis_y():
    axis, angle = axis_angle_from_matrix(torch.eye(3, dtype=F64).expand(2, 3, 3))
    assert angle.tolist() == [0, 0]
    assert axis.tolist() == [[0, 1, 0], [0, 1, 0]]


@given(axes, axes, sizes)
def test_products_of_quaternions_are_products_of_matrices(a, b, angle):
    first, second = (
        quaternion_from_matrix(matrix_from_axis_angle(*axis_angle(v, angle))) for v in (a, b)
    )
    w, v = first[0] * second[0] - first[1:] @ second[1:], torch.linalg.cross(first[1:], second[1:])
    product = torch.cat([w[None], first[0] * second[1:] + second[0] * first[1:] + v])
    expected = matrix_from_quaternion(first) @ matrix_from_quaternion(second)
    assert (matrix_from_quaternion(product) - expected).abs().max() <= 1e-14


@given(*[st.floats(-PI, PI)] * 3)
def test_angles_are_turns_about_y_x_y(alpha, beta, gamma):
    alpha, beta, gamma = (torch.tensor(v, dtype=F64) for v in (alpha, beta, gamma))
    x, y = torch.eye(3, dtype=F64)[:2]
    steps = [(y, alpha), (x, beta), (y, gamma)]
    a, b, c = (matrix_from_axis_angle(*step) for step in steps)
    r = matrix_from_angles(alpha, beta, gamma)
    assert (r - a @ b @ c).abs().max() <= 1e-14
    found = angles_from_matrix(r)
    assert 0 <= found[1] <= PI
    assert (matrix_from_angles(*found) - r).abs().max() <= 1e-14


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_batches_keep_shape_and_type(dtype):
    r = random_rotations(6, torch.Generator().manual_seed(0), dtype).reshape(2, 3, 3, 3)
    for form in FORMS[1:]:
        found = convert(r, "matrix", form)
        parts = found if isinstance(found, tuple) else (found,)
        assert all(part.shape[:2] == (2, 3) and part.dtype == dtype for part in parts)
        again = convert(found, form, "matrix")
        assert again.shape == r.shape and again.dtype == dtype
        assert (again - r).abs().max() <= 8 * torch.finfo(dtype).eps


def test_random_rotations_are_uniform():
    r = random_rotations(20_000, torch.Generator().manual_seed(1))
    assert (r.mT @ r - torch.eye(3, dtype=F64)).abs().max() <= 1e-14
    assert (torch.linalg.det(r) - 1).abs().max() <= 1e-13
    assert r.mean(0).abs().max() <= 0.02  # five standard errors of 3^(-1/2) / 20000^(1/2)
    squares = torch.einsum("nij,nkl->ijkl", r, r) / len(r)
    expected = torch.einsum("ik,jl->ijkl", *2 * [torch.eye(3, dtype=F64)]) / 3
    assert (squares - expected).abs().max() <= 0.02
    angle = axis_angle_from_matrix(r)[1]  # of density (1 - cos θ) / π
    assert abs(float(angle.mean()) - (PI / 2 + 2 / PI)) <= 0.03


@pytest.mark.parametrize("form", FORMS[1:])
def test_derivatives(form):
    r = random_rotations(2, torch.Generator().manual_seed(2)).requires_grad_()

    def round_trip(r):
        return convert(convert(r, "matrix", form), form, "matrix")

    assert torch.autograd.gradcheck(round_trip, r)


def test_derivatives_at_no_turn_are_finite():
    for start in (torch.zeros(3, dtype=F64), torch.tensor([0.0, 1.0, 0.0], dtype=F64)):
        axis, angle = start.requires_grad_(), torch.zeros((), dtype=F64, requires_grad=True)
        r = matrix_from_axis_angle(axis, angle)
        found = torch.autograd.grad((r * torch.arange(9.0).reshape(3, 3)).sum(), (axis, angle))
        assert all(part.isfinite().all() for part in found)
    r = torch.eye(3, dtype=F64, requires_grad=True)
    (slope,) = torch.autograd.grad(axis_angle_from_matrix(r)[1], r)
    assert slope.isfinite().all()


def test_bad_input_is_one_line():
    with pytest.raises(ValueError, match=r"q: expected shape \(..., 4\), got \(3,\)"):
        matrix_from_quaternion(torch.ones(3))
    with pytest.raises(ValueError, match=r"r: expected shape \(..., 3, 3\), got \(3,\)"):
        angles_from_matrix(torch.ones(3))
    with pytest.raises(TypeError, match=r"r: expected a floating-point type, got torch.int64"):
        quaternion_from_matrix(torch.eye(3, dtype=torch.int64))
