"""Bars from zero with intervals, one a row."""

from typing import TYPE_CHECKING

from geomdl.bench import theme
from geomdl.bench.drawings.axes import WIDTH, Data, row_labels
from geomdl.bench.theme import canvas, series_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bars(data: Data) -> "Figure":
    """A number for each row as a bar from zero, with an interval and perhaps a second number.

    Args:
        data: `rows` [{`name`, `mean`, `low`, `high`, and optionally `mark`}], `x_label`,
            `bar_label`, `mark_label`.

    Returns:
        The drawing; bars in one colour for positive and another for negative numbers.
    """
    rows = [{**row, "color": 1 if row["mean"] >= 0 else 2} for row in data["rows"]]
    figure, ax = canvas(WIDTH, 0.95 + 0.3 * len(rows))
    for y, row in enumerate(rows):
        color = series_color(row["color"])
        ax.barh(y, row["mean"], height=0.62, color=color, alpha=0.45, zorder=2)
        ax.plot([row["low"], row["high"]], [y, y], color=color, linewidth=1.6, zorder=3)
        if row.get("mark") is not None:
            ax.scatter(row["mark"], y, s=34, marker="D", color=theme.MUTED, zorder=4)
    ax.axvline(0, color=theme.MUTED, linewidth=0.9, zorder=1)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    row_labels(ax, rows)
    ax.set_xlabel(data["x_label"])
    handles = [
        ax.barh([0], [0], color=series_color(1), alpha=0.45, label=data["bar_label"]),
        ax.scatter([], [], s=34, marker="D", color=theme.MUTED, label=data["mark_label"]),
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9.5,
        labelcolor=theme.MUTED,
    )  # fmt: skip
    return figure
