"""Suite `images/volumes`: 3D shapes turned at random."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import data
from geomdl.bench.memory import METHOD, peak_memory
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval, worst
from geomdl.bench.suites.images.errors import relative
from geomdl.bench.suites.images.plans import make_plan, seconds_of_a_step
from geomdl.bench.suites.images.solids import NETWORKS
from geomdl.bench.suites.images.training import Learner, Samples, error_of, untrained
from geomdl.data.shapes3d import SHAPES, random_rotations, render

SIZE, TRAIN, TEST, BATCH = 17, 1000, 500, 32
RATE = 2e-3
STEPS, TESTING = 500, 8  # TESTING: steps that would take as long as the test
EXACT = 1e-5  # float32
PLAIN, EXACT_NAME = "plain 3D CNN", "geomdl O"


def load_shapes(train: int, test: int) -> tuple[Samples, Samples]:
    """Independent shapes for training and testing."""
    parts = (data.load("shapes3d", n=n, size=SIZE, seed=i) for i, n in enumerate((train, test)))
    known, new = ((part["images"], part["labels"]) for part in parts)
    return known, new


@lru_cache
def solids(kind: str) -> Tensor:
    """Two of each shape without noise, as they are or turned exactly: float32.

    Args:
        kind: "still", "quarter" (turned by 90°) or "any" (turned at random).
    """
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(2 * len(SHAPES)) % len(SHAPES)
    first, turns = random_rotations(len(labels), rng), random_rotations(len(labels), rng)
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    after = {"still": first, "quarter": quarter @ first, "any": turns @ first}[kind]
    scales = torch.full((len(labels),), 0.9, dtype=torch.float64)
    return render(labels, after, scales, SIZE).to(torch.float32)


def turned_error(model: nn.Module, kind: str) -> float:
    """Change of the scores when shapes are turned, relative to their variation over the shapes."""
    with torch.no_grad():
        y, z = (model(solids(k)).double() for k in ("still", kind))
    return relative(z, y)


def learner_of(name: str, known: Samples, seed: int) -> Learner:
    """One of the networks, ready to train."""
    return Learner(NETWORKS[name](len(SHAPES), seed), known, seed=seed, batch=BATCH, rate=RATE)


COLUMNS = (
    Column("name", "network"),
    Column("test", "test error", "percent", "lower", "Share of wrong answers, over the seeds."),
    Column(
        "quarter", "error, 90°", "scientific", "lower",
        "Change of the scores when shapes are turned by 90°, relative to their variation over the"
        " shapes; rendered anew, not resampled; in float32, trained, greatest over the seeds.",
    ),
    Column(
        "any", "error, any rotation", "scientific", "lower",
        "The same under random rotations; mean over the seeds.",
    ),
    Column("memory", "memory of a step", "bytes", note=METHOD[0].upper() + METHOD[1:] + "."),
    Column("parameters", "parameters", "count", note="Trainable numbers."),
)  # fmt: skip


@suite("images/volumes", title="Turned 3D shapes", weight=3.0)
def turned_shapes(context: Context) -> SuiteResult:
    """Train networks on solid shapes turned by any rotation.

    Args:
        context: limits of the run.

    Returns:
        Test error and error under rotations of each network.
    """
    known, new = load_shapes(TRAIN, TEST)
    cost = {name: seconds_of_a_step(learner_of(name, known, 0)) for name in NETWORKS}
    plan = make_plan(0.85 * context.budget.left, cost, context.seeds, STEPS, TESTING)
    context.progress.stage("images/volumes: training", plan.seeds * len(NETWORKS))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NETWORKS}
    for seed in range(plan.seeds):
        for name in NETWORKS:
            learner = learner_of(name, known, seed)
            learner.train(steps=plan.steps)
            found[name].append(facts_of(learner, new))
            context.progress.advance(f"{name}: {100 * found[name][-1]['test']:.1f} %")
    few = untrained(plan.steps, BATCH, TRAIN)
    if few is None and plan.seeds < 2:
        few = "No verdict on the test error: one seed only."
    checks = checks_of(found)
    if few:
        checks = [check for check in checks if check.name.startswith("90°")]
    return SuiteResult(
        title="Turned 3D shapes",
        summary=f"{len(SHAPES)} classes of solid shapes on {SIZE}³ voxels with noise, turned by any"
        " rotation; two of the classes are mirror images of one another.",
        tables=(Table("volumes", COLUMNS, tuple(rows_of(found))),),
        figures=(_figure(found),),
        checks=tuple(checks),
        notes=(few,) if few else (),
        reduced=plan.reduced,
        settings={
            "training samples": TRAIN, "test samples": TEST, "steps": plan.steps, "batch": BATCH,
            "seeds": list(range(plan.seeds)), "dtype": "float32",
            "peers": "none in this suite" if context.peers else "not asked for",
        },
    )  # fmt: skip


def facts_of(learner: Learner, new: Samples) -> dict[str, Any]:
    """Everything that is measured of one trained network."""
    with learner.averaged() as model:
        found: dict[str, Any] = {kind: turned_error(model, kind) for kind in ("quarter", "any")}
        found["test"] = error_of(model, new, batch=100)
    count = sum(p.numel() for p in learner.model.parameters() if p.requires_grad)
    return {**found, "parameters": count, "memory": peak_memory(learner.step)}


def rows_of(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of the table."""
    return [
        {
            "name": name,
            "test": vars(mean_sd([run["test"] for run in runs])),
            "quarter": worst([run["quarter"] for run in runs]),
            "any": vars(mean_sd([run["any"] for run in runs])),
            "memory": runs[0]["memory"],
            "parameters": runs[0]["parameters"],
        }
        for name, runs in found.items()
    ]


def checks_of(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Check]:
    """Whether ours are exact under 90°, and beat the plain network.

    They beat it where the paired 95 % interval over the seeds lies above zero; of a single seed
    there is no verdict.
    """
    checks = []
    plain = [run["test"] for run in found[PLAIN]]
    for name, runs in found.items():
        if name == PLAIN:
            continue
        error = worst([run["quarter"] for run in runs])
        text = f"{name}: rotations by 90° change the scores by {error:.1e} (at most {EXACT:g})"
        checks.append(Check(f"90°, {name}", error <= EXACT, text))
        if len(runs) < 2:
            continue
        gap = paired_interval(plain, [run["test"] for run in runs])
        text = (
            f"{name}: test error {100 * gap.mean:.1f} points below that of the {PLAIN}"
            f" [{100 * gap.low:.1f}, {100 * gap.high:.1f}: paired 95 % interval over the seeds]"
        )
        checks.append(Check(f"test, {name}", gap.low > 0, text))
    return checks


def _figure(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    return Figure(
        "error",
        "dots",
        "Error under random rotations",
        "Change of the scores of the trained networks when a shape is turned; one dot a seed.",
        {
            "log": True,
            "x_label": "error, relative to the variation of the scores",
            "rows": [{"name": n, "values": [r["any"] for r in runs]} for n, runs in found.items()],
        },
    )
