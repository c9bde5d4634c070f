"""Attention with a function of pairs inside, in one pass: nothing of edges × channels (GATv2)."""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels import vectors
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
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import integers, matrix, run, wide
from geomdl.kernels.softmax import softmax_by
from geomdl.kernels.weighted import boxes, check_boxes

if TYPE_CHECKING:  # what `vectors.functions` adds
    exponentials = sum_scaled = add_products = np.vectorize(print)

Four = tuple[Tensor, Tensor, Tensor, Tensor]


def pair_attention(
    t: Tensor, s: Tensor, a: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    """Attention of each node to its neighbours, with logits of both ends together (GATv2).

    y[i, h] = Σ α[e, h] s[j, h], α = softmax over the edges e: j → i of
    Σ_c a[h, c] LeakyReLU(t[i, h, c] + s[j, h, c] (+ edge[e, h, c]))

    A node without neighbours gets zeros. Exact up to rounding, the error of a logit counted as a
    relative one of its exponential; the greatest logit is taken off first. Does not depend on the
    number of threads, bitwise. Stores nothing of edges × channels, forward or backward, but the
    gradient of `edge` where there is one; the gradient stores edges × heads, twice. Its own
    derivatives are those of the plain-torch reference, which stores edges × heads × channels.

    Args:
        t: of the targets, shape (targets, heads, channels), any strides.
        s: of the sources, shape (sources, heads, channels); also the values.
        a: shape (heads, channels).
        edge: of the edges, in the order in which they were given, shape (edges, heads, channels);
            or None.
        rows: in_ptr, in_neighbors, perm, out_ptr, out_neighbors, out_perm of a `Graph`.
        slope: of LeakyReLU below 0.

    Returns:
        shape (targets, heads, channels), contiguous, dtype of s.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> rows = [torch.tensor(r) for r in ([0, 0, 2], [0, 1], [0, 1], [0, 1, 2], [1, 1], [0, 1])]
        >>> s, a = torch.tensor([[[2.0]], [[3.0]]]), torch.zeros(1, 1)
        >>> pair_attention(s, s, a, None, rows, 0.2).flatten().tolist()  # 0 → 1, 1 → 1
        [0.0, 2.5]

    Source: Brody, Alon & Yahav 2022, arXiv:2105.14491.
    """
    return VALUE(t, s, a, edge, list(rows), slope)


def _pairs(t: Tensor, s: Tensor, edge: Tensor | None, rows: Sequence[Tensor]) -> Tensor:
    """Sums of both ends (and of the edges), shape (edges, heads, channels)."""
    source, target = ends(rows)
    m = t.index_select(0, target) + s.index_select(0, source)
    return m if edge is None else m + edge.to(m.dtype)


def _reference(
    t: Tensor, s: Tensor, a: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    at_target, values, by = (b.to(wide(s.dtype)) for b in (t, s, a))
    source, target = ends(rows)
    m = torch.nn.functional.leaky_relu(_pairs(at_target, values, edge, rows), slope)
    alpha = softmax_by((m * by).sum(-1), target, t.shape[0])
    zeros = values.new_zeros(t.shape)
    messages = values.index_select(0, source) * alpha.unsqueeze(-1)
    return zeros.index_add(0, target, messages).to(s.dtype)


def _gradient_reference(
    g: Tensor,
    t: Tensor,
    s: Tensor,
    a: Tensor,
    edge: Tensor | None,
    rows: Sequence[Tensor],
    slope: float,
) -> Four:
    dtype = wide(s.dtype)
    args = [None if b is None else b.to(dtype) for b in (t, s, a, edge)]
    found = pulled(_reference, [*args, rows, slope], [g.to(dtype)])
    none = s.new_zeros(0, *s.shape[1:])
    gt, gs, ga, ge = (none if b is None else b.to(s.dtype) for b in found[:4])
    return gt, gs, ga, ge


_compiled = partial(Compiled, names=vectors.functions, source=vectors.__file__)


@_compiled
def attention_rows(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, t, s, a, edge, slope, y
):
    """y[i] for start ≤ i < stop; edge has no rows where there is none."""
    heads, channels = a.shape
    size, longest, with_edge = heads * channels, 0, edge.shape[0] > 0
    for i in range(start, stop):
        if ptr[i] < 0 or ptr[i + 1] < ptr[i] or ptr[i + 1] > index.shape[0]:
            return i
        longest = max(longest, ptr[i + 1] - ptr[i])
    powers = np.empty((longest, heads), s.dtype)
    for i in range(start, stop):
        first, last, n = ptr[i], ptr[i + 1], ptr[i + 1] - ptr[i]
        for k in range(n):
            j, e = index[first + k], perm[first + k]
            if j < 0 or j >= s.shape[0] or e < 0 or e >= index.shape[0]:
                return t.shape[0] + first + k
            for h in range(heads):
                z = s.dtype.type(0)
                if with_edge:
                    for c in range(channels):
                        m = t[i, h, c] + s[j, h, c] + edge[e, h, c]
                        z += a[h, c] * (m if m > 0 else m * slope)
                else:
                    for c in range(channels):
                        m = t[i, h, c] + s[j, h, c]
                        z += a[h, c] * (m if m > 0 else m * slope)
                powers[k, h] = z
        for h in range(heads):
            most = s.dtype.type(-np.inf)
            for k in range(n):
                most = powers[k, h] if powers[k, h] > most else most
            for k in range(n):
                powers[k, h] -= most
        exponentials(powers, n * heads)
        for h in range(heads):
            total = s.dtype.type(0)
            for k in range(n):
                total += powers[k, h]
            scale = s.dtype.type(1) / total if n > 0 else total
            for k in range(n):
                powers[k, h] *= scale
            into = (i * heads + h) * channels
            sum_scaled(
                y, into, powers, h, heads, s, h * channels, size, index, first, last, channels
            )
    return -1


@_compiled
def attention_slopes(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, g, t, s, a, edge, slope, both, gt, ga, ge, seen
):
    """Weights of the edges into start ≤ i < stop, and gradients of logits, of t, a and edges."""
    heads, channels = a.shape
    size, longest, with_edge = heads * channels, 0, edge.shape[0] > 0
    for i in range(start, stop):
        if ptr[i] < 0 or ptr[i + 1] < ptr[i] or ptr[i + 1] > index.shape[0]:
            return i
        longest = max(longest, ptr[i + 1] - ptr[i])
    powers, products = np.empty((longest, heads), s.dtype), np.empty((longest, heads), s.dtype)
    m = np.empty(channels, s.dtype)
    for i in range(start, stop):
        first, last, n = ptr[i], ptr[i + 1], ptr[i + 1] - ptr[i]
        for h in range(heads):
            for c in range(channels):
                gt[i, h, c] = 0
                ga[i, h, c] = 0
        for k in range(n):
            j, e = index[first + k], perm[first + k]
            if j < 0 or j >= s.shape[0] or e < 0 or e >= index.shape[0]:
                return t.shape[0] + first + k
            seen[e] = 1
            for h in range(heads):
                z = s.dtype.type(0)
                for c in range(channels):
                    m[c] = t[i, h, c] + s[j, h, c]
                if with_edge:
                    for c in range(channels):
                        m[c] += edge[e, h, c]
                for c in range(channels):
                    z += a[h, c] * (m[c] if m[c] > 0 else m[c] * slope)
                powers[k, h] = z
                products[k, h] = 0
        for h in range(heads):
            most = s.dtype.type(-np.inf)
            for k in range(n):
                most = powers[k, h] if powers[k, h] > most else most
            for k in range(n):
                powers[k, h] -= most
        exponentials(powers, n * heads)
        for h in range(heads):
            own = (i * heads + h) * channels
            add_products(
                g, own, products, h, heads, s, h * channels, size, index, first, last, channels
            )
            total, mean = s.dtype.type(0), s.dtype.type(0)
            for k in range(n):
                total += powers[k, h]
                mean += powers[k, h] * products[k, h]
            scale = s.dtype.type(1) / total if n > 0 else total
            mean *= scale
            for k in range(n):
                j, e, p = index[first + k], perm[first + k], powers[k, h] * scale
                d = p * (products[k, h] - mean)
                both[e, h] = p
                both[e, heads + h] = d
                for c in range(channels):
                    m[c] = t[i, h, c] + s[j, h, c]
                if with_edge:
                    for c in range(channels):
                        m[c] += edge[e, h, c]
                for c in range(channels):
                    f = s.dtype.type(1) if m[c] > 0 else slope
                    gt[i, h, c] += d * a[h, c] * f
                    ga[i, h, c] += d * m[c] * f
                if with_edge:
                    for c in range(channels):
                        f = s.dtype.type(1) if m[c] > 0 else slope
                        ge[e, h, c] = d * a[h, c] * f
    return -1


@_compiled
def attention_spread(  # type: ignore[no-untyped-def]
    start, stop, ptr, index, perm, g, t, s, a, edge, slope, both, gs
):
    """Gradients of s over the edges out of start ≤ j < stop: as values, and within logits."""
    heads, channels = a.shape
    with_edge = edge.shape[0] > 0
    for j in range(start, stop):
        if ptr[j] < 0 or ptr[j + 1] < ptr[j] or ptr[j + 1] > index.shape[0]:
            return j
        for h in range(heads):
            for c in range(channels):
                gs[j, h, c] = 0
        for k in range(ptr[j], ptr[j + 1]):
            i, e = index[k], perm[k]
            if i < 0 or i >= t.shape[0] or e < 0 or e >= both.shape[0]:
                return s.shape[0] + k
            for h in range(heads):
                p, d = both[e, h], both[e, heads + h]
                if with_edge:
                    for c in range(channels):
                        m = t[i, h, c] + s[j, h, c] + edge[e, h, c]
                        f = s.dtype.type(1) if m > 0 else slope
                        gs[j, h, c] += p * g[i, h, c] + d * a[h, c] * f
                else:
                    for c in range(channels):
                        m = t[i, h, c] + s[j, h, c]
                        f = s.dtype.type(1) if m > 0 else slope
                        gs[j, h, c] += p * g[i, h, c] + d * a[h, c] * f
    return -1


def _arrays(t: Tensor, s: Tensor, a: Tensor, edge: Tensor | None) -> list[Tensor]:
    no_edge = s.new_empty(0, *s.shape[1:]) if edge is None else edge
    return [boxes(t), boxes(s), matrix(a), boxes(no_edge)]


def _cpu(
    t: Tensor, s: Tensor, a: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    given = _arrays(t, s, a, edge)
    y, arrays = torch.empty_like(given[0]), [b.numpy() for b in given]
    ptr, index, perm = (integers(r) for r in rows[:3])
    number = arrays[0].dtype.type(slope)
    run(
        attention_rows, ptr, len(index), math.prod(a.shape), index, perm, *arrays, number, y.numpy()
    )
    return y.to(s.dtype)


def _gradient_cpu(
    g: Tensor,
    t: Tensor,
    s: Tensor,
    a: Tensor,
    edge: Tensor | None,
    rows: Sequence[Tensor],
    slope: float,
) -> Four:
    given, size = _arrays(t, s, a, edge), math.prod(a.shape)
    arrays = [b.numpy() for b in (boxes(g), *given)]
    ptr, index, perm, out_ptr, out_index, out_perm = (integers(r) for r in rows)
    edges, number = len(perm), arrays[0].dtype.type(slope)
    both = given[0].new_empty(edges, 2 * a.shape[0]).numpy()
    gt, ga, ge, gs = (torch.empty_like(given[k]) for k in (0, 0, 3, 1))
    made = both, gt.numpy(), ga.numpy(), ge.numpy()
    seen = torch.zeros(edges, dtype=torch.uint8).numpy()
    run(attention_slopes, ptr, edges, size, index, perm, *arrays, number, *made, seen)
    check_order(perm, seen)
    out = out_index, out_perm, *arrays, number, both, gs.numpy()
    run(attention_spread, out_ptr, edges, size, *out)
    return gt.to(s.dtype), gs.to(s.dtype), ga.sum(0).to(s.dtype), ge.to(s.dtype)


def _fake(
    t: Tensor, s: Tensor, a: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> Tensor:
    return s.new_empty(t.shape)


def _gradient_fake(
    g: Tensor,
    t: Tensor,
    s: Tensor,
    a: Tensor,
    edge: Tensor | None,
    rows: Sequence[Tensor],
    slope: float,
) -> Four:
    made = t.shape, s.shape, a.shape, (0, *s.shape[1:]) if edge is None else edge.shape
    gt, gs, ga, ge = (s.new_empty(shape) for shape in made)
    return gt, gs, ga, ge


def _check(
    t: Tensor, s: Tensor, a: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> None:
    check_boxes("s", s)
    targets = rows[0].shape[0] - 1
    check_incidence(s, rows, s.shape[0], targets)
    check_shape("t", t, (targets, *s.shape[1:]), s)
    check_shape("a", a, s.shape[1:], s)
    if edge is not None:
        check_shape("edge", edge, (rows[2].shape[0], *s.shape[1:]), s)


def _gradient_check(g: Tensor, t: Tensor, s: Tensor, *rest: Any) -> None:
    _check(t, s, *rest)
    check_shape("g", g, t.shape, s)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    t, s, a, edge, rows, ctx.slope = inputs
    ctx.save_for_backward(t, s, a, edge, *rows)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    t, s, a, edge, *rows = ctx.saved_tensors
    gt, gs, ga, ge = GRADIENT.run(gradient, t, s, a, edge, rows, ctx.slope)
    return gt, gs, ga, None if edge is None else ge, [None] * 6, None


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rows, sources, targets, edges = example_rows(index_dtype, case)
    shape = (2, 0) if case == "no channels" else (2, 3)
    rng = torch.Generator().manual_seed(3)

    def drawn(*rows: int) -> Tensor:
        return torch.randn(*rows, *shape, generator=rng, dtype=torch.float64).to(dtype)

    t, s, a = drawn(targets), drawn(sources), drawn()
    return t, s, a, None if case == "alone" else drawn(edges), rows, 0.2


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    t, *rest = _example(dtype, index_dtype, case)
    rng = torch.Generator().manual_seed(4)
    return torch.randn(t.shape, generator=rng, dtype=torch.float64).to(dtype), t, *rest


def _alpha(
    t: Tensor, s: Tensor, a: Tensor, edge: Tensor | None, rows: Sequence[Tensor], slope: float
) -> tuple[Tensor, Tensor, float]:
    """Weights, sizes of what stands within LeakyReLU, and the greatest size of a logit."""
    m = torch.nn.functional.leaky_relu(_pairs(t, s, edge, rows), slope)
    sizes = _pairs(t.abs(), s.abs(), None if edge is None else edge.abs(), rows)
    most = float((sizes * a.abs()).sum(-1).max()) if sizes.numel() else 0.0
    return softmax_by((m * a).sum(-1), ends(rows)[1], t.shape[0]), sizes, most


def _bound(args: Args, eps: float) -> Tensor:
    """Relative errors of the exponentials, and of sums of positive numbers."""
    t, s, a, _, rows, _ = args
    alpha, _, most = _alpha(*args)
    source, target = ends(rows)
    sums = torch.zeros_like(t).index_add(0, target, s.abs()[source] * alpha.unsqueeze(-1))
    count = rows[0].diff()[:, None, None]
    bound: Tensor = (2 * count + 8 + 2 * (a.shape[1] + 4) * most) * eps * sums
    return bound


def _gradient_bound(args: Args, eps: float) -> Four:
    """The same, of α (|p| + Σ α |p|) with p = Σ |g s| in place of α (p - Σ α p)."""
    g, t, s, a, edge, rows, _ = args
    alpha, sizes, most = _alpha(*args[1:])
    source, target = ends(rows)
    products = (g.abs()[target] * s.abs()[source]).sum(-1)
    mean = t.new_zeros(t.shape[:2]).index_add(0, target, alpha * products)
    logits = (alpha * (products + mean[target])).unsqueeze(-1)
    inner = logits * a.abs()
    values = alpha.unsqueeze(-1) * g.abs()[target] + inner
    sums = (
        torch.zeros_like(t).index_add(0, target, inner),
        torch.zeros_like(s).index_add(0, source, values),
        (logits * sizes).sum(0),
        s.new_zeros(0, *s.shape[1:]) if edge is None else inner,
    )
    scale = (3 * len(source) + a.shape[1] + 16 + 2 * (a.shape[1] + 4) * most) * eps
    gt, gs, ga, ge = (scale * b for b in sums)
    return gt, gs, ga, ge


_CASES = ("usual", "alone", "no channels", "no edges", "no nodes")
VALUE = register(
    Kernel(
        "pair_attention",
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
        "pair_attention_gradient",
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
