"""Batch and layer normalisation: equivariant, right, and true on several processes."""

import copy
import threading
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid, Vector
from geomdl.steerable.layer_norm import LayerNorm
from geomdl.steerable.norm import BatchNorm
from geomdl.training.distributed import World
from geomdl.training.sync_norm import SyncBatchNorm
from tests.steerable.nonlinearities import draw, fibre_error

D4, O, C4 = (geomdl.group(name) for name in ("D4", "O", "C4"))
MIXED = D4.trivial + 2 * D4.regular + 2 * D4.standard + D4.standard @ D4.standard
FIELDS = {
    "D4": Field(Grid(2), MIXED),
    "irreps of C4": Field(Grid(2), 2 * C4.irrep(1) + C4.irrep(2) + 3 * C4.irrep(0)),
    "O": Field(Grid(3), O.trivial + 2 * O.standard + O.standard.sym(2)),
    "C4 in space": Field(
        Grid(3, action=C4.standard + C4.trivial), C4.standard + C4.regular + C4.trivial
    ),
}


def error(layer: nn.Module, **options: object) -> float:
    assert isinstance(layer.source, Field)
    d = layer.source.domain.d  # type: ignore[attr-defined]
    x = draw(2, layer.source.channels, *[3] * d)
    return geomdl.audit(layer, x, randomize=True, **options).error  # type: ignore[arg-type]


class Skewed(nn.Module):
    """Sabotage: channels of one copy are scaled unequally after a norm."""

    def __init__(self, norm: BatchNorm | LayerNorm) -> None:
        super().__init__()
        self.norm, self.source, self.target = norm, norm.source, norm.target

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        scale = torch.linspace(0.5, 1.5, x.shape[1], dtype=x.dtype)
        return y * scale.reshape(-1, *[1] * (x.ndim - 2))


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_of_any_representation_commutes(name: str, training: bool) -> None:
    layer = BatchNorm(FIELDS[name])
    assert error(layer, training=training) <= 1e-12
    assert error(Skewed(layer), training=training) >= 0.05


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("axes", [None, "all", "channels", "space"])
def test_layer_norm_of_any_representation_commutes(name: str, axes: str | None) -> None:
    layer = LayerNorm(FIELDS[name], axes=axes)  # type: ignore[arg-type]
    assert error(layer) <= 1e-12
    assert error(Skewed(layer)) >= 0.01


@pytest.mark.parametrize("name", ["SO2", "O2", "SO3", "O3", "C8", "I"])
def test_norms_commute_in_the_fibre_for_every_compact_group(name: str) -> None:
    G = geomdl.group(name)
    rep = 2 * G.trivial + 2 * G.standard + G.standard @ G.standard
    layer = LayerNorm(Field(Vector(), rep)).double()
    assert fibre_error(layer) <= 1e-12
    d = G.standard_dim
    norm = BatchNorm(Field(Grid(d), rep)).double()
    g = G.sample(1, torch.Generator().manual_seed(1))
    matrix, x = rep(g)[0], draw(5, rep.dim, *[2] * d)
    moved = torch.einsum("ij,bj...->bi...", matrix, x)
    twin = copy.deepcopy(norm)
    assert torch.allclose(norm(moved), torch.einsum("ij,bj...->bi...", matrix, twin(x)), atol=1e-12)
    assert torch.allclose(norm.running_var, twin.running_var, atol=1e-12)


# --- what they compute ---------------------------------------------------------------------------
def test_batch_norm_divides_each_irreducible_copy_by_its_root_mean_square() -> None:
    G = C4
    source = Field(Grid(2), 2 * G.irrep(1) + G.irrep(2) + G.regular)
    layer = BatchNorm(source, affine=False).double()
    x = 3 * draw(4, 9, 5, 5) + 1
    y = layer(x)
    for copy_ in (y[:, 0:2], y[:, 2:4], y[:, 4:5]):
        assert copy_.square().mean().item() == pytest.approx(1, abs=1e-5)
        assert abs(copy_.mean().item()) >= 0.1  # an irrep has no mean to subtract
    assert abs(y[:, 5:].mean().item()) <= 1e-12
    n = 4 * 25 * 2 * 2  # x and -x
    wanted = 0.9 + 0.1 * x[:, 0:2].square().mean().item() * n / (n - 1)
    assert layer.running_var[0].item() == pytest.approx(wanted)
    assert layer.running_mean.shape == (1,)
    assert layer.running_var.shape == (4,)
    factor = (layer.running_var[0] + layer.eps).rsqrt()
    assert torch.allclose(layer.eval()(x)[:, :2], x[:, :2] * factor)


