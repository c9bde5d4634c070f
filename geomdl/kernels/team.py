"""The threads that torch itself works with, lent to our loops.

OpenMP's workers stay awake for a while after torch's own loops, and a second set of threads beside
them would fight for the cores. So where torch works with OpenMP and its library can be found, our
loops run as a parallel region of the same library, on the same threads. A forked child has none of
them, nor can the library make them anew; it makes its own (`geomdl.kernels.threads`).
"""

import ctypes
import os
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

Result = TypeVar("Result")

_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_LIBRARY = re.compile(r"lib(gomp|iomp5|omp)[^/]*\.so[^/]*$")
_forked = False


@cache
def library() -> Any:
    """The OpenMP library that torch has loaded, or None."""
    import torch

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
            found.GOMP_parallel.argtypes = [_BODY, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
            found.GOMP_parallel.restype = None
        except (OSError, AttributeError):
            continue
        return found
    return None


def available() -> bool:
    """Whether torch's threads can be had in this process."""
    return not _forked and library() is not None


def run(
    function: Callable[[tuple[int, int]], Result], shares: list[tuple[int, int]]
) -> list[Result]:
    """Call function(share) for every share on torch's threads, the caller being one.

    Args:
        function: as `geomdl.kernels.threads.for_rows` has it.
        shares: what is to be done, the first by the caller; where there are fewer threads than
            shares, those that are done take the rest.

    Returns:
        The results, in the order of the shares. An error in one is raised when all are done.
    """
    openmp = library()
    todo = dict(enumerate(shares))
    found: dict[int, Result] = {}
    errors: list[BaseException] = []

    def work(place: int) -> None:
        share = todo.pop(place, None)
        if share is None:  # another thread was faster
            return
        try:
            found[place] = function(share)
        except BaseException as error:
            errors.append(error)

    def body(_: Any) -> None:
        work(openmp.omp_get_thread_num())
        if openmp.omp_get_num_threads() < len(shares):
            for place in range(len(shares)):
                work(place)

    openmp.GOMP_parallel(_BODY(body), None, len(shares), 0)
    if errors:
        raise errors[0]
    return [found[place] for place in range(len(shares))]


def _forget() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_forget)
