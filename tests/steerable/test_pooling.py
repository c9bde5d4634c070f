"""Low-pass, adaptive and norm pools: exact at every size, right, and better at other angles."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.fields.grid import coordinates
from geomdl.steerable import AvgPool, GroupPool, MaxPool
from geomdl.steerable.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from geomdl.steerable.low_pass import blur, reach, taps
from geomdl.steerable.norm_pool import NormMaxPool, NormPool
from geomdl.steerable.vector_norms import norms
from tests.steerable.nonlinearities import draw, fibre_error, hold_the_laws

D4, C4 = geomdl.group("D4"), geomdl.group("C4")
PERMUTATION = Field(Grid(2), D4.regular + 2 * D4.trivial)
VECTORS = Field(Grid(2), 2 * D4.standard + D4.regular)


def error(layer: nn.Module, *sizes: int) -> float:
    assert isinstance(layer.source, Field)
    return geomdl.audit(layer, draw(2, layer.source.channels, *sizes)).error


class OffCentre(nn.Module):
    """Sabotage: windows that start at one corner."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool, self.source, self.target = pool, pool.source, pool.target

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(x.roll(1, -1))
        return y


# --- Gaussian ------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [12, 13, 14])
@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("pool", [AvgPool, MaxPool, NormMaxPool])
def test_low_pass_pools_are_exact_at_every_size(
    pool: type[AvgPool], stride: int, size: int
) -> None:
    layer = pool(PERMUTATION, stride, antialias=0.7)
    assert layer(draw(2, 10, size, size)).shape == (2, 10, size // stride, size // stride)
    assert error(layer, size, size) <= 1e-12
    assert error(OffCentre(layer), size, size) >= 0.05


def test_low_pass_pools_keep_constants_up_to_the_border() -> None:
    ones = torch.ones(1, 10, 9, 9, dtype=torch.float64)
    for layer in (AvgPool(PERMUTATION, antialias=1.5), MaxPool(PERMUTATION, antialias=1.5)):
        assert torch.allclose(layer(ones), torch.ones(1, 10, 4, 4, dtype=torch.float64), atol=1e-14)
    assert torch.allclose(blur(ones, 40.0), ones, atol=1e-13)  # wider than the array


def test_gaussian_is_the_one_that_is_documented() -> None:
    assert len(taps(0.6)) == 5
    assert len(taps(1.0, window=2)) == 2 + 2 * reach(1.0, 2) == 10
    t = torch.arange(-2.0, 3.0).double()
    wanted = torch.exp(-t.square() / 0.72)
    assert torch.allclose(taps(0.6), wanted / wanted.sum())
    x = draw(1, 1, 12)
    y = blur(x, 0.6, stride=2)
    assert torch.allclose(y[0, 0, 2], (x[0, 0, 2:7] * taps(0.6)).sum())
    inside = taps(0.6)[2:]
    assert torch.allclose(y[0, 0, 0], (x[0, 0, :3] * inside).sum() / inside.sum())


@pytest.mark.parametrize("sigma", [0.6, 2.0])  # one filter, and one for each axis
@pytest.mark.parametrize("wrap", [False, True])
def test_blur_is_a_product_over_the_axes(sigma: float, wrap: bool) -> None:
    x = draw(2, 3, 11, 10, 9)
    y = x
    for axis in (2, 3, 4):
        line = y.movedim(axis, -1)
        flat = blur(line.reshape(-1, 1, line.shape[-1]), sigma, 2, [2], wrap)
        y = flat.reshape(*line.shape[:-1], -1).movedim(-1, axis)
    assert torch.allclose(blur(x, sigma, 2, [2, 2, 2], wrap), y, atol=1e-13)


def test_average_on_a_periodic_grid_goes_round_and_keeps_shifts() -> None:
    shifts = geomdl.group("Z6x6")
    field = Field(Grid(2, periodic=True), 2 * shifts.trivial)
    layer = AvgPool(field, stride=1, antialias=0.8)
    assert error(layer, 6, 6) <= 1e-12
    clipped = AvgPool(Field(Grid(2), geomdl.group("C1").trivial), stride=1, antialias=0.8)
    assert (layer(draw(1, 2, 6, 6)) - blur(draw(1, 2, 6, 6), 0.8)).abs().max() >= 0.01
    assert torch.equal(clipped(draw(1, 1, 6, 6)), blur(draw(1, 1, 6, 6), 0.8))
    with pytest.raises(ValueError, match=r"^AvgPool\(.*: x: antialias=9.0 reaches 36 pixels"):
        AvgPool(field, stride=1, antialias=9.0)(draw(1, 2, 6, 6))


def test_low_pass_brings_eighth_turns_closer() -> None:
    field, g = Field(Grid(2), geomdl.group("C8").trivial), torch.tensor([1])
    place = coordinates((33, 33)) - torch.tensor([3.0, 2.0])
    for width in (1.0, 2.0):
        x = torch.exp(-place.square().sum(-1) / (2 * width**2)).expand(1, 1, -1, -1)
        plain, mild, strong = (
            geomdl.audit(MaxPool(field, antialias=sigma), x, elements=g).error
            for sigma in (None, 0.7, 1.4)
        )
        assert strong < 0.6 * mild < 0.6 * plain
        means = [AvgPool(field), AvgPool(field, antialias=1.4)]
        flat, round_ = (geomdl.audit(layer, x, elements=g).error for layer in means)
        assert round_ < 0.6 * flat


def test_low_pass_pools_in_space_and_on_a_line() -> None:
    O = geomdl.group("O")
    assert error(AvgPool(Field(Grid(3), O.standard), antialias=0.6), 5, 5, 5) <= 1e-12
    assert error(NormMaxPool(Field(Grid(3), O.standard), antialias=0.6), 4, 4, 4) <= 1e-12
    S2 = geomdl.group("C2")
    mirror = Field(Grid(1, action=S2.irrep(1)), S2.irrep(1) + S2.regular)
    for layer in (AvgPool(mirror, antialias=0.6), NormMaxPool(mirror), AvgPool(mirror)):
        assert error(layer, 9) <= 1e-12


def test_low_pass_pools_refuse_bad_widths() -> None:
    for sigma in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"^antialias: should be None or a positive number"):
            MaxPool(PERMUTATION, antialias=sigma)
    with pytest.raises(ValueError, match=r"^padding: should be 0 beside antialias=0.5, got 1$"):
        AvgPool(PERMUTATION, kernel_size=3, padding=1, antialias=0.5)
    assert "antialias=0.5" in repr(MaxPool(PERMUTATION, antialias=0.5))


