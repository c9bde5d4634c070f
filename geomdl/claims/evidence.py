"""What running a claim gives: a prediction, a measurement, and whether they agree."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Relation = Literal["equal", "at most", "at least"]
Values = NDArray[np.float64]
Draw = Callable[["Axes"], None]

RELATIONS = ("equal", "at most", "at least")
LISTED = 64  # larger arrays are summarised in JSON


@dataclass(frozen=True, eq=False)
class Evidence:
    """A prediction, a measurement, and the verdict that follows from them.

    With e = measured - predicted, entry by entry and in float64:

        equal: |e| ≤ tolerance,    at most: e ≤ tolerance,    at least: -e ≤ tolerance.

    The claim holds if this is so for every entry. No entry, different shapes, or a NaN or infinity
    anywhere never holds. *Exact* up to the stated tolerance.

    Args:
        predicted: by the theorem; a number, an array or a tensor.
        measured: by a program, of the same shape.
        tolerance: a number or an array that broadcasts to that shape, at least 0.
        because: where the tolerance comes from: counting (0), a rounding bound, or a multiple of
            the standard error of a Monte-Carlo mean.
        relation: of the measurement to the prediction: "equal", "at most" or "at least".
        labels: what the entries are, for figures and reports; empty or one for each.
        figure: draws on matplotlib axes, called only when somebody looks.
        name: of the claim; filled in by `geomdl.claims.run`, as are the next three.
        seed: of the run.
        sabotage: whether the measurement was spoilt on purpose.
        seconds: that the run took.

    Raises:
        ValueError: an unknown relation, a negative tolerance, one that does not broadcast, or
            labels that are not one for each entry.

    Example:
        >>> Evidence(0.5, 0.5004, tolerance=1e-3, because="5 standard errors").holds
        True
        >>> Evidence(0.5, float("nan"), tolerance=1e9, because="none").holds
        False
    """

    predicted: Values
    measured: Values
    tolerance: Values
    because: str
    relation: Relation = "equal"
    labels: tuple[str, ...] = ()
    figure: Draw | None = field(default=None, repr=False)
    name: str = ""
    seed: int = 0
    sabotage: bool = False
    seconds: float = 0.0

    def __init__(
        self,
        predicted: Any,
        measured: Any,
        tolerance: Any,
        because: str,
        relation: Relation = "equal",
        labels: tuple[str, ...] = (),
        figure: Draw | None = None,
        name: str = "",
        seed: int = 0,
        sabotage: bool = False,
        seconds: float = 0.0,
    ) -> None:
        if relation not in RELATIONS:
            raise ValueError(f"relation: expected one of {', '.join(RELATIONS)}, got {relation!r}")
        values = [_frozen(v) for v in (predicted, measured, tolerance)]
        if (values[2] < 0).any():
            raise ValueError(f"tolerance: expected at least 0, got {values[2].min():g}")
        try:
            fits = np.broadcast_shapes(values[2].shape, values[0].shape) == values[0].shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"tolerance: expected a shape that broadcasts to {values[0].shape}, got"
                f" {values[2].shape}"
            )
        if labels and len(labels) != values[0].size:
            raise ValueError(f"labels: expected {values[0].size}, got {len(labels)}")
        for key, value in zip(("predicted", "measured", "tolerance"), values, strict=True):
            object.__setattr__(self, key, value)
        rest = (because, relation, tuple(labels), figure, name, seed, sabotage, seconds)
        keys = ["because", "relation", "labels", "figure", "name", "seed", "sabotage", "seconds"]
        for key, item in zip(keys, rest, strict=True):
            object.__setattr__(self, key, item)

    @property
    def holds(self) -> bool:
        """The verdict. The only place where a prediction meets a measurement."""
        p, m, t = self.predicted, self.measured, self.tolerance
        if p.shape != m.shape or p.size == 0:
            return False
        if not all(bool(np.isfinite(v).all()) for v in (p, m, t)):
            return False
        return bool((self._excess() <= t).all())

    def _excess(self) -> Values:
        e = self.measured - self.predicted
        return {"equal": np.abs(e), "at most": e, "at least": -e}[self.relation]

    @property
    def error(self) -> float:
        """Largest excess over the relation, before any tolerance; NaN where there is none."""
        if self.predicted.shape != self.measured.shape or self.predicted.size == 0:
            return math.nan
        with np.errstate(invalid="ignore"):
            return float(self._excess().max())

    def draw(self) -> "Figure":
        """Draw the figure of the claim, or its predictions against its measurements.

        Returns:
            A matplotlib figure that belongs to no window.
        """
        from geomdl.claims.figures import draw

        return draw(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description; arrays of more than 64 entries are summarised."""
        return {
            "name": self.name,
            "holds": self.holds,
            "relation": self.relation,
            "predicted": _plain(self.predicted),
            "measured": _plain(self.measured),
            "tolerance": _plain(self.tolerance),
            "because": self.because,
            "error": _number(self.error),
            "labels": list(self.labels),
            "seed": self.seed,
            "sabotage": self.sabotage,
            "seconds": self.seconds,
        }

    def to_json(self) -> str:
        """Valid JSON; NaN and infinities are written as texts."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)


def _frozen(value: Any) -> Values:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    out = np.array(value, dtype=np.float64)
    out.setflags(write=False)
    return out


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _plain(values: Values) -> Any:
    if values.size > LISTED:
        return {"shape": list(values.shape), "norm": _number(float(np.linalg.norm(values)))}
    if values.ndim == 0:
        return _number(float(values))
    return [_plain(row) for row in values]
