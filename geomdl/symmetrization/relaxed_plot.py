"""Departures by layer, as bars."""

from pathlib import Path
from typing import TYPE_CHECKING

from geomdl.style import INK, STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE = "#0072B2"


def plot(found: dict[str, float], path: str | Path | None = None) -> "Figure":
    """Draw departures; see `geomdl.symmetrization.plot_departures`."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(6.0, 1.4 + 0.32 * max(len(found), 3)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.barh(range(len(found)), list(found.values()), height=0.55, color=BLUE)
        for i, value in enumerate(found.values()):
            text = f"{value:.2g}" if value > 1e-17 else "0"
            axes.annotate(text, (value, i), xytext=(4, 0), textcoords="offset points",
                          va="center", fontsize=8, color=INK)  # fmt: skip
        axes.set_yticks(range(len(found)), list(found), fontsize=9)
        axes.set_ylim(max(len(found), 3) - 0.4, -0.6)
        axes.set_xlim(0, 1.2 * max(*found.values(), 1e-12))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("departure from equivariance, in units of the audit")
        axes.set_title("layers in order", color=INK)
        if path is not None:
            figure.savefig(path, dpi=150)
    return figure
