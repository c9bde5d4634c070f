"""Additive attention over neighbours in one pass: nothing of the size of edges × channels."""

from collections.abc import Sequence
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels import vectors
from geomdl.kernels.compiled import OPTIONS, Compiled
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
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import integers, matrix, run, wide
from geomdl.kernels.softmax import softmax_by
from geomdl.kernels.weighted import boxes, check_boxes

if TYPE_CHECKING:  # what `_names` adds
    exponentials = powers_of = sum_scaled = add_products = np.vectorize(print)

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
    gradient stores edges × heads, three times. A weight less than exp(-87) of the greatest of its
    node is zero in float32. Its own derivatives are those of the plain-torch
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


ROOM = 128  # entries of rows whose exponentials are taken at once


def _names() -> dict[str, Any]:
    """What the loops below call."""
    import numba

    body: Any = _powers
    whole = FunctionType(body.__code__, body.__globals__ | vectors.functions(), body.__name__)
    return vectors.functions() | {"powers_of": numba.njit(**OPTIONS)(whole)}


def _powers(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, t, s, edge, slope, powers, slopes
):
    """exp(logit - greatest of its row) of the edges into start ≤ i < stop, from 0 on.

    Returns a code as `rows.run` expects. Slopes, if there is room, are those of LeakyReLU.
    """
    heads, base, with_edge, kept = t.shape[1], ptr[start], edge.shape[0] > 0, slopes.shape[0] > 0
    for k in range(ptr[start], ptr[stop]):
        j, e = index[k], perm[k]
        if j < 0 or j >= s.shape[0] or e < 0 or e >= index.shape[0]:
            return t.shape[0] + k
    for i in range(start, stop):
        for h in range(heads):
            most, own = t.dtype.type(-np.inf), t[i, h]
            for k in range(ptr[i], ptr[i + 1]):
                z = own + s[index[k], h]
                if with_edge:
                    z += edge[perm[k], h]
                factor = t.dtype.type(1) if z > 0 else slope
                if kept:
                    slopes[k - base, h] = factor
                z *= factor
                powers[k - base, h] = z
                most = z if z > most else most
            for k in range(ptr[i] - base, ptr[i + 1] - base):
                powers[k, h] -= most
    exponentials(powers, (ptr[stop] - base) * heads)
    return -1


_compiled = partial(Compiled, names=_names, source=vectors.__file__)


@_compiled
def attention_rows(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, x, t, s, edge, slope, y
):
    """y[i] for start ≤ i < stop; edge has no rows where there is none."""
    heads, channels = x.shape[1:]
    size, room = heads * channels, ROOM
    for i in range(start, stop):
        if ptr[i] < 0 or ptr[i + 1] < ptr[i] or ptr[i + 1] > index.shape[0]:
            return i
        room = max(room, ptr[i + 1] - ptr[i])
    powers, none = np.empty((room, heads), x.dtype), np.empty((0, heads), x.dtype)
    end = start
    for i in range(start, stop):
        if i == end:
            base, end = ptr[i], i + 1
            while end < stop and ptr[end + 1] - base <= room:
                end += 1
            code = powers_of(i, end, ptr, index, perm, t, s, edge, slope, powers, none)
            if code >= 0:
                return code
        first, last, m = ptr[i], ptr[i + 1], ptr[i + 1] - ptr[i]
        at = first - base
        for h in range(heads):
            total = x.dtype.type(0)
            for k in range(m):
                total += powers[at + k, h]
            scale = x.dtype.type(1) / total if m > 0 else total
            for k in range(m):
                powers[at + k, h] *= scale
            into, place = (i * heads + h) * channels, at * heads + h
            sum_scaled(
                y, into, powers, place, heads, x, h * channels, size, index, first, last, channels
            )
    return -1


@_compiled
def attention_slopes(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, g, x, t, s, edge, slope, both, gt, seen
):
    """Weights of the edges into start ≤ i < stop, then gradients of logits; gt sums of these."""
    heads, channels = x.shape[1:]
    size, room = heads * channels, ROOM
    for i in range(start, stop):
        if ptr[i] < 0 or ptr[i + 1] < ptr[i] or ptr[i + 1] > index.shape[0]:
            return i
        room = max(room, ptr[i + 1] - ptr[i])
    powers, slopes = np.empty((room, heads), x.dtype), np.empty((room, heads), x.dtype)
    products = np.empty((room, heads), x.dtype)
    end = start
    for i in range(start, stop):
        if i == end:
            base, end = ptr[i], i + 1
            while end < stop and ptr[end + 1] - base <= room:
                end += 1
            code = powers_of(i, end, ptr, index, perm, t, s, edge, slope, powers, slopes)
            if code >= 0:
                return code
        first, last, m = ptr[i], ptr[i + 1], ptr[i + 1] - ptr[i]
        at = first - base
        for k in range(first, last):
            seen[perm[k]] = 1
        for h in range(heads):
            for k in range(m):
                products[at + k, h] = 0
            own, place = (i * heads + h) * channels, at * heads + h
            add_products(
                g, own, products, place, heads, x, h * channels, size, index, first, last, channels
            )
            total, mean, slopes_sum = x.dtype.type(0), x.dtype.type(0), x.dtype.type(0)
            for k in range(at, at + m):
                p = powers[k, h]
                total += p
                mean += p * products[k, h]
            scale = x.dtype.type(1) / total if m > 0 else total
            mean *= scale
            for k in range(m):
                e, p = perm[first + k], powers[at + k, h] * scale
                d = p * (products[at + k, h] - mean) * slopes[at + k, h]
                both[e, h] = p
                both[e, heads + h] = d
                slopes_sum += d
            gt[i, h] = slopes_sum
    return -1


@_compiled
def attention_spread(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, g, both, gx, gs
):
    """Sums of weights times g, and of gradients of logits, of the edges out of start ≤ j < stop."""
    targets, heads, channels = g.shape
    size, longest = heads * channels, 0
    for j in range(start, stop):
        if ptr[j] < 0 or ptr[j + 1] < ptr[j] or ptr[j + 1] > index.shape[0]:
            return j
        longest = max(longest, ptr[j + 1] - ptr[j])
    weights = np.empty((longest, heads), g.dtype)
    for j in range(start, stop):
        first, last = ptr[j], ptr[j + 1]
        for h in range(heads):
            gs[j, h] = 0
        for k in range(first, last):
            i, e = index[k], perm[k]
            if i < 0 or i >= targets or e < 0 or e >= both.shape[0]:
                return gx.shape[0] + k
            for h in range(heads):
                weights[k - first, h] = both[e, h]
                gs[j, h] += both[e, heads + h]
        for h in range(heads):
            into, step = (j * heads + h) * channels, heads
            sum_scaled(
                gx, into, weights, h, step, g, h * channels, size, index, first, last, channels
            )
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
    both, gt = a.new_empty(edges, 2 * x.shape[1]), b.new_empty(t.shape)
    seen = torch.zeros(edges, dtype=torch.uint8).numpy()
    made = both.numpy(), gt.numpy()
    run(attention_slopes, ptr, edges, size, index, perm, *arrays, number, *made, seen)
    check_order(perm, seen)
    gx, gs = torch.empty_like(a), a.new_empty(s.shape)
    out = out_index, out_perm, arrays[0], made[0], gx.numpy(), gs.numpy()
    run(attention_spread, out_ptr, edges, size, *out)
    ga = x.new_empty(edges, x.shape[1]).copy_(both[:, x.shape[1] :])
    return gx.to(x.dtype), gt.to(x.dtype), gs.to(x.dtype), ga


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
