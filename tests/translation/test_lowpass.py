import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

import geomdl
from geomdl.translation import BlurPool, binomial, blur
from tests.translation.shifts import noise, roll, shifts


@pytest.mark.parametrize("size", range(1, 8))
def test_binomial_filters(size):
    weights = torch.tensor(binomial(size), dtype=torch.float64)
    assert weights.sum() == 1
    assert torch.equal(weights, weights.flip(0))
    response = torch.fft.fft(weights, 64).abs()
    omega = 2 * math.pi * torch.arange(64, dtype=torch.float64) / 64
    assert torch.allclose(response, (omega / 2).cos().abs() ** (size - 1), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (5, 2), (3, 3), (4, 1)])
def test_is_a_depthwise_convolution(d, padding, size, stride):
    x = noise(2, 3, *d * [6])
    kernel = torch.ones((), dtype=torch.float64)
    for _ in range(d):
        kernel = kernel.unsqueeze(-1) * torch.tensor(binomial(size), dtype=torch.float64)
    ends = ((size - 1) // 2, size // 2) * d
    padded = F.pad(x, ends, mode="circular" if padding == "circular" else "constant")
    conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[d]
    wanted = conv(padded, kernel.expand(3, 1, *kernel.shape), stride=stride, groups=3)
    assert torch.allclose(blur(x, size, stride, padding), wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_multiples_of_the_stride_are_exact(d):
    shape = {1: (12,), 2: (4, 6), 3: (4, 2, 4)}[d]
    report = geomdl.audit(BlurPool(2, d=d, shape=shape), noise(2, 2, *shape))
    assert report.passed(1e-12), report
    x, pool = noise(1, 2, *shape), BlurPool(2, d=d)
    t = (2,) + (0,) * (d - 1)
    assert torch.equal(pool(roll(x, t)), roll(pool(x), tuple(n // 2 for n in t)))


def aliasing(size, stride=2):
    """How much the energy of the pooled image changes when noise is shifted by one pixel.

    The energy of a band-limited image would not change at all. Root mean square, relative.
    """
    x = noise(64, 1, 32, 32)
    ours, theirs = (blur(y, size, stride).square().sum((1, 2, 3)) for y in (x, roll(x, (0, 1))))
    return ((ours - theirs).square().mean().sqrt() / ours.mean()).item()


def test_the_error_falls_with_the_size_of_the_filter():
    errors = [aliasing(size) for size in (1, 2, 3, 4, 5, 6, 7)]
    assert all(after < before for before, after in pairwise(errors))
    assert errors[-1] < errors[0] / 10


def shift_error(n, size=3):
    """Of a Gaussian bump on n×n pixels: pooling the bump moved by half of a coarse pixel, against
    moving the pooled bump by half of a pixel, which for a smooth function is the bump again."""
    at = (torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5

    def bump(cx):
        return torch.exp(-60 * ((at[:, None]) ** 2 + (at - cx) ** 2))[None, None]

    y, moved = blur(bump(0.0), size, 2), blur(bump(0.0).roll(1, -1), size, 2)
    k = torch.fft.fftfreq(n // 2, dtype=torch.float64)
    half = torch.exp(-2j * math.pi * k * 0.5)
    wanted = torch.fft.ifft(torch.fft.fft(y, dim=-1) * half, dim=-1).real
    return ((moved - wanted).abs().max() / wanted.abs().max()).item()


def test_the_error_falls_with_the_resolution_of_a_smooth_image():
    errors = [shift_error(n) for n in (8, 16, 32)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert shift_error(16, size=5) < shift_error(16, size=3) < shift_error(16, size=1)


def test_zero_padding_and_odd_sizes_break_it():
    good = BlurPool(2, shape=(4, 6))
    assert BlurPool(2, shape=(4, 6), padding="zeros").source.group.name == "C1"
    report = geomdl.audit(
        BlurPool(2, padding="zeros"), noise(2, 2, 4, 6), source=good.source, target=good.target
    )
    assert report.error > 1e-2
    with pytest.raises(
        ValueError, match=r"^x: spatial sizes should be multiples of 2, got \(4, 5\)"
    ):
        BlurPool(2)(torch.zeros(1, 2, 4, 5))
    odd, x = BlurPool(2, strict=False), noise(1, 2, 4, 5)
    assert odd(x).shape == (1, 2, 2, 3)
    moved = odd(roll(x, (0, 2)))
    assert all(not torch.allclose(moved, roll(odd(x), t)) for t in shifts((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 0}, r"^channels: should be a positive integer, got 0$"),
        ({"size": -1}, r"^size: should be a positive integer, got -1$"),
        ({"padding": "reflect"}, r"^padding: should be 'circular' or 'zeros', got 'reflect'$"),
        ({"step": 3}, r"^step: should be a multiple of stride=2, got 3$"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BlurPool(**{"channels": 2, **arguments})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtype_is_kept(dtype):
    assert BlurPool(2)(noise(1, 2, 4, 4, dtype=dtype)).dtype == dtype
