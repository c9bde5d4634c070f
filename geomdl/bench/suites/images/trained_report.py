"""What is said of the trained networks: tables, a figure, and verdicts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from geomdl.bench.results import Check, Column, Figure, Table
from geomdl.bench.statistics import mean_sd, paired_interval
from geomdl.bench.suites.images.analytic import round_trip
from geomdl.bench.suites.images.errors import inputs
from geomdl.bench.suites.images.peers import KINDS
from geomdl.bench.suites.images.samples import SIZE
from geomdl.bench.suites.images.trained import (
    ANGLES,
    AT_45,
    COMPARED,
    JUDGED,
    OVER_ANGLES,
    WIDTHS,
    Trained,
)

FACTOR = 2.0  # times lower than escnn's
SLACK = 0.002  # test errors this close are equal


def over_angle(
    name: str, title: str, caption: str, runs: Mapping[str, Any], angles: Sequence[int] = ANGLES
) -> Figure:
    """Errors over the angle.

    Args:
        name: of the figure.
        title: of the figure.
        caption: of the figure.
        runs: network -> for each seed, errors at the angles.
        angles: in degrees.
    """
    return Figure(
        name, "curves", title, caption,
        {
            "x": list(angles),
            "x_label": "angle of the rotation",
            "x_unit": "°",
            "ticks": list(angles),
            "y_label": "error, relative to the variation",
            "series": [{"name": network, "values": values} for network, values in runs.items()],
        },
    )  # fmt: skip


def figure(found: Trained, group: str) -> Figure:
    """Change of the scores below 90°, of one group's networks that are compared, and of images."""
    keys, angles = OVER_ANGLES[:-1], ANGLES[:-1]
    images = inputs(SIZE, 2, 0.0, 0)
    runs = {"images, bicubic": [[round_trip(images, angle) for angle in angles]]}
    runs |= {
        row["name"]: [list(v) for v in zip(*map(row["runs"].get, keys), strict=True)]
        for row in found.rows
        if row["group"] == group and row["name"] in COMPARED and keys[0] in row
    }
    caption = (
        f"Of the scores of trained {group} networks, σ = 2, and of images turned there and back;"
        " bands over the seeds. At 90° the networks are exact."
    )
    return over_angle("trained", "Trained: error over the angle", caption, runs, angles)


def table(found: Trained, errors: tuple[Column, ...], peers: bool) -> Table:
    """Test error and errors at 45° of the trained networks."""
    columns: tuple[Column, ...] = (
        Column("name", "network"),
        Column("group", "group"),
        Column("test", "test error", "percent", "lower", "Share of wrong answers."),
        *errors,
    )
    if peers:
        columns += (
            Column("gain", "escnn / this", "ratio", note="The least over σ and escnn's two pools."),
        )
    return Table("trained", columns, tuple(found.rows), "Trained weights")


def over_angles(found: Trained, groups: Sequence[str]) -> Table:
    """Change of the trained networks' scores over the angle, above it that of the images."""
    columns = (
        Column("name", "network"),
        Column("group", "group"),
        *(
            Column(
                key, f"{angle}°", "scientific",
                note="Change of the scores under the rotation, relative to their variation over the"
                " images, σ = 2; mean over the seeds. The row of bicubic interpolation: of the"
                " images themselves, there and back.",
            )
            for key, angle in zip(OVER_ANGLES, ANGLES, strict=True)
        ),
    )  # fmt: skip
    images = inputs(SIZE, 2, 0.0, 0)
    trip = {k: round_trip(images, a) for k, a in zip(OVER_ANGLES, ANGLES, strict=True)}
    rows = sorted(found.rows, key=lambda row: groups.index(row["group"]))
    floor: dict[str, Any] = {"name": "bicubic there and back", "group": "", **trip}
    return Table("over_angles", columns, (floor, *rows), "Trained weights, over the angle")


def factors(rows: Sequence[Mapping[str, Any]], groups: Sequence[str]) -> Table | None:
    """How many times lower ours is than escnn's at 45°, with intervals; None of a single seed.

    The geometric mean of the ratio over the seeds, exp of the paired Student interval of log error.
    """
    found: list[dict[str, Any]] = []
    for group in groups:
        named = {r["name"]: r["runs"] for r in rows if r["group"] == group}
        for name, peer in ((n, p) for n in JUDGED for p in KINDS if n in named and p in named):
            if len(named[name]["test"]) < 2:
                continue
            row: dict[str, Any] = {"name": name, "group": group, "peer": peer}
            for key in AT_45:
                theirs, ours = ([math.log(e) for e in named[n][key]] for n in (peer, name))
                gap = paired_interval(theirs, ours)
                row[key] = {k: math.exp(getattr(gap, k)) for k in ("mean", "low", "high")}
            test = paired_interval(named[peer]["test"], named[name]["test"])
            found.append({**row, "test": vars(test)})
    columns = (
        Column("name", "network"),
        Column("group", "group"),
        Column("peer", "against"),
        *(
            Column(
                key, f"45°, σ = {width}", "ratio",
                note="Error of escnn's network over that of ours: geometric mean and paired 95 %"
                " interval over the seeds.",
            )
            for key, width in zip(AT_45, WIDTHS, strict=True)
        ),
        Column(
            "test", "test error, escnn − this", "points",
            note="In points: mean and paired 95 % interval over the seeds.",
        ),
    )  # fmt: skip
    title = "Trained weights: escnn's error at 45° over ours"
    return Table("factors", columns, tuple(found), title) if found else None


def checks_of(
    rows: Sequence[Mapping[str, Any]], groups: Sequence[str], widths: Sequence[int]
) -> list[Check]:
    """For each group, pool of escnn's and variant named in `JUDGED`: at equal test error."""
    checks = []
    for group in groups:
        named = {r["name"]: r for r in rows if r["group"] == group}
        peers = [named[name] for name in KINDS if name in named]
        for ours, peer in ((named[name], peer) for name in JUDGED for peer in peers):
            equal = as_accurate(ours["runs"]["test"], peer["runs"]["test"])
            ratios = [
                peer[f"s{w}"]["mean"] / ours[f"s{w}"]["mean"]
                if f"s{w}" in ours and f"s{w}" in peer
                else math.nan
                for w in widths
            ]
            text = (
                f"{group}, trained: error at 45° of {ours['name']}"
                f" {', '.join(f'{ratio:.2f}' for ratio in ratios)} times lower than that of"
                f" {peer['name']} at σ = {', '.join(map(str, widths))} (at least {FACTOR:g}), with"
                f" {'an equal' if equal else 'a higher'} test error:"
                f" {100 * ours['test']['mean']:.2f} % against {100 * peer['test']['mean']:.2f} %"
            )
            holds = equal and all(ratio >= FACTOR for ratio in ratios)
            checks.append(Check(f"45°, {group}, {ours['name']}, {peer['name']}", holds, text))
    return checks


def as_accurate(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether test errors, one a seed, are not higher than the others.

    The mean is at most `SLACK` higher, or the paired 95 % interval over three seeds or more
    includes zero: that over two is so wide that nearly all include it.
    """
    if mean_sd(ours).mean <= mean_sd(theirs).mean + SLACK:
        return True
    return len(ours) > 2 and not paired_interval(ours, theirs).excludes(0.0)
