"""Filtered non-linearities: exact on the grid, nearly so at 45° where plain ones are not."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.steerable import Pointwise
from geomdl.steerable.oversampled import FilteredPointwise, interpolation, thinning
from geomdl.steerable.plain import oversampling, to_plain  # noqa: F401  (fills the table)
from geomdl.steerable.pointwise import FUNCTIONS
from tests.steerable.nonlinearities import draw

D4, O = geomdl.group("D4"), geomdl.group("O")
FIELD = Field(Grid(2), D4.regular + D4.trivial)
PIXELS = torch.arange(-10.0, 11.0, dtype=torch.float64)


def error(layer: nn.Module, *sizes: int) -> float:
    assert isinstance(layer.source, Field)
    return geomdl.audit(layer, draw(2, layer.source.channels, *sizes)).error


class Lopsided(nn.Module):
    """Sabotage: means over a pixel and the one after it."""

    def __init__(self, source: Field) -> None:
        super().__init__()
        self.source = self.target = source

    def forward(self, x: Tensor) -> Tensor:
        y = x.relu()
        return y + y.roll(1, -1)


@pytest.mark.parametrize("size", [1, 2, 5, 6])
@pytest.mark.parametrize(("oversample", "blur"), [(1, 0.0), (1, 0.5), (2, 0.0), (2, 0.5), (3, 1.0)])
def test_quarter_turns_are_exact_at_every_size(size: int, oversample: int, blur: float) -> None:
    layer = FilteredPointwise(FIELD, "relu", oversample, blur)
    assert layer(draw(2, 9, size, size)).shape == (2, 9, size, size)
    assert error(layer, size, size) <= 1e-12
    if size > 1:
        assert error(Lopsided(FIELD), size, size) >= 0.1


def test_other_dimensions() -> None:
    assert error(FilteredPointwise(Field(Grid(3), O.regular), "elu"), 4, 4, 4) <= 1e-12
    C2 = geomdl.group("C2")
    line = Field(Grid(1, action=C2.irrep(1)), C2.regular)
    assert FilteredPointwise(line)(draw(2, 2, 7)).shape == (2, 2, 7)


def test_nothing_added_is_a_pointwise_function() -> None:
    x = draw(2, 9, 6, 6)
    for name in FUNCTIONS:
        filtered = FilteredPointwise(FIELD, name, oversample=1, blur=0.0)
        assert torch.equal(filtered(x), Pointwise(FIELD, name)(x))


@pytest.mark.parametrize("wrap", [False, True])
def test_constants_stay(wrap: bool) -> None:
    for n in (1, 3, 12):
        fine = interpolation(n, 3, wrap)
        assert fine.shape == ((3 * n if wrap else 3 * n - 2), n)
        assert (fine.sum(1) - 1).abs().max() <= 1e-14
        assert torch.equal(
            fine[::3], torch.eye(n, dtype=torch.float64)
        )  # the old places among them
        coarse = thinning(n, 3, 0.7, wrap)
        assert (coarse.sum(1) - 1).abs().max() <= 1e-14
        assert coarse.shape == fine.T.shape


@pytest.mark.parametrize(("width", "bound"), [(0.8, 2.6e-2), (1.0, 6e-3), (1.5, 1e-4)])
def test_interpolates_smooth_functions(width: float, bound: float) -> None:
    def spot(at: Tensor) -> Tensor:
        return torch.exp(-0.5 * ((at - 0.3) / width) ** 2)

    fine = torch.linspace(-10, 10, 41, dtype=torch.float64)
    assert (interpolation(21, 2) @ spot(PIXELS) - spot(fine)).abs().max() <= bound
    linear = 0.5 * (spot(PIXELS)[1:] + spot(PIXELS)[:-1])
    assert (linear - spot(fine)[1::2]).abs().max() >= 5 * bound  # a wrong one is seen


def test_periodic_arrays_have_no_ends() -> None:
    for matrix in (interpolation(12, 2, wrap=True), thinning(12, 2, 0.6, wrap=True).T):
        moved = matrix.roll((2, 1), (0, 1))
        assert (moved - matrix).abs().max() <= 1e-15
    ends = interpolation(12, 2)
    assert (ends.roll((2, 1), (0, 1)) - ends).abs().max() >= 0.1


def wave(angle: float) -> Tensor:
    """Plane waves (16, 1, 21, 21) under a broad Gaussian, turned by an angle about the centre."""
    rng = torch.Generator().manual_seed(0)
    phase = torch.rand(16, 1, 1, generator=rng, dtype=torch.float64) * 2 * math.pi
    turn = torch.rand(16, 1, 1, generator=rng, dtype=torch.float64) * 2 * math.pi + angle
    x, y = PIXELS, -PIXELS[:, None]
    return torch.cos(1.1 * (turn.cos() * x + turn.sin() * y) + phase).unsqueeze(1)


def rotation_error(function: Callable[[Tensor], Tensor]) -> float:
    """At 45°, of what an isotropic filter sees of the output at the centre."""
    squares = PIXELS**2 + PIXELS[:, None] ** 2
    look = torch.exp(-squares / 2) * (2 - squares)
    here, there = ((function(wave(a)) * look).sum((1, 2, 3)) for a in (0.0, math.pi / 4))
    assert here.std() > 0.1  # there is something to see
    return float((there - here).norm() / here.norm())


def test_finer_grids_lower_the_error_at_45_degrees() -> None:
    G = geomdl.group("C8")
    field = Field(Grid(2), G.trivial)
    plain = rotation_error(Pointwise(field, "relu"))
    filtered = rotation_error(FilteredPointwise(field, "relu"))
    only_blurred = rotation_error(FilteredPointwise(field, "relu", oversample=1))
    assert filtered <= plain / 3
    assert filtered <= only_blurred / 2


@pytest.mark.parametrize("options", [("relu", 2, 0.5), ("elu", 1, 0.5), ("gelu", 1, 0.0)])
def test_plain_form_is_equal_at_every_size(options: tuple[str, int, float]) -> None:
    layer = FilteredPointwise(FIELD, *options)
    plain = to_plain(layer)
    for size in (5, 8):
        x = draw(2, 9, size, size)
        assert (plain(x) - layer(x)).abs().max() <= 1e-14
        assert (plain(x) - x).abs().max() >= 1e-2


def test_refused() -> None:
    with pytest.raises(ValueError, match="permutation"):
        FilteredPointwise(Field(Grid(2), D4.standard))
    with pytest.raises(ValueError, match="function"):
        FilteredPointwise(FIELD, "sine")
    with pytest.raises(ValueError, match="oversample"):
        FilteredPointwise(FIELD, oversample=0)
    for blur in (-1.0, math.inf, math.nan, "wide"):
        with pytest.raises(ValueError, match=r"^blur: should be 0 or a positive number of pixels"):
            FilteredPointwise(FIELD, blur=blur)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="equal"):
        FilteredPointwise(FIELD)(torch.zeros(1, 9, 4, 5))
