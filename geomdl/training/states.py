"""States of a model and of its optimiser as tensors by name, and back."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["model_state", "optimizer_state", "set_model_state", "set_optimizer_state"]


def model_state(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and all buffers, those outside of the state dict too.

    Raises:
        ValueError: an extra state is no tensor, and so cannot be written without pickle.
    """
    state = dict(model.state_dict())
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"model: extra state {name} should be a tensor to be kept in a folder,"
                f" got {type(value).__name__}"
            )
    return {f"buffer:{name}": value for name, value in _hidden(model).items()} | state


def set_model_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put `model_state` back, in place."""
    own = {name: value for name, value in state.items() if not name.startswith("buffer:")}
    model.load_state_dict(own)
    for name, value in _hidden(model).items():
        if f"buffer:{name}" in state:
            value.copy_(state[f"buffer:{name}"])


def _hidden(model: nn.Module) -> dict[str, Tensor]:
    """Buffers that are registered as not persistent."""
    named = model.state_dict()
    return {name: value for name, value in model.named_buffers() if name not in named}


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser as ``<number of the parameter>/<name>``."""
    return {
        f"{number}/{name}": value
        for number, parameter in enumerate(_parameters(optimizer))
        for name, value in optimizer.state.get(parameter, {}).items()
    }


def set_optimizer_state(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put `optimizer_state` back: moments take strides and device of their parameter."""
    parameters = _parameters(optimizer)
    optimizer.state.clear()
    for name, value in tensors.items():
        number, key = name.split("/", 1)
        parameter = parameters[int(number)]
        if value.shape == parameter.shape and key != "step":
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value).detach()
        optimizer.state[parameter][key] = value


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
