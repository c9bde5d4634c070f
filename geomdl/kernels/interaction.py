"""Messages of spherical tensors: gather, product with harmonics, weights and sum, in one pass.

The form Σ g y is linear in features x, harmonics s, weights w and the gradient g, so that its
derivatives are four operations and no more: the value, its tangent, its gradient, and the gradient
of its tangent. Each is differentiated by the others, to every order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.folding import array
from geomdl.kernels.interaction_checks import (
    ROWS,
    TABLE,
    check,
    check_gradient,
    check_order,
    check_tangent,
    entries_of,
)
from geomdl.kernels.interaction_loops import (
    gradient_rows,
    second_rows,
    tangent_rows,
    value_rows,
)
from geomdl.kernels.interaction_vectors import WIDTH
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import integers, owners, run, wide
from geomdl.kernels.segments import first_repeat

Three = tuple[Tensor, Tensor, Tensor]
_NONE = ([None] * len(ROWS), [None] * len(TABLE), None)


def interaction(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
    components: int,
) -> Tensor:
    """Sum of messages from neighbours, each a product of features and harmonics by weights.

    y[n, k, u] = Σ_e Σ_q c_q x[source(e), i_q, u] s[e, j_q] w[e, p_q, u], over the edges e into n
    and the terms q with k_q = k.

    Exact up to rounding: |error| ≤ (terms + edges) eps Σ|c x s w|, in float32 for half precision;
    does not depend on the number of threads, bitwise. Nothing of the size of edges × components is
    stored. Derivatives of every order; forward mode and `torch.func` run the plain-torch reference.

    Args:
        x: features, shape (sources, I, channels).
        s: harmonics of the edges, shape (edges, J).
        w: weights of the edges, shape (edges, paths, channels).
        rows: of a `Graph`: in_ptr, in_neighbors, perm, out_ptr, out_neighbors, out_perm; int32 or
            int64. That the last three are the transpose of the first is not checked.
        table: terms, values and blocks. Terms (i, j, k, path, entry), int64 of shape (Q, 5), by
            path; a path's entries number a matrix by k and i. Their coefficients c, float64 of
            shape (Q,). Of each path: first i, number of i (odd, at most 13), first k, number of
            k, step of k, first entry; int64 of shape (paths, 6).
        components: K, number of k.

    Returns:
        shape (targets, K, channels), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU also indices out of range (not
            under transforms of `torch.func`), and orders of the edges that repeat one.

    Example:
        >>> x, s, w = torch.tensor([[[2.0]], [[3.0]]]), torch.ones(1, 1), torch.full((1, 1, 1), 4.0)
        >>> rows = [torch.tensor(r) for r in ([0, 0, 1], [0], [0], [0, 1, 1], [1], [0])]  # 0 → 1
        >>> table = [
        ...     torch.tensor([[0] * 5]),
        ...     torch.ones(1).double(),
        ...     torch.tensor([[0, 1, 0, 1, 1, 0]]),
        ... ]
        >>> interaction(x, s, w, rows, table, 1).flatten().tolist()
        [0.0, 8.0]
    """
    return VALUE(x, s, w, list(rows), list(table), components)


# --- references ------------------------------------------------------------------------------


def _ends(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sources and targets in the order of the edges."""
    in_ptr, in_neighbors, perm = rows[:3]
    place = torch.argsort(perm)
    check_order(perm, place)
    return in_neighbors[place], owners(in_ptr, perm.shape[0])[place]


def _product(table: Sequence[Tensor], **factors: Tensor) -> Tensor:
    """c_q times the factors x, s, w, g of each term q, shape (edges, Q, channels)."""
    product = table[1].to(next(iter(factors.values())).dtype)[:, None]
    for column, name in enumerate("xsgw"):
        if name in factors:
            factor = factors[name].index_select(1, table[0][:, column])
            product = product * (factor.unsqueeze(-1) if name == "s" else factor)
    return product


def _sum_terms(product: Tensor, column: Tensor, count: int) -> Tensor:
    """Sum (edges, Q, …) over the terms of each number in a column."""
    sums = product.new_zeros(product.shape[0], count, *product.shape[2:])
    return sums.index_add(1, column, product)


