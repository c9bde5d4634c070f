"""Colours of the plots, and how matplotlib draws them: one style for claims and benchmarks."""

from typing import Any

__all__ = ["INK", "LINE", "MUTED", "STYLE", "SURFACE"]

INK, MUTED, LINE, SURFACE = "#1b2230", "#5d6878", "#dfe3e9", "#fefefe"

STYLE: dict[str, Any] = {  # entries of matplotlib.rcParams
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": SURFACE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "figure.facecolor": SURFACE,
    "savefig.facecolor": SURFACE,
}
