"""Suite `images/angles`: equivariance error over the angle, on images that turn exactly."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import mean_sd, worst
from geomdl.bench.suites.images import trained, trained_report
from geomdl.bench.suites.images.analytic import round_trip
from geomdl.bench.suites.images.designs import VARIANTS, Design, ours
from geomdl.bench.suites.images.errors import IMAGES, centre_error, inputs, pooled_error
from geomdl.bench.suites.images.peers import ANTIALIASED, KINDS, NAME, escnn_body, peer_of
from geomdl.bench.suites.images.samples import SIZE, load_task
from geomdl.bench.suites.images.trained import ANGLES, WIDTHS

GROUPS = ("C8", "D8")
CHANNELS, KERNEL, DEPTH = 32, 5, 3
LAYOUTS = {"no pooling": (False, 21), "pooling": (True, SIZE)}
EXACT = 1e-12
SINGLE = (*(f"s{width}" for width in WIDTHS), "p15", "p45", "quarter")
"""Errors of one number."""

Build = Callable[[Design, int], nn.Module]
Case = tuple[str, str, str]  # group, layout, name


def networks(peers: bool) -> dict[str, Build]:
    """Names of what is compared, and how each is built: ours in float64.

    escnn's layers share their filters' bases with each other, and those are float32.
    """

    def build(name: str) -> Build:
        return lambda design, seed: ours(design, seed, VARIANTS[name]).double()

    found: dict[str, Build] = {name: build(name) for name in VARIANTS}
    both: dict[str, Build] = {NAME: escnn_body, ANTIALIASED: partial(escnn_body, antialiased=True)}
    return found | (both if peers else {})


def measure_random(group: str, layout: str, build: Build, seed: int) -> dict[str, Any]:
    """Errors of one network with random weights: by key of the column, and `curve`."""
    pooled, size = LAYOUTS[layout]
    design = Design(group, CHANNELS, KERNEL, DEPTH, pooled=pooled, norm=False)
    order, eighth = design.order, 1  # the groups have eight rotations
    body = build(design, seed).eval()
    found: dict[str, Any] = {
        f"s{width}": centre_error(body, order, width, size, eighth, seed) for width in WIDTHS
    }
    curve = [pooled_error(body, order, 2, size, angle, seed) for angle in ANGLES]
    found |= {f"p{angle}": curve[ANGLES.index(angle)] for angle in (15, 45)}
    quarter = centre_error(body, order, 2, size, 2 * eighth, seed)
    return {**found, "quarter": quarter, "curve": curve}


def measure(
    context: Context, built: Mapping[str, Build]
) -> tuple[dict[Case, list[dict[str, Any]]], int]:
    """Errors of every network and seed, and how many seeds there was time for, at least one.

    A network whose output does not vary has no error, and no entry.
    """
    work = [(g, layout, name) for layout in LAYOUTS for g in GROUPS for name in built]
    context.progress.stage("images/angles: random weights", len(work) * context.seeds)
    found: dict[Case, list[dict[str, Any]]] = {case: [] for case in work}
    seeds = 0
    for seed in range(context.seeds):
        if seed and context.budget.used * (seed + 1) / seed > 0.35 * context.budget.seconds:
            break
        for group, layout, name in work:
            errors = measure_random(group, layout, built[name], seed)
            if not any(math.isnan(e) for e in (*errors["curve"], *map(errors.get, SINGLE))):
                found[group, layout, name].append(errors)
            context.progress.advance(f"{name}, {group}, {layout}, seed {seed}")
        seeds = seed + 1
    return found, seeds


def rows_of(found: Mapping[Case, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of the table."""
    rows = []
    for (group, layout, name), runs in found.items():
        row: dict[str, Any] = {"name": name, "group": group, "layout": layout}
        if not runs:
            rows.append(row)
            continue
        for key in SINGLE[:-1]:
            row[key] = vars(mean_sd([run[key] for run in runs]))
        rows.append({**row, "quarter": worst([run["quarter"] for run in runs])})
    return rows


def floor_row(layout: str, seeds: int) -> dict[str, Any]:
    """What turning the same images by 45° and back costs by bicubic interpolation."""
    size = LAYOUTS[layout][1]
    row: dict[str, Any] = {"name": "bicubic there and back", "group": "", "layout": layout}
    for width in WIDTHS:
        found = [round_trip(inputs(size, width, 0.0, seed), 45) for seed in range(seeds)]
        row[f"s{width}"] = vars(mean_sd(found))
    return row


def gains(rows: list[dict[str, Any]]) -> None:
    """Add to each of our rows how many times lower its error is than escnn's.

    The least over σ and both of escnn's pools.
    """
    peers = [row for row in rows if row["name"] in KINDS]
    for row in rows:
        theirs = [p for p in peers if (p["group"], p["layout"]) == (row["group"], row["layout"])]
        runs = {r.get("s1", {}).get("n") for r in theirs}
        if theirs and row["name"] not in KINDS and runs == {row.get("s1", {}).get("n")} - {None}:
            row["gain"] = min(
                p[f"s{w}"]["mean"] / row[f"s{w}"]["mean"] for p in theirs for w in WIDTHS
            )


