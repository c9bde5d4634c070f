"""Pools on arrays that close up: windows and Gaussians go round the ends, shifts are kept."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.steerable import AvgPool, MaxPool, NormMaxPool
from geomdl.steerable.window_pool import WindowPool
from tests.steerable.nonlinearities import draw, hold_the_laws

Z = geomdl.group("Z8x8")
SHIFTED = Field(Grid(2, periodic=True), 2 * Z.trivial)
C4 = geomdl.group("C4")
TURNED = Field(Grid(2, periodic=True), C4.regular)
KINDS = [AvgPool, MaxPool, NormMaxPool]


def error(layer: nn.Module, n: int = 8) -> float:
    assert isinstance(layer.source, Field)
    return geomdl.audit(layer, draw(2, layer.source.channels, n, n)).error


def with_an_edge(layer: WindowPool) -> WindowPool:
    """Sabotage: the array does not close up."""
    layer.wrap = False
    return layer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [{"kernel_size": 3, "padding": 1}, {"kernel_size": 5, "padding": 2}, {"antialias": 1.0}],
)
def test_pools_keep_shifts(kind: type[WindowPool], options: dict[str, float]) -> None:
    layer = kind(SHIFTED, 1, **options)  # type: ignore[arg-type]
    x = draw(2, 2, 8, 8)
    assert layer(x).shape == x.shape
    assert error(layer) <= 1e-12
    assert error(with_an_edge(kind(SHIFTED, 1, **options))) >= 0.01  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [MaxPool, NormMaxPool])
def test_low_pass_pools_with_padding_keep_shifts(kind: type[WindowPool]) -> None:
    assert error(kind(SHIFTED, 1, 3, 1, 0.6)) <= 1e-12
    assert error(with_an_edge(kind(SHIFTED, 1, 3, 1, 0.6))) >= 0.01


def test_shifts_in_one_axis_and_in_space() -> None:
    for group, d in (("Z5", 1), ("Z3x3x3", 3)):
        field = Field(Grid(d, periodic=True), geomdl.group(group).trivial)
        x = draw(1, 1, *[5 if d == 1 else 3] * d)
        for kind in KINDS:
            assert geomdl.audit(kind(field, 1, 3, 1), x).error <= 1e-12
            edged = geomdl.audit(with_an_edge(kind(field, 1, 3, 1)), x).error
            assert edged >= 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_pools_refuse_what_shifts_do_not_bear(kind: type[WindowPool]) -> None:
    with pytest.raises(ValueError, match=r"^stride: Z8x8 shifts pixels, which a stride of 2 would"):
        kind(SHIFTED)
    for size, padding in ((3, 0), (2, 0), (2, 1), (4, 1), (5, 1)):
        with pytest.raises(ValueError, match=r"^kernel_size: Z8x8 shifts pixels, which needs 2·p"):
            kind(SHIFTED, 1, size, padding)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize("sigma", [None, 0.7])
def test_turned_pools_go_round_the_ends(
    kind: type[WindowPool], n: int, sigma: float | None
) -> None:
    layer = kind(TURNED, antialias=sigma)
    assert layer(draw(1, 4, n, n)).shape == (1, 4, n // 2, n // 2)
    assert error(layer, n) <= 1e-12
    skewed = kind(TURNED, antialias=sigma)
    skewed.register_forward_pre_hook(lambda _, x: (x[0].roll(1, -1),))
    assert error(skewed, n) >= 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_the_array_repeated(kind: type[WindowPool]) -> None:
    """Three copies side by side: the middle of what a pool without wrapping gives."""
    x = draw(1, 4, 9, 9)
    wide = x.repeat(1, 1, 3, 3)
    for options in ((2, 3, 1), (1, 3, 1, 0.5), (2, 5, 2, 0.5)):
        if kind is AvgPool and len(options) == 4:
            continue
        stride = options[0]
        y = kind(TURNED, *options)(x)  # type: ignore[arg-type]
        edged = kind(Field(Grid(2), C4.regular), 1, *options[1:])(wide)  # type: ignore[arg-type]
        assert torch.allclose(y, edged[:, :, 9:18:stride, 9:18:stride], atol=1e-13)


def test_average_over_a_window_that_wraps() -> None:
    x = draw(2, 2, 8, 8)
    wanted = sum(x.roll((i, j), (2, 3)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    assert torch.allclose(AvgPool(SHIFTED, 1, 3, 1)(x), wanted, atol=1e-14)  # type: ignore[arg-type]
    padded = F.pad(x, [1] * 4, mode="circular")
    assert torch.equal(MaxPool(SHIFTED, 1, 3, 1)(x), F.max_pool2d(padded, 3, 1))


def test_too_wide_a_gaussian_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^MaxPool\(.*reach 13 pixels round the ends, more than 8$"
    ):
        MaxPool(SHIFTED, 1, 3, 1, 3.0)(draw(1, 2, 8, 8))


def test_periodic_pools_hold_the_laws() -> None:
    hold_the_laws(lambda: MaxPool(SHIFTED, 1, 3, 1, 0.5), 2, 2, 8, 8)
    hold_the_laws(lambda: AvgPool(SHIFTED, 1, 3, 1), 2, 2, 8, 8)


def test_norms_are_the_absolute_values_of_numbers() -> None:
    x: Tensor = draw(1, 2, 8, 8)
    y = NormMaxPool(SHIFTED, 1, 3, 1)(x)
    assert torch.equal(y.abs(), MaxPool(SHIFTED, 1, 3, 1)(x.abs()))
    assert math.isfinite(float(y.sum()))
