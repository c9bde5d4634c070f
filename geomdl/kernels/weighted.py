"""Weighted sums over neighbours, and products of the two ends of each edge: transposes by parts.

The form Σ_e w_e ⟨g_target(e), x_source(e)⟩ is linear in w, g and x, so each of the two ops has the
two as its gradients, to every order.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from geomdl.kernels import prefetch
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.incidence import (
    check_incidence,
    check_order,
    check_shape,
    ends,
    example_rows,
    transposed,
)
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.prefetch import AHEAD, fetch_row
from geomdl.kernels.rows import check_features, integers, matrix, run, wide


def weighted_sum(x: Tensor, w: Tensor, rows: Sequence[Tensor]) -> Tensor:
    """Sum weighted features over the neighbours of each node.

    y[i, h] = Σ w[e, h] x[j, h], over the edges e: j → i

    Exact up to rounding: |error| ≤ (n + 1) eps Σ|w x| for n neighbours, in float32 for half
    precision. Nothing of the size of edges × channels is stored. Does not depend on the number of
    threads, bitwise. Its gradients are itself on the reversed edges, and `edge_products`.

    Args:
        x: features, shape (sources, heads, channels), any strides.
        w: weights in the order in which the edges were given, shape (edges, heads).
        rows: in_ptr, in_neighbors, perm, out_ptr, out_neighbors, out_perm of a `Graph`. That the
            last three are the transpose of the first is not checked.

    Returns:
        shape (targets, heads, channels), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> rows = [torch.tensor(r) for r in ([0, 0, 2], [0, 1], [0, 1], [0, 1, 2], [1, 1], [0, 1])]
        >>> x, w = torch.tensor([[[2.0]], [[3.0]]]), torch.tensor([[10.0], [100.0]])
        >>> weighted_sum(x, w, rows).flatten().tolist()  # edges 0 → 1, 1 → 1
        [0.0, 320.0]
    """
    return SUM(x, w, list(rows))


def edge_products(g: Tensor, x: Tensor, rows: Sequence[Tensor]) -> Tensor:
    """Product of what the two ends of each edge have (sampled dense-dense matrix product).

    p[e, h] = Σ_c g[i, h, c] x[j, h, c] for the edge e: j → i

    Args:
        g: at targets, shape (targets, heads, channels), any strides.
        x: at sources, shape (sources, heads, channels), any strides.
        rows: as for `weighted_sum`.

    Returns:
        shape (edges, heads), in the order in which the edges were given, contiguous.

    Raises:
        TypeError: a type that is not served.
        ValueError: as `weighted_sum`, and a perm that leaves an edge out.
    """
    return PRODUCTS(g, x, list(rows))


def _sum_reference(x: Tensor, w: Tensor, rows: Sequence[Tensor]) -> Tensor:
    source, target = ends(rows)
    a, b = x.to(wide(x.dtype)), w.to(wide(w.dtype))
    zeros = a.new_zeros(rows[0].shape[0] - 1, *x.shape[1:])
    return zeros.index_add(0, target, a.index_select(0, source) * b.unsqueeze(-1)).to(x.dtype)


def _products_reference(g: Tensor, x: Tensor, rows: Sequence[Tensor]) -> Tensor:
    source, target = ends(rows)
    a, b = g.to(wide(g.dtype)), x.to(wide(x.dtype))
    return (a.index_select(0, target) * b.index_select(0, source)).sum(-1).to(x.dtype)


def _weighted_rows(start, stop, ptr, index, perm, x, w, y):  # type: ignore[no-untyped-def]
    """y[i, h] = Σ w[perm[k], h] x[index[k], h] for start ≤ i < stop; heads lie side by side."""
    sources, rows, edges, heads = x.shape[0], y.shape[0], w.shape[0], w.shape[1]
    channels = x.shape[1] // max(heads, 1)
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > index.shape[0]:
            return i
        total = y[i]
        total[:] = 0
        for k in range(first, last):
            j, e = index[k], perm[k]
            if j < 0 or j >= sources or e < 0 or e >= edges:
                return rows + k
            if k + 2 * AHEAD < index.shape[0]:
                fetch_row(x, index[k + AHEAD])
                fetch_row(w, perm[k + 2 * AHEAD])
            row = x[j]
            for h in range(heads):
                a, at = w[e, h], h * channels
                for c in range(channels):
                    total[at + c] += a * row[at + c]
    return -1


weighted_rows = Compiled(_weighted_rows, prefetch.names, prefetch.__file__)


def _product_rows(start, stop, ptr, index, perm, g, x, p, seen):  # type: ignore[no-untyped-def]
    """p[perm[k], h] = ⟨g[i, h], x[index[k], h]⟩ for start ≤ i < stop; marks what was written."""
    sources, rows, edges, heads = x.shape[0], g.shape[0], p.shape[0], p.shape[1]
    channels = x.shape[1] // max(heads, 1)
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > index.shape[0]:
            return i
        own = g[i]
        for k in range(first, last):
            j, e = index[k], perm[k]
            if j < 0 or j >= sources or e < 0 or e >= edges:
                return rows + k
            seen[e] = 1
            if k + AHEAD < index.shape[0]:
                fetch_row(x, index[k + AHEAD])
            row = x[j]
            for h in range(heads):
                total, at = p.dtype.type(0), h * channels
                for c in range(channels):
                    total += own[at + c] * row[at + c]
                p[e, h] = total
    return -1


product_rows = Compiled(_product_rows, prefetch.names, prefetch.__file__)


def boxes(x: Tensor) -> Tensor:
    """Features as a contiguous array (rows, heads, channels) of a type that Numba computes in."""
    return matrix(x).view(x.shape)


def _sum_cpu(x: Tensor, w: Tensor, rows: Sequence[Tensor]) -> Tensor:
    a, b = matrix(x), matrix(w)
    y = a.new_empty(rows[0].shape[0] - 1, a.shape[1])
    ptr, index, perm = (integers(t) for t in rows[:3])
    size = a.shape[1]
    run(weighted_rows, ptr, len(index), size, index, perm, a.numpy(), b.numpy(), y.numpy())
    return y.view(-1, *x.shape[1:]).to(x.dtype) if size else x.new_empty(len(y), *x.shape[1:])


def _products_cpu(g: Tensor, x: Tensor, rows: Sequence[Tensor]) -> Tensor:
    a, b = matrix(g), matrix(x)
    ptr, index, perm = (integers(t) for t in rows[:3])
    p, seen = a.new_empty(len(perm), x.shape[1]), torch.zeros(len(perm), dtype=torch.uint8).numpy()
    size = a.shape[1]
    run(product_rows, ptr, len(index), size, index, perm, a.numpy(), b.numpy(), p.numpy(), seen)
    check_order(perm, seen)
    return p.to(x.dtype)


def _sum_fake(x: Tensor, w: Tensor, rows: Sequence[Tensor]) -> Tensor:
    return x.new_empty(rows[0].shape[0] - 1, *x.shape[1:])


def _products_fake(g: Tensor, x: Tensor, rows: Sequence[Tensor]) -> Tensor:
    return x.new_empty(rows[2].shape[0], x.shape[1])


def check_boxes(name: str, x: Tensor) -> None:
    """Refuse what is not (rows, heads, channels)."""
    check_features(name, x)
    if x.ndim != 3:
        raise ValueError(f"{name}: expected shape (rows, heads, channels), got {tuple(x.shape)}")


def _sum_check(x: Tensor, w: Tensor, rows: Sequence[Tensor]) -> None:
    check_boxes("x", x)
    check_incidence(x, rows, x.shape[0], rows[0].shape[0] - 1)
    check_shape("w", w, (rows[2].shape[0], x.shape[1]), x)


def _products_check(g: Tensor, x: Tensor, rows: Sequence[Tensor]) -> None:
    check_boxes("x", x)
    check_incidence(x, rows, x.shape[0], rows[0].shape[0] - 1)
    check_shape("g", g, (rows[0].shape[0] - 1, *x.shape[1:]), x)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    a, b, rows = inputs
    ctx.save_for_backward(a, b, *rows)


def _sum_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    x, w, *rows = ctx.saved_tensors
    at_x = weighted_sum(gradient, w, transposed(rows)) if ctx.needs_input_grad[0] else None
    at_w = edge_products(gradient, x, rows) if ctx.needs_input_grad[1] else None
    return at_x, at_w, [None] * 6


def _products_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    g, x, *rows = ctx.saved_tensors
    at_g = weighted_sum(x, gradient, rows) if ctx.needs_input_grad[0] else None
    at_x = weighted_sum(g, gradient, transposed(rows)) if ctx.needs_input_grad[1] else None
    return at_g, at_x, [None] * 6


def _sizes(case: str) -> tuple[int, int]:
    return {"one head": (1, 5), "no channels": (2, 0)}.get(case, (2, 3))


def _sum_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rows, sources, _, edges = example_rows(index_dtype, case)
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(sources, *_sizes(case), generator=rng, dtype=torch.float64)
    w = torch.randn(edges, x.shape[1], generator=rng, dtype=torch.float64)
    return x.to(dtype), w.to(dtype), rows


def _products_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rows, sources, targets, _ = example_rows(index_dtype, case)
    rng = torch.Generator().manual_seed(2)
    g, x = (
        torch.randn(n, *_sizes(case), generator=rng, dtype=torch.float64).to(dtype)
        for n in (targets, sources)
    )
    return g, x, rows


def _sum_bound(args: Args, eps: float) -> Tensor:
    x, w, rows = args
    count = rows[0].diff()[:, None, None]
    bound: Tensor = (count + 1) * eps * _sum_reference(x.abs(), w.abs(), rows)
    return bound


def _products_bound(args: Args, eps: float) -> Tensor:
    g, x, rows = args
    bound: Tensor = (x.shape[2] + 1) * eps * _products_reference(g.abs(), x.abs(), rows)
    return bound


_CASES = ("usual", "one head", "no channels", "no edges", "no nodes")
SUM = register(
    Kernel(
        "weighted_sum",
        reference=_sum_reference,
        cpu=_sum_cpu,
        fake=_sum_fake,
        setup=_setup,
        backward=_sum_backward,
        check=_sum_check,
        example=_sum_example,
        bound=_sum_bound,
        cases=_CASES,
    )
)
PRODUCTS = register(
    Kernel(
        "edge_products",
        reference=_products_reference,
        cpu=_products_cpu,
        fake=_products_fake,
        setup=_setup,
        backward=_products_backward,
        check=_products_check,
        example=_products_example,
        bound=_products_bound,
        cases=_CASES,
    )
)
