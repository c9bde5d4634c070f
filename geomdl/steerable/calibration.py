"""Initial weights scaled by data, layer after layer."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

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

    Biases of these layers are set to zero. Modes, statistics of normalisations and PyTorch's random
    state are left as they are; a layer that is called several times is scaled at its first call.

    Args:
        model: any module that contains such layers.
        inputs: one batch, as for a call of the model; 32 samples or so.
        gain: standard deviation of every output.

    Returns:
        name of a layer -> factor, in order of execution.

    Raises:
        ValueError: no such layer is reached, or an output does not vary or is not finite.

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
    if not gain > 0:
        raise ValueError(f"gain: should be positive, got {gain}")
    factors: dict[str, float] = {}
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    before = {k: v.clone() for k, v in model.state_dict().items() if k not in parameters}
    layers = [(name, m) for name, m in model.named_modules() if isinstance(m, LAYERS)]
    handles = []
    for name, layer in layers:
        if layer.bias is not None:
            _scale(layer.bias, 0.0)
        handles.append(layer.register_forward_hook(_scaler(name, gain, factors)))
    try:
        with torch.random.fork_rng():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
        now = model.state_dict(keep_vars=True)
        for key, value in before.items():
            now[key].copy_(value)
    if not factors:
        raise ValueError(
            f"model: {type(model).__name__} calls no Conv, ConvTranspose or Linear of "
            "geomdl.steerable"
        )
    return factors


def _scaler(
    name: str, gain: float, factors: dict[str, float]
) -> Callable[[nn.Module, Any, Tensor], Tensor | None]:
    """Hook that scales a layer and its output at the first call."""

    def hook(layer: nn.Module, _: Any, output: Tensor) -> Tensor | None:
        if name in factors:
            return None
        size = output.double().std(correction=0).item()
        if not (0 < size < float("inf")):
            raise ValueError(
                f"x: the output of layer {name or type(layer).__name__} should be finite and vary, "
                f"got a standard deviation of {size}"
            )
        factors[name] = gain / size
        _scale(cast(nn.Module, layer.filters), factors[name])
        return output * factors[name]

    return hook


def _scale(filters: nn.Module, factor: float) -> None:
    """Multiply all weights."""
    for weight in filters.parameters():
        weight.mul_(factor)
