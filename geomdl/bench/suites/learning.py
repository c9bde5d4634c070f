"""Errors of several methods against the number of training samples: table and figure."""

from collections.abc import Mapping, Sequence
from typing import Any

from geomdl.bench.results import Column, Figure
from geomdl.bench.statistics import mean_sd, paired_interval

Errors = Mapping[str, Mapping[int, Sequence[float]]]
"""Method -> training samples -> error of each seed."""


def no_errors(names: Sequence[str], counts: Sequence[int]) -> dict[str, dict[int, list[float]]]:
    """Room for the errors of these methods and numbers of samples.

    Example:
        >>> no_errors(["a"], [10, 20])
        {'a': {10: [], 20: []}}
    """
    return {name: {count: [] for count in counts} for name in names}


def columns_of(
    names: Sequence[str],
    plain: str,
    ours: str,
    *,
    kind: str = "percent",
    gain: str = "points",
    note: str = "Share of wrong answers, over the seeds.",
) -> tuple[Column, ...]:
    """Columns of the table: one a method, and what ours gains on the plain one.

    Args:
        names: of the methods.
        plain: what is compared with.
        ours: what is compared.
        kind: of the columns of errors.
        gain: kind of the column of differences.
        note: on the errors.
    """
    interval = "Mean and paired 95 % interval over the seeds."
    if gain == "points":
        interval = f"In points: {interval[0].lower()}{interval[1:]}"
    return (
        Column("name", "training samples"),
        *(Column(name, name, kind, note=note) for name in names),
        Column("gain", f"{plain} − {ours}", gain, note=interval),
    )


def rows_of(errors: Errors, plain: str, ours: str) -> list[dict[str, Any]]:
    """Rows of the table: one a number of samples."""
    rows = []
    for count, a in errors[plain].items():
        row: dict[str, Any] = {"name": f"{count:,}"}
        row |= {name: vars(mean_sd(found[count])) for name, found in errors.items()}
        b = errors[ours][count]
        row["gain"] = vars(paired_interval(a, b)) if len(a) > 1 else a[0] - b[0]
        rows.append(row)
    return rows


def figure_of(
    errors: Errors, name: str, *, title: str = "Test error", label: str = "test error"
) -> Figure:
    """Errors over the number of samples, both on logarithmic axes.

    Args:
        errors: to draw.
        name: of the figure.
        title: what the errors are.
        label: of the axis of errors.
    """
    counts = next(iter(errors.values()))
    return Figure(
        name,
        "curves",
        f"{title} against samples",
        "Mean over the seeds; bands from the best to the worst.",
        {
            "x": list(counts),
            "x_label": "training samples",
            "x_log": True,
            "y_label": label,
            "log": True,
            "series": [
                {"name": name, "values": [list(run) for run in zip(*found.values(), strict=True)]}
                for name, found in errors.items()
            ],
        },
    )
