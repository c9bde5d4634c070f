"""Files that outlive a kill: written whole or not at all, by one process at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["clean", "held", "write_whole"]

LOCK = ".lock"
_held: set[Path] = set()  # a record lock keeps out other processes, not the threads of this one


def write_whole(path: Path, data: bytes, before: Path | None = None) -> None:
    """Write a file so that it appears whole or not at all, also when the machine stops.

    Temporary file in the same folder, flushed to the disk, then renamed; the folder is flushed too.

    Args:
        path: the file.
        data: what is to be in it.
        before: name that the file which was there gets; None drops it.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if before is not None and path.exists():
            os.replace(path, before)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows has no descriptor of a folder
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clean(folder: Path) -> None:
    """Drop the temporary files of killed processes; call it while the folder is `held`."""
    for pattern in (".*.tmp", ".probe-*"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep every other run out of a folder; the kernel lets go when the process dies.

    Raises:
        ValueError: another run has it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name, held(Path(name)), held(Path(name)):
        ...     pass
        Traceback (most recent call last):
        ValueError: folder: should be of one run at a time, got ... in which another run writes
    """
    place = folder.resolve()
    if place in _held:
        raise _busy(folder)
    _held.add(place)
    try:
        with (folder / LOCK).open("ab") as file:
            _lock(file, folder)
            yield
    finally:
        _held.discard(place)


def _lock(file: Any, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: only the runs of this process are kept out
        return
    try:
        # a record lock: unlike flock's, children forked by a DataLoader do not hold it on
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _busy(folder) from error
    except OSError:  # a file system without locks
        return


def _busy(folder: Path) -> ValueError:
    return ValueError(
        f"folder: should be of one run at a time, got {folder} in which another run writes"
    )
