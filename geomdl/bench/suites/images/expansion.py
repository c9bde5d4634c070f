"""Suite `images/expansion`: filters of each layer by itself, of all together, in one loop."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.suites.images.designs import Design, ours
from geomdl.bench.suites.images.expanding import EACH, LOOP, PRODUCT, TOGETHER, Way, ways
from geomdl.bench.suites.images.steps import training_step
from geomdl.bench.table import scientific
from geomdl.bench.timing import compare

GROUPS, CHANNELS, KERNELS = ("C8", "D8"), (48, 192), (3, 5)
DEPTH, SIZE, BATCH, ROUNDS = 4, 7, 16, 9
SECONDS = 40.0  # for all cases
EQUAL = 1e-5  # in float32, relative to the largest entry
SAID = {
    TOGETHER: "All layers together, as `Conv` does one",
    PRODUCT: "All layers in one product with the dense basis",
    LOOP: "One compiled loop a layer",
}
TITLES = {TOGETHER: "all together", PRODUCT: "one dense product", LOOP: "compiled loop"}
STEP = "step"


def cases() -> list[tuple[str, int, int]]:
    """Group, channels, kernel size; the cheapest first."""
    return [(group, c, k) for c in CHANNELS for k in KERNELS for group in GROUPS]


def passes(way: Way, gradients: Sequence[Tensor]) -> Callable[[], tuple[Sequence[Tensor], Any]]:
    """Forward and backward of one way; gives the filters and the gradients of the weights."""
    weights, filters_of = way

    def both() -> tuple[Sequence[Tensor], Any]:
        with torch.no_grad():
            for w in weights:
                w.add_(0)  # written to, as by an optimiser, so that nothing is remembered
        filters = filters_of()
        return filters, torch.autograd.grad(filters, weights, gradients)

    return both


def difference(found: Mapping[str, tuple[Sequence[Tensor], Any]]) -> float:
    """Largest difference to EACH, of filters and gradients, relative to its largest entry."""
    gaps = []
    for part in (0, 1):
        parts = {name: torch.cat(list(tensors[part])).detach() for name, tensors in found.items()}
        wanted = parts.pop(EACH)
        gaps += [(p - wanted).abs().max() / wanted.abs().max() for p in parts.values()]
    return float(torch.stack(gaps).max())  # NaN if one is


def measure_case(
    group: str, channels: int, kernel: int, *, limit: float, rounds: int = ROUNDS
) -> dict[str, Any]:
    """A row of the table.

    Args:
        group: name.
        channels: of every layer.
        kernel: taps along each axis.
        limit: seconds after which no further round starts.
        rounds: of timing.
    """
    rng = torch.Generator().manual_seed(1)
    shape = (channels, channels, kernel, kernel)
    gradients = [torch.randn(shape, generator=rng) for _ in range(DEPTH)]
    timed: dict[str, Callable[[], Any]] = {
        name: passes(way, gradients) for name, way in ways(group, channels, kernel, DEPTH).items()
    }
    error = difference({name: run() for name, run in timed.items()})
    model = ours(Design(group, channels, kernel, DEPTH, lifted=True), 0)
    x = torch.randn(BATCH, channels, SIZE, SIZE, generator=rng)
    timed[STEP] = training_step(model, x)
    timing = compare(timed, baseline=EACH, rounds=rounds, limit=limit)
    share = timing.time(EACH).median / timing.time(STEP).median
    row: dict[str, Any] = {
        "name": group, "channels": channels, "kernel": f"{kernel}×{kernel}",
        EACH: timing.time(EACH).median, "share": share, "error": error, "rounds": timing.rounds,
    }  # fmt: skip
    return row | {name: vars(timing.ratio(name)) for name in SAID}


def measure(context: Context) -> list[dict[str, Any]]:
    """Rows of as many cases as there is time for."""
    todo = cases()
    budget, rows = context.budget, list[dict[str, Any]]()
    seconds = min(SECONDS, 0.8 * budget.left)
    context.progress.stage("images/expansion: filters", len(todo))
    until = budget.used + seconds
    for i, (group, channels, kernel) in enumerate(todo):
        if i and budget.used > until:
            break
        limit = max(0.0, until - budget.used) / (len(todo) - i)
        rows.append(measure_case(group, channels, kernel, limit=limit))
        context.progress.advance(f"{group}, {channels} channels, {kernel}×{kernel}")
    return rows


def verdicts(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What the ratios say of each other way, and what it would be worth in a training step."""
    found = []
    for name, said in SAID.items():
        faster = sum(row[name]["high"] < 1 for row in rows)
        slower = sum(row[name]["low"] > 1 for row in rows)
        medians = [row[name]["median"] for row in rows]
        gains = [100 * row["share"] * (1 - row[name]["median"]) for row in rows]
        found.append(
            f"{said}: faster than each layer by itself beyond the quartiles in"
            f" {faster} of {len(rows)} cases, slower in {slower}; {min(medians):.2f}× to"
            f" {max(medians):.2f}× its time by the median, which would change the time of a"
            f" training step by {-max(gains):+.1f} % to {-min(gains):+.1f} %."
        )
    return tuple(found)


