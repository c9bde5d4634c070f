"""The run of a task over methods and seeds; its table, checks and figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval, worst
from geomdl.bench.suites.symmetry.methods import (
    BATCH,
    LEARNING_RATE,
    Method,
    Task,
    evaluations,
    examine,
    forward_times,
    train,
)
from geomdl.bench.table import scientific
from geomdl.bench.timing import Timing

EXACT = 1e-6  # of an audit in float64, for what claims to be exact
STEP = 4.0  # forward passes that take as long as a step of training
ROUNDS = 9
Runs = Mapping[str, Sequence[Mapping[str, float]]]


def columns(turned: str) -> tuple[Column, ...]:
    """Columns of the table, given what was done to the test samples."""
    return (
        Column("name", "method"),
        Column("upright", "upright", "percent", "higher", "Accuracy on upright test samples."),
        Column("turned", turned, "percent", "higher", "Accuracy on the same samples, turned."),
        Column(
            "same", "same answer", "percent", "higher",
            "Answers to turned samples that are those to the upright ones, right or wrong.",
        ),
        Column(
            "error", "equivariance error", "scientific", "lower",
            "Of the trained network, in float64, by geomdl.audit; the worst over the seeds.",
        ),
        Column("cost", "evaluations", "count", note="Of the network inside, for each sample."),
        Column(
            "ratio", "time", "ratio",
            note="Of a forward pass without gradients, over that of the first row: median"
            " [quartiles].",
        ),
        Column("parameters", "parameters", "count"),
    )  # fmt: skip


def compare_methods(
    context: Context,
    task: Task,
    methods: Sequence[Method],
    epochs: int,
    *,
    title: str,
    summary: str,
    turned: str,
    settings: Mapping[str, Any],
) -> SuiteResult:
    """Train and test every method with every seed.

    Args:
        context: limits of the run.
        task: samples and their types.
        methods: of which the first is plain; those that take a trained network stand after it.
        epochs: of a whole run; fewer where the budget is too short, the same for all.
        title: of the suite.
        summary: what was done.
        turned: what the test samples undergo, in few words.
        settings: what else it was run with.

    Returns:
        One row a method.
    """
    start: dict[str, nn.Module] = {}
    for method in methods:
        start[method.name] = method.build(task, 0, start).eval()
    inputs = task.train[0][:BATCH]
    timing = forward_times(start, inputs, rounds=ROUNDS, limit=0.1 * context.budget.seconds)
    counts = {name: evaluations(module, inputs[:2]) for name, module in start.items()}
    fewer = _affordable(context, task, methods, timing, epochs)

    total = context.seeds * len(methods)
    context.progress.stage(f"{title}: {fewer} epochs, {context.seeds} seeds", total)
    runs: dict[str, list[dict[str, float]]] = {method.name: [] for method in methods}
    sizes: dict[str, int] = {}
    for seed in range(context.seeds):
        trained: dict[str, nn.Module] = {}
        for method in methods:
            module = train(method.build(task, seed, trained), method, task, seed, fewer)
            trained[method.name] = module
            sizes[method.name] = sum(p.numel() for p in module.parameters())
            found = examine(module, task)
            runs[method.name].append(found)
            context.progress.advance(
                f"{method.name}: upright {100 * found['upright']:.1f} %,"
                f" turned {100 * found['turned']:.1f} %"
            )
    rows: tuple[dict[str, Any], ...] = tuple(
        {
            "name": name,
            **{key: vars(mean_sd([r[key] for r in of])) for key in ("upright", "turned")},
            "same": sum(r["same"] for r in of) / len(of),
            "error": worst([r["error"] for r in of]),
            "cost": round(counts[name]),
            "ratio": vars(timing.ratio(name)),
            "parameters": sizes[name],
        }
        for name, of in runs.items()
    )
    return SuiteResult(
        title=title,
        summary=summary,
        tables=(Table("methods", columns(turned), rows),),
        figures=(_accuracies(runs, turned), _errors(runs)),
        checks=checks_of(runs, methods),
        reduced=None if fewer == epochs else f"{fewer} epochs of training instead of {epochs}",
        settings={
            **settings, "epochs": fewer, "batch": BATCH, "learning rate": LEARNING_RATE,
            "training samples": len(task.train[0]), "test samples": len(task.test[0]),
            "seeds": list(range(context.seeds)), "threads": torch.get_num_threads(),
            "dtype": "float32 in training and for the clock, float64 in tests",
        },
    )  # fmt: skip


def _affordable(
    context: Context, task: Task, methods: Sequence[Method], timing: Timing, epochs: int
) -> int:
    """Epochs that the budget allows for all, after what their tests take."""
    test = (1 + len(task.turned)) * len(task.test[0]) / BATCH
    once = sum(2 * test * timing.time(method.name).median for method in methods)
    steps = math.ceil(len(task.train[0]) / BATCH)
    epoch = {
        method.name: STEP * steps * timing.time(method.name).median
        for method in methods
        if method.after is None
    }
    left = 0.9 * context.budget.left - context.seeds * once
    return affordable(max(left, 0.0), epoch, repeats=context.seeds, most=epochs)


def checks_of(runs: Runs, methods: Sequence[Method]) -> tuple[Check, ...]:
    """Whether what claims to be exact is, and whether the plain network is worse when turned."""
    exact = [method.name for method in methods if method.exact]
    error = {name: worst([run["error"] for run in runs[name]]) for name in exact}
    bad = [name for name in exact if not error[name] <= EXACT]
    least = {name: min(run["same"] for run in runs[name]) for name in exact}
    other = [name for name in exact if not least[name] >= 1]
    plain = methods[0].name
    falls = _gain(runs[plain], "upright", runs[plain], "turned")
    found = [
        Check("exact", not bad,
              f"equivariance error of the {len(exact)} exact methods: at most"
              f" {scientific(worst(list(error.values())))} (at most {scientific(EXACT)})"
              + "".join(f"; {name}: {scientific(error[name])}" for name in bad)),
        Check("answers", not other,
              f"the {len(exact)} exact methods give the same answer to every test sample, upright"
              " or turned" + "".join(f"; {n}: {100 * least[n]:.2f} %" for n in other)),
        Check("falls", falls[1] > 0,
              f"{plain}: {_points(falls)} points less on turned samples than on upright ones"),
    ]  # fmt: skip
    for method in methods:
        if method.exact and method.after is None:
            gain = _gain(runs[method.name], "turned", runs[plain], "turned")
            text = f"{method.name}: {_points(gain)} points more than {plain} on turned samples"
            found.append(Check(f"gain, {method.name}", gain[1] > 0, text))
    return tuple(found)


def _gain(
    ours: Sequence[Mapping[str, float]], a: str, theirs: Sequence[Mapping[str, float]], b: str
) -> tuple[float, float, float]:
    """Mean and 95 % interval over the seeds; of one seed, the mean alone."""
    found = paired_interval([run[a] for run in ours], [run[b] for run in theirs])
    if len(ours) == 1:
        return found.mean, found.mean, found.mean
    return found.mean, found.low, found.high


def _points(gain: tuple[float, float, float]) -> str:
    mean, low, high = (100 * value for value in gain)
    return f"{mean:.1f}" if low == high else f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def _accuracies(runs: Runs, turned: str) -> Figure:
    rows = [
        {"name": name,
         "values": [vars(mean_sd([r[key] for r in of])) for key in ("upright", "turned")]}
        for name, of in runs.items()
    ]  # fmt: skip
    return Figure(
        "accuracy", "dumbbell", "Upright against turned",
        "Mean over the seeds; the thin line is one standard deviation to either side. A ring alone"
        " is where both are equal.",
        {"labels": ["upright", turned], "x_label": "accuracy", "x_percent": True, "rows": rows},
    )  # fmt: skip


def _errors(runs: Runs) -> Figure:
    rows = [{"name": name, "values": [run["error"] for run in of]} for name, of in runs.items()]
    return Figure(
        "error", "dots", "Equivariance error",
        "Of the trained networks, relative to the variation of the output, in float64; one dot a"
        " seed.",
        {"log": True, "x_label": "equivariance error",
         "limit": {"value": EXACT, "text": "exact"}, "rows": rows},
    )  # fmt: skip
