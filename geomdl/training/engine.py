"""One optimiser step on whatever device and in whatever precision: Lightning Fabric."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .average import Average
from .batches import Batch
from .distributed import World
from .evaluation import floating_dtype
from .metrics import Measure
from .seeds import isolated, reseed
from .settings import Settings
from .sync_norm import SyncBatchNorm

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Engine", "require_finite"]


def require_finite(value: Tensor | float, name: str, where: str) -> float:
    """The value as a number.

    Raises:
        ValueError: it is no scalar, or it is NaN or infinite; the message says what and where.

    Example:
        >>> require_finite(float("nan"), "loss", "at epoch 1, step 3")
        Traceback (most recent call last):
        ValueError: loss: should be finite, got nan at epoch 1, step 3
    """
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"{name}: should be a scalar, got shape {tuple(value.shape)} {where}")
    number = float(value.detach() if isinstance(value, Tensor) else value)
    if not math.isfinite(number):
        raise ValueError(f"{name}: should be finite, got {number} {where}")
    return number


def _fabric(accelerator: str, devices: int | list[int], precision: str) -> "Fabric":
    """Fabric on one device, which leaves the output of a float64 model in float64."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins import DoublePrecision

    class Double(DoublePrecision):
        def convert_output(self, data: Any) -> Any:
            return data  # Fabric's own goes to float32, and the loss with it

    if precision in ("64", "64-true"):
        return Fabric(accelerator=accelerator, devices=devices, plugins=Double())
    return Fabric(accelerator=accelerator, devices=devices, precision=precision)  # type: ignore[arg-type]


class Engine:
    """A model and its AdamW as Fabric sees them, on one process or several.

    Each process has its own Fabric on one device; what is exchanged between processes is exchanged
    here and in `World`, since the average of Fabric's strategies is that of processes, not of
    samples.

    Args:
        model: the model; it is moved to the accelerator and converted to the precision.
        settings: learning rate, weight decay.
        precision: Fabric's name of it.
        accelerator: Fabric's name of it.
        world: the processes; all begin with the weights of the first one.

    Attributes:
        call: the model wrapped by Fabric, to be called in its place.
        home: the device from which the model came.
        dtype: type of the parameters.
        average: of the weights; None where ``ema`` is.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: Settings,
        precision: str,
        accelerator: str,
        world: World | None = None,
    ) -> None:
        self.model, self.home = model, next(model.parameters()).device
        self.world, self.seed = world or World(), settings.seed
        on_gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        devices = 1 if self.world.alone or not on_gpu else [self.world.local_rank]
        self.fabric = _fabric(accelerator, devices, precision)
        self.scaled = precision == "16-mixed"  # an infinite gradient is part of its game
        optimizer = torch.optim.AdamW(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=settings.lr,
            weight_decay=settings.weight_decay,
        )
        self.call, self.optimizer = self.fabric.setup(model, optimizer)
        self.dtype = floating_dtype(model)
        self.world.copy_from_main(model)
        self.average = None if settings.ema is None else Average(model, settings.ema)

    @property
    def device(self) -> torch.device:
        """Where batches should be."""
        return self.fabric.device

    def step(
        self, batch: Batch, loss: Measure, lr: float, clip: float | None, number: int, where: str
    ) -> float:
        """One step of AdamW on a batch, of which each process takes its share.

        The gradient is Σ_r (n_r / n) ∇loss_r over processes r with n_r of the n samples: that of
        the mean over the batch. Losses, gradients and their norm are those of all processes, so a
        NaN on one raises on all.

        Args:
            batch: the batch of all processes.
            loss: function of (output, target), mean over samples.
            lr: learning rate.
            clip: largest 2-norm of the gradient; None leaves it.
            number: how many steps were taken before.
            where: what messages add.

        Returns:
            the loss on the batch.

        Raises:
            ValueError: NaN or infinity in the loss or the gradient, before a parameter is changed.
        """
        share, weight = self.world.share(batch)
        share = share.to(self.device, self.dtype)
        with self._forward(number, counts=weight > 0):
            value = loss(self.call(*share.args, **share.kwargs), share.target)
        if self.world.alone:
            total = require_finite(value, "loss", where)
        else:
            scalar = value.numel() == 1
            mine = weight * value.detach().double() if scalar else value.new_tensor(math.nan)
            everyone = self.world.sum(mine.double().reshape(1))  # before anyone raises
            total = require_finite(everyone if scalar else value, "loss", where)
            value = value * weight
        self.optimizer.zero_grad()
        self.fabric.backward(value)
        self.world.sum_gradients(p for p in self.model.parameters() if p.requires_grad)
        if not self.scaled:
            self._check_gradients(where)
        if clip is not None:
            self.fabric.clip_gradients(self.call, self.optimizer, max_norm=clip)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        if self.average is not None:
            self.average.update(number + 1)
        return total

    def averaged(self) -> AbstractContextManager[None]:
        """The model with its average weights, where there are any: those to test and to keep."""
        return nullcontext() if self.average is None else self.average.used()

    @contextmanager
    def _forward(self, number: int, counts: bool) -> Iterator[None]:
        """On several processes: one batch norm, and dropout masks of each process's own.

        The global random states are the same on all processes before and after, so data sets that
        draw from them give the same batches everywhere.
        """
        if self.world.alone:
            yield
            return
        with isolated(), SyncBatchNorm(self.world, counts):
            reseed(self.seed, "forward", number, self.world.rank)
            yield

    def _check_gradients(self, where: str) -> None:
        grads = {n: p.grad for n, p in self.model.named_parameters() if p.grad is not None}
        if bool(nn.utils.get_total_norm(grads.values()).isfinite()):
            return
        for name, grad in grads.items():
            if not bool(grad.isfinite().all()):
                raise ValueError(f"gradient: should be finite, got nan or inf in {name} {where}")
