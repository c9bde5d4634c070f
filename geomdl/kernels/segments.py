"""Sums over segments (edges → nodes) and their transpose (nodes → edges)."""

from typing import Any

import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.neighbors import gather_rows
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, check_rows, integers, matrix, owners, run, wide


def segment_sum(values: Tensor, ptr: Tensor, perm: Tensor | None = None) -> Tensor:
    """Sum the values of each segment, for instance messages on edges into nodes.

    y[i] = Σ values[perm[k]], k = ptr[i], …, ptr[i + 1] - 1

    Exact up to rounding: |error| ≤ (n - 1) eps Σ|values| for n values, sums in the order of k, in
    float32 for half precision. Does not depend on the number of threads, bitwise. A NaN stays in
    its segment. The derivative is `segment_spread`, whose derivative is this again.

    Args:
        values: shape (entries, ...), any strides.
        ptr: bounds of the segments, int32 or int64, shape (segments + 1,): `graph.in_ptr`.
        perm: a permutation of the entries, shape (entries,): `graph.perm`; default their order.

    Returns:
        Sums, shape (segments, ...), contiguous, dtype of values.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> segment_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2, 3])).tolist()
        [3.0, 0.0, 4.0]
    """
    return SUM(values, ptr, perm)


def segment_spread(y: Tensor, ptr: Tensor, perm: Tensor | None, entries: int) -> Tensor:
    """Give each entry the value of its segment: the transpose of `segment_sum`, exact.

    values[perm[k]] = y[i], k = ptr[i], …, ptr[i + 1] - 1

    Args:
        y: shape (segments, ...), any strides.
        ptr: bounds of the segments, int32 or int64, shape (segments + 1,).
        perm: a permutation of the entries, shape (entries,), or None for their order.
        entries: how many there are, ptr[-1].

    Returns:
        Values, shape (entries, ...), contiguous, dtype of y.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and a perm that is no permutation.

    Example:
        >>> segment_spread(torch.tensor([3.0, 5.0]), torch.tensor([0, 2, 3]), None, 3).tolist()
        [3.0, 3.0, 5.0]
    """
    return SPREAD(y, ptr, perm, entries)


def _sum_reference(values: Tensor, ptr: Tensor, perm: Tensor | None) -> Tensor:
    zeros = values.new_zeros(ptr.shape[0] - 1, *values.shape[1:], dtype=wide(values.dtype))
    ordered = values.to(zeros.dtype)
    ordered = ordered if perm is None else ordered.index_select(0, perm)
    return zeros.index_add(0, owners(ptr, values.shape[0]), ordered).to(values.dtype)


def _spread_reference(y: Tensor, ptr: Tensor, perm: Tensor | None, entries: int) -> Tensor:
    owner = owners(ptr, entries)
    return y.index_select(0, owner if perm is None else owner[torch.argsort(perm)])


@Compiled
def sum_rows(start, stop, ptr, values, y):  # type: ignore[no-untyped-def]
    """y[i] = Σ values[k] for start ≤ i < stop."""
    channels = y.shape[1]
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > values.shape[0]:
            return i
        for c in range(channels):
            y[i, c] = 0
        for k in range(first, last):
            for c in range(channels):
                y[i, c] += values[k, c]
    return -1


@Compiled
def spread_rows(start, stop, ptr, y, values):  # type: ignore[no-untyped-def]
    """values[k] = y[i] for start ≤ i < stop."""
    channels = y.shape[1]
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > values.shape[0]:
            return i
        for k in range(first, last):
            for c in range(channels):
                values[k, c] = y[i, c]
    return -1


@Compiled
def spread_permuted_rows(start, stop, ptr, perm, y, values):  # type: ignore[no-untyped-def]
    """values[perm[k]] = y[i] for start ≤ i < stop; perm was checked by `first_repeat`."""
    channels = y.shape[1]
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > values.shape[0]:
            return i
        for k in range(first, last):
            e = perm[k]
            for c in range(channels):
                values[e, c] = y[i, c]
    return -1


@Compiled
def first_repeat(perm, seen):  # type: ignore[no-untyped-def]
    """Position of the first entry that is out of range or repeats another; -1 if none does."""
    for k in range(perm.shape[0]):
        e = perm[k]
        if e < 0 or e >= seen.shape[0] or seen[e]:
            return k
        seen[e] = 1
    return -1


def _sum_cpu(values: Tensor, ptr: Tensor, perm: Tensor | None) -> Tensor:
    flat = matrix(values)
    y = flat.new_empty(ptr.shape[0] - 1, flat.shape[1])
    bounds, entries, channels = integers(ptr), flat.shape[0], flat.shape[1]
    if perm is None:
        run(sum_rows, bounds, entries, channels, flat.numpy(), y.numpy())
    else:
        run(gather_rows, bounds, entries, channels, integers(perm), flat.numpy(), y.numpy())
    return y.view(y.shape[0], *values.shape[1:]).to(values.dtype)


