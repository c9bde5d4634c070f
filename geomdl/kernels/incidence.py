"""Edges between sources and targets, compressed both ways, as the kernels of messages take them.

A list of six index tensors, those of a `Graph`: in_ptr, in_neighbors, perm, out_ptr, out_neighbors,
out_perm. Numbers on edges are in the order in which the edges were given; perm sorts them by
target, out_perm by source. The last three swapped with the first are the transpose.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from geomdl.kernels.op import Args
from geomdl.kernels.rows import owners

NAMES = ("in_ptr", "in_neighbors", "perm", "out_ptr", "out_neighbors", "out_perm")


def transposed(rows: Sequence[Tensor]) -> list[Tensor]:
    """Rows of the reversed edges."""
    return [*rows[3:], *rows[:3]]


def ends(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sources and targets in the order of the edges.

    Example:
        >>> edges = torch.tensor([[2, 0, 2], [1, 1, 0]])
        >>> [t.tolist() for t in ends(compressed(edges, 3, 3))]
        [[2, 0, 2], [1, 1, 0]]
    """
    place = torch.argsort(rows[2])
    return rows[1][place], owners(rows[0], rows[2].shape[0])[place]


def compressed(edges: Tensor, sources: int, targets: int) -> list[Tensor]:
    """Rows of given edges, int of shape (2, edges): sources, then targets."""
    found = []
    for row, column, count in ((edges[1], edges[0], targets), (edges[0], edges[1], sources)):
        bounds = torch.bincount(row, minlength=count).cumsum(0)
        perm = torch.argsort(row, stable=True)
        found += [torch.cat([bounds.new_zeros(1), bounds]), column[perm], perm]
    return [t.to(edges.dtype) for t in found]


def check_incidence(x: Tensor, rows: Sequence[Tensor], sources: int, targets: int) -> None:
    """Refuse rows that do not belong to so many sources and targets, or are of mixed types."""
    if len(rows) != 6:
        raise ValueError(f"rows: expected {', '.join(NAMES)}, got {len(rows)} tensors")
    dtype, device, edges = rows[0].dtype, x.device, rows[2].shape
    if dtype not in (torch.int32, torch.int64):
        raise TypeError(f"in_ptr: expected int32 or int64, got {dtype}")
    shapes = (targets + 1,), edges, edges, (sources + 1,), edges, edges
    for name, tensor, shape in zip(NAMES, rows, shapes, strict=True):
        if tensor.shape != shape or tensor.ndim != 1:
            raise ValueError(f"{name}: expected shape {tuple(shape)}, got {tuple(tensor.shape)}")
        if tensor.dtype != dtype:
            raise TypeError(f"{name}: expected {dtype}, as in_ptr, got {tensor.dtype}")
        if tensor.device != device:
            raise ValueError(f"{name}: expected a tensor on {device}, got one on {tensor.device}")


def check_shape(name: str, x: Tensor, shape: Sequence[int], like: Tensor | None = None) -> None:
    """Refuse another shape, and another type than that of `like`."""
    if x.shape != tuple(shape):
        raise ValueError(f"{name}: expected shape {tuple(shape)}, got {tuple(x.shape)}")
    if like is not None and x.dtype != like.dtype:
        raise TypeError(f"{name}: expected {like.dtype}, as x, got {x.dtype}")
    if like is not None and x.device != like.device:
        raise ValueError(f"{name}: expected a tensor on {like.device}, got one on {x.device}")


def check_order(perm: Any, seen: Any) -> None:
    """Refuse a perm that left an edge out, by the marks of a loop that went through it."""
    if not seen.all():
        edge = int(seen.argmin())
        raise ValueError(
            f"perm: expected each of 0, …, {len(perm) - 1} once, got {edge} not at all"
        )


def keep_all(ctx: Any, inputs: Args, output: Any) -> None:
    """Setup of an op that is differentiated by its reference: keeps all arguments."""
    leaves, ctx.spec = tree_flatten(inputs)
    ctx.save_for_backward(*(t for t in leaves if isinstance(t, Tensor)))
    ctx.others = [None if isinstance(t, Tensor) else (t,) for t in leaves]


def by_reference(reference: Any) -> Any:
    """Backward of an op as torch has it of its reference, to every order.

    For the gradients of fused ops: what is of second order stores numbers on edges × channels.
    """

    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        saved = iter(ctx.saved_tensors)
        args = list(
            tree_unflatten([next(saved) if o is None else o[0] for o in ctx.others], ctx.spec)
        )
        return pulled(reference, args, gradients)

    return backward


def pulled(reference: Any, args: Sequence[Any], gradients: Sequence[Tensor]) -> tuple[Any, ...]:
    """One gradient (or None) an argument: the transposed derivative of a function."""
    places = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.is_floating_point()]

    def function(*floats: Tensor) -> Any:
        full = list(args)
        for place, x in zip(places, floats, strict=True):
            full[place] = x
        return reference(*full)

    vjp: Any = torch.func.vjp
    value, pull = vjp(function, *(args[place] for place in places))
    found: list[Any] = [[None] * len(a) if isinstance(a, (list, tuple)) else None for a in args]
    given = tuple(gradients) if isinstance(value, tuple) else gradients[0]
    for place, gradient in zip(places, pull(given), strict=True):
        found[place] = gradient
    return tuple(found)


def example_rows(index_dtype: torch.dtype, case: str) -> tuple[list[Tensor], int, int, int]:
    """Rows, numbers of sources, of targets and of edges of a case of the tests of faces."""
    sources, targets, edges = {"no edges": (4, 3, 0), "no nodes": (0, 0, 0)}.get(case, (7, 5, 23))
    rng = torch.Generator().manual_seed(sources + edges)
    source = torch.randint(max(sources - 1, 1), (edges,), generator=rng)  # the last is isolated
    target = torch.randint(max(targets - 1, 1), (edges,), generator=rng)
    made = compressed(torch.stack([source, target]).to(index_dtype), sources, targets)
    return made, sources, targets, edges