def _sum_rows(edges: Tensor, node: Tensor, count: int) -> Tensor:
    return edges.new_zeros(count, *edges.shape[1:]).index_add(0, node, edges)


def _value_reference(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
    components: int,
) -> Tensor:
    source, target = _ends(rows)
    a, b, c = (t.to(wide(t.dtype)) for t in (x, s, w))
    product = _product(table, x=a[source], s=b, w=c)
    edges = _sum_terms(product, table[0][:, 2], components)
    return _sum_rows(edges, target, rows[0].shape[0] - 1).to(x.dtype)


def _tangent_reference(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    hx: Tensor,
    hs: Tensor,
    hw: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
    components: int,
) -> Tensor:
    dtype, point, step = x.dtype, _widened(x, s, w), _widened(hx, hs, hw)
    parts = []
    for place in range(3):
        a, b, c = (step[i] if i == place else point[i] for i in range(3))
        parts.append(_value_reference(a, b, c, rows, table, components))
    return (parts[0] + parts[1] + parts[2]).to(dtype)


def _gradient_reference(
    x: Tensor, s: Tensor, w: Tensor, g: Tensor, rows: Sequence[Tensor], table: Sequence[Tensor]
) -> Three:
    source, target = _ends(rows)
    a, b, c, d = _widened(x, s, w, g)
    a_e, d_e, terms = a[source], d[target], table[0]
    gx = _sum_terms(_product(table, s=b, w=c, g=d_e), terms[:, 0], x.shape[1])
    gs = _sum_terms(_product(table, x=a_e, w=c, g=d_e).sum(-1), terms[:, 1], s.shape[1])
    gw = _sum_terms(_product(table, x=a_e, s=b, g=d_e), terms[:, 3], w.shape[1])
    return _sum_rows(gx, source, x.shape[0]).to(x.dtype), gs.to(s.dtype), gw.to(w.dtype)


def _second_reference(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    g: Tensor,
    hx: Tensor,
    hs: Tensor,
    hw: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
) -> Three:
    types, (x, s, w, g, hx, hs, hw) = (x.dtype, s.dtype, w.dtype), _widened(x, s, w, g, hx, hs, hw)
    by_x = _gradient_reference(hx, s, w, g, rows, table)
    by_s = _gradient_reference(x, hs, w, g, rows, table)
    by_w = _gradient_reference(x, s, hw, g, rows, table)
    sums = (by_s[0] + by_w[0], by_x[1] + by_w[1], by_x[2] + by_s[2])
    return (sums[0].to(types[0]), sums[1].to(types[1]), sums[2].to(types[2]))


