"""Where the calls of a sweep run: in this process, in others, or on a Ray cluster."""

import contextlib
import importlib
import itertools
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor
from pickle import PicklingError
from typing import Any

import torch

from .history import Row
from .seeds import isolated, reseed
from .sweep_table import RESERVED, plain

__all__ = ["Point", "Task", "open_pool"]

Point = dict[str, Any]
Task = tuple[Point, int]
Pool = Callable[[Callable[..., Any], dict[str, Task]], Iterator[tuple[str, Row]]]


@contextlib.contextmanager
def open_pool(backend: str, jobs: int | None, tasks: int, threads: int | None) -> Iterator[Pool]:
    """What runs tasks and yields rows as they are done; nothing of it is left afterwards."""
    import joblib

    with contextlib.ExitStack() as stack:
        if backend == "ray":
            cores = stack.enter_context(_ray(jobs))
            jobs = jobs or cores
        else:
            cores = joblib.cpu_count()
            jobs = jobs or min(cores, tasks)
        share = threads or max(1, cores // jobs)
        options = {} if backend == "ray" else {"inner_max_num_threads": share}
        engine = _ray_backend() if backend == "ray" else "loky"

        def run(function: Callable[..., Any], todo: dict[str, Task]) -> Iterator[tuple[str, Row]]:
            calls = ((key, function, *task, share) for key, task in todo.items())
            if jobs == 1 and backend != "ray":
                yield from itertools.starmap(_call, calls)
                return
            with joblib.parallel_config(engine, **options):
                parallel = joblib.Parallel(jobs, return_as="generator_unordered", batch_size=1)
                results = parallel(joblib.delayed(_call)(*call) for call in calls)
            try:
                yield from results
            except BrokenExecutor as error:
                raise RuntimeError(
                    "sweep: a process died (out of memory?); finished rows are kept if there is a"
                    " folder"
                ) from error
            except (PicklingError, AttributeError) as error:
                raise TypeError(
                    f"function: should be fit to be sent to a process, or jobs=1, got {error}"
                ) from error
            finally:
                results.close()

        yield run


@contextlib.contextmanager
def _ray(jobs: int | None) -> Iterator[int]:
    """Be connected to a cluster; yields its CPUs. What is started here is stopped here."""
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise ImportError(
            "backend: 'ray' needs Ray, which is not installed: pip install geomdl-torch[dist]"
        ) from None
    started = not ray.is_initialized()
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no network that was not asked for
        local = {"num_cpus": jobs, "include_dashboard": False}
        ray.init(logging_level="ERROR", **({} if os.environ.get("RAY_ADDRESS") else local))
    try:
        yield int(ray.cluster_resources()["CPU"])
    finally:
        if started:
            ray.shutdown()


def _ray_backend() -> Any:
    base: Any = importlib.import_module("ray.util.joblib.ray_backend").RayBackend
    # joblib refuses to hand out results as they come from any backend that descends from
    # multiprocessing's; Ray's calls back for each of them, which is all that it takes.
    return type("Streaming", (base,), {"supports_return_generator": True})()


def _call(
    key: str, function: Callable[..., Any], point: Point, seed: int, threads: int
) -> tuple[str, Row]:
    """One call, in whatever process: its results, seconds and error."""
    results: dict[str, Any] = {}
    error: str | None = None
    before, start = torch.get_num_threads(), time.monotonic()
    torch.set_num_threads(threads)
    try:
        with isolated():
            reseed(seed, "sweep")
            results = _numbers(function(seed=seed, **point), point)
    except (Exception, SystemExit) as failure:  # a script's sys.exit loses no other call
        place = traceback.extract_tb(failure.__traceback__)[-1]
        where = f"({os.path.basename(place.filename)}, line {place.lineno})"
        error = " ".join(f"{type(failure).__name__}: {failure} {where}".split())
    finally:
        torch.set_num_threads(before)
    return key, {"results": results, "seconds": time.monotonic() - start, "error": error}


def _numbers(results: Any, point: Point) -> dict[str, Any]:
    if not isinstance(results, Mapping):
        raise TypeError(f"result: should be a mapping, got {type(results).__name__}")
    found: dict[str, Any] = {}
    for name, value in results.items():
        if not isinstance(name, str) or name in RESERVED or name in point:
            raise ValueError(f"result: should have a name of its own, got {name!r}")
        number = plain(value)
        if not isinstance(number, int | float):
            raise TypeError(f"result: {name} should be a number, got {type(value).__name__}")
        found[name] = number
    return found
