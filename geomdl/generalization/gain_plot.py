"""Figures of gains of invariance."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from geomdl.generalization.gain_result import MeasuredGain
from geomdl.style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_measured"]


def plot_measured(found: MeasuredGain, path: str | Path | None = None) -> "Figure":
    """Draw the risks of the methods; see `MeasuredGain.plot`."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(6.0, 3.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        word = "exact" if found.model == "linear" else "predicted"
        for row, method in enumerate(found.risks):
            risk, error = found.mean(method)
            axes.errorbar(
                risk, row, xerr=2 * error, fmt="o",
                color="#D55E00", capsize=3, label="measured" if row == 0 else None,
            )  # fmt: skip
            if math.isfinite(found.predicted.get(method, math.inf)):
                axes.plot(
                    found.predicted[method], row, "|", color="#0072B2", ms=22, mew=2.5,
                    label=word if row == 0 else None,
                )  # fmt: skip
        axes.set_yticks(range(len(found.risks)), list(found.risks))
        axes.invert_yaxis()
        axes.margins(y=0.2)
        axes.set_xlim(left=0)
        axes.set_xlabel(f"test risk, {found.model} model, n = {found.n}")
        axes.legend(frameon=False)
        if path is not None:
            figure.savefig(path, dpi=150)
    return figure
