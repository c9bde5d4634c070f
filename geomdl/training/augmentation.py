"""Augmentation of a training batch: any function, or random elements of a group."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from geomdl.fields import Field
from geomdl.groups import Group

from .batches import Batch

__all__ = ["Augment", "augment_batch", "make_augment"]

Augment = Callable[[Tensor, torch.Generator], Tensor]


def make_augment(augment: Augment | tuple[Group, Field] | None) -> Augment | None:
    """A function of (x, rng) from what the user gives.

    Args:
        augment: None, a function ``(x, rng) -> x``, or ``(group, field)``: each sample is acted on
            by its own random element, ``field.act(g, x)`` with ``g = group.sample(len(x), rng)``.

    Returns:
        the function, or None.

    Raises:
        TypeError: something else was given.
        ValueError: the field is not one of the group.
    """
    if augment is None or callable(augment):
        return augment
    if not (isinstance(augment, tuple) and len(augment) == 2 and isinstance(augment[1], Field)):
        raise TypeError(
            "augment: should be a function (x, rng) -> x or (group, field),"
            f" got {type(augment).__name__}"
        )
    group, field = augment
    if field.group != group:
        raise ValueError(
            f"augment: field should be one of the group {group.name}, got one of {field.group.name}"
        )

    def act(x: Tensor, rng: torch.Generator) -> Tensor:
        return field.act(group.sample(len(x), rng), x)

    return act


def augment_batch(batch: Batch, augment: Augment | None, rng: torch.Generator) -> Batch:
    """Apply an augmentation to the first input of a batch.

    Args:
        batch: inputs on the CPU.
        augment: the function, or None.
        rng: what it may draw from.

    Returns:
        a new batch; targets and the other inputs are the same.
    """
    if augment is None:
        return batch
    if batch.args:
        first: Any = augment(batch.args[0], rng)
        return replace(batch, args=(first, *batch.args[1:]))
    name = next(iter(batch.kwargs))
    return replace(batch, kwargs={**batch.kwargs, name: augment(batch.kwargs[name], rng)})