def error_columns(what: str) -> tuple[Column, ...]:
    """Columns of the errors at 45° for each width."""
    return tuple(
        Column(
            f"s{width}", f"45°, σ = {width}", "scientific",
            note=f"{what} at the centre pixel under a rotation by 45°, on exactly turned images of"
            f" blobs of width {width} pixels; relative to the variation of the output. The row of"
            " bicubic interpolation: of the images themselves, there and back.",
        )
        for width in WIDTHS
    )  # fmt: skip


GAIN = Column(
    "gain", "escnn / this", "ratio",
    note="Mean error at 45° of escnn's network over that of this one; the least over σ"
        " and escnn's two pools.",
)  # fmt: skip
COLUMNS = (
    Column("name", "network"),
    Column("group", "group"),
    Column("layout", "layers"),
    *error_columns("Error of the regular field"),
    Column(
        "p15", "invariants, 15°", "scientific",
        note="Error of the maximum over the group in a smooth window, σ = 2.",
    ),
    Column("p45", "invariants, 45°", "scientific", note="The same at 45°."),
    Column(
        "quarter", "90°", "scientific",
        note="Error of the regular field at the centre pixel under a rotation by 90°, greatest over"
        " the seeds; escnn's networks are float32.",
    ),
)  # fmt: skip


@suite("images/angles", title="Steerable CNNs: error over the angle", weight=3.0)
def error_over_angle(context: Context) -> SuiteResult:
    """Measure the equivariance error where pixels do not go to pixels.

    Args:
        context: limits of the run; `peers` adds escnn.

    Returns:
        Errors of networks with random and with trained weights.
    """
    peers, said = peer_of(context)
    found, seeds = measure(context, networks(peers))
    dead = sum(seeds - len(runs) for runs in found.values())
    rows = rows_of(found)
    gains(rows)
    rows += [floor_row(layout, seeds) for layout in LAYOUTS]
    task = load_task(context)
    after = trained.measure(context, task, GROUPS, peers)
    gains(after.rows)
    reduced = [f"{seeds} instead of {context.seeds} seeds of random weights"]
    reduced = reduced * (seeds < context.seeds) + list(after.reduced)
    few = after.unjudged if peers else None
    judged = [] if few else trained_report.checks_of(after.rows, GROUPS, WIDTHS)
    notes = [few] if few else []
    notes += [f"Left out: {dead} networks whose random weights give a constant."] * (dead > 0)
    factors = trained_report.factors(after.rows, GROUPS)
    notes += [] if task.said is None else [f"Trained on {task.said}."]
    return SuiteResult(
        title="Steerable CNNs: error over the angle",
        summary=f"{DEPTH} layers of {CHANNELS} channels with {KERNEL}×{KERNEL} filters and ReLU"
        " between regular fields, on images given by formulas, which turn exactly, under"
        " a radial window that vanishes at the inscribed circle. escnn's networks pool by the mean"
        " over 3×3 pixels or by its antialiased pool; filters of rings in all of them.",
        tables=(
            Table("random", COLUMNS + (GAIN,) * peers, tuple(rows), "Random weights"),
            trained_report.table(after, error_columns("Error of the regular field"), peers),
            *([factors] if factors else []),
            trained_report.over_angles(after, GROUPS),
        ),
        figures=(_figure(found), trained_report.figure(after, GROUPS[0])),
        checks=(_exact(rows), *judged),
        notes=tuple(notes),
        reduced=", ".join(reduced) + ", to keep to the time budget" if reduced else None,
        settings={
            "images": IMAGES, "sizes": {k: f"{s}×{s}" for k, (_, s) in LAYOUTS.items()},
            "seeds": list(range(seeds)), "dtype": "float64; escnn's and trained networks float32",
            "data": task.name, "steps of training": after.steps, "peers": said,
        },
    )  # fmt: skip


def _exact(rows: list[dict[str, Any]]) -> Check:
    found = [row["quarter"] for row in rows if row["name"] in VARIANTS and "quarter" in row]
    error = worst(found or [math.nan])
    text = f"rotations by 90° are exact: greatest error {error:.1e} in float64 (at most {EXACT:g})"
    return Check("90°", error <= EXACT, text)


def _figure(found: Mapping[Case, list[dict[str, Any]]]) -> Figure:
    group, layout = GROUPS[0], next(iter(LAYOUTS))
    curves = {
        name: [run["curve"] for run in runs]
        for (g, lay, name), runs in found.items()
        if (g, lay) == (group, layout) and runs
    }
    caption = (
        f"Of invariants of {group} networks with random weights, {layout}, σ = 2; bands over the"
        " seeds."
    )
    return trained_report.over_angle("angle", "Error over the angle", caption, curves)
