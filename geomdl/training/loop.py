"""`fit`: one training loop for every model, on Lightning Fabric."""

import math
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from torch import nn

from geomdl.fields import Field
from geomdl.groups import Group

from .augmentation import Augment, make_augment
from .batches import make_batches
from .callbacks import Callback, Callbacks
from .checkpoint import Saver
from .distributed import join
from .engine import Engine
from .epochs import Loop
from .evaluation import floating_dtype
from .files import clean, held
from .fingerprint import fingerprint
from .history import History, writable_folder
from .metrics import Measure, default_loss, default_metric
from .progress import progress_bar
from .resume import Keeper
from .run import Run
from .seeds import isolated, reseed
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
    resume: bool = True,
    checkpoint_every: float = 30.0,
    progress: bool | None = None,
    augment: Augment | tuple[Group, Field] | None = None,
    budget: float | None = None,
    seconds: float | None = None,
    ema: float | None = None,
    callbacks: Sequence[Callback] | Callback | None = None,
) -> Run:
    """Train a model: AdamW, linear warm-up, then half a cosine; the best weights are kept.

    On the CPU the same seed gives the same weights bit for bit (unless ``budget`` or ``seconds``
    count, and with the same number of threads). What is random is drawn from the seed alone; the
    global random states are the same after as before.

    With a ``folder`` no more than ``checkpoint_every`` seconds of work can be lost: the same call
    goes on where the earlier process was killed, at whatever moment, and ends with the same weights
    and history (but for ``seconds``) bit for bit, on the CPU and with the same number of threads,
    as if it had never been. Where the earlier run had ended, its result comes back untrained.
    What a data set or a module keeps to itself, outside of buffers and of the global random states
    (a ``DataLoader``'s own ``generator``, a counter that is a Python number), is not restored.

    Under ``torchrun --nproc-per-node n`` the same call trains on n processes (gloo, or NCCL with
    one GPU each) with the result of one, in float64 to 1e-12 over 20 steps: the order of additions
    differs. Each process gives the same data and settings; a batch of ``batch_size`` is shared out
    among them, gradients are weighted by samples (the loss should be a mean over them), batch norm
    sees the samples of all, and the first process writes the files. Other than on one process are
    dropout masks, and the weights that only rounding moves (AdamW takes steps along a gradient that
    should be 0, such as that of a bias before a batch norm; the output does not depend on it).

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
        folder: where ``history.jsonl`` (one line an epoch), ``best.safetensors`` and the
            checkpoints ``last.safetensors`` and ``previous.safetensors`` go, each written whole
            or not at all. A broken checkpoint is told in a warning, and the one before taken.
        resume: go on with the run in the folder, which must have the same settings, model, loss
            and data (a ``Dataset`` or ``DataLoader`` counts by its number of batches); False
            starts afresh, over it.
        checkpoint_every: seconds between two checkpoints within an epoch, besides the one at its
            end; 0 is one a step.
        progress: show a bar; None when the standard output is a terminal.
        augment: a function (x, rng) -> x on the first input, or (group, field): a random element
            of the group acts on each sample.
        budget: seconds after which the run ends, with the epoch cut short; those before a kill
            count.
        seconds: of training alone (neither setting up nor validation count), over which the
            schedule of the learning rate runs, in place of ``epochs``: the run ends after them,
            with the epoch cut short. What a step compiles on first use does count.
        ema: decay of an exponential average of the weights, such as 0.99 for one over about the
            last hundred steps: it is the average that is validated, kept and given back. None
            takes the weights themselves.
        callbacks: functions that look on, each called with a `Moment` (model, optimiser, step,
            epoch, loss) before the first step and at the end of each epoch, or every so many steps
            where it has an attribute ``every``, as a `Tracker` has. They leave the weights as they
            are; then the run is the same bit for bit as without them. On several processes the
            first one calls them.

    Returns:
        the `Run`: history, best row, the model, why it stopped.

    Raises:
        ValueError: NaN or infinity in the data, the loss or the gradient; a folder that cannot be
            written to, has a run of other settings, or one that is on (before training); an
            impossible argument.
        TypeError: data of an unknown kind; a callback that is not callable.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> run = fit(torch.nn.Linear(1, 1), (x, 2 * x + 1), epochs=80, lr=0.3)
        >>> run.best["train_loss"] < 1e-2
        True

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101; Goyal et al. 2017, arXiv:1706.02677;
    Polyak & Juditsky 1992, doi:10.1137/0330046.
    """
    settings = Settings(
        epochs=epochs, batch_size=batch_size, lr=lr, weight_decay=weight_decay, warmup=warmup,
        clip=clip, monitor=monitor, maximize=maximize, patience=patience, budget=budget,
        seconds=seconds, ema=ema, seed=seed,
    )  # fmt: skip
    if not 0 <= checkpoint_every < math.inf:
        raise ValueError(f"checkpoint_every: should be seconds >= 0, got {checkpoint_every!r}")
    precision = choose_precision(precision, floating_dtype(model))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model: should have parameters to train, got none")
    if val is None and (patience is not None or monitor == "metric"):
        raise ValueError("val: should be given when patience or monitor='metric' is, got None")
    act, world, calls = make_augment(augment), join(), Callbacks(callbacks)
    path = None if folder is None else writable_folder(folder)
    desk = path if world.main else None  # only the first process writes
    with isolated(), ExitStack() as stack:
        with world.together():
            if desk is not None:
                stack.enter_context(held(desk))
        reseed(seed, "start")
        batches = make_batches(train, batch_size, "train", check_target=loss is None)
        checks = None if val is None else make_batches(val, batch_size, "val", loss is None)
        target = batches.example().target
        asked = {"loss": loss, "metric": metric, "augment": augment}
        data = {"train": batches, "val": checks}
        if not world.alone:
            world.require_same(fingerprint(settings, precision, model, data, asked))
        loss, metric = loss or default_loss(target), metric or default_metric(target)
        if monitor == "metric" and metric is None:
            raise ValueError("metric: should be given when monitor='metric', got None")
        start = time.monotonic()
        engine, keeper, kept = Engine(model, settings, precision, accelerator, world), None, None
        saver = None
        with world.together():
            if desk is not None:
                clean(desk)
                facts = fingerprint(settings, precision, model, data, asked)
                keeper = Keeper(desk, engine, facts, checkpoint_every)
                saver = Saver(model, desk / "best.safetensors")
                if resume:
                    kept = keeper.read()
                else:
                    keeper.forget()
        loop = Loop(
            model, settings, loss, metric, batches, checks, act, engine,
            History(None if desk is None else desk / "history.jsonl"),
            saver, keeper, start, world.from_main(kept), calls,
        )  # fmt: skip
        total = epochs * batches.steps if seconds is None else math.ceil(seconds)
        with progress_bar(total, progress if world.main else False) as update:
            stopped = loop.run(update)
        loop.finish()
        world.wait()  # what the first process wrote is there for all
    model.eval()
    return Run(model, loop.history.rows, loop.best, stopped, loop.place.seconds, seed, path)
