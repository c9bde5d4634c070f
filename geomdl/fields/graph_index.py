"""Pure functions on index tensors: checks, counts and the stable sort behind `Graph`."""

from typing import Any

import torch
from torch import Tensor

from geomdl.fields.numbers import is_integer

INT32_MAX = torch.iinfo(torch.int32).max


def index_dtype(*counts: int) -> torch.dtype:
    """Return int32 where all counts (of nodes, edges, graphs) fit, else int64."""
    return torch.int32 if max(counts) <= INT32_MAX else torch.int64


def group_by(key: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Group equal keys: a stable sort, and where each group begins (the CSR row pointer).

    Args:
        key: integers in [0, groups), shape (n,), unchecked.
        groups: number of groups, some of which may be empty.

    Returns:
        perm of shape (n,) and ptr of shape (groups + 1,), both of the type of `key`: the positions
        of key k are perm[ptr[k]:ptr[k + 1]], ascending.

    Example:
        >>> group_by(torch.tensor([2, 0, 2]), 4)
        (tensor([1, 0, 2]), tensor([0, 1, 1, 3, 3]))
    """
    ordered, perm = torch.sort(key, stable=True)
    first = torch.arange(groups + 1, dtype=key.dtype, device=key.device)
    return perm.to(key.dtype), torch.searchsorted(ordered, first).to(key.dtype)


def check_integers(name: str, x: object) -> None:
    """Raise a TypeError unless x is a tensor of integers (booleans are none)."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a torch.Tensor, got {type(x).__name__}")
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"{name}: expected integers, got {x.dtype}")


def checked_count(name: str, given: Any, what: str, numbers: Tensor) -> int:
    """How many things there are: `given`, or 1 + the largest number, once all numbers fit.

    Raises:
        TypeError: `given` is no integer.
        ValueError: a number lies outside [0, given), or beyond 2³¹ - 1 where nothing is given.

    Example:
        >>> checked_count("num_nodes", None, "edge_index: node numbers", torch.tensor([0, 4]))
        5
    """
    if given is not None:
        if not is_integer(given):
            raise TypeError(f"{name}: expected an int, got {type(given).__name__}")
        given = int(given)
    if given is not None and given < 0:
        raise ValueError(f"{name}: should be at least 0, got {given}")
    low, high = (int(numbers.min()), int(numbers.max())) if numbers.numel() else (0, -1)
    if low < 0:
        raise ValueError(f"{what} should be at least 0, got {low}")
    if given is not None and high >= given:
        raise ValueError(f"{what} should be less than {name}={given}, got {high}")
    if given is None and high > INT32_MAX:
        raise ValueError(f"{what} should be at most {INT32_MAX} without {name}, got {high}")
    return high + 1 if given is None else given
