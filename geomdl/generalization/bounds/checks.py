"""Refusals that the bounds share."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from geomdl.training import refuse_random


def check_model(model: nn.Module, name: str = "model") -> None:
    """Refuse what is not one function of its input, or holds a weight that is not finite."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"{name}: expected an nn.Module, got {type(model).__name__}")
    refuse_random(model, name)
    for path, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise ValueError(f"{name}: weights should be finite, got NaN or infinity in {path!r}")


def refuse_statistics(model: nn.Module) -> None:
    """Refuse batch norm, whose statistics depend on the data and are in no prior and no code."""
    for path, module in model.named_modules():
        held = (key for key, value in module._buffers.items() if value is not None)
        normal = isinstance(module, nn.modules.batchnorm._BatchNorm)
        if normal or any(key.startswith("running_") for key in held):
            raise ValueError(
                f"model: expected no statistics of the data, got batch norm at {path!r}"
            )


def check_rest(model: nn.Module, initial: nn.Module, counted: Collection[str]) -> None:
    """Refuse buffers, and weights that a bound does not count, that are not the first ones."""
    first = dict(initial.named_parameters()) | dict(initial.named_buffers())
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if name in first and name not in counted and not torch.equal(value, first[name]):
            raise ValueError(
                f"model: expected frozen weights and buffers to be those of initial, got another"
                f" {name!r}"
            )


def check_finite(name: str, x: Tensor) -> Tensor:
    """Refuse no tensor, an empty one, and one that is not finite everywhere."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: expected a tensor, got {type(x).__name__}")
    if x.numel() == 0:
        raise ValueError(f"{name}: expected at least one sample, got shape {tuple(x.shape)}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return x


def check_labels(scores: Tensor, y: Tensor) -> None:
    """Refuse scores and labels that do not belong together."""
    check_finite("scores", scores)
    if scores.dim() != 2 or scores.shape[1] < 2:
        raise ValueError(
            f"scores: expected shape (samples, classes >= 2), got {tuple(scores.shape)}"
        )
    if not isinstance(y, Tensor) or y.dtype != torch.int64 or y.shape != scores.shape[:1]:
        got = f"{y.dtype} {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"y: expected int64 labels of shape ({len(scores)},), got {got}")
    if int(y.min()) < 0 or int(y.max()) >= scores.shape[1]:
        raise ValueError(
            f"y: labels should be in 0..{scores.shape[1] - 1}, got {int(y.min())}..{int(y.max())}"
        )


def check_delta(delta: float, name: str = "delta") -> float:
    """Refuse what is no probability strictly between 0 and 1."""
    return check_open(delta, name, 0.0, 1.0)


def check_open(value: float, name: str, low: float, high: float) -> float:
    """Refuse a number outside (low, high)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
        raise ValueError(f"{name}: expected a number in ({low:g}, {high:g}), got {value!r}")
    return float(value)


def check_risk(value: float, name: str = "risk") -> float:
    """Refuse a number outside [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a number in [0, 1], got {value!r}")
    return float(value)


def check_at_least(value: float, name: str, least: float) -> float:
    """Refuse a number below a least one, a NaN and an infinity."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < least:
        raise ValueError(f"{name}: expected a finite number of at least {least:g}, got {value!r}")
    return float(value)


def check_count(value: int, name: str, least: int = 1) -> int:
    """Refuse what is no whole number of at least a least one."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    return value


def check_rng(rng: torch.Generator) -> None:
    """Refuse what is no generator."""
    if not isinstance(rng, torch.Generator):
        raise TypeError(f"rng: expected a torch.Generator, got {type(rng).__name__}")