def test_fixed_windows_with_a_low_pass() -> None:
    layer = MaxPool(PERMUTATION, kernel_size=3, padding=1, antialias=0.6)
    assert error(layer, 9, 9) <= 1e-12
    x = draw(1, 10, 9, 9)
    assert torch.equal(AvgPool(PERMUTATION, kernel_size=1, antialias=0.6)(x), blur(x, 0.6, 2))
    with pytest.raises(ValueError, match=r"^AvgPool\(.* of D4\): x: size 8 breaks D4 with"):
        AvgPool(PERMUTATION, kernel_size=1, antialias=0.6)(x[:, :, :8, :8])
    assert torch.allclose(layer(x), blur(nn.functional.max_pool2d(x, 3, 1, 1), 0.6, 2))


def test_low_pass_pools_hold_the_laws() -> None:
    hold_the_laws(lambda: AvgPool(PERMUTATION, antialias=0.7), 2, 10, 6, 6)
    hold_the_laws(lambda: NormMaxPool(VECTORS, antialias=2.0), 2, 12, 6, 6)


@pytest.mark.parametrize("sigma", [1e-200, 1e-6, 0.0129, 0.02])
def test_narrow_gaussians_are_the_pixels_at_the_centre(sigma: float) -> None:
    assert taps(sigma).tolist() == [1.0]
    assert taps(sigma, 2).tolist() == [0.5, 0.5]
    assert taps(sigma, 3).tolist() == [0.0, 1.0, 0.0]
    x = draw(1, 10, 8, 8)
    assert torch.allclose(AvgPool(PERMUTATION, antialias=sigma)(x), F.avg_pool2d(x, 2))


