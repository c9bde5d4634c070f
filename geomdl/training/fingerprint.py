"""What a run is, so that a checkpoint is not taken for that of another one."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from .batches import Batches
from .settings import Settings

__all__ = ["difference", "fingerprint"]

ROWS = 64  # samples that are looked at


def fingerprint(
    settings: Settings,
    precision: str,
    model: nn.Module,
    data: Mapping[str, Batches | None],
    functions: Mapping[str, Any],
) -> dict[str, str]:
    """Settings, shapes of the model, data and names of the functions, as texts by name.

    Args:
        settings: the numbers of the run.
        precision: Fabric's name.
        model: its parameters and buffers count by name, shape, type and whether they are trained.
        data: number of batches, and a checksum over up to 64 rows of what is in memory.
        functions: they count by name.

    Returns:
        one text a fact.
    """
    facts = {key: str(value) for key, value in asdict(settings).items()} | {"precision": precision}
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    for name, value in model.state_dict().items():
        shape = f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else "other"
        facts[f"model {name}"] = shape + (" trained" if name in trained else "")
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
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return "None" if value is None else str(name)


def _rows(batches: Batches) -> str:
    inputs, target = getattr(batches, "inputs", None), getattr(batches, "target", None)
    if not isinstance(inputs, dict) or not isinstance(target, Tensor):
        return ""
    found = hashlib.sha256()
    for key, value in [*inputs.items(), ("y", target)]:
        rows = value[:: max(1, len(value) // ROWS)].detach().cpu().contiguous()
        found.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
        found.update(rows.reshape(-1).view(torch.uint8).numpy() if rows.numel() else b"")
    return f" of checksum {found.hexdigest()[:8]}"
