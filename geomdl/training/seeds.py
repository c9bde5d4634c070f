"""Seeds: every random choice of a run is a function of (seed, purpose, epoch).

No generator is carried from one epoch to the next, so a run that starts again at epoch e draws
what the first run drew there.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["derive", "generator", "isolated", "reseed"]


def derive(seed: int, *purpose: str | int) -> int:
    """A 32-bit seed that depends on ``seed`` and on what it is for.

    The first 4 bytes of SHA-256 over the arguments: different purposes give unrelated streams,
    which ``seed + 1`` would not (it is the next user's seed).

    Args:
        seed: the seed of the run.
        purpose: strings and integers, for instance ``("shuffle", epoch)``.

    Returns:
        an integer in [0, 2**32).

    Example:
        >>> derive(0, "shuffle", 3) == derive(0, "shuffle", 3)
        True
        >>> derive(0, "shuffle", 3) == derive(0, "augment", 3)
        False
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A private CPU generator seeded with ``derive(seed, *purpose)``.

    Args:
        seed: the seed of the run.
        purpose: strings and integers that name the stream.

    Returns:
        a fresh ``torch.Generator``.

    Example:
        >>> torch.randperm(4, generator=generator(0, "shuffle", 1)).shape
        torch.Size([4])
    """
    return torch.Generator().manual_seed(derive(seed, *purpose))


def reseed(seed: int, *purpose: str | int) -> None:
    """Seed torch, NumPy and ``random`` globally: for dropout and for foreign data sets.

    Call it inside ``isolated()`` only.

    Args:
        seed: the seed of the run.
        purpose: strings and integers that name the stream.
    """
    value = derive(seed, *purpose)
    torch.manual_seed(value)
    np.random.seed(value)  # the global state is what foreign code draws from
    random.seed(value)


@contextmanager
def isolated() -> Iterator[None]:
    """Put the global random states (torch, CUDA, NumPy, ``random``) back on the way out.

    Example:
        >>> before = torch.get_rng_state()
        >>> with isolated():
        ...     _ = torch.rand(3)
        >>> torch.equal(before, torch.get_rng_state())
        True
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
