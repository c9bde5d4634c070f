"""Suite `images/speed`: a training step against an ordinary CNN of the same channels, and escnn."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from geomdl.bench.registry import Context, suite
from geomdl.bench.results import Check, Column, Figure, SuiteResult, Table
from geomdl.bench.statistics import quartiles
from geomdl.bench.suites.images import construction, costs, layouts, precision
from geomdl.bench.suites.images.designs import Design, ours, plain
from geomdl.bench.suites.images.peers import escnn_body, peer_of
from geomdl.bench.suites.images.steps import evaluation, training_step
from geomdl.bench.timing import Timing, compare
from geomdl.steerable import tune

GROUPS = ("C4", "C8", "C16", "D4", "D8")
SIZES, KERNELS = (29, 15, 7), (3, 5, 7)
CHANNELS = {29: 48, 15: 96, 7: 192}  # twice as many for half the pixels, as is usual
FEW = 48  # channels at 7² and kernel 3 besides: where a call costs more than the arithmetic
BATCH, ROUNDS = 16, 9
LEAST_ROUNDS = 5  # fewer, and a case is not judged
TRAIN, EVAL = 1.05, 1.02  # times the plain network
LARGE, SMALL_IMAGE, FASTER = 16, 7, 1.5  # where ours should be so many times faster than escnn

Measure = Callable[[Mapping[str, Callable[[], object]], float], Timing]


def cases() -> list[tuple[str, int, int, int]]:
    """Group, size, kernel, channels: from the cheapest, all groups of each in a row."""
    found = [(s, k, CHANNELS[s]) for s in SIZES for k in KERNELS] + [(7, 3, FEW)]
    return [(group, *case) for case in sorted(found, key=lambda c: _cost(*c)) for group in GROUPS]


def _cost(size: int, kernel: int, channels: int) -> int:
    return (size * kernel * channels) ** 2


def measure_case(
    group: str,
    size: int,
    kernel: int,
    channels: int,
    *,
    peers: bool,
    limit: float,
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """A row of the table.

    Args:
        group: name.
        size: pixels along each axis.
        kernel: taps along each axis.
        channels: of every layer.
        peers: whether to time escnn.
        limit: seconds after which no further round starts.
        rounds: of timing.

    Returns:
        the row.
    """
    design = Design(group, channels, kernel, lifted=True)
    x = torch.randn(BATCH, channels, size, size, generator=torch.Generator().manual_seed(0))
    models: dict[str, nn.Module] = {"plain": plain(design, 0), "geomdl": ours(design, 0)}
    tuned = ours(design, 0).train()
    fourier = sum(choice.form == "fourier" for choice in tune(tuned, x))
    best = "tuned" if fourier else "geomdl"  # else they are one
    if fourier:
        models[best] = tuned
    if peers:
        models["escnn"] = escnn_body(design, 0)
    train = compare(
        {name: training_step(model, x) for name, model in models.items()},
        baseline="plain", rounds=rounds, limit=0.7 * limit,
    )  # fmt: skip
    still = compare(
        {name: evaluation(models[name], x) for name in dict.fromkeys(("plain", "geomdl", best))},
        baseline="plain", rounds=rounds, limit=0.3 * limit,
    )  # fmt: skip
    row: dict[str, Any] = {
        "name": group, "size": f"{size}²", "kernel": f"{kernel}×{kernel}", "channels": channels,
        "plain": train.time("plain").median,
        "train": vars(train.ratio("geomdl")), "eval": vars(still.ratio("geomdl")),
        "still": vars(still.ratio(best)),
        "tuned": vars(train.ratio(best)), "fourier": fourier,
        "rounds": min(train.rounds, still.rounds),
    }  # fmt: skip
    if peers:
        pairs = zip(train.seconds["escnn"], train.seconds[best], strict=True)
        row["escnn"] = vars(quartiles([a / b for a, b in pairs]))
    return row


def measure(context: Context, peers: bool) -> list[dict[str, Any]]:
    """Rows of as many cases as there is time for; all groups of a size and kernel, or none."""
    todo = cases()
    rows: list[dict[str, Any]] = []
    context.progress.stage("images/speed: training steps", len(todo))
    budget, unit = context.budget, 0.0
    whole = sum(_cost(*case[1:]) for case in todo)
    for i, (group, size, kernel, channels) in enumerate(todo):
        cost = _cost(size, kernel, channels)
        least = (5 + 5 * 0.4) * (5.0 if peers else 3.5) * cost * unit
        if i and i % len(GROUPS) == 0 and least * len(GROUPS) > budget.left:
            break
        rest = sum(_cost(*case[1:]) for case in todo[i:])
        share = max(3.0, 0.7 * budget.left * max(cost / rest, 0.2 * cost / whole))
        row = measure_case(group, size, kernel, channels, peers=peers, limit=share)
        unit = max(unit, row["plain"] / cost) if i < len(GROUPS) else row["plain"] / cost
        rows.append(row)
        context.progress.advance(f"{group}, {size}², {kernel}×{kernel}, {channels} channels")
    return rows


def checks_of(rows: list[dict[str, Any]]) -> list[Check]:
    """Whether the medians keep their limits in every case that was timed often enough.

    Slower than escnn is what is so beyond the spread: with the third quartile below one.
    """
    rows = [row for row in rows if row["rounds"] >= LEAST_ROUNDS]
    if not rows:
        return []
    found = []
    limits = (
        ("train", TRAIN, "training step, as built"), ("tuned", TRAIN, "training step, tuned"),
        ("eval", EVAL, "evaluation"), ("still", EVAL, "evaluation, tuned for training"),
    )  # fmt: skip
    for key, limit, what in limits:
        worst = max(rows, key=lambda row: row[key]["median"])
        within = sum(row[key]["median"] <= limit for row in rows)
        text = (
            f"{what}: at most {limit}× the time of a plain CNN of the same channels by the median,"
            f" in {within} of {len(rows)} cases (greatest {worst[key]['median']:.2f}×:"
            f" {_said(worst)})"
        )
        found.append(Check(key, within == len(rows), text))
    peers = [row for row in rows if "escnn" in row]
    if peers:
        least = min(peers, key=lambda row: row["escnn"]["median"])
        kept = sum(row["escnn"]["high"] >= 1 for row in peers)
        text = (
            "training step, tuned: not slower than escnn beyond the spread (third quartile), in"
            f" {kept} of {len(peers)} cases (least median {least['escnn']['median']:.2f}×:"
            f" {_said(least)})"
        )
        found.append(Check("escnn", kept == len(peers), text))
    hard = [
        row for row in peers if row["name"] in ("C16", "D8") or row["size"] == f"{SMALL_IMAGE}²"
    ]  # fmt: skip
    if hard:
        least = min(hard, key=lambda row: row["escnn"]["median"])
        fast = sum(row["escnn"]["median"] >= FASTER for row in hard)
        text = (
            f"training step, tuned: at least {FASTER}× faster than escnn at |G| = {LARGE} and at"
            f" {SMALL_IMAGE}² by the median, in {fast} of {len(hard)} cases (least"
            f" {least['escnn']['median']:.2f}×: {_said(least)})"
        )
        found.append(Check("escnn, hard", fast == len(hard), text))
    return found


def notes_of(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """How many cases are not judged."""
    few = len([row for row in rows if row["rounds"] < LEAST_ROUNDS])
    text = f"No verdict on {few} of {len(rows)} cases, with fewer than {LEAST_ROUNDS} rounds."
    return (text,) * (few > 0)


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['name']}, {row['size']}, {row['kernel']}, {row['channels']} channels"


COLUMNS = (
    Column("name", "group"),
    Column("size", "image"),
    Column("kernel", "kernel"),
    Column("channels", "channels", "count"),
    Column(
        "train", "geomdl / plain, training", "ratio",
        note="Time of forward, backward and SGD with momentum over that of the plain CNN, paired"
        " within each round; median [quartiles]. As built, all layers dense.",
    ),
    Column(
        "tuned", "tuned / plain, training", "ratio",
        note="The same after `tune`, which chooses for each layer by measurement; the column before"
        " where it kept all of them dense.",
    ),
    Column("fourier", "in Fourier form", "count", note="Layers of three for which it chose that."),
    Column(
        "eval", "geomdl / plain, evaluation", "ratio",
        note="The forward pass in evaluation mode, likewise.",
    ),
    Column(
        "still", "tuned / plain, evaluation", "ratio",
        note="The same of the network that was tuned for training.",
    ),
    Column("plain", "plain, training", "milliseconds", note="Median of the plain CNN's step."),
)  # fmt: skip
PEER = Column(
    "escnn", "escnn / tuned, training", "ratio",
    note="How many times faster than escnn ours is, tuned, paired within each round.",
)  # fmt: skip


@suite("images/speed", title="Steerable CNNs: time of a step", weight=3.0)
def time_of_a_step(context: Context) -> SuiteResult:
    """Time three layers of convolution, batch norm and ReLU on regular fields.

    Args:
        context: limits of the run; `peers` adds escnn.

    Returns:
        Ratios for each group, size and kernel; times of construction.
    """
    peers, said = peer_of(context)
    made = construction.measure(context, peers)
    mixed = precision.measure(0.05 * context.budget.seconds)
    finer = costs.measure(0.06 * context.budget.seconds)
    rows = measure(context, peers)
    laid = layouts.measure(min(context.budget.left, 0.12 * context.budget.seconds))
    total = len(cases())
    rounds = min(row["rounds"] for row in rows)
    reduced = [f"{len(rows)} of {total} cases"] * (len(rows) < total)
    reduced += [f"{rounds} rounds instead of {ROUNDS} in some cases"] * (rounds < ROUNDS)
    return SuiteResult(
        title="Steerable CNNs: time of a step",
        summary=f"Three layers of convolution, batch norm and ReLU, batch {BATCH}, float32: regular"
        " fields of a group, as built and after `tune`, against a plain CNN with the same channels"
        f"{' and escnn' if peers else ''}, alternately in one process.",
        tables=(
            Table("speed", COLUMNS + (PEER,) * peers, tuple(rows), "Time of a step"),
            construction.table(made, peers),
            mixed,
            finer,
            laid,
        ),
        figures=(_figure(rows),),
        checks=(*checks_of(rows), *construction.checks_of(made)),
        notes=notes_of(rows) + construction.notes(made),
        reduced=", ".join(reduced) + ", to keep to the time budget" if reduced else None,
        settings={
            "channels": ", ".join(f"{c} at {s}²" for s, c in CHANNELS.items()),
            "batch": BATCH,
            "rounds": rounds,
            "dtype": "float32",
            "threads": torch.get_num_threads(),
            "peers": said,
            "filters": "C4, D4 of ours: free taps; other groups of ours, and escnn: rings",
        },
    )


def _figure(rows: list[dict[str, Any]]) -> Figure:
    return Figure(
        "ratio",
        "dots",
        "Training step against a plain CNN",
        "Tuned; one dot a size of image and of kernel; the large one is the median.",
        {
            "rows": [
                {"name": g, "values": [r["tuned"]["median"] for r in rows if r["name"] == g]}
                for g in GROUPS
            ],
            "x_label": "time of a step, relative to the plain CNN",
            "unit": "×",
            "limit": {"value": TRAIN, "text": "limit"},
        },
    )
