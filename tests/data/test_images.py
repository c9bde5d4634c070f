"""Enlarging: an interpolation, inside the disc, that commutes with quarter turns and flips."""

import math

import pytest
import scipy.ndimage
import torch
from hypothesis import given
from hypothesis import strategies as st

from geomdl.data import upsample


def random_images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_pixels_are_interpolated():
    """6×8 pixels in 30×30 are 3 output pixels apart: there S is the pixel itself."""
    x = random_images(5, 6, 8)
    y = upsample(x, 30)
    assert (y[:, 7:23:3, 4:26:3] - x).abs().max() <= 1e-12


@given(h=st.integers(1, 9), w=st.integers(1, 9), extra=st.integers(0, 20), seed=st.integers(0, 99))
def test_agrees_with_ndimage(h, w, extra, seed):
    """An independent cubic spline through the pixels and zeros."""
    x = random_images(h, w, seed=seed)
    size = math.ceil(math.hypot(h, w)) + extra
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    rows, columns = (offsets * math.hypot(h, w) / size + (n - 1) / 2 + 40 for n in (h, w))
    wide = torch.nn.functional.pad(x, (40,) * 4)
    points = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).numpy()
    expected = torch.from_numpy(scipy.ndimage.map_coordinates(wide.numpy(), points, order=3))
    inside = offsets[:, None] ** 2 + offsets**2 <= ((size - 1) / 2) ** 2
    error = (upsample(x, size) - expected.clamp(0, 1) * inside).abs().max()
    assert error <= 1e-12


def symmetry_error(enlarge) -> float:
    x = random_images(4, 7, 8)
    turn = (enlarge(x.rot90(1, (-2, -1))) - enlarge(x).rot90(1, (-2, -1))).abs().max()
    flip = (enlarge(x.flip(-1)) - enlarge(x).flip(-1)).abs().max()
    return float(torch.maximum(turn, flip))


@pytest.mark.parametrize("size", [12, 28, 29])
def test_commutes_with_quarter_turns_and_flips(size):
    assert symmetry_error(lambda x: upsample(x, size)) <= 1e-13


def test_sabotaged_centre_is_caught():
    off_centre = torch.nn.functional.pad
    assert symmetry_error(lambda x: upsample(off_centre(x, (1, 0)), 28)) > 1e-2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_range_disc_and_dtype(dtype):
    x = (random_images(3, 1, 8, 8) > 0.5).to(dtype)
    y = upsample(x, 29)
    assert y.shape == (3, 1, 29, 29)
    assert y.dtype == dtype
    assert y.min() == 0
    assert y.max() == 1
    offsets = torch.arange(29) - 14
    assert (y[..., offsets[:, None] ** 2 + offsets**2 > 14**2] == 0).all()


def test_constant_and_empty():
    assert (upsample(torch.zeros(2, 8, 8), 28) == 0).all()
    assert upsample(torch.zeros(0, 1, 8, 8), 28).shape == (0, 1, 28, 28)
    assert upsample(torch.ones(1, 1), 2).shape == (2, 2)


@pytest.mark.parametrize(
    ("images", "size", "error", "message"),
    [
        (torch.zeros(8, 8), 11, ValueError, "size: should be at least 12, got 11"),
        (torch.zeros(8, 8), 28.0, TypeError, "size: expected an int, got float"),
        (
            torch.zeros(8, 8, dtype=torch.uint8),
            28,
            TypeError,
            "images: expected floating values, got torch.uint8",
        ),
        (torch.zeros(8), 28, ValueError, "images: expected shape (..., h, w), got (8,)"),
        (torch.zeros(2, 0, 8), 28, ValueError, "images: expected shape (..., h, w), got (2, 0, 8)"),
        (
            torch.full((8, 8), 1.5),
            28,
            ValueError,
            "images: values should be in [0, 1], got others or NaN",
        ),
        (
            torch.full((8, 8), float("nan")),
            28,
            ValueError,
            "images: values should be in [0, 1], got others or NaN",
        ),
    ],
)
def test_bad_input(images, size, error, message):
    with pytest.raises(error) as caught:
        upsample(images, size)
    assert str(caught.value) == message
