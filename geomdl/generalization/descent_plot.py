"""Curves of double descent: measured points over the predicted curve."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geomdl.generalization.descent_result import DoubleDescent
from geomdl.style import MUTED, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LABELS = {"width": "width (features)", "samples": "training samples n", "epochs": "epochs"}


def plot(curves: Sequence[DoubleDescent], path: str | Path | None = None) -> "Figure":
    """Draw one or several curves in one picture.

    Args:
        curves: along the same axis.
        path: of a file to write as well.

    Returns:
        A matplotlib figure that belongs to no window.

    Raises:
        ValueError: no curve, or curves along different axes.

    Example:
        >>> from geomdl.generalization import double_descent
        >>> found = double_descent("gaussian", [5, 10, 40], n=20, seeds=50, noise=0.5)
        >>> plot([found]).axes[0].get_xlabel()
        'width (features)'
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if len({c.axis for c in curves}) != 1:
        raise ValueError(f"curves: expected one axis, got {sorted({c.axis for c in curves})}")
    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(6.8, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot(), curves)
        if path is not None:
            figure.savefig(path, dpi=150)
    return figure


def draw(axes: "Axes", curves: Sequence[DoubleDescent]) -> None:
    """Draw curves on axes.

    Args:
        axes: of matplotlib.
        curves: along the same axis.
    """
    for curve, colour in zip(curves, COLOURS * len(curves), strict=False):
        name = f"averaged over {curve.symmetry}" if curve.symmetry else f"{curve.family}"
        if curve.ridge:
            name += f", ridge {curve.ridge:g}"
        axes.errorbar(
            curve.at, curve.risk, yerr=curve.error,
            fmt="o" if curve.predicted else "o-", lw=1.2, color=colour, ms=5, capsize=2, label=name,
        )  # fmt: skip
        if curve.predicted:
            word = "exact" if curve.exact else "predicted"
            x, y = zip(*curve.curve, strict=True)
            y = tuple(v if math.isfinite(v) else math.nan for v in y)
            axes.plot(x, y, color=colour, lw=1.8, alpha=0.6, label=f"{word} curve")
        if curve.threshold is not None and curve.threshold <= max(curve.at):
            axes.axvline(curve.threshold, color=colour, ls=":", lw=1.2)
            axes.annotate(
                " threshold", (curve.threshold, 0.98), xycoords=("data", "axes fraction"),
                color=MUTED, fontsize=8.5, va="top",
            )  # fmt: skip
    positive = [r for c in curves for r in c.risk if r > 0]
    if positive and max(positive) > 20 * min(positive):
        axes.set_yscale("log")
    first = curves[0]
    if max(first.at) > 20 * min(first.at):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(LABELS.get(first.axis, first.axis))
    axes.set_ylabel("test risk (mean square)")
    axes.legend(frameon=False, fontsize=9)
