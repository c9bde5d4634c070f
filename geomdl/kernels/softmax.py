"""Softmax over the entries of each segment, for instance over the edges that enter a node."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.incidence import (
    by_reference,
    check_order,
    check_shape,
    example_rows,
    keep_all,
)
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, check_rows, integers, matrix, owners, run, wide


def segment_softmax(logits: Tensor, ptr: Tensor, perm: Tensor) -> Tensor:
    """Softmax over the entries of each segment, each head by itself.

    y[e, h] = exp a[e, h] / Σ exp a[e', h], over the entries e' of the segment of e

    Exact up to rounding: relative error of y at most (n + 4 + |a - max a|) eps for n entries; the
    greatest of each segment is taken off first, so that nothing overflows. In float32 for half
    precision. Does not depend on the number of threads, bitwise.

    Args:
        logits: a, shape (entries, heads), any strides.
        ptr: bounds of the segments, int32 or int64, shape (segments + 1,): `graph.in_ptr`.
        perm: a permutation of the entries, shape (entries,): `graph.perm`.

    Returns:
        shape (entries, heads), contiguous, dtype of the logits.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and a perm that is no permutation.

    Example:
        >>> segment_softmax(torch.zeros(3, 1), torch.tensor([0, 2, 3]), torch.arange(3)).tolist()
        [[0.5], [0.5], [1.0]]
    """
    return VALUE(logits, ptr, perm)


def softmax_by(logits: Tensor, segment: Tensor, segments: int) -> Tensor:
    """The same in plain torch, for segments (entries,) in any order."""
    with torch.no_grad():  # the value does not depend on what is taken off
        at = segment.long().unsqueeze(1).expand_as(logits)
        most = logits.new_full((segments, logits.shape[1]), -math.inf)
        most = most.scatter_reduce(0, at, logits.detach(), "amax")
    powers = (logits - most.index_select(0, segment)).exp()
    total = powers.new_zeros(segments, logits.shape[1]).index_add(0, segment, powers)
    return powers / total.index_select(0, segment)


def _reference(logits: Tensor, ptr: Tensor, perm: Tensor) -> Tensor:
    segment = owners(ptr, perm.shape[0])[torch.argsort(perm)]
    found = softmax_by(logits.to(wide(logits.dtype)), segment, ptr.shape[0] - 1)
    return found.to(logits.dtype)


def _gradient_reference(g: Tensor, y: Tensor, ptr: Tensor, perm: Tensor) -> Tensor:
    segment = owners(ptr, perm.shape[0])[torch.argsort(perm)]
    a, b = g.to(wide(g.dtype)), y.to(wide(y.dtype))
    mean = b.new_zeros(ptr.shape[0] - 1, y.shape[1]).index_add(0, segment, a * b)
    return (b * (a - mean.index_select(0, segment))).to(y.dtype)


@Compiled
def softmax_rows(start, stop, ptr, perm, logits, y, seen):  # type: ignore[no-untyped-def]
    """Softmax y at the entries of segments start ≤ i < stop; marks what was written."""
    entries, heads = logits.shape
    rows = ptr.shape[0] - 1
    most, total = np.empty(heads, y.dtype), np.empty(heads, y.dtype)
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > entries:
            return i
        for h in range(heads):
            most[h] = -np.inf
            total[h] = 0
        for k in range(first, last):
            e = perm[k]
            if e < 0 or e >= entries:
                return rows + k
            seen[e] = 1
            for h in range(heads):
                a = logits[e, h]
                if a > most[h] or a != a:
                    most[h] = a
        for k in range(first, last):
            e = perm[k]
            for h in range(heads):
                p = math.exp(logits[e, h] - most[h])
                y[e, h] = p
                total[h] += p
        for k in range(first, last):
            e = perm[k]
            for h in range(heads):
                y[e, h] /= total[h]
    return -1


@Compiled
def softmax_slopes(start, stop, ptr, perm, g, y, slopes, seen):  # type: ignore[no-untyped-def]
    """Gradient y (g - Σ g y) at the entries of segments start ≤ i < stop."""
    entries, heads = y.shape
    rows = ptr.shape[0] - 1
    mean = np.empty(heads, y.dtype)
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > entries:
            return i
        for h in range(heads):
            mean[h] = 0
        for k in range(first, last):
            e = perm[k]
            if e < 0 or e >= entries:
                return rows + k
            seen[e] = 1
            for h in range(heads):
                mean[h] += g[e, h] * y[e, h]
        for k in range(first, last):
            e = perm[k]
            for h in range(heads):
                slopes[e, h] = y[e, h] * (g[e, h] - mean[h])
    return -1


def _run(body: Compiled, ptr: Tensor, perm: Tensor, *inputs: Tensor) -> Tensor:
    flat = [matrix(a) for a in inputs]
    made, order = torch.empty_like(flat[0]), integers(perm)
    seen = torch.zeros(len(order), dtype=torch.uint8).numpy()
    arrays = [a.numpy() for a in (*flat, made)]
    run(body, integers(ptr), len(order), made.shape[1], order, *arrays, seen)
    check_order(order, seen)
    return made.to(inputs[0].dtype)


def _cpu(logits: Tensor, ptr: Tensor, perm: Tensor) -> Tensor:
    return _run(softmax_rows, ptr, perm, logits)


def _gradient_cpu(g: Tensor, y: Tensor, ptr: Tensor, perm: Tensor) -> Tensor:
    return _run(softmax_slopes, ptr, perm, g, y)


def _fake(logits: Tensor, ptr: Tensor, perm: Tensor) -> Tensor:
    return logits.new_empty(logits.shape)


def _gradient_fake(g: Tensor, y: Tensor, ptr: Tensor, perm: Tensor) -> Tensor:
    return y.new_empty(y.shape)


def _check(logits: Tensor, ptr: Tensor, perm: Tensor) -> None:
    check_features("logits", logits)
    if logits.ndim != 2:
        raise ValueError(f"logits: expected shape (entries, heads), got {tuple(logits.shape)}")
    check_rows(logits, ptr=ptr, perm=perm)
    check_shape("perm", perm, logits.shape[:1])


def _gradient_check(g: Tensor, y: Tensor, ptr: Tensor, perm: Tensor) -> None:
    _check(y, ptr, perm)
    check_shape("g", g, y.shape, y)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(output, *inputs[1:])


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    return GRADIENT(gradient, *ctx.saved_tensors), None, None


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rows, _, _, edges = example_rows(index_dtype, case)
    rng = torch.Generator().manual_seed(5)
    logits = torch.randn(edges, 0 if case == "no heads" else 3, generator=rng, dtype=torch.float64)
    return 2 * logits.to(dtype), rows[0], rows[2]


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    logits, *rows = _example(torch.float64, index_dtype, case)
    rng = torch.Generator().manual_seed(6)
    g = torch.randn(logits.shape, generator=rng, dtype=torch.float64)
    return g.to(dtype), _reference(logits, *rows).to(dtype), *rows


def _bound(args: Args, eps: float) -> Tensor:
    logits, _, perm = args
    span = 2 * float(logits.abs().max()) if logits.numel() else 0.0
    bound: Tensor = (perm.shape[0] + 4 + 2 * span) * eps * _reference(*args)
    return bound


def _gradient_bound(args: Args, eps: float) -> Tensor:
    g, y, ptr, perm = args
    segment = owners(ptr, perm.shape[0])[torch.argsort(perm)]
    mean = y.new_zeros(ptr.shape[0] - 1, y.shape[1]).index_add(0, segment, (g * y).abs())
    bound: Tensor = (perm.shape[0] + 3) * eps * y.abs() * (g.abs() + mean[segment])
    return bound


_CASES = ("usual", "no heads", "no edges", "no nodes")
VALUE = register(
    Kernel(
        "segment_softmax",
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
        "segment_softmax_gradient",
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
