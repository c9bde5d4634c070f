"""Digits turned by random angles: the rotation itself, the parts, and what is refused."""

import math

import numpy
import pytest
import torch

from geomdl.data import load
from geomdl.data.rotated_mnist import FINE, rotate


def blob(size: int, angle: float, fine: int = FINE) -> torch.Tensor:
    """A narrow Gaussian away from the centre, turned analytically, sampled finely."""
    line = (torch.arange(fine * size, dtype=torch.float64) - (fine * size - 1) / 2) / fine
    y, x = -line[:, None], line[None, :]
    c, s = math.cos(angle), math.sin(angle)
    u, v = c * x + s * y, c * y - s * x  # R(−θ) p
    return torch.exp(-((u - 4) ** 2 / 8 + (v - 1) ** 2 / 4.5))[None, None]


def resampling_error(degrees: float, fine: int, sign: int = 1) -> float:
    angle = math.radians(degrees)
    expected = torch.nn.functional.avg_pool2d(blob(29, angle, fine), fine)
    turns = torch.tensor([sign * angle], dtype=torch.float64)
    return float((rotate(blob(29, 0.0, fine), turns, 29, fine) - expected).abs().max())


@pytest.mark.parametrize("degrees", [10, 45, 133, -70])
def test_a_turned_function_is_the_function_turned_the_better_the_finer(degrees):
    assert resampling_error(degrees, FINE) <= 5e-3
    assert resampling_error(degrees, 3 * FINE) <= 0.5 * resampling_error(degrees, FINE)
    assert resampling_error(degrees, FINE, sign=-1) > 0.1


@pytest.mark.parametrize("size", [28, 29])
def test_quarter_turns_are_exact(size):
    rng = torch.Generator().manual_seed(0)
    fine = torch.rand(4, 2, FINE * size, FINE * size, generator=rng, dtype=torch.float64)
    angles = torch.arange(4, dtype=torch.float64) * math.pi / 2
    found = rotate(fine, angles, size)
    for k in range(4):
        expected = torch.nn.functional.avg_pool2d(fine[k].rot90(k, (-2, -1)), FINE)
        assert (found[k] - expected).abs().max() <= 1e-11


def test_a_larger_square_adds_black_around():
    rng = torch.Generator().manual_seed(0)
    fine = torch.rand(1, 1, 18, 18, generator=rng, dtype=torch.float64)
    wide = rotate(fine, torch.zeros(1, dtype=torch.float64), 8)
    assert (wide[..., 1:7, 1:7] - torch.nn.functional.avg_pool2d(fine, 3)).abs().max() <= 1e-12
    assert wide.sum() == pytest.approx(float(wide[..., 1:7, 1:7].sum()))


@pytest.fixture
def folder(tmp_path):
    rng = numpy.random.default_rng(0)
    images = numpy.zeros((7, 28, 28), dtype=numpy.uint8)
    images[:, 8:20, 11:15] = rng.integers(100, 256, (7, 12, 4))
    numpy.savez(tmp_path / "mnist8k.npz", images=images, labels=numpy.arange(7, dtype=numpy.uint8))
    return tmp_path


def test_rotated_mnist(folder):
    plain = load("mnist", root=folder)
    data = load("rotated_mnist", root=folder, train=4)
    assert data["images"].shape == (7, 1, 28, 28)
    assert data["images"].dtype == data["angles"].dtype == torch.float32
    assert data["images"].min() >= 0
    assert data["images"].max() <= 1
    assert data["train"].tolist() == [True] * 4 + [False] * 3
    assert torch.equal(data["labels"], plain["labels"])
    ink = data["images"].sum((1, 2, 3)) / plain["images"].sum((1, 2, 3))
    assert ((ink - 1).abs() <= 0.05).all()  # the clip takes the undershoot
    assert not torch.allclose(data["images"], plain["images"], atol=0.1)


def test_turned_back_by_its_angle_a_digit_is_upright(folder):
    plain, data = load("mnist", root=folder), load("rotated_mnist", root=folder, train=4)
    fine = torch.nn.functional.interpolate(data["images"], scale_factor=FINE, mode="bicubic")
    back = rotate(fine, -data["angles"], 28)
    forth = rotate(fine, data["angles"], 28)
    scale = plain["images"].norm()
    assert (back - plain["images"]).norm() / scale < 0.25
    assert (forth - plain["images"]).norm() / scale > 0.6


def test_the_seed_decides_the_angles_and_the_size_the_array(folder):
    one, two = (load("rotated_mnist", root=folder, train=4) for _ in range(2))
    other = load("rotated_mnist", root=folder, train=4, seed=1, size=33)
    assert torch.equal(one["images"], two["images"])
    assert not torch.equal(one["angles"], other["angles"])
    assert other["images"].shape[2:] == (33, 33)
    assert ((one["angles"] >= 0) & (one["angles"] < 2 * math.pi)).all()


def test_rotated_digits():
    data = load("rotated_digits", size=21, train=1000)
    assert data["images"].shape == (1797, 1, 21, 21)
    assert int(data["train"].sum()) == 1000
    offsets = torch.arange(21) - 10
    outside = offsets[:, None] ** 2 + offsets**2 > 11.5**2
    assert data["images"][..., outside].abs().max() == 0
    counts = torch.histc(data["angles"], 8, 0, 2 * math.pi) / 1797
    assert (counts - 1 / 8).abs().max() < 0.03  # uniform


def test_what_is_refused(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"^mnist: give root=, or set GEOMDL_DATA"):
        load("rotated_mnist")
    with pytest.raises(FileNotFoundError, match=r"^mnist: neither mnist8k.npz nor"):
        load("rotated_mnist", root=tmp_path / "none")
    with pytest.raises(ValueError, match=r"^rotated_mnist: train should be .* 1 to 6, got 7$"):
        load("rotated_mnist", root=folder, train=7)
    with pytest.raises(ValueError, match=r"^rotated_mnist: size should be .* 28, got 27$"):
        load("rotated_mnist", root=folder, size=27)
    with pytest.raises(ValueError, match=r"^rotated_digits: size should be .* 12, got 5$"):
        load("rotated_digits", size=5)
    with pytest.raises(TypeError, match=r"^rotated_mnist: expected options among"):
        load("rotated_mnist", root=folder, angle=3)
