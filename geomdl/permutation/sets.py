"""Ragged sets as padded arrays with a mask, and sums over them that know the empty set."""

import torch
from torch import Tensor

from geomdl.fields import Field, Nodes, Vector
from geomdl.groups import group


def pad_sets(rows: Tensor, ptr: Tensor, size: int | None = None) -> tuple[Tensor, Tensor]:
    """Sets of different sizes, padded with zeros.

    Args:
        rows: members of all sets, one set after another, shape (rows, …).
        ptr: set k is rows[ptr[k]:ptr[k + 1]], integers of shape (sets + 1,), from 0 to rows.
        size: places for each set; default the size of the largest.

    Returns:
        x of shape (sets, size, …) and the mask of its members, bool of shape (sets, size).

    Raises:
        ValueError: ptr does not share out the rows, or a set has more than `size` members.

    Example:
        >>> x, mask = pad_sets(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 2, 2, 3]))
        >>> x.tolist(), mask.sum(1).tolist()
        ([[1.0, 2.0], [0.0, 0.0], [3.0, 0.0]], [2, 0, 1])
    """
    if ptr.ndim != 1 or not len(ptr) or ptr.is_floating_point():
        raise ValueError(f"ptr: expected integers of shape (sets + 1,), got {tuple(ptr.shape)}")
    counts = ptr.diff()
    if int(ptr[0]) != 0 or int(ptr[-1]) != len(rows) or bool((counts < 0).any()):
        raise ValueError(f"ptr: expected to rise from 0 to {len(rows)}, the number of rows")
    most = int(counts.max()) if len(counts) else 0
    if size is not None and most > size:
        raise ValueError(f"size: expected at least {most}, the largest set, got {size}")
    mask = torch.arange(most if size is None else size, device=rows.device) < counts.unsqueeze(1)
    x = rows.new_zeros(*mask.shape, *rows.shape[1:])
    return x.index_put(mask.nonzero(as_tuple=True), rows), mask


def set_fields(
    in_channels: int, out_channels: int, members: int | None
) -> tuple[dict[str, Field | None], Field]:
    """Fields of (x, mask) and of the numbers of a set, under S_n where n is known."""
    one = group("C1" if members is None else f"S{members}").trivial
    inputs = {"x": Field(Nodes(), in_channels * one), "mask": Field(Nodes(), one, shape=())}
    return {**inputs}, Field(Vector(), out_channels * one)


def check_sets(x: Tensor, mask: Tensor | None, in_channels: int, members: int | None) -> None:
    """Refuse x that is not (batch, n, in_channels), and a mask that does not fit it.

    Raises:
        ValueError: they are of another shape or type.
    """
    n = "n" if members is None else members
    if x.ndim != 3 or x.shape[2] != in_channels or members not in (None, x.shape[1]):
        raise ValueError(f"x: expected shape (batch, {n}, {in_channels}), got {tuple(x.shape)}")
    if mask is not None and (mask.dtype != torch.bool or mask.shape != x.shape[:2]):
        raise ValueError(
            f"mask: expected bool of shape {tuple(x.shape[:2])},"
            f" got {mask.dtype} of shape {tuple(mask.shape)}"
        )


def pool(x: Tensor, mask: Tensor | None, how: str) -> Tensor:
    """Sum, mean or greatest over the members of each set, 0 for an empty one.

    Args:
        x: shape (batch, n, channels).
        mask: members, bool of shape (batch, n); all if None.
        how: "sum", "mean" or "max".

    Example:
        >>> x = torch.tensor([[[1.0], [5.0]], [[2.0], [4.0]]])
        >>> mask = torch.tensor([[True, False], [False, False]])
        >>> [pool(x, mask, how).flatten().tolist() for how in ("sum", "mean", "max")]
        [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    """
    if how == "max":
        if not x.shape[1]:
            return x.sum(1)
        if mask is None:
            return x.amax(1)
        most = torch.where(mask.unsqueeze(2), x, -torch.inf).amax(1)
        return torch.where(mask.any(1, keepdim=True), most, 0)
    total = x.sum(1) if mask is None else torch.where(mask.unsqueeze(2), x, 0).sum(1)
    if how == "sum":
        return total
    if mask is None:
        return total / max(x.shape[1], 1)
    return total / mask.sum(1, keepdim=True).clamp(min=1).to(x.dtype)
