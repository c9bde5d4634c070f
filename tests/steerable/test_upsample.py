"""Upsampling: exact at even and odd sizes, in 1D to 3D, and what it is in one dimension."""

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.fields.grid import coordinates
from geomdl.steerable.upsample import Upsample, fourier_matrix
from tests.steerable.nonlinearities import draw

D4, O = geomdl.group("D4"), geomdl.group("O")
FIELD = Field(Grid(2), D4.regular + D4.standard)
MODES = ["linear", "nearest", "fourier"]


def error(layer: nn.Module, *sizes: int) -> float:
    assert isinstance(layer.source, Field)
    return geomdl.audit(layer, draw(2, layer.source.channels, *sizes)).error


class Corners(nn.Module):
    """Sabotage: the first pixels of old and new grid lie on one another."""

    def __init__(self, source: Field) -> None:
        super().__init__()
        self.source = self.target = source

    def forward(self, x: Tensor) -> Tensor:
        new = torch.zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3], dtype=x.dtype)
        new[:, :, ::2, ::2] = x
        return new


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("size", [4, 5])
def test_quarter_turns_are_exact_at_every_size(mode: str, scale: int, size: int) -> None:
    layer = Upsample(FIELD, scale, mode)  # type: ignore[arg-type]
    x = draw(2, 10, size, size)
    assert layer(x).shape == (2, 10, scale * size, scale * size)
    assert error(layer, size, size) <= 1e-12
    assert error(Corners(FIELD), size, size) >= 0.1


@pytest.mark.parametrize("mode", MODES)
def test_other_dimensions(mode: str) -> None:
    assert error(Upsample(Field(Grid(3), O.standard), 2, mode), 3, 3, 3) <= 1e-12  # type: ignore[arg-type]
    C2 = geomdl.group("C2")
    line = Field(Grid(1, action=C2.irrep(1)), C2.irrep(1) + C2.regular)
    assert error(Upsample(line, 2, mode), 5) <= 1e-12  # type: ignore[arg-type]


def test_values_on_a_line() -> None:
    C2 = geomdl.group("C2")
    line = Field(Grid(1, action=C2.irrep(1)), C2.trivial)
    x = torch.tensor([[[0.0, 4.0, 8.0]]], dtype=torch.float64)
    assert Upsample(line)(x).flatten().tolist() == [0, 1, 3, 5, 7, 8]
    assert Upsample(line, 2, "nearest")(x).flatten().tolist() == [0, 0, 4, 4, 8, 8]


@pytest.mark.parametrize("n", [6, 7])
def test_fourier_reproduces_what_the_grid_holds(n: int) -> None:
    def wave(points: int) -> Tensor:
        t = 2 * torch.pi * (torch.arange(points).double() + 0.5) / points
        return 0.3 + t.cos() - 2 * (2 * t).sin()

    matrix = fourier_matrix(n, 3)
    assert torch.allclose(matrix @ wave(n), wave(3 * n), atol=1e-13)
    assert torch.allclose(matrix.sum(1), torch.ones(3 * n).double(), atol=1e-13)
    linear = Upsample(Field(Grid(2, periodic=True), D4.trivial), 3)
    x = wave(n).expand(1, 1, n, n)
    assert (linear(x)[0, 0, 0] - wave(3 * n)).abs().max() >= 0.1


@pytest.mark.parametrize("mode", MODES)
def test_shifts_become_finer(mode: str) -> None:
    shifts = geomdl.group("Z4x4 ⋊ D4")
    layer = Upsample(Field(Grid(2, periodic=True), shifts.trivial), 2, mode)  # type: ignore[arg-type]
    assert layer.target.domain == Grid(2, periodic=True, resolution=2)
    assert error(layer, 4, 4) <= 1e-12


@pytest.mark.parametrize("mode", MODES)
def test_error_at_other_angles_falls_with_the_width_of_the_detail(mode: str) -> None:
    field = Field(Grid(2), geomdl.group("C8").trivial)
    place, g = coordinates((33, 33)) - torch.tensor([3.0, 2.0]), torch.tensor([1])
    errors = []
    for sigma in (1.0, 2.0, 3.0):
        x = torch.exp(-place.square().sum(-1) / (2 * sigma**2)).expand(1, 1, -1, -1)
        errors.append(geomdl.audit(Upsample(field, 2, mode), x, elements=g).error)  # type: ignore[arg-type]
    assert errors[2] < 0.7 * errors[1] < 0.5 * errors[0]
    if mode != "nearest":
        assert errors[2] <= 2e-3


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^scale: should be a positive integer, got 1.5$"):
        Upsample(FIELD, 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^mode: should be one of linear, nearest, fourier, got"):
        Upsample(FIELD, 2, "cubic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^Upsample\(.*\): x: D4 turns the grid"):
        Upsample(FIELD)(draw(1, 10, 3, 4))
