"""The states of every global random generator, to be kept in a checkpoint."""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["random_states", "set_random_states"]


def random_states() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """States of torch (CPU and CUDA), NumPy and ``random``.

    Returns:
        tensors by name, and what JSON can hold.

    Example:
        >>> states = random_states()
        >>> first = torch.rand(3), random.random()
        >>> set_random_states(*states)
        >>> torch.equal(torch.rand(3), first[0]), random.random() == first[1]
        (True, True)
    """
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        for number, state in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"cuda{number}"] = state
    name, keys, *rest = np.random.get_state()
    tensors["numpy"] = torch.from_numpy(np.asarray(keys).astype(np.int64))
    version, words, gauss = random.getstate()
    tensors["python"] = torch.tensor(words, dtype=torch.int64)
    return tensors, {"numpy": [name, *rest], "python": [version, gauss]}


def set_random_states(tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Put `random_states` back; states of CUDA devices that are not here are left out."""
    torch.set_rng_state(tensors["torch"])
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            if f"cuda{number}" in tensors:
                torch.cuda.set_rng_state(tensors[f"cuda{number}"], number)
    name, *rest = facts["numpy"]
    np.random.set_state((name, tensors["numpy"].numpy().astype(np.uint32), *rest))
    version, gauss = facts["python"]
    random.setstate((version, tuple(tensors["python"].tolist()), gauss))
