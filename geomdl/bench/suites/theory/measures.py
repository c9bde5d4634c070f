"""Suite `theory/measures`: which measure of complexity orders networks by their true gap?"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, paired_interval
from geomdl.bench.suites.theory.trained_nets import (
    EPOCHS,
    LOSS,
    MOMENTUM,
    SQUARE,
    TEST,
    Setting,
    axes_of,
    grid,
    measures,
    train,
)
from geomdl.generalization import bounds

TITLE = "Measures of complexity against the true gap"
AXES = {
    "kind": "dense or D4",
    "width": "width",
    "depth": "depth",
    "lr": "learning rate",
    "batch": "batch",
    "samples": "samples",
}
COLUMNS = (
    Column("name", "measure"),
    Column("tau", "τ", "number", "higher",
           "Kendall's rank correlation with test error - training error over all pairs of"
           " networks; brackets: 95 % of bootstraps over the settings."),
    Column("psi", "ψ", "number", "higher",
           "Mean of the columns at its right: over pairs that differ in one setting alone."),
    *(Column(key, title, "number") for key, title in AXES.items()),
)  # fmt: skip
GAPS = (
    Column("name", "networks"),
    Column("count", "trained", "count"),
    Column("train", "training error", "percent", "lower"),
    Column("test", "test error", "percent", "lower"),
    Column("gap", "gap", "percent", "lower"),
    Column("epochs", "epochs", "number"),
)


@suite("theory/measures", title=TITLE, weight=2.0, seeds=2)
def complexity(context: Context) -> SuiteResult:
    """Train a grid of small networks to one loss; rank measures by Kendall's τ with the gap.

    Args:
        context: limits of the run; seconds cut the number of networks, never a training.

    Returns:
        One row a measure, and the gaps by kind of network.
    """
    settings = grid()
    whole = len(settings) * context.seeds
    context.progress.stage("theory/measures", whole)
    rows: list[dict[str, Any]] = []
    spent = 0.0
    rng = torch.Generator().manual_seed(0)  # of the noise alone: independent of every network
    for seed in range(context.seeds):
        for setting in settings:
            before = context.budget.left
            if len(rows) >= 8 and before < spent:  # not as long as the slowest so far
                break
            net = train(setting, seed)
            gap = net.test_error - net.train_error
            noise = float(torch.rand((), generator=rng, dtype=torch.float64))
            rows.append({"setting": setting, "seed": seed, "gap": gap, "net": vars(net) | {
                "model": None, "initial": None, "x": None, "y": None,
            }, "measures": measures(net, seed) | {"noise": noise}})  # fmt: skip
            spent = max(spent, before - context.budget.left)
            context.progress.advance(f"{setting.kind}, {setting.samples}: gap {100 * gap:.1f} %")
    good = [row for row in rows if row["net"]["loss"] <= LOSS]
    ranks = ranked(good)
    return SuiteResult(
        title=TITLE,
        summary=f"Networks without biases, dense or invariant under {SQUARE} by their layers, on"
        " digits of 8 × 8 pixels turned and mirrored at random, in training as in test. All"
        f" descend until the training loss is {LOSS:g}. Each measure is squared and divided by the"
        " number of training samples, as bounds do; *samples alone* is 1/n, and *noise* a random"
        " number. Norms are those of whole linear maps, margins the 10th percentile.",
        tables=(
            Table("ranks", COLUMNS, tuple(line(rank) for rank in ranks)),
            Table("gaps", GAPS, tuple(gaps_of(good)), "Gaps by kind and samples"),
        ),
        figures=(bars(ranks),),
        checks=tuple(checks_of(rows, good, ranks)),
        reduced=None if len(rows) == whole else f"{len(rows)} networks of {whole}",
        settings={"seeds": list(range(context.seeds)), "loss": LOSS, "epochs at most": EPOCHS,
                  "momentum": MOMENTUM, "test": TEST, "networks": len(rows),
                  "threads": torch.get_num_threads(), "dtype": "float32, measures float64"},
    )  # fmt: skip


def ranked(rows: Sequence[Mapping[str, Any]]) -> list[bounds.Rank]:
    """Ranks over some networks; resampled are settings, with all their seeds."""
    settings: list[Setting] = [row["setting"] for row in rows]
    names = rows[0]["measures"] if rows else {}
    return bounds.rank_measures(
        [row["gap"] for row in rows],
        {name: [row["measures"][name] for row in rows] for name in names},
        axes_of(settings),
        units=settings,
    )


def line(rank: bounds.Rank) -> dict[str, Any]:
    """Cells of a measure."""
    known = not math.isnan(rank.tau)
    tau = {"mean": rank.tau, "low": rank.low, "high": rank.high} if known else None
    return {"name": rank.name, "tau": tau, "psi": rank.psi, **rank.axes}


def gaps_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Errors by kind of network and size of the training set."""
    found = []
    for kind, n in sorted({(row["setting"].kind, row["setting"].samples) for row in rows}):
        of = [row for row in rows if (row["setting"].kind, row["setting"].samples) == (kind, n)]
        cells = {
            "train": [row["net"]["train_error"] for row in of],
            "test": [row["net"]["test_error"] for row in of],
            "gap": [row["gap"] for row in of],
            "epochs": [row["net"]["epochs"] for row in of],
        }
        found.append(
            {"name": f"{kind}, {n} samples", "count": len(of)}
            | {key: vars(mean_sd(values)) for key, values in cells.items()}
        )
    return found


def checks_of(
    rows: Sequence[Mapping[str, Any]],
    good: Sequence[Mapping[str, Any]],
    ranks: Sequence[bounds.Rank],
) -> list[Check]:
    """Whether all were trained, whether symmetry narrows the gap, and whether noise is noise."""
    by = {(row["setting"], row["seed"]): row["gap"] for row in good}
    pairs = [
        (gap, by[twin])
        for (setting, seed), gap in by.items()
        if setting.kind == "dense"
        for twin in [(Setting(SQUARE, *list(vars(setting).values())[1:]), seed)]
        if twin in by
    ]
    checks = [
        Check("trained", len(good) == len(rows),
              f"{len(good)} of {len(rows)} networks reached a training loss of {LOSS:g}"),
    ]  # fmt: skip
    if len(pairs) > 1:
        gain = paired_interval([a for a, _ in pairs], [b for _, b in pairs])
        checks.append(
            Check("symmetry", gain.low > 0,
                  f"the gap of {SQUARE} networks is {100 * gain.mean:.1f}"
                  f" [{100 * gain.low:.1f}, {100 * gain.high:.1f}] points less than that of dense"
                  f" ones with the same settings ({len(pairs)} pairs)")
        )  # fmt: skip
    noise = next(rank for rank in ranks if rank.name == "noise")
    checks.append(
        Check("noise", noise.low <= 0 <= noise.high,
              f"noise orders nothing: τ = {noise.tau:.2f} [{noise.low:.2f}, {noise.high:.2f}]")
    )  # fmt: skip
    return checks


def bars(ranks: Sequence[bounds.Rank]) -> Figure:
    """τ with its interval, ψ beside it."""
    return Figure(
        "ranks", "bars", TITLE,
        "Kendall's τ with the gap, 95 % bootstrap intervals; the diamond is ψ, over pairs that"
        " differ in one setting alone.",
        {"rows": [{"name": r.name, "mean": r.tau, "low": r.low, "high": r.high, "mark": r.psi}
                  for r in ranks if not math.isnan(r.tau)],
         "x_label": "rank correlation with the true gap", "mark_label": "ψ", "bar_label": "τ"},
    )  # fmt: skip
