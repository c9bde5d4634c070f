"""Numbers and tensors that kernels are made of: refused in one line where they cannot be."""

import math
from numbers import Real
from typing import Any

import torch
from torch import Tensor


def nonnegative(name: str, value: Any) -> float:
    """A finite number of at least 0.

    Raises:
        ValueError: it is not one.

    Example:
        >>> nonnegative("ridge", 1)
        1.0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < math.inf:
        raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
    return float(value)


def finite(name: str, x: Any) -> Tensor:
    """A tensor of finite real numbers.

    Raises:
        TypeError: no tensor, or complex numbers.
        ValueError: NaN or infinite numbers.

    Example:
        >>> finite("x", torch.tensor([1, 2]))
        tensor([1, 2])
    """
    if not isinstance(x, Tensor) or x.is_complex():
        raise TypeError(f"{name}: expected a tensor of real numbers, got {type(x).__name__}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return x.detach()


def double(name: str, x: Any) -> Tensor:
    """As `finite`, in float64."""
    return finite(name, x).to(torch.float64)


def matrices(**tensors: Any) -> None:
    """Matrices, or batches of them, that can be multiplied: finite, of one floating dtype.

    Raises:
        TypeError: one is no tensor, or complex.
        ValueError: NaN, fewer than two axes, integers, another dtype than the first, or leading
            axes that do not broadcast.

    Example:
        >>> matrices(x=torch.eye(2), y=torch.ones(3, 2, 1))
    """
    first = next(iter(tensors))
    batch: tuple[int, ...] = ()
    for name, x in tensors.items():
        got = f"{finite(name, x).dtype} {tuple(x.shape)}"
        if x.ndim < 2 or not x.is_floating_point():
            raise ValueError(
                f"{name}: expected floating point numbers (…, rows, columns), got {got}"
            )
        if x.dtype != tensors[first].dtype:
            raise ValueError(
                f"{name}: expected {tensors[first].dtype} as {first} has, got {x.dtype}"
            )
        try:
            batch = torch.broadcast_shapes(batch, x.shape[:-2])
        except RuntimeError:
            raise ValueError(
                f"{name}: expected leading axes that broadcast with {batch}, got {got}"
            ) from None
