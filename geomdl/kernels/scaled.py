"""Sums over the neighbours with factors at both ends and a share of the node's own."""

from typing import Any

import torch
from torch import Tensor

from geomdl.kernels import prefetch
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.neighbors import check_transposed, example_of_rows
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.prefetch import AHEAD, fetch_row
from geomdl.kernels.rows import check_features, integers, matrix, owners, run, wide


def scaled_sum(
    x: Tensor,
    ptr: Tensor,
    index: Tensor,
    out_ptr: Tensor,
    out_index: Tensor,
    at_target: Tensor | None = None,
    at_source: Tensor | None = None,
    own: Tensor | None = None,
) -> Tensor:
    """Sum features over the neighbours of each node, with factors, in one pass.

    y[i] = t[i] Σ s[index[k]] x[index[k]] + o[i] x[i], k = ptr[i], …, ptr[i + 1] - 1

    With s = t = d^(-1/2) a graph convolution, with t = 1/d a mean. Exact up to rounding: |error|
    ≤ (n + 3) eps (|t| Σ|s x| + |o x|) for n neighbours, in float32 for half precision (rounded
    once at the end). Does not depend on the number of threads, bitwise. Derivatives of every order;
    forward mode and `torch.func` run the plain-torch reference.

    Args:
        x: features, shape (sources, channels), any strides.
        ptr: bounds of the rows, int32 or int64, shape (targets + 1,): `graph.in_ptr`.
        index: neighbours, row by row, shape (edges,): `graph.in_neighbors`.
        out_ptr: bounds of the transpose, shape (sources + 1,): `graph.out_ptr`. The derivative
            needs it; that it *is* the transpose is not checked.
        out_index: its neighbours, shape (edges,): `graph.out_neighbors`.
        at_target: t, shape (targets,); 1 if None.
        at_source: s, shape (sources,); 1 if None.
        own: o, shape (targets,), where there are as many sources; 0 if None.

    Returns:
        shape (targets, channels), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [4.0]])  # edges 0 → 1, 2 → 1, 2 → 0
        >>> ptr, index = torch.tensor([0, 1, 3, 3]), torch.tensor([2, 0, 2])
        >>> out_ptr, out_index = torch.tensor([0, 1, 1, 3]), torch.tensor([1, 0, 1])
        >>> half = torch.full((3,), 0.5)
        >>> scaled_sum(x, ptr, index, out_ptr, out_index, half, None, half).flatten().tolist()
        [2.5, 3.5, 2.0]
    """
    return KERNEL(x, ptr, index, out_ptr, out_index, at_target, at_source, own)


def _reference(
    x: Tensor,
    ptr: Tensor,
    index: Tensor,
    out_ptr: Tensor,
    out_index: Tensor,
    at_target: Tensor | None,
    at_source: Tensor | None,
    own: Tensor | None,
) -> Tensor:
    rows = x.to(wide(x.dtype))
    t, s, o = (None if f is None else f.to(rows.dtype).unsqueeze(1)
               for f in (at_target, at_source, own))  # fmt: skip
    sent = (rows if s is None else s * rows).index_select(0, index)
    zeros = rows.new_zeros(ptr.shape[0] - 1, x.shape[1])
    y = zeros.index_add(0, owners(ptr, index.shape[0]), sent)
    y = y if t is None else t * y
    return (y if o is None else y + o * rows).to(x.dtype)


def _scaled_rows(start, stop, ptr, index, x, t, s, o, y):  # type: ignore[no-untyped-def]
    """y[i] = t[i] Σ s[index[k]] x[index[k]] + o[i] x[i] for start ≤ i < stop."""
    sources, channels = x.shape
    rows, edges = y.shape[0], index.shape[0]
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > edges:
            return i
        for c in range(channels):
            y[i, c] = 0
        for k in range(first, last):
            j = index[k]
            if j < 0 or j >= sources:
                return rows + k
            if k + AHEAD < edges:
                fetch_row(x, index[k + AHEAD])
            if s.shape[0]:
                factor = s[j]
                for c in range(channels):
                    y[i, c] += factor * x[j, c]
            else:
                for c in range(channels):
                    y[i, c] += x[j, c]
        if t.shape[0]:
            factor = t[i]
            for c in range(channels):
                y[i, c] *= factor
        if o.shape[0]:
            factor = o[i]
            for c in range(channels):
                y[i, c] += factor * x[i, c]
    return -1


scaled_rows = Compiled(_scaled_rows, prefetch.names, prefetch.__file__)


