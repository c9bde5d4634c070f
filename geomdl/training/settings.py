"""The numbers of a run, checked before anything happens."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

__all__ = ["Monitor", "Settings", "choose_precision"]

Monitor = Literal["loss", "metric"]


@dataclass(frozen=True)
class Settings:
    """Numbers of a run; the arguments of `fit` of the same names."""

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    warmup: float
    clip: float | None
    monitor: Monitor
    maximize: bool
    patience: int | None
    budget: float | None
    seconds: float | None
    ema: float | None
    seed: int

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name}: should be an integer >= 1, got {value!r}")
        for name in ("lr", "clip", "budget", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name}: should be a number > 0, got {value!r}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay: should be a number >= 0, got {self.weight_decay!r}")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise ValueError(f"ema: should be a decay in [0, 1), got {self.ema!r}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup: should be a share in [0, 1), got {self.warmup!r}")
        if self.monitor not in ("loss", "metric"):
            raise ValueError(f"monitor: should be 'loss' or 'metric', got {self.monitor!r}")


def choose_precision(precision: str | None, dtype: torch.dtype | None) -> str:
    """Fabric's name of the precision: the asked one, or that of the model.

    Args:
        precision: for instance ``"bf16-mixed"``; None follows the model.
        dtype: type of the model's parameters.

    Raises:
        ValueError: a float64 model was to be trained in less, which would round it silently.

    Example:
        >>> choose_precision(None, torch.float64)
        '64-true'
    """
    if precision is None:
        return "64-true" if dtype is torch.float64 else "32-true"
    if dtype is torch.float64 and precision != "64-true":
        raise ValueError(
            f"precision: should be '64-true' or None for a float64 model, got {precision!r}"
        )
    return precision
