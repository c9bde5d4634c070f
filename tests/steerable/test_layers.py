"""Non-linearities, norms, pools and linear maps: equivariant, right, and refused where wrong."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Nodes, Vector
from geomdl.steerable import (
    AvgPool,
    BatchNorm,
    Conv,
    GlobalPool,
    GroupPool,
    Linear,
    MaxPool,
    Pointwise,
    Sequential,
)
from geomdl.steerable.pointwise import FUNCTIONS

D4 = geomdl.group("D4")
MIXED = D4.regular + 2 * D4.trivial + D4.quotient(D4.subgroup("C2"))
PERMUTATION = Field(Grid(2), MIXED)
STANDARD = Field(Grid(2), D4.standard)


def images(channels: int, *sizes: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(3, channels, *sizes, generator=rng, dtype=torch.float64)


def error(layer: nn.Module, x: Tensor, **options: object) -> float:
    return geomdl.audit(layer, x, randomize=True, **options).error  # type: ignore[arg-type]


class Unchecked(nn.Module):
    """A layer of permutation fields, let loose on the standard representation."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.source = self.target = STANDARD

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.function(x)
        return out


# --- pointwise -----------------------------------------------------------------------------------
@pytest.mark.parametrize("function", FUNCTIONS)
def test_pointwise_functions_commute_with_permutations(function: str) -> None:
    layer = Pointwise(PERMUTATION, function)
    assert error(layer, images(MIXED.dim, 4, 4)) <= 1e-12
    x = torch.tensor([-1.0, 0.5])
    expected = getattr(nn.functional, function, getattr(torch, function, None))(x)
    assert torch.equal(FUNCTIONS[function](x), expected)


def test_pointwise_functions_on_vectors() -> None:
    layer = Pointwise(Field(Vector(), D4.regular))
    assert error(layer, torch.randn(3, 8, generator=torch.Generator())) <= 1e-12


def test_pointwise_refuses_other_representations_with_cause() -> None:
    with pytest.raises(ValueError, match=r"^source: a pointwise relu needs .* got standard of D4$"):
        Pointwise(Field(Grid(2), D4.regular + D4.standard))
    assert error(Unchecked(nn.ReLU()), images(2, 4, 4)) >= 0.1
    with pytest.raises(ValueError, match=r"^function: should be one of relu, .* got 'swish'$"):
        Pointwise(PERMUTATION, "swish")


# --- batch norm ----------------------------------------------------------------------------------
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_commutes_with_the_group(training: bool) -> None:
    layer = BatchNorm(PERMUTATION)
    assert error(layer, images(MIXED.dim, 4, 4), training=training) <= 1e-12


def test_batch_norm_normalises_each_copy_over_batch_space_and_group() -> None:
    layer = BatchNorm(PERMUTATION, affine=False).double()
    x = 3 * images(MIXED.dim, 5, 5) + torch.arange(MIXED.dim).reshape(-1, 1, 1)
    y = layer(x)
    first = 0
    sizes = [rep.dim for rep, n in MIXED.blocks for _ in range(n)]
    for i, dim in enumerate(sizes):
        copy, before = y[:, first : first + dim], x[:, first : first + dim]
        assert abs(copy.mean().item()) <= 1e-12
        assert copy.var(correction=0).item() == pytest.approx(1, abs=1e-5)
        assert layer.running_mean[i].item() == pytest.approx(0.1 * before.mean().item())
        assert layer.running_var[i].item() == pytest.approx(0.9 + 0.1 * before.var().item())
        first += dim
    assert first == MIXED.dim


def test_batch_norm_of_trivial_fields_is_the_plain_one() -> None:
    ours = BatchNorm(Field(Grid(2), 3 * D4.trivial)).double()
    plain = nn.BatchNorm2d(3).double()
    x = images(3, 4, 4)
    assert torch.allclose(ours(x), plain(x), atol=1e-14)
    assert torch.allclose(ours.eval()(x), plain.eval()(x), atol=1e-14)
    assert torch.equal(ours.running_var, plain.running_var)


def test_batch_norm_per_channel_breaks_and_vectors_are_refused() -> None:
    class PerChannel(BatchNorm):
        def forward(self, x: Tensor) -> Tensor:
            scale = torch.linspace(0.5, 1.5, x.shape[1], dtype=x.dtype).reshape(-1, 1, 1)
            return super().forward(x) * scale

    assert error(PerChannel(PERMUTATION), images(MIXED.dim, 4, 4)) >= 0.1
    with pytest.raises(ValueError, match=r"^source: should be a Field on a Grid, got Vector\(\)$"):
        BatchNorm(Field(Vector(), D4.regular))


