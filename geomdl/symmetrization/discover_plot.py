"""The singular values of a discovery and its cut, on a logarithmic scale."""

from pathlib import Path
from typing import TYPE_CHECKING

from geomdl.style import INK, MUTED, STYLE
from geomdl.symmetrization.discovery import Discovery

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED = "#0072B2", "#D55E00"
MOST_LINES = 64


def plot(found: Discovery, path: str | Path | None = None) -> "Figure":
    """Draw a discovery; see `Discovery.plot`."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):  # type: ignore[arg-type]
        panels = 2 if found.candidates else 1
        figure = Figure(figsize=(5.6 * panels, 3.8), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        k = len(found.algebra)
        held = [i < k for i in range(len(found.singular_values))]
        _dots(axes[0], list(found.singular_values), held, found.tolerance)
        axes[0].set_title(f"Lie algebra of dimension {k}, gap {found.gap:.1e}", color=INK)
        axes[0].set_xlabel("field")
        axes[0].set_ylabel("relative derivative")
        if found.candidates:
            rows = sorted(found.candidates, key=lambda c: c.error)
            _dots(axes[1], [c.error for c in rows], [c.accepted for c in rows], found.tolerance)
            accepted = sum(c.accepted for c in rows)
            axes[1].set_title(f"{accepted} of {len(rows)} finite candidates", color=INK)
            axes[1].set_xlabel("candidate")
            axes[1].set_ylabel("relative error")
        if path is not None:
            figure.savefig(path, dpi=150)
    return figure


def _dots(axes: "Axes", values: list[float], held: list[bool], cut: float) -> None:
    """Ascending values, those of symmetries in blue, and the cut."""
    colors = [BLUE if h else RED for h in held]
    floor = min(v for v in [*values, cut] if v > 0) / 10  # where zero is drawn
    heights = [max(v, floor) for v in values]
    axes.set_yscale("log")
    if len(values) <= MOST_LINES:
        axes.vlines(range(len(values)), floor, heights, color=colors, linewidth=1.2, alpha=0.5)
    axes.scatter(range(len(values)), heights, c=colors, s=26, zorder=3)
    axes.axhline(cut, color=MUTED, linestyle="--", linewidth=1.2)
    axes.annotate("cut", (1, cut), xycoords=("axes fraction", "data"), color=MUTED,
                  ha="right", va="bottom", fontsize=9)  # fmt: skip
    axes.set_ylim(floor, max(*heights, cut) * 10)
