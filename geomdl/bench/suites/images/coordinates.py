"""Suite `images/coordinates`: what the coordinates of the weights are worth under Adam."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval
from geomdl.bench.suites.images.designs import classifier
from geomdl.bench.suites.images.plans import make_plan, seconds_of_a_step
from geomdl.bench.suites.images.samples import SIZE, Task, load_task
from geomdl.bench.suites.images.trained import design_of
from geomdl.bench.suites.images.trained_report import SLACK
from geomdl.bench.suites.images.training import (
    BATCH,
    LEARNING_RATE,
    Learner,
    error_of,
    turn_at_random,
    untrained,
)
from geomdl.steerable.blocks import Block

GROUPS = ("D4", "C8", "D8")
IRREPS, ELEMENTS = "irreps", "elements"
STEPS, TESTING = 600, 32  # TESTING: steps that would take as long as the test


class Elements(nn.Module):
    """Weights of the free filters at the elements of the group -> those of irreps.

    An orthogonal change of coordinates: gradient descent is the same in both, Adam is not.
    """

    mixing: Tensor

    def __init__(self, mixing: Tensor) -> None:
        super().__init__()
        self.register_buffer("mixing", mixing)

    def forward(self, weight: Tensor) -> Tensor:
        """(m_s, m_r, T.dim · |G|) to the same."""
        return (weight.reshape(-1, len(self.mixing)) @ self.mixing.T).view(weight.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Weights at the elements that give the same filters."""
        return (weight.reshape(-1, len(self.mixing)) @ self.mixing).view(weight.shape)


def at_the_elements(model: nn.Module) -> nn.Module:
    """Let an optimiser see the free filters themselves; what the model computes stays the same."""
    for block in [m for m in model.modules() if isinstance(m, Block)]:
        if block.mixing is not None:
            parametrize.register_parametrization(block, "weight", Elements(block.mixing))
    return model


def learner_of(task: Task, group: str, coordinates: str, seed: int) -> Learner:
    """One of the networks, ready to train."""
    model: nn.Module = classifier("geomdl", design_of(group), task.classes, seed)
    if coordinates == ELEMENTS:
        model = at_the_elements(model)
    return Learner(model, task.train, seed=seed, augment=turn_at_random)


COLUMNS = (
    Column("name", "group"),
    Column("filters", "filters"),
    Column(IRREPS, "test error, weights of irreps", "percent", note="As geomdl has them."),
    Column(
        ELEMENTS, "test error, weights at the elements", "percent",
        note="The same filters at the start; the optimiser sees the |G| free filters themselves.",
    ),
    Column(
        "gain", "elements − irreps", "points",
        note="In points: mean and paired 95 % interval over the seeds.",
    ),
)  # fmt: skip


@suite("images/coordinates", title="Coordinates of the weights", weight=3.0)
def coordinates_of_weights(context: Context) -> SuiteResult:
    """Train the same networks with two sets of coordinates of the weights.

    Args:
        context: limits of the run.

    Returns:
        Test errors with the weights of irreps, and with those at the elements of the group.
    """
    task = load_task(context)
    work = [(group, coordinates) for group in GROUPS for coordinates in (IRREPS, ELEMENTS)]
    cost = {f"{g}, {c}": seconds_of_a_step(learner_of(task, g, c, 0)) for g, c in work}
    plan = make_plan(0.85 * context.budget.left, cost, context.seeds, STEPS, TESTING)
    test = task.test if plan.steps > TESTING else task.reduced(1, 250).test
    context.progress.stage("images/coordinates: training", plan.seeds * len(work))
    found: dict[str, dict[str, list[float]]] = {g: {IRREPS: [], ELEMENTS: []} for g in GROUPS}
    for seed in range(plan.seeds):
        for group, coordinates in work:
            learner = learner_of(task, group, coordinates, seed)
            learner.train(steps=plan.steps)
            with learner.averaged() as model:
                found[group][coordinates].append(error_of(model, test))
            error = found[group][coordinates][-1]
            context.progress.advance(f"{group}, {coordinates}: test error {100 * error:.1f} %")
    few = untrained(plan.steps, BATCH, len(task.train[1]))
    if few is None and plan.seeds < 2:
        few = "No verdict: one seed only."
    notes = [few] * (few is not None) + [f"Data: {task.said}."] * (task.said is not None)
    return SuiteResult(
        title="Coordinates of the weights",
        summary="The filters between regular fields are |G| free filters. Their weights can stand"
        " at the elements of the group or, an orthogonal change of coordinates, belong to its"
        " irreps (for C_n: to its frequencies). Gradient descent is the same in both; Adam, which"
        " scales every weight by itself, is not.",
        tables=(Table("coordinates", COLUMNS, tuple(rows_of(found)), "Test error"),),
        figures=(_figure(found),),
        checks=() if few else tuple(checks_of(found)),
        notes=tuple(str(note) for note in notes),
        reduced=plan.reduced,
        settings={
            "data": task.name, "image": f"{SIZE}×{SIZE}", "steps": plan.steps, "batch": BATCH,
            "optimiser": f"AdamW, constant learning rate {LEARNING_RATE}, averaged weights",
            "seeds": list(range(plan.seeds)), "dtype": "float32",
            "peers": "none in this suite" if context.peers else "not asked for",
        },
    )  # fmt: skip


def rows_of(found: Mapping[str, Mapping[str, Sequence[float]]]) -> list[dict[str, Any]]:
    """Rows of the table."""
    rows = []
    for group, errors in found.items():
        row: dict[str, Any] = {"name": group, "filters": "free" if group == "D4" else "rings"}
        row |= {name: vars(mean_sd(values)) for name, values in errors.items()}
        pair = errors[ELEMENTS], errors[IRREPS]
        several = len(pair[0]) > 1
        row["gain"] = vars(paired_interval(*pair)) if several else pair[0][0] - pair[1][0]
        rows.append(row)
    return rows


def checks_of(found: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Check]:
    """Whether the weights of irreps are nowhere worse, by the mean over the seeds."""
    gaps = {g: paired_interval(errors[ELEMENTS], errors[IRREPS]) for g, errors in found.items()}
    text = "; ".join(
        f"{group}: {100 * gap.mean:.1f} points [{100 * gap.low:.1f}, {100 * gap.high:.1f}]"
        for group, gap in gaps.items()
    )
    return [
        Check(
            "coordinates",
            all(gap.mean >= -SLACK for gap in gaps.values()),
            f"weights of irreps err at most {100 * SLACK:g} points more than those at the elements"
            f" (mean over the seeds [paired 95 % interval]); they err less by {text}",
        )
    ]


def _figure(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    return Figure(
        "coordinates",
        "dots",
        "Test error with two sets of coordinates",
        "One dot a seed; the large one is the median.",
        {
            "x_label": "test error",
            "rows": [
                {"name": f"{group}, {name}", "values": list(values)}
                for group, errors in found.items()
                for name, values in errors.items()
            ],
        },
    )