def test_batch_norm_leaves_its_statistics_alone_on_an_empty_batch() -> None:
    layer = BatchNorm(PERMUTATION)
    assert layer(torch.zeros(0, MIXED.dim, 4, 4)).shape == (0, MIXED.dim, 4, 4)
    assert torch.equal(layer.running_mean, torch.zeros(len(layer.running_mean)))


# --- pools ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [28, 29])
@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("pool", [AvgPool, MaxPool])
def test_pools_by_parity_are_exact_at_every_size(
    pool: type[AvgPool] | type[MaxPool], stride: int, size: int
) -> None:
    layer = pool(PERMUTATION, stride)
    x = images(MIXED.dim, size, size)
    assert layer(x).shape[-1] == size // stride
    assert error(layer, x) <= 1e-12


def test_pools_with_a_fixed_window_are_refused_where_they_would_break() -> None:
    layer = MaxPool(PERMUTATION, kernel_size=3, padding=1)
    assert error(layer, images(MIXED.dim, 9, 9)) <= 1e-12
    with pytest.raises(
        ValueError,
        match=r"^MaxPool\(.+ of D4\): x: size 8 breaks D4 with .* or size 7 or 9$",
    ):
        layer(torch.zeros(1, MIXED.dim, 8, 8))
    plain = nn.MaxPool2d(3, 2, 1)
    fields = {"source": PERMUTATION, "target": PERMUTATION}
    broken = geomdl.audit(plain, images(MIXED.dim, 8, 8), **fields)  # type: ignore[arg-type]
    assert broken.error >= 0.1


def test_average_pools_any_representation_and_maxima_only_permutations() -> None:
    assert error(AvgPool(STANDARD), images(2, 7, 7)) <= 1e-12
    assert error(AvgPool(STANDARD, 1, 3, 1), images(2, 7, 7)) <= 1e-12
    assert error(Unchecked(nn.MaxPool2d(2)), images(2, 6, 6)) >= 0.1
    for layer in (MaxPool, GroupPool, lambda f: GlobalPool(f, "max")):
        with pytest.raises(ValueError, match=r"^source: .* needs .* got standard of D4$"):
            layer(STANDARD)


def test_pools_in_space() -> None:
    G = geomdl.group("Oh")
    field = Field(Grid(3), G.regular)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 48, 5, 5, 5, generator=rng)
    for layer in (AvgPool(field), MaxPool(field), GlobalPool(field), GroupPool(field)):
        assert error(layer, x) <= 1e-12


def test_pools_refuse_bad_sizes() -> None:
    with pytest.raises(ValueError, match=r"^stride: should be a positive integer, got 0$"):
        AvgPool(PERMUTATION, 0)
    with pytest.raises(ValueError, match=r"^padding: should be from 0 to half of kernel_size=2"):
        AvgPool(PERMUTATION, 2, 2, 2)
    with pytest.raises(ValueError, match=r"^padding: .* kernel_size=None, got 1$"):
        AvgPool(PERMUTATION, padding=1)
    with pytest.raises(ValueError, match=r"^AvgPool\(.*\): x: size should be at least stride=2"):
        AvgPool(PERMUTATION)(torch.zeros(1, MIXED.dim, 1, 1))
    with pytest.raises(ValueError, match=r"^AvgPool\(.* of D4\): x: D4 turns the grid"):
        AvgPool(PERMUTATION)(torch.zeros(1, MIXED.dim, 4, 6))
    shifts = geomdl.group("Z4x4 ⋊ D4")
    with pytest.raises(ValueError, match=r"^stride: Z4x4 ⋊ D4 shifts pixels, which a stride of 2"):
        AvgPool(Field(Grid(2, periodic=True), shifts.trivial))


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_global_and_group_pools(mode: str) -> None:
    x = images(MIXED.dim, 5, 5)
    everywhere = GlobalPool(PERMUTATION, mode)  # type: ignore[arg-type]
    over_group = GroupPool(PERMUTATION, mode)  # type: ignore[arg-type]
    assert error(everywhere, x) <= 1e-12
    assert error(over_group, x) <= 1e-12
    assert everywhere.target == Field(Vector(), MIXED)
    assert over_group.target == Field(Grid(2), 4 * D4.trivial)
    reduce = torch.mean if mode == "mean" else torch.amax
    assert torch.allclose(everywhere(x), reduce(x, (2, 3)))
    pooled = over_group(x)
    assert torch.allclose(pooled[:, 0], reduce(x[:, :8], 1))
    assert torch.equal(pooled[:, 1:3], x[:, 8:10])
    assert torch.allclose(pooled[:, 3], reduce(x[:, 10:], 1))