@pytest.mark.parametrize("kind", [AvgPool, MaxPool, NormMaxPool])
def test_window_pools_refuse_bad_arguments(kind: type[AvgPool]) -> None:
    for padding in (0.5, -1, True, "1", None):
        with pytest.raises(ValueError, match=r"^padding: should be from 0 to half of kernel_size"):
            kind(PERMUTATION, 2, 3, padding)  # type: ignore[arg-type]
    for name in ("stride", "kernel_size"):
        for value in (True, 0, 2.0, np.int64(2)):
            with pytest.raises(ValueError, match=rf"^{name}: should be a positive integer, got"):
                kind(PERMUTATION, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^antialias: should be None or a positive .* got True$"):
        kind(PERMUTATION, antialias=True)
    with pytest.raises(ValueError, match=r"^antialias: should be None or a positive .* got '1'$"):
        kind(PERMUTATION, antialias="1")  # type: ignore[arg-type]


def test_trivial_irreps_count_as_permutations() -> None:
    field, x = Field(Grid(2), 2 * D4.irrep((0, 0)) + D4.regular), draw(2, 10, 6, 6)
    assert error(MaxPool(field), 6, 6) <= 1e-12
    pool = GroupPool(field)
    assert error(pool, 6, 6) <= 1e-12
    assert torch.equal(pool(x)[:, :2], x[:, :2])
    with pytest.raises(ValueError, match=r"^source: GroupPool needs permutation representations"):
        GroupPool(Field(Grid(2), D4.irrep((1, 0))))


def test_strides_are_free_along_axes_that_do_not_move() -> None:
    mirror = geomdl.group("D1")
    field = Field(Grid(2), mirror.regular)
    turn = Field(Grid(3, action=C4.standard + C4.trivial), C4.regular)
    for source, kept, broken in (
        (field, (8, 9), (9, 8)),
        (field, (9, 9), (8, 8)),
        (turn, (8, 9, 9), (9, 8, 8)),
    ):
        layer = AvgPool(source, kernel_size=3)
        channels = source.channels
        assert geomdl.audit(layer, draw(2, channels, *kept)).error <= 1e-12
        with pytest.raises(ValueError, match=r"^AvgPool\(regular of .*\): x: size 8 breaks"):
            layer(draw(2, channels, *broken))
        layer._check = replace(layer._check, moved=(False,) * len(kept))
        assert geomdl.audit(layer, draw(2, channels, *broken)).error >= 0.01


# --- adaptive ------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [7, 8, 12, 4])
def test_adaptive_pools_are_exact_at_every_size(size: int) -> None:
    for layer in (AdaptiveAvgPool(VECTORS, 5), AdaptiveMaxPool(PERMUTATION, 5)):
        channels = layer.source.channels
        x = draw(2, channels, size, size)
        assert layer(x).shape == (2, channels, 5, 5)
        assert error(layer, size, size) <= 1e-12
        assert error(OffCentre(layer), size, size) >= 0.05


def test_adaptive_pools_refuse() -> None:
    with pytest.raises(ValueError, match=r"^source: AdaptiveMaxPool needs permutation"):
        AdaptiveMaxPool(VECTORS, 5)
    with pytest.raises(ValueError, match=r"^output_size: should be a positive integer, got 0$"):
        AdaptiveAvgPool(VECTORS, 0)
    shifts = geomdl.group("Z4x4")
    with pytest.raises(ValueError, match=r"^source: Z4x4 shifts pixels"):
        AdaptiveAvgPool(Field(Grid(2, periodic=True), shifts.trivial), 2)
    with pytest.raises(ValueError, match=r"^AdaptiveAvgPool\(.*\): x: D4 turns the grid"):
        AdaptiveAvgPool(VECTORS, 2)(draw(1, 12, 4, 6))


# --- norms ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["SO2", "O3", "C8"])
def test_norm_pool_of_any_group_is_invariant(name: str) -> None:
    G = geomdl.group(name)
    layer = NormPool(Field(Vector(), 2 * G.standard + G.trivial))
    assert layer.target == Field(Vector(), 3 * G.trivial)
    assert fibre_error(layer) <= 1e-12
    x = draw(4, 2 * G.standard_dim + 1)
    assert torch.allclose(layer(x)[:, 0], x[:, : G.standard_dim].norm(dim=1))
    assert torch.equal(layer(x)[:, 2], x[:, -1].abs())


def test_norm_pool_has_a_finite_gradient_at_zero() -> None:
    x = torch.zeros(2, 12, 3, 3, requires_grad=True)
    NormPool(VECTORS)(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_norm_pool_for_each_coset() -> None:
    C4 = D4.subgroup("C4")
    vectors = C4.group.standard.induce(C4)
    layer = NormPool(Field(Grid(2), 2 * vectors + D4.regular), per_coset=True)
    assert layer.target.rep == 2 * D4.quotient(C4) + D4.regular
    assert error(layer, 4, 4) <= 1e-12
    as_trivial = {"source": layer.source, "target": Field(Grid(2), 12 * D4.trivial)}
    broken = geomdl.audit(layer, draw(2, 16, 4, 4), **as_trivial)  # type: ignore[arg-type]
    assert broken.error >= 0.1
    with pytest.raises(ValueError, match=r"^source: parts for each coset need .* got standard"):
        NormPool(VECTORS, per_coset=True)


@pytest.mark.parametrize("size", [6, 7])
def test_norm_max_pool_is_exact_where_the_maximum_is_not(size: int) -> None:
    assert error(NormMaxPool(VECTORS), size, size) <= 1e-12
    fields = {"source": VECTORS, "target": VECTORS}
    x = draw(2, 12, 6, 6)
    assert geomdl.audit(nn.MaxPool2d(2), x, **fields).error >= 0.1  # type: ignore[arg-type]


def test_norm_max_pool_takes_whole_copies() -> None:
    x = draw(3, 12, 6, 6)
    y = NormMaxPool(VECTORS)(x)
    sizes = [2, 2, 8]
    for copy, pooled in zip(x.split(sizes, 1), y.split(sizes, 1), strict=True):
        d = copy.shape[1]
        windows = copy.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)  # (batch, d, 3, 3, 4)
        best = windows.norm(dim=1, keepdim=True).argmax(-1, keepdim=True)
        wanted = windows.gather(-1, best.expand(-1, d, -1, -1, -1))[..., 0]
        assert torch.allclose(pooled, wanted, atol=1e-15)


def test_norm_max_pool_keeps_the_symmetry_of_an_image_with_ties() -> None:
    """All norms equal one: the first pixel of each window would point the image somewhere."""
    angle = torch.atan2(*torch.meshgrid(*[torch.arange(-2.5, 3).double()] * 2, indexing="ij"))
    x = torch.stack([angle.cos(), -angle.sin()]).unsqueeze(0)  # radial arrows
    field = Field(Grid(2), D4.standard)
    g = D4.elements
    for i in range(8):
        element = g[i]
        assert torch.allclose(field.act(element, x), x, atol=1e-12)
        y = NormMaxPool(field)(x)
        assert torch.allclose(field.act(element, y), y, atol=1e-12)
    first = x[:, :, ::2, ::2]
    assert (field.act(g[1], first) - first).abs().max() >= 0.1


def test_large_numbers_keep_their_norms() -> None:
    field = Field(Grid(2), D4.standard)
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).T.reshape(1, 2, 1, 2).expand(1, 2, 2, 2) * 1e20
    assert NormPool(field)(x)[0, 0, 0].tolist() == pytest.approx([1e20, 2e20])
    assert NormMaxPool(field)(x).flatten().tolist() == pytest.approx([0, 2e20])
    assert torch.equal(norms(torch.zeros(2, 3), 1), torch.zeros(2, 1))
    assert norms(torch.tensor([float("nan"), 1.0]), 0).isnan()
    y = draw(5, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: norms(3 * t, 1), y)