def test_batch_norm_of_a_compound_representation_finds_its_irreps() -> None:
    rep = D4.standard @ D4.standard  # four irreps of dimension one, one of them trivial
    layer = BatchNorm(Field(Grid(2), rep)).double()
    assert (len(layer.running_mean), len(layer.running_var)) == (1, 4)
    assert layer.bias is not None and len(layer.bias) == 1
    y = layer(draw(5, 4, 3, 3) + 2)
    in_irreps = torch.einsum("ij,bi...->bj...", rep.decompose().basis, y)
    assert torch.allclose(in_irreps.square().mean((0, 2, 3)), torch.ones(4).double(), atol=1e-4)
    assert in_irreps[:, 0].mean().abs() <= 1e-12


def test_batch_norm_of_permutations_keeps_its_state_and_values() -> None:
    source = Field(Grid(2), 2 * D4.regular + D4.trivial)
    layer = BatchNorm(source)
    state = {key: tuple(value.shape) for key, value in layer.state_dict().items()}
    assert state == dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (3,))
    x = draw(3, 17, 4, 4).float()
    plain = nn.functional.batch_norm(x[:, :16].reshape(3, 2, -1), None, None, training=True)
    assert torch.equal(layer(x)[:, :16].reshape(3, 2, -1), plain)


def test_batch_norm_without_a_centre_has_no_bias_and_saves() -> None:
    layer = BatchNorm(Field(Grid(2), 2 * D4.standard))
    assert layer.bias is None
    assert layer.running_mean.numel() == 0
    assert sorted(layer.state_dict()) == ["running_mean", "running_var", "weight"]
    assert layer(torch.zeros(0, 4, 3, 3)).shape == (0, 4, 3, 3)
    assert torch.equal(layer.running_var, torch.ones(2))
    zero = torch.zeros(2, 4, 3, 3, requires_grad=True)
    layer(zero).sum().backward()
    assert zero.grad is not None and bool(zero.grad.isfinite().all())


def test_layer_norm_of_trivial_fields_is_the_plain_one() -> None:
    x = draw(3, 5, 4, 4)
    ours = LayerNorm(Field(Grid(2), 5 * D4.trivial), axes="all").double()
    assert torch.allclose(ours(x), nn.functional.layer_norm(x, x.shape[1:]), atol=1e-13)
    vectors, v = LayerNorm(Field(Vector(), 5 * D4.trivial)).double(), x[..., 0, 0]
    assert torch.allclose(vectors(v), nn.functional.layer_norm(v, (5,)), atol=1e-13)
    pixel = LayerNorm(Field(Grid(2), 5 * D4.trivial), axes="channels").double()
    plain = nn.functional.layer_norm(x.movedim(1, -1), (5,)).movedim(-1, 1)
    assert torch.allclose(pixel(x), plain, atol=1e-13)


def test_layer_norm_of_vectors_has_one_variance_for_each_kind_of_irrep() -> None:
    layer = LayerNorm(Field(Vector(), 2 * D4.standard + D4.irrep((1, 1)) + 3 * D4.trivial)).double()
    y = layer(draw(6, 9) * torch.tensor([1, 1, 9, 9, 2, 2, 5, 6, 7]) + 3)
    assert torch.allclose(y[:, :6].square().mean(1), torch.ones(6).double(), atol=1e-4)
    assert torch.allclose(y[:, 6:].mean(1), torch.zeros(6).double(), atol=1e-12)
    assert bool((y[:, 2:4].norm(dim=1) > y[:, :2].norm(dim=1)).any())  # not one for each copy


