"""The table: kind of layer -> function that makes its plain form."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

F = TypeVar("F", bound=Callable[..., nn.Module])
Form = Callable[..., nn.Module]

FORMS: dict[type[nn.Module], Form] = {}
"""Exact types: a subclass may compute something else, so it has no form until it gets its own."""

TYPED: set[type[nn.Module]] = set()
"""Those whose plain form hangs on the dtype of the input: it is passed to their functions."""

TRACED: set[type[nn.Module]] = set()
"""Layers whose own ``forward``, traced, is the plain form: it is torch operations throughout."""


def form_of(kind: type[nn.Module], typed: bool = False) -> Callable[[F], F]:
    """Decorate a function that makes the plain form of one kind of layer.

    The form should own its tensors, hold no object of geomdl, and give the same outputs.

    Args:
        kind: exact type of the layer.
        typed: whether the function takes, after the layer, the dtype of its input: a layer without
            tensors of its own does not know it.

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

    def register(make: F) -> F:
        FORMS[kind] = make
        if typed:
            TYPED.add(kind)
        return make

    return register


def form(layer: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Plain form of a layer that has one, for inputs of a dtype."""
    make = FORMS[type(layer)]
    return make(layer, dtype) if type(layer) in TYPED else make(layer)


def dtype_of(module: nn.Module) -> torch.dtype:
    """Floating-point type of a module's tensors; PyTorch's default where it has none."""
    tensors = (*module.parameters(), *module.buffers())
    floats = (t.dtype for t in tensors if t.is_floating_point())
    return next(floats, torch.get_default_dtype())
