"""Convolutions are equivariant at every size they accept, and refuse the others."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Points
from geomdl.steerable import Conv

D4 = geomdl.group("D4")


def grid(rep: geomdl.Rep, **options: bool) -> Field:
    return Field(Grid(2, **options), rep)


def images(channels: int, *sizes: int, dtype: torch.dtype = torch.float64) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, *sizes, generator=rng, dtype=torch.float64).to(dtype)


def error(conv: nn.Module, x: Tensor, **options: object) -> float:
    return geomdl.audit(conv, x, randomize=True, **options).error  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kernel_size", "stride", "padding", "dilation", "size"),
    [
        (3, 1, 1, 1, 28),
        (3, 1, 1, 1, 29),
        (4, 2, 1, 1, 28),
        (3, 2, 1, 1, 29),
        (2, 2, 0, 1, 28),
        (3, 3, 0, 2, 29),
        (1, 1, 0, 1, 5),
        (7, 1, 0, 1, 7),
    ],
)
@pytest.mark.parametrize("name", ["C4", "D4"])
def test_quarter_turns_and_flips_are_exact(
    name: str, kernel_size: int, stride: int, padding: int, dilation: int, size: int
) -> None:
    G = geomdl.group(name)
    source, target = grid(2 * G.trivial), grid(2 * G.regular)
    conv = Conv(source, target, kernel_size, stride, padding, dilation)
    assert error(conv, images(2, size, size)) <= 1e-12
    assert error(conv, images(2, size, size), dtype=torch.float32) <= 1e-5


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (D4.standard, D4.regular),
        (D4.regular, D4.standard),
        (D4.standard + D4.trivial, D4.irrep((1, 0)) + 2 * D4.standard),
        (D4.quotient(D4.subgroup("C2")), D4.standard @ D4.standard),
        (D4.standard.sym(2), D4.trivial + D4.regular),
    ],
    ids=str,
)
def test_any_representations(source: geomdl.Rep, target: geomdl.Rep) -> None:
    conv = Conv(grid(source), grid(target), 3, padding=1)
    assert error(conv, images(source.dim, 6, 6)) <= 1e-12


@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
def test_every_padding_mode(mode: str) -> None:
    conv = Conv(grid(D4.trivial), grid(D4.regular), 5, padding=2, padding_mode=mode)  # type: ignore[arg-type]
    assert error(conv, images(1, 7, 7)) <= 1e-12
    weight, bias = conv.filter()
    plain = nn.Conv2d(1, 8, 5, padding=2, padding_mode=mode)
    plain.weight.data, plain.bias.data = weight, bias  # type: ignore[assignment,union-attr]
    x = images(1, 7, 7, dtype=torch.float32)
    assert (plain(x) - conv(x)).abs().max() <= 1e-6


def test_shifts_of_a_periodic_grid_too() -> None:
    G = geomdl.group("Z6x6 ⋊ D4")
    source, target = grid(G.trivial, periodic=True), grid(G.trivial + G.linear, periodic=True)
    conv = Conv(source, target, 3, padding=1)
    assert conv.padding_mode == "circular"
    assert error(conv, images(1, 6, 6)) <= 1e-12
    with pytest.raises(ValueError, match=r"padding: Z6x6 ⋊ D4 shifts pixels, which needs stride=1"):
        Conv(source, target, 3, padding=1, padding_mode="zeros")
    with pytest.raises(
        ValueError, match=r"padding=1, got kernel_size=3, stride=1, .* and padding=0"
    ):
        Conv(source, target, 3)


def test_shifts_alone_leave_every_filter_free() -> None:
    G = geomdl.group("Z4x6")
    field = grid(2 * G.trivial, periodic=True)
    conv = Conv(field, field, 3, padding=1)
    assert conv.filters.n == 2 * 2 * 9
    assert error(conv, images(2, 4, 6)) <= 1e-12


@pytest.mark.parametrize("name", ["O", "Oh"])
def test_volumes(name: str) -> None:
    G = geomdl.group(name)
    source, target = Field(Grid(3), G.trivial + G.standard), Field(Grid(3), G.regular)
    conv = Conv(source, target, 3, padding=1)
    assert error(conv, images(4, 4, 4, 4)) <= 1e-12


def test_a_planar_group_in_space_by_its_action() -> None:
    G = geomdl.group("C4")
    space = Grid(3, action=G.standard + G.trivial)
    conv = Conv(Field(space, G.trivial), Field(space, G.regular), 3, padding=1)
    assert error(conv, images(1, 3, 5, 5)[:, :, :1].expand(-1, -1, 5, -1, -1)) <= 1e-12
    assert error(conv, images(1, 5, 5, 5)) <= 1e-12


def test_mirrors_of_a_line() -> None:
    G = geomdl.group("C2")
    line = Grid(1, action=G.irrep(1))
    conv = Conv(Field(line, G.trivial), Field(line, 2 * G.regular), 3, stride=2, padding=1)
    assert error(conv, images(1, 9)) <= 1e-12
    with pytest.raises(ValueError, match=r"^Conv\(trivial -> 2·regular of C2\): x: size 8 breaks"):
        conv(images(1, 8).float())


def test_oblong_images_where_no_element_turns_them() -> None:
    G = geomdl.group("D1")
    conv = Conv(grid(G.trivial), grid(G.regular), 3, padding=1)
    assert error(conv, images(1, 5, 8)) <= 1e-12
    with pytest.raises(ValueError, match=r"x: D4 turns the grid, so all sizes .* equal, got 5x8"):
        Conv(grid(D4.trivial), grid(D4.regular), 3, padding=1)(images(1, 5, 8).float())


def test_the_trivial_group_gives_the_plain_convolution() -> None:
    G = geomdl.group("C1")
    conv = Conv(grid(2 * G.trivial), grid(3 * G.trivial), 3, stride=2)
    assert conv.filters.n == 2 * 3 * 9
    assert conv(images(2, 8, 8).float()).shape == (2, 3, 3, 3)  # an uncentred stride breaks nothing


# --- sabotage ------------------------------------------------------------------------------------
class Bent(Conv):
    """One tap of one filter is a little off."""

    def filter(self) -> tuple[Tensor, Tensor | None]:
        weight, bias = super().filter()
        bend = torch.zeros_like(weight)
        bend[0, 0, 0, 0] = 1e-3
        return weight + bend, bias


def test_one_bent_tap_is_seen() -> None:
    conv = Bent(grid(D4.trivial), grid(D4.regular), 3, padding=1)
    found = error(conv, images(1, 6, 6))
    assert found >= 1e-6
    assert found == found


def test_an_uncentred_stride_is_seen() -> None:
    """The check removed, what it guards against shows: a break of order one."""
    conv = Conv(grid(D4.trivial), grid(D4.regular), 3, stride=2, padding=1)
    weight, bias = (t.detach() for t in conv.double().filter() if t is not None)

    def unchecked(x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, weight, bias, stride=2, padding=1)

    fields = {"source": conv.source, "target": conv.target}
    assert geomdl.audit(unchecked, images(1, 29, 29), **fields).error <= 1e-12  # type: ignore[arg-type]
    assert geomdl.audit(unchecked, images(1, 28, 28), **fields).error >= 0.1  # type: ignore[arg-type]


# --- initial weights -----------------------------------------------------------------------------
def test_ten_layers_keep_the_mean_square_on_average() -> None:
    """Conv and ReLU, ten times, 128 regular fields, 16 seeds.

    A layer multiplies the mean square by a factor of mean 1 and, since constant features see a
    dense network of 128 units, of variance up to 5/128. So three standard deviations are 0.05 for
    the mean of 160 factors, and 1.6 (as a ratio) for the mean of 16 products of ten.
    """
    field = grid(128 * D4.regular)
    factors, products = [], []
    for seed in range(16):
        rng = torch.Generator().manual_seed(seed)
        x = torch.randn(4, 1024, 3, 3, generator=rng).relu()
        squares = [0.5]
        for _ in range(10):
            x = Conv(field, field, 1, bias=False, rng=rng)(x).detach().relu()
            squares.append(x.square().mean().item())
        factors += [after / before for before, after in pairwise(squares)]
        products.append(squares[-1] / squares[0])
    assert sum(factors) / len(factors) == pytest.approx(1, abs=0.05)
    assert 1 / 1.6 <= sum(products) / len(products) <= 1.6, products


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (6 * D4.trivial, 40 * D4.regular),
        (8 * D4.standard + D4.regular, 30 * D4.regular + 30 * D4.trivial),
        (10 * D4.regular, 100 * D4.standard),
        (D4.trivial + 9 * D4.irrep((1, 0)), 300 * D4.trivial),
    ],
    ids=str,
)
def test_one_layer_has_the_stated_gain(source: geomdl.Rep, target: geomdl.Rep) -> None:
    """Mean square over outputs within 20 % of gain² times that of white inputs."""
    conv = Conv(grid(source), grid(target), 3, bias=False, gain=1.5)
    y = conv(images(source.dim, 32, 32, dtype=torch.float32))
    assert y.square().mean().item() == pytest.approx(1.5**2, rel=0.2)


def test_layers_drawn_from_one_generator_differ() -> None:
    rng = torch.Generator().manual_seed(0)
    first, second = (Conv(grid(D4.trivial), grid(D4.regular), 3, rng=rng) for _ in range(2))
    assert not torch.equal(first.filter()[0], second.filter()[0])


# --- bias ----------------------------------------------------------------------------------------
def test_bias_is_one_number_for_each_fixed_vector() -> None:
    conv = Conv(grid(D4.trivial), grid(2 * D4.regular + D4.standard), 3)
    assert conv.bias is not None
    assert conv.bias.n == 2
    assert Conv(grid(D4.trivial), grid(D4.standard), 3).bias is None
    assert Conv(grid(D4.trivial), grid(D4.regular), 3, bias=False).bias is None


# --- refusals ------------------------------------------------------------------------------------
def test_what_can_be_refused_at_construction_is() -> None:
    source, target = grid(D4.trivial), grid(D4.regular)
    C4, C8 = geomdl.group("C4"), geomdl.group("C8")
    with pytest.raises(ValueError, match=r"^target: should be a field of D4, got one of C4$"):
        Conv(source, grid(C4.regular), 3)
    with pytest.raises(
        ValueError, match=r"^target: should live on Grid\(2\), got Grid\(2, peri.*\)$"
    ):
        Conv(source, grid(D4.regular, periodic=True), 3)
    with pytest.raises(ValueError, match=r"^source: should be a Field on a Grid, got Points"):
        Conv(Field(Points(2), D4.trivial), target, 3)
    with pytest.raises(ValueError, match=r"^source: C8 does not map the pixel grid to itself"):
        Conv(grid(C8.trivial), grid(C8.regular), 3, radial="free")
    with pytest.raises(ValueError, match=r"^kernel_size: should be a positive integer, got 0$"):
        Conv(source, target, 0)
    with pytest.raises(ValueError, match=r"^stride: should be a positive integer, got 1.5$"):
        Conv(source, target, 3, stride=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^padding: should be 0 or more, or 'exact', got -1$"):
        Conv(source, target, 3, padding=-1)
    with pytest.raises(ValueError, match=r"^padding: should be 0 or more, or 'exact', got True$"):
        Conv(source, target, 3, padding=True)
    for gain in (math.nan, math.inf, "2"):
        with pytest.raises(ValueError, match=r"^gain: should be a finite number, got "):
            Conv(source, target, 3, gain=gain)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^padding_mode: should be one of zeros, .* got 'valid'$"):
        Conv(source, target, 3, padding_mode="valid")  # type: ignore[arg-type]


def test_wrong_inputs_are_refused_at_the_call() -> None:
    conv = Conv(grid(2 * D4.trivial), grid(D4.regular), 3)
    with pytest.raises(ValueError, match=r"x: axis 1 should be rep.dim=2, got 3"):
        conv(torch.zeros(1, 3, 8, 8))
    with pytest.raises(TypeError, match=r"^x: expected a Tensor, got list$"):
        conv([1.0])
    name = r"^Conv\(2·trivial -> regular of D4\): x: "
    with pytest.raises(ValueError, match=name + "a window of 3 pixels needs size 3 or more"):
        conv(torch.zeros(1, 2, 2, 2))
    for mode, least in (("reflect", 4), ("circular", 3)):
        wrapped = Conv(conv.source, conv.target, 3, padding=3, padding_mode=mode)
        with pytest.raises(ValueError, match=f"{name}padding_mode='{mode}' .* size {least} or mo"):
            wrapped(torch.zeros(1, 2, least - 1, least - 1))


def test_weights_are_found_by_optimisers_and_keep_their_names_in_evaluation() -> None:
    conv = Conv(grid(D4.trivial), grid(8 * D4.regular), 3)
    names = ["filters.blocks.0.weight", "bias.blocks.0.weight"]
    assert list(conv.state_dict()) == [n for n, _ in conv.named_parameters()] == names
    assert list(conv.eval().state_dict()) == names
    assert conv.filters.rows[0][0].weight.shape == (8, 1, 9)


def test_initial_weights_follow_the_global_seed():
    """As in PyTorch: two layers differ, a seed gives the same again, a generator decides alone."""
    D4 = geomdl.group("D4")
    maps = Field(Grid(2), D4.regular)

    def weights(seed=None, rng=None):
        if seed is not None:
            torch.manual_seed(seed)
        return Conv(maps, maps, 3, rng=rng).filter()[0]

    with torch.random.fork_rng():
        first, second = weights(1), weights()
        assert not torch.equal(first, second)
        assert torch.equal(first, weights(1))
        state = torch.random.get_rng_state()
        given = weights(rng=torch.Generator().manual_seed(3))
        assert torch.equal(state, torch.random.get_rng_state())
        assert torch.equal(given, weights(rng=torch.Generator().manual_seed(3)))


def test_integer_images_are_refused():
    D4 = geomdl.group("D4")
    conv = Conv(Field(Grid(2), D4.trivial), Field(Grid(2), D4.regular), 3)
    with pytest.raises(ValueError, match=r"^x: should be floating point, got torch.uint8$"):
        conv(torch.zeros(1, 1, 5, 5, dtype=torch.uint8))


@pytest.mark.parametrize("name", ["C4", "C8", "D8", "SO2"])
def test_a_layer_without_memory_is_filled_later(name: str) -> None:
    G = geomdl.group(name)
    rep = G.regular if G.order is not None else G.bandlimited(2)
    fields = Field(Grid(2), 2 * G.trivial), Field(Grid(2), rep)
    with torch.device("meta"):
        empty = Conv(*fields, 5, padding=2)
    assert {t.device.type for t in (*empty.parameters(), *empty.buffers())} == {"meta"}
    layer = Conv(*fields, 5, padding=2)  # what was cached meanwhile is of use
    filled = empty.to_empty(device="cpu")
    filled.load_state_dict(layer.state_dict())
    x = torch.randn(1, 2, 9, 9)
    assert torch.equal(filled(x), layer(x))


def test_constants_first_asked_for_on_another_device_are_on_the_cpu() -> None:
    G = geomdl.group("C7")
    with torch.device("meta"):
        assert G.regular.generators.device.type == "cpu"
