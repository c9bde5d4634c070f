import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import geomdl
from geomdl import Field, Grid, Points, Vector
from geomdl.auditing.statistics import rms
from geomdl.auditing.trees import Leaf
from geomdl.auditing.variation import Variation, direction, measure, spread_of
from tests.auditing.networks import image, images

SO3 = geomdl.group("SO3")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one(function: object, x: Tensor, field: Field, moved: bool = True) -> Variation:
    run = lambda values: [Leaf("output", None, function(*values))]  # type: ignore[operator] # noqa: E731
    leaf = Leaf("x", field, x)
    return measure(run, [leaf], {0} if moved else set(), torch.float64, rng())[0]


@settings(max_examples=20, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_of_a_linear_map_it_is_the_spread_whatever_the_offset(offset: float, scale: float) -> None:
    x = images(50, 3, dtype=torch.float64)
    v = one(lambda x: scale * x + offset, x, Field(Vector(), SO3.standard))
    assert v.spread == pytest.approx(scale * rms(x - x.mean(0)), rel=0.1)
    assert v.moved
    assert not v.constant


def test_constants_are_told_from_small_variation() -> None:
    x, field = images(5, 3, dtype=torch.float64), Field(Vector(), SO3.standard)
    assert one(lambda x: 0 * x, x, field).constant
    assert one(lambda x: 0 * x + 1e9, x, field).constant
    assert one(lambda x: 1e9 + 1e-9 * x, x, field).constant  # rounding
    assert not one(lambda x: 1e9 + 1e-3 * x, x, field).constant
    assert not one(lambda x: 1e-200 * x, x, field).constant
    assert one(lambda x: x * torch.nan, x, field).constant
    assert Variation(0.0, 1.0).condition == float("inf")


def test_flat_places_are_left_by_a_larger_step() -> None:
    x = torch.full((4, 3), 0.5, dtype=torch.float64)
    step = one(lambda x: (x > 1).double(), x, Field(Vector(), SO3.standard))
    assert not step.constant


def test_only_moved_inputs_count_where_they_suffice() -> None:
    pos, charge = images(6, 3, dtype=torch.float64), images(6, 1, seed=1, dtype=torch.float64)
    leaves = [Leaf("pos", Field(Points(3), SO3.standard), pos),
              Leaf("q", Field(Points(3), SO3.trivial), charge)]  # fmt: skip

    def run(values: list[Tensor]) -> list[Leaf]:
        pos, q = values
        both = 1e4 * q.sum() + pos.square().sum()
        return [Leaf("both", None, both), Leaf("q", None, q.sum())]

    both, alone = measure(run, leaves, {0}, torch.float64, rng())
    assert both.spread < 100
    assert both.moved
    assert not alone.constant
    assert not alone.moved
    everything, _ = measure(run, leaves, set(), torch.float64, rng())
    assert everything.spread > 1e3


def test_spread_of_equal_outputs_is_zero() -> None:
    y = torch.full((7,), 1e4 / 3, dtype=torch.float64)
    assert spread_of([y, y.clone(), y.clone()], 0.1) == 0.0
    y = images(1000, dtype=torch.float64)
    assert spread_of([y, -y], 1.0) == pytest.approx(2**0.5 * rms(y))


@pytest.mark.parametrize("shape", [(4, 3, 12, 12), (1, 1, 12, 12)])
def test_images_are_moved_within_their_spectrum(shape: tuple[int, ...]) -> None:
    x = torch.zeros(shape, dtype=torch.float64)
    wave = torch.cos(2 * torch.pi * torch.arange(12.0, dtype=torch.float64) * 2 / 12)
    x = x + 5 + 0.3 * wave
    delta = direction(image(channels=shape[1]), x, rng())
    assert delta.shape == x.shape
    spectrum = torch.fft.fft2(delta).abs()
    spectrum[..., 0, 0] = 0
    spectrum[..., 0, 2] = spectrum[..., 0, -2] = 0
    assert spectrum.max() < 1e-10
    assert 0.2 < rms(delta) / rms(x - x.mean()) < 5
    assert delta.mean((-2, -1)).abs().min() > 0


@pytest.mark.parametrize("x", [torch.zeros(2, 1, 6, 6), torch.full((2, 1, 6, 6), 3.0)])
def test_flat_images_are_moved_by_noise(x: Tensor) -> None:
    x = x.double()
    delta = direction(image(), x, rng())
    assert rms(delta) == pytest.approx(rms(x) or 1.0, rel=0.5)
    assert rms(delta - delta.mean((-2, -1), keepdim=True)) > 0.3 * rms(delta)


def test_far_away_points_move_by_their_own_size() -> None:
    pos = images(10, 3, dtype=torch.float64) + torch.tensor([1000.0, 0, 0])
    assert rms(direction(geomdl.fields.positions(SO3), pos, rng())) < 2


def test_grids_of_other_dimensions() -> None:
    for d in (1, 3):
        group = {1: geomdl.group("Z5"), 3: geomdl.group("Oh")}[d]
        x = images(2, 1, *(5,) * d, dtype=torch.float64)
        delta = direction(Field(Grid(d, periodic=d == 1), group.trivial), x, rng())
        assert delta.shape == x.shape
        assert 0.3 < rms(delta) < 3
