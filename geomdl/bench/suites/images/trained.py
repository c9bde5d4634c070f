"""Equivariance error of trained networks, beside their test error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from geomdl.bench.budget import affordable
from geomdl.bench.registry import Context
from geomdl.bench.statistics import mean_sd
from geomdl.bench.suites.images.designs import VARIANTS, Classifier, Design, Variant, classifier
from geomdl.bench.suites.images.errors import centre_error, score_error
from geomdl.bench.suites.images.peers import KINDS
from geomdl.bench.suites.images.plans import seconds_of_a_step
from geomdl.bench.suites.images.samples import SIZE, Task
from geomdl.bench.suites.images.training import BATCH, Learner, error_of, turn_at_random, untrained

STEPS = 750  # four epochs of 6,000 samples
TESTING = 32  # steps that would take as long as the test
WIDTHS = (1, 2, 3)
ANGLES = tuple(range(15, 91, 15))
JUDGED = ("geomdl, oversampled ReLU only", "geomdl, oversampled")  # the others are shown
COMPARED = ("geomdl", *JUDGED, *KINDS)  # trained for every group and seed; others for the first


AT_45 = tuple(f"s{width}" for width in WIDTHS)
OVER_ANGLES = tuple(f"a{angle}" for angle in ANGLES)


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
        runs_of: dict[str, list[float]] = {key: [] for key in ("test", *AT_45, *OVER_ANGLES)}
        for seed in range(done):
            learner = _learner(task, design, name, variants[name], seed)
            learner.train(steps=found.steps)
            with learner.averaged() as model:
                body = cast(Classifier, model).body
                runs_of["test"].append(error_of(model, test))
                for key, width in zip(AT_45, WIDTHS, strict=True):
                    runs_of[key].append(centre_error(body, design.order, width, SIZE, 1, seed))
                for key, angle in zip(OVER_ANGLES, ANGLES, strict=True):
                    runs_of[key].append(score_error(model, SIZE, angle))
            last = runs_of["test"][-1]
            context.progress.advance(f"{name}, {group}: test error {100 * last:.1f} %")
        found.rows.append(row_of(name, group, runs_of))
    parts = [f"{found.steps} steps of training instead of {STEPS}"] * (found.steps < STEPS)
    parts += [f"{seeds} instead of {context.seeds} seeds of training"] * (seeds < context.seeds)
    found.reduced = tuple(parts)
    found.unjudged = untrained(found.steps, BATCH, len(task.train[1]))
    return found


def row_of(name: str, group: str, runs: Mapping[str, list[float]]) -> dict[str, Any]:
    """Means over the seeds, and each seed's numbers under `runs`; no errors that are not finite."""
    row: dict[str, Any] = {"name": name, "group": group, "layout": "trained", "runs": dict(runs)}
    row["test"] = vars(mean_sd(runs["test"]))
    for keys in (AT_45, OVER_ANGLES):
        if all(math.isfinite(error) for key in keys for error in runs[key]):
            row |= {key: vars(mean_sd(runs[key])) for key in keys}
    return row


def _learner(task: Task, design: Design, name: str, variant: Variant | None, seed: int) -> Learner:
    kind = name if name in KINDS else "geomdl"
    model = classifier(kind, design, task.classes, seed, variant)
    return Learner(model, task.train, seed=seed, augment=turn_at_random)
