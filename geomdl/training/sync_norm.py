"""Batch normalisation over the samples of all processes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .distributed import World

__all__ = ["SyncBatchNorm", "batch_norm"]


def batch_norm(
    world: World,
    counts: bool,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``torch.nn.functional.batch_norm`` with the mean and the variance of all processes.

    mean = Σ_r Σ_i x_ri / n,  var = Σ_r Σ_i (x_ri - mean)² / n,  n = Σ_r n_r:

    the sums Σ_r over processes are differentiable, and squares are taken about the common mean,
    so nothing is lost to cancellation. Exact up to the order of additions.

    Args:
        world: the processes.
        counts: whether the samples of this process count; else they are only normalised.
        x: shape (batch, channels, ...).
        running_mean: shape (channels,), changed in place; None for none.
        running_var: shape (channels,), changed in place (unbiased); None for none.
        weight: shape (channels,).
        bias: shape (channels,).
        training: whether the statistics are those of the batch.
        momentum: weight of this batch in the running statistics.
        eps: added to the variance.

    Returns:
        shape of x.

    Raises:
        ValueError: one value a channel on all processes together, on each of them.

    Example:
        >>> x = torch.randn(6, 2, dtype=torch.float64)
        >>> y = batch_norm(World(), True, x, None, None, training=True)
        >>> torch.allclose(y, F.batch_norm(x, None, None, training=True), rtol=1e-12)
        True
    """
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    axes = [axis for axis in range(x.dim()) if axis != 1]
    scale = float(counts)
    here = torch.full((1,), scale * x.numel() / x.shape[1], dtype=wide.dtype, device=x.device)
    sums = world.sum(torch.cat([here, scale * wide.sum(axes)]))
    n = float(sums[0].detach())
    if n <= 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(x.shape)}"
        )
    shape = (1, -1, *(1 for _ in axes[1:]))
    mean = sums[1:] / n
    centred = wide - mean.view(shape)
    var = world.sum(scale * centred.square().sum(axes)) / n
    with torch.no_grad():
        if running_mean is not None:
            running_mean.mul_(1 - momentum).add_(mean, alpha=momentum)
        if running_var is not None:
            running_var.mul_(1 - momentum).add_(var, alpha=momentum * n / (n - 1))
    factor = (var + eps).rsqrt()
    if weight is not None:
        factor = factor * weight
    y = centred * factor.view(shape)
    if bias is not None:
        y = y + bias.view(shape)
    return y.to(x.dtype)


class SyncBatchNorm(TorchFunctionMode):
    """While it is entered, ``F.batch_norm`` in training is `batch_norm` over all processes.

    So ``torch.nn.BatchNorm1d/2d/3d`` and every layer built on that function are synchronised as
    they stand: no class is swapped, and the keys of the state dict are those of one process.

    Args:
        world: the processes.
        counts: whether the samples of this process count.
    """

    def __init__(self, world: World, counts: bool) -> None:
        super().__init__()
        self.world, self.counts = world, counts

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is F.batch_norm:
            return batch_norm(self.world, self.counts, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))