def _spread_cpu(y: Tensor, ptr: Tensor, perm: Tensor | None, entries: int) -> Tensor:
    flat = matrix(y)
    values = flat.new_empty(entries, flat.shape[1])
    bounds, channels = integers(ptr), flat.shape[1]
    if perm is None:
        run(spread_rows, bounds, entries, channels, flat.numpy(), values.numpy())
    else:
        order = integers(perm)
        bad = first_repeat(order, torch.zeros(entries, dtype=torch.uint8).numpy())
        if bad >= 0:
            raise ValueError(
                f"perm: expected each of 0, …, {entries - 1} once, got {order[bad]} at {bad}"
            )
        run(spread_permuted_rows, bounds, entries, channels, order, flat.numpy(), values.numpy())
    return values.view(entries, *y.shape[1:]).to(y.dtype)


def _sum_fake(values: Tensor, ptr: Tensor, perm: Tensor | None) -> Tensor:
    return values.new_empty(ptr.shape[0] - 1, *values.shape[1:])


def _spread_fake(y: Tensor, ptr: Tensor, perm: Tensor | None, entries: int) -> Tensor:
    return y.new_empty(entries, *y.shape[1:])


def _check(x: Tensor, ptr: Tensor, perm: Tensor | None, entries: int) -> None:
    check_rows(x, ptr=ptr, perm=perm)
    if perm is not None and perm.shape[0] != entries:
        raise ValueError(f"perm: expected shape ({entries},), got {tuple(perm.shape)}")


def _sum_check(values: Tensor, ptr: Tensor, perm: Tensor | None) -> None:
    check_features("values", values)
    _check(values, ptr, perm, values.shape[0])


def _spread_check(y: Tensor, ptr: Tensor, perm: Tensor | None, entries: int) -> None:
    if entries < 0:
        raise ValueError(f"entries: expected at least 0, got {entries}")
    check_features("y", y)
    _check(y, ptr, perm, entries)
    check_features("y", y, ptr.shape[0] - 1)


def _sum_setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    values, ptr, perm = inputs
    ctx.save_for_backward(ptr, perm)
    ctx.entries = values.shape[0]


def _sum_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    ptr, perm = ctx.saved_tensors
    return segment_spread(gradient, ptr, perm, ctx.entries), None, None


def _spread_setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    _, ptr, perm, _ = inputs
    ctx.save_for_backward(ptr, perm)


def _spread_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    ptr, perm = ctx.saved_tensors
    return segment_sum(gradient, ptr, perm), None, None, None


def _segments(index_dtype: torch.dtype, case: str) -> tuple[Tensor, Tensor | None, tuple[int, ...]]:
    """Bounds, permutation and trailing shape of a case."""
    sizes, trailing = {
        "usual": ([3, 0, 5, 1, 7, 0], (3,)),
        "tensors": ([2, 2, 9, 0], (2, 3)),
        "numbers": ([2, 2, 9, 0], ()),
        "in order": ([4, 0, 3], (2,)),
        "no channels": ([1, 2], (0,)),
        "no entries": ([0, 0], (2,)),
        "no segments": ([], (2,)),
    }[case]
    ptr = torch.tensor([0, *sizes]).cumsum(0).to(index_dtype)
    rng = torch.Generator().manual_seed(len(sizes))
    perm = torch.randperm(sum(sizes), generator=rng).to(index_dtype)
    return ptr, None if case == "in order" else perm, trailing


def _sum_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    ptr, perm, trailing = _segments(index_dtype, case)
    rng = torch.Generator().manual_seed(1)
    values = torch.randn(int(ptr[-1]), *trailing, generator=rng, dtype=torch.float64)
    return values.to(dtype), ptr, perm


def _spread_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    ptr, perm, trailing = _segments(index_dtype, case)
    rng = torch.Generator().manual_seed(2)
    y = torch.randn(ptr.shape[0] - 1, *trailing, generator=rng, dtype=torch.float64)
    return y.to(dtype), ptr, perm, int(ptr[-1])


def _sum_bound(args: Args, eps: float) -> Tensor:
    values, ptr, perm = args
    count = ptr.diff().reshape(-1, *[1] * (values.ndim - 1))
    bound: Tensor = (count - 1).clamp(min=0) * eps * _sum_reference(values.abs(), ptr, perm)
    return bound


_CASES = ("usual", "tensors", "numbers", "in order", "no channels", "no entries", "no segments")
SUM = register(
    Kernel(
        "segment_sum",
        reference=_sum_reference,
        cpu=_sum_cpu,
        fake=_sum_fake,
        setup=_sum_setup,
        backward=_sum_backward,
        check=_sum_check,
        example=_sum_example,
        bound=_sum_bound,
        cases=_CASES,
    )
)
SPREAD = register(
    Kernel(
        "segment_spread",
        reference=_spread_reference,
        cpu=_spread_cpu,
        fake=_spread_fake,
        setup=_spread_setup,
        backward=_spread_backward,
        check=_spread_check,
        example=_spread_example,
        bound=lambda args, eps: torch.zeros_like(_spread_reference(*args)),
        cases=_CASES,
    )
)
