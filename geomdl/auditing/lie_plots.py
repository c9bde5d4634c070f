"""The pictures of local errors: bars stacked by layer, curves over shifts, a clock by angle."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomdl.auditing.plots import BLUE, ORANGE, RED
from geomdl.style import INK, LINE, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from geomdl.auditing.lie_result import LieDerivative
    from geomdl.auditing.orbit import OrbitError

COLORS = (BLUE, ORANGE, "#009E73", RED, "#CC79A7", "#56B4E9", "#F0E442")
NAMED = len(COLORS)  # layers that get a colour of their own


def stacked(found: "LieDerivative", path: str | Path | None = None) -> "Figure":
    """Draw a Lie derivative; see `LieDerivative.plot`."""
    figure, axes = _figure(7.5, 1.6 + 0.55 * max(len(found.rows), 2))
    rows = list(found.rows)
    places = range(len(rows))
    left = [0.0] * len(rows)
    costly = sorted(found.layers, key=lambda layer: -layer.worst)[:NAMED]
    parts = [(f"{c.name} ({c.kind})", c, COLORS[i]) for i, c in enumerate(costly)]
    for label, layer, color in parts:
        widths = [layer.costs[row.name] for row in rows]
        axes.barh(places, widths, left=left, height=0.6, color=color, label=label,
                  edgecolor="white", linewidth=0.6)  # fmt: skip
        left = [a + b for a, b in zip(left, widths, strict=True)]
    others = [layer for layer in found.layers if layer not in costly]
    if others:
        widths = [sum(layer.costs[row.name] for layer in others) for row in rows]
        axes.barh(places, widths, left=left, height=0.6, color=LINE, edgecolor="white",
                  label=f"{len(others)} others")  # fmt: skip
    axes.scatter([row.error for row in rows], places, color=INK, s=34, zorder=3,
                 edgecolors="white", label="the whole")  # fmt: skip
    axes.set_yticks(places, [row.name.replace("_", " ") for row in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("cost of each layer, in units of the variation of f", fontsize=9)
    _plain(axes)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), fontsize=8, frameon=False)
    figure.suptitle(f"{found.subject}: local equivariance error", fontsize=11)
    return _saved(figure, path)


def along(found: "OrbitError", path: str | Path | None = None) -> "Figure":
    """Draw an error along an orbit; see `OrbitError.plot`."""
    clock = found.action == "rotation"
    figure, axes = _figure(6.6, 4.6, projection="polar" if clock else None)
    costly = sorted(found.layers, key=lambda name: -max(found.layers[name], default=0.0))[:3]
    lines: list[tuple[str, Any, str, float]] = [("the whole", found.errors, INK, 2.0)]
    lines += [
        (found.label(name), found.layers[name], COLORS[i], 1.3) for i, name in enumerate(costly)
    ]
    order = sorted(range(len(found.at)), key=lambda i: found.at[i])
    for label, errors, color, width in lines:
        loop = [*order, order[0]] if clock else order
        axes.plot([found.at[i] for i in loop], [errors[i] for i in loop], color=color,
                  linewidth=width, marker="o", markersize=3.5, label=label)  # fmt: skip
    if clock:
        axes.set_theta_zero_location("E")
        axes.tick_params(labelsize=8, colors=MUTED)
        axes.grid(color=LINE)
        axes.set_rlabel_position(22.5)
        axes.spines["polar"].set_color(LINE)
        axes.set_ylim(bottom=0)
    else:
        unit = "pixels" if found.action.startswith("translation") else "t"
        axes.set_xlabel(f"{found.action.replace('_', ' ')} ({unit})", fontsize=9)
        axes.set_ylabel("error, in units of the variation of f", fontsize=9)
        axes.set_ylim(bottom=0)
        _plain(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02 if not clock else 1.08, 1.02), fontsize=8,
                frameon=False)  # fmt: skip
    figure.suptitle(f"{found.subject}: error by {found.action.replace('_', ' ')}", fontsize=11)
    return _saved(figure, path)


def _figure(width: float, height: float, projection: str | None = None) -> tuple["Figure", Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot(projection=projection)


def _plain(axes: "Axes") -> None:
    axes.grid(color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _saved(figure: "Figure", path: str | Path | None) -> "Figure":
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
