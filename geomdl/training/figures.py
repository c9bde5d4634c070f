"""Figures of diagnostics: matplotlib without windows, imported when somebody looks."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from geomdl.style import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "COLORS", "GREY", "ORANGE", "RED", "figure"]

BLUE, ORANGE, RED, GREY = "#1f6fc4", "#c26a02", "#c0392b", "#77808d"
COLORS = (BLUE, ORANGE, "#2a8f6b", "#8e5bb5", RED, "#3aa0c8", "#a38a00")


def figure(
    draw: Callable[["Axes"], None],
    path: str | Path | None = None,
    size: tuple[float, float] = (6.4, 4.0),
) -> "Figure":
    """One pair of axes in the style of the library.

    Args:
        draw: draws on the axes.
        path: where to write the figure; None writes nothing.
        size: in inches.

    Returns:
        a matplotlib figure that belongs to no window.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE | {"legend.frameon": False})  # type: ignore[arg-type]
        drawn = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(drawn)
        draw(drawn.add_subplot())
        if path is not None:
            drawn.savefig(path, dpi=150)
        else:
            drawn.canvas.draw()
    return drawn
