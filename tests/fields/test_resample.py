"""Interpolation against scipy, against itself at the samples, and its derivatives."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

from geomdl.fields.resample import (
    METHODS,
    fold,
    fourier_transform,
    fourier_weights,
    interpolate,
    spline_transform,
    spline_weights,
)

SHAPES = [(7,), (7, 6), (5, 4, 6)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pixels(shape: tuple[int, ...]) -> Tensor:
    axes = [torch.arange(n, dtype=torch.float64) for n in shape]
    return torch.stack(torch.meshgrid(axes, indexing="ij"), -1).flatten(0, -2)


def waves(points: Tensor, shape: tuple[int, ...], top: int) -> Tensor:
    """A sum of plane waves with whole frequencies up to ``top``, periodic on the array."""
    frequencies = pixels((2 * top + 1,) * len(shape)) - top
    phases = 2 * torch.pi * (points / torch.tensor(shape)) @ frequencies.T
    weights = noise(2, len(frequencies), seed=3)
    return phases.cos() @ weights[0] + phases.sin() @ weights[1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("periodic", "mode"), [(False, "mirror"), (True, "grid-wrap")])
def test_spline_is_scipys(shape: tuple[int, ...], periodic: bool, mode: str) -> None:
    d = len(shape)
    x = noise(1, 2, *shape)
    linear, offset = torch.linalg.matrix_exp(0.4 * noise(d, d, seed=1)), 3 * noise(d, seed=2)
    ours = interpolate(x, pixels(shape) @ linear.T + offset, periodic=periodic)
    for channel in range(2):
        theirs = scipy.ndimage.affine_transform(
            x[0, channel].numpy(), linear.numpy(), offset.numpy(), order=3, mode=mode
        )
        assert np.abs(theirs.ravel() - ours[0, channel].numpy()).max() <= 1e-13


def test_the_oracle_tells_boundaries_apart() -> None:
    x, points = noise(1, 1, 8), torch.linspace(-3, 10, 30, dtype=torch.float64).unsqueeze(1)
    mirrored, repeated = (interpolate(x, points, periodic=p) for p in (False, True))
    assert (mirrored - repeated).abs().max() >= 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("shape", [(1,), (2,), (1, 2), *SHAPES])
def test_agrees_with_the_samples(shape: tuple[int, ...], periodic: bool, method: str) -> None:
    x = noise(2, 3, *shape)
    again = interpolate(x, pixels(shape), periodic=periodic, method=method)
    assert (again - x.flatten(2)).abs().max() <= 1e-13


@pytest.mark.parametrize("shape", SHAPES)
def test_fourier_is_exact_below_half_the_sampling_rate(shape: tuple[int, ...]) -> None:
    top = (min(shape) - 1) // 2
    x = waves(pixels(shape), shape, top).reshape(1, 1, *shape)
    points = 20 * noise(50, len(shape), seed=4)
    truth = waves(points, shape, top)
    fourier = interpolate(x, points, periodic=True, method="fourier")[0, 0]
    assert (fourier - truth).abs().max() <= 1e-11
    spline = interpolate(x, points, periodic=True, method="spline")[0, 0]
    assert (spline - truth).abs().max() >= 1e-2, "the waves must be a test of something"


def test_fourier_above_half_the_sampling_rate_is_not_exact() -> None:
    x = waves(pixels((7,)), (7,), 4).reshape(1, 1, 7)
    points = noise(20, 1, seed=4)
    assert (interpolate(x, points, periodic=True, method="fourier")[0, 0] - waves(points, (7,), 4)
            ).abs().max() >= 0.1  # fmt: skip


def test_fourier_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, points = noise(2, 3, 6, 5), noise(40, 2, seed=1)
    whole = interpolate(x, points, periodic=True, method="fourier")
    monkeypatch.setattr("geomdl.fields.resample._CHUNK", 100)
    parts = interpolate(x, points, periodic=True, method="fourier")
    assert (whole - parts).abs().max() <= 1e-13


@pytest.mark.parametrize("method", METHODS)
def test_points_for_each_sample(method: str) -> None:
    x, points = noise(3, 2, 6, 5), 2 + noise(3, 9, 2, seed=1)
    together = interpolate(x, points, periodic=False, method=method)
    for i in range(3):
        alone = interpolate(x[i : i + 1], points[i], periodic=False, method=method)
        assert (together[i] - alone[0]).abs().max() <= 1e-13


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_gradients(shape: tuple[int, ...], method: str) -> None:
    x = noise(1, 2, *shape).requires_grad_()
    points = (1.5 + 0.7 * noise(3, len(shape), seed=1)).requires_grad_()

    def values(x: Tensor, points: Tensor) -> Tensor:
        return interpolate(x, points, periodic=False, method=method)

    assert torch.autograd.gradcheck(values, (x, points))
    assert torch.autograd.gradgradcheck(values, (x, points))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("dtype", "tol"),
    [
        (torch.float64, 1e-13),
        (torch.float32, 1e-5),
        (torch.bfloat16, 3e-2),
        (torch.complex128, 1e-13),
    ],
)
def test_dtypes(method: str, dtype: torch.dtype, tol: float) -> None:
    x, points = noise(1, 2, 6, 6), 2 + noise(7, 2, seed=1)
    truth = interpolate(x, points, periodic=False, method=method)
    ours = interpolate(x.to(dtype), points, periodic=False, method=method)
    assert ours.dtype == dtype
    assert (ours.to(torch.complex128) - truth).abs().max() <= tol * truth.abs().max()


def test_nan_stays_in_its_sample() -> None:
    x = noise(2, 1, 5, 5)
    x[0, 0, 2, 2] = torch.nan
    moved = interpolate(x, pixels((5, 5)) + 0.3, periodic=True)
    assert moved[0].isnan().any()
    assert not moved[1].isnan().any()


def test_integers_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"x: a resampled action needs floating values, got torch.uint8"
    ):
        interpolate(torch.zeros(1, 1, 3, dtype=torch.uint8), torch.zeros(1, 1), periodic=False)


def test_cached_matrices_survive_inference_mode() -> None:
    spline_transform.cache_clear()
    fourier_transform.cache_clear()
    x = noise(1, 1, 11)
    with torch.inference_mode():
        for method in METHODS:
            interpolate(x, torch.ones(1, 1), periodic=False, method=method)
    for method in METHODS:
        y = interpolate(x.requires_grad_(), torch.ones(1, 1), periodic=False, method=method)
        y.sum().backward()


def test_fold() -> None:
    index = torch.arange(-7, 8)
    mirrored = np.pad(np.arange(4), 8, mode="reflect")[1:16]
    repeated = np.pad(np.arange(4), 8, mode="wrap")[1:16]
    assert fold(index, 4, periodic=False).tolist() == mirrored.tolist()
    assert fold(index, 4, periodic=True).tolist() == repeated.tolist()
    assert fold(index, 1, periodic=False).tolist() == [0] * 15


def test_weights_are_partitions_of_one() -> None:
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    assert (spline_weights(t).sum(-1) - 1).abs().max() <= 1e-15
    assert spline_weights(t).min() >= 0
    assert fourier_weights(t, 6).shape == (11, 6)
    assert fourier_weights(t, 7).shape == (11, 7)