def test_layer_norm_on_a_grid_has_one_variance_for_each_irreducible_copy() -> None:
    source = Field(Grid(2), 2 * D4.standard + 2 * D4.irrep((1, 0)) + 3 * D4.trivial)
    scale = torch.tensor([1, 1, 9, 9, 2, 4, 5, 6, 7]).reshape(-1, 1, 1)
    x = draw(6, 9, 5, 5) * scale + 3
    y = LayerNorm(source).double()(x)
    assert torch.equal(y, LayerNorm(source, axes="space").double()(x))
    for copy_ in (y[:, :2], y[:, 2:4], y[:, 4:5], y[:, 5:6], y[:, 6:7], y[:, 7:8], y[:, 8:9]):
        assert torch.allclose(copy_.square().mean((1, 2, 3)), torch.ones(6).double(), atol=1e-3)
    assert torch.allclose(y[:, 6:].mean((2, 3)), torch.zeros(6, 3).double(), atol=1e-12)
    assert bool((y[:, :6].mean((2, 3)).abs() >= 0.1).any())  # others are not centred
    together = LayerNorm(source, axes="all").double()(x)
    assert (together[:, :2].square().mean((1, 2, 3)) < 0.5).all()  # one for both
    trivial = LayerNorm(Field(Grid(2), 3 * D4.trivial)).double()
    assert torch.allclose(trivial(x[:, 6:]), nn.functional.instance_norm(x[:, 6:]), atol=1e-13)


# --- several processes ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Threads(World):
    """Two processes played by two threads."""

    board: list[Tensor] = field(default_factory=list)
    meet: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=20))

    def sum(self, x: Tensor) -> Tensor:
        self.board.append(x)
        self.meet.wait()
        total = torch.stack(self.board[-2:]).sum(0)
        self.meet.wait()
        return total


def _on_two_threads(layer: nn.Module, x: Tensor, synchronised: bool) -> tuple[Tensor, list]:
    world, twins, out = Threads(), [copy.deepcopy(layer) for _ in range(2)], [x, x]

    def run(rank: int, share: Tensor) -> None:
        if synchronised:
            with SyncBatchNorm(world, True):
                out[rank] = twins[rank](share).detach()
        else:
            out[rank] = twins[rank](share).detach()

    shares = (x[:3], x[3:])
    threads = [threading.Thread(target=run, args=(i, shares[i])) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return torch.cat(out), [twin.running_var for twin in twins]


def test_batch_norm_takes_its_statistics_over_all_processes() -> None:
    layer = BatchNorm(FIELDS["D4"]).double()
    x = draw(4, MIXED.dim, 4, 4)
    together, variances = _on_two_threads(layer, x, True)
    apart, _ = _on_two_threads(layer, x, False)
    whole = layer(x)
    assert (together - whole).abs().max() <= 1e-12
    assert all((v - layer.running_var).abs().max() <= 1e-12 for v in variances)
    assert (apart - whole).abs().max() >= 0.05


def test_batch_norm_has_the_same_gradients_where_processes_are_summed() -> None:
    layer = BatchNorm(FIELDS["D4"]).double()
    twin, x = copy.deepcopy(layer), draw(3, MIXED.dim, 4, 4)
    one, two = (x.clone().requires_grad_() for _ in range(2))
    layer(one).sin().sum().backward()
    with SyncBatchNorm(World(), True):
        twin(two).sin().sum().backward()
    assert one.grad is not None and two.grad is not None
    assert torch.allclose(one.grad, two.grad, atol=1e-12)
    assert torch.allclose(layer.running_var, twin.running_var, atol=1e-14)


def test_batch_norm_trains_in_one_graph() -> None:
    layer = BatchNorm(Field(Grid(2), D4.trivial + D4.standard)).double()
    twin, x = copy.deepcopy(layer), draw(3, 3, 4, 4)
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x), layer(x), atol=1e-13)
    assert torch.allclose(twin.running_var, layer.running_var, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_norms_under_autocast(kind: type[BatchNorm] | type[LayerNorm], dtype: torch.dtype) -> None:
    layer, x = kind(FIELDS["D4"]), draw(3, MIXED.dim, 4, 4).float()
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x.to(dtype))
    assert y.dtype == dtype
    assert (y.float() - layer(x)).abs().max() <= 0.15


# --- refusals ------------------------------------------------------------------------------------
def test_norms_refuse_what_they_cannot_normalise() -> None:
    boosts = Field(Vector(), geomdl.group("Lorentz").standard)
    with pytest.raises(ValueError, match=r"^source: LayerNorm needs orthogonal .* got standard"):
        LayerNorm(boosts)
    with pytest.raises(ValueError, match=r"^axes: should be one of all, channels, space, got 'x'$"):
        LayerNorm(FIELDS["D4"], axes="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^axes: 'space' needs a field on a grid, got Vec"):
        LayerNorm(Field(Vector(), D4.regular), axes="space")
    with pytest.raises(ValueError, match=r"^source: should be a Field on a Grid, got Vector\(\)$"):
        BatchNorm(Field(Vector(), D4.regular))
