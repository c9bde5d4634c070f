"""Equivariance error of trained networks, beside their test error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context
from geomdl.bench.results import Check, Column, Table
from geomdl.bench.statistics import mean_sd, paired_interval
from geomdl.bench.suites.images.designs import VARIANTS, Classifier, Design, Variant, classifier
from geomdl.bench.suites.images.errors import centre_error
from geomdl.bench.suites.images.peers import KINDS
from geomdl.bench.suites.images.plans import seconds_of_a_step
from geomdl.bench.suites.images.samples import SIZE, Task
from geomdl.bench.suites.images.training import BATCH, Learner, error_of, turn_at_random, untrained

STEPS = 750  # four epochs of 6,000 samples
TESTING = 32  # steps that would take as long as the test
WIDTHS = (1, 2, 3)
FACTOR = 2.0  # times lower than escnn's
SLACK = 0.002  # test errors this close are equal
JUDGED = ("geomdl, oversampled ReLU only", "geomdl, oversampled")  # the others are shown
COMPARED = ("geomdl", *JUDGED, *KINDS)  # trained for every group and seed; others for the first


@dataclass
class Trained:
    """Rows of the table, steps of training, how this is less, and why it is not judged, if so."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    steps: int = STEPS
    reduced: tuple[str, ...] = ()
    unjudged: str | None = None


def design_of(group: str) -> Design:
    """Four layers, down to 5×5 pixels; the last has more channels."""
    return Design(group, 48, 5, 3, pooled=True, last=192)


def measure(context: Context, task: Task, groups: Sequence[str], peers: bool) -> Trained:
    """Train every variant and escnn's network alike, test them, and measure their errors."""
    variants: Mapping[str, Variant | None] = {**VARIANTS, **(dict.fromkeys(KINDS) if peers else {})}
    work = [(g, n) for g in groups for n in variants if g == groups[0] or n in COMPARED]
    found = Trained()
    cost = {
        (group, name): seconds_of_a_step(_learner(task, design_of(group), name, variants[name], 0))
        for group, name in work
    }
    left = 0.85 * context.budget.left
    steps = affordable(left, cost, repeats=1, most=STEPS + TESTING) - TESTING
    found.steps = max(3, steps)
    once = (found.steps + TESTING) * sum(cost.values())
    again = {k: (found.steps + TESTING) * cost[k] for k in work if k[1] in COMPARED}
    seeds = 1 + affordable(max(0.0, left - once), again, repeats=1, most=context.seeds - 1, least=0)
    test = task.test if steps > TESTING else task.reduced(1, 250).test
    runs = [seeds if name in COMPARED else 1 for _, name in work]
    context.progress.stage("images/angles: trained weights", sum(runs))
    for (group, name), done in zip(work, runs, strict=True):
        design = design_of(group)
        tests: list[float] = []
        errors: dict[int, list[float]] = {width: [] for width in WIDTHS}
        for seed in range(done):
            learner = _learner(task, design, name, variants[name], seed)
            learner.train(steps=found.steps)
            with learner.averaged() as model:
                body = cast(Classifier, model).body
                tests.append(error_of(model, test))
                for width in WIDTHS:
                    error = centre_error(body, design.order, width, SIZE, 1, seed)
                    errors[width].append(error)
            context.progress.advance(f"{name}, {group}: test error {100 * tests[-1]:.1f} %")
        row: dict[str, Any] = {"name": name, "group": group, "layout": "trained"}
        row |= {"test": vars(mean_sd(tests)), "tests": tests}
        if all(math.isfinite(error) for measured in errors.values() for error in measured):
            row |= {f"s{width}": vars(mean_sd(errors[width])) for width in WIDTHS}
        found.rows.append(row)
    parts = [f"{found.steps} steps of training instead of {STEPS}"] * (found.steps < STEPS)
    parts += [f"{seeds} instead of {context.seeds} seeds of training"] * (seeds < context.seeds)
    found.reduced = tuple(parts)
    found.unjudged = untrained(found.steps, BATCH, len(task.train[1]))
    return found


def _learner(task: Task, design: Design, name: str, variant: Variant | None, seed: int) -> Learner:
    kind = name if name in KINDS else "geomdl"
    model = classifier(kind, design, task.classes, seed, variant)
    return Learner(model, task.train, seed=seed, augment=turn_at_random)


def table(found: Trained, errors: tuple[Column, ...], peers: bool) -> Table:
    """Test error and errors at 45° of the trained networks."""
    columns: tuple[Column, ...] = (
        Column("name", "network"),
        Column("group", "group"),
        Column("test", "test error", "percent", "lower", "Share of wrong answers."),
        *errors,
    )
    if peers:
        columns += (
            Column("gain", "escnn / this", "ratio", note="The least over σ and escnn's two pools."),
        )
    return Table("trained", columns, tuple(found.rows), "Trained weights")


def checks_of(
    rows: Sequence[Mapping[str, Any]], groups: Sequence[str], widths: Sequence[int]
) -> list[Check]:
    """For each group, pool of escnn's and variant named in `JUDGED`: at equal test error."""
    checks = []
    for group in groups:
        named = {r["name"]: r for r in rows if r["group"] == group}
        peers = [named[name] for name in KINDS if name in named]
        for ours, peer in ((named[name], peer) for name in JUDGED for peer in peers):
            equal = as_accurate(ours["tests"], peer["tests"])
            ratios = [
                peer[f"s{w}"]["mean"] / ours[f"s{w}"]["mean"]
                if f"s{w}" in ours and f"s{w}" in peer
                else math.nan
                for w in widths
            ]
            text = (
                f"{group}, trained: error at 45° of {ours['name']}"
                f" {', '.join(f'{ratio:.2f}' for ratio in ratios)} times lower than that of"
                f" {peer['name']} at σ = {', '.join(map(str, widths))} (at least {FACTOR:g}), with"
                f" {'an equal' if equal else 'a higher'} test error:"
                f" {100 * ours['test']['mean']:.2f} % against {100 * peer['test']['mean']:.2f} %"
            )
            holds = equal and all(ratio >= FACTOR for ratio in ratios)
            checks.append(Check(f"45°, {group}, {ours['name']}, {peer['name']}", holds, text))
    return checks


def as_accurate(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether test errors, one a seed, are not higher than the others.

    The mean is at most `SLACK` higher, or the paired 95 % interval over three seeds or more
    includes zero: that over two is so wide that nearly all include it.
    """
    if mean_sd(ours).mean <= mean_sd(theirs).mean + SLACK:
        return True
    return len(ours) > 2 and not paired_interval(ours, theirs).excludes(0.0)
