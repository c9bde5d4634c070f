"""One-parameter groups move arrays, tokens and fields."""

import math

import numpy as np
import pytest
import torch

import geomdl
from geomdl import Field, Grid
from geomdl.auditing import analytic_inputs, warp
from geomdl.auditing.curves import FieldCurve, names, tangent
from geomdl.fields import Points, positions
from tests.auditing.networks import images

ALL = names(2)


def test_the_generator_of_shifts_is_minus_the_derivative_by_fourier() -> None:
    x = images(2, 3, 9, 8, dtype=torch.float64)
    for axis, name, sign in ((-1, "translation_x", -1), (-2, "translation_y", 1)):
        n = x.shape[axis]
        k = np.fft.fftfreq(n, 1 / n)
        k[np.abs(k) == n / 2] = 0
        shape = [1, 1, 1, 1]
        shape[axis] = n
        spectrum = np.fft.fft(x.numpy(), axis=axis) * (2j * np.pi / n * k).reshape(shape)
        expected = torch.from_numpy(sign * np.fft.ifft(spectrum, axis=axis).real)
        assert torch.allclose(tangent(warp(name, (9, 8), True), x), expected, atol=1e-12)


def test_the_generator_of_turns_converges_to_that_of_the_formula() -> None:
    """The error of cubic splines falls with the fourth power of the pixel size: 16-fold, here 8."""
    errors = []
    for n in (17, 33):
        bumps = analytic_inputs(Field(Grid(2), geomdl.group("SO2").trivial), (n, n))
        h = 1e-4
        c, s = math.cos(h), math.sin(h)
        turn = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
        exact = (bumps.at(turn) - bumps.at(turn.T)) / (2 * h)
        got = tangent(warp("rotation", (n, n)), bumps.tensor)
        errors.append(float((got - exact).norm() / exact.norm()))
    assert errors[1] < errors[0] / 8
    assert errors[1] < 0.01


@pytest.mark.parametrize("name", ALL)
def test_the_tangent_is_the_limit_of_differences_at_every_resolution(name: str) -> None:
    move = warp(name, (16, 12))
    h = torch.tensor(1e-5, dtype=torch.float64)
    for shape in ((2, 3, 16, 12), (2, 3, 7, 6), (2, 8, 6, 3), (2, 13, 3), (2, 12, 3)):
        x = images(*shape, dtype=torch.float64)
        difference = (move(h, x) - move(-h, x)) / (2 * h)
        assert torch.allclose(tangent(move, x), difference, atol=1e-6)
        assert difference.abs().max() > 0.1
    for shape in ((2, 5), (2, 15, 3)):  # no map, and no sequence of patches
        x = images(*shape)
        assert move(h, x) is x


@pytest.mark.parametrize("name", ["SE3", "O3", "SO2", "SE2"])
def test_fields_move_by_the_lie_algebra(name: str) -> None:
    G = geomdl.group(name)
    fields = [(Field(Grid(2), 2 * G.trivial), (2, 2, 6, 6))] if G.name.endswith("2") else [
        (positions(G), (5, 3)), (Field(Points(3), G.linear, channels=2), (5, 3, 2))]  # fmt: skip
    h = torch.tensor(1e-5, dtype=torch.float64)
    for field, shape in fields:
        for i in range(G.lie_dim):
            move, x = FieldCurve(field, i), images(*shape, dtype=torch.float64)
            difference = (move(h, x) - move(-h, x)) / (2 * h)
            assert torch.allclose(tangent(move, x), difference, atol=1e-7)
