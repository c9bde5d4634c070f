"""What kernels over compressed rows (CSR) share: checks, references' helpers, arrays for Numba."""

import math
from typing import Any

import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.threads import share_rows

_HALF = (torch.float16, torch.bfloat16)
_FLOATS = (torch.float32, torch.float64, *_HALF)


def wide(dtype: torch.dtype) -> torch.dtype:
    """The type that sums are taken in: float32 for half precision, else the type itself.

    Example:
        >>> wide(torch.bfloat16), wide(torch.float64)
        (torch.float32, torch.float64)
    """
    return torch.float32 if dtype in _HALF else dtype


def owners(ptr: Tensor, count: int) -> Tensor:
    """Row that each of `count` entries belongs to.

    Example:
        >>> owners(torch.tensor([0, 2, 2, 3]), 3).tolist()
        [0, 0, 2]
    """
    rows = torch.arange(ptr.shape[0] - 1, dtype=ptr.dtype, device=ptr.device)
    return torch.repeat_interleave(rows, ptr.diff(), output_size=count)


def check_features(name: str, x: Tensor, rows: int | None = None) -> None:
    """Refuse features that are no real floating tensor with one row a node (or edge)."""
    if x.dtype not in _FLOATS:
        raise TypeError(f"{name}: expected float32, float64, bfloat16 or float16, got {x.dtype}")
    if x.ndim < 1 or (rows is not None and x.shape[0] != rows):
        expected = "(rows, …)" if rows is None else f"({rows}, …)"
        raise ValueError(f"{name}: expected shape {expected}, got {tuple(x.shape)}")


def check_rows(x: Tensor, **tensors: Tensor | None) -> None:
    """Refuse index tensors of the wrong rank, type or device; those called *ptr have an entry."""
    dtype: torch.dtype | None = None
    device = x.device
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        kind = tensor.dtype
        if dtype is None and kind in (torch.int32, torch.int64):
            dtype = kind
        if kind is not dtype:
            raise TypeError(
                f"{name}: expected int32 or int64, one type for all index tensors, got {kind}"
            )
        if tensor.ndim != 1 or (name.endswith("ptr") and tensor.shape[0] == 0):
            expected = "(rows + 1,)" if name.endswith("ptr") else "(entries,)"
            raise ValueError(f"{name}: expected shape {expected}, got {tuple(tensor.shape)}")
        if tensor.device != device:
            raise ValueError(f"{name}: expected a tensor on {device}, got one on {tensor.device}")


def matrix(x: Tensor) -> Tensor:
    """Features as a contiguous matrix (rows, channels) of a type that Numba computes in."""
    flat = x.detach().to(wide(x.dtype)).resolve_neg()
    return flat.reshape(x.shape[0], math.prod(x.shape[1:])).contiguous()


def integers(index: Tensor) -> Any:
    """Index tensor as a contiguous numpy array."""
    return index.detach().contiguous().numpy()


def run(body: Compiled, ptr: Any, entries: int, channels: int, *arrays: Any) -> None:
    """Run a compiled loop over rows in threads, and say what it found wrong.

    Args:
        body: (start, stop, ptr, *arrays) -> -1, or i where bounds of row i are wrong, or
            rows + k where entry k is out of range.
        ptr: bounds of the rows.
        entries: number of entries that the rows share out.
        channels: numbers per entry.
        arrays: the loop's further arguments.

    Raises:
        ValueError: ptr does not share out the entries, or an index is out of range.
    """
    check_bounds(ptr, entries)
    rows = len(ptr) - 1
    check_codes(share_rows(body, ptr, (entries + rows) * channels, ptr, *arrays), rows)


def run_channels(body: Compiled, ptr: Any, entries: int, channels: int, *arrays: Any) -> None:
    """As `run`, but threads share out the channels: for loops that add into rows of other nodes.

    Args:
        body: (start, stop, ptr, *arrays) -> code, works on channels 8 start, … before 8 stop.
        ptr: bounds of the rows.
        entries: number of entries that the rows share out.
        channels: numbers per entry.
        arrays: the loop's further arguments.

    Raises:
        ValueError: as `run`.
    """
    check_bounds(ptr, entries)
    rows, groups = len(ptr) - 1, range(-(-channels // 8) + 1)
    check_codes(share_rows(body, groups, (entries + rows) * channels, ptr, *arrays), rows)


def check_bounds(ptr: Any, entries: int) -> None:
    """Refuse bounds that do not share out the entries."""
    if int(ptr[0]) != 0 or int(ptr[-1]) != entries:
        raise ValueError(
            f"ptr: expected to begin with 0 and end with {entries} (the number of entries),"
            f" got {int(ptr[0])} and {int(ptr[-1])}"
        )


def check_codes(codes: list[Any], rows: int) -> None:
    """Say what a loop over rows found wrong."""
    for code in codes:
        if code >= rows:
            raise ValueError(f"index: entry {code - rows} is out of range")
        if code >= 0:
            raise ValueError(f"ptr: expected not to decrease, got less after entry {code}")
