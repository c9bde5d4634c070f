"""Expanded filters are the basis times the weights, and are never those of other weights."""

import copy
import io
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import geomdl
from geomdl import Field, Grid, Rep, Vector
from geomdl.registry import example as registered
from geomdl.registry import list_layers
from geomdl.registry.state import capture, restore
from geomdl.steerable import Conv, Linear, remembered
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.expansion import Expansion
from geomdl.steerable.remembered import Remembered
from geomdl.steerable.taps import tap_space

C4, C8, D4, D8 = (geomdl.group(name) for name in ("C4", "C8", "D4", "D8"))
O2 = geomdl.group("O2")


def half(group: geomdl.Group) -> Rep:
    """Functions on the cosets of the subgroup that the last element generates: a mirror."""
    return group.quotient(group.subgroup(generators=group.elements[-1:]))


CASES: dict[str, tuple[Rep, Rep, str]] = {
    "free": (2 * D4.regular, 3 * D4.regular, "free"),
    "free, orbits of several sizes": (2 * half(D4) + D4.trivial, 2 * half(D4), "free"),
    "free, one copy": (2 * D4.trivial, D4.regular, "free"),
    "smooth": (2 * C8.regular, 3 * C8.regular, "gaussian"),
    "smooth, mirrored": (D4.regular, 2 * D4.regular, "gaussian"),
    "smooth, lifted": (C8.trivial, 2 * C8.regular, "gaussian"),
    "smooth, stabilizers": (2 * half(D8) + D8.regular, 2 * half(D8) + D8.trivial, "gaussian"),
    "dense": (2 * D4.standard + D4.trivial, D4.regular + 2 * D4.standard, "free"),
    "dense, smooth": (O2.bandlimited(2), 2 * O2.standard + O2.trivial, "gaussian"),
}


def made(name: str, kernel_size: int = 3, dtype: torch.dtype = torch.float64) -> Expansion:
    source, target, radial = CASES[name]
    space = tap_space(Field(Grid(2), source), kernel_size, radial)
    return Expansion(space, source, target, 1.0, torch.Generator().manual_seed(1)).to(dtype)


