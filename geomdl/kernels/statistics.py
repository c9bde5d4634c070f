"""Mean, least, greatest and standard deviation over neighbours in one pass (PNA)."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.extremes import at_firsts
from geomdl.kernels.incidence import (
    by_reference,
    check_order,
    check_shape,
    example_rows,
    keep_all,
    pulled,
)
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


def neighbor_statistics(
    x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor
) -> Tensor:
    """Mean, least, greatest and deviation over the neighbours of each node, in each channel.

    Of m[k] = x[index[k]] (+ edge[perm[k]]), k = ptr[i], …, ptr[i + 1] - 1: Σ m / n, min m, max m,
    √(Σ (m - mean)² / n); zeros where there is no neighbour.

    Least and greatest are exact; |error| ≤ (2 n + 8) eps max|m| of mean and deviation, which is
    exactly 0 of equal neighbours, with derivative 0 there. Beside an infinite m, both are NaN or
    infinite. The gradient of least and greatest goes to the first neighbour that has them. On the
    CPU, nothing of edges × channels is stored but the gradient of `edge`: each thread holds the
    neighbours of one node, longest row × channels, for the gradient too. On a GPU, and for
    derivatives of higher order, the plain-torch reference runs, which does store them all. Does not
    depend on the number of threads, bitwise.

    Args:
        x: features, shape (sources, channels), any strides.
        edge: on the edges, in the order in which they were given, shape (edges, channels); or None.
        ptr: bounds of the rows, int32 or int64, shape (targets + 1,): `graph.in_ptr`.
        index: neighbours, row by row, shape (edges,): `graph.in_neighbors`.
        perm: edge numbers, row by row, shape (edges,): `graph.perm`.

    Returns:
        Mean, least, greatest and deviation, side by side: shape (targets, 4, channels), contiguous.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> x, ptr, index = torch.tensor([[1.0], [4.0]]), torch.tensor([0, 2]), torch.tensor([0, 1])
        >>> neighbor_statistics(x, None, ptr, index, index).flatten().tolist()
        [2.5, 1.0, 4.0, 1.5]

    Source: Corso et al. 2020, arXiv:2004.05718.
    """
    return VALUE(x, edge, ptr, index, perm)


def _reference(x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor) -> Tensor:
    rows, target = ptr.shape[0] - 1, owners(ptr, index.shape[0])
    m = x.to(wide(x.dtype)).index_select(0, index)
    m = m if edge is None else m + edge.to(m.dtype).index_select(0, perm)
    count = ptr.diff().unsqueeze(1)
    n, zeros = count.clamp(min=1).to(m.dtype), m.new_zeros(rows, x.shape[1])
    longer = torch.cat([m.detach(), m.new_zeros(1, x.shape[1])])
    shift = torch.where(count > 0, longer.index_select(0, ptr[:-1]), 0)
    off = m - shift.index_select(0, target)
    middle = zeros.index_add(0, target, off) / n
    around = off - middle.index_select(0, target)
    var = zeros.index_add(0, target, around.square()) / n
    some = var > 0
    std = torch.where(some, torch.where(some, var, 1).sqrt(), var)
    low, high = (at_firsts(m, target, rows, greatest) for greatest in (False, True))
    return torch.stack([shift + middle, low, high, std], 1).to(x.dtype)


def _gradient_reference(
    g: Tensor, x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor
) -> tuple[Tensor, Tensor]:
    dtype = wide(x.dtype)
    args = [x.to(dtype), None if edge is None else edge.to(dtype), ptr, index, perm]
    gx, ge = pulled(_reference, args, [g.to(dtype)])[:2]
    return gx.to(x.dtype), x.new_empty(0, x.shape[1]) if ge is None else ge.to(x.dtype)


@Compiled
def statistics_rows(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, x, edge, y
):
    """All four for start ≤ i < stop; edge has no rows where there is none."""
    sources, channels = x.shape
    rows, edges, with_edge = y.shape[0], index.shape[0], edge.shape[0] > 0
    longest = 0
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > edges:
            return i
        longest = max(longest, last - first)
    m, shift = np.empty((longest, channels), x.dtype), np.empty(channels, x.dtype)
    for i in range(start, stop):
        first, count = ptr[i], ptr[i + 1] - ptr[i]
        for c in range(channels):
            y[i, 0, c] = 0
            y[i, 1, c] = 0
            y[i, 2, c] = 0
            y[i, 3, c] = 0
        # gathering alone: short enough that the processor waits for several rows at once
        for k in range(count):
            j, e = index[first + k], perm[first + k]
            if j < 0 or j >= sources or e < 0 or e >= edges:
                return rows + first + k
            for c in range(channels):
                m[k, c] = x[j, c]
            if with_edge:
                for c in range(channels):
                    m[k, c] += edge[e, c]
        for k in range(count):
            if k == 0:
                for c in range(channels):
                    shift[c] = m[0, c]
                    y[i, 1, c] = m[0, c]
                    y[i, 2, c] = m[0, c]
                    m[0, c] -= shift[c]
            else:
                for c in range(channels):
                    v, least, most = m[k, c], y[i, 1, c], y[i, 2, c]
                    lost = (v != v) & (least == least)
                    y[i, 1, c] = v if (v < least) | lost else least
                    y[i, 2, c] = v if (v > most) | lost else most
                    off = v - shift[c]
                    m[k, c] = off
                    y[i, 0, c] += off
        if count == 0:
            continue
        one = x.dtype.type(1) / x.dtype.type(count)
        for c in range(channels):
            y[i, 0, c] *= one
        for k in range(count):
            for c in range(channels):
                off = m[k, c] - y[i, 0, c]
                y[i, 3, c] += off * off
        for c in range(channels):
            y[i, 3, c] = math.sqrt(y[i, 3, c] * one)
            y[i, 0, c] += shift[c]
    return -1


@Compiled
def statistics_slopes(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, g, x, edge, gx, ge, seen
):
    """Gradients gx and, where there is an edge, ge; see `run_channels`."""
    sources, channels = x.shape
    rows, edges, with_edge = g.shape[0], index.shape[0], edge.shape[0] > 0
    low, high = np.uint64(8 * start), np.uint64(min(8 * stop, channels))  # signed ones may wrap
    longest = 0
    for i in range(rows):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > edges:
            return i
        longest = max(longest, last - first)
    m, shift = np.empty((longest, channels), x.dtype), np.empty(channels, x.dtype)
    least, most = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    at_least, at_most = np.empty(channels, index.dtype), np.empty(channels, index.dtype)
    mean, var = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    for j in range(sources):
        for c in range(low, high):
            gx[j, c] = 0
    for i in range(rows):
        first, count = ptr[i], ptr[i + 1] - ptr[i]
        for c in range(low, high):
            mean[c] = 0
            var[c] = 0
        # gathering alone: short enough that the processor waits for several rows at once
        for k in range(count):
            j, e = index[first + k], perm[first + k]
            if j < 0 or j >= sources or e < 0 or e >= edges:
                return rows + first + k
            for c in range(low, high):
                m[k, c] = x[j, c]
            if with_edge:
                for c in range(low, high):
                    m[k, c] += edge[e, c]
        for k in range(count):
            if k == 0:
                for c in range(low, high):
                    shift[c] = m[0, c]
                    least[c] = m[0, c]
                    most[c] = m[0, c]
                    at_least[c] = 0
                    at_most[c] = 0
                    m[0, c] -= shift[c]
            else:
                for c in range(low, high):
                    v, a, b = m[k, c], least[c], most[c]
                    lost = (v != v) & (a == a)
                    less, more = (v < a) | lost, (v > b) | lost
                    least[c] = v if less else a
                    most[c] = v if more else b
                    at_least[c] = k if less else at_least[c]
                    at_most[c] = k if more else at_most[c]
                    off = v - shift[c]
                    m[k, c] = off
                    mean[c] += off
        if count == 0:
            continue
        one = x.dtype.type(1) / x.dtype.type(count)
        for c in range(low, high):
            mean[c] *= one
        for k in range(count):
            for c in range(low, high):
                off = m[k, c] - mean[c]
                m[k, c] = off
                var[c] += off * off
        for c in range(low, high):
            std = math.sqrt(var[c] * one)
            turn = g[i, 3, c] * one
            shift[c] = g[i, 0, c] * one
            var[c] = turn * 0 if std == 0 else turn / std
        for k in range(count):
            for c in range(low, high):
                m[k, c] = shift[c] + var[c] * m[k, c]
        for c in range(low, high):
            m[at_least[c], c] += g[i, 1, c]
            m[at_most[c], c] += g[i, 2, c]
        for k in range(count):
            j, e = index[first + k], perm[first + k]
            for c in range(low, high):
                gx[j, c] += m[k, c]
            if with_edge:
                seen[e] = 1
                for c in range(low, high):
                    ge[e, c] = m[k, c]
    return -1


def _floats(x: Tensor, edge: Tensor | None) -> list[Any]:
    flat = matrix(x)
    return [flat.numpy(), (flat.new_empty(0, x.shape[1]) if edge is None else matrix(edge)).numpy()]


def _cpu(x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor) -> Tensor:
    arrays, rows = _floats(x, edge), [integers(t) for t in (ptr, index, perm)]
    y = x.new_empty(ptr.shape[0] - 1, 4, x.shape[1], dtype=wide(x.dtype))
    run(statistics_rows, rows[0], len(rows[1]), x.shape[1], *rows[1:], *arrays, y.numpy())
    return y.to(x.dtype)


def _gradient_cpu(
    g: Tensor, x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor
) -> tuple[Tensor, Tensor]:
    slopes = matrix(g).view(ptr.shape[0] - 1, 4, x.shape[1]).numpy()
    arrays = [slopes, *_floats(x, edge)]
    rows = [integers(t) for t in (ptr, index, perm)]
    gx, ge = (x.new_empty(a.shape, dtype=wide(x.dtype)) for a in arrays[-2:])
    seen = torch.zeros(len(rows[2]), dtype=torch.uint8).numpy()
    outputs = (gx.numpy(), ge.numpy(), seen)
    run_channels(statistics_slopes, rows[0], len(rows[1]), x.shape[1], *rows[1:], *arrays, *outputs)
    if edge is not None and x.shape[1] > 0:
        check_order(rows[2], seen)
    return gx.to(x.dtype), ge.to(x.dtype)


def _fake(x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor) -> Tensor:
    return x.new_empty(ptr.shape[0] - 1, 4, x.shape[1])


def _gradient_fake(
    g: Tensor, x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), x.new_empty(0 if edge is None else edge.shape[0], x.shape[1])


def _check(x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor) -> None:
    check_features("x", x)
    if x.ndim != 2:
        raise ValueError(f"x: expected shape (sources, channels), got {tuple(x.shape)}")
    check_rows(x, ptr=ptr, index=index, perm=perm)
    check_shape("perm", perm, index.shape)
    if edge is not None:
        check_shape("edge", edge, (perm.shape[0], x.shape[1]), x)


def _gradient_check(
    g: Tensor, x: Tensor, edge: Tensor | None, ptr: Tensor, index: Tensor, perm: Tensor
) -> None:
    _check(x, edge, ptr, index, perm)
    check_shape("g", g, (ptr.shape[0] - 1, 4, x.shape[1]), x)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    gx, ge = GRADIENT.run(gradient, *ctx.saved_tensors)
    return gx, None if ctx.saved_tensors[1] is None else ge, None, None, None


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rows, sources, _, edges = example_rows(index_dtype, case)
    channels = {"no channels": 0, "many channels": 9}.get(case, 2)
    rng = torch.Generator().manual_seed(9)
    x, edge = (
        torch.randn(n, channels, generator=rng, dtype=torch.float64).to(dtype)
        for n in (sources, edges)
    )
    return x, None if case in ("alone", "many channels") else edge, *rows[:3]


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    x, edge, ptr, *rest = _example(dtype, index_dtype, case)
    rng = torch.Generator().manual_seed(10)
    shape = (ptr.shape[0] - 1, 4, x.shape[1])
    g = torch.randn(shape, generator=rng, dtype=torch.float64).to(dtype)
    return g, x, edge, ptr, *rest


def _bound(args: Args, eps: float) -> Tensor:
    x, edge, ptr, index, perm = args
    count = ptr.diff().unsqueeze(1)
    sizes = _reference(x.abs(), None if edge is None else edge.abs(), ptr, index, perm)[:, 2]
    sums = eps * sizes if edge is not None else torch.zeros_like(sizes)
    some = (2 * count + 8) * eps * sizes
    return torch.stack([some, sums, sums, some], 1)


def _gradient_bound(args: Args, eps: float) -> tuple[Tensor, Tensor]:
    """Of each edge: its terms, and what an error of m does to a deviation that is divided by."""
    g, x, edge, ptr, index, perm = args
    n = ptr.diff().clamp(min=1).unsqueeze(1)
    sizes = _bound((x, edge, ptr, index, perm), eps)[:, 3]
    std = _reference(x, edge, ptr, index, perm)[:, 3]
    turn = torch.where(std > 0, g[:, 3].abs() * 4 * sizes / torch.where(std > 0, std, 1), 0)
    each = (4 + 2 * n) * eps * g.abs().sum(1) + turn
    target = owners(ptr, index.shape[0])
    sums = torch.zeros_like(x).index_add(0, index, (1 + index.shape[0] / 4) * each[target])
    if edge is None:
        return sums, x.new_empty(0, x.shape[1])
    return sums, each[target][torch.argsort(perm)]


VALUE = register(
    Kernel(
        "neighbor_statistics",
        reference=_reference,
        cpu=_cpu,
        fake=_fake,
        setup=_setup,
        backward=_backward,
        check=_check,
        example=_example,
        bound=_bound,
        cases=("usual", "alone", "many channels", "no channels", "no edges", "no nodes"),
    )
)
GRADIENT = register(
    Kernel(
        "neighbor_statistics_gradient",
        reference=_gradient_reference,
        cpu=_gradient_cpu,
        fake=_gradient_fake,
        setup=keep_all,
        backward=by_reference(_gradient_reference),
        check=_gradient_check,
        example=_gradient_example,
        bound=_gradient_bound,
        cases=("usual", "alone", "many channels", "no channels", "no edges", "no nodes"),
    )
)
