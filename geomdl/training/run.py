"""What `fit` gives back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import nn

from .history import Row

__all__ = ["Run", "Stopped"]

Stopped = Literal["epochs", "patience", "budget", "seconds"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        model: the model that was trained, with its best weights, in evaluation mode.
        history: one row an epoch: ``epoch`` (from 1), ``step`` (optimiser steps so far), ``lr``
            (of the last step), ``train_loss`` (mean over the epoch, of weights on the move), with
            validation data ``val_loss`` and, if there is a metric, ``val_metric``; ``seconds``
            since the start; ``best`` (whether no epoch before was as good).
        best: the row whose weights the model has.
        stopped: why it ended: all ``epochs`` or ``seconds`` of training done, ``patience`` or
            ``budget`` exhausted.
        seconds: time of the whole run, before and after a kill.
        seed: the seed.
        folder: where ``history.jsonl``, ``best.safetensors`` and the checkpoints are; None if
            nowhere.
    """

    model: nn.Module = field(repr=False)
    history: list[Row] = field(repr=False)
    best: Row
    stopped: Stopped
    seconds: float
    seed: int
    folder: Path | None = None

    @property
    def checkpoint(self) -> Path | None:
        """File of the best weights; None without a folder."""
        return None if self.folder is None else self.folder / "best.safetensors"
