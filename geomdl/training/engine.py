"""One optimiser step on whatever device and in whatever precision: Lightning Fabric."""

import math

import torch
from torch import Tensor, nn

from .evaluation import floating_dtype
from .settings import Settings

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
    number = float(value.detach()) if isinstance(value, Tensor) else value
    if not math.isfinite(number):
        raise ValueError(f"{name}: should be finite, got {number} {where}")
    return number


class Engine:
    """A model and its AdamW as Fabric sees them.

    Args:
        model: the model; it is moved to the accelerator and converted to the precision.
        settings: learning rate, weight decay.
        precision: Fabric's name of it.
        accelerator: Fabric's name of it.

    Attributes:
        call: the model wrapped by Fabric, to be called in its place.
        home: the device from which the model came.
        dtype: type of the parameters.
    """

    def __init__(
        self, model: nn.Module, settings: Settings, precision: str, accelerator: str
    ) -> None:
        from lightning_fabric import Fabric

        self.model, self.home = model, next(model.parameters()).device
        self.fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)  # type: ignore[arg-type]
        self.scaled = precision == "16-mixed"  # an infinite gradient is part of its game
        optimizer = torch.optim.AdamW(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=settings.lr,
            weight_decay=settings.weight_decay,
        )
        self.call, self.optimizer = self.fabric.setup(model, optimizer)
        self.dtype = floating_dtype(model)

    @property
    def device(self) -> torch.device:
        """Where batches should be."""
        return self.fabric.device

    def step(self, loss: Tensor, lr: float, clip: float | None, where: str) -> None:
        """One step of AdamW at a learning rate.

        Raises:
            ValueError: NaN or infinity in the gradient, before anything is changed.
        """
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        if not self.scaled:
            self._check_gradients(where)
        if clip is not None:
            self.fabric.clip_gradients(self.call, self.optimizer, max_norm=clip)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()

    def _check_gradients(self, where: str) -> None:
        grads = {n: p.grad for n, p in self.model.named_parameters() if p.grad is not None}
        if bool(nn.utils.get_total_norm(grads.values()).isfinite()):
            return
        for name, grad in grads.items():
            if not bool(grad.isfinite().all()):
                raise ValueError(f"gradient: should be finite, got nan or inf in {name} {where}")
