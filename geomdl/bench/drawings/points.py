"""Points with their spread in both directions."""

import math
from typing import TYPE_CHECKING

from geomdl.bench import theme
from geomdl.bench.drawings.axes import WIDTH, Data, log_of, percent
from geomdl.bench.theme import canvas, series_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def scatter(data: Data) -> "Figure":
    """One point a row with its spread in both directions.

    Args:
        data: `points` [{`name`, `x` [low, middle, high], `y` [low, middle, high]}], `x_label`,
            `y_label`, and optionally `y_percent`, `x_log`.

    Returns:
        The drawing.
    """
    figure, ax = canvas(WIDTH, 3.5)
    points = data["points"]
    for i, point in enumerate(points):
        color = series_color(point.get("color", i))
        (x0, x, x1), (y0, y, y1) = point["x"], point["y"]
        ax.plot([x0, x1], [y, y], color=color, linewidth=1.6, zorder=2)
        ax.plot([x, x], [y0, y1], color=color, linewidth=1.6, zorder=2)
        ax.scatter(x, y, s=80, color=color, edgecolor=theme.SURFACE, linewidth=1, zorder=3 + i)
    if data.get("x_log"):
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
        ax.xaxis.set_minor_formatter(lambda v, _: f"{v:g}" if f"{v:e}"[0] in "25" else "")
        ax.tick_params(axis="x", which="minor", labelcolor=theme.MUTED)
        xs = [p["x"][1] for p in points]
        ax.set_xlim(min(xs) / 1.8, max(xs) * 1.8)
    else:
        ax.margins(x=0.2)
    if data.get("y_percent"):
        percent(ax.yaxis)
        low = min(p["y"][0] for p in points)
        ax.set_ylim(max(0.0, math.floor(10 * low - 0.5) / 10), 1.03)
    places = [ax.transLimits.transform((log_of(ax, p["x"][1]), p["y"][1])) for p in points]
    for i, (point, (u, v)) in enumerate(zip(points, places, strict=True)):
        crowded = any(
            j != i and abs(a - u) < 0.4 and 0 < b - v < 0.12 for j, (a, b) in enumerate(places)
        )
        ax.annotate(
            point["name"],
            (point["x"][1], point["y"][2 if not crowded else 0]),
            (0, -8 if crowded else 8),
            textcoords="offset points",
            va="top" if crowded else "bottom",
            ha="right" if u > 0.85 else "left" if u < 0.15 else "center",
            color=series_color(point.get("color", i)),
            fontweight="bold",
            fontsize=10,
        )
    ax.set_xlabel(data["x_label"])
    ax.set_ylabel(data["y_label"])
    return figure