def checks_of(rows: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Whether all ways give the same filters and gradients."""
    errors = [row["error"] for row in rows]
    text = (
        f"all ways give the same filters and gradients, to {EQUAL:g} of the largest entry (largest"
        f" difference {scientific(max(errors))})"
    )
    return [Check("equal", all(error <= EQUAL for error in errors), text)]


COLUMNS = (
    Column("name", "group"),
    Column("channels", "channels", "count"),
    Column("kernel", "kernel"),
    Column(
        EACH, "each layer by itself", "milliseconds",
        note=f"Forward and backward of the filters of {DEPTH} equal layers, as `Conv` makes them;"
        " median.",
    ),
    Column(
        "share", "of a training step", "percent",
        note=f"Over a step of {DEPTH} layers of convolution, batch norm and ReLU at {SIZE}²,"
        f" batch {BATCH}; both medians.",
    ),
    *(
        Column(
            name, TITLES[name], "ratio",
            note=f"{said}: time over that of each layer by itself, paired within each round; median"
            " [quartiles].",
        )
        for name, said in SAID.items()
    ),
    Column(
        "error", "difference", "scientific",
        note="Largest one to each layer by itself, of filters and gradients, relative to the"
        " largest entry.",
    ),
)  # fmt: skip


@suite("images/expansion", title="Steerable CNNs: making the filters")
def time_of_filters(context: Context) -> SuiteResult:
    """Time making the filters of several layers, each by itself, all together, in one loop.

    Args:
        context: limits of the run.

    Returns:
        Ratios for each group, number of channels and kernel. No way must win: it is a report.
    """
    rows = measure(context)
    total, rounds = len(cases()), min(row["rounds"] for row in rows)
    reduced = [f"{len(rows)} of {total} cases"] * (len(rows) < total)
    reduced += [f"{rounds} rounds instead of {ROUNDS} in some cases"] * (rounds < ROUNDS)
    return SuiteResult(
        title="Steerable CNNs: making the filters",
        summary=f"Filters of {DEPTH} equal layers between regular fields from their weights, and"
        " the gradients of the weights: each layer by itself, as `Conv` does, against three other"
        " ways, alternately in one process, float32.",
        tables=(Table("expansion", COLUMNS, tuple(rows), "Making the filters"),),
        figures=(_figure(rows),),
        checks=tuple(checks_of(rows)),
        notes=verdicts(rows),
        reduced=", ".join(reduced) + ", to keep to the time budget" if reduced else None,
        settings={
            "layers": DEPTH, "image": f"{SIZE}×{SIZE}", "batch": BATCH, "rounds": rounds,
            "dtype": "float32", "threads": torch.get_num_threads(),
            "peers": "none in this suite" if context.peers else "not asked for",
        },
    )  # fmt: skip


def _figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    return Figure(
        "ratio",
        "dots",
        "Making the filters otherwise",
        "One dot a group, number of channels and kernel; the large one is the median.",
        {
            "rows": [
                {"name": title, "values": [row[name]["median"] for row in rows]}
                for name, title in TITLES.items()
            ],
            "x_label": "time, relative to one by one",
            "unit": "×",
            "limit": {"value": 1.0, "text": "equal"},
        },
    )
