"""Additive attention over neighbours in one pass: nothing of the size of edges × channels."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.incidence import (
    by_reference,
    check_incidence,
    check_order,
    check_shape,
    ends,
    example_rows,
    keep_all,
    pulled,
)
from geomdl.kernels.neighbors import gather_rows
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import integers, matrix, run, wide
from geomdl.kernels.softmax import softmax_by
from geomdl.kernels.weighted import boxes, check_boxes, weighted_rows

Four = tuple[Tensor, Tensor, Tensor, Tensor]


def additive_attention(
    x: Tensor, t: Tensor, s: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    """Attention of each node to its neighbours, with logits of its own part and of theirs (GAT).

    y[i, h] = Σ α[e, h] x[j, h], α = softmax over the edges e: j → i of
    LeakyReLU(t[i, h] + s[j, h] (+ edge[e, h]))

    A node without neighbours gets zeros. Exact up to rounding, the error of a logit counted as a
    relative one of its exponential; the greatest logit is taken off first. Does not depend on the
    number of threads, bitwise. Stores nothing of edges × channels, forward or backward; the
    gradient stores edges × heads, twice. Its own derivatives are those of the plain-torch
    reference, which stores edges × heads × channels.

    Args:
        x: values, shape (sources, heads, channels), any strides.
        t: of the targets, shape (targets, heads).
        s: of the sources, shape (sources, heads).
        edge: of the edges, in the order in which they were given, shape (edges, heads); or None.
        rows: in_ptr, in_neighbors, perm, out_ptr, out_neighbors, out_perm of a `Graph`.
        slope: of LeakyReLU below 0.

    Returns:
        shape (targets, heads, channels), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> rows = [torch.tensor(r) for r in ([0, 0, 2], [0, 1], [0, 1], [0, 1, 2], [1, 1], [0, 1])]
        >>> x, t = torch.tensor([[[2.0]], [[3.0]]]), torch.zeros(2, 1)
        >>> additive_attention(x, t, t, None, rows, 0.2).flatten().tolist()  # 0 → 1, 1 → 1
        [0.0, 2.5]

    Source: Veličković et al. 2018, arXiv:1710.10903.
    """
    return VALUE(x, t, s, edge, list(rows), slope)


def _reference(
    x: Tensor, t: Tensor, s: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    source, target = ends(rows)
    values, at_target, at_source = (a.to(wide(x.dtype)) for a in (x, t, s))
    z = at_target.index_select(0, target) + at_source.index_select(0, source)
    z = z if edge is None else z + edge.to(z.dtype)
    alpha = softmax_by(torch.nn.functional.leaky_relu(z, slope), target, t.shape[0])
    zeros = values.new_zeros(t.shape[0], *x.shape[1:])
    messages = values.index_select(0, source) * alpha.unsqueeze(-1)
    return zeros.index_add(0, target, messages).to(x.dtype)


def _gradient_reference(
    g: Tensor,
    x: Tensor,
    t: Tensor,
    s: Tensor,
    edge: Tensor | None,
    rows: Sequence[Tensor],
    slope: float,
) -> Four:
    full = x.new_zeros(rows[2].shape[0], x.shape[1]) if edge is None else edge
    args = [a.to(wide(x.dtype)) for a in (x, t, s, full)]
    found = pulled(_reference, [*args, rows, slope], [g.to(args[0].dtype)])[:4]
    gx, gt, gs, ge = (a.to(x.dtype) for a in found)
    return gx, gt, gs, ge


@Compiled
def attention_rows(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, x, t, s, edge, slope, y
):
    """y[i] for start ≤ i < stop; edge has no rows where there is none."""
    sources, heads, channels = x.shape
    rows, edges, with_edge = y.shape[0], index.shape[0], edge.shape[0] > 0
    longest = 0
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > edges:
            return i
        longest = max(longest, last - first)
    logits = np.empty((longest, heads), x.dtype)
    most, total = np.empty(heads, x.dtype), np.empty(heads, x.dtype)
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        for h in range(heads):
            most[h] = -np.inf
            total[h] = 0
            for c in range(channels):
                y[i, h, c] = 0
        for k in range(first, last):
            j, e = index[k], perm[k]
            if j < 0 or j >= sources or e < 0 or e >= edges:
                return rows + k
            for h in range(heads):
                z = t[i, h] + s[j, h]
                if with_edge:
                    z += edge[e, h]
                a = z if z > 0 else slope * z
                logits[k - first, h] = a
                if a > most[h] or a != a:
                    most[h] = a
        for k in range(first, last):
            j = index[k]
            for h in range(heads):
                p = math.exp(logits[k - first, h] - most[h])
                total[h] += p
                for c in range(channels):
                    y[i, h, c] += p * x[j, h, c]
        if last > first:
            for h in range(heads):
                scale = 1 / total[h]
                for c in range(channels):
                    y[i, h, c] *= scale
    return -1


@Compiled
def attention_slopes(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, g, x, t, s, edge, slope, alpha, ga, gt, seen
):
    """Weights alpha and gradients of the logits of edges into start ≤ i < stop; gt their sums."""
    sources, heads, channels = x.shape
    rows, edges, with_edge = gt.shape[0], index.shape[0], edge.shape[0] > 0
    most, total, mean = np.empty(heads, x.dtype), np.empty(heads, x.dtype), np.empty(heads, x.dtype)
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > edges:
            return i
        for h in range(heads):
            most[h] = -np.inf
            total[h] = 0
            mean[h] = 0
            gt[i, h] = 0
        for k in range(first, last):
            j, e = index[k], perm[k]
            if j < 0 or j >= sources or e < 0 or e >= edges:
                return rows + k
            seen[e] = 1
            for h in range(heads):
                z = t[i, h] + s[j, h]
                if with_edge:
                    z += edge[e, h]
                a = z if z > 0 else slope * z
                alpha[e, h] = a
                if a > most[h] or a != a:
                    most[h] = a
        for k in range(first, last):
            j, e = index[k], perm[k]
            for h in range(heads):
                p = math.exp(alpha[e, h] - most[h])
                alpha[e, h] = p
                total[h] += p
                product = x.dtype.type(0)
                for c in range(channels):
                    product += g[i, h, c] * x[j, h, c]
                ga[e, h] = product
                mean[h] += p * product
        for k in range(first, last):
            j, e = index[k], perm[k]
            for h in range(heads):
                z = t[i, h] + s[j, h]
                if with_edge:
                    z += edge[e, h]
                p = alpha[e, h] / total[h]
                d = p * (ga[e, h] - mean[h] / total[h])
                d = d if z > 0 else slope * d
                alpha[e, h] = p
                ga[e, h] = d
                gt[i, h] += d
    return -1


def _no_edge(edge: Tensor | None, x: Tensor) -> Tensor:
    return x.new_empty(0, x.shape[1]) if edge is None else matrix(edge)


def _cpu(
    x: Tensor, t: Tensor, s: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    a, size = boxes(x), x.shape[1] * x.shape[2]
    arrays = [b.numpy() for b in (a, matrix(t), matrix(s), _no_edge(edge, a))]
    y = a.new_empty(t.shape[0], *x.shape[1:])
    ptr, index, perm = (integers(r) for r in rows[:3])
    number = arrays[0].dtype.type(slope)
    run(attention_rows, ptr, len(index), size, index, perm, *arrays, number, y.numpy())
    return y.to(x.dtype)


def _gradient_cpu(
    g: Tensor,
    x: Tensor,
    t: Tensor,
    s: Tensor,
    edge: Tensor | None,
    rows: Sequence[Tensor],
    slope: float,
) -> Four:
    b, a, size = boxes(g), boxes(x), x.shape[1] * x.shape[2]
    arrays = [c.numpy() for c in (b, a, matrix(t), matrix(s), _no_edge(edge, a))]
    ptr, index, perm, out_ptr, out_index, out_perm = (integers(r) for r in rows)
    edges, number = len(perm), arrays[0].dtype.type(slope)
    alpha, ga, gt = (
        a.new_empty(edges, x.shape[1]),
        a.new_empty(edges, x.shape[1]),
        b.new_empty(t.shape),
    )
    seen = torch.zeros(edges, dtype=torch.uint8).numpy()
    made = [c.numpy() for c in (alpha, ga, gt)]
    run(attention_slopes, ptr, edges, size, index, perm, *arrays, number, *made, seen)
    check_order(perm, seen)
    gx, gs = torch.empty_like(a), a.new_empty(s.shape)
    flat = (matrix(b).numpy(), made[0], matrix(gx).numpy())
    run(weighted_rows, out_ptr, edges, size, out_index, out_perm, *flat)
    run(gather_rows, out_ptr, edges, x.shape[1], out_perm, made[1], gs.numpy())
    return gx.to(x.dtype), gt.to(x.dtype), gs.to(x.dtype), ga.to(x.dtype)


def _fake(
    x: Tensor, t: Tensor, s: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    return x.new_empty(t.shape[0], *x.shape[1:])


def _gradient_fake(
    g: Tensor,
    x: Tensor,
    t: Tensor,
    s: Tensor,
    edge: Tensor | None,
    rows: Sequence[Tensor],
    slope: float,
) -> Four:
    made = (x.shape, t.shape, s.shape, (rows[2].shape[0], x.shape[1]))
    gx, gt, gs, ga = (x.new_empty(shape) for shape in made)
    return gx, gt, gs, ga


def _check(
    x: Tensor, t: Tensor, s: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> None:
    check_boxes("x", x)
    targets, heads = rows[0].shape[0] - 1, x.shape[1]
    check_incidence(x, rows, x.shape[0], targets)
    check_shape("t", t, (targets, heads), x)
    check_shape("s", s, (x.shape[0], heads), x)
    if edge is not None:
        check_shape("edge", edge, (rows[2].shape[0], heads), x)


def _gradient_check(g: Tensor, x: Tensor, t: Tensor, *rest: Any) -> None:
    _check(x, t, *rest)
    check_shape("g", g, (t.shape[0], *x.shape[1:]), x)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    x, t, s, edge, rows, ctx.slope = inputs
    ctx.save_for_backward(x, t, s, edge, *rows)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, t, s, edge, *rows = ctx.saved_tensors
    gx, gt, gs, ga = GRADIENT.run(gradient, x, t, s, edge, rows, ctx.slope)
    return gx, gt, gs, None if edge is None else ga, [None] * 6, None


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rows, sources, targets, edges = example_rows(index_dtype, case)
    heads, channels = (2, 0) if case == "no channels" else (2, 3)
    rng = torch.Generator().manual_seed(3)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)

    x, t, s = drawn(sources, heads, channels), drawn(targets, heads), drawn(sources, heads)
    return x, t, s, drawn(edges, heads) if case == "edge" else None, rows, 0.2


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    x, t, *rest = _example(dtype, index_dtype, case)
    rng = torch.Generator().manual_seed(4)
    g = torch.randn(t.shape[0], *x.shape[1:], generator=rng, dtype=torch.float64)
    return g.to(dtype), x, t, *rest


def _bound(args: Args, eps: float) -> Tensor:
    """Relative errors of the exponentials, and of sums of positive numbers."""
    x, t, s, edge, rows, slope = args
    size = 4 * float(sum(a.abs().max() for a in (t, s, edge) if a is not None and a.numel()))
    count = rows[0].diff()[:, None, None]
    bound: Tensor = (2 * count + 8 + 2 * size) * eps * _reference(x.abs(), t, s, edge, rows, slope)
    return bound


def _gradient_bound(args: Args, eps: float) -> Four:
    """The same, of α (|p| + Σ α |p|) with p = Σ |g x| in place of α (p - Σ α p)."""
    g, x, t, s, edge, rows, slope = args
    heads, edges = x.shape[1], rows[2].shape[0]
    tensors = [a for a in (t, s, edge) if a is not None and a.numel()]
    size = 4 * float(sum(a.abs().max() for a in tensors))
    source, target = ends(rows)
    z = t[target] + s[source] + (0 if edge is None else edge)
    alpha = softmax_by(torch.nn.functional.leaky_relu(z, slope), target, t.shape[0])
    products = (g.abs()[target] * x.abs()[source]).sum(-1)
    mean = t.new_zeros(t.shape).index_add(0, target, alpha * products)
    logits = alpha * (products + mean[target])
    values = (alpha.unsqueeze(-1) * g.abs()[target]).reshape(edges, heads, x.shape[2])
    sums = [
        torch.zeros_like(x).index_add(0, source, values),
        torch.zeros_like(t).index_add(0, target, logits),
        torch.zeros_like(s).index_add(0, source, logits),
        logits,
    ]
    scale = (3 * edges + x.shape[2] + 16 + 2 * size) * eps
    gx, gt, gs, ge = (scale * a for a in sums)
    return gx, gt, gs, ge


_CASES = ("usual", "edge", "no channels", "no edges", "no nodes")
VALUE = register(
    Kernel(
        "additive_attention",
        reference=_reference,
        cpu=_cpu,
        fake=_fake,
        setup=_setup,
        backward=_backward,
        check=_check,
        example=_example,
        bound=_bound,
        cases=_CASES,
    )
)
GRADIENT = register(
    Kernel(
        "additive_attention_gradient",
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
