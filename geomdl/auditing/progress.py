"""A progress bar that appears only on a terminal, and only when the work lasts."""

import sys
import time
from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 2.0  # seconds before the bar appears


def track(items: Collection[T], label: str, enabled: bool | None = None) -> Iterator[T]:
    """Iterate over `items`; after two seconds on a terminal, with a bar on standard error.

    Args:
        items: what to iterate over.
        label: text beside the bar.
        enabled: False for no bar, True for a bar even where standard error is no terminal; by
            default only on a terminal.

    Example:
        >>> list(track([1, 2], "audit"))
        [1, 2]
    """
    wanted = sys.stderr.isatty() if enabled is None else enabled
    start = time.monotonic()
    iterator = iter(items)
    done = 0
    for item in iterator:
        yield item
        done += 1
        if wanted and time.monotonic() - start > PATIENCE:
            break
    else:
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=len(items), completed=done)
        for item in iterator:
            yield item
            bar.advance(task)
