"""Suite `linear/tasks`: error against the number of samples, under a known matrix group."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.auditing import audit
from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval, worst
from geomdl.bench.suites.linear.problems import Flow, Problem, problems
from geomdl.fields import Field, Vector
from geomdl.linear import EMLP
from geomdl.training import fit

TITLE = "Functions with a matrix group as their symmetry"
SIZES = (100, 1000, 10000)
TESTED = 2000
BATCH, LR = 500, 1e-2
CHANNELS, LAYERS, PRODUCTS = 64, 2, 256
NETWORKS = ("EMLP", "MLP")
COLUMNS = (
    Column("task", "task"),
    Column("name", "network"),
    *(
        Column(f"n{n}", f"{n:,} samples", "percent", "lower",
               "Root mean square error on fresh samples over the deviation of the answers.")
        for n in SIZES
    ),
    Column("error", "equivariance error", "scientific", "lower",
           "Of the trained network, in float64, by geomdl.audit; the worst over the seeds."),
    Column("seconds", "training", "seconds", note="Mean over the runs."),
    Column("parameters", "parameters", "count"),
)  # fmt: skip


def build(name: str, problem: Problem, rng: torch.Generator) -> nn.Module:
    """A network of a width, depth and function of one variable (SiLU) that all have."""
    target = problem.source.group.trivial if problem.hamiltonian else problem.target
    if name == "EMLP":
        model: nn.Module = EMLP(
            problem.source, target, channels=CHANNELS, layers=LAYERS, products=PRODUCTS, rng=rng
        )
    else:
        model = perceptron(problem.source.dim, target.dim, rng)
    return Flow(model) if problem.hamiltonian else model


def perceptron(rows: int, columns: int, rng: torch.Generator) -> nn.Sequential:
    """Affine maps with SiLU between them."""
    sizes = [rows, *LAYERS * [CHANNELS], columns]
    layers: list[nn.Module] = []
    for k in range(len(sizes) - 1):
        affine = nn.utils.skip_init(nn.Linear, sizes[k], sizes[k + 1])
        nn.init.kaiming_normal_(affine.weight, nonlinearity="linear", generator=rng)
        nn.init.zeros_(affine.bias)
        layers += [nn.SiLU(), affine] if k else [affine]
    return nn.Sequential(*layers)


def normalized(
    problem: Problem, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Answers of size one, invariant ones about 0: in units that the group leaves alone."""
    y = train[1]
    mean = y.mean(0) if problem.target.is_trivial else torch.zeros(())
    scale = (y - mean).square().mean().sqrt()
    x, answers = test
    return (train[0], (y - mean) / scale), (x, (answers - mean) / scale)