def normal(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def dense(e: Expansion) -> Tensor:
    """The filters from the dense basis of every pair of blocks."""
    rows = []
    for row in e.rows:
        parts = [torch.einsum("oib,bstr->osirt", b.weight, b.basis.dense()) for b in row]
        rows.append(torch.cat([p.reshape(b.shape) for p, b in zip(parts, row, strict=True)], dim=1))
    return torch.cat(rows)


Layer = TypeVar("Layer", Conv, ConvTranspose, Linear)


def conv(group: geomdl.Group = C8, copies: int = 2, kernel_size: int = 3) -> Conv:
    field = Field(Grid(2), copies * group.regular)
    rng = torch.Generator().manual_seed(2)
    return Conv(field, field, kernel_size, padding=kernel_size // 2, rng=rng)


@pytest.fixture(params=[0, 2**16], ids=["own derivative", "torch's derivative"])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_SMALL", request.param)


# --- a linear map and its transpose --------------------------------------------------------------
@pytest.mark.parametrize("name", CASES)
def test_filters_are_the_dense_basis_times_the_weights(name: str) -> None:
    e = made(name)
    assert e.n > 0
    assert (e.expand() - dense(e)).abs().max() <= 1e-12


@pytest.mark.parametrize("at_once", [1, 2, 100])
@pytest.mark.parametrize("name", CASES)
def test_collect_is_the_transpose_of_spread(name: str, at_once: int) -> None:
    e = made(name)
    for block in e.blocks:
        block.at_once = at_once  # type: ignore[assignment]
    weights = [normal(*w.shape, seed=i) for i, w in enumerate(e.weights)]
    filters = normal(*e.full, seed=9)
    collected = e.collect(filters)
    out = torch.full(e.full, torch.nan, dtype=torch.float64)
    e.spread_into(weights, out)
    assert (out - e.spread(weights)).abs().max() <= 1e-14 * out.abs().max()
    assert [c.shape for c in collected] == [w.shape for w in weights]
    one = (e.spread(weights) * filters).sum()
    other = sum((w * c).sum() for w, c in zip(weights, collected, strict=True))
    assert (
        abs(one - other)
        <= 1e-10 * filters.norm() * torch.cat([w.flatten() for w in weights]).norm()
    )
    wrong = sum((w * c.roll(1, -1)).sum() for w, c in zip(weights, collected, strict=True))
    assert abs(one - wrong) >= 1e-3


@pytest.mark.parametrize("name", CASES)
def test_projection_undoes_expansion_and_says_what_is_left(name: str) -> None:
    e = made(name)
    weights, filters = [w.detach().clone() for w in e.weights], e.expand().detach()
    for w in e.weights:
        nn.init.zeros_(w)
    assert e.project(filters) <= 1e-12
    for w, old in zip(e.weights, weights, strict=True):
        assert (w - old).norm() <= 1e-10
    noise = normal(*e.full)
    left = e.project(noise)
    rest = (noise - e.expand().detach()).norm() / noise.norm()
    assert left == pytest.approx(float(rest), abs=1e-9)
    assert left >= 0.1
    with pytest.raises(ValueError, match=r"^filters: expected \(\d+, \d+, 9\), got \(1, 2, 9\)$"):
        e.project(normal(1, 2, 3, 3))


@pytest.mark.parametrize("name", CASES)
def test_double_is_exact(name: str) -> None:
    e = made(name, dtype=torch.float32).double()
    assert (e.expand() - dense(e)).abs().max() <= 1e-12


# --- derivatives ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_both_orders(name: str, small: None) -> None:
    e, memory = made(name), Remembered()

    def through(*weights: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(
            Called(e, memory), dict(zip(names, weights, strict=True)), ()
        )
        return found

    names = [f"expansion.blocks.{i}.weight" for i in range(len(e.blocks))]
    weights = tuple(w.detach().clone().requires_grad_() for w in e.weights)
    assert torch.autograd.gradcheck(through, weights, fast_mode=True)
    assert torch.autograd.gradgradcheck(through, weights, fast_mode=True)


class Called(nn.Module):
    def __init__(self, expansion: Expansion, memory: Remembered) -> None:
        super().__init__()
        self.expansion, self.memory = expansion, memory

    def forward(self) -> Tensor:
        found: Tensor = self.memory(self.expansion)[0]
        return found.square() + found  # a second derivative that is not zero


def gradients(layer: nn.Module) -> list[Tensor]:
    found = [p.grad for p in layer.parameters() if p.grad is not None]
    assert found
    return [g.clone() for g in found]


def expanded_anew(layer: Layer) -> Layer:
    """The same layer, remembering nothing."""
    twin = copy.deepcopy(layer)
    twin._filter = twin.filter  # type: ignore[method-assign]
    return twin


Use = Callable[[nn.Module, Tensor, Tensor], None]


def accumulate(layer: nn.Module, x: Tensor, y: Tensor) -> None:
    layer(x).square().sum().backward()
    layer(y).square().sum().backward()
    layer(x + y).square().sum().backward()


def siamese(layer: nn.Module, x: Tensor, y: Tensor) -> None:
    (layer(x) * layer(y) + layer(layer(x))).sum().backward()


def again(layer: nn.Module, x: Tensor, y: Tensor) -> None:
    loss = (layer(x) * layer(y)).sum()
    loss.backward(retain_graph=True)
    loss.backward()


def penalty(layer: nn.Module, x: Tensor, y: Tensor) -> None:
    x = x.clone().requires_grad_()
    (layer(y).sum() + layer(x).square().sum()).backward(retain_graph=True)
    (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    slope.square().sum().backward()


def checkpointed(layer: nn.Module, x: Tensor, y: Tensor) -> None:
    for reentrant in (False, True):
        x = x.clone().requires_grad_()
        checkpoint(layer, x, use_reentrant=reentrant).square().sum().backward()


@pytest.mark.parametrize("use", [accumulate, siamese, again, penalty, checkpointed])
@pytest.mark.parametrize("group", [C4, C8], ids=["free", "smooth"])
def test_gradients_are_those_without_memory(use: Use, group: geomdl.Group, small: None) -> None:
    layer = conv(group).double()
    twin = expanded_anew(layer)
    x, y = normal(2, 2 * group.order, 5, 5), normal(2, 2 * group.order, 5, 5, seed=1)
    for _ in range(3):  # the optimizer changes the weights between
        for one in (layer, twin):
            one.zero_grad()
            use(one, x, y)
        for found, wanted in zip(gradients(layer), gradients(twin), strict=True):
            assert (found - wanted).abs().max() <= 1e-11 * wanted.abs().max()
        for one in (layer, twin):
            with torch.no_grad():
                for p in one.parameters():
                    p -= 1e-3 * p.grad  # type: ignore[operator]


def several_blocks() -> Conv:
    source, target = Field(Grid(2), O2.bandlimited(2)), Field(Grid(2), O2.standard + 2 * O2.trivial)
    return Conv(source, target, 5, padding=2)


def transposed() -> ConvTranspose:
    field = Field(Grid(2), 2 * C8.regular)
    return ConvTranspose(field, field, 3, stride=2, padding=1, groups=2)


def linear() -> Linear:
    return Linear(Field(Grid(2), C8.regular + C8.trivial), Field(Grid(2), 2 * C8.regular))


@pytest.mark.parametrize("make", [several_blocks, transposed, linear])
def test_other_layers_remember_too(
    make: Callable[[], Conv | ConvTranspose | Linear], small: None
) -> None:
    layer = make().double()
    twin = expanded_anew(layer)
    x = normal(2, layer.source.rep.dim, 5, 5)
    for one in (layer, twin):
        for _ in range(3):
            one(x).square().sum().backward()
    assert layer._remembered._kept is not None
    assert twin._remembered._kept is None
    for found, wanted in zip(gradients(layer), gradients(twin), strict=True):
        assert (found - wanted).norm() <= 1e-11 * wanted.norm()
    with torch.no_grad():
        for p in layer.parameters():
            p.data += 1
        assert torch.equal(layer(x), expanded_anew(layer)(x))


def counted(method: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        calls.append(args)
        return method(*args)

    return call


def test_a_second_forward_pass_expands_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = conv()
    calls: list[Any] = []
    for name in ("spread", "spread_into"):
        method = getattr(Expansion, name)
        monkeypatch.setattr(Expansion, name, counted(method, calls))
    x = normal(1, 16, 5, 5).float()
    for _ in range(5):
        layer(x).sum().backward()
    assert len(calls) == 2 * 2  # once in the graph, once to keep, filter and bias each
    layer.eval()
    for _ in range(5):
        layer(x)
    with torch.no_grad():
        layer(x)
    assert len(calls) == 4
    with torch.no_grad():
        for p in layer.parameters():
            p += 1
    layer(x)
    assert len(calls) == 6


# --- never stale ---------------------------------------------------------------------------------
def write_data(layer: Conv) -> None:
    layer.filters.weights[0].data[0, 0, 0] += 1


def write_bias_data(layer: Conv) -> None:
    assert layer.bias is not None
    layer.bias.weights[0].data += 1


def replace(layer: Conv) -> None:
    weight = layer.filters.weights[0]
    layer.filters.blocks[0].weight = nn.Parameter(weight.detach() + 1)


def exchange(layer: Conv) -> None:
    layer.filters.weights[0].data = layer.filters.weights[0].detach() * 2


def load(layer: Conv) -> None:
    layer.load_state_dict({k: v + 1 for k, v in layer.state_dict().items()})


def through_numpy(layer: Conv) -> None:
    layer.filters.weights[0].detach().numpy()[0, 0, 0] = 7


def spoil_result(layer: Conv) -> None:
    with torch.no_grad():
        layer._filter()[0].zero_()


def change_type(layer: Conv) -> None:
    layer.float()
    layer(torch.zeros(1, 16, 5, 5))
    layer.double()


def draw_anew(layer: Conv) -> None:
    layer.filters.reset(1.0, torch.Generator().manual_seed(5))


@pytest.mark.parametrize(
    "change",
    [
        write_data,
        write_bias_data,
        replace,
        exchange,
        load,
        through_numpy,
        spoil_result,
        change_type,
        draw_anew,
    ],
)
@pytest.mark.parametrize("grad", [True, False])
def test_whatever_writes_to_the_weights_is_seen(change: Callable[[Conv], None], grad: bool) -> None:
    layer, x = conv().double(), normal(1, 16, 5, 5)
    with torch.set_grad_enabled(grad):
        for _ in range(3):
            layer(x)
        change(layer)
        assert torch.equal(layer(x), expanded_anew(layer)(x))
        assert torch.equal(layer(x), expanded_anew(layer)(x))


def test_a_memory_that_only_counts_writes_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        remembered._Kept, "are_of", lambda kept, weights, versions: versions == kept.versions
    )
    layer, x = conv().double(), normal(1, 16, 5, 5)
    with torch.no_grad():
        layer(x)
        write_data(layer)
        assert not torch.equal(layer(x), expanded_anew(layer)(x))


def test_what_filter_gives_is_a_copy() -> None:
    layer, x = conv(), normal(1, 16, 5, 5).float()
    with torch.no_grad():
        y = layer(x)
        weight, bias = layer.filter()
        weight.data.zero_()
        assert bias is not None
        bias.data.fill_(3)
        assert torch.equal(layer(x), y)


# --- beside everything else ----------------------------------------------------------------------
def test_memory_is_not_copied_pickled_or_in_the_state() -> None:
    layer, x = conv(), normal(1, 16, 5, 5).float()
    size = len(torch_bytes(layer))
    with torch.no_grad():
        y = layer(x)
    assert layer._remembered._kept is not None
    assert list(layer.state_dict()) == ["filters.blocks.0.weight", "bias.blocks.0.weight"]
    assert abs(len(torch_bytes(layer)) - size) <= 200
    twin = copy.deepcopy(layer)
    assert twin._remembered._kept is None
    read = torch.load(io.BytesIO(torch_bytes(layer)), weights_only=False)
    with torch.no_grad():
        twin.filters.weights[0].zero_()
        assert torch.equal(layer(x), y)
        assert torch.equal(read(x), y)
        assert not torch.equal(twin(x), y)


def torch_bytes(layer: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.save(layer, file)
    return file.getvalue()


def test_functional_calls_transforms_and_forward_mode() -> None:
    layer, x = conv().double(), normal(2, 16, 5, 5)
    params = {k: p.detach() for k, p in layer.named_parameters()}
    other = {k: p + 1 for k, p in params.items()}
    call = partial(torch.func.functional_call, layer)
    with torch.no_grad():
        twin = copy.deepcopy(layer)
        twin.load_state_dict(other)
        for _ in range(2):
            assert torch.equal(call(params, (x,)), layer(x))
            assert torch.equal(call(other, (x,)), expanded_anew(twin)(x))

    def loss(p: dict[str, Tensor], x: Tensor) -> Tensor:
        return call(p, (x,)).square().sum()  # type: ignore[no-any-return]

    layer(x).square().sum().backward()
    grads = torch.func.grad(loss)(params, x)
    for name, p in layer.named_parameters():
        assert p.grad is not None
        assert (grads[name] - p.grad).abs().max() <= 1e-10 * p.grad.abs().max()
    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(params, x[:, None])
    for name, total in grads.items():
        assert (each[name].sum(0) - total).abs().max() <= 1e-10 * total.abs().max()
    ensemble = {k: torch.stack([params[k], other[k]]) for k in params}
    both = torch.func.vmap(lambda p: call(p, (x,)))(ensemble)
    assert (both[1] - call(other, (x,))).abs().max() <= 1e-12
    _, slope = torch.func.jvp(partial(loss, x=x), (params,), (other,))
    wanted = sum((grads[k] * other[k]).sum() for k in params)
    assert abs(slope - wanted) <= 1e-10 * abs(wanted)


def test_inference_mode_before_and_after_training() -> None:
    layer, x = conv(), normal(1, 16, 5, 5).float()
    with torch.inference_mode():
        y = layer(x)
        assert torch.equal(layer(x), y)
    for _ in range(3):
        loss = layer(x)
        assert torch.equal(loss, y)
        loss.sum().backward()
    with torch.inference_mode():
        born = conv()  # its weights are inference tensors
        assert torch.equal(born(x), y)
    assert torch.equal(born.eval().requires_grad_(False)(x), y)


def test_threads_with_one_layer() -> None:
    layer, x = conv(), normal(1, 16, 5, 5).float()
    wanted = {scale: expanded_anew(scaled(layer, scale))(x).detach() for scale in (1.0, 2.0)}
    wrong: list[float] = []

    def work(scale: float) -> None:
        twin = scaled(layer, scale)
        twin._remembered = layer._remembered
        for i in range(50):
            with torch.set_grad_enabled(i % 2 == 0):
                if not torch.equal(twin(x), wanted[scale]):
                    wrong.append(scale)

    threads = [threading.Thread(target=work, args=(scale,)) for scale in (1.0, 2.0, 1.0, 2.0)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def scaled(layer: Conv, scale: float) -> Conv:
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        for p in twin.parameters():
            p *= scale
    return twin


@pytest.mark.parametrize("group", [C4, C8], ids=["free", "smooth"])
def test_compiled_exported_and_traced(group: geomdl.Group) -> None:
    layer, x = conv(group), normal(1, 2 * group.order, 5, 5).float()
    y = layer(x).detach()
    compiled = torch.compile(copy.deepcopy(layer), backend="aot_eager", fullgraph=True)
    assert (compiled(x) - y).abs().max() <= 1e-6
    compiled(x).square().sum().backward()
    layer(x).square().sum().backward()
    for found, wanted in zip(gradients(compiled), gradients(layer), strict=True):
        assert (found - wanted).abs().max() <= 1e-4 * wanted.abs().max()
    with torch.no_grad():
        for p in compiled.parameters():
            p *= 2
    assert not torch.allclose(compiled(x), y)  # nothing was baked in
    layer(x)
    exported = torch.export.export(layer, (x,))
    assert (exported.module()(x) - y).abs().max() <= 1e-6
    assert set(exported.state_dict) >= set(layer.state_dict())


def test_weights_of_which_some_are_frozen_and_filters_of_which_some_are_unused() -> None:
    layer, x = conv().double(), normal(1, 16, 5, 5)
    twin = expanded_anew(layer)
    for one in (layer, twin):
        one.filters.weights[0].requires_grad_(False)
        for _ in range(3):
            one(x).square().sum().backward()
    assert layer.filters.weights[0].grad is None
    assert layer.bias is not None
    assert twin.bias is not None
    assert torch.allclose(layer.bias.weights[0].grad, twin.bias.weights[0].grad)  # type: ignore[arg-type]
    for _ in range(3):
        weight, _ = layer.requires_grad_()._filter()
    weight.square().sum().backward()
    assert layer.filters.weights[0].grad is not None


# --- mixed precision -----------------------------------------------------------------------------
def test_filters_are_expanded_in_the_precision_of_the_weights() -> None:
    layer, x = conv(), normal(2, 16, 5, 5).float()
    y = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(3):
            mixed, weight = layer(x), layer._filter()[0]
            assert weight.dtype == torch.float32
            assert torch.equal(weight, layer.filter()[0])
            assert mixed.dtype == torch.bfloat16
            mixed.float().square().sum().backward()
    assert torch.equal(weight, conv().filter()[0])
    assert (mixed.float() - y).abs().max() <= 0.03 * y.abs().max()
    low = copy.deepcopy(layer).bfloat16()
    for _ in range(3):
        low(x.bfloat16()).sum().backward()
    assert (low(x.bfloat16()).float() - y).abs().max() <= 0.05 * y.abs().max()


@pytest.mark.parametrize("name", list_layers("steerable/*"))
def test_every_layer_works_under_autocast(name: str) -> None:
    torch.manual_seed(0)
    example = registered(name)
    layer = example.build().float().eval()
    inputs = [x.float().requires_grad_() for x in example.draw()]
    plain = layer(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = layer(*inputs)
        mixed.float().square().sum().backward()
    assert (mixed.float() - plain).abs().max() <= 0.05 * plain.abs().max()


MIXED = [
    ("C8", lambda G: (2 * G.regular + G.irrep(1), 2 * G.trivial), None),
    ("C8", lambda G: (G.irrep(1) + 3 * G.quotient("C2"), G.trivial + G.regular), None),
    ("D4", lambda G: (G.trivial + 2 * G.quotient("C2"), 2 * G.trivial + G.standard), "gaussian"),
    ("D4", lambda G: (2 * G.regular + G.standard, 2 * G.trivial), "free"),
]


@pytest.mark.parametrize(("name", "reps", "radial"), MIXED)
def test_several_blocks_and_several_passes_give_the_gradient_of_the_plain_expansion(
    name, reps, radial
):
    G = geomdl.group(name)
    r, s = reps(G)
    conv = Conv(Field(Grid(2), r), Field(Grid(2), s), 5, radial=radial).double()
    x = torch.randn(2, r.dim, 7, 7, generator=torch.Generator().manual_seed(0)).double()
    weights = list(conv.parameters())
    for _ in range(3):  # micro-batches at one value of the weights
        found = torch.autograd.grad(conv(x).square().sum(), weights)
        weight, bias = conv.filter()
        y = torch.nn.functional.conv2d(x, weight, bias)
        wanted = torch.autograd.grad(y.square().sum(), weights)
        for a, b in zip(found, wanted, strict=True):
            assert (a - b).norm() <= 1e-12 * b.norm()


def test_pruning_by_hooks_is_seen_at_every_pass():
    from torch.nn.utils import prune

    G = geomdl.group("C4")
    conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 2 * G.regular), 3, bias=False)
    block = conv.filters.blocks[0]
    prune.random_unstructured(block, "weight", 0.5)
    x = torch.randn(1, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    before = conv(x).detach()
    with torch.no_grad():
        block.weight_orig.mul_(3)
    for _ in range(2):  # two steps: a stale graph would be used up
        after = conv(x)
        after.square().sum().backward()
    assert torch.allclose(after, 3 * before, rtol=1e-5)
    assert not torch.allclose(after, before, rtol=1e-2)


def test_tables_are_made_anew_where_memory_is():
    G = geomdl.group("D4")
    conv = Conv(Field(Grid(2), G.regular), Field(Grid(2), 2 * G.regular), 3)
    state = {name: value.clone() for name, value in conv.state_dict().items()}
    x = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    wanted = conv(x).detach()
    conv.to("meta").to_empty(device="cpu")
    conv.load_state_dict(state)
    assert torch.equal(conv(x), wanted)
    for target, radial in ((G.standard, "gaussian"), (G.regular, "gaussian"), (G.regular, "free")):
        layer = Conv(Field(Grid(2), G.regular), Field(Grid(2), target), 3, radial=radial)
        double = {name: value.double() for name, value in layer.state_dict().items()}
        layer.load_state_dict(double, assign=True)
        assert layer(x.double()).dtype == torch.float64


# --- weights of other origins --------------------------------------------------------------------
def test_weights_that_change_their_dtype_by_themselves() -> None:
    field = Field(Grid(2), 2 * D4.regular)
    layer = Conv(field, field, 3, radial="free")
    x = normal(1, 16, 5, 5)
    wanted = layer.double()(x)
    layer.float()
    for p in layer.parameters():
        p.data = p.data.double()
    assert layer(x).dtype == torch.float64
    assert (layer(x) - wanted).abs().max() <= 1e-5
    layer.float()
    double = {name: p.double() for name, p in layer.named_parameters()}
    assert torch.func.functional_call(layer, double, (x,)).dtype == torch.float64


@pytest.mark.parametrize("radial", ["free", "gaussian"])
def test_weights_at_the_elements_are_converted_when_they_are_loaded(
    radial: str,
) -> None:
    """Version 1 held free filters by (taps, |G|), functions of rings by (|G|, functions)."""
    field = Field(Grid(2), D4.regular)
    make = partial(Conv, field, field, 3, radial=radial, bias=False)
    old = normal(1, 1, make().filters.n)
    layer = make().double()
    state = layer.state_dict()
    (key,) = state
    state[key] = old.clone()
    for entry in state._metadata.values():
        entry["version"] = 1
    layer.load_state_dict(state)
    first = layer.filter()[0][0].flatten(1)  # (|G|, taps): the filters at the identity
    samples = layer.filters.blocks[0].taps.samples  # type: ignore[union-attr]
    wanted = old.view(9, 8).T if radial == "free" else old.view(8, -1) @ samples.T
    assert (first - wanted).abs().max() <= 1e-12
    assert torch.equal(layer.state_dict()[key], layer.filters.blocks[0].weight)  # type: ignore[union-attr]

    twin = make().double()
    restore(twin, {key: old.clone()}, {**capture(twin)[1], "version": 1})
    assert torch.equal(twin.state_dict()[key], layer.state_dict()[key])
    same = make().double()
    restore(same, {key: layer.state_dict()[key].clone()}, capture(same)[1])
    assert torch.equal(same.state_dict()[key], layer.state_dict()[key])


def test_large_groups_keep_their_weights_at_the_elements() -> None:
    """Finding all irreps of a large group takes long, or fails."""
    group = geomdl.group("Z6x6 ⋊ D4")
    layer = Linear(Field(Vector(), group.regular), Field(Vector(), group.regular))
    assert layer.filters.blocks[0].mixing is None  # type: ignore[union-attr]
