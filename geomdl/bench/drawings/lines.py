"""Curves over a number, one for each series."""

from typing import TYPE_CHECKING

import numpy as np

from geomdl.bench import theme
from geomdl.bench.drawings.axes import WIDTH, Data, end_labels, percent, power
from geomdl.bench.theme import canvas, series_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves(data: Data) -> "Figure":
    """Mean over seeds of each series against x, with a band from the least to the greatest seed.

    Args:
        data: `x`, `x_label`, `y_label`, `series` [{`name`, `values` (seeds, x)}], and optionally
            `y_percent`, `log`, `x_log` (with a tick at each x), `ticks`, `x_unit`, `marks`
            (vertical lines), `level` {`value`, `text`}.

    Returns:
        The drawing.
    """
    from matplotlib.ticker import MaxNLocator

    figure, ax = canvas(WIDTH, 3.5)
    x = np.asarray(data["x"], dtype=float)
    for mark in data.get("marks", ()):
        ax.axvline(mark, color=theme.LINE, linewidth=5, zorder=0.5)
    ends = []
    for i, series in enumerate(data["series"]):
        values = np.asarray(series["values"], dtype=float)
        color = series_color(series.get("color", i))
        if len(values) > 1:
            ax.fill_between(x, values.min(0), values.max(0), color=color, alpha=0.18, linewidth=0)
        top = i == len(data["series"]) - 1
        ax.plot(
            x,
            values.mean(0),
            color=color,
            linewidth=2.6 if top else 1.9,
            zorder=3 + i,
            marker="o" if len(x) == 1 else None,
        )
        ends.append((series["name"], float(values.mean(0)[-1]), color))
    if data.get("log"):
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(power)
        low, high = np.log10(ax.get_ylim())
        within = np.ceil(low) > high  # no power of ten to be seen: the ticks between are named
        ax.yaxis.set_minor_formatter(lambda v, _: f"{v:.2g}" if within else "")
    if data.get("y_percent"):
        percent(ax.yaxis)
        ax.set_ylim(0, 1.03)
    if "level" in data:
        level = data["level"]
        ax.axhline(level["value"], color=theme.MUTED, linewidth=1, linestyle=(0, (2, 3)))
        ax.annotate(
            level["text"],
            (x[0], level["value"]),
            (4, -3),
            textcoords="offset points",
            va="top",
            color=theme.MUTED,
            fontsize=9.5,
        )
    if data.get("x_log"):
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{t:,}" for t in data["x"]])
        ax.xaxis.set_minor_formatter(lambda v, _: "")
    elif "ticks" in data:
        unit = data.get("x_unit", "")
        ax.set_xticks(data["ticks"], [f"{t}{unit}".replace("-", "−") for t in data["ticks"]])
    elif all(value == round(value) for value in data["x"]):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(x) > 1:
        ax.set_xlim(x[0], x[-1])
    ax.grid(axis="x", visible=False)
    ax.set_xlabel(data["x_label"])
    ax.set_ylabel(data["y_label"])
    end_labels(ax, ends)
    return figure
