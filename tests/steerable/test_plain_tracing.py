"""Tracing of users' modules never changes them, and refuses what a graph would get wrong."""

import builtins
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geomdl
from geomdl import Field, Grid
from geomdl.steerable.norm_pool import NormPool
from geomdl.steerable.plain import to_plain, tracer

FIELD = Field(Grid(2), geomdl.group("D4").standard)
X = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))


class Own(nn.Module):
    """A user's module, with all kinds of things that a forward may write."""

    n: Tensor

    def __init__(self, rule: Callable[["Own", Tensor], Tensor]) -> None:
        super().__init__()
        self.pool = NormPool(FIELD)
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("n", torch.ones(()))
        self.kept, self.calls, self.seen = torch.ones(()), list[Any](), dict[str, Any]()
        self.rule = rule

    def forward(self, x: Tensor) -> Tensor:
        return self.rule(self, x)


def counts(m: Own, x: Tensor) -> Tensor:
    m.n = m.n + 1
    return m.pool(x) * m.n


def adds(m: Own, x: Tensor) -> Tensor:
    m.n.add_(1)
    return m.pool(x) * m.n


def counts_in_place(m: Own, x: Tensor) -> Tensor:
    m.n += 1
    return m.pool(x) * m.n


def follows_the_mean(m: Own, x: Tensor) -> Tensor:
    m.n.lerp_(x.mean(), 0.1)
    return m.pool(x) * m.n


def writes_a_view(m: Own, x: Tensor) -> Tensor:
    with torch.no_grad():
        m.weight[0].mul_(2)
    return m.pool(x) * m.weight.sum()


def writes_data(m: Own, x: Tensor) -> Tensor:
    m.weight.data += 1
    return m.pool(x) * m.weight.sum()


def writes_out(m: Own, x: Tensor) -> Tensor:
    torch.add(m.n, 1, out=m.n)
    return m.pool(x) * m.n


def rectifies(m: Own, x: Tensor) -> Tensor:
    F.relu(m.n, inplace=True)
    return m.pool(x)


def writes_an_attribute(m: Own, x: Tensor) -> Tensor:
    m.kept.add_(1)
    return m.pool(x) * m.kept


def writes_all_buffers(m: Own, x: Tensor) -> Tensor:
    for buffer in m.buffers():
        buffer.mul_(2)
    return m.pool(x)


def fills_a_constant(m: Own, x: Tensor) -> Tensor:
    found = torch.zeros(2)
    found[0] = x.mean()
    return m.pool(x) * found.sum()


def adds_to_a_constant(m: Own, x: Tensor) -> Tensor:
    found = torch.zeros(())
    found += x.mean()
    return m.pool(x) * found


def sets_an_attribute(m: Own, x: Tensor) -> Tensor:
    m.last = x
    return m.pool(x)


def sets_one_of_a_part(m: Own, x: Tensor) -> Tensor:
    m.pool.last = x
    return m.pool(x)


def remembers(m: Own, x: Tensor) -> Tensor:
    m.calls.append(x)
    return m.pool(x)


def remembers_by_name(m: Own, x: Tensor) -> Tensor:
    m.seen["x"] = x
    return m.pool(x)


def draws(m: Own, x: Tensor) -> Tensor:
    return m.pool(x) + torch.rand(())


def draws_weights(m: Own, x: Tensor) -> Tensor:
    return m.pool(x) * F.dropout(m.weight, 0.5).sum()


def asks_for_the_length(m: Own, x: Tensor) -> Tensor:
    return m.pool(x) * len(x)


def spreads_sizes(m: Own, x: Tensor) -> Tensor:
    return m.pool(x).reshape(*x.shape[:1], -1)


