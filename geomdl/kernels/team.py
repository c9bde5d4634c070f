"""The threads that torch itself works with, lent to our loops.

OpenMP's workers stay awake for a while after torch's own loops, and a second set of threads beside
them would fight for the cores. So where torch works with OpenMP and its library can be found, our
loops run as a parallel region of the same library, on the same threads. A forked child has none of
them, nor can the library make them anew; it makes its own (`geomdl.kernels.threads`).
"""

import ctypes
import os
import re
from functools import cache
from typing import Any

_FUNCTIONS = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
_LIBRARY = re.compile(r"lib(gomp|iomp5|omp)[^/]*\.so[^/]*$")
_forked = False


@cache
def library() -> Any:
    """The OpenMP library that torch has loaded, or None; None where Numba compiles nothing."""
    import numba
    import torch

    config: Any = numba.config
    if config.DISABLE_JIT:
        return None

    if "OpenMP" not in torch.__config__.parallel_info():
        return None
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            files = {line.split()[-1] for line in maps if _LIBRARY.search(line.rstrip())}
    except OSError:
        return None
    home = os.path.dirname(torch.__file__)
    for path in sorted(files, key=lambda path: (not path.startswith(home), path)):
        try:
            found = ctypes.CDLL(path)
            for name in _FUNCTIONS:
                getattr(found, name)
        except (OSError, AttributeError):
            continue
        return found
    return None


def available() -> bool:
    """Whether torch's threads can be had in this process."""
    return not _forked and library() is not None


@cache
def addresses() -> tuple[int, ...]:
    """Of the library's functions that run a function on its threads, and count these."""
    found = (ctypes.cast(getattr(library(), name), ctypes.c_void_p).value for name in _FUNCTIONS)
    return tuple(int(address or 0) for address in found)


def _forget() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_forget)
