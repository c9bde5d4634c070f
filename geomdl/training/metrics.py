"""Losses and metrics: functions of (output, target) that give a batch mean."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

__all__ = ["Measure", "accuracy", "default_loss", "default_metric", "mean_squared_error"]

Measure = Callable[[Any, Any], Tensor]


def _check_tensor(output: Any) -> None:
    if not isinstance(output, Tensor):
        raise TypeError(f"output: should be a tensor, got {type(output).__name__}")


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    """Share of samples whose largest logit is the target's.

    Args:
        output: logits, shape (batch, classes, ...).
        target: class indices, shape (batch, ...).

    Returns:
        a float64 scalar in [0, 1]; a NaN logit counts as wrong.

    Raises:
        TypeError: an output that is no tensor.
        ValueError: the shapes do not fit.

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), torch.tensor([1, 1])).item()
        0.5
    """
    _check_tensor(output)
    expected = output.shape[:1] + output.shape[2:]
    if target.shape != expected:
        raise ValueError(f"target: shape should be {tuple(expected)}, got {tuple(target.shape)}")
    right = (output.argmax(dim=1) == target) & ~output.isnan().any(dim=1)
    return right.double().mean()


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean over all entries of (output - target)².

    Args:
        output: shape (batch, ...).
        target: the same shape: nothing is broadcast, since (batch, 1) against (batch,) would
            silently compare every sample with every other.

    Returns:
        a scalar.

    Raises:
        TypeError: an output that is no tensor.
        ValueError: the shapes differ.

    Example:
        >>> import torch
        >>> mean_squared_error(torch.zeros(2, 1), torch.tensor([[1.0], [3.0]])).item()
        5.0
    """
    _check_tensor(output)
    if output.shape != target.shape:
        raise ValueError(
            f"target: shape should be the output's {tuple(output.shape)}, got {tuple(target.shape)}"
        )
    return (output - target).square().mean()


def _cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    _check_tensor(output)
    try:
        return F.cross_entropy(output, target.long())
    except IndexError as error:
        low, high = int(target.min()), int(target.max())
        raise ValueError(
            f"y: labels should be 0, …, {output.shape[1] - 1} for {output.shape[1]} classes, "
            f"got {low}, …, {high}"
        ) from error


def _is_label(target: Any) -> bool:
    return isinstance(target, Tensor) and not target.is_floating_point() and not target.is_complex()


def default_loss(target: Any) -> Measure:
    """Cross entropy for integer targets, mean squared error for the others.

    Example:
        >>> import torch
        >>> default_loss(torch.zeros(3)).__name__
        'mean_squared_error'
    """
    return _cross_entropy if _is_label(target) else mean_squared_error


def default_metric(target: Any) -> Measure | None:
    """``accuracy`` for integer targets, nothing for the others.

    Example:
        >>> import torch
        >>> default_metric(torch.zeros(3, dtype=torch.int64)).__name__
        'accuracy'
    """
    return accuracy if _is_label(target) else None
