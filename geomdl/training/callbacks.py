"""What looks on while a network is trained."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from .history import Row
from .seeds import isolated

__all__ = ["Callback", "Callbacks", "Moment", "quiet"]


@dataclass(frozen=True)
class Moment:
    """Where a run stands when a callback is called.

    Attributes:
        model: the network with its weights as they are; to be looked at, not changed.
        optimizer: with its state and ``param_groups``.
        step: optimiser steps that are done; 0 before the first.
        epoch: the epoch that is on, from 1; 0 before the first.
        lr: learning rate of the last step.
        loss: on the batch of the last step; None before the first.
        row: of the history, at the end of an epoch; None within.
    """

    model: nn.Module = field(repr=False)
    optimizer: torch.optim.Optimizer = field(repr=False)
    step: int
    epoch: int = 0
    lr: float = 0.0
    loss: float | None = None
    row: Row | None = None


Callback = Callable[[Moment], Any]


class Callbacks:
    """Some callbacks, each called when it is due, without a trace in the run.

    One with an integer attribute ``every`` is called before the first step and after every so many;
    any other before the first step and at the end of each epoch. One with a method ``begin`` is
    told at which step a run begins or goes on. Random states, the mode of each module and the
    gradients are the same after a call as before, so a run is the same with callbacks as without,
    bit for bit, as long as these leave the weights as they are.

    Args:
        callbacks: functions of a `Moment`, or one of them; None for none.

    Raises:
        TypeError: one is not callable.
        ValueError: an ``every`` that is no positive integer.

    Example:
        >>> seen = []
        >>> calls = Callbacks([lambda moment: seen.append(moment.step)])
        >>> calls.due(3, ends=False), calls.due(3, ends=True)
        (False, True)
    """

    def __init__(self, callbacks: Sequence[Callback] | Callback | None = None) -> None:
        if callbacks is None:
            callbacks = ()
        elif callable(callbacks):
            callbacks = (callbacks,)
        if not isinstance(callbacks, list | tuple):
            kind = type(callbacks).__name__
            raise TypeError(f"callbacks: should be a sequence of functions, got {kind}")
        for number, one in enumerate(callbacks):
            if not callable(one):
                kind = type(one).__name__
                raise TypeError(f"callbacks[{number}]: should be callable, got {kind}")
            every = getattr(one, "every", None)
            whole = isinstance(every, int) and not isinstance(every, bool)
            if every is not None and not (whole and every >= 1):
                raise ValueError(
                    f"callbacks[{number}].every: should be an integer >= 1 or None, got {every!r}"
                )
        self.all: tuple[Callback, ...] = tuple(callbacks)

    def begin(self, step: int) -> None:
        """Tell those who ask that a run begins, or goes on after ``step`` steps."""
        for one in self.all:
            begin = getattr(one, "begin", None)
            if begin is not None:
                begin(step)

    def due(self, step: int, ends: bool) -> bool:
        """Whether any is to be called after ``step`` steps; ``ends``: an epoch, or nothing yet."""
        return any(_due(one, step, ends) for one in self.all)

    def call(self, moment: Moment) -> None:
        """Call those that are due."""
        ends = moment.row is not None or moment.step == 0
        for one in self.all:
            if _due(one, moment.step, ends):
                with isolated(), _untouched(moment.model), torch.enable_grad():
                    one(moment)


def _due(one: Callback, step: int, ends: bool) -> bool:
    every = getattr(one, "every", None)
    if every is None:
        return ends
    return step % every == 0 and (step == 0 or not ends)  # an end comes after its last step


@contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Evaluation mode within; every submodule goes back to the mode it had.

    Example:
        >>> layer = nn.Dropout(0.5)
        >>> with quiet(layer):
        ...     layer.training
        False
        >>> layer.training
        True
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Modes and gradients as they were."""
    modes = {module: module.training for module in model.modules()}
    gradients = [(p, p.grad) for p in model.parameters()]
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for p, gradient in gradients:
            p.grad = gradient
