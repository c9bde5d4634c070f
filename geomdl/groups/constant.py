"""Values computed once and kept: constants of a group or representation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import torch

T = TypeVar("T")
P = ParamSpec("P")


if TYPE_CHECKING:
    constant = cached_property
else:

    class constant(cached_property):  # noqa: N801  (a decorator, like cached_property)
        """A cached property whose tensors may enter autograd wherever they were first asked for.

        Computed outside of inference mode: a tensor made there could never be saved for backward.
        """

        def __get__(self, instance, owner=None):
            """Compute on first access."""
            with torch.inference_mode(False):
                return super().__get__(instance, owner)


def memoized(function: Callable[P, T]) -> Callable[P, T]:
    """``lru_cache`` with the same care, for functions of groups and representations."""

    @lru_cache(maxsize=1024)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        with torch.inference_mode(False):
            return function(*args, **kwargs)

    def outer(*args: P.args, **kwargs: P.kwargs) -> T:
        return inner(*args, **kwargs)  # type: ignore[arg-type]  # all arguments are hashable

    outer.__doc__, outer.__name__, outer.__module__ = (
        function.__doc__,
        function.__name__,
        function.__module__,
    )
    return outer
