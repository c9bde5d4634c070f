"""A copy of the callable that may be bent to the audit; the user's own stays untouched."""

import copy
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.auditing.trees import cast

Randomize = bool | Callable[[nn.Module, torch.Generator], None]


def prepared(
    f: Callable[..., Any],
    dtype: torch.dtype,
    *,
    training: bool | None = False,
    randomize: Randomize = False,
    rng: torch.Generator,
) -> Callable[..., Any]:
    """Copy a module (or the module of a bound method), cast it, set its mode, redraw its weights.

    Args:
        f: any callable; one that is no module and no module's method is returned as it is.
        dtype: floating dtype of parameters and buffers; complex ones go to its complex twin.
        training: False evaluation mode, True training mode, None as it is.
        randomize: redraw parameters and running statistics, see `redraw`; or a function
            (module, rng) that does it.
        rng: generator of the redraws.

    Raises:
        TypeError: `f` is not callable, or `randomize` is asked of what has no parameters.
        ValueError: the module cannot be copied, or was scripted.
    """
    if not callable(f):
        raise TypeError(f"f: expected a callable, got {type(f).__name__}")
    module = owner(f)
    if module is None:
        if randomize:
            raise TypeError(f"randomize: f should be an nn.Module, got {type(f).__name__}")
        return f
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise ValueError(
            f"f: expected a module of Python, got a scripted one ({type(module).__name__}); give "
            "the one that was scripted, or its torch.export"
        )
    try:
        module = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"f: cannot be copied by copy.deepcopy: {error}") from error
    # not Module.to: it would drop the imaginary part of complex parameters
    trainable = {name for name, p in module.named_parameters() if p.requires_grad}
    module._apply(lambda t: cast(t, dtype))
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in trainable)
    if training is not None:
        module.train(training)
    if callable(randomize):
        randomize(module, rng)
    elif randomize:
        redraw(module, rng)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return MethodType(f.__func__, module) if isinstance(f, MethodType) else module


def owner(f: Callable[..., Any]) -> nn.Module | None:
    """Module that `f` is, or is a bound method of."""
    holder = f.__self__ if isinstance(f, MethodType) else f
    return holder if isinstance(holder, nn.Module) else None


def redraw(module: nn.Module, rng: torch.Generator) -> None:
    """Redraw the weights of a module at size one, in place: a zero hides every break behind it.

    Trainable parameters (all of them, if the whole module is frozen): normal, with standard
    deviation 1/√fan-in where they have two axes or more. Buffers named `running_…`: normal, or
    between ½ and 3/2 where they are a variance or a standard deviation. Other buffers, and frozen
    parameters among trainable ones, are constants of the layer (bases, tables) and stay.

    Args:
        module: changed in place.
        rng: generator on the CPU.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> redraw(layer, torch.Generator().manual_seed(0))
        >>> bool((layer.weight != 0).all())
        True
    """
    parameters = list(module.parameters())
    trainable = [p for p in parameters if p.requires_grad] or parameters
    with torch.no_grad():
        for parameter in trainable:
            fan_in = parameter[0].numel() if parameter.ndim > 1 and len(parameter) else 1
            parameter.copy_(_normal(parameter, rng) / max(fan_in, 1) ** 0.5)
        for name, buffer in module.named_buffers():
            last = name.rpartition(".")[2]
            if not (last.startswith("running_") and buffer.is_floating_point()):
                continue
            if re.search("var|std", last):
                buffer.copy_(torch.rand(buffer.shape, generator=rng) + 0.5)
            else:
                buffer.copy_(_normal(buffer, rng))


def _normal(like: Tensor, rng: torch.Generator) -> Tensor:
    dtype = torch.complex128 if like.is_complex() else torch.float64
    return torch.randn(like.shape, generator=rng, dtype=dtype).to(like)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed every global generator (torch, NumPy, random) inside, and put them back after."""
    import numpy as np

    ours, theirs = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(ours)
            np.random.set_state(theirs)