def trained(name: str, problem: Problem, n: int, seed: int) -> dict[str, float]:
    """Error, equivariance error and cost of one training."""
    rng = torch.Generator().manual_seed(1000 * seed + n)
    train, test = normalized(problem, problem.samples(n, rng), problem.samples(TESTED, rng))
    model = build(name, problem, rng)
    steps_each = -(-n // BATCH)
    run = fit(
        model, train, epochs=problem.steps // steps_each, batch_size=BATCH, lr=LR, weight_decay=0.0,
        clip=10.0, seed=seed, progress=False, accelerator="cpu",
    )  # fmt: skip
    x, y = test
    with torch.no_grad():
        off = (model(x) - y).square().mean().sqrt()
    size = (y - y.mean(0) if problem.target.is_trivial else y).square().mean().sqrt()
    return {
        "off": float(off / size),
        "error": audit(
            model,
            x[:4],
            group=problem.source.group,
            source=Field(Vector(), problem.source),
            target=Field(Vector(), problem.target),
        ).error,
        "seconds": run.seconds,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


Runs = Mapping[str, Mapping[str, Mapping[int, Sequence[Mapping[str, float]]]]]


@suite("linear/tasks", title=TITLE, weight=3.0)
def tasks(context: Context) -> SuiteResult:
    """Train `EMLP` and a perceptron on as many samples, for as many steps.

    Args:
        context: limits of the run; seconds cut the number of tasks, never a training.

    Returns:
        Errors of each task and network, against the number of samples.
    """
    every = problems()
    runs: dict[str, dict[str, dict[int, list[dict[str, float]]]]] = {}
    context.progress.stage("linear/tasks", len(every) * len(NETWORKS) * len(SIZES) * context.seeds)
    spent = 0.0
    for task, problem in every.items():
        before = context.budget.left
        if runs and before < spent:  # not as long as one task takes
            break
        runs[task] = {name: {n: [] for n in SIZES} for name in NETWORKS}
        for name in NETWORKS:
            for n in SIZES:
                for seed in range(context.seeds):
                    found = trained(name, problem, n, seed)
                    runs[task][name][n].append(found)
                    context.progress.advance(f"{task}, {name}, {n}: {100 * found['off']:.2g} %")
        spent = before - context.budget.left
    return SuiteResult(
        title=TITLE,
        summary="An EMLP and a perceptron of the same width and depth learn functions whose"
        " symmetry is known, both for as many steps: a function of two vectors invariant under"
        " O(5), the moment of inertia of five masses, O(3), the cross section of electron and muon,"
        " O(1,3), and the Hamiltonian of a double pendulum of springs, O(2) about the vertical,"
        " from its vector field.",
        tables=(Table("errors", COLUMNS, tuple(
            row(every[task].title, name, of) for task, by in runs.items() for name, of in by.items()
        )),),
        figures=tuple(curves(every[task].title, task, by) for task, by in runs.items()),
        checks=tuple(checks_of(runs)),
        reduced=None if len(runs) == len(every) else f"{len(runs)} tasks of {len(every)}",
        settings={"seeds": list(range(context.seeds)),
                  "steps": {name: problem.steps for name, problem in every.items()},
                  "batch": BATCH, "lr": LR, "channels": CHANNELS, "layers": LAYERS,
                  "products": PRODUCTS, "threads": torch.get_num_threads(), "dtype": "float32"},
    )  # fmt: skip


def row(title: str, name: str, of: Mapping[int, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """Cells of one network on one task."""
    cells: dict[str, Any] = {"task": title, "name": name}
    for n, found in of.items():
        cells[f"n{n}"] = vars(mean_sd([run["off"] for run in found]))
    every = [run for found in of.values() for run in found]
    return cells | {
        "error": worst([run["error"] for run in every]),
        "seconds": sum(run["seconds"] for run in every) / len(every),
        "parameters": int(every[0]["parameters"]),
    }


def checks_of(runs: Runs) -> list[Check]:
    """Whether EMLP errs less than the perceptron, task by task and size by size."""
    checks = []
    for task, by in runs.items():
        for n, found in by["EMLP"].items():
            if len(found) < 2:
                continue
            gain = paired_interval(
                [run["off"] for run in by["MLP"][n]], [run["off"] for run in found]
            )
            text = (
                f"{task}, {n:,} samples: EMLP errs less than the perceptron by"
                f" {100 * gain.mean:.2g} points [{100 * gain.low:.2g}, {100 * gain.high:.2g}]"
            )
            checks.append(Check(f"{task}, {n}", gain.low > 0, text))
    return checks


def curves(
    title: str, task: str, by: Mapping[str, Mapping[int, Sequence[Mapping[str, float]]]]
) -> Figure:
    """Error against the number of samples, a curve a network."""
    series = []
    for name, of in by.items():
        count = len(next(iter(of.values())))
        values = [[100 * of[n][seed]["off"] for n in SIZES] for seed in range(count)]
        series.append({"name": name, "values": values})
    return Figure(
        task, "curves", title[0].upper() + title[1:],
        "Mean over the seeds; bands from the best to the worst.",
        {"x": list(SIZES), "x_label": "samples", "x_log": True, "y_label": "error, %",
         "series": series},
    )  # fmt: skip