def _cpu(
    x: Tensor,
    ptr: Tensor,
    index: Tensor,
    out_ptr: Tensor,
    out_index: Tensor,
    at_target: Tensor | None,
    at_source: Tensor | None,
    own: Tensor | None,
) -> Tensor:
    flat = matrix(x)
    y = flat.new_empty(ptr.shape[0] - 1, flat.shape[1])
    bounds, neighbors = integers(ptr), integers(index)
    none = flat.new_empty(0)
    factors = [
        (none if f is None else f.detach().to(flat.dtype).contiguous()).numpy()
        for f in (at_target, at_source, own)
    ]
    run(
        scaled_rows, bounds, len(neighbors), y.shape[1], neighbors, flat.numpy(), *factors,
        y.numpy(),
    )  # fmt: skip
    return y.to(x.dtype)


def _fake(
    x: Tensor,
    ptr: Tensor,
    index: Tensor,
    out_ptr: Tensor,
    out_index: Tensor,
    at_target: Tensor | None,
    at_source: Tensor | None,
    own: Tensor | None,
) -> Tensor:
    return x.new_empty(ptr.shape[0] - 1, x.shape[1])


def _check(
    x: Tensor,
    ptr: Tensor,
    index: Tensor,
    out_ptr: Tensor,
    out_index: Tensor,
    at_target: Tensor | None,
    at_source: Tensor | None,
    own: Tensor | None,
) -> None:
    check_features("x", x)
    if x.ndim != 2:
        raise ValueError(f"x: expected shape (sources, channels), got {tuple(x.shape)}")
    check_transposed(x, ptr, index, out_ptr, out_index)
    targets, sources = ptr.shape[0] - 1, x.shape[0]
    if own is not None and targets != sources:
        raise ValueError(
            f"own: expected None where sources ({sources}) are not targets ({targets}), got one"
        )
    seen, device = None, x.device
    for name, factor, count in (
        ("at_target", at_target, targets),
        ("at_source", at_source, sources),
        ("own", own, targets),
    ):
        if factor is None or (factor is seen and targets == sources):
            continue
        seen = factor
        check_features(name, factor)
        if factor.shape != (count,):
            raise ValueError(f"{name}: expected shape ({count},), got {tuple(factor.shape)}")
        if factor.device != device:
            raise ValueError(f"{name}: expected a tensor on {device}, got {factor.device}")


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    needed = any(ctx.needs_input_grad[5:])
    ctx.save_for_backward(*inputs[1:], inputs[0] if needed else None)


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    ptr, index, out_ptr, out_index, t, s, o, x = ctx.saved_tensors
    back = scaled_sum(g, out_ptr, out_index, ptr, index, s, t, o)
    slopes: list[Tensor | None] = [None, None, None]
    if ctx.needs_input_grad[5]:
        slopes[0] = (g * scaled_sum(x, ptr, index, out_ptr, out_index, None, s)).sum(1)
    if ctx.needs_input_grad[6]:
        slopes[1] = (x * scaled_sum(g, out_ptr, out_index, ptr, index, None, t)).sum(1)
    if ctx.needs_input_grad[7]:
        slopes[2] = (g * x).sum(1)
    return back, None, None, None, None, *slopes


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    x, *rows = example_of_rows(dtype, index_dtype, "square" if case != "bare" else "usual")
    rng = torch.Generator().manual_seed(5)
    n = x.shape[0]
    factors = [
        (torch.rand(n, generator=rng, dtype=torch.float64) - 0.3).to(dtype) for _ in range(3)
    ]
    chosen: dict[str, list[Tensor | None]] = {
        "usual": [*factors],
        "target": [factors[0], None, None],
        "source": [None, factors[1], None],
        "own": [None, None, factors[2]],
        "bare": [None, None, None],
    }
    return (x, *rows, *chosen[case])


def _bound(args: Args, eps: float) -> Tensor:
    x, ptr, index, out_ptr, out_index, *factors = args
    degree = ptr.diff().unsqueeze(1)
    t, s, o = (None if f is None else f.abs() for f in factors)
    size = _reference(x.abs(), ptr, index, out_ptr, out_index, t, s, o)
    bound: Tensor = (degree + 3) * eps * size
    return bound


KERNEL = register(
    Kernel(
        "scaled_sum",
        reference=_reference,
        cpu=_cpu,
        fake=_fake,
        setup=_setup,
        backward=_backward,
        check=_check,
        example=_example,
        bound=_bound,
        cases=("usual", "target", "source", "own", "bare"),
    )
)
