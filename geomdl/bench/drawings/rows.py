"""Values on a line for each row: dumbbells and dots."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from geomdl.bench import theme
from geomdl.bench.drawings.axes import WIDTH, Data, percent, power, row_labels
from geomdl.bench.table import scientific
from geomdl.bench.theme import canvas, series_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def dumbbell(data: Data) -> "Figure":
    """Several values of each row on one line: how far apart are they?

    Args:
        data: `rows` [{`name`, `values` [{`mean`, `sd`}]}], `labels` (one for each value),
            `x_label`, and optionally `x_percent`.

    Returns:
        The drawing. The first value is a ring, the last a filled disc, those between are lighter.
    """
    rows, labels = data["rows"], data["labels"]
    figure, ax = canvas(WIDTH, 1.15 + 0.56 * len(rows))
    for y, row in enumerate(rows):
        color = series_color(row.get("color", y))
        means = [value["mean"] for value in row["values"]]
        ax.plot([min(means), max(means)], [y, y], color=color, alpha=0.3, linewidth=5, zorder=2)
        for j, value in enumerate(row["values"]):
            ax.plot(
                [value["mean"] - value["sd"], value["mean"] + value["sd"]],
                [y, y],
                color=color,
                linewidth=1.4,
                zorder=3,
            )
            ax.scatter(value["mean"], y, zorder=5 - j / 9, **_marker(j, len(labels), color))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    row_labels(ax, rows)
    ax.set_xlabel(data["x_label"])
    if data.get("x_percent"):
        percent(ax.xaxis)
        low = min(value["mean"] - value["sd"] for row in rows for value in row["values"])
        ax.set_xlim(max(0.0, math.floor(10 * low - 0.5) / 10), 1.015)
    handles = [
        ax.scatter([], [], label=label, **_marker(j, len(labels), theme.MUTED))
        for j, label in enumerate(labels)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(labels),
        frameon=False,
        fontsize=9.5,
        labelcolor=theme.MUTED,
        handletextpad=0.2,
        columnspacing=1.4,
        borderaxespad=0.2,
    )
    return figure


def dots(data: Data) -> "Figure":
    """All the samples of each row on one line, their median marked and written out.

    Args:
        data: `rows` [{`name`, `values`}], `x_label`, and optionally `log`, `unit`, `scale` (values
            are multiplied by it), `limit` {`value`, `text`}: a line below which is good.

    Returns:
        The drawing. On a logarithmic axis a zero is drawn at the left edge.
    """
    rows, scale, log = data["rows"], data.get("scale", 1.0), bool(data.get("log"))
    figure, ax = canvas(WIDTH, 0.95 + 0.56 * len(rows))
    every = [abs(v) * scale for row in rows for v in row["values"] if v is not None]
    floor = min((v for v in every if v > 0), default=1.0)
    edge = 10.0 ** math.floor(math.log10(floor) - 0.3) if log else 0.0
    for y, row in enumerate(rows):
        color = series_color(row.get("color", y))
        x = np.asarray([v * scale for v in row["values"] if v is not None], dtype=float)
        if not len(x):
            continue
        middle = float(np.median(x))
        shown = np.maximum(x, edge) if log else x
        ax.plot([shown.min(), shown.max()], [y, y], color=color, alpha=0.3, linewidth=5, zorder=2)
        ax.scatter(shown, np.full(len(x), y), s=26, color=color, alpha=0.55, linewidth=0, zorder=3)
        ax.scatter(max(middle, edge), y, s=64, color=color, edgecolor=theme.SURFACE, zorder=4)
        text = scientific(middle) if log else f"{middle:.3g}"
        ax.annotate(
            text + data.get("unit", ""),
            (max(middle, edge), y),
            (0, 9),
            textcoords="offset points",
            ha="center",
            color=color,
            fontsize=10,
            fontweight="bold",
        )
    if log:
        ax.set_xscale("log")
        low, high = edge / 3, max(max(every, default=1.0), edge * 10) * 12
        ax.set_xlim(low, high)
        step = max(1, math.ceil(math.log10(high / low) / 5.5))
        first = math.ceil(math.log10(low) / step) * step
        ax.set_xticks([10.0**k for k in range(first, math.floor(math.log10(high)) + 1, step)])
        ax.minorticks_off()
        ax.xaxis.set_major_formatter(power)
    else:
        ax.margins(x=0.14)
    if "limit" in data:
        limit = data["limit"]
        ax.axvline(limit["value"], color=theme.GOOD, linewidth=1.2, linestyle=(0, (4, 3)))
        ax.annotate(
            limit["text"],
            (limit["value"], len(rows) - 0.42),
            (4, 2),
            textcoords="offset points",
            color=theme.GOOD,
            fontsize=9.5,
        )
    ax.set_ylim(len(rows) - 0.4, -0.75)
    row_labels(ax, rows)
    ax.set_xlabel(data["x_label"])
    return figure


def _marker(j: int, n: int, color: str) -> dict[str, Any]:
    if j == 0:
        return {"s": 62, "facecolor": theme.SURFACE, "edgecolor": color, "linewidth": 2.0}
    if j == n - 1:
        return {"s": 70, "facecolor": color, "edgecolor": theme.SURFACE, "linewidth": 0.8}
    return {
        "s": 48,
        "facecolor": color,
        "edgecolor": theme.SURFACE,
        "linewidth": 0.8,
        "marker": "D",
    }
