"""Our own threads for loops over rows: a row is one thread's, so sums do not depend on threads.

Compiled loops are serial and release the GIL; rows are shared out among `torch.get_num_threads()`
threads here, at each call: those that torch works with itself, where they can be had
(`geomdl.kernels.team`), else a pool of ours. A forked process (a worker of `DataLoader`) has that
pool alone.
"""

import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import torch

from geomdl.kernels import team
from geomdl.kernels.compiled import Compiled

Result = TypeVar("Result")

LEAST_WORK = 1 << 15  # additions; below, handing work to another thread costs more than it saves


class _State(threading.local):
    inside = False  # whether this thread is working on a block already


_state = _State()
_pool: ThreadPoolExecutor | None = None
_size = 0
_lock = threading.Lock()


def blocks(ptr: Any, parts: int) -> list[tuple[int, int]]:
    """Cut rows into consecutive blocks of nearly equal work.

    Row i counts ptr[i + 1] - ptr[i] + 1, so that empty rows have their price as well.

    Args:
        ptr: bounds of the rows, integers of shape (rows + 1,).
        parts: how many blocks at most, at least 1.

    Returns:
        Pairs (start, stop); they cover every row once, in order. Blocks without rows are left out.

    Example:
        >>> blocks([0, 6, 7, 8, 9], 2)
        [(0, 1), (1, 4)]
    """
    rows = len(ptr) - 1
    if isinstance(ptr, range):  # rows of equal work
        cuts = [rows * part // parts for part in range(parts + 1)]
        return [(a, b) for a, b in pairwise(cuts) if a < b]
    total = int(ptr[rows]) - int(ptr[0]) + rows
    cuts = [0]
    for part in range(1, parts):
        goal = int(ptr[0]) + total * part // parts
        cut = bisect_left(range(rows + 1), goal, key=lambda i: int(ptr[i]) + i)
        cuts.append(min(rows, max(cut, cuts[-1])))
    cuts.append(rows)
    return [(a, b) for a, b in pairwise(cuts) if a < b]


def for_rows(
    function: Callable[[int, int], Result], ptr: Any, work: int, threads: int | None = None
) -> list[Result]:
    """Call function(start, stop) on blocks of rows, one block a thread, the caller being one.

    May be called by several threads at once, and from within itself (then without new threads).

    Args:
        function: works on rows start, …, stop - 1 and writes nothing of the others.
        ptr: bounds of the rows, as for `blocks`.
        work: number of additions; few of them stay in the calling thread.
        threads: how many; default `torch.get_num_threads()`.

    Returns:
        The results, in the order of the blocks.

    Example:
        >>> for_rows(lambda start, stop: stop - start, [0, 1, 2], work=2)
        [2]
    """
    threads = torch.get_num_threads() if threads is None else threads
    if threads < 2 or work < LEAST_WORK or _state.inside:
        threads = 1
    shares = blocks(ptr, threads)
    waiting = [_submit(_block, function, share, threads - 1) for share in shares[1:]]
    results: list[Result] = []
    try:
        for share, future in zip(shares, [None, *waiting], strict=False):
            results.append(_block(function, share) if future is None else future.result())
    finally:
        for future in waiting:  # after an error no thread may go on writing to freed memory
            if future is not None and not future.cancel():
                future.exception()
    return results


def share_rows(body: Compiled, ptr: Any, work: int, *arguments: Any) -> list[Any]:
    """Call body(start, stop, *arguments) on blocks of rows, one block a thread.

    As `for_rows`, for a compiled loop: on torch's own threads where that can be, which costs some
    microseconds.

    Args:
        body: works on rows start, …, stop - 1; returns a whole number, or nothing.
        ptr: bounds of the rows, as for `blocks`.
        work: number of additions.
        arguments: the loop's further arguments.

    Returns:
        The numbers, in the order of the blocks.
    """
    threads = torch.get_num_threads()
    if threads > 1 and work >= LEAST_WORK and not _state.inside and team.available():
        shares = blocks(ptr, threads)
        if len(shares) > 1:
            return body.team(team.addresses(), shares, arguments)
    return for_rows(lambda start, stop: body(start, stop, *arguments), ptr, work)


@contextmanager
def always(count: int) -> Iterator[None]:
    """Share out every loop, however short, among so many threads: for tests, and for warming.

    Not while other threads compute: it changes what all of them do.
    """
    global LEAST_WORK
    before, threads = LEAST_WORK, torch.get_num_threads()
    LEAST_WORK = 0
    torch.set_num_threads(count)
    try:
        yield
    finally:
        LEAST_WORK = before
        torch.set_num_threads(threads)


def _block(function: Callable[[int, int], Result], share: tuple[int, int]) -> Result:
    before, _state.inside = _state.inside, True
    try:
        return function(*share)
    finally:
        _state.inside = before


def _submit(
    run: Callable[..., Result], function: Callable[..., Any], share: Any, workers: int
) -> Future[Result] | None:
    """Hand a block to the pool; None where there can be no pool (the interpreter is ending)."""
    global _pool, _size
    with _lock:
        if _pool is None or _size < workers:
            old, _size = _pool, workers
            _pool = ThreadPoolExecutor(workers, thread_name_prefix="geomdl-kernels")
            if old is not None:
                old.shutdown(wait=False)  # what it was given, it still does
        try:
            return _pool.submit(run, function, share)
        except RuntimeError:
            return None


def _forget() -> None:
    """In a forked child: the parent's threads are not here."""
    global _pool, _size, _lock, _state
    _pool, _size, _lock, _state = None, 0, threading.Lock(), _State()


os.register_at_fork(after_in_child=_forget)