WRITES = "writes into a tensor that the module holds"
DRAWS = "draws random numbers, which would become constants"
REFUSED = {
    counts: "its forward sets n, which a graph cannot",
    counts_in_place: "its forward sets n, which a graph cannot",
    adds: f"add_ {WRITES}",
    follows_the_mean: f"lerp_ {WRITES}",
    writes_a_view: f"mul_ {WRITES}",
    writes_data: "data of a tensor is set, which a graph cannot",
    writes_out: f"add {WRITES}",
    rectifies: f"relu {WRITES}",
    writes_an_attribute: f"add_ {WRITES}",
    writes_all_buffers: f"mul_ {WRITES}",
    fills_a_constant: f"__setitem__ {WRITES}",
    adds_to_a_constant: f"add_ {WRITES}",
    sets_an_attribute: "its forward sets last, which a graph cannot",
    sets_one_of_a_part: "its forward sets pool.last, which a graph cannot",
    remembers: "its forward sets calls, which a graph cannot",
    remembers_by_name: "its forward sets seen, which a graph cannot",
    draws: f"rand {DRAWS}",
    draws_weights: f"bernoulli_ {DRAWS}",
    asks_for_the_length: "the length of a traced tensor is not known; x.shape[0] is its first size",
    spreads_sizes: "a traced tensor or its sizes cannot be iterated; x.shape[0] is known",
}

PURE = (rectifies, fills_a_constant, adds_to_a_constant, draws, draws_weights)
READERS = (*PURE, asks_for_the_length, spreads_sizes)
"""What does not change the module in its own forward."""


def held(module: nn.Module) -> dict[str, Any]:
    """What a module and its parts hold, by value."""
    found: dict[str, Any] = {}
    for path, part in module.named_modules():
        for holder in (vars(part), part._buffers, part._parameters):
            for name, value in holder.items():
                copied = value.clone() if isinstance(value, Tensor) else repr(value)
                found[f"{path}.{name}"] = copied
    return found


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) if isinstance(value, Tensor) else value == second[name]
        for name, value in first.items()
    )


@pytest.mark.parametrize("rule", REFUSED)
def test_what_a_graph_would_get_wrong_is_refused_and_nothing_is_changed(rule: Any) -> None:
    own, state = Own(rule), torch.get_rng_state()
    model = nn.Sequential(own)
    before, tensors = held(model), (own.n, own.weight, own.kept)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (its message is compared)
        to_plain(model)
    assert str(caught.value) == f"model: 0 (Own) cannot be traced by torch.fx: {REFUSED[rule]}"
    assert same(held(model), before)
    assert all(x is y for x, y in zip((own.n, own.weight, own.kept), tensors, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    own(X)  # as before, in which it does change
    assert not same(held(model), before) or rule in READERS


@pytest.mark.parametrize("rule", [counts, sets_an_attribute, remembers, draws])
def test_without_the_guard_a_copy_is_wrong_or_the_model_changed(
    rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracer, "guarded", lambda module: nullcontext())
    own = Own(rule)
    before = held(own)
    plain = to_plain(own)
    changed = not same(held(own), before)
    own.calls, own.n = [], torch.ones(())
    frozen = torch.equal(plain(X), plain(X)) and not torch.equal(own(X), own(X))
    lost = rule is sets_an_attribute and not hasattr(plain, "last")
    assert changed or frozen or lost


def test_what_is_only_read_is_traced() -> None:
    def reads(m: Own, x: Tensor) -> Tensor:
        total = torch.ones(2) + m.kept
        total = total * m.weight + m.n
        batch, channels, rows, columns = x.shape
        y = F.relu(m.pool(x), inplace=True) * total.sum()
        return y.reshape(batch, rows * columns) * channels + len(m.calls)

    own = Own(reads)
    before = held(own)
    plain = to_plain(own)
    assert (plain(X) - own(X)).abs().max() <= 1e-6
    assert same(held(own), before)
    assert plain.weight is not own.weight


def test_draws_that_follow_the_input_are_drawn_anew() -> None:
    plain = to_plain(Own(lambda m, x: m.pool(x) + torch.rand_like(x)))
    with torch.random.fork_rng(devices=[]):
        assert not torch.equal(plain(X), plain(X))


def test_builtins_are_left_alone() -> None:
    found, own_len = [], builtins.len

    def looks(m: Own, x: Tensor) -> Tensor:
        found.append(builtins.len)
        return m.pool(x)

    to_plain(Own(looks))
    assert found == [own_len]
