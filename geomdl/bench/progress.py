"""Telling how far a run is: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, TextIO


class Progress:
    """Says nothing. Its subclasses speak.

    Example:
        >>> with Progress() as progress:
        ...     progress.stage("training", 3)
        ...     progress.advance("seed 0")
    """

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def stage(self, text: str, steps: int) -> None:
        """Begin a stage of so many steps."""

    def advance(self, text: str = "") -> None:
        """Finish one step of the stage."""

    def close(self) -> None:
        """Finish."""


class PlainProgress(Progress):
    """Writes one line a stage, and one at most every `every` seconds within it.

    Args:
        stream: where to; default standard error.
        every: seconds between lines of one stage.
    """

    def __init__(self, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._every = every
        self._text, self._steps, self._done, self._last = "", 0, 0, 0.0

    def stage(self, text: str, steps: int) -> None:
        """Begin a stage and say so."""
        self._text, self._steps, self._done, self._last = text, steps, 0, time.monotonic()
        print(text, file=self._stream, flush=True)

    def advance(self, text: str = "") -> None:
        """Count a step; say so now and then."""
        self._done += 1
        now = time.monotonic()
        if self._done < self._steps and now - self._last < self._every:
            return
        self._last = now
        tail = f": {text}" if text else ""
        print(f"  {self._done}/{self._steps}{tail}", file=self._stream, flush=True)


class RichProgress(Progress):
    """A bar, the step it is at, and the time it has taken, on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as Bar

        self._bar: Any = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[now]}"),
            console=Console(stderr=True),
        )
        self._task: Any = None

    def __enter__(self) -> "RichProgress":
        self._bar.start()
        return self

    def stage(self, text: str, steps: int) -> None:
        """Begin a new bar."""
        self._task = self._bar.add_task(text, total=steps, now="")

    def advance(self, text: str = "") -> None:
        """Move the bar by one step."""
        if self._task is not None:
            self._bar.update(self._task, advance=1, now=text)

    def close(self) -> None:
        """Leave the bars as they stand."""
        self._bar.stop()


def progress(quiet: bool = False) -> Progress:
    """The progress that fits where standard error goes.

    Args:
        quiet: say nothing.

    Returns:
        A bar on a terminal, plain lines elsewhere.

    Example:
        >>> type(progress(quiet=True)).__name__
        'Progress'
    """
    if quiet:
        return Progress()
    return RichProgress() if sys.stderr.isatty() else PlainProgress()
