"""How files of older format versions become files of the present one.

``MIGRATIONS[v]`` takes the metadata and tensors of a file of version v and returns those of v + 1.
A change of the format adds one function here, raises `FORMAT`, and leaves a golden file of the
old version in ``tests/registry/golden``, which must load for ever.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

FORMAT = 2
"""Version of the format that `geomdl.save` writes."""

Contents = tuple[dict[str, Any], dict[str, Tensor]]
"""Metadata (``config``, ``state``, …, parsed) and tensors of a file."""


def _versions(metadata: dict[str, Any], tensors: dict[str, Tensor]) -> Contents:
    """Say that the modules' states are of version 1, which modules themselves bring up to date."""
    return {**metadata, "state": {**metadata["state"], "version": 1}}, tensors


MIGRATIONS: dict[int, Callable[[dict[str, Any], dict[str, Tensor]], Contents]] = {1: _versions}


def migrate(version: int, metadata: dict[str, Any], tensors: dict[str, Tensor]) -> Contents:
    """Bring the contents of a file from its version to `FORMAT`, one step at a time.

    Args:
        version: format version of the file, at most `FORMAT`.
        metadata: the parsed metadata.
        tensors: tensors by name.

    Returns:
        Metadata and tensors as the present version writes them.
    """
    for step in range(version, FORMAT):
        metadata, tensors = MIGRATIONS[step](metadata, tensors)
    return metadata, tensors
