"""Four ways to make the filters of several equal layers from their weights, with derivatives."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.threads import share_rows
from geomdl.steerable import Conv
from geomdl.steerable.blocks import Block

EACH, TOGETHER, PRODUCT, LOOP = "each", "together", "product", "loop"
Way = tuple[list[Tensor], Callable[[], Sequence[Tensor]]]
"""Weights, and what makes the filters of all layers of them."""


def ways(group: str, channels: int, kernel_size: int, depth: int) -> dict[str, Way]:
    """The ways, each with weights of its own, which are equal.

    Args:
        group: name, of a finite group under which filters are smooth.
        channels: of every layer, a multiple of the group's order.
        kernel_size: of every layer.
        depth: number of layers.
    """
    G = groups.group(group)
    assert G.order is not None
    copies, rng = channels // G.order, torch.Generator().manual_seed(0)

    def conv(parts: int) -> Conv:
        source, target = (Field(Grid(2), n * copies * G.regular) for n in (1, parts))
        return Conv(source, target, kernel_size, bias=False, radial="gaussian", rng=rng)

    convs, wide = [conv(1) for _ in range(depth)], conv(depth)
    block, whole = block_of(convs[0]), block_of(wide)
    weights = [block_of(c).weight for c in convs]
    stacked = [torch.cat(list(weights)).detach().requires_grad_() for _ in range(2)]
    whole.weight = torch.nn.Parameter(stacked[0].detach())
    apart = [w.detach().clone().requires_grad_() for w in weights]
    return {
        EACH: (list(weights), lambda: [c._filter()[0] for c in convs]),
        TOGETHER: ([whole.weight], lambda: wide._filter()[0].chunk(depth)),
        PRODUCT: (stacked[1:], lambda: product(block, stacked[1]).chunk(depth)),
        LOOP: (apart, lambda: [loop(block, w) for w in apart]),
    }


def block_of(conv: Conv) -> Block:
    """The one block of a convolution between copies of one representation."""
    (block,) = conv.filters.rows[0]
    return block


@functools.lru_cache(maxsize=4)
def _dense(block: Block, dtype: torch.dtype) -> Tensor:
    return block.basis.dense().transpose(2, 3).flatten(1).to(dtype)


def product(block: Block, weight: Tensor) -> Tensor:
    """Filters of weights (any number of copies, m_r, n): one product with the dense basis."""
    _, s, m_r, r, taps = block.split
    entries = weight.reshape(-1, block.n) @ _dense(block, weight.dtype)
    side = round(taps**0.5)
    return entries.view(-1, m_r, s, r, taps).transpose(1, 2).reshape(-1, m_r * r, side, side)


@functools.lru_cache(maxsize=4)
def _tables(block: Block, dtype: torch.dtype) -> tuple[Any, ...]:
    """What the loops read: mixing, functions moved by each element, and which of them go where."""
    orbital, mixing = block.basis.orbital, block.basis.mixing
    assert orbital is not None
    assert orbital.stems is None
    assert mixing is not None
    moved = orbital.carriers.transpose(1, 2).contiguous()
    floats = (mixing.to(dtype).numpy(), moved.to(dtype).numpy())
    return *floats, orbital.orbit.numpy(), orbital.carrier.numpy()


def expand(start, stop, weight, mixing, moved, orbit, carrier, filters):  # type: ignore[no-untyped-def]
    """Filters (m_s, s, m_r, r, taps) of weights (m_s, m_r, T.dim, |G|), start ≤ copy < stop."""
    dim, order = weight.shape[2:]
    function = np.empty((order, dim), weight.dtype)
    for i in range(start, stop):
        for j in range(weight.shape[1]):
            function[:] = 0
            for u in range(dim):
                for p in range(order):
                    for o in range(order):
                        function[o, u] += weight[i, j, u, p] * mixing[p, o]
            for y in range(orbit.shape[0]):
                for x in range(orbit.shape[1]):
                    entry, mine = filters[i, y, j, x], function[orbit[y, x]]
                    table = moved[carrier[y, x]]
                    entry[:] = 0
                    for u in range(dim):
                        for t in range(len(entry)):
                            entry[t] += mine[u] * table[u, t]


def collect(start, stop, filters, mixing, moved, orbit, carrier, weight):  # type: ignore[no-untyped-def]
    """Transpose of `expand`."""
    dim, order = weight.shape[2:]
    function = np.empty((order, dim), weight.dtype)
    for i in range(start, stop):
        for j in range(weight.shape[1]):
            function[:] = 0
            for y in range(orbit.shape[0]):
                for x in range(orbit.shape[1]):
                    entry, mine = filters[i, y, j, x], function[orbit[y, x]]
                    table = moved[carrier[y, x]]
                    for u in range(dim):
                        total = mine[u]
                        for t in range(len(entry)):
                            total += entry[t] * table[u, t]
                        mine[u] = total
            for u in range(dim):
                for p in range(order):
                    total = weight.dtype.type(0)
                    for o in range(order):
                        total += function[o, u] * mixing[p, o]
                    weight[i, j, u, p] = total


_compiled = functools.cache(Compiled)


def _run(body: Callable[..., None], block: Block, given: Tensor, found: Tensor) -> Tensor:
    arguments = (given.contiguous().numpy(), *_tables(block, given.dtype), found.numpy())
    work = found.numel() * given.shape[0]
    share_rows(_compiled(body), range(len(found) + 1), work, *arguments)
    return found


class _Loop(torch.autograd.Function):
    """`expand`, and `collect` as its derivative."""

    @staticmethod
    def forward(ctx: Any, block: Block, weight: Tensor) -> Tensor:
        ctx.block, (_, s, m_r, r, taps) = block, block.split
        split = weight.detach().view(len(weight), m_r, -1, s)
        filters = _run(expand, block, split, weight.new_empty(len(weight), s, m_r, r, taps))
        side = round(taps**0.5)
        return filters.view(-1, m_r * r, side, side)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        _, s, m_r, r, taps = ctx.block.split
        split = gradient.reshape(-1, s, m_r, r, taps)
        found = gradient.new_empty(len(split), m_r, ctx.block.n // s, s)
        return None, _run(collect, ctx.block, split, found).flatten(2)


def loop(block: Block, weight: Tensor) -> Tensor:
    """Filters of the weights of one layer: one compiled loop, with nothing in between."""
    found: Tensor = _Loop.apply(block, weight)  # type: ignore[no-untyped-call]
    return found
