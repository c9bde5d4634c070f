"""Suite `images/curves`: test error against seconds of training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from geomdl.bench.memory import METHOD, peak_memory
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, quartiles
from geomdl.bench.suites.images.contest import Course, moments, race
from geomdl.bench.suites.images.designs import Design, classifier
from geomdl.bench.suites.images.errors import score_error
from geomdl.bench.suites.images.peers import peer_of
from geomdl.bench.suites.images.samples import SIZE, Task, load_task
from geomdl.bench.suites.images.training import (
    BATCH,
    LEARNING_RATE,
    Learner,
    turn_at_random,
    untrained,
)

SECONDS, LEAST = 120.0, 30.0  # of training of each network; below LEAST, seeds are left out first
CHANNELS, LAST, KERNEL = 48, 192, 5
PLAIN, PEER = "plain CNN", "escnn C8"
NETWORKS = {
    PLAIN: ("plain", "C4"),
    "geomdl C4": ("geomdl", "C4"),
    "geomdl C8": ("geomdl", "C8"),
    "geomdl C16": ("geomdl", "C16"),
    PEER: ("escnn", "C8"),
}
OURS = "geomdl C8"  # what is compared with escnn's
DIFFERENCES = (
    "They differ in their filters: every tap is free in the plain CNN, and in C4 of ours up to the"
    " group; C8 and C16 of ours, and escnn's, are made of rings."
)
PLAIN_SHARE, PEER_SHARE = 1 / 3, 2 / 3  # of their seconds


def design_of(group: str) -> Design:
    """Three layers with pooling, down to 9×9 pixels, and one more with more channels."""
    return Design(group, CHANNELS, KERNEL, 3, pooled=True, last=LAST)


@dataclass(frozen=True)
class Plan:
    """What will be done: seconds of training, tests on the way, test samples, seeds."""

    seconds: float
    points: int
    test: int
    seeds: int
    reduced: str | None


def make_plan(left: float, networks: int, seeds: int, test: int) -> Plan:
    """Fit the work into the time: fewer seeds first, then less training.

    Args:
        left: seconds for everything.
        networks: how many.
        seeds: how many are wanted.
        test: test samples there are.

    Returns:
        The plan, the same for all networks.

    Example:
        >>> make_plan(math.inf, 5, 3, 2000)
        Plan(seconds=120.0, points=24, test=2000, seeds=3, reduced=None)
    """

    def each(n: int) -> float:
        return left / (1.4 * networks * n)

    done = next((n for n in range(seeds, 0, -1) if each(n) >= LEAST), 1)
    seconds = min(SECONDS, max(0.5, each(done)))
    points, most = next(p for least, p in TESTS if seconds >= least)
    parts = []
    if done < seeds:
        parts.append(f"{done} seed{'s' * (done > 1)} instead of {seeds}")
    if seconds < SECONDS:
        parts.append(f"{seconds:.3g} s of training instead of {SECONDS:g} s")
    reduced = ", ".join(parts) + ", to keep to the time budget" if parts else None
    return Plan(seconds, points, min(test, most), done, reduced)


TESTS = ((60.0, (24, 2000)), (20.0, (12, 1000)), (5.0, (6, 500)), (0.0, (3, 250)))


def learner_of(task: Task, name: str, seed: int) -> Learner:
    """One of the networks, ready to train."""
    kind, group = NETWORKS[name]
    model = classifier(kind, design_of(group), task.classes, seed)
    return Learner(model, task.train, seed=seed, augment=turn_at_random)


COLUMNS = (
    Column("name", "network"),
    Column(
        "final", "final test error", "percent", "lower",
        "Share of wrong answers: mean of the last three tests, over the seeds.",
    ),
    Column(
        "time", "time to final", "seconds",
        note="Seconds of training alone until the test error is at most one standard error"
        " (binomial, of the test set) above the final one, linear between the tests: the same rule"
        " for every network.",
    ),
    Column(
        "plain", f"time to final of {PLAIN}", "ratio",
        note=f"Seconds of training until the final error of the {PLAIN} is reached within its"
        " standard error, over its own, paired by seed: median [quartiles]; n/a where some seed"
        " does not reach it.",
    ),
    Column("step", "time a step", "milliseconds", note="Mean over the training."),
    Column("memory", "memory of a step", "bytes", note=METHOD[0].upper() + METHOD[1:] + "."),
    Column("parameters", "parameters", "count", note="Trainable numbers."),
    Column(
        "e90", "error, 90°", "scientific", "lower",
        "Change of the scores under a rotation by 90°, relative to their variation, on exactly"
        " turned blobs of width 2 pixels under a radial window; in float32, trained, seed 0.",
    ),
    Column("e45", "error, 45°", "scientific", "lower", "The same under a rotation by 45°."),
)  # fmt: skip


@suite("images/curves", title="Rotated digits: error against time", weight=7.0)
def error_over_time(context: Context) -> SuiteResult:
    """Train networks in turns, and test them on the way.

    Args:
        context: limits of the run; `peers` adds escnn.

    Returns:
        Test error against seconds of training, and the times to the others' final errors.
    """
    peers, said = peer_of(context)
    names = [name for name in NETWORKS if peers or name != PEER]
    task = load_task(context)
    plan = make_plan(0.9 * context.budget.left - 5, len(names), context.seeds, len(task.test[1]))
    test = task.reduced(1, plan.test).test
    times = moments(plan.seconds, plan.points)
    context.progress.stage(f"images/curves: {', '.join(names)}", plan.seeds * plan.points)
    courses: dict[str, list[Course]] = {name: [] for name in names}
    facts: dict[str, dict[str, Any]] = {}
    for name in names:  # what happens once in a process is no training
        learner_of(task, name, 0).train(steps=1)
    for seed in range(plan.seeds):
        learners = {name: learner_of(task, name, seed) for name in names}
        for name, course in race(learners, test, times, context.progress.advance).items():
            courses[name].append(course)
        if seed == 0:
            facts = {name: facts_of(learner) for name, learner in learners.items()}
    judged = [run.steps for name in (PLAIN, OURS, PEER) for run in courses.get(name, ())]
    few = untrained(min(judged), BATCH, len(task.train[1]))
    if few is None and plan.seeds < 2:
        few = "No verdict: one seed only."
    notes = [few] * (few is not None) + [f"Data: {task.said}."] * (task.said is not None)
    return SuiteResult(
        title="Rotated digits: error against time",
        summary="Networks with the same layers, channels and pools, the same augmentation by"
        " rotations and the same seconds of training, trained in turns; tests take no part in the"
        f" time. {DIFFERENCES}",
        tables=(Table("curves", COLUMNS, tuple(rows_of(courses, facts))),),
        figures=(_figure(courses, times),),
        checks=() if few else tuple(checks_of(courses)),
        notes=tuple(str(note) for note in notes),
        reduced=plan.reduced,
        settings={
            "data": task.name, "training samples": len(task.train[1]), "test samples": plan.test,
            "image": f"{SIZE}×{SIZE}", "batch": BATCH, "seeds": list(range(plan.seeds)),
            "optimiser": f"AdamW, constant learning rate {LEARNING_RATE}, averaged weights",
            "augmentation": "rotations by any angle, bilinear", "seconds": plan.seconds,
            "dtype": "float32", "threads": torch.get_num_threads(), "peers": said,
        },
    )  # fmt: skip


def facts_of(learner: Learner) -> dict[str, Any]:
    """Parameters, memory and errors under rotations of a trained network."""
    with learner.averaged() as model:
        found: dict[str, Any] = {f"e{a}": score_error(model, SIZE, a) for a in (90, 45)}
    count = sum(p.numel() for p in learner.model.parameters() if p.requires_grad)
    return {**found, "parameters": count, "memory": peak_memory(learner.step)}


def shares(ours: Sequence[Course], others: Sequence[Course]) -> list[float]:
    """Seconds until the other's final error is reached, over the other's, seed by seed."""
    return [a.time_to(b.target) / b.time_to(b.target) for a, b in zip(ours, others, strict=True)]


def rows_of(
    courses: Mapping[str, Sequence[Course]], facts: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the table."""
    rows = []
    for name, runs in courses.items():
        share = shares(runs, courses[PLAIN])
        row: dict[str, Any] = {"name": name, **facts[name]}
        row["final"] = vars(mean_sd([run.final for run in runs]))
        row["time"] = vars(mean_sd([run.time_to(run.target) for run in runs]))
        row["plain"] = vars(quartiles(share)) if all(map(math.isfinite, share)) else None
        row["step"] = sum(r.seconds[-1] for r in runs) / sum(r.steps for r in runs)
        rows.append(row)
    return rows


