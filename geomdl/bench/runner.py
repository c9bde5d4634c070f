"""Run suites, keep what they found, and write it down."""

import dataclasses
import datetime
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from geomdl.bench import results as store
from geomdl.bench.budget import Budget
from geomdl.bench.environment import environment
from geomdl.bench.progress import Progress
from geomdl.bench.registry import Context, find_suites
from geomdl.bench.results import Results
from geomdl.bench.table import markdown


def run(
    suites: Sequence[str] = ("digits",),
    *,
    budget: float | None = 480.0,
    seeds: int | None = None,
    out: str | os.PathLike[str] | None = "out",
    data: str | None = None,
    root: str | os.PathLike[str] | None = None,
    peers: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> Results:
    """Run suites and write `results.json`, `table.md`, `report.html` and the plots.

    The budget is divided among the suites by their weights; what an early one leaves over goes to
    those after it. A suite that cannot do its full work in its share does less of it for
    everything that it compares alike, and says so in its result.

    Args:
        suites: names, as `list_suites()` gives them; `"images/*"` or `"images"` are all those
            whose names begin so.
        budget: seconds for all of them together; None for as long as the full work takes.
        seeds: how many seeds, at least 1; as many as each suite asks for if None (3, or 5).
        out: folder of the results, made if need be; None writes nothing.
        data: data set, for suites that have a choice (`"mnist"`).
        root: folder of data sets, as for `geomdl.data.load`.
        peers: time other libraries beside ours, where they are installed.
        threads: of torch, while the suites run. With one, the numbers do not depend on how many
            processors there are, nor the time on what else they do (two threads wait for each
            other in every operation).
        progress: to tell how far it is; default silent.

    Returns:
        What was found; `results.holds` tells whether every check of the suites holds.

    Raises:
        ValueError: an unknown suite, seeds, threads or budget not positive, a folder that cannot
            be written to (before any work).

    Example:
        >>> from geomdl.bench import SuiteResult, run, suite
        >>> @suite("example/empty")
        ... def empty(context):
        ...     return SuiteResult(title="Empty", summary="Nothing to see.")
        >>> run(["example/empty"], out=None).holds
        True
    """
    chosen = find_suites(suites)
    if not chosen:
        raise ValueError("suites: expected at least one name, got none")
    for name, value in (("seeds", seeds), ("threads", threads)):
        if value is not None and value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    whole = Budget(budget)
    folder = None if out is None else writable_folder(out)

    say = Progress() if progress is None else progress
    found = {}
    with say, _threads(threads):
        for i, suite in enumerate(chosen):
            share = whole.share(suite.weight, sum(later.weight for later in chosen[i:]))
            context = Context(
                budget=share,
                seeds=suite.seeds if seeds is None else seeds,
                data=data,
                root=None if root is None else Path(root),
                peers=peers,
                progress=say,
            )
            start = time.perf_counter()
            result = suite.body(context)
            found[suite.name] = dataclasses.replace(result, seconds=time.perf_counter() - start)
        about = environment()
    results = Results(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        environment=about,
        options={"budget": budget, "seeds": seeds, "data": data, "peers": peers},
        suites=found,
    )
    if folder is not None:
        write_all(results, folder)
    return results


@contextmanager
def _threads(number: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_all(results: Results, folder: Path) -> None:
    """Write `results.json`, `table.md`, the plots as PNG, and `report.html`.

    Args:
        results: what a run found.
        folder: an existing folder.
    """
    from geomdl.bench import plots
    from geomdl.bench.report import html

    store.write(results, folder / "results.json")
    (folder / "table.md").write_text(tables(results))
    for name, suite in results.suites.items():
        for figure in suite.figures:
            stem = "_".join((name, figure.name)).replace("/", "_")
            plots.save_png(figure, folder / f"{stem}.png")
    (folder / "report.html").write_text(html(results), encoding="utf-8")


def tables(results: Results) -> str:
    """All tables as Markdown, each suite's followed by its checks and notes.

    Args:
        results: what a run found.

    Returns:
        Markdown, to be pasted into a document.
    """
    parts = []
    for suite in results.suites.values():
        for table in suite.tables:
            parts.append((f"**{table.title}**\n\n" if table.title else "") + markdown(table))
        lines = [f"- {'✓' if c.holds else '✗'} {c.text}" for c in suite.checks]
        lines += [f"- {note}" for note in suite.notes]
        if suite.reduced is not None:
            lines.append(f"- A reduced run: {suite.reduced}.")
        if lines:
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def writable_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder and prove that a file can be written there.

    Args:
        path: of the folder.

    Returns:
        The path.

    Raises:
        ValueError: it is no folder, or nothing can be written there.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(
            f"out: expected a folder that can be written to, got {str(folder)!r} ({reason})"
        ) from None
    return folder
