"""What arguments an interaction takes: shapes, types, and a table that fits together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import is_fake

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.interaction_vectors import DEGREE
from geomdl.kernels.rows import check_features, check_rows

ROWS = ("in_ptr", "in_neighbors", "perm", "out_ptr", "out_neighbors", "out_perm")
TABLE = ("terms", "values", "blocks")
_WRONG = (
    "terms: expected none without blocks, got some",
    "blocks: expected odd numbers of i up to {}, got others",
    "blocks: expected i below {}, got others",
    "blocks: expected k below {}, got others",
    "terms: expected j below {}, got others",
    "terms: expected entries below {}, got others",
)


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


@Compiled
def table_fits(terms, blocks, sizes, found):  # type: ignore[no-untyped-def]
    """Number of the first thing in `_WRONG` that is wrong, or -1; found gets the entries."""
    entries, wrong = 0, len(_WRONG)
    for b in range(blocks.shape[0]):
        i, width, k, count, step, entry = blocks[b]
        entries = max(entries, entry + width * count)
        if width % 2 == 0 or width > 2 * DEGREE + 1:
            wrong = min(wrong, 1)
        if i < 0 or width < 0 or i + width > sizes[0]:
            wrong = min(wrong, 2)
        if min(k, count, step, entry) < 0 or k + (count - 1) * step >= sizes[2]:
            wrong = min(wrong, 3)
    for q in range(terms.shape[0]):
        if entries == 0:
            wrong = 0
        elif terms[q, 1] < 0 or terms[q, 1] >= sizes[1]:
            wrong = min(wrong, 4)
        elif terms[q, 4] < 0 or terms[q, 4] >= entries:
            wrong = min(wrong, 5)
    found[0] = entries
    return wrong if wrong < len(_WRONG) else -1


def entries_of(terms: Any, blocks: Any, sizes: tuple[int, int, int]) -> int:
    """How many there are, if the table fits numbers of i, j and k."""
    found = np.zeros(1, np.int64)
    wrong = table_fits(terms, blocks, np.array(sizes), found)
    if wrong >= 0:
        size = {2: sizes[0], 3: sizes[2], 4: sizes[1], 5: int(found[0])}.get(wrong, 2 * DEGREE + 1)
        raise ValueError(_WRONG[wrong].format(size))
    return int(found[0])
