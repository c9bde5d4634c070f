"""A measured curve of double descent, beside its prediction."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DoubleDescent"]


@dataclass(frozen=True, eq=False)
class DoubleDescent:
    """Test risk along a capacity, over seeds.

    Attributes:
        family: of the models.
        axis: what grows along the curve: "width", "1/ridge", "epochs" or "samples".
        at: its values, ascending.
        risks: mean square error on test samples without label noise, shape (points, seeds).
        train_risks: on the training samples, as they are, shape (points, seeds).
        wrong: share of wrong answers, shape (points, seeds), where the targets are classes.
        predicted: mean risk by a formula, one a point; None where there is no formula.
        curve: the same at every size between, as pairs for the figure; () where there is none.
        exact: whether the formula holds for every size, or for large ones.
        dims: coefficients fitted, one a point; None for kernels.
        threshold: value of the axis at which they are as many as the numbers to fit; None without.
        noise: of the labels.
        ridge: λ.
        symmetry: name of the group that the features are averaged over, or "".

    Example:
        >>> from geomdl.generalization import double_descent
        >>> found = double_descent("gaussian", [5, 10, 40], n=20, seeds=50, noise=0.5)
        >>> [round(r, 2) for r in found.predicted]
        [1.28, 1.86, 0.76]
        >>> found.threshold
        20.0
    """

    family: str
    axis: str
    at: tuple[float, ...]
    risks: Tensor = field(repr=False)
    train_risks: Tensor = field(repr=False)
    wrong: Tensor | None = field(repr=False)
    predicted: tuple[float, ...] | None
    curve: tuple[tuple[float, float], ...] = field(repr=False)
    exact: bool
    dims: tuple[int, ...] | None
    threshold: float | None
    noise: float
    ridge: float
    symmetry: str = ""

    @property
    def risk(self) -> tuple[float, ...]:
        """Mean over the seeds, one a point."""
        return tuple(self.risks.mean(1).tolist())

    @property
    def error(self) -> tuple[float, ...]:
        """Standard error of the mean, one a point."""
        return tuple((self.risks.std(1) / math.sqrt(self.risks.shape[1])).tolist())

    @property
    def train_risk(self) -> tuple[float, ...]:
        """Mean over the seeds, one a point."""
        return tuple(self.train_risks.mean(1).tolist())

    @property
    def peak(self) -> float:
        """Value of the axis at which the mean risk is greatest."""
        return self.at[int(self.risks.mean(1).argmax())]

    def __str__(self) -> str:
        averaged = f", averaged over {self.symmetry}" if self.symmetry else ""
        lines = [f"Double descent of {self.family}{averaged}: peak at {self.axis} {self.peak:g}"]
        if self.threshold is not None:
            lines[0] += f", threshold {self.threshold:g}"
        head = f"{self.axis:>10} {'risk':>10} {'± error':>10} {'training':>10}"
        lines.append(head + (f" {'predicted':>10}" if self.predicted else ""))
        for i, at in enumerate(self.at):
            line = f"{at:>10g} {self.risk[i]:>10.4g} {self.error[i]:>10.2g}"
            line += f" {self.train_risk[i]:>10.3g}"
            lines.append(line + (f" {self.predicted[i]:>10.4g}" if self.predicted else ""))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description; infinities and NaN are written as texts."""
        rows = {"risk": self.risk, "error": self.error, "train_risk": self.train_risk,
                "predicted": self.predicted, "dims": self.dims}  # fmt: skip
        found: dict[str, Any] = {k: v and [_plain(x) for x in v] for k, v in rows.items()}
        if self.wrong is not None:
            found["wrong"] = self.wrong.mean(1).tolist()
        names = ("family", "axis", "exact", "threshold", "noise", "ridge", "symmetry", "peak")
        found |= {name: getattr(self, name) for name in names}
        return found | {"at": list(self.at), "seeds": self.risks.shape[1]}

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the measured points over the predicted curve.

        Args:
            path: of a file to write as well.

        Returns:
            A matplotlib figure that belongs to no window.
        """
        from geomdl.generalization.descent_plot import plot

        return plot([self], path)


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
