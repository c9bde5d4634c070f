"""A progress bar on a terminal, and nothing anywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .history import Row

__all__ = ["progress_bar"]


def _summary(row: Row) -> str:
    shown = [(key, row[key]) for key in ("train_loss", "val_loss", "val_metric") if key in row]
    return "  ".join(f"{key} {value:.4g}" for key, value in shown)


@contextmanager
def progress_bar(total: int, show: bool | None) -> Iterator[Callable[[int, Row | None], None]]:
    """A bar over the steps of a run.

    Args:
        total: number of steps, or of seconds.
        show: True, False, or None for "when the standard output is a terminal".

    Yields:
        a function of (how many of them are done, row to summarise or None).

    Example:
        >>> with progress_bar(10, show=False) as update:
        ...     update(1, {"train_loss": 0.5})
    """
    if not (sys.stdout.isatty() if show is None else show):
        yield lambda done, row: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (BarColumn(), MofNCompleteColumn(), Remaining(), TextColumn("{task.fields[text]}"))
    with Progress(*columns) as progress:
        task = progress.add_task("", total=total, text="")

        def update(done: int, row: Row | None) -> None:
            progress.update(task, completed=done)
            if row is not None:
                progress.update(task, text=_summary(row))

        yield update
