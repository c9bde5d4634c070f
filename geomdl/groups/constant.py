"""Values computed once and kept: constants of a group or representation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import torch

T = TypeVar("T")
P = ParamSpec("P")


def at_home(make: Callable[[], T]) -> T:
    """Call where constants are made: outside of inference mode, on the CPU."""
    with torch.inference_mode(False):
        if torch.get_default_device().type == "cpu":
            return make()
        with torch.device("cpu"):
            return make()


if TYPE_CHECKING:
    constant = cached_property
else:

    class constant(cached_property):  # noqa: N801  (a decorator, like cached_property)
        """A cached property whose tensors may enter autograd wherever they were first asked for.

        Computed outside of inference mode (a tensor made there could never be saved for backward)
        and on the CPU, whatever `torch.device` context asks for it first.
        """

        def __get__(self, instance, owner=None):
            """Compute on first access."""
            return at_home(lambda: super(constant, self).__get__(instance, owner))


def memoized(function: Callable[P, T]) -> Callable[P, T]:
    """``lru_cache`` with the same care, for functions of groups and representations."""

    @lru_cache(maxsize=1024)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        return at_home(lambda: function(*args, **kwargs))

    def outer(*args: P.args, **kwargs: P.kwargs) -> T:
        return inner(*args, **kwargs)  # type: ignore[arg-type]  # all arguments are hashable

    outer.__doc__, outer.__name__, outer.__module__ = (
        function.__doc__,
        function.__name__,
        function.__module__,
    )
    return outer
