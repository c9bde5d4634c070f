"""The history of a run: one row an epoch, in memory and as JSON lines on disk."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .files import write_whole

__all__ = ["History", "Row", "read_history", "writable_folder"]

Row = dict[str, Any]


def writable_folder(folder: str | os.PathLike[str]) -> Path:
    """Make the folder if need be and prove that a file can be written in it.

    Args:
        folder: where a run will write.

    Returns:
        the folder as a path.

    Raises:
        ValueError: it cannot be made or written to; the message says why.
    """
    path = Path(folder)
    probe = path / f".probe-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # a run that begins here at the same time cleans up
    except OSError as error:
        raise ValueError(
            f"folder: should be a writable folder, got {path} ({error.strerror or error})"
        ) from error
    return path


class History:
    """Rows of a run, appended to ``history.jsonl`` and flushed one by one.

    Args:
        path: the file; None keeps the rows in memory only.

    Example:
        >>> history = History(None)
        >>> history.append({"epoch": 1, "train_loss": 0.5})
        >>> history.rows
        [{'epoch': 1, 'train_loss': 0.5}]
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rows: list[Row] = []

    def begin(self, rows: list[Row]) -> None:
        """Have these rows and no others; the file is replaced whole or not at all.

        Args:
            rows: none for a new run, those up to its checkpoint for one that goes on.
        """
        self.rows = list(rows)
        if self.path is not None:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            write_whole(self.path, lines.encode())

    def append(self, row: Row) -> None:
        """Keep a row and write it as one line, flushed to the disk."""
        self.rows.append(row)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


def read_history(path: str | os.PathLike[str]) -> list[Row]:
    """Rows of a ``history.jsonl``; a last line cut short by a kill is left out.

    Args:
        path: the file.

    Returns:
        one dict a complete line.

    Raises:
        ValueError: a line before the last is no JSON.
    """
    rows: list[Row] = []
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise ValueError(f"{path}: line {number} should be JSON, got {line!r}") from error
    return rows