def test_norm_max_pool_with_padding_ignores_it() -> None:
    layer = NormMaxPool(VECTORS, kernel_size=3, padding=1)
    assert error(layer, 5, 5) <= 1e-12
    zero = torch.zeros(1, 12, 5, 5)
    assert torch.equal(layer(zero), torch.zeros(1, 12, 3, 3))


DOCUMENTED = [
    (AvgPool, None, 0.021),
    (AvgPool, 0.7, 0.0018),
    (MaxPool, None, 0.15),
    (MaxPool, 0.7, 0.073),
    (MaxPool, 1.4, 0.039),
]


@pytest.mark.parametrize(("kind", "sigma", "documented"), DOCUMENTED)
def test_error_at_45_degrees_is_as_documented(kind, sigma, documented) -> None:
    """Spots given by their formula, which turns exactly; the centre pixel stays where it is."""
    rng = torch.Generator().manual_seed(0)
    centres = 4 * torch.rand(200, 2, generator=rng, dtype=torch.float64) - 2
    half = 0.5**0.5
    turn = torch.tensor([[half, -half], [half, half]], dtype=torch.float64)
    pool = kind(Field(Grid(2), geomdl.group("C8").trivial), antialias=sigma)
    values = []
    for places in (centres, centres @ turn.mT):
        away = coordinates((31, 31)) - places[:, None, None]
        values.append(pool(torch.exp(-away.square().sum(-1) / 2)[:, None])[:, 0, 7, 7])
    error = float((values[1] - values[0]).norm() / values[0].norm())
    assert abs(error - documented) <= 0.05 * documented