def checks_of(courses: Mapping[str, Sequence[Course]]) -> list[Check]:
    """Whether ours are as good in the shares of time that they should need."""
    checks = []
    targets = [(PLAIN, PLAIN_SHARE, "1/3")] + [(PEER, PEER_SHARE, "2/3")] * (PEER in courses)
    for other, most, written in targets:
        share = sorted(shares(courses[OURS], courses[other]))[len(courses[OURS]) // 2]
        final = mean_sd([run.final for run in courses[other]]).mean
        reached = f"in {share:.2f} of its" if math.isfinite(share) else "never, with the same"
        text = (
            f"{OURS} reaches the final error of {other} ({100 * final:.2f} %, within its standard"
            f" error) {reached} seconds of"
            f" training (at most {written})"
        )
        checks.append(Check(f"time to {other}", share <= most, text))
    return checks


def _figure(courses: Mapping[str, Sequence[Course]], times: Sequence[float]) -> Figure:
    return Figure(
        "curves",
        "curves",
        "Test error against time",
        "Seconds of training alone; mean over the seeds, bands from the best to the worst seed.",
        {
            "x": list(times),
            "x_label": "time of training alone",
            "x_unit": "s",
            "y_label": "test error",
            "log": True,
            "series": [
                {"name": name, "values": [run.errors for run in runs]}
                for name, runs in courses.items()
            ],
        },
    )