def test_group_pool_of_vectors_and_refusals() -> None:
    layer = GroupPool(Field(Vector(), 2 * D4.regular))
    rng = torch.Generator().manual_seed(0)
    assert error(layer, torch.randn(2, 5, 16, generator=rng)) <= 1e-12
    assert layer.target == Field(Vector(), 2 * D4.trivial)
    with pytest.raises(ValueError, match=r"^mode: should be 'mean' or 'max', got 'sum'$"):
        GroupPool(PERMUTATION, "sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^source: should be a Field on a Grid, got Nodes\(\)$"):
        GroupPool(Field(Nodes(), D4.regular))


def test_a_pool_over_some_of_the_group_is_seen() -> None:
    class Half(GroupPool):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.cat([x[:, :4], x[:, :4]], 1))

    field = Field(Grid(2), D4.regular)
    assert error(Half(field), images(8, 4, 4)) >= 0.1


# --- linear --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["D4", "SO3", "S4"])
def test_linear_maps_of_any_group_are_exact_and_complete(name: str) -> None:
    G = geomdl.group(name)
    r, s = G.trivial + 2 * G.standard, G.standard @ G.standard + G.trivial
    layer = Linear(Field(Vector(), r), Field(Vector(), s))
    rng = torch.Generator().manual_seed(0)
    assert error(layer, torch.randn(4, r.dim, generator=rng)) <= 1e-12
    assert layer.filters.n == len(geomdl.intertwiners(r, s))
    assert layer.bias is not None
    assert layer.bias.n == len(s.fixed())


def test_linear_map_of_invariants_is_the_plain_one() -> None:
    layer = Linear(Field(Vector(), 5 * D4.trivial), Field(Vector(), 3 * D4.trivial))
    plain = nn.Linear(5, 3)
    assert [p.numel() for p in layer.parameters()] == [p.numel() for p in plain.parameters()]
    plain.weight.data, plain.bias.data = layer.filters.expand().squeeze(-1), torch.zeros(3)
    x = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(layer(x), plain(x))


def test_linear_map_refuses_fields_on_different_domains() -> None:
    with pytest.raises(ValueError, match=r"^target: should live on Grid\(2\), got Vector\(\)$"):
        Linear(PERMUTATION, Field(Vector(), D4.trivial))


# --- sequential ----------------------------------------------------------------------------------
def test_sequential_takes_its_types_from_its_ends() -> None:
    conv = Conv(Field(Grid(2), D4.trivial), Field(Grid(2), 2 * D4.regular), 3)
    net = Sequential(conv, BatchNorm(conv.target), Pointwise(conv.target), GroupPool(conv.target))
    assert (net.source, net.target) == (conv.source, Field(Grid(2), 2 * D4.trivial))
    assert error(net, images(1, 6, 6)) <= 1e-12


def test_slices_of_a_sequential_are_checked_and_saved_like_any_other(tmp_path: Path) -> None:
    conv = Conv(Field(Grid(2), D4.trivial), Field(Grid(2), 2 * D4.regular), 3)
    whole = Sequential(conv, Pointwise(conv.target), GroupPool(conv.target))
    part = whole[1:]
    assert isinstance(part, Sequential)
    assert (part.source, part.target) == (conv.target, whole.target)
    geomdl.save(part, tmp_path / "part.safetensors")
    again = geomdl.load(tmp_path / "part.safetensors")
    x = images(16, 5, 5)
    assert torch.equal(again(x), part(x))


def test_sequential_refuses_fields_that_do_not_meet() -> None:
    conv = Conv(Field(Grid(2), D4.trivial), Field(Grid(2), 2 * D4.regular), 3)
    with pytest.raises(ValueError, match=r"^layer 2: source .* should equal the target .* layer 1"):
        Sequential(conv, Pointwise(Field(Grid(2), D4.regular)))
    with pytest.raises(ValueError, match=r"^layers: should be at least one, got none$"):
        Sequential()


def test_printing_names_the_representations() -> None:
    conv = Conv(Field(Grid(2), D4.trivial), Field(Grid(2), 2 * D4.regular), 3)
    text = repr(
        Sequential(conv, BatchNorm(conv.target), Pointwise(conv.target), AvgPool(conv.target))
    )
    for part in ("trivial -> 2·regular", "2 fields", "relu", "kernel_size=by parity"):
        assert part in text
    assert "max" in repr(GroupPool(conv.target))
    assert "mean" in repr(GlobalPool(conv.target))
    vectors = Field(Vector(), D4.trivial)
    assert "trivial -> trivial" in repr(Linear(vectors, vectors))
