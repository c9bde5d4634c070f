"""Taps move as pixels do, and groups that do not map the grid to itself are refused."""

import pytest
import torch

import geomdl
from geomdl import Field, Grid, Points
from geomdl.steerable import tap_representation
from geomdl.steerable.coordinates import is_exact, tap_coordinates


@pytest.mark.parametrize("name", ["C1", "C2", "C4", "D1", "D2", "D4"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
def test_taps_move_as_an_image_of_their_size(name: str, kernel_size: int) -> None:
    field = Field(Grid(2), geomdl.group(name).trivial)
    taps = tap_representation(field, kernel_size)
    image = torch.arange(kernel_size**2, dtype=torch.float64).reshape(1, 1, *[kernel_size] * 2)
    for i in range(field.group.order):
        g = field.group.elements[i]
        moved = taps(g) @ image.flatten()
        assert torch.equal(moved, field.act(g, image).flatten())


@pytest.mark.parametrize("name", ["O", "Oh"])
def test_taps_move_as_a_volume_of_their_size(name: str) -> None:
    field = Field(Grid(3), geomdl.group(name).trivial)
    taps = tap_representation(field, 3)
    volume = torch.randn(1, 1, 3, 3, 3, dtype=torch.float64, generator=torch.Generator())
    for i in range(field.group.order):
        g = field.group.elements[i]
        assert torch.equal(taps(g) @ volume.flatten(), field.act(g, volume).flatten())


def test_one_tap_is_the_trivial_representation() -> None:
    G = geomdl.group("D4")
    assert tap_representation(Field(Grid(2), G.regular), 1) == G.trivial


def test_coordinates_are_x_right_and_y_up_from_the_centre() -> None:
    assert tap_coordinates(2, 2).tolist() == [[-1, 1], [1, 1], [-1, -1], [1, -1]]
    assert tap_coordinates(1, 3).tolist() == [[-2], [0], [2]]


@pytest.mark.parametrize("name", ["C3", "C8", "D8", "SO2", "O2"])
def test_groups_off_the_grid_are_refused_in_one_line(name: str) -> None:
    field = Field(Grid(2), geomdl.group(name).trivial)
    refusal = rf"^source: {name} does not map the pixel grid .* use radial='gaussian'$"
    with pytest.raises(ValueError, match=refusal):
        tap_representation(field, 3)


def test_other_domains_are_refused() -> None:
    field = Field(Points(2), geomdl.group("C4").trivial)
    with pytest.raises(ValueError, match=r"source: should be a Field on a Grid, got Points\(2\)"):
        tap_representation(field, 3)


def test_exactness_looks_at_entries_and_rows() -> None:
    shear = torch.tensor([[[1.0, 1.0], [0.0, 1.0]]])
    half = torch.tensor([[[0.5, 0.5], [0.5, -0.5]]])
    assert is_exact(torch.eye(2).unsqueeze(0))
    assert not is_exact(shear)
    assert not is_exact(half)
    assert not is_exact(torch.full((1, 2, 2), float("nan")))
