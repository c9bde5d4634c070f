"""Finished rows of a sweep on the disk, so that a killed sweep goes on where it was."""

import functools
import hashlib
import inspect
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from .history import Row, read_history, writable_folder
from .sweep_table import plain

__all__ = ["Store", "fingerprint", "name_of"]


def name_of(function: Callable[..., Any]) -> str:
    """Module and name of a function.

    Example:
        >>> name_of(functools.partial(json.dumps, indent=1))
        'json.dumps'
    """
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def fingerprint(function: Callable[..., Any]) -> str:
    """A digest of the source of a function, of bound arguments and of plain closed-over values.

    Functions that it calls are not looked into.

    Args:
        function: any callable.

    Returns:
        16 hexadecimal digits.

    Example:
        >>> fingerprint(lambda x: x + 1) == fingerprint(lambda x: x + 2)
        False
    """
    parts: list[Any] = []
    while isinstance(function, functools.partial):
        parts += [plain(list(function.args)), sorted(plain(function.keywords).items())]
        function = function.func
    code = getattr(function, "__code__", None)
    try:
        parts.append(inspect.getsource(function if code is not None else type(function)))
        sourced = code is None or code.co_name != "<lambda>"  # two lambdas may share their lines
    except (OSError, TypeError):  # typed at a prompt, or built in
        parts += [name_of(function), plain(getattr(function, "__defaults__", None))]
        sourced = False
    if code is not None:
        parts.append([] if sourced else _names(code))
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not bound yet
                continue
            if isinstance(value, bool | int | float | str | tuple | None):
                parts.append([name, plain(value)])
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _names(code: Any) -> list[Any]:
    inner = [_names(c) if inspect.iscode(c) else _constant(c) for c in code.co_consts]
    return [code.co_code.hex(), code.co_names, code.co_varnames, inner]


def _constant(value: Any) -> str:
    """The same in every process: the order of a set is not."""
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)


class Store:
    """``sweep.jsonl`` of a folder: a line that names the function, then one line a finished row.

    A line is written at once and flushed to the disk; a last line cut short by a kill is dropped.
    While it is open no other sweep can write there.

    Args:
        folder: made if need be.
        function: whose rows these are.
        on_change: ``"raise"`` or ``"keep"`` rows that a function of another source has left.

    Raises:
        ValueError: the folder cannot be written to, holds another function's rows, or is in use;
            the function has changed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        function: Callable[..., Any],
        on_change: Literal["raise", "keep"],
    ) -> None:
        self.path: Path = writable_folder(folder) / "sweep.jsonl"
        self._file = self.path.open("a+b")
        try:
            _lock(self._file, self.path)
            self._cut()
            head, *lines = read_history(self.path) or [{}]
            self._check(head, function, on_change)
        except BaseException:
            self._file.close()
            raise
        self.rows: dict[str, Row] = {line["key"]: _decoded(line) for line in lines if "key" in line}

    def _cut(self) -> None:
        """Leave out the end of a last line that has none."""
        self._file.seek(0)
        raw = self._file.read()
        self._file.truncate(raw.rfind(b"\n") + 1)

    def _check(self, head: Row, function: Callable[..., Any], on_change: str) -> None:
        name, mark = name_of(function), fingerprint(function)
        if not head:
            self._write({"function": name, "fingerprint": mark})
            return
        if head.get("function") != name:
            raise ValueError(
                f"folder: {self.path} holds rows of {head.get('function')}, got {name}"
            )
        if head.get("fingerprint") != mark and on_change == "raise":
            raise ValueError(
                f"function: {name} has changed since the rows in {self.path} were computed; choose"
                " another folder, or on_change='keep' to use them"
            )

    def append(self, key: str, row: Row) -> None:
        """Keep a row, once and for all."""
        self._write({"key": key} | row)

    def _write(self, line: Row) -> None:
        text = json.dumps(_encoded(line), allow_nan=False, ensure_ascii=False) + "\n"
        self._file.write(text.encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _encoded(line: Row) -> Row:
    """NaN and infinity as strings, which strict JSON needs; tuples as lists."""
    results = line.get("results", {})
    text = {k: repr(v) if isinstance(v, float) and v - v != 0 else v for k, v in results.items()}
    return line | {"results": text} if "results" in line else line


def _decoded(line: Row) -> Row:
    results = line["results"]
    return line | {
        "results": {k: float(v) if isinstance(v, str) else v for k, v in results.items()}
    }


def _lock(file: Any, path: Path) -> None:
    """Hold the file; the lock ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover
        warnings.warn("folder: this system has no locks; run one sweep at a time", stacklevel=4)
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"folder: another sweep is writing to {path}") from None
