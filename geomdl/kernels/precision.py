"""Parts of a network that autocast leaves alone."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

F = TypeVar("F", bound=Callable[..., Any])
_NOTHING = nullcontext()


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Context without autocast on the device of x: products are taken in the dtype of factors."""
    if torch._C._is_any_autocast_enabled():
        return torch.autocast(x.device.type, enabled=False)
    return _NOTHING


def uncast(forward: F) -> F:
    """Method (self, x, …) that runs in `full_precision`.

    Example:
        >>> class Product(torch.nn.Module):
        ...     @uncast
        ...     def forward(self, x):
        ...         return x @ x
        >>> with torch.autocast("cpu", torch.bfloat16):
        ...     Product()(torch.ones(1, 1)).dtype
        torch.float32
    """

    @functools.wraps(forward)
    def run(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        with full_precision(x):
            return forward(self, x, *args, **kwargs)

    return cast(F, run)
