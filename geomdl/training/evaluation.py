"""Means of losses and metrics over a data set, in evaluation mode."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .batches import Batches, make_batches
from .distributed import World
from .metrics import Measure, default_loss, default_metric

__all__ = ["averages", "evaluate", "evaluation_mode", "floating_dtype"]

ALONE = World()


def floating_dtype(model: nn.Module) -> torch.dtype | None:
    """Type of the first floating-point parameter; None if there is none."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), None)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every submodule goes back to the mode it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def averages(
    model: nn.Module,
    batches: Batches,
    measures: Mapping[str, Measure],
    device: torch.device,
    dtype: torch.dtype | None,
    world: World = ALONE,
) -> dict[str, float]:
    """Mean over samples of each measure, in one pass.

    Processes take whole batches in turn, and what they find is added in the order of one process:
    the same numbers on each and as on one.

    Args:
        model: called as ``model(*args, **kwargs)``.
        batches: the data, in order.
        measures: functions of (output, target) that give the mean over a batch.
        device: where the model is.
        dtype: type to which floating-point inputs are cast.
        world: the processes that share the work.

    Returns:
        one number a measure: sum_b n_b m_b / sum_b n_b over batches b of n_b samples.
    """
    sizes: list[int] = []
    found: list[list[float]] = []
    with evaluation_mode(model):
        for number, batch in enumerate(batches.epoch(None)):
            sizes.append(batch.size)
            found.append([0.0] * len(measures))
            if number % world.size == world.rank:
                batch = batch.to(device, dtype)
                output = model(*batch.args, **batch.kwargs)
                found[-1] = [float(m(output, batch.target)) for m in measures.values()]
    table = world.sum(torch.tensor(found, dtype=torch.float64, device=device)).tolist()
    totals = dict.fromkeys(measures, 0.0)
    for size, row in zip(sizes, table, strict=True):
        for name, value in zip(measures, row, strict=True):
            totals[name] += value * size
    return {name: total / sum(sizes) for name, total in totals.items()}


def evaluate(
    model: nn.Module, data: Any, metric: Measure | None = None, *, batch_size: int = 256
) -> float:
    """Mean of a metric over a data set.

    Args:
        model: any module; it is run in evaluation mode and put back as it was.
        data: ``(x, ..., y)``, a dict with ``"y"``, a Dataset or a DataLoader, as for `fit`.
        metric: function of (output, target) that gives the mean over a batch; by default the
            accuracy for integer targets and the mean squared error for the others.
        batch_size: largest number of samples at once.

    Returns:
        the mean over samples.

    Raises:
        ValueError: NaN or infinity in the data, or shapes that do not fit.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [3.0, 2.0]])
        >>> evaluate(torch.nn.Identity(), (x, torch.tensor([1, 1])))
        0.5
    """
    batches = make_batches(data, batch_size, "data")
    parameter = next(model.parameters(), torch.empty(0))

    def measure(output: Any, target: Any) -> torch.Tensor:
        chosen = metric or default_metric(target) or default_loss(target)
        return chosen(output, target)

    found = averages(model, batches, {"metric": measure}, parameter.device, floating_dtype(model))
    return found["metric"]
