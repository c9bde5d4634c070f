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
