"""Numba functions, compiled at their first call and kept on disk."""

import os
import pickle
import threading
import warnings
from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, ClassVar

from geomdl.kernels.launch import FAILED, digest, launcher

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "parallel": False,  # threads are ours: geomdl.kernels.threads
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc"},  # never True: that assumes that no NaN ever occurs
}
VARIABLE = "GEOMDL_CACHE_DIR"
_DAMAGED = (OSError, EOFError, pickle.UnpicklingError)  # full disk, file cut short

_lock = threading.RLock()  # held while compiling, and while forking: no child is born in the middle
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)
_warned = False


class Compiled:
    """A function in the subset of Python that Numba compiles.

    Nothing happens before the first call. The machine code is kept in the folder that the
    environment variable GEOMDL_CACHE_DIR names, else beside the source, else in the user's cache
    folder; where none of them can be written, each process compiles anew, and says so once. Numba
    looks at the date of the function's own file only: let a function call no compiled function of
    another file, but what `names` takes from `source`.

    Args:
        body: the function; arguments are numpy arrays and numbers.
        names: function that makes further names which the body uses, once it is compiled.
        source: another file that they come from; its digest is part of the name in the cache.

    Attributes:
        body: the function as Python, to test against.
        instances: every compiled function there is.
    """

    instances: ClassVar[list["Compiled"]] = []

    def __init__(
        self,
        body: Callable[..., Any],
        names: Callable[[], dict[str, Any]] | None = None,
        source: str | None = None,
    ) -> None:
        self.body, self._names, self._source = body, names, source
        self.__doc__ = body.__doc__
        self._function: Any = None
        self._launch: Any = None
        self._ready: set[tuple[Any, ...]] = set()
        Compiled.instances.append(self)

    def __call__(self, *args: Any) -> Any:
        key = tuple(getattr(argument, "dtype", None) for argument in args)
        if key in self._ready:
            return self._function(*args)
        with _lock:
            if self._function is None:
                self._function = compile_function(self._whole())
            try:
                result = self._function(*args)
            except _DAMAGED as error:
                warn(f"{type(error).__name__}: {error}")
                self._function = compile_function(self._whole(), cache=False)
                self._launch = None
                result = self._function(*args)
            self._ready = {*self._ready, key}
        return result

    def team(
        self, addresses: tuple[int, ...], shares: list[tuple[int, int]], args: tuple[Any, ...]
    ) -> list[int]:
        """Call it for every share (start, stop), on the threads of an OpenMP library at once.

        Args:
            addresses: `geomdl.kernels.team.addresses`.
            shares: what is to be done, one beginning where another ends.
            args: the arguments after start and stop.

        Returns:
            What it returns for each share, a whole number; 0 where it returns nothing.
        """
        import numpy as np

        cuts = np.array([*(start for start, _ in shares), shares[-1][1]])
        codes = np.zeros(len(shares), dtype=np.int64)
        key = ("team", *(getattr(argument, "dtype", None) for argument in args))
        launch = self._launch
        if launch is None or key not in self._ready:
            self(0, 0, *args)  # compiles, or reads from the cache, what the launcher calls
            with _lock:
                launch = self._launch or self._launcher(bool(self.folder))
                try:
                    launch(addresses, cuts[:1], codes[:0], args)
                except _DAMAGED as error:
                    warn(f"{type(error).__name__}: {error}")
                    launch = self._launcher(cache=False)
                    launch(addresses, cuts[:1], codes[:0], args)
                self._launch, self._ready = launch, {*self._ready, key}
        launch(addresses, cuts, codes, args)
        found: list[int] = codes.tolist()
        if FAILED in found:  # a loop raises nothing else
            raise MemoryError(f"{self.body.__name__}: an allocation failed")
        return found

    def _whole(self) -> Callable[..., Any]:
        """The body with all names that it uses."""
        if self._names is None:
            return self.body
        body: Any = self.body
        whole = FunctionType(body.__code__, body.__globals__ | self._names(), body.__name__)
        update_wrapper(whole, body)
        if self._source is not None:
            whole.__qualname__ += f"_{digest(self._source)}"
        return whole

    def _launcher(self, cache: bool) -> Any:
        return compile_function(launcher(self._function), cache)

    @property
    def folder(self) -> str | None:
        """Folder of the cache; None before the first call, or where there is none."""
        return getattr(getattr(self._function, "_cache", None), "cache_path", None)

    @property
    def signatures(self) -> int:
        """How many signatures this process has called."""
        return len(self._ready)

    @property
    def hits(self) -> int:
        """How many signatures this process read from the cache instead of compiling them."""
        stats = getattr(self._function, "stats", None)
        return sum(stats.cache_hits.values()) if stats is not None else 0


def compile_function(body: Callable[..., Any], cache: bool = True) -> Any:
    """Numba's dispatcher of a function; what it compiles is kept on disk if that can be.

    Args:
        body: the function.
        cache: whether to look for a folder at all.
    """
    import numba

    config: Any = numba.config
    function = numba.njit(**OPTIONS)(body)
    if not cache or not hasattr(function, "enable_caching"):  # NUMBA_DISABLE_JIT
        return function
    chosen = os.environ.get(VARIABLE)
    for folder in [chosen, None] if chosen else [None]:
        before = config.CACHE_DIR
        try:
            if folder is not None:
                config.CACHE_DIR = os.path.abspath(folder)
            function.enable_caching()
            return function
        except (RuntimeError, OSError) as error:
            reason = str(error)
        finally:
            config.CACHE_DIR = before
    warn(reason)
    return function


def warn(reason: str) -> None:
    """Say, once in a process, that nothing can be kept on disk."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"geomdl.kernels: compiled kernels are not kept on disk ({reason}), so that each"
            f" process compiles them again; set {VARIABLE} to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
