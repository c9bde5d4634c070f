"""Compiling every kernel ahead of its first use."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from geomdl.kernels import threads
from geomdl.kernels.compiled import Compiled
from geomdl.kernels.op import Kernel, all_kernels
from geomdl.kernels.radius import radius_pairs
from geomdl.kernels.sampling import number, sample_rows

FLOATS = (torch.float32, torch.float64, torch.bfloat16)
INTEGERS = (torch.int32, torch.int64)


@dataclass(frozen=True)
class Warmed:
    """What compiling one kernel for one pair of types took.

    Attributes:
        kernel: its name.
        dtype: of the features.
        index_dtype: of the index tensors.
        seconds: of the first calls on a small example of every case.
    """

    kernel: str
    dtype: torch.dtype
    index_dtype: torch.dtype
    seconds: float

    @property
    def types(self) -> str:
        """Both types in short: float32/int64."""
        return f"{self.dtype}/{self.index_dtype}".replace("torch.", "")


def variants() -> tuple[tuple[Kernel, torch.dtype, torch.dtype], ...]:
    """Every registered kernel with every pair of types that it is compiled for.

    Example:
        >>> len(variants()) == len(all_kernels()) * len(FLOATS) * len(INTEGERS)
        True
    """
    return tuple((k, f, i) for k in all_kernels() for f in FLOATS for i in INTEGERS)


def warm() -> Iterator[Warmed]:
    """Compile every variant of every kernel, or read it from the cache; one at a time.

    Last come the search for neighbours and their sampling, which are no kernels.

    Example:
        >>> next(warm()).kernel
        'additive_attention'
    """
    for kernel, dtype, index_dtype in variants():
        start = time.perf_counter()
        for case in kernel.cases:
            args = kernel.example(dtype, index_dtype, case)
            kernel.cpu(*args)
            with threads.always(2):
                kernel.cpu(*args)
        yield Warmed(kernel.name, dtype, index_dtype, time.perf_counter() - start)
    start = time.perf_counter()
    space = torch.eye(3, dtype=torch.float64)
    for count in (1, 2):
        with threads.always(count):
            radius_pairs(space, torch.zeros(3).long(), space[None], torch.ones(1, 3).bool(), 1.0)
    yield Warmed("radius_pairs", torch.float64, torch.int32, time.perf_counter() - start)
    for index_dtype, kind in ((torch.int32, np.int32), (torch.int64, np.int64)):
        start = time.perf_counter()
        ptr, rows = np.array([0, 3], kind), np.zeros(1, np.int64)
        for count in (1, 2):
            with threads.always(count):
                sample_rows(ptr, rows, 2, key=0)
        number(np.zeros(1, kind), np.full(1, -1), np.zeros(1, np.int64), 0)
        yield Warmed("sample_rows", torch.float64, index_dtype, time.perf_counter() - start)


def cache_state() -> tuple[int, int, tuple[str, ...]]:
    """What has been compiled in this process.

    Returns:
        Compiled signatures; how many of them came from the cache; folders of the cache.
    """
    made = Compiled.instances
    folders = sorted({function.folder for function in made if function.folder is not None})
    return sum(f.signatures for f in made), sum(f.hits for f in made), tuple(folders)
