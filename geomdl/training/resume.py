"""Where a run stands, on disk: two checkpoints, of which one is always whole."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .chance import random_states, set_random_states
from .engine import Engine
from .files import write_whole
from .fingerprint import difference
from .history import Row
from .packed import ForeignError, pack, unpack
from .run import Stopped
from .states import model_state, optimizer_state, set_model_state, set_optimizer_state

__all__ = ["LAST", "PREVIOUS", "Keeper", "Kept", "Place"]

LAST, PREVIOUS = "last.safetensors", "previous.safetensors"


@dataclass
class Place:
    """How far a run is, in what JSON can hold.

    Args:
        epoch: the epoch that is on, from 1.
        at: batches of it that are done.
        step: optimiser steps of all epochs.
        summed: sum of the losses of this epoch's samples.
        count: number of these samples.
        lr: learning rate of the last step.
        best: epoch of the best weights; 0 before there are any.
        seconds: time spent.
        trained: of these, in training steps alone.
        stopped: why the run ended; None while it has not.
    """

    epoch: int = 1
    at: int = 0
    step: int = 0
    summed: float = 0.0
    count: int = 0
    lr: float = 0.0
    best: int = 0
    seconds: float = 0.0
    trained: float = 0.0
    stopped: Stopped | None = None


@dataclass
class Kept:
    """A checkpoint that was read.

    Args:
        place: how far the run was.
        rows: its history.
        best: the best weights, empty before there are any.
        tensors: model, optimiser, average weights and random states, for `Keeper.put_back`.
        facts: the rest of it.
    """

    place: Place
    rows: list[Row]
    best: dict[str, Tensor]
    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def put_back(self, engine: Engine) -> None:
        """Give model, optimiser and loss scaling the state they had."""
        set_model_state(engine.model, part(self.tensors, "model"))
        set_optimizer_state(engine.optimizer, part(self.tensors, "optimizer"))
        engine.fabric.strategy.precision.load_state_dict(self.facts["scaler"])
        if engine.average is not None:
            engine.average.put_back(part(self.tensors, "average"))

    def put_back_chance(self, rng: torch.Generator) -> None:
        """Give the global random states and that of the augmentation what they were."""
        set_random_states(part(self.tensors, "random"), self.facts["random"])
        rng.set_state(self.tensors["augment"])


def part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``name/``, without that.

    Example:
        >>> part({"a/x": torch.ones(1), "b/x": torch.zeros(1)}, "a")
        {'x': tensor([1.])}
    """
    start = name + "/"
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


class Keeper:
    """Writes and reads the checkpoints of a folder.

    Args:
        folder: where ``last.safetensors`` and the one before it, ``previous.safetensors``, are.
        engine: model and optimiser.
        settings: the `fingerprint` of the run.
        every: seconds between two checkpoints within an epoch.
    """

    def __init__(
        self, folder: Path, engine: Engine, settings: dict[str, str], every: float
    ) -> None:
        self.last, self.previous = folder / LAST, folder / PREVIOUS
        self.engine, self.settings, self.every = engine, settings, every
        self.written = time.monotonic()
        model_state(engine.model)  # refuses before anything is trained

    @property
    def due(self) -> bool:
        """Whether it is time for another one within the epoch."""
        return time.monotonic() - self.written >= self.every

    def write(
        self, place: Place, rows: list[Row], best: Mapping[str, Tensor], rng: torch.Generator | None
    ) -> None:
        """A new last one; what was last becomes the one before.

        Args:
            place: how far the run is.
            rows: its history.
            best: the best weights.
            rng: of the augmentation within an epoch; None between two.

        Raises:
            ValueError: a parameter is NaN or infinite; the checkpoints stay as they are.
        """
        engine = self.engine
        for name, value in engine.model.named_parameters():
            if value.requires_grad and not bool(value.isfinite().all()):
                raise ValueError(
                    f"weights: should be finite, got nan or inf in {name} after step {place.step}"
                )
        groups = {
            "model": model_state(engine.model),
            "optimizer": optimizer_state(engine.optimizer),
            "best": best,
            "average": {} if engine.average is None else engine.average.mean,
        }
        facts = {
            "place": asdict(place),
            "rows": rows,
            "settings": self.settings,
            "scaler": engine.fabric.strategy.precision.state_dict(),
        }
        if rng is not None:
            groups["random"], facts["random"] = random_states()
        tensors = {
            f"{g}/{key}": value for g, group in groups.items() for key, value in group.items()
        }
        if rng is not None:
            tensors["augment"] = rng.get_state()
        write_whole(self.last, pack(tensors, facts), before=self.previous)
        self.written = time.monotonic()

    def read(self) -> Kept | None:
        """The last whole one, or None; what is broken is put aside (``.broken``), with a warning.

        Raises:
            ValueError: it is of a run of other settings, data or model, or another version's.
        """
        broken: list[str] = []
        found = None
        for path in (self.last, self.previous):
            try:
                found = unpack(path.read_bytes())
                break
            except FileNotFoundError:
                continue
            except ForeignError as error:
                raise ValueError(
                    f"{path}: {error}; use the version of geomdl that wrote it, or another folder,"
                    " or resume=False to start over it"
                ) from error
            except ValueError as error:
                broken.append(f"{path}: {error}")
                path.replace(path.with_suffix(".broken"))  # it must not become the one before
        if broken:
            way = "the one before is taken" if found else "the run starts from scratch"
            warnings.warn("; ".join([*broken, way]), stacklevel=3)
        if found is not None:
            tensors, facts = found
            differs = difference(facts["settings"], self.settings)
            if differs is not None:
                raise ValueError(f"{differs}; resume=False or another folder starts afresh")
            place = Place(**facts["place"])
            return Kept(place, facts["rows"], part(tensors, "best"), tensors, facts)
        return None

    def forget(self) -> None:
        """Drop both."""
        self.previous.unlink(missing_ok=True)
        self.last.unlink(missing_ok=True)
