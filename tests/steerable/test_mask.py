"""The smooth disc: one inside, falling outside, invariant."""

import pytest
import torch
from torch import Tensor

import geomdl
from geomdl import Field, Grid
from geomdl.steerable.mask import Mask, smooth_disc
from tests.steerable.nonlinearities import draw, hold_the_laws


def test_values_follow_the_formula() -> None:
    disc = smooth_disc((9, 9), 3.0, 1.5)
    axis = torch.arange(9, dtype=torch.float64) - 4
    radius = torch.hypot(axis[:, None], axis[None, :])
    wanted = torch.exp(-((radius - 3).clamp(min=0) ** 2) / (2 * 1.5**2))
    assert (disc - wanted).abs().max() <= 1e-15
    assert smooth_disc((3, 3), 1.0, 0.0).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


@pytest.mark.parametrize("n", [8, 9])
def test_corners_are_taken_out_and_the_middle_is_left(n: int) -> None:
    mask = Mask(Field(Grid(2), geomdl.group("C8").standard), n, sigma=1.0).double()
    x = draw(2, 2, n, n)
    y = mask(x)
    middle = n // 2
    assert torch.equal(y[..., middle, :], x[..., middle, :]) is (n % 2 == 1)
    assert torch.equal(y[..., middle, middle], x[..., middle, middle])
    assert (y[..., 0, 0].abs() <= 0.6 * x[..., 0, 0].abs()).all()
    assert (Mask(mask.source, n, margin=1, sigma=0).double()(x)[..., 0, :] == 0).all()


def test_it_commutes_exactly_in_the_plane_and_in_space_and_a_shifted_one_does_not() -> None:
    class Shifted(Mask):
        def exact_buffers(self) -> dict[str, Tensor]:
            return {"mask": super().exact_buffers()["mask"].roll(1, 0)}

    for name, d in (("D4", 2), ("Oh", 3)):
        G = geomdl.group(name)
        field, x = Field(Grid(d), G.standard + G.trivial), draw(2, d + 1, *[6] * d)
        assert geomdl.audit(Mask(field, 6).double(), x).passed(1e-12)
        assert not geomdl.audit(Shifted(field, 6).double(), x).passed(1e-3)


def test_buffers_follow_the_dtype_and_are_no_state() -> None:
    mask = Mask(Field(Grid(2), geomdl.group("C4").trivial), 7)
    assert not mask.state_dict()
    exact = smooth_disc((7, 7), 3.0, 2.0)
    assert torch.equal(mask.half().double().mask, exact)
    assert mask(torch.ones(1, 1, 7, 7, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_unequal_sizes_suit_groups_that_do_not_exchange_axes() -> None:
    G = geomdl.group("C2")
    hold_the_laws(lambda: Mask(Field(Grid(2), G.regular), (5, 8), 0.5, 1.0), 2, 2, 5, 8)


def test_bad_arguments_are_refused_in_one_line() -> None:
    field = Field(Grid(2), geomdl.group("C4").trivial)
    with pytest.raises(ValueError, match=r"^size: should be a positive integer or 2 of them, got"):
        Mask(field, (5, 5, 5))
    with pytest.raises(ValueError, match=r"^x: C4 turns the grid, so all sizes should be equal"):
        Mask(field, (5, 6))
    with pytest.raises(ValueError, match=r"^margin: should leave pixels of size=\(5, 5\), got 3$"):
        Mask(field, 5, margin=3)
    with pytest.raises(ValueError, match=r"^sigma: should be 0 or more, got nan$"):
        Mask(field, 5, sigma=float("nan"))
    with pytest.raises(ValueError, match=r"^Mask\(trivial of C4\): x: sizes should be \(5, 5\)"):
        Mask(field, 5)(torch.zeros(1, 1, 7, 7))
    periodic = Field(Grid(2, periodic=True), geomdl.group("Z4x4").trivial)
    with pytest.raises(ValueError, match=r"^source: Z4x4 shifts pixels, which a mask would stop$"):
        Mask(periodic, 4)
