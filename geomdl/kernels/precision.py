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

    Where autocast has rounded some of its arguments and left others as they are, all of them come
    in the widest type among them.

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
        if not torch._C._is_any_autocast_enabled():
            return forward(self, x, *args, **kwargs)
        with full_precision(x):
            x, *args = _as_widest(x, *args)  # type: ignore[assignment]
            return forward(self, x, *args, **kwargs)

    return cast(F, run)


def _as_widest(*args: Any) -> list[Any]:
    real = [isinstance(a, Tensor) and a.is_floating_point() for a in args]
    kinds = {a.dtype for a, is_real in zip(args, real, strict=True) if is_real}
    if len(kinds) < 2:
        return list(args)
    widest = functools.reduce(torch.promote_types, kinds)
    return [a.to(widest) if is_real else a for a, is_real in zip(args, real, strict=True)]
