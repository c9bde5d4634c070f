"""The epochs of a run, from its beginning or from a checkpoint."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import torch
from torch import Tensor, nn

from .augmentation import Augment, augment_batch
from .batches import Batch, Batches
from .callbacks import Callbacks, Moment
from .checkpoint import Saver, restore, snapshot
from .engine import Engine, require_finite
from .evaluation import averages
from .history import History, Row
from .metrics import Measure
from .resume import Keeper, Kept, Place
from .run import Stopped
from .schedule import warmup_cosine, warmup_cosine_at, warmup_steps
from .seeds import generator, reseed
from .settings import Settings

__all__ = ["Loop"]


@dataclass
class Loop:
    """A run, with its place in it; ``kept`` is the checkpoint with which it goes on."""

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
    keeper: Keeper | None
    start: float
    kept: Kept | None
    callbacks: Callbacks = field(default_factory=Callbacks)
    place: Place = field(default_factory=Place)
    best: Row = field(default_factory=dict)
    best_score: float = math.inf
    best_state: dict[str, Tensor] = field(default_factory=dict)

    def run(self, update: Callable[[int, Row | None], None]) -> Stopped:
        """Epochs until all are done, patience is at its end, or time is."""
        self._begin()
        update(self._done(), self.history.rows[-1] if self.history.rows else None)
        while self.place.stopped is None:
            row = self._epoch(update)
            with self.engine.averaged():
                row |= self._validate(row)
                self._keep_best(row)
            self.history.append(row)
            update(self._done(), row)
            self._tell(row["train_loss"], row)
            self.place = replace(
                self.place, epoch=row["epoch"] + 1, at=0, summed=0.0, count=0,
                best=self.best["epoch"], stopped=self._stopped(row["epoch"]),
            )  # fmt: skip
            self._checkpoint(None)
        return self.place.stopped

    def _begin(self) -> None:
        """Everything as the checkpoint has it, on disk too."""
        if self.kept is not None:
            self.place, self.best_state = self.kept.place, self.kept.best
            self.start -= self.place.seconds
            if self.best_state:
                restore(self.model, self.best_state)
                if self.saver is not None:
                    self.saver.save()
                self.best = self.kept.rows[self.place.best - 1]
                self.best_score = self._score(self.best)
            self.kept.put_back(self.engine)
        self.history.begin(self.kept.rows if self.kept else [])
        with self.engine.world.together():
            if self.engine.world.main:
                self.callbacks.begin(self.place.step)
        if self.kept is None:
            self._checkpoint(None)  # the weights with which a run begins are part of it
            self._tell(None)

    def _tell(self, loss: float | None, row: Row | None = None) -> None:
        """Call the callbacks that are due, on the first process."""
        place, engine = self.place, self.engine
        if not self.callbacks.due(place.step, ends=row is not None or loss is None):
            return
        epoch = place.epoch if loss is not None else 0
        moment = Moment(self.model, engine.optimizer, place.step, epoch, place.lr, loss, row)
        with engine.world.together():
            if engine.world.main:
                self.callbacks.call(moment)

    def _stopped(self, epoch: int) -> Stopped | None:
        patience = self.settings.patience
        if self._out_of_time():
            return "budget"
        if self._share() >= 1:
            return "seconds"
        if patience is not None and epoch - self.best["epoch"] >= patience:
            return "patience"
        last = self.settings.seconds is None and epoch == self.settings.epochs
        return "epochs" if last else None

    def _done(self) -> int:
        """Steps, or seconds of training where they count."""
        return self.place.step if self.settings.seconds is None else int(self.place.trained)

    def _share(self) -> float:
        """What is done of the seconds of training; 0 where they do not count."""
        seconds = self.settings.seconds
        return 0.0 if seconds is None else self.place.trained / seconds

    def _agreed(self, trained: float) -> float:
        """The first process's seconds where a learning rate hangs on them."""
        counts = self.settings.seconds is not None
        return self.engine.world.from_main(trained) if counts else trained

    def _factor(self) -> float:
        """On the learning rate of the next step."""
        settings = self.settings
        if settings.seconds is not None:
            return warmup_cosine_at(self._share(), settings.warmup)
        total = settings.epochs * self.train.steps
        return warmup_cosine(self.place.step, total, warmup_steps(settings.warmup, total))

    def _checkpoint(self, rng: torch.Generator | None) -> None:
        self.place.seconds = time.monotonic() - self.start
        if self.keeper is not None:
            self.keeper.write(self.place, self.history.rows, self.best_state, rng)

    def finish(self) -> None:
        """Put the best weights into the model, on the device from which it came."""
        restore(self.model, self.best_state)
        self.model.to(self.engine.home)

    def _epoch(self, update: Callable[[int, Row | None], None]) -> Row:
        settings, engine, place = self.settings, self.engine, self.place
        reseed(settings.seed, "forward", place.epoch)
        rng = generator(settings.seed, "augment", place.epoch)
        engine.call.train()
        begin = time.monotonic()
        for batch in self._rest(generator(settings.seed, "shuffle", place.epoch), rng):
            where = f"at epoch {place.epoch}, step {place.step + 1}"
            batch = augment_batch(batch, self.augment, rng)
            place.lr = settings.lr * self._factor()
            number = engine.step(batch, self.loss, place.lr, settings.clip, place.step, where)
            place.step, place.at = place.step + 1, place.at + 1
            place.summed, place.count = place.summed + number * batch.size, place.count + batch.size
            place.trained = self._agreed(place.trained + time.monotonic() - begin)
            update(self._done(), None)
            self._tell(number)
            if self._out_of_time() or self._share() >= 1:
                break
            if self.keeper is not None and self.keeper.due and place.at < self.train.steps:
                self._checkpoint(rng)
            begin = time.monotonic()
        mean = place.summed / place.count
        return {"epoch": place.epoch, "step": place.step, "lr": place.lr, "train_loss": mean}

    def _rest(self, shuffle: torch.Generator, rng: torch.Generator) -> Iterator[Batch]:
        """Batches of the epoch that are not done; those before are passed over, their draws."""
        stream = self.train.epoch(shuffle)
        if self.kept is not None and self.place.at > 0:
            for _ in islice(stream, self.place.at):
                pass
            self.kept.put_back_chance(rng)
        self.kept = None
        return stream

    def _validate(self, row: Row) -> Row:
        if self.val is None:
            return {}
        measures = {"loss": self.loss} | ({"metric": self.metric} if self.metric else {})
        engine = self.engine
        found = averages(engine.call, self.val, measures, engine.device, engine.dtype, engine.world)
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
        if budget is None:
            return False
        return self.engine.world.agree(time.monotonic() - self.start >= budget)
