"""Sum of the neighbours' features: gather and sum in one pass, nothing of the size of the edges."""

from typing import Any

import torch
from torch import Tensor

from geomdl.kernels import prefetch
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.prefetch import AHEAD, fetch_row
from geomdl.kernels.rows import check_features, check_rows, integers, matrix, owners, run, wide


def neighbor_sum(
    x: Tensor, ptr: Tensor, index: Tensor, out_ptr: Tensor, out_index: Tensor
) -> Tensor:
    """Sum features over the neighbours of each node.

    y[i] = Σ x[index[k]], k = ptr[i], …, ptr[i + 1] - 1

    Exact up to rounding: |error| ≤ (n - 1) eps Σ|x| for n neighbours, sums in the order of k,
    in float32 for half precision (rounded once at the end). The result does not depend on the
    number of threads, bitwise. A NaN stays in the rows that sum it. Linear in x, with derivatives
    of every order; forward mode and `torch.func` run the plain-torch reference.

    Args:
        x: features, shape (sources, ...), any strides.
        ptr: bounds of the rows, int32 or int64, shape (targets + 1,): `graph.in_ptr`.
        index: neighbours, row by row, shape (edges,): `graph.in_neighbors`.
        out_ptr: bounds of the transpose, shape (sources + 1,): `graph.out_ptr`. The derivative
            needs it; that it *is* the transpose is not checked.
        out_index: its neighbours, shape (edges,): `graph.out_neighbors`.

    Returns:
        Sums, shape (targets, ...), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, outside transforms of
            `torch.func`, also bounds that decrease and an index out of range.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [4.0]])  # edges 0 → 1, 2 → 1, 2 → 0
        >>> ptr, index = torch.tensor([0, 1, 3, 3]), torch.tensor([2, 0, 2])
        >>> out_ptr, out_index = torch.tensor([0, 1, 1, 3]), torch.tensor([1, 0, 1])
        >>> neighbor_sum(x, ptr, index, out_ptr, out_index).flatten().tolist()
        [4.0, 5.0, 0.0]
    """
    return KERNEL(x, ptr, index, out_ptr, out_index)


def _reference(x: Tensor, ptr: Tensor, index: Tensor, out_ptr: Tensor, out_index: Tensor) -> Tensor:
    zeros = x.new_zeros(ptr.shape[0] - 1, *x.shape[1:], dtype=wide(x.dtype))
    values = x.to(zeros.dtype).index_select(0, index)
    return zeros.index_add(0, owners(ptr, index.shape[0]), values).to(x.dtype)


def _gather_rows(start, stop, ptr, index, x, y):  # type: ignore[no-untyped-def]
    """y[i] = Σ x[index[k]] for start ≤ i < stop; returns a code as `rows.run` expects."""
    sources, channels = x.shape
    rows = y.shape[0]
    for i in range(start, stop):
        first, last = ptr[i], ptr[i + 1]
        if first < 0 or last < first or last > index.shape[0]:
            return i
        for c in range(channels):
            y[i, c] = 0
        for k in range(first, last):
            j = index[k]
            if j < 0 or j >= sources:
                return rows + k
            if k + AHEAD < index.shape[0]:
                fetch_row(x, index[k + AHEAD])
            for c in range(channels):
                y[i, c] += x[j, c]
    return -1


gather_rows = Compiled(_gather_rows, prefetch.names, prefetch.__file__)


def _cpu(x: Tensor, ptr: Tensor, index: Tensor, out_ptr: Tensor, out_index: Tensor) -> Tensor:
    flat = matrix(x)
    y = flat.new_empty(ptr.shape[0] - 1, flat.shape[1])
    bounds, neighbors = integers(ptr), integers(index)
    run(gather_rows, bounds, len(neighbors), y.shape[1], neighbors, flat.numpy(), y.numpy())
    return y.view(y.shape[0], *x.shape[1:]).to(x.dtype)


def _fake(x: Tensor, ptr: Tensor, index: Tensor, out_ptr: Tensor, out_index: Tensor) -> Tensor:
    return x.new_empty(ptr.shape[0] - 1, *x.shape[1:])


def _check(x: Tensor, ptr: Tensor, index: Tensor, out_ptr: Tensor, out_index: Tensor) -> None:
    check_features("x", x)
    check_transposed(x, ptr, index, out_ptr, out_index)


def check_transposed(
    x: Tensor, ptr: Tensor, index: Tensor, out_ptr: Tensor, out_index: Tensor
) -> None:
    """Refuse rows and rows of the transpose that do not belong to x or to each other."""
    check_rows(x, ptr=ptr, index=index, out_ptr=out_ptr, out_index=out_index)
    if out_ptr.shape[0] != x.shape[0] + 1:
        raise ValueError(f"out_ptr: expected shape ({x.shape[0] + 1},), got {tuple(out_ptr.shape)}")
    if out_index.shape != index.shape:
        raise ValueError(
            f"out_index: expected shape {tuple(index.shape)}, got {tuple(out_index.shape)}"
        )


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:])


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    ptr, index, out_ptr, out_index = ctx.saved_tensors
    return neighbor_sum(gradient, out_ptr, out_index, ptr, index), None, None, None, None


def example_of_rows(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    """Features and rows both ways of random edges; the last source and target have none."""
    nodes, targets, edges, trailing = {
        "usual": (7, 5, 23, (3,)),
        "tensors": (6, 8, 30, (2, 3)),
        "numbers": (6, 6, 17, ()),
        "no channels": (4, 4, 9, (0,)),
        "no edges": (4, 3, 0, (2,)),
        "no nodes": (0, 0, 0, (2,)),
        "square": (7, 7, 23, (3,)),
    }[case]
    rng = torch.Generator().manual_seed(nodes + edges)
    x = torch.randn(nodes, *trailing, generator=rng, dtype=torch.float64).to(dtype)
    source = torch.randint(max(nodes - 1, 1), (edges,), generator=rng)  # the last node is isolated
    target = torch.randint(max(targets - 1, 1), (edges,), generator=rng)
    tensors: list[Tensor] = []
    for rows, columns, count in ((target, source, targets), (source, target, nodes)):
        counts = torch.bincount(rows, minlength=count).cumsum(0)
        ptr = torch.cat([counts.new_zeros(1), counts])
        tensors += [ptr, columns[torch.argsort(rows, stable=True)]]
    return (x, *(tensor.to(index_dtype) for tensor in tensors))


def _bound(args: Args, eps: float) -> Tensor:
    x, ptr, *rest = args
    degree = ptr.diff().reshape(-1, *[1] * (x.ndim - 1))
    bound: Tensor = (degree - 1).clamp(min=0) * eps * _reference(x.abs(), ptr, *rest)
    return bound


KERNEL = register(
    Kernel(
        "neighbor_sum",
        reference=_reference,
        cpu=_cpu,
        fake=_fake,
        setup=_setup,
        backward=_backward,
        check=_check,
        example=example_of_rows,
        bound=_bound,
        cases=("usual", "tensors", "numbers", "no channels", "no edges", "no nodes"),
    )
)
