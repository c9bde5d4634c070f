"""`fit`: one training loop for every model, on Lightning Fabric."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from geomdl.fields import Field
from geomdl.groups import Group

from .augmentation import Augment, augment_batch, make_augment
from .batches import Batches, make_batches
from .checkpoint import Saver, restore, snapshot
from .engine import Engine, require_finite
from .evaluation import averages, floating_dtype
from .history import History, Row, writable_folder
from .metrics import Measure, default_loss, default_metric
from .progress import progress_bar
from .run import Run, Stopped
from .schedule import warmup_cosine, warmup_steps
from .seeds import generator, isolated, reseed
from .settings import Monitor, Settings, choose_precision

__all__ = ["fit"]


def fit(
    model: nn.Module,
    train: Any,
    val: Any = None,
    *,
    epochs: int = 20,
    batch_size: int = 64,
    lr: float = 3e-3,
    weight_decay: float = 1e-2,
    warmup: float = 0.1,
    loss: Measure | None = None,
    metric: Measure | None = None,
    monitor: Monitor = "loss",
    maximize: bool = True,
    patience: int | None = None,
    clip: float | None = None,
    seed: int = 0,
    precision: str | None = None,
    accelerator: str = "auto",
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    augment: Augment | tuple[Group, Field] | None = None,
    budget: float | None = None,
) -> Run:
    """Train a model: AdamW, linear warm-up, then half a cosine; the best weights are kept.

    On the CPU the same seed gives the same weights bit for bit (unless ``budget`` ends the run,
    and with the same number of threads). What is random is drawn from the seed alone; the global
    random states are the same after as before.

    Args:
        model: any module. It is trained in place and comes back in evaluation mode.
        train: ``(x, ..., y)`` (called as ``model(x, ...)``), a dict with ``"y"`` (called as
            ``model(**rest)``), a ``Dataset`` or a ``DataLoader``. Floating-point inputs and
            targets are cast to the type of the parameters.
        val: the same kinds, or None: then there is no early stopping, and the last weights stay.
        epochs: passes over the training data.
        batch_size: largest batch; the samples are shared out evenly.
        lr: learning rate at its peak.
        weight_decay: decoupled, on every parameter.
        warmup: share of all steps, in [0, 1), with a linearly growing learning rate.
        loss: function of (output, target), mean over the batch; cross entropy for integer
            targets and mean squared error for the others.
        metric: function of (output, target), mean over the batch, for ``val``; the accuracy for
            integer targets.
        monitor: what on ``val`` says which weights are best: ``"loss"`` or ``"metric"``.
        maximize: whether a larger metric is better.
        patience: stop after so many epochs without a better one; None never does.
        clip: largest 2-norm of the gradient; None leaves it.
        seed: seed of shuffling, augmentation and dropout.
        precision: Fabric's name, for instance ``"bf16-mixed"``; None follows the model.
        accelerator: Fabric's name, for instance ``"cpu"``.
        folder: where ``history.jsonl`` (one line an epoch) and ``best.safetensors`` go, over
            those of an earlier run.
        progress: show a bar; None when the standard output is a terminal.
        augment: a function (x, rng) -> x on the first input, or (group, field): a random element
            of the group acts on each sample.
        budget: seconds after which the run ends, with the epoch cut short.

    Returns:
        the `Run`: history, best row, the model, why it stopped.

    Raises:
        ValueError: NaN or infinity in the data, the loss or the gradient; a folder that cannot be
            written to (before training); an impossible argument.
        TypeError: data of an unknown kind.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> run = fit(torch.nn.Linear(1, 1), (x, 2 * x + 1), epochs=80, lr=0.3)
        >>> run.best["train_loss"] < 1e-2
        True

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101; Goyal et al. 2017, arXiv:1706.02677.
    """
    settings = Settings(
        epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=weight_decay, warmup=warmup,
        clip=clip, monitor=monitor, maximize=maximize, patience=patience, budget=budget, seed=seed,
    )  # fmt: skip
    precision = choose_precision(precision, floating_dtype(model))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model: should have parameters to train, got none")
    if val is None and (patience is not None or monitor == "metric"):
        raise ValueError("val: should be given when patience or monitor='metric' is, got None")
    act = make_augment(augment)
    path = None if folder is None else writable_folder(folder)
    with isolated():
        reseed(seed, "start")
        batches = make_batches(train, batch_size, "train", check_target=loss is None)
        checks = None if val is None else make_batches(val, batch_size, "val", loss is None)
        target = batches.example().target
        loss, metric = loss or default_loss(target), metric or default_metric(target)
        if monitor == "metric" and metric is None:
            raise ValueError("metric: should be given when monitor='metric', got None")
        start = time.monotonic()
        loop = _Loop(
            model, settings, loss, metric, batches, checks, act,
            Engine(model, settings, precision, accelerator),
            History(None if path is None else path / "history.jsonl"),
            None if path is None else Saver(model, path / "best.safetensors"),
            start,
        )  # fmt: skip
        with progress_bar(epochs * batches.steps, progress) as update:
            stopped = loop.run(update)
        loop.finish()
    model.eval()
    return Run(model, loop.history.rows, loop.best, stopped, time.monotonic() - start, seed, path)


@dataclass
class _Loop:
    """State of a run between two epochs; a later version will write it and begin from it."""

    model: nn.Module
    settings: Settings
    loss: Measure
    metric: Measure | None
    train: Batches
    val: Batches | None
    augment: Augment | None
    engine: Engine
    history: History
    saver: Saver | None
    start: float
    step: int = 0
    best: Row = field(default_factory=dict)
    best_score: float = math.inf
    best_state: dict[str, Tensor] = field(default_factory=dict)

    def run(self, update: Callable[[int, Row | None], None]) -> Stopped:
        """Epochs until all are done, patience is at its end, or time is."""
        patience = self.settings.patience
        for epoch in range(1, self.settings.epochs + 1):
            row = self._epoch(epoch, update)
            row |= self._validate(row)
            self._keep_best(row)
            self.history.append(row)
            update(self.step, row)
            if self._out_of_time():
                return "budget"
            if patience is not None and epoch - self.best["epoch"] >= patience:
                return "patience"
        return "epochs"

    def finish(self) -> None:
        """Put the best weights into the model, on the device from which it came."""
        restore(self.model, self.best_state)
        self.model.to(self.engine.home)

    def _epoch(self, epoch: int, update: Callable[[int, Row | None], None]) -> Row:
        settings, engine = self.settings, self.engine
        total = settings.epochs * self.train.steps
        warmup = warmup_steps(settings.warmup, total)
        reseed(settings.seed, "forward", epoch)
        rng = generator(settings.seed, "augment", epoch)
        engine.call.train()
        summed, count, lr = 0.0, 0, 0.0
        for batch in self.train.epoch(generator(settings.seed, "shuffle", epoch)):
            where = f"at epoch {epoch}, step {self.step + 1}"
            batch = augment_batch(batch, self.augment, rng).to(engine.device, engine.dtype)
            value = self.loss(engine.call(*batch.args, **batch.kwargs), batch.target)
            number = require_finite(value, "loss", where)
            lr = settings.lr * warmup_cosine(self.step, total, warmup)
            engine.step(value, lr, settings.clip, where)
            self.step += 1
            summed, count = summed + number * batch.size, count + batch.size
            update(self.step, None)
            if self._out_of_time():
                break
        return {"epoch": epoch, "step": self.step, "lr": lr, "train_loss": summed / count}

    def _validate(self, row: Row) -> Row:
        if self.val is None:
            return {}
        measures = {"loss": self.loss} | ({"metric": self.metric} if self.metric else {})
        engine = self.engine
        found = averages(engine.call, self.val, measures, engine.device, engine.dtype)
        for name, value in found.items():
            require_finite(value, f"validation {name}", f"after epoch {row['epoch']}")
        return {f"val_{name}": value for name, value in found.items()}

    def _score(self, row: Row) -> float:
        """What is to be small; without validation data the last epoch counts as the best."""
        if self.val is None:
            return -float(row["epoch"])
        if self.settings.monitor == "loss":
            return float(row["val_loss"])
        return -float(row["val_metric"]) if self.settings.maximize else float(row["val_metric"])

    def _keep_best(self, row: Row) -> None:
        score = self._score(row)
        row["best"] = score < self.best_score
        row["seconds"] = time.monotonic() - self.start
        if row["best"]:
            self.best, self.best_score, self.best_state = row, score, snapshot(self.model)
            if self.saver is not None:
                self.saver.save()

    def _out_of_time(self) -> bool:
        budget = self.settings.budget
        return budget is not None and time.monotonic() - self.start >= budget
