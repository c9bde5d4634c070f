"""Suite `theory/invariance`: augmentation, averaging, architecture, from few samples."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.statistics import paired_interval, worst
from geomdl.bench.suites.learning import Errors, columns_of, figure_of, no_errors, rows_of
from geomdl.bench.suites.symmetry import digits, points
from geomdl.bench.suites.symmetry.methods import BATCH, Method, Task, examine, train
from geomdl.bench.table import scientific

TITLE = "Augmentation, averaging, architecture"
COUNTS = (100, 300, 1000)
STEPS = {"digits": 200, "points": 2000}  # of training
TRIAL = 3  # steps that are timed beforehand
TEST = 200
EXACT = 1e-6  # of an audit in float64, for what claims to be exact
PLAIN, TURNS, AFTER, INSIDE, BUILT = (
    "plain",
    "augmented",
    "augmented, averaged after",
    "averaged inside",
    "equivariant layers",
)
DIGITS = (
    Method(PLAIN, digits.cnn),
    Method(TURNS, digits.cnn, augmented=True),
    Method(AFTER, digits.cnn, mode="average", after=TURNS, exact=True),
    Method(INSIDE, digits.cnn, mode="average", exact=True),
    Method(BUILT, digits.d4_network, exact=True),
)
POINTS = (
    Method(PLAIN, points.sets),
    Method(TURNS, points.sets, augmented=True),
    Method(AFTER, points.sets, mode="frames", after=TURNS, exact=True),
    Method(INSIDE, points.sets, mode="frames", exact=True),
    Method(BUILT, points.egnn, exact=True),
)
COST = {INSIDE: {"digits": 8, "points": 4}}  # evaluations of the network for a step


@suite("theory/invariance", title=TITLE, weight=2.0, seeds=5)
def invariance(context: Context) -> SuiteResult:
    """Train by each way to use a symmetry on 100, 300 and 1000 upright samples; test turned ones.

    Args:
        context: limits of the run.

    Returns:
        Error on turned samples by way and number of samples, for digits and for clouds of points.
    """
    tasks = {
        "digits": (digits.task_of(max(COUNTS), TEST), DIGITS),
        "points": (points.task_of(max(COUNTS), TEST), POINTS),
    }
    percent = _percent_within(0.6 * context.budget.left, tasks, context.seeds)
    steps = {name: max(TRIAL, most * percent // 100) for name, most in STEPS.items()}
    said = " and ".join(f"{many} steps on {name}" for name, many in steps.items())
    runs = sum(len(methods) for _, methods in tasks.values()) * len(COUNTS)
    context.progress.stage(
        f"{TITLE}: {percent} % of the steps, {context.seeds} seeds", runs * context.seeds
    )
    tables, figures, checks, notes = [], [], [], []
    for name, (task, methods) in tasks.items():
        errors, departures = _learn(context, name, task, methods, steps[name])
        names = [method.name for method in methods]
        title = f"Error on turned {name}"
        columns = columns_of(names, TURNS, names[-1])
        tables.append(Table(name, columns, tuple(rows_of(errors, TURNS, names[-1])), title))
        tables.append(_symmetry(name, methods, departures))
        figures.append(figure_of(errors, name, title=title, label="error, turned"))
        checks += checks_of(name, errors, methods, departures)
        notes += gains_of(name, errors, methods)
    return SuiteResult(
        title=TITLE,
        summary="Digits under D4 and clouds of points under SO(3), upright for the training and"
        f" turned for the test. Every way takes {said}, of {BATCH} samples, but *averaged inside*"
        " so many fewer that the network is evaluated as often as the plain one is."
        " *Averaged after* is the augmented network, averaged without further training.",
        tables=tuple(tables),
        figures=tuple(figures),
        checks=tuple(checks),
        notes=tuple(notes),
        reduced=None if percent == 100 else f"{percent} % of the steps of training",
        settings={
            "steps": steps, "batch": BATCH, "training samples": list(COUNTS),
            "test samples": TEST, "seeds": list(range(context.seeds)),
            "evaluations a step": COST, "threads": torch.get_num_threads(),
        },
    )  # fmt: skip


def _learn(
    context: Context, name: str, task: Task, methods: Sequence[Method], steps: int
) -> tuple[Errors, Mapping[str, list[float]]]:
    """Errors on turned test samples, and equivariance errors of all networks trained."""
    errors = no_errors([method.name for method in methods], COUNTS)
    departures: dict[str, list[float]] = {method.name: [] for method in methods}
    x, y = task.train
    for seed in range(context.seeds):
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
        for count in COUNTS:
            few = replace(task, train=(x[order[:count]], y[order[:count]]))
            trained: dict[str, nn.Module] = {}
            for method in methods:
                epochs = _epochs(steps, count, COST.get(method.name, {}).get(name, 1))
                module = train(method.build(few, seed, trained), method, few, seed, epochs)
                trained[method.name] = module
                found = examine(module, few)
                errors[method.name][count].append(1 - found["turned"])
                departures[method.name].append(found["error"])
                context.progress.advance(
                    f"{name}, {method.name}, {count}: {100 * (1 - found['turned']):.1f} %"
                )
    return errors, departures


def _epochs(steps: int, count: int, cost: int) -> int:
    """Epochs of about ``steps`` / ``cost`` steps."""
    return max(1, round(steps / cost / -(-count // BATCH)))


def _percent_within(
    seconds: float, tasks: Mapping[str, tuple[Task, Sequence[Method]]], seeds: int
) -> int:
    """Percent of the steps of each training, so that all of them take so long."""
    cost = {}
    for name, (task, methods) in tasks.items():
        few = replace(task, train=(task.train[0][:BATCH], task.train[1][:BATCH]))
        for method in methods:
            if method.after is None:
                train(method.build(few, 0, {}), method, few, 0, 1)  # compiles on first use
                module = method.build(few, 0, {})
                begin = time.perf_counter()
                train(module, method, few, 0, TRIAL)
                share = COST.get(method.name, {}).get(name, 1)
                step = (time.perf_counter() - begin) / TRIAL / share
                cost[name, method.name] = STEPS[name] / 100 * step
    return affordable(seconds, cost, repeats=seeds * len(COUNTS), most=100)


def _symmetry(
    name: str, methods: Sequence[Method], departures: Mapping[str, Sequence[float]]
) -> Table:
    columns = (
        Column("name", "way"),
        Column("error", "equivariance error", "scientific", "lower",
               "Of the trained networks, in float64, by geomdl.audit; the worst."),
    )  # fmt: skip
    rows: tuple[dict[str, Any], ...] = tuple(
        {"name": m.name, "error": worst(list(departures[m.name]))} for m in methods
    )
    return Table(f"{name}, symmetry", columns, rows, f"Symmetry, {name}")


def checks_of(
    name: str,
    errors: Errors,
    methods: Sequence[Method],
    departures: Mapping[str, Sequence[float]],
) -> list[Check]:
    """Exactness of what claims it, and whether layers that know the group beat turned samples.

    Args:
        name: of the task.
        errors: on turned samples.
        methods: the ways.
        departures: equivariance errors of the networks trained, by method.
    """
    exact = [method.name for method in methods if method.exact]
    largest = worst([e for one in exact for e in departures[one]])
    found = [
        Check(f"exact, {name}", largest <= EXACT,
              f"{name}: equivariance error of the exact ways at most {scientific(largest)}"),
    ]  # fmt: skip
    if BUILT in errors and len(errors[BUILT][COUNTS[0]]) > 1:
        text, beats = _gaps(errors, TURNS, BUILT)
        said = f"{name}: points less error of {BUILT} than {TURNS}, {text}"
        found.append(Check(f"layers, {name}", all(beats), said))
    return found


def gains_of(name: str, errors: Errors, methods: Sequence[Method]) -> list[str]:
    """What each way gains on the plain network, with its paired interval, beaten or not.

    Args:
        name: of the task.
        errors: on turned samples.
        methods: the ways.
    """
    if len(errors[PLAIN][COUNTS[0]]) < 2:
        return []
    found = []
    for method in methods[1:]:
        text, beats = _gaps(errors, PLAIN, method.name)
        said = "beats plain at " + (", ".join(n for n, b in zip(map(str, COUNTS), beats,
                strict=True) if b) or "no size")  # fmt: skip
        found.append(f"{name}, {method.name}: {said}; points less error, {text}.")
    return found


def _gaps(errors: Errors, a: str, b: str) -> tuple[str, list[bool]]:
    """Points by which the second errs less at each size, and whether the interval excludes zero."""
    gaps = {n: paired_interval(errors[a][n], errors[b][n]) for n in COUNTS}
    text = "; ".join(
        f"{n}: {100 * gap.mean:.1f} [{100 * gap.low:.1f}, {100 * gap.high:.1f}]"
        for n, gap in gaps.items()
    )
    return text, [gap.low > 0 for gap in gaps.values()]
