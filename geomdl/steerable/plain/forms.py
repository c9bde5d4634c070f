"""The table: kind of layer -> function that makes its plain form."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

L = TypeVar("L", bound=nn.Module)
Form = Callable[[Any], nn.Module]

FORMS: dict[type[nn.Module], Form] = {}
"""Exact types: a subclass may compute something else, so it has no form until it gets its own."""

TRACED: set[type[nn.Module]] = set()
"""Layers whose own ``forward``, traced, is the plain form: it is torch operations throughout."""


def form_of(kind: type[L]) -> Callable[[Callable[[L], nn.Module]], Callable[[L], nn.Module]]:
    """Decorate a function that makes the plain form of one kind of layer.

    The form should own its tensors, hold no object of geomdl, and give the same outputs.

    Example:
        >>> class Twice(nn.Module):
        ...     def forward(self, x):
        ...         return 2 * x
        >>> @form_of(Twice)
        ... def twice(layer):
        ...     return nn.Identity()
        >>> FORMS.pop(Twice) is twice
        True
    """

    def register(make: Callable[[L], nn.Module]) -> Callable[[L], nn.Module]:
        FORMS[kind] = make
        return make

    return register


def dtype_of(module: nn.Module) -> torch.dtype:
    """Floating-point type of a module's tensors; PyTorch's default where it has none."""
    tensors = (*module.parameters(), *module.buffers())
    floats = (t.dtype for t in tensors if t.is_floating_point())
    return next(floats, torch.get_default_dtype())
