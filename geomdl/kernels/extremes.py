"""Greatest and least over neighbours."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.incidence import by_reference, check_shape, example_rows, keep_all, pulled
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import (
    check_features,
    check_rows,
    integers,
    matrix,
    owners,
    run,
    run_channels,
    wide,
)


def neighbor_extreme(x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> Tensor:
    """Greatest (or least) over the neighbours of each node, in each channel.

    y[i] = max x[index[k]], k = ptr[i], …, ptr[i + 1] - 1

    Exact; 0 where there is no neighbour; NaN where one has it. The gradient goes to the first
    neighbour that has the value. Derivatives of every order (the second is 0); nothing of edges ×
    channels is stored in the first. Does not depend on the number of threads, bitwise.

    Args:
        x: features, shape (sources, ...), any strides.
        ptr: bounds of the rows, int32 or int64, shape (targets + 1,): `graph.in_ptr`.
        index: neighbours, row by row, shape (edges,): `graph.in_neighbors`.
        greatest: or least.

    Returns:
        shape (targets, ...), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> x, ptr, index = torch.tensor([1.0, 4.0]), torch.tensor([0, 2, 2]), torch.tensor([0, 1])
        >>> neighbor_extreme(x, ptr, index, True).tolist()
        [4.0, 0.0]
    """
    return VALUE(x, ptr, index, greatest)


def firsts(m: Tensor, target: Tensor, rows: int, greatest: bool) -> Tensor:
    """Position of the first greatest of each row in m (entries, channels), len(m) for none."""
    with torch.no_grad():
        at = target.long().unsqueeze(1).expand_as(m)
        fill, how = (-math.inf, "amax") if greatest else (math.inf, "amin")
        best = m.new_full((rows, m.shape[1]), fill).scatter_reduce(0, at, m.detach(), how)
        hit = (m == best.index_select(0, target)) | m.isnan()
        count = m.shape[0]
        place = torch.arange(count, device=m.device).unsqueeze(1)
        found = torch.where(hit, place, count)
        none = torch.full((rows, m.shape[1]), count, device=m.device)
        return none.scatter_reduce(0, at, found, "amin")


def at_firsts(m: Tensor, target: Tensor, rows: int, greatest: bool) -> Tensor:
    """Greatest of each row of m (entries, channels), 0 for none."""
    longer = torch.cat([m, m.new_zeros(1, m.shape[1])])
    return longer.gather(0, firsts(m, target, rows, greatest))


def _reference(x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> Tensor:
    flat = x.reshape(x.shape[0], math.prod(x.shape[1:]))
    found = at_firsts(
        flat.index_select(0, index), owners(ptr, index.shape[0]), ptr.shape[0] - 1, greatest
    )
    return found.reshape(ptr.shape[0] - 1, *x.shape[1:])


def _gradient_reference(g: Tensor, x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> Tensor:
    dtype = wide(x.dtype)
    found: Tensor = pulled(_reference, [x.to(dtype), ptr, index, greatest], [g.to(dtype)])[0]
    return found.to(x.dtype)


@Compiled
def extreme_rows(start, stop, ptr, index, x, sign, y):  # type: ignore[no-untyped-def]
    """y[i] = sign max sign x[index[k]] for start ≤ i < stop."""
    sources, channels = x.shape
    rows = y.shape[0]
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > index.shape[0]:
            return i
        if first == last:
            for c in range(channels):
                y[i, c] = 0
        for k in range(first, last):
            j = index[k]
            if j < 0 or j >= sources:
                return rows + k
            if k == first:
                for c in range(channels):
                    y[i, c] = x[j, c]
            else:
                for c in range(channels):
                    v, best = x[j, c], y[i, c]
                    better = (sign * v > sign * best) | ((v != v) & (best == best))
                    y[i, c] = v if better else best
    return -1


@Compiled
def extreme_slopes(start, stop, ptr, index, g, x, sign, gx):  # type: ignore[no-untyped-def]
    """Gradient g[i, c] to the first x[index[k], c] that is the greatest; see `run_channels`."""
    sources, channels = x.shape
    rows = g.shape[0]
    low, high = np.uint64(8 * start), np.uint64(min(8 * stop, channels))  # signed ones may wrap
    best = np.empty(channels, x.dtype)
    place = np.empty(channels, index.dtype)
    for j in range(sources):
        for c in range(low, high):
            gx[j, c] = 0
    for i in range(rows):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > index.shape[0]:
            return i
        for k in range(first, last):
            j = index[k]
            if j < 0 or j >= sources:
                return rows + k
            if k == first:
                for c in range(low, high):
                    best[c] = x[j, c]
                    place[c] = j
            else:
                for c in range(low, high):
                    v, b = x[j, c], best[c]
                    better = (sign * v > sign * b) | ((v != v) & (b == b))
                    best[c] = v if better else b
                    place[c] = j if better else place[c]
        if last > first:
            for c in range(low, high):
                gx[place[c], c] += g[i, c]
    return -1


def _cpu(x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> Tensor:
    flat = matrix(x)
    y = flat.new_empty(ptr.shape[0] - 1, flat.shape[1])
    bounds, neighbors, values = integers(ptr), integers(index), flat.numpy()
    sign = values.dtype.type(1 if greatest else -1)
    run(extreme_rows, bounds, len(neighbors), y.shape[1], neighbors, values, sign, y.numpy())
    return y.view(y.shape[0], *x.shape[1:]).to(x.dtype)


def _gradient_cpu(g: Tensor, x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> Tensor:
    a, b = matrix(g), matrix(x)
    gx, neighbors = torch.empty_like(b), integers(index)
    arrays = [a.numpy(), b.numpy()]
    sign = arrays[1].dtype.type(1 if greatest else -1)
    run_channels(
        extreme_slopes,
        integers(ptr),
        len(neighbors),
        b.shape[1],
        neighbors,
        *arrays,
        sign,
        gx.numpy(),
    )
    return gx.view(x.shape).to(x.dtype)


def _fake(x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> Tensor:
    return x.new_empty(ptr.shape[0] - 1, *x.shape[1:])


def _gradient_fake(g: Tensor, x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> Tensor:
    return x.new_empty(x.shape)


def _check(x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> None:
    check_features("x", x)
    check_rows(x, ptr=ptr, index=index)


def _gradient_check(g: Tensor, x: Tensor, ptr: Tensor, index: Tensor, greatest: bool) -> None:
    _check(x, ptr, index, greatest)
    check_shape("g", g, (ptr.shape[0] - 1, *x.shape[1:]), x)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    *tensors, ctx.greatest = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    return GRADIENT(gradient, *ctx.saved_tensors, ctx.greatest), None, None, None


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rows, sources, _, _ = example_rows(index_dtype, case)
    trailing = {"tensors": (2, 5), "numbers": (), "no channels": (0,)}.get(case, (3,))
    rng = torch.Generator().manual_seed(7)
    x = torch.randn(sources, *trailing, generator=rng, dtype=torch.float64).to(dtype)
    return x, rows[0], rows[1], case != "least"


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    x, ptr, *rest = _example(dtype, index_dtype, case)
    rng = torch.Generator().manual_seed(8)
    g = torch.randn(ptr.shape[0] - 1, *x.shape[1:], generator=rng, dtype=torch.float64)
    return g.to(dtype), x, ptr, *rest


def _gradient_bound(args: Args, eps: float) -> Tensor:
    g, x, ptr, index, greatest = args
    count = ptr.shape[0] - 1  # at most, of what comes to one source
    bound: Tensor = count * eps * _gradient_reference(g.abs(), x, ptr, index, greatest)
    return bound


_CASES = ("usual", "least", "tensors", "numbers", "no channels", "no edges", "no nodes")
VALUE = register(
    Kernel(
        "neighbor_extreme",
        reference=_reference,
        cpu=_cpu,
        fake=_fake,
        setup=_setup,
        backward=_backward,
        check=_check,
        example=_example,
        bound=lambda args, eps: torch.zeros_like(_reference(*args)),
        cases=_CASES,
    )
)
GRADIENT = register(
    Kernel(
        "neighbor_extreme_gradient",
        reference=_gradient_reference,
        cpu=_gradient_cpu,
        fake=_gradient_fake,
        setup=keep_all,
        backward=by_reference(_gradient_reference),
        check=_gradient_check,
        example=_gradient_example,
        bound=_gradient_bound,
        cases=_CASES,
    )
)
