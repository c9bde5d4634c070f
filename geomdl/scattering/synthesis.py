"""Descent from noise to a field with given statistics."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def descend(
    loss: Callable[[Tensor], Tensor], start: Tensor, steps: int, progress: bool = False
) -> Tensor:
    """Steps of L-BFGS towards the least value of a function.

    A line search that finds nothing better leaves the point where it was, and the same memory would
    send it the same way again: the memory is dropped. Where steepest descent finds nothing better
    either, it ends. Units of the order of one are assumed.

    Args:
        loss: of a tensor of the shape of `start`, a number.
        start: from where.
        steps: how many at most.
        progress: whether to show a bar.

    Example:
        >>> descend(lambda y: (y - 2).square().sum(), torch.zeros(1), steps=5)
        tensor([2.])
    """
    y = start.detach().clone().requires_grad_()

    def fresh() -> torch.optim.LBFGS:
        return torch.optim.LBFGS(
            [y],
            max_iter=1,
            max_eval=26,  # those of a line search count
            history_size=20,
            line_search_fn="strong_wolfe",
            tolerance_grad=0,
            tolerance_change=0,
        )

    optimizer, new = fresh(), True

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(y)
        value.backward()
        return value.detach()

    for _ in _bar(steps, progress):
        before = y.detach().clone()
        optimizer.step(closure)
        stuck = torch.equal(y, before)
        if (stuck and new) or not bool(y.isfinite().all()):
            break
        if stuck:
            optimizer = fresh()
        new = stuck
    return y.detach()


def _bar(steps: int, progress: bool) -> Any:
    if not progress:
        return range(steps)
    from rich.progress import track

    return track(range(steps), "synthesis", transient=True)