def _widened(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(t.to(wide(t.dtype)) for t in tensors)


# --- compiled --------------------------------------------------------------------------------


def _loop(
    body: Compiled,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
    inputs: Sequence[Tensor],
    shapes: Sequence[Sequence[int]],
    components: int,
) -> list[Tensor]:
    """Run a loop over edges in their rows; channels are made up to whole vectors meanwhile."""
    x, dtype = inputs[0], wide(inputs[0].dtype)
    more = -x.shape[2] % (WIDTH // dtype.itemsize)
    terms, values, blocks = (t.detach().numpy() for t in table)
    entries = entries_of(terms, blocks, (x.shape[1], inputs[1].shape[1], components))
    ptr, index, perm = (integers(t.long()) for t in rows)  # one type, compiled once
    if first_repeat(perm, np.zeros(len(perm), np.uint8)) >= 0:
        raise ValueError(f"perm: expected each of {len(perm)} edges once, got others or repeats")
    outputs = [x.new_empty(*t[:-1], t[-1] + more * (len(t) == 3), dtype=dtype) for t in shapes]
    arrays = [array(pad(t, (0, more)) if more and t.ndim == 3 else t, dtype) for t in inputs]
    made = [t.numpy() for t in outputs]
    coefficients = values.astype(arrays[0].dtype)
    work = x.shape[2] * max(entries, 1)
    run(
        body,
        ptr,
        len(perm),
        work,
        index,
        perm,
        *arrays,
        terms,
        coefficients,
        blocks,
        entries,
        *made,
    )
    return [y[..., : t[-1]].contiguous().to(x.dtype) for y, t in zip(outputs, shapes, strict=True)]


def _value_cpu(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
    components: int,
) -> Tensor:
    shape = (rows[0].shape[0] - 1, components, x.shape[2])
    return _loop(value_rows, rows[:3], table, (x, s, w), [shape], components)[0]


def _tangent_cpu(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    hx: Tensor,
    hs: Tensor,
    hw: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
    components: int,
) -> Tensor:
    shape = (rows[0].shape[0] - 1, components, x.shape[2])
    return _loop(tangent_rows, rows[:3], table, (x, s, w, hx, hs, hw), [shape], components)[0]


def _gradient_cpu(
    x: Tensor, s: Tensor, w: Tensor, g: Tensor, rows: Sequence[Tensor], table: Sequence[Tensor]
) -> Three:
    shapes = (x.shape, s.shape, w.shape)
    gx, gs, gw = _loop(gradient_rows, rows[3:], table, (x, s, w, g), shapes, g.shape[1])
    return gx, gs, gw


def _second_cpu(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    g: Tensor,
    hx: Tensor,
    hs: Tensor,
    hw: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
) -> Three:
    shapes = (x.shape, s.shape, w.shape)
    gx, gs, gw = _loop(second_rows, rows[3:], table, (x, s, w, g, hx, hs, hw), shapes, g.shape[1])
    return gx, gs, gw


# --- shapes --------------------------------------------------------------------------------


def _value_fake(x: Tensor, *rest: Any) -> Tensor:
    rows, _, components = rest[-3:]
    return x.new_empty(rows[0].shape[0] - 1, components, x.shape[2])


def _gradient_fake(x: Tensor, s: Tensor, w: Tensor, *rest: Any) -> Three:
    return x.new_empty(x.shape), s.new_empty(s.shape), w.new_empty(w.shape)


# --- derivatives -----------------------------------------------------------------------------


def _keep(ctx: Any, inputs: Args, output: Any) -> None:
    tensors = [t for t in inputs if isinstance(t, Tensor)]
    rows, table = (list(t) for t in inputs if isinstance(t, (list, tuple)))
    ctx.save_for_backward(*tensors, *rows, *table)
    ctx.components = inputs[-1] if isinstance(inputs[-1], int) else None


def _kept(ctx: Any) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    found, table = list(ctx.saved_tensors), len(TABLE)
    rows = table + len(ROWS)
    return found[:-rows], found[-rows:-table], found[-table:]


def _value_backward(ctx: Any, g: Tensor) -> Any:
    point, rows, table = _kept(ctx)
    return (*GRADIENT.run(*point, g, rows, table), *_NONE)


def _tangent_backward(ctx: Any, g: Tensor) -> Any:
    values, rows, table = _kept(ctx)
    point, step = values[:3], values[3:]
    in_point = SECOND.run(*point, g, *step, rows, table)
    return (*in_point, *GRADIENT.run(*point, g, rows, table), *_NONE)


def _gradient_backward(ctx: Any, hx: Tensor, hs: Tensor, hw: Tensor) -> Any:
    (x, s, w, g), rows, table = _kept(ctx)
    in_point = SECOND.run(x, s, w, g, hx, hs, hw, rows, table)
    return (*in_point, TANGENT(x, s, w, hx, hs, hw, rows, table, g.shape[1]), *_NONE[:2])


def _second_backward(ctx: Any, kx: Tensor, ks: Tensor, kw: Tensor) -> Any:
    (x, s, w, g, hx, hs, hw), rows, table = _kept(ctx)
    in_point = SECOND.run(hx, hs, hw, g, kx, ks, kw, rows, table)  # third derivatives are symmetric
    in_step = SECOND.run(x, s, w, g, kx, ks, kw, rows, table)
    zero, size = torch.zeros_like(hx), g.shape[1]
    in_g = (
        TANGENT(hx, s, w, zero, ks, kw, rows, table, size)
        + TANGENT(kx, s, w, zero, hs, hw, rows, table, size)
        + TANGENT(x, hs, hw, zero, ks, kw, rows, table, size)
    )
    return (*in_point, in_g, *in_step, *_NONE[:2])


# --- examples --------------------------------------------------------------------------------


def _made(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> tuple[Any, ...]:
    sources, targets, edges, channels = {
        "usual": (3, 3, 4, 1),
        "no edges": (3, 2, 0, 2),
        "no channels": (3, 3, 5, 0),
        "no nodes": (0, 0, 0, 2),
    }[case]
    rng = torch.Generator().manual_seed(edges)
    blocks = torch.tensor([[0, 1, 0, 1, 1, 0], [1, 3, 2, 3, 2, 1], [1, 3, 1, 1, 1, 10]])
    matrices = [(p, e) for p, b in enumerate(blocks.tolist()) for e in range(b[1] * b[3])]
    terms = []
    for p, e in matrices:
        i, width, k, _, step, entry = blocks[p].tolist()
        for j in {e % 4, (e + p) % 4}:
            terms.append([i + e % width, j, k + step * (e // width), p, entry + e])

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64).to(dtype)

    source = torch.randint(max(sources - 1, 1), (edges,), generator=rng)
    target = torch.randint(max(targets - 1, 1), (edges,), generator=rng)
    rows: list[Tensor] = []
    for ends, others, count in ((target, source, targets), (source, target, sources)):
        counts = torch.bincount(ends, minlength=count).cumsum(0)
        perm = torch.argsort(ends, stable=True)
        rows += [torch.cat([counts.new_zeros(1), counts]), others[perm], perm]
    values = torch.randn(len(terms), generator=rng, dtype=torch.float64)
    table = [torch.tensor(terms), values, blocks]
    point = draw(sources, 4, channels), draw(edges, 4), draw(edges, 3, channels)
    step = tuple(draw(*t.shape) for t in point)
    rows = [t.to(index_dtype) for t in rows]
    return point, draw(targets, 7, channels), step, rows, table


def _value_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    point, _, _, rows, table = _made(dtype, index_dtype, case)
    return (*point, rows, table, 7)


def _tangent_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    point, _, step, rows, table = _made(dtype, index_dtype, case)
    return (*point, *step, rows, table, 7)


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    point, g, _, rows, table = _made(dtype, index_dtype, case)
    return (*point, g, rows, table)


def _second_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    point, g, step, rows, table = _made(dtype, index_dtype, case)
    return (*point, g, *step, rows, table)


def _bounded(reference: Any) -> Any:
    def bound(args: Args, eps: float) -> Any:
        sizes = [_magnitude(a) for a in args]
        count = len(args[-2][0]) if isinstance(args[-1], int) else len(args[-1][0])
        factor = (count + args[1].shape[0] + args[0].shape[2] + 8) * eps
        found = reference(*sizes)
        return tuple(factor * y for y in found) if isinstance(found, tuple) else factor * found

    return bound


def _magnitude(a: Any) -> Any:
    if isinstance(a, Tensor):
        return a.abs()
    if isinstance(a, list):  # coefficients are the floating-point numbers among the tables
        return [t.abs() if t.is_floating_point() else t for t in a]
    return a


_CASES = ("usual", "no edges", "no channels", "no nodes")


def _registered(
    name: str, reference: Any, cpu: Any, fake: Any, backward: Any, check: Any, example: Any
) -> Kernel:
    return register(
        Kernel(
            name,
            reference=reference,
            cpu=cpu,
            fake=fake,
            setup=_keep,
            backward=backward,
            check=check,
            example=example,
            bound=_bounded(reference),
            cases=_CASES,
        )
    )


VALUE = _registered(
    "interaction",
    _value_reference,
    _value_cpu,
    _value_fake,
    _value_backward,
    check,
    _value_example,
)
TANGENT = _registered(
    "interaction_tangent",
    _tangent_reference,
    _tangent_cpu,
    _value_fake,
    _tangent_backward,
    check_tangent,
    _tangent_example,
)
GRADIENT = _registered(
    "interaction_gradient",
    _gradient_reference,
    _gradient_cpu,
    _gradient_fake,
    _gradient_backward,
    check_gradient,
    _gradient_example,
)
SECOND = _registered(
    "interaction_second",
    _second_reference,
    _second_cpu,
    _gradient_fake,
    _second_backward,
    check_gradient,
    _second_example,
)
