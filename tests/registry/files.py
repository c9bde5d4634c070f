"""Checkpoints with other contents, for the tests."""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


def rewrite(path: Path, tensors: dict[str, Tensor] | None = None, **metadata: Any) -> None:
    """Write a checkpoint again with some of its metadata, or its tensors, replaced."""
    with safe_open(path, "pt") as file:
        header, names = file.metadata(), file.keys()
        own = {name: file.get_tensor(name) for name in names}
    for key, value in metadata.items():
        header[key] = value if isinstance(value, str) else json.dumps(value)
    save_file(own if tensors is None else tensors, path, metadata=header)
