"""The error over the group: a clock where elements turn, bars elsewhere; beside it the layers."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomdl.auditing.certificate import Audit, ElementRow, LayerRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#8c8c8c"
FLOOR = -17.0  # decade at which an error of zero is drawn
MIN_BARS, MAX_BARS = 8, 30


def plot(audit: Audit, path: str | Path | None = None) -> "Figure":
    """Draw a certificate; see `Audit.plot`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    turning = [row for row in audit.per_element if row.angle is not None]
    clock = bool(turning) and len(turning) == len(audit.per_element)
    layers = [row for row in audit.per_layer if row.method != "refused"]
    bars = min(len(audit.per_element), MAX_BARS)
    space = clock and any(row.dimension == 3 for row in turning)
    tall = max(3.9 if space else 4.9, 1.6 + 0.24 * max(0 if clock else bars, len(layers)))
    figure = Figure(figsize=(11.0 if layers else 6.0, tall), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1, 2 if layers else 1)
    if clock:
        _clock(figure.add_subplot(grid[0], projection="polar"), audit, turning)
    else:
        _elements(figure.add_subplot(grid[0]), audit)
    if layers:
        _layers(figure.add_subplot(grid[1]), audit, layers)
    verdict = "passes" if audit.passed() else "fails"
    figure.suptitle(
        f"{audit.subject} under {audit.group} ({audit.dtype}): {verdict}, error {audit.error:.1e}",
        fontsize=12,
    )
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def decade(error: float) -> float:
    """Logarithm to base 10 of an error, from −17 (zero) on; NaN and infinity as 2."""
    if not math.isfinite(error):
        return 2.0
    return max(FLOOR, math.log10(error)) if error > 0 else FLOOR


def _clock(axes: Any, audit: Audit, rows: Sequence[ElementRow]) -> None:
    """Error on a logarithmic radius over the angle of the element."""
    top = max(1.0, *(decade(row.error) for row in rows)) + 0.5
    axes.set_rlim(FLOOR - 1, top)
    axes.set_theta_zero_location("E")
    tol = decade(audit.tol)
    turn = [2 * math.pi * k / 180 for k in range(181)]
    axes.plot(turn, [tol] * len(turn), color=GREY, linewidth=1.2, linestyle="--", zorder=1,
              label=f"tolerance {audit.tol:.0e}")  # fmt: skip
    for det, marker, name in ((1, "o", "rotation"), (-1, "D", "with flip")):
        some = [row for row in rows if row.det == det]
        if not some:
            continue
        bad = [not row.error <= audit.tol for row in some]
        for row, broken in zip(some, bad, strict=True):
            axes.plot([row.angle] * 2, [FLOOR - 1, decade(row.error)], linewidth=1.0, alpha=0.5,
                      color=RED if broken else BLUE, zorder=2)  # fmt: skip
        colors = [RED if broken else BLUE for broken in bad]
        hollow = {"facecolors": "none", "edgecolors": colors, "s": 78, "linewidths": 1.4}
        full = {"c": colors, "edgecolors": "white", "s": 34, "linewidths": 0.6}
        axes.scatter(
            [row.angle for row in some], [decade(row.error) for row in some], marker=marker,
            zorder=3, **(full if det > 0 else hollow),
        )  # fmt: skip
        face = GREY if det > 0 else "none"
        axes.scatter([], [], marker=marker, facecolors=face, edgecolors=GREY, label=name)
    trips = [row for row in rows if row.roundtrip > 0]
    if trips:
        axes.scatter(
            [row.angle for row in trips], [decade(row.roundtrip) for row in trips], marker="_",
            color=ORANGE, s=90, linewidths=2.2, zorder=2.5, label="act and act back",
        )  # fmt: skip
    ticks = [t for t in (-15, -10, -5, 0) if t < top]
    axes.set_rgrids(ticks, list(map(_power, ticks)), angle=22.5, fontsize=8, color="#444")
    space = any(row.dimension == 3 for row in rows)
    if space:
        axes.set_thetamin(0)
        axes.set_thetamax(180)
    step = 30 if space else 45
    axes.set_thetagrids(range(0, 181 if space else 360, step), fontsize=9)
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.spines["polar"].set_color("#bbbbbb")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.07 if not space else 0.98), ncols=4,
                fontsize=8, frameon=False, columnspacing=1.0, handletextpad=0.3)  # fmt: skip


def _elements(axes: "Axes", audit: Audit) -> None:
    """Error of each element as a bar, the worst ones where there are many."""
    rows = list(audit.per_element)
    if len(rows) > MAX_BARS:
        rows = sorted(rows, key=lambda row: -decade(row.error))[:MAX_BARS]
        axes.set_title(f"the worst {MAX_BARS} of {len(audit.per_element)} elements", fontsize=9)
    _bars(
        axes,
        [_short(row.label) for row in rows],
        [(row.error, 0.0) for row in rows],
        [RED if not row.error <= audit.tol else BLUE for row in rows],
    )
    axes.axvline(decade(audit.tol), color=GREY, linewidth=1.2, linestyle="--")


def _layers(axes: "Axes", audit: Audit, rows: Sequence[LayerRow]) -> None:
    """Error of each layer as a bar, hollow before the channel map was fitted."""
    from geomdl.auditing.blame import limit

    names = [_short(f"{row.name} {row.kind}", 38) for row in rows]
    colors = [RED if not row.error <= limit(row, audit.tol) else BLUE for row in rows]
    fitted = [row for row in rows if row.before is not None]
    if fitted:
        places = [i for i, row in enumerate(rows) if row.before is not None]
        axes.barh(
            places, [decade(row.before or 0.0) - FLOOR for row in fitted], left=FLOOR, height=0.7,
            facecolor="none", edgecolor=GREY, linewidth=0.9,
        )  # fmt: skip
    _bars(axes, names, [(row.error, row.before or 0.0) for row in rows], colors)
    if fitted:
        axes.set_xlabel("relative error (hollow: before the channel map was fitted)", fontsize=9)
    axes.axvline(decade(audit.tol), color=GREY, linewidth=1.2, linestyle="--")
    axes.set_title("layers in order of completion", fontsize=9)


def _bars(
    axes: "Axes", names: list[str], errors: list[tuple[float, float]], colors: list[str]
) -> None:
    """Bars up to the first number, which is written behind the larger of the two."""
    ends = [decade(error) for error, _ in errors]
    lengths = [end - FLOOR for end in ends]
    axes.barh(range(len(names)), lengths, left=FLOOR, color=colors, height=0.55)
    for i, (error, before) in enumerate(errors):
        text = f"{error:.0e}" if error else "0"
        at = max(decade(error), decade(before)) + 0.25
        axes.text(at, i, text, va="center", fontsize=7, color="#333333")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(max(len(names), MIN_BARS) - 0.4, -0.6)  # few bars stay slim
    right = max(1.0, *ends) + 2.2
    axes.set_xlim(FLOOR, right)
    ticks = [t for t in (-15, -10, -5, 0) if t < right]
    axes.set_xticks(ticks, list(map(_power, ticks)), fontsize=8)
    axes.set_xlabel("relative error", fontsize=9)
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _power(exponent: int) -> str:
    return f"$10^{{{exponent}}}$"


def _short(text: str, length: int = 28) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
