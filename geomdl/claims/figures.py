"""Figures of claims: drawn only when somebody looks, matplotlib imported only then."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from geomdl.style import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from geomdl.claims.evidence import Draw, Evidence

PREDICTED, MEASURED, OTHER = "#1f6fc4", "#c26a02", "#77808d"


def draw(evidence: "Evidence") -> "Figure":
    """Draw the figure of a claim.

    Args:
        evidence: of the claim; without a figure of its own its predictions are drawn against its
            measurements.

    Returns:
        A matplotlib figure without a window (no pyplot, no global state).
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE | {"legend.frameon": False})  # type: ignore[arg-type]
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        (evidence.figure or _entries(evidence))(axes)
        verdict = "holds" if evidence.holds else "does not hold"
        spoilt = ", sabotaged" if evidence.sabotage else ""
        if evidence.name:
            figure.suptitle(
                f"{evidence.name}{spoilt}: {verdict}", x=0.02, ha="left", fontsize=11,
                fontweight="bold",
            )  # fmt: skip
        figure.canvas.draw()
    return figure


def pair(formula: Tensor, gram: Tensor, title: str) -> "Draw":
    """Two matrices side by side in one image, the predicted one on the left.

    Args:
        formula: predicted, shape (n, n).
        gram: measured, shape (n, n).
        title: of the axes.

    Returns:
        A function that draws.
    """
    left, right = formula.numpy(), gram.numpy()

    def paint(axes: "Axes") -> None:
        gap = np.full((len(left), max(1, len(left) // 8)), np.nan)
        both = np.concatenate([left, gap, right], 1)
        top = float(np.nanmax(np.abs(both))) if np.isfinite(both).any() else 1.0
        image = axes.imshow(both, cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest")
        axes.figure.colorbar(image, ax=axes, shrink=0.7)
        middle = len(left) / 2 - 0.5
        axes.set_xticks([middle, middle + len(left) + gap.shape[1]], ["predicted", "measured"])
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.set_title(title, fontsize=10.5)

    return paint


def curve(
    x: Sequence[float],
    predicted: Sequence[float],
    measured: Sequence[float],
    *,
    at: Sequence[float] | None = None,
    labels: tuple[str, str],
    bars: Sequence[float] | None = None,
    limit: tuple[float, str] | None = None,
) -> "Draw":
    """A predicted curve and the measured points on it.

    Args:
        x: abscissae of the curve.
        predicted: ordinates of the curve; NaN or infinite where there is a gap.
        measured: ordinates of the points.
        at: abscissae of the points; those of the curve if None.
        labels: of the axes.
        bars: half length of the error bars.
        limit: a horizontal line and its name.

    Returns:
        A function that draws.
    """

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        axes.plot(x, predicted, color=PREDICTED, lw=2, label="predicted")
        axes.errorbar(
            x if at is None else at,
            measured,
            yerr=bars,
            fmt="o",
            color=MEASURED,
            ms=6,
            capsize=3,
            label="measured",
        )
        if all(float(v).is_integer() for v in x):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if limit is not None:
            axes.axhline(limit[0], color=OTHER, ls="--", lw=1.2, label=limit[1])
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend()

    return paint


def _entries(evidence: "Evidence") -> "Draw":
    """Predictions and measurements, one row for each entry."""

    def paint(axes: "Axes") -> None:
        p, m = evidence.predicted.ravel(), evidence.measured.ravel()
        rows = list(range(max(p.size, m.size)))
        axes.scatter(p, rows[: p.size], s=110, marker="o", facecolors="none",
                     edgecolors=PREDICTED, lw=2, label="predicted")  # fmt: skip
        axes.scatter(m, rows[: m.size], s=26, color=MEASURED, zorder=3, label="measured")
        if len(evidence.labels) == len(rows) <= 24:
            axes.set_yticks(rows, evidence.labels, fontsize=8 if len(rows) > 12 else 10)
        else:
            axes.set_ylabel("entry")
        values = np.concatenate([p, m])
        positive = values[np.isfinite(values) & (values > 0)]
        if 0 < len(positive) == len(values) and positive.max() > 100 * positive.min():
            axes.set_xscale("log")
        axes.invert_yaxis()
        axes.margins(x=0.08, y=min(0.5, 0.6 / math.sqrt(len(rows) + 1)))
        axes.set_xlabel("value")
        axes.legend(loc="best")

    return paint
