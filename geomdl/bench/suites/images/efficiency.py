"""Suite `images/efficiency`: test error against the number of training samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, SuiteResult, Table
from geomdl.bench.statistics import paired_interval
from geomdl.bench.suites.images.curves import (
    DIFFERENCES,
    NETWORKS,
    OURS,
    PEER,
    PLAIN,
    design_of,
    facts_of,
)
from geomdl.bench.suites.images.designs import classifier
from geomdl.bench.suites.images.peers import peer_of
from geomdl.bench.suites.images.plans import seconds_of_a_step
from geomdl.bench.suites.images.samples import SIZE, Task, load_task
from geomdl.bench.suites.images.training import BATCH, Learner, error_of, turn_at_random, untrained
from geomdl.bench.suites.learning import columns_of, figure_of, no_errors, rows_of

COUNTS = (100, 500, 1000, 6000)
NAMES = (PLAIN, "geomdl C4", OURS, PEER)
STEPS, LEAST, TESTING = 600, 40, 32  # TESTING: steps that would take as long as the test


@dataclass(frozen=True)
class Plan:
    """Steps of each training and seeds, the same for all networks and numbers of samples."""

    steps: int
    seeds: int
    counts: tuple[int, ...]
    test: int
    reduced: str | None


def make_plan(left: float, cost: Mapping[str, float], seeds: int, known: int, test: int) -> Plan:
    """Fit the work into the time: fewer seeds, then fewer steps.

    Args:
        left: seconds for everything.
        cost: name -> seconds of one step.
        seeds: how many are wanted.
        known: training samples there are.
        test: test samples there are.
    """
    counts = tuple(n for n in COUNTS if n < known) + ((known,) if known <= COUNTS[-1] else ())
    counts = tuple(dict.fromkeys(counts))
    whole = {name: (STEPS + TESTING) * seconds * len(counts) for name, seconds in cost.items()}
    done = affordable(left, whole, repeats=1, most=seeds)
    each = {name: seconds * len(counts) for name, seconds in cost.items()}
    steps = affordable(left, each, repeats=done, most=STEPS + TESTING) - TESTING
    tested = test if steps >= LEAST else min(test, 250)
    steps = max(3, steps)
    parts = [f"{done} instead of {seeds} seeds"] * (done < seeds)
    parts += [f"{steps} steps of training instead of {STEPS}"] * (steps < STEPS)
    reduced = ", ".join(parts) + ", to keep to the time budget" if parts else None
    return Plan(steps, done, counts, tested, reduced)


def learner_of(task: Task, name: str, count: int, seed: int) -> Learner:
    """A network that learns from some of the samples, drawn by the seed."""
    kind, group = NETWORKS[name]
    x, y = task.train
    rng = torch.Generator().manual_seed(seed)
    some = torch.randperm(len(y), generator=rng)[:count]
    model = classifier(kind, design_of(group), task.classes, seed)
    return Learner(model, (x[some], y[some]), seed=seed, augment=turn_at_random)


@suite("images/efficiency", title="Rotated digits: error against samples", weight=6.0)
def error_over_samples(context: Context) -> SuiteResult:
    """Train on few and on many samples.

    Args:
        context: limits of the run; `peers` adds escnn.

    Returns:
        Test error for each number of samples, and the differences to the plain CNN.
    """
    peers, said = peer_of(context)
    names = [name for name in NAMES if peers or name != PEER]
    task = load_task(context)
    known = len(task.train[1])
    cost = {name: seconds_of_a_step(learner_of(task, name, known, 0)) for name in names}
    left = 0.85 * context.budget.left
    plan = make_plan(left, cost, context.seeds, known, len(task.test[1]))
    test = task.reduced(1, plan.test).test
    work = [
        (count, seed, name) for count in plan.counts for seed in range(plan.seeds) for name in names
    ]
    context.progress.stage("images/efficiency: training", len(work))
    errors = no_errors(names, plan.counts)
    facts: dict[str, dict[str, Any]] = {}
    for count, seed, name in work:
        learner = learner_of(task, name, count, seed)
        learner.train(steps=plan.steps)
        with learner.averaged() as model:
            errors[name][count].append(error_of(model, test))
        if (count, seed) == (plan.counts[-1], 0):
            facts[name] = facts_of(learner)
        context.progress.advance(f"{name}, {count}: {100 * errors[name][count][-1]:.1f} %")
    few = untrained(plan.steps, BATCH, plan.counts[-1])
    if few is None and plan.seeds < 2:
        few = "No verdict: one seed only."
    notes = [few] * (few is not None) + [f"Data: {task.said}."] * (task.said is not None)
    return SuiteResult(
        title="Rotated digits: error against samples",
        summary=f"The same steps of training ({plan.steps}) on some of the digits, turned by random"
        f" angles in every step. {DIFFERENCES}",
        tables=(
            Table(
                "efficiency",
                columns_of(names, PLAIN, OURS),
                tuple(rows_of(errors, PLAIN, OURS)),
                "Test error",
            ),
            Table("networks", FACTS, tuple({"name": n, **facts[n]} for n in names), "Networks"),
        ),
        figures=(figure_of(errors, "efficiency"),),
        checks=() if few else tuple(checks_of(errors)),
        notes=tuple(str(note) for note in notes),
        reduced=plan.reduced,
        settings={
            "data": task.name, "test samples": plan.test, "image": f"{SIZE}×{SIZE}",
            "steps": plan.steps, "batch": f"{BATCH}, or all of the samples",
            "seeds": list(range(plan.seeds)), "dtype": "float32", "peers": said,
        },
    )  # fmt: skip


FACTS = (
    Column("name", "network"),
    Column("memory", "memory of a step", "bytes", note="Of tensors alive at one time."),
    Column("parameters", "parameters", "count", note="Trainable numbers."),
    Column(
        "e90", "error, 90°", "scientific", "lower",
        "Change of the scores under a rotation by 90°, relative to their variation, on exactly"
        " turned blobs under a radial window; trained on all the samples, seed 0, in float32.",
    ),
    Column("e45", "error, 45°", "scientific", "lower", "The same under a rotation by 45°."),
)  # fmt: skip


def checks_of(errors: Mapping[str, Mapping[int, Sequence[float]]]) -> list[Check]:
    """Whether ours beats the plain CNN for every number of samples; none of a single seed.

    That is: the paired 95 % interval over the seeds lies above zero.
    """
    pairs = {count: (plain, errors[OURS][count]) for count, plain in errors[PLAIN].items()}
    if any(len(plain) < 2 for plain, _ in pairs.values()):
        return []
    gaps = {count: paired_interval(*pair) for count, pair in pairs.items()}
    text = "; ".join(
        f"{100 * gap.mean:.1f} points [{100 * gap.low:.1f}, {100 * gap.high:.1f}] with {count:,}"
        " samples"
        for count, gap in gaps.items()
    )
    return [
        Check(
            "samples",
            all(gap.low > 0 for gap in gaps.values()),
            f"{OURS} errs less than the {PLAIN} for every number of samples (paired 95 % interval"
            f" over the seeds): {text}",
        )
    ]
