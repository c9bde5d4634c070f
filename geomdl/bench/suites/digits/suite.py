"""The suite: time a step of each network, train, test, and put it all together."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from geomdl.bench.memory import METHOD, peak_memory
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval, worst
from geomdl.bench.suites.digits import figures
from geomdl.bench.suites.digits.networks import BASELINE, EXACT, NETWORKS
from geomdl.bench.suites.digits.plan import STEP, Plan, make_plan
from geomdl.bench.suites.digits.task import Task, load_task
from geomdl.bench.suites.digits.testing import Finding, examine
from geomdl.bench.suites.digits.training import BATCH, LEARNING_RATE, train, training_step
from geomdl.bench.table import scientific
from geomdl.bench.timing import Timing, compare

COLUMNS = (
    Column("name", "model"),
    Column("upright", "upright", "percent", "higher", "Accuracy on the test digits as they are."),
    Column(
        "quarter",
        "turned by 90°, 180°, 270°",
        "percent",
        "higher",
        "Mean accuracy over the three rotations, which move pixels to pixels.",
    ),
    Column(
        "any_angle",
        "turned by any angle",
        "percent",
        "higher",
        f"Mean accuracy over rotations by 0°, {STEP}°, …, {360 - STEP}° (or further apart, as the"
        " settings say), resampled by cubic splines.",
    ),
    Column(
        "error",
        "equivariance error",
        "scientific",
        "lower",
        "Greatest over the eight symmetries of the square and the seeds, relative to the variation"
        " of the output; of the trained network, in float64, by geomdl.audit.",
    ),
    Column(
        "ratio",
        f"time a step / {BASELINE}",
        "ratio",
        note=f"A training step on {BATCH} digits in float32, augmentation included, over that of"
        f" the {BASELINE} in the same round: median [quartiles].",
    ),
    Column("time", "time a step", "milliseconds", note="Median of the same rounds."),
    Column("memory", "memory of a step", "bytes", note=METHOD[0].upper() + METHOD[1:] + "."),
    Column("parameters", "parameters", "count", note="Trainable numbers."),
)


@suite("digits", title="Handwritten digits, upright and turned", weight=8.0)
def digits(context: Context) -> SuiteResult:
    """Compare networks of different symmetry on turned digits.

    Args:
        context: limits of the run; `data` may name another set of square images with labels.

    Returns:
        The table, figures, and whether the D4 network is exact.
    """
    task = load_task(context.data or "digits", context.root)
    timing, memory = _measure_steps(context, task)
    plan = make_plan(
        0.88 * context.budget.left - 4,
        {name: timing.time(name).median for name in timing.seconds},
        seeds=context.seeds,
        train=len(task.train[0]),
        test=len(task.test[0]),
    )
    small = task.reduced(plan.train, plan.test)
    models, losses, tests = _train_and_test(context, small, plan)
    parameters = {
        name: sum(p.numel() for p in model.parameters() if p.requires_grad)
        for name, model in models.items()
    }
    return SuiteResult(
        title="Handwritten digits, upright and turned",
        summary="Networks of different symmetry, trained alike on upright digits (one of them on"
        " digits turned by random angles) and tested on digits that are turned.",
        tables=(
            Table("models", COLUMNS, _rows(tests, timing, memory, parameters)),
            *_differences(tests),
        ),
        figures=_figures(small, tests, timing, losses, models),
        checks=(_exactness(tests[EXACT]),),
        reduced=_reduced(plan, len(tests[EXACT]), context.seeds),
        settings={
            "data": task.name,
            "training digits": plan.train,
            "test digits": plan.test,
            "image": f"{task.size}×{task.size}",
            "epochs": plan.epochs,
            "batch": BATCH,
            "optimiser": f"AdamW, greatest learning rate {LEARNING_RATE}, warm-up and cosine",
            "seeds": list(range(len(tests[EXACT]))),
            "dtype": f"float32; errors, and the {EXACT} at multiples of 90°, in float64",
            "angles": f"multiples of {plan.angles[1]}°",
            "rounds of timing": timing.rounds,
            "peers": "none in this suite" if context.peers else "not asked for",
        },
    )


def _measure_steps(context: Context, task: Task) -> tuple[Timing, dict[str, int]]:
    context.progress.stage(f"{task.name}: time and memory of a step", 2)
    steps = {n.name: training_step(n, task.train, task.size, task.classes) for n in NETWORKS}
    timing = compare(
        steps, baseline=BASELINE, rounds=15, limit=min(25.0, 0.1 * context.budget.seconds)
    )
    context.progress.advance("time")
    memory = {name: peak_memory(step) for name, step in steps.items()}
    context.progress.advance("memory")
    return timing, memory


def _train_and_test(
    context: Context, task: Task, plan: Plan
) -> tuple[dict[str, nn.Module], dict[str, list[list[float]]], dict[str, list[Finding]]]:
    """Seed by seed; where the machine has slowed down, the last seeds are left out for all."""
    models: dict[str, nn.Module] = {}
    losses: dict[str, list[list[float]]] = {n.name: [] for n in NETWORKS}
    tests: dict[str, list[Finding]] = {n.name: [] for n in NETWORKS}
    text = f"{task.name}: {plan.epochs} epochs, {context.seeds} seeds, {len(NETWORKS)} networks"
    context.progress.stage(text, context.seeds * len(NETWORKS))
    longest = 0.0
    for seed in range(context.seeds):
        start = context.budget.used
        if seed and start + 1.1 * longest > context.budget.seconds:
            break
        for network in NETWORKS:
            model, loss = train(
                network, task.train, task.size, task.classes, seed=seed, epochs=plan.epochs
            )
            losses[network.name].append(loss)
            tests[network.name].append(examine(model, task.test, plan.angles, exact=network.exact))
            models.setdefault(network.name, model)
            found = tests[network.name][-1]
            context.progress.advance(
                f"{network.name}, seed {seed}: upright {100 * found.upright:.1f} %,"
                f" any angle {100 * found.any_angle:.1f} %"
            )
        longest = max(longest, context.budget.used - start)
    return models, losses, tests


def _reduced(plan: Plan, done: int, wanted: int) -> str | None:
    if done == wanted:
        return plan.reduced
    seeds = f"{done} seed{'s' * (done > 1)} instead of {wanted}"
    return f"{seeds}, {plan.reduced or 'to keep to the time budget'}"


def _rows(
    tests: Mapping[str, Sequence[Finding]],
    timing: Timing,
    memory: Mapping[str, int],
    parameters: Mapping[str, int],
) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "name": name,
            "upright": vars(mean_sd([t.upright for t in runs])),
            "quarter": vars(mean_sd([t.quarter for t in runs])),
            "any_angle": vars(mean_sd([t.any_angle for t in runs])),
            "error": worst([t.error for t in runs]),
            "ratio": vars(timing.ratio(name)),
            "time": timing.time(name).median,
            "memory": memory[name],
            "parameters": parameters[name],
        }
        for name, runs in tests.items()
    )


def _figures(
    task: Task,
    tests: Mapping[str, Sequence[Finding]],
    timing: Timing,
    losses: Mapping[str, list[list[float]]],
    models: Mapping[str, nn.Module],
) -> tuple[Figure, ...]:
    images, labels = task.test
    wanted = (labels == 4).nonzero().flatten().tolist()  # no turn of a 4 looks like another digit
    place = wanted[0] if wanted else 0
    return (
        figures.accuracy_over_angle(tests, task.classes),
        figures.upright_and_turned(tests),
        figures.errors(tests),
        figures.cost(tests, timing),
        figures.orbit(models, images[place : place + 1], int(labels[place])),
        figures.learning(losses),
    )


def _exactness(runs: Sequence[Finding]) -> Check:
    """The D4 network's answer to a turned digit is its answer to the upright one."""
    changed, compared = sum(t.changed for t in runs), sum(t.compared for t in runs)
    equal = all(t.accuracy[a] == t.upright for t in runs for a in (90, 180, 270))
    text = (
        f"{EXACT}: {compared - changed:,} of {compared:,} predictions on digits turned by 90°, 180°"
        f" or 270° equal the prediction on the upright digit, so the accuracies are"
        f" {'equal' if equal else 'not equal'} (float64, {len(runs)} seeds; outputs differ by at"
        f" most {scientific(worst([t.logit for t in runs]))})"
    )
    return Check("exactness", changed == 0 and equal, text)


def _differences(tests: Mapping[str, Sequence[Finding]]) -> tuple[Table, ...]:
    """Who beats whom, by the paired interval over the seeds; one seed cannot tell."""
    ours = tests[EXACT]
    if len(ours) < 2:
        return ()
    measures = ("upright", "quarter", "any_angle")
    rows = []
    for name, runs in tests.items():
        if name == EXACT:
            continue
        row: dict[str, Any] = {"name": f"− {name}"}
        for key in measures:
            a, b = ([getattr(t, key) for t in side] for side in (ours, runs))
            row[key] = vars(paired_interval(a, b))
        rows.append(row)
    titles = {column.key: column.title for column in COLUMNS}
    note = (
        f"Accuracy of the {EXACT} minus that of the other, in points: mean and paired 95 %"
        " interval over the seeds. One beats the other where the interval excludes zero."
    )
    columns = (
        Column("name", EXACT, note=note),
        *(Column(key, titles[key], "points") for key in measures),
    )
    title = f"{EXACT} minus the others, in points [95 % interval over {len(ours)} seeds]"
    return (Table("differences", columns, tuple(rows), title),)
