"""Plain forms of each kind of layer with all its options, in one, two and three dimensions."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.steerable import (
    AvgPool,
    BatchNorm,
    Conv,
    GlobalPool,
    GroupPool,
    Linear,
    MaxPool,
    Pointwise,
)
from geomdl.steerable.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from geomdl.steerable.basis_change import ChangeOfBasis, Disentangle
from geomdl.steerable.concatenated import ConcatenatedNonlinearity
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.dropout import Dropout
from geomdl.steerable.fourier import FOURIER_FUNCTIONS, FourierPointwise
from geomdl.steerable.gated import GATES, GatedNonlinearity
from geomdl.steerable.layer_norm import AXES, LayerNorm
from geomdl.steerable.mask import Mask
from geomdl.steerable.norm_nonlinearity import NORM_FUNCTIONS, NormNonlinearity
from geomdl.steerable.norm_pool import NormMaxPool, NormPool
from geomdl.steerable.plain import to_plain
from geomdl.steerable.pointwise import FUNCTIONS
from geomdl.steerable.restriction import Restrict
from geomdl.steerable.tensor_nonlinearity import TensorProductNonlinearity
from geomdl.steerable.upsample import Upsample
from geomdl.steerable.vector_field import VectorFieldNonlinearity
from tests.laws.cases import distance
from tests.laws.cases import redraw as redrawn

C2, C4, D4, Oh = (geomdl.group(name) for name in ("C2", "C4", "D4", "Oh"))
LINE = Grid(1, action=C2.irreps()[1])
FIELDS = {
    1: Field(LINE, C2.regular + C2.trivial),
    2: Field(Grid(2), D4.regular + 2 * D4.trivial + D4.quotient(D4.subgroup("C2"))),
    3: Field(Grid(3), Oh.quotient(Oh.subgroup("O")) + Oh.trivial),
}
MIXED = Field(Grid(2), D4.regular + 2 * D4.standard + D4.trivial + D4.standard @ D4.standard)
VECTORS = Field(Vector(), MIXED.rep)
MODES = ("zeros", "circular", "reflect", "replicate")


def images(field: Field, *sizes: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, field.rep.dim, *sizes, generator=rng, dtype=torch.float64)


def ready(layer: nn.Module) -> nn.Module:
    layer = layer.double().eval()
    redrawn(layer, torch.Generator().manual_seed(1))
    return layer


def gap(layer: nn.Module, *inputs: Tensor) -> float:
    plain = to_plain(layer)
    return max(distance(plain(x), layer(x)) for x in inputs)


# --- convolutions -------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("d", FIELDS)
def test_convolutions_keep_every_padding_mode(d: int, mode: str) -> None:
    field = FIELDS[d]
    layer = ready(Conv(field, field, 3, padding=1, padding_mode=mode))
    plain = to_plain(layer)
    assert type(plain) is (nn.Conv1d, nn.Conv2d, nn.Conv3d)[d - 1]
    assert gap(layer, images(field, *[5] * d), images(field, *[4] * d)) <= 1e-12
    assert plain.padding_mode == mode


@pytest.mark.parametrize("mode", MODES[1:])
def test_a_dropped_padding_mode_is_seen(mode: str) -> None:
    layer = ready(Conv(FIELDS[2], FIELDS[2], 3, padding=1, padding_mode=mode))
    plain: Any = to_plain(layer)
    dropped = nn.Conv2d(plain.in_channels, plain.out_channels, 3, padding=1).double()
    dropped.load_state_dict(plain.state_dict())
    x = images(FIELDS[2], 5, 5)
    assert distance(dropped(x), layer(x)) >= 0.1


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"kernel_size": 3, "stride": 2, "padding": 1}, (9, 5)),
        ({"kernel_size": 2, "stride": 2}, (8, 4)),
        ({"kernel_size": 5, "dilation": 2, "padding": 4}, (9, 8)),
        ({"kernel_size": 3, "stride": 2, "dilation": 2, "padding": 3}, (7, 11)),
        ({"kernel_size": 3, "groups": 2, "padding": 1}, (5, 6)),
        ({"kernel_size": 3, "bias": False}, (5, 6)),
        ({"kernel_size": 1}, (5, 6)),
        ({"kernel_size": 4, "padding": "exact"}, (5, 6)),
        ({"kernel_size": 3, "stride": 2, "padding": "exact"}, (5, 7, 9)),
        ({"kernel_size": 4, "stride": 2, "padding": "exact"}, (6, 8, 10)),
        ({"kernel_size": 3, "stride": 3, "padding": "exact"}, (5, 6, 7, 8)),
        ({"kernel_size": 3, "stride": 4, "dilation": 2, "padding": "exact"}, (9, 11, 13)),
    ],
)
@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_convolutions_with_all_options(
    options: dict[str, Any], sizes: tuple[int, ...], mode: str
) -> None:
    field = Field(Grid(2), 2 * D4.regular)
    layer = ready(Conv(field, field, **options, padding_mode=mode))
    assert gap(layer, *(images(field, n, n) for n in sizes)) <= 1e-12


def test_smooth_convolutions() -> None:
    group = geomdl.group("C8")
    field = Field(Grid(2), group.regular + group.standard)
    assert gap(ready(Conv(field, field, 5, padding=2)), images(field, 6, 6)) <= 1e-12


@pytest.mark.parametrize("d", FIELDS)
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_transposed_convolutions(d: int, options: dict[str, Any]) -> None:
    field = FIELDS[d]
    layer = ready(ConvTranspose(field, field, 3, **options))
    assert gap(layer, images(field, *[4] * d)) <= 1e-12


def test_transposed_convolutions_in_groups() -> None:
    field = Field(Grid(2), 2 * D4.regular)
    layer = ready(ConvTranspose(field, field, 4, 2, 1, groups=2))
    assert gap(layer, images(field, 4, 4)) <= 1e-12


# --- pools --------------------------------------------------------------------------------------
WINDOWS: list[dict[str, Any]] = [
    {},
    {"stride": 3},
    {"stride": 2, "kernel_size": 3, "padding": 1},
    {"stride": 1, "kernel_size": 3},
    {"stride": 2, "antialias": 0.66},
    {"stride": 3, "antialias": 0.25},
]


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("kind", [AvgPool, MaxPool, NormMaxPool])
@pytest.mark.parametrize("d", FIELDS)
def test_pools_at_even_and_odd_sizes(
    d: int, kind: Callable[..., nn.Module], options: dict[str, Any]
) -> None:
    field = FIELDS[d]
    layer = ready(kind(field, **options))
    sizes = (5, 7) if options.get("kernel_size") else (6, 7, 8)
    assert gap(layer, *(images(field, *[n] * d) for n in sizes)) <= 1e-12


def test_pools_take_the_parity_of_each_axis() -> None:
    field = Field(Grid(2), C2.regular)
    for kind in (AvgPool, MaxPool):
        assert gap(ready(kind(field)), images(field, 7, 8)) <= 1e-12
        assert gap(ready(kind(field, antialias=0.7)), images(field, 7, 8)) <= 1e-12


def test_a_window_fixed_at_one_size_is_seen_at_another() -> None:
    layer = ready(MaxPool(FIELDS[2]))
    fixed = nn.MaxPool2d(2)
    assert distance(fixed(images(FIELDS[2], 6, 6)), layer(images(FIELDS[2], 6, 6))) <= 1e-12
    assert distance(fixed(images(FIELDS[2], 7, 7)), layer(images(FIELDS[2], 7, 7))) >= 0.1


def test_gaussian_pools_on_arrays_that_close_up() -> None:
    field = Field(Grid(2, periodic=True), D4.regular)
    assert gap(ready(AvgPool(field, antialias=0.7)), images(field, 8, 8)) <= 1e-12


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("kind", [AvgPool, MaxPool, NormMaxPool])
def test_windows_go_round_the_ends_of_arrays_that_close_up(
    kind: Callable[..., nn.Module], options: dict[str, Any]
) -> None:
    field = Field(Grid(2, periodic=True), MIXED.rep if kind is NormMaxPool else FIELDS[2].rep)
    layer, x = ready(kind(field, **options)), images(field, 7, 7)
    assert gap(layer, x) <= 1e-12
    if options.get("padding") or options.get("antialias", 0) > 0.5:
        cut = ready(kind(Field(Grid(2), field.rep), **options))  # its windows end there
        assert distance(to_plain(cut)(x), layer(x)) >= 1e-2


def test_a_gaussian_much_narrower_than_a_pixel() -> None:
    for kind in (AvgPool, MaxPool, NormMaxPool):
        layer = ready(kind(FIELDS[2], antialias=0.01))
        assert gap(layer, images(FIELDS[2], 6, 6), images(FIELDS[2], 7, 7)) <= 1e-12


def test_exact_padding_follows_the_axes_that_the_group_moves() -> None:
    action = C2.irreps()[1] + C2.trivial  # mirrors x alone
    field = Field(Grid(2, action=action), C2.regular)
    layer = ready(Conv(field, field, 3, stride=2, padding="exact"))
    assert gap(layer, images(field, 6, 7), images(field, 7, 7)) <= 1e-12
    layer = ready(Conv(field, field, 3, stride=3, padding="exact"))
    assert gap(layer, *(images(field, *n) for n in ((6, 7), (7, 6), (8, 8)))) <= 1e-12
    both = Field(Grid(2, action=2 * C2.irreps()[1]), field.rep)
    other = ready(Conv(both, both, 3, stride=3, padding="exact"))
    assert to_plain(other)(images(both, 6, 7)).shape != to_plain(layer)(images(field, 6, 7)).shape


@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("d", FIELDS)
def test_adaptive_pools(d: int, size: int) -> None:
    field = FIELDS[d]
    for kind in (AdaptiveAvgPool, AdaptiveMaxPool):
        layer = ready(kind(field, size))
        assert gap(layer, *(images(field, *[n] * d) for n in (3, 4, 7))) <= 1e-12


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_global_and_group_pools(mode: Any) -> None:
    for d, field in FIELDS.items():
        assert gap(ready(GlobalPool(field, mode)), images(field, *[5] * d)) <= 1e-12
        assert gap(ready(GroupPool(field, mode)), images(field, *[5] * d)) <= 1e-12
    field = Field(Vector(), 2 * D4.regular)
    x = images(field)
    assert gap(ready(GroupPool(field, mode)), x, x[:, None], x[0]) <= 1e-12


def test_norm_pools() -> None:
    assert gap(ready(NormPool(MIXED)), images(MIXED, 5, 5)) <= 1e-12
    assert gap(ready(NormPool(VECTORS)), images(VECTORS)) <= 1e-12
    assert gap(ready(NormPool(FIELDS[2], per_coset=True)), images(FIELDS[2], 5, 5)) <= 1e-12
    assert gap(ready(NormMaxPool(MIXED)), images(MIXED, 6, 6), images(MIXED, 7, 7)) <= 1e-12


# --- norms --------------------------------------------------------------------------------------
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("field", [*FIELDS.values(), MIXED])
def test_batch_norms(field: Field, affine: bool) -> None:
    layer = ready(BatchNorm(field, affine=affine))
    d = field.domain.d  # type: ignore[attr-defined]
    assert gap(layer, images(field, *[4] * d)) <= 1e-12


def test_batch_norm_with_the_statistics_of_other_channels_is_seen() -> None:
    layer, x = ready(BatchNorm(FIELDS[2])), images(FIELDS[2], 4, 4)
    plain: Any = to_plain(layer)
    plain.running_mean.copy_(plain.running_mean.roll(1))
    assert distance(plain(x), layer(x)) >= 0.1


@pytest.mark.parametrize("axes", [*AXES, None])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norms(axes: Any, affine: bool) -> None:
    for field in (FIELDS[2], MIXED):
        layer = ready(LayerNorm(field, affine=affine, axes=axes))
        assert gap(layer, images(field, 5, 5)) <= 1e-12
    if axes == "space":
        return
    x = images(VECTORS)
    assert gap(ready(LayerNorm(VECTORS, affine=affine, axes=axes)), x, x[:, None], x[0]) <= 1e-12


# --- non-linearities ----------------------------------------------------------------------------
@pytest.mark.parametrize("function", FUNCTIONS)
def test_pointwise_functions(function: str) -> None:
    layer = ready(Pointwise(FIELDS[2], function))
    assert type(to_plain(layer)).__module__.startswith("torch.nn")
    assert gap(layer, images(FIELDS[2], 4, 4)) <= 1e-12


@pytest.mark.parametrize("function", NORM_FUNCTIONS)
@pytest.mark.parametrize("field", [MIXED, VECTORS])
def test_norm_nonlinearities(field: Field, function: str) -> None:
    sizes = (4, 4) if field is MIXED else ()
    x = images(field, *sizes)
    x[0] = 0
    for bias in (None, False):
        assert gap(ready(NormNonlinearity(field, function, bias)), x) <= 1e-12


@pytest.mark.parametrize("gates", GATES)
def test_gated_nonlinearities(gates: str) -> None:
    rep = D4.regular + 2 * D4.trivial + D4.quotient(D4.subgroup("C2"))
    for scalars in ("relu", None):
        for domain, sizes in ((Grid(2), (4, 4)), (Vector(), ())):
            layer = ready(GatedNonlinearity(Field(domain, rep), "sigmoid", scalars, gates))
            assert gap(layer, images(layer.source, *sizes)) <= 1e-12  # type: ignore[arg-type]


@pytest.mark.parametrize("function", FOURIER_FUNCTIONS)
def test_fourier_nonlinearities(function: str) -> None:
    rep = 2 * geomdl.group("SO2").bandlimited(2)
    grid, vectors = Field(Grid(2), rep), Field(Vector(), rep)
    assert gap(ready(FourierPointwise(grid, function)), images(grid, 4, 4)) <= 1e-12
    assert gap(ready(FourierPointwise(vectors, function)), images(vectors)) <= 1e-12


@pytest.mark.parametrize(("domain", "sizes"), [(Grid(2), (4, 4)), (Vector(), ())])
def test_other_nonlinearities(domain: Any, sizes: tuple[int, ...]) -> None:
    signs, vectors = D4.standard + D4.irrep((1, 0)) + D4.trivial, 2 * (D4.standard + D4.trivial)
    source, regular = Field(domain, vectors), Field(domain, 2 * D4.regular)
    x = images(regular, *sizes)
    x[0] = 0  # many largest values
    assert gap(ready(VectorFieldNonlinearity(regular)), x) <= 1e-12
    layer = ready(ConcatenatedNonlinearity(Field(domain, signs), "elu"))
    assert gap(layer, images(Field(domain, signs), *sizes)) <= 1e-12
    layer = ready(TensorProductNonlinearity(source, Field(domain, 2 * D4.standard)))
    assert gap(layer, images(source, *sizes)) <= 1e-12


@pytest.mark.parametrize("field", [MIXED, VECTORS])
@pytest.mark.parametrize("per_pixel", [False, True])
def test_dropout_drops_whole_copies_in_training_alone(field: Field, per_pixel: bool) -> None:
    sizes = (4, 4) if field is MIXED else ()
    layer = ready(Dropout(field, 0.5, per_pixel=per_pixel))
    x = images(field, *sizes)
    assert gap(layer, x) == 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        y = to_plain(layer.train())(torch.ones_like(x))
    assert set(y.unique().tolist()) == {0.0, 2.0}
    first = 0
    for rep, n in field.rep.blocks:
        copies = y[:, first : first + n * rep.dim].unflatten(1, (n, rep.dim))
        assert torch.equal(copies, copies[:, :, :1].expand_as(copies))
        first += n * rep.dim
    if field is MIXED:
        assert torch.equal(y, y[..., :1, :1].expand_as(y)) is not per_pixel


# --- the rest -----------------------------------------------------------------------------------
def test_linear_maps() -> None:
    target = Field(Vector(), D4.standard + D4.trivial)
    for bias in (True, False):
        layer = ready(Linear(VECTORS, target, bias))
        assert type(to_plain(layer)) is nn.Linear
        assert gap(layer, images(VECTORS), images(VECTORS)[:, None]) <= 1e-12


def test_linear_maps_at_every_pixel() -> None:
    for d, field in FIELDS.items():
        layer = ready(Linear(field, field))
        assert type(to_plain(layer)) is (nn.Conv1d, nn.Conv2d, nn.Conv3d)[d - 1]
        assert gap(layer, images(field, *[3] * d)) <= 1e-12
    irreps = Field(Grid(2), 40 * D4.standard + 40 * D4.trivial)  # by blocks
    assert gap(ready(Linear(irreps, irreps)), images(irreps, 3, 3)) <= 1e-12


def test_more_than_three_axes() -> None:
    C1 = geomdl.group("C1")
    field = Field(Grid(4, action=4 * C1.trivial), 3 * C1.trivial)
    x = images(field, 2, 3, 2, 2)
    for layer in (Linear(field, field), Linear(field, field, False), GlobalPool(field)):
        assert gap(ready(layer), x) <= 1e-12
    assert gap(ready(Upsample(field, 2, "nearest")), x) <= 1e-12
    with pytest.raises(ValueError, match=r"^model: no plain form of 0 \(BatchNorm\) on so many"):
        to_plain(nn.Sequential(BatchNorm(field)))


def test_changes_of_basis() -> None:
    for field, sizes in ((MIXED, (4, 4)), (VECTORS, ()), (FIELDS[3], (3, 3, 3))):
        layer = Disentangle(field)
        assert gap(ready(layer), images(field, *sizes)) <= 1e-12
        assert gap(ready(layer.inverse()), images(field, *sizes)) <= 1e-12
    matrix = ChangeOfBasis(MIXED).matrix().double()
    layer = ChangeOfBasis(MIXED, ChangeOfBasis(MIXED).target, Disentangle(MIXED).double().matrix())
    assert gap(ready(layer), images(MIXED, 4, 4)) <= 1e-12
    assert matrix.shape == (len(matrix), len(matrix))


@pytest.mark.parametrize("mode", ["linear", "nearest", "fourier"])
@pytest.mark.parametrize("d", FIELDS)
def test_upsampling(d: int, mode: Any) -> None:
    field = FIELDS[d]
    for scale in (2, 3):
        layer = ready(Upsample(field, scale, mode))
        assert gap(layer, images(field, *[3] * d), images(field, *[4] * d)) <= 1e-12


def test_upsampling_of_arrays_that_close_up() -> None:
    field = Field(Grid(2, periodic=True), D4.regular)
    assert gap(ready(Upsample(field)), images(field, 4, 4), images(field, 5, 5)) <= 1e-12


def test_masks_and_restrictions() -> None:
    assert gap(ready(Mask(MIXED, 7)), images(MIXED, 7, 7)) <= 1e-12
    layer = ready(Restrict(MIXED, "C4"))
    assert isinstance(to_plain(layer), nn.Identity)
    assert gap(layer, images(MIXED, 4, 4)) == 0
