"""Suite `molecules/accuracy`: potentials of trajectories after equal times of training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd
from geomdl.bench.suites.learning import figure_of, no_errors
from geomdl.bench.suites.molecules.training import (
    BATCH,
    MEMORY,
    RECIPES,
    Errors,
    Frames,
    Outcome,
    ignorance,
    load,
    outcome,
    spread,
)

MOLECULES = {"xtb_ethanol": "ethanol", "xtb_aspirin": "aspirin"}
SECONDS, EACH = 200.0, 80.0  # of a training on all frames, and of one of the learning curves
ALL, CURVES = 0.6, 0.3  # shares of the time
LEAST = 60.0  # of training; fewer, and models are not judged
COUNTS = (50, 100, 200, 400, 950)
LEARNERS = ("SchNet", "PaiNN", "NequIP")
NOTHING = "mean energy, no forces"
PLAIN, OURS = "SchNet", "NequIP"


@dataclass(frozen=True)
class Plan:
    """What will be done: seconds of each training, seeds, seconds of each of the curves."""

    seconds: float
    seeds: int
    each: float
    reduced: str | None


def make_plan(left: float, molecules: int, seeds: int) -> Plan:
    """Fit the work into the time: fewer seeds first, then less training; alike for all models.

    Args:
        left: seconds for everything, of which a tenth is left for tests and validation.
        molecules: how many.
        seeds: how many are wanted.

    Example:
        >>> vars(make_plan(3600.0, 2, 1)) | {"reduced": ""}
        {'seconds': 180.0, 'seeds': 1, 'each': 72.0, 'reduced': ''}
        >>> make_plan(math.inf, 2, 3)
        Plan(seconds=200.0, seeds=3, each=80.0, reduced=None)
    """

    def share(n: int) -> float:
        return ALL * left / (len(RECIPES) * molecules * n)

    done = next((n for n in range(seeds, 0, -1) if share(n) >= LEAST), 1)
    seconds = min(SECONDS, max(0.2, share(done)))
    each = min(EACH, max(0.2, CURVES * left / (len(LEARNERS) * len(COUNTS))))
    parts = [f"{done} instead of {seeds} seeds"] * (done < seeds)
    if seconds < SECONDS:
        parts.append(f"{seconds:.3g} s of training instead of {SECONDS:g} s")
    if each < EACH:
        parts.append(f"{each:.3g} s instead of {EACH:g} s a point of the learning curves")
    reduced = ", ".join(parts) + ", to keep to the time budget" if parts else None
    return Plan(seconds, done, each, reduced)


COLUMNS = (
    Column("name", "model"),
    Column(
        "energy", "energy, meV", "number", "lower",
        "Mean absolute error of the energy of the molecule, on the frames of the last block.",
    ),
    Column(
        "forces", "forces, meV/Å", "number", "lower", "Mean absolute error of their components."
    ),
    Column("step", "time a step", "milliseconds", note=f"Of training, {BATCH} frames."),
    Column("steps", "steps", "count", note="Mean over the seeds."),
    Column("parameters", "parameters", "count", note="Trainable numbers."),
)  # fmt: skip


def rows_of(
    found: Mapping[str, Sequence[Outcome]], seconds: float, nothing: Errors
) -> list[dict[str, Any]]:
    """Rows of the table of a molecule."""
    rows: list[dict[str, Any]] = [{"name": NOTHING, **nothing}]
    for name, runs in found.items():
        row: dict[str, Any] = {"name": name, "parameters": runs[0].parameters}
        row |= {key: vars(mean_sd([run.test[key] for run in runs])) for key in nothing}
        row["steps"] = sum(run.steps for run in runs) / len(runs)
        row["step"] = seconds / row["steps"]
        rows.append(row)
    return rows


def slope_of(errors: Mapping[int, Sequence[float]]) -> float:
    """Exponent k of errors ∝ countᵏ, by least squares between logarithms.

    Example:
        >>> round(slope_of({10: [4.0], 40: [2.0], 160: [1.0]}), 6)
        -0.5
    """
    means = [math.log(float(np.mean(values))) for values in errors.values()]
    return float(np.polyfit([math.log(count) for count in errors], means, 1)[0])


@suite("molecules/accuracy", title="Potentials at equal time of training", weight=12.0, seeds=1)
def accuracy(context: Context) -> SuiteResult:
    """Train every model on trajectories for the same time, and some on fewer frames.

    Args:
        context: limits of the run; `data` names one trajectory instead of both.

    Returns:
        Errors of energies and forces, and of forces against the number of frames.
    """
    names = [context.data] if context.data else list(MOLECULES)
    loaded = {MOLECULES.get(name, name): load(context, name) for name in names}
    said = [f"{molecule}: {text}" for molecule, (_, text) in loaded.items() if text]
    plan = make_plan(context.budget.left, len(loaded), context.seeds)
    tables: list[Table] = []
    whole: dict[str, dict[str, list[Outcome]]] = {}
    for molecule, (parts, _) in loaded.items():
        blocks = parts["train"], parts["validation"], parts["test"]
        context.progress.stage(
            f"molecules/accuracy: {molecule}, {plan.seconds:.3g} s each", plan.seeds * len(RECIPES)
        )
        runs: dict[str, list[Outcome]] = {name: [] for name in RECIPES}
        for seed in range(plan.seeds):
            for name in RECIPES:
                runs[name].append(outcome(name, *blocks, seconds=plan.seconds, seed=seed))
                context.progress.advance(f"{name}: {runs[name][-1].test['forces']:.3g} meV/Å")
        whole[molecule] = runs
        rows = rows_of(runs, plan.seconds, ignorance(blocks[0], blocks[2]))
        tables.append(Table(molecule, COLUMNS, tuple(rows), molecule.capitalize()))
    molecule, (parts, _) = next(iter(loaded.items()))
    curves = learning(context, parts, plan.each)
    title = f"Errors of forces of {molecule}, meV/Å, by number of frames"
    tables.append(curve_table(curves, title))
    few = None if plan.seconds >= LEAST else f"No verdict: less than {LEAST:g} s of training."
    real = not said and set(names) == set(MOLECULES)
    return SuiteResult(
        title="Potentials at equal time of training",
        summary="Trajectories at 500 K (GFN2-xTB), in blocks of time: training, validation, test."
        f" Each model is trained for {plan.seconds:.3g} s on energies and forces; setting up,"
        " compiling, validation and tests do not count.",
        tables=tuple(tables),
        figures=(curve_figure(curves, molecule),),
        checks=tuple(checks_of(whole)) if few is None and real else (),
        notes=(*said, *([few] if few else [])),
        reduced=plan.reduced,
        settings={
            "frames": {name: sizes_of(parts) for name, (parts, _) in loaded.items()},
            "seconds": plan.seconds, "seconds a point": plan.each,
            "seeds": list(range(plan.seeds)), "batch": BATCH, "dtype": "float32",
            "optimiser": "AdamW, warm-up, then half a cosine over the time;"
            f" weights averaged with memory {MEMORY:g}; best epoch by forces on validation frames",
            "models": {name: {"lr": r.rate, **r.sizes} for name, r in RECIPES.items()},
            "threads": torch.get_num_threads(),
        },
    )  # fmt: skip


def sizes_of(parts: Mapping[str, Frames]) -> dict[str, int]:
    """Frames of each block."""
    return {name: len(frames["energy"]) for name, frames in parts.items()}


def learning(
    context: Context, parts: Mapping[str, Frames], seconds: float
) -> dict[str, dict[int, list[float]]]:
    """Errors of forces by model and number of frames, spread over the training block."""
    most = len(parts["train"]["energy"])
    counts = [n for n in COUNTS if n < most] + [min(COUNTS[-1], most)]
    counts = list(dict.fromkeys(counts))
    found = no_errors(LEARNERS, counts)
    context.progress.stage(
        f"molecules/accuracy: learning curves, {seconds:.3g} s a point", len(LEARNERS) * len(counts)
    )
    for count in counts:
        frames = spread(parts["train"], count)
        for name in LEARNERS:
            run = outcome(name, frames, parts["validation"], parts["test"], seconds=seconds, seed=0)
            found[name][count].append(run.test["forces"])
            context.progress.advance(f"{name}, {count}: {run.test['forces']:.3g} meV/Å")
    return found


def curve_table(curves: Mapping[str, Mapping[int, Sequence[float]]], title: str) -> Table:
    """Errors by number of frames, and the exponents."""
    rows: list[dict[str, Any]] = [
        {"name": f"{count:,}", **{name: found[count][0] for name, found in curves.items()}}
        for count in next(iter(curves.values()))
    ]
    rows.append({"name": "exponent", **{name: slope_of(found) for name, found in curves.items()}})
    note = "Exponent: slope between the logarithms of errors and of numbers of frames."
    columns = (
        Column("name", "frames", note=note),
        *(Column(n, n, "number") for n in curves),
    )
    return Table("learning", columns, tuple(rows), title)


def curve_figure(curves: Mapping[str, Mapping[int, Sequence[float]]], molecule: str) -> Figure:
    """Errors of forces over the logarithm of the number of frames."""
    return figure_of(
        curves, "learning", title=f"Forces of {molecule}", label="error of forces, meV/Å"
    )


def checks_of(whole: Mapping[str, Mapping[str, Sequence[Outcome]]]) -> list[Check]:
    """Whether tensors pay: forces of NequIP are nearer than those of SchNet."""
    checks = []
    for molecule, runs in whole.items():
        a, b = (mean_sd([run.test["forces"] for run in runs[n]]).mean for n in (OURS, PLAIN))
        text = f"{molecule}: error of forces {a:.1f} meV/Å of {OURS}, {b:.1f} of {PLAIN}"
        checks.append(Check(molecule, a < b, text))
    return checks
