"""Initial weights scaled by data, layer after layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

from geomdl.steerable.checks import is_real
from geomdl.steerable.conv import Conv
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.linear import Linear

LAYERS = (Conv, ConvTranspose, Linear)
"""Layers whose weights are scaled."""


@torch.no_grad()
def calibrate(model: nn.Module, *inputs: Any, gain: float = 1.0) -> dict[str, float]:
    """Scale all filters so that on one batch every layer's output has variance gain².

    The variance is that of all numbers of an output, over samples, channels and pixels. Random
    weights preserve that of uncorrelated inputs. Smooth filters look at neighbours that are alike,
    and their outputs are alike again, so over ten layers the variance drifts by orders of
    magnitude, by as much as only the data can tell. One forward pass scales each `Conv`,
    `ConvTranspose` and `Linear` as it is reached: later layers already see what earlier ones will
    give. The symmetry is untouched: filters are multiplied by numbers.

    Biases of layers that are reached are set to zero. Modes, statistics of normalisations and
    PyTorch's random state are left as they are. A layer that is called several times, and filters
    that several layers share, are scaled at the first call. After an error the model is what it
    was.

    Args:
        model: any module that contains such layers.
        inputs: one batch, as for a call of the model; 32 samples or so.
        gain: standard deviation of every output.

    Returns:
        name of a layer -> factor, in order of execution.

    Raises:
        ValueError: no such layer is reached, an empty batch, or an output that does not vary or is
            not finite.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> C8 = geomdl.group("C8")
        >>> conv = Conv(Field(Grid(2), C8.trivial), Field(Grid(2), C8.regular), 5)
        >>> x = torch.randn(8, 1, 9, 9, generator=torch.Generator().manual_seed(0))
        >>> factors = calibrate(conv, x)
        >>> round(conv(x).var(correction=0).item(), 5)
        1.0

    Source: Mishkin and Matas 2016, arXiv:1511.06422.
    """
    if not is_real(gain) or gain <= 0:
        raise ValueError(f"gain: should be positive and finite, got {gain!r}")
    for x in tree_leaves(inputs):
        if isinstance(x, Tensor) and x.numel() == 0:
            raise ValueError(f"inputs: should hold samples, got a tensor of shape {tuple(x.shape)}")
    layers = [(name, m) for name, m in model.named_modules() if isinstance(m, LAYERS)]
    weights = [w for _, layer in layers for w in layer.parameters()]
    was = [w.clone() for w in weights]
    scaled = _Scaled(gain)
    handles: list[RemovableHandle] = []
    for name, layer in layers:
        handles.append(layer.register_forward_pre_hook(_unbiased))
        handles.append(layer.register_forward_hook(partial(scaled.hook, name)))
    try:
        with state_kept(model), torch.random.fork_rng():
            model(*inputs)
    except BaseException:
        for weight, value in zip(weights, was, strict=True):
            weight.copy_(value)
        raise
    finally:
        for handle in handles:
            handle.remove()
    if not scaled.factors:
        raise ValueError(
            f"model: {type(model).__name__} calls no Conv, ConvTranspose or Linear of "
            "geomdl.steerable"
        )
    return scaled.factors


@contextmanager
def state_kept(model: nn.Module) -> Iterator[None]:
    """Put statistics and all other buffers back."""
    before = {name: b.clone() for name, b in model.named_buffers()}
    try:
        yield
    finally:
        now = dict(model.named_buffers())
        for name, value in before.items():
            now[name].copy_(value)


def _unbiased(layer: nn.Module, _: Any) -> None:
    """Hook that zeroes the bias of a layer which is reached."""
    if isinstance(layer.bias, nn.Module):
        _scale(layer.bias, 0.0)


class _Scaled:
    """Factors found so far, and the filters that have theirs."""

    def __init__(self, gain: float) -> None:
        self.gain = gain
        self.factors: dict[str, float] = {}
        self._seen: set[int] = set()

    def hook(self, name: str, layer: nn.Module, _: Any, output: Tensor) -> Tensor | None:
        """Scale filters and the layer's output when they are first used."""
        filters = cast(nn.Module, layer.filters)
        weights = {id(weight) for weight in filters.parameters()}
        if weights & self._seen:
            return None
        size = output.double().std(correction=0).item() if output.numel() else 0.0
        if not (0 < size < float("inf")):
            raise ValueError(
                f"x: the output of layer {name or type(layer).__name__} should be finite and vary, "
                f"got a standard deviation of {size}"
            )
        self._seen |= weights
        self.factors[name] = self.gain / size
        _scale(filters, self.factors[name])
        return output * self.factors[name]


def _scale(filters: nn.Module, factor: float) -> None:
    """Multiply all weights."""
    for weight in filters.parameters():
        weight.mul_(factor)
