"""What a run is, so that a checkpoint is not taken for that of another one."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.registry.config import encode

from . import sweep_store
from .batches import Batches
from .settings import Settings

__all__ = ["difference", "fingerprint"]


def fingerprint(
    settings: Settings,
    precision: str,
    model: nn.Module,
    data: Mapping[str, Batches | None],
    functions: Mapping[str, Any],
) -> dict[str, str]:
    """Settings, model, data and functions, as texts by name.

    Args:
        settings: the numbers of the run.
        precision: Fabric's name.
        model: its parameters and buffers count by name, shape, type and whether they are trained;
            its configuration, if all of it is registered, else what it prints as.
        data: number of batches, and a checksum over what is in memory.
        functions: they count by name and source; a module by what it prints as.

    Returns:
        one text a fact.
    """
    facts = {key: str(value) for key, value in asdict(settings).items()} | {"precision": precision}
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    for name, value in model.state_dict().items():
        shape = f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else "other"
        facts[f"model {name}"] = shape + (" trained" if name in trained else "")
    facts["configuration of the model"] = _digest(_configuration(model))
    for name, batches in data.items():
        facts[name] = "None" if batches is None else f"{batches.steps} batches{_rows(batches)}"
    return facts | {name: _name(value) for name, value in functions.items()}


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> str | None:
    """The first fact that differs, as ``lr: should be 0.1, got 0.2``; None if there is none.

    Example:
        >>> difference({"lr": "0.1"}, {"lr": "0.2"})
        'lr: should be 0.1 as in the earlier run, got 0.2'
    """
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key, "nothing"), new.get(key, "nothing")
        if was != now:
            return f"{key}: should be {was} as in the earlier run, got {now}"
    return None


def _name(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(str(part) for part in value)})"
    if value is None:
        return "None"
    if isinstance(value, nn.Module):
        return f"{type(value).__qualname__} {_digest(_printed(value) + _numbers(value))}"
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return f"{name} {sweep_store.fingerprint(value)[:8]}" if callable(value) else str(name)


def _configuration(model: nn.Module) -> str:
    try:
        return json.dumps(encode(model), sort_keys=True)
    except ValueError:  # not registered, or a part of it is not
        return _printed(model)


def _printed(module: nn.Module) -> str:
    """What it prints as, without addresses, which differ between processes."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(module))


def _numbers(module: nn.Module) -> str:
    """Plain attributes of PyTorch's own losses, which print none; others may count in theirs."""
    if not type(module).__module__.startswith("torch.nn."):
        return ""
    kinds = (bool, int, float, str, type(None))
    found = {key: value for key, value in vars(module).items() if isinstance(value, kinds)}
    return repr(sorted((key, repr(value)) for key, value in found.items() if key != "training"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _rows(batches: Batches) -> str:
    inputs, target = getattr(batches, "inputs", None), getattr(batches, "target", None)
    if not isinstance(inputs, dict) or not isinstance(target, Tensor):
        return ""
    found = hashlib.sha256()
    for key, value in [*inputs.items(), ("y", target)]:
        rows = value.detach().cpu().contiguous()
        found.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
        found.update(rows.reshape(-1).view(torch.uint8).numpy() if rows.numel() else b"")
    return f" of checksum {found.hexdigest()[:8]}"
