"""Tensors and facts as the bytes of one safetensors file, with a checksum inside; no pickle."""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["pack", "unpack"]

FORMAT = 1


class ForeignError(Exception):
    """A whole checkpoint that another version wrote."""


def pack(tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> bytes:
    """The bytes of a file.

    Args:
        tensors: by name, of any type and on any device; ties and strides are not kept.
        facts: what JSON can hold; its floats come back bit for bit.

    Returns:
        a safetensors file whose metadata hold the facts and a SHA-256 of everything.

    Example:
        >>> tensors, facts = unpack(pack({"a": torch.arange(3)}, {"step": 7}))
        >>> tensors["a"], facts
        (tensor([0, 1, 2]), {'step': 7})
    """
    from safetensors.torch import save

    complexes = sorted(name for name, value in tensors.items() if value.is_complex())
    plain = {
        name: (torch.view_as_real(value.resolve_conj()) if value.is_complex() else value)
        .detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }  # fmt: skip
    header = json.dumps({"format": FORMAT, "complex": complexes, "facts": facts})
    return save(plain, metadata={"geomdl_run": header, "sha256": _digest(plain, header)})


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts from the bytes of `pack`.

    Raises:
        ValueError: a bit is not as it was written, bytes are missing, or the file is another's.
        ForeignError: it is whole, but of another version's format.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        (length,) = struct.unpack("<Q", data[:8])
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        plain, header = load(data), metadata["geomdl_run"]
        intact = metadata["sha256"] == _digest(plain, header)
        found = json.loads(header) if intact else {}
    except (SafetensorError, ValueError, KeyError, TypeError, struct.error) as error:
        raise ValueError(f"should be a checkpoint of a run, got {_line(error)}") from error
    if not intact:
        raise ValueError("should be a checkpoint of a run, got a wrong checksum")
    if found["format"] != FORMAT:
        raise ForeignError(f"should have format {FORMAT}, got {found['format']}")
    for name in found["complex"]:
        plain[name] = torch.view_as_complex(plain[name])
    return plain, found["facts"]


def _digest(tensors: Mapping[str, Tensor], header: str) -> str:
    found = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        value = tensors[name]
        found.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
