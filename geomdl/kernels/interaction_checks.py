"""What arguments an interaction takes: shapes, types, and a table that fits together."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import is_fake

from geomdl.kernels.interaction_loops import DEGREE
from geomdl.kernels.rows import check_features, check_rows

ROWS = ("in_ptr", "in_neighbors", "perm", "out_ptr", "out_neighbors", "out_perm")
TABLE = ("terms", "values", "blocks")


def check(
    x: Tensor,
    s: Tensor,
    w: Tensor,
    rows: Sequence[Tensor],
    table: Sequence[Tensor],
    components: int,
) -> None:
    """Refuse arguments of `geomdl.kernels.interaction` that do not fit together."""
    for name, value, ndim in (("x", x, 3), ("s", s, 2), ("w", w, 3)):
        check_features(name, value)
        if value.ndim != ndim or value.dtype != x.dtype or value.device != x.device:
            raise ValueError(
                f"{name}: expected {ndim} axes, {x.dtype} on {x.device}, as x; got shape"
                f" {tuple(value.shape)}, {value.dtype} on {value.device}"
            )
    if len(rows) != len(ROWS) or len(table) != len(TABLE):
        raise ValueError(f"rows, table: expected {', '.join(ROWS)}; {', '.join(TABLE)}")
    check_rows(x, **dict(zip(ROWS, rows, strict=True)))
    terms, values, blocks = table
    edges, paths = s.shape[0], blocks.shape[0]
    sizes = {
        "in_neighbors": (rows[1], (edges,)),
        "perm": (rows[2], (edges,)),
        "out_ptr": (rows[3], (x.shape[0] + 1,)),
        "out_neighbors": (rows[4], (edges,)),
        "out_perm": (rows[5], (edges,)),
        "w": (w, (edges, paths, x.shape[2])),
        "values": (values, (terms.shape[0],)),
        "terms": (terms, (terms.shape[0], 5)),
        "blocks": (blocks, (paths, 6)),
    }
    for name, (value, shape) in sizes.items():
        if tuple(value.shape) != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")
    for name, value, dtype in (
        ("terms", terms, torch.int64),
        ("values", values, torch.float64),
        ("blocks", blocks, torch.int64),
    ):
        if value.dtype != dtype or value.device != x.device:
            raise TypeError(f"{name}: expected {dtype} on {x.device}, got {value.dtype}")
    if components < 0:
        raise ValueError(f"components: expected at least 0, got {components}")


def _check_like(named: dict[str, tuple[Tensor, tuple[int, ...]]], x: Tensor) -> None:
    for name, (value, shape) in named.items():
        if tuple(value.shape) != shape or value.dtype != x.dtype or value.device != x.device:
            raise ValueError(
                f"{name}: expected shape {shape}, {x.dtype} on {x.device}, got"
                f" {tuple(value.shape)}, {value.dtype} on {value.device}"
            )


def check_tangent(x: Tensor, s: Tensor, w: Tensor, *rest: Any) -> None:
    """The same of its tangent: hx, hs, hw of the shapes of x, s, w."""
    hx, hs, hw, rows, table, components = rest
    check(x, s, w, rows, table, components)
    pairs = {"hx": (hx, x), "hs": (hs, s), "hw": (hw, w)}
    _check_like({name: (h, tuple(t.shape)) for name, (h, t) in pairs.items()}, x)


def check_gradient(x: Tensor, s: Tensor, w: Tensor, g: Tensor, *rest: Any) -> None:
    """The same of its gradient, and of the gradient of its tangent."""
    rows, table = rest[-2:]
    components = g.shape[1] if g.ndim == 3 else 0
    if len(rest) == 5:
        check_tangent(x, s, w, *rest, components)
    else:
        check(x, s, w, rows, table, components)
    _check_like({"g": (g, (rows[0].shape[0] - 1, components, x.shape[2]))}, x)


def check_order(perm: Tensor, place: Tensor) -> None:
    """Refuse an order of edges that repeats one, on the CPU, where its numbers can be read.

    Args:
        perm: edges in their order.
        place: ``torch.argsort(perm)``.
    """
    hidden = torch._C._functorch.is_functorch_wrapped_tensor(perm)
    if perm.device.type != "cpu" or torch.compiler.is_compiling() or is_fake(perm) or hidden:
        return
    numbers = torch.arange(len(perm), dtype=perm.dtype)
    if not torch.equal(perm.index_select(0, place), numbers):
        raise ValueError(f"perm: expected each of {len(perm)} edges once, got others or repeats")


def entries_of(terms: Any, blocks: Any, sizes: tuple[int, int, int]) -> int:
    """How many there are, if the table fits numbers of i, j and k."""
    if not len(blocks):
        if len(terms):
            raise ValueError("terms: expected none without blocks, got some")
        return 0
    first_i, width, first_k, count, step, entry = blocks.T
    entries = int((entry + width * count).max())
    if (width % 2 == 0).any() or width.max() > 2 * DEGREE + 1:
        raise ValueError(f"blocks: expected odd numbers of i up to {2 * DEGREE + 1}, got others")
    last = {"i": first_i + width - 1, "k": first_k + (count - 1) * step}
    for name, size in (("i", sizes[0]), ("k", sizes[2])):
        if last[name].max() >= size or blocks.min() < 0:
            raise ValueError(f"blocks: expected {name} below {size}, got others")
    for name, column, size in (("j", 1, sizes[1]), ("entries", 4, entries)):
        if len(terms) and not 0 <= terms[:, column].min() <= terms[:, column].max() < size:
            raise ValueError(f"terms: expected {name} below {size}, got others")
    return entries
