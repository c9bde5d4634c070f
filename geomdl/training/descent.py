"""Plain gradient descent and its stochastic kin, the dynamics that theorems speak of."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .batches import Batch
from .callbacks import Callback, Callbacks, Moment
from .metrics import Measure
from .objective import Objective

__all__ = ["descend"]


def descend(
    model: nn.Module,
    data: Any,
    loss: Measure | None = None,
    *,
    lr: float,
    steps: int,
    momentum: float = 0.0,
    nesterov: bool = False,
    batch_size: int | None = None,
    callbacks: Sequence[Callback] | Callback | None = None,
    rng: torch.Generator | None = None,
) -> Tensor:
    """Gradient descent of a constant step: v ← β v + ∇L(θ), θ ← θ - η v.

    No schedule, no weight decay, no normalisation, no best weights: for experiments on dynamics;
    to train a network well, `fit` it. With ``batch_size`` each step takes the gradient on so many
    samples, drawn independently with replacement, whose mean is ∇L. *Exact* to rounding.

    Args:
        model: any module without dropout and batch norm in training mode; it is trained in place.
        data: tensors ``(x, ..., y)``, or what else `fit` takes, held in memory.
        loss: function of (output, target), mean over the batch; by default that of `fit`.
        lr: η.
        steps: how many.
        momentum: β in [0, 1); "heavy ball".
        nesterov: whether the step is η (∇L + β v).
        batch_size: samples of a step; None takes all.
        callbacks: as those of `fit`; a function without ``every`` is called before the first step
            and after the last.
        rng: source of the batches; None takes the seed 0.

    Returns:
        the losses, (steps,), each before its step and on its batch.

    Raises:
        ValueError: an impossible argument; a loss that is no scalar or not finite, with the step at
            which it diverged; dropout or batch norm in training mode.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(1.0)
        >>> descend(model, (torch.ones(1, 1), torch.zeros(1, 1)), lr=0.25, steps=3)
        tensor([1.0000, 0.2500, 0.0625], dtype=torch.float64)

    Source: Polyak 1964 (heavy ball); Robbins and Monro 1951 (stochastic).
    """
    for name, count in (("steps", steps), ("batch_size", batch_size)):
        whole = isinstance(count, int) and not isinstance(count, bool) and count >= 1
        if not whole and not (name == "batch_size" and count is None):
            raise ValueError(f"{name}: should be an integer >= 1, got {count!r}")
    if not 0 < lr < float("inf"):
        raise ValueError(f"lr: should be a number > 0, got {lr!r}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum: should be in [0, 1), got {momentum!r}")
    if nesterov and momentum == 0:
        raise ValueError("momentum: should be > 0 with nesterov, got 0")
    calls, rng = Callbacks(callbacks), rng or torch.Generator().manual_seed(0)
    objective = Objective(model, data, loss, batch_size=2**62)
    if batch_size is not None and len(objective.batches) != 1:
        raise ValueError("data: should be tensors, not batches, where batch_size is given")
    whole_data, found = objective.batches, list[float]()
    optimizer = torch.optim.SGD(
        objective.parameters, lr=lr, momentum=momentum, nesterov=nesterov
    )  # fmt: skip
    calls.begin(0)
    calls.call(Moment(model, optimizer, 0, lr=lr))
    for step in range(1, steps + 1):
        if batch_size is not None:
            index = torch.randint(whole_data[0].size, (batch_size,), generator=rng)
            objective.batches = [_chosen(whole_data[0], index)]
            objective.count = batch_size
        try:
            value = _gradients(objective)
        except ValueError as error:
            raise ValueError(f"{error} at step {step}") from error
        optimizer.step()
        found.append(value)
        last = step == steps
        if calls.due(step, ends=False):
            calls.call(Moment(model, optimizer, step, lr=lr, loss=value))
        if last:
            calls.call(Moment(model, optimizer, step, lr=lr, loss=value, row={"loss": value}))
    optimizer.zero_grad()
    return torch.tensor(found, dtype=torch.float64)


def _gradients(objective: Objective) -> float:
    """Put ∇L where an optimiser looks for it; L."""
    total = 0.0
    for p in objective.parameters:
        p.grad = None
    for number, batch in enumerate(objective.batches):
        value = objective.batch_loss(number)
        total += objective.share(batch) * float(value.detach())
        (objective.share(batch) * value).backward()
    return total


def _chosen(batch: Batch, index: Tensor) -> Batch:
    """Samples of a batch by their numbers."""
    index = index.to(batch.target.device)
    args = tuple(value[index] for value in batch.args)
    kwargs = {key: value[index] for key, value in batch.kwargs.items()}
    return Batch(args, kwargs, batch.target[index])
