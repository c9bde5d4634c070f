"""`sweep`: a function at every point of a grid and for every seed, on all cores or on a cluster."""

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from .history import Row
from .progress import progress_bar
from .sweep_pool import Point, Task, open_pool
from .sweep_store import Store
from .sweep_table import RESERVED, Sweep, plain

__all__ = ["sweep"]

Grid = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]


def sweep(
    function: Callable[..., Mapping[str, Any]],
    grid: Grid,
    seeds: int | Sequence[int] = 1,
    *,
    jobs: int | None = None,
    threads: int | None = None,
    backend: Literal["loky", "ray"] = "loky",
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    on_error: Literal["raise", "keep"] = "raise",
    on_change: Literal["raise", "keep"] = "raise",
) -> Sweep:
    """Call ``function(seed=seed, **point)`` for every point of a grid and every seed.

    The calls run in processes of their own, as they come; the rows are in the order of the grid.
    torch's, NumPy's and Python's global random states are seeded by the seed before each call, so
    the results depend neither on the order of the calls nor on their number at a time (but their
    last bits may on `threads`).

    With a folder, each finished row is at once on the disk, in ``sweep.jsonl``. A second call,
    after a kill for instance, computes only what is missing there: points that the grid did not
    have before, and those that failed.

    Args:
        function: gives a mapping from names to numbers; NaN is one. Lambdas and closures will do.
            Called from a script, keep the call below ``if __name__ == "__main__"``.
        grid: name -> values, for their product (the last name runs fastest), or a list of points.
        seeds: the seeds, or n for 0, …, n − 1.
        jobs: calls at a time; default all cores (with Ray: all CPUs of the cluster). With 1, the
            calls run in this process.
        threads: of torch in each call; default cores // jobs, at least 1.
        backend: ``"loky"``, processes on this machine, or ``"ray"`` (``geomdl-torch[dist]``): the
            cluster that Ray is connected to or that RAY_ADDRESS names, else a local one.
        folder: where the rows are kept.
        progress: show a bar; None when the standard output is a terminal.
        on_error: what to do, when all else is done and stored, if a call failed: ``"raise"``, or
            ``"keep"`` rows whose ``error`` says so.
        on_change: what to do if the source of the function (not of what it calls) is another than
            when the rows in the folder were computed: ``"raise"``, or ``"keep"`` those rows.

    Returns:
        the `Sweep`: rows, means over the seeds, CSV.

    Raises:
        ValueError: an impossible grid, seed or number; a folder that cannot be used.
        TypeError: the function cannot be sent to a process; with a folder, a point that JSON does
            not know.
        RuntimeError: a call failed; a process died.
        ImportError: Ray is asked for and not installed.

    Example:
        >>> import torch
        >>> def noise(seed, n):
        ...     return {"mean": torch.randn(n).mean()}
        >>> table = sweep(noise, {"n": [10, 1000]}, seeds=3, jobs=1)
        >>> [row["n"] for row in table.mean()], len(table)
        ([10, 1000], 6)
    """
    for name, value in (("jobs", jobs), ("threads", threads)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name}: should be an integer >= 1, got {value!r}")
    for name, word, known in (
        ("backend", backend, ["loky", "ray"]),
        ("on_error", on_error, ["raise", "keep"]),
        ("on_change", on_change, ["raise", "keep"]),
    ):
        if word not in known:
            raise ValueError(f"{name}: should be {known[0]!r} or {known[1]!r}, got {word!r}")
    points = _points(grid)
    names = tuple(dict.fromkeys(name for point in points for name in point))
    tasks: dict[str, Task] = {}
    for point, seed in itertools.product(points, _seeds(seeds)):
        key = json.dumps({"point": plain(point, folder is not None), "seed": seed}, sort_keys=True)
        if key in tasks:
            raise ValueError(f"grid: should hold each point once, got {_words(point, seed)} again")
        tasks[key] = (point, seed)
    with contextlib.ExitStack() as stack:
        store = None
        if folder is not None:
            store = stack.enter_context(Store(folder, function, on_change))
        kept = {} if store is None else store.rows
        done = {k: row for k in tasks if (row := kept.get(k)) and row["error"] is None}
        todo = {key: task for key, task in tasks.items() if key not in done}
        update = stack.enter_context(progress_bar(len(tasks), progress))
        update(len(done), None)
        if todo:
            pool = stack.enter_context(open_pool(backend, jobs, len(tasks), threads))
            for key, row in pool(function, todo):
                done[key] = row
                if store is not None:
                    store.append(key, row)
                update(len(done), None)
    table = Sweep(tuple(_row(task, done[key]) for key, task in tasks.items()), names)
    if table.failed and on_error == "raise":
        raise RuntimeError(_complaint(table, folder is not None))
    return table


def _points(grid: Grid) -> list[Point]:
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                raise ValueError(f"grid: should have a list of values for {name!r}, got {values!r}")
        combinations = itertools.product(*grid.values())
        points = [dict(zip(grid, values, strict=True)) for values in combinations]
    else:
        points = [dict(point) for point in grid]
    if not points:
        raise ValueError("grid: should have a point, got none")
    for name in (name for point in points for name in point):
        if not isinstance(name, str) or name in RESERVED:
            raise ValueError(f"grid: names should not be {', '.join(RESERVED)}, got {name!r}")
    return points


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    listed = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not listed or any(isinstance(s, bool) or not isinstance(s, int) for s in listed):
        raise ValueError(f"seeds: should be integers, or their number >= 1, got {seeds!r}")
    return listed


def _row(task: Task, done: Row) -> Row:
    point, seed = task
    end = {"seconds": done["seconds"], "error": done["error"]}
    return {**point, "seed": seed, **done["results"], **end}


def _words(point: Point, seed: int) -> str:
    return ", ".join(f"{name}={value}" for name, value in (point | {"seed": seed}).items())


def _complaint(table: Sweep, stored: bool) -> str:
    first = table.failed[0]
    where = _words({name: first[name] for name in table.names if name in first}, first["seed"])
    advice = "the others are stored, and " if stored else ""
    return (
        f"sweep: {len(table.failed)} of {len(table)} calls failed, the first at {where} with"
        f" {first['error']}; {advice}on_error='keep' gives all rows"
    )
