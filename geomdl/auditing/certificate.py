"""The certificate: what an audit found, in numbers, in words and as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from geomdl.auditing.statistics import confidence_sentence, default_tol, rounding_allowance

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

FORMAT = 1
WHOLE = "(whole)"  # name of the row in `per_layer` that stands for the callable itself


@dataclass(frozen=True)
class ElementRow:
    """Error at one element.

    Attributes:
        label: short name of the element.
        kind: why it was chosen: generator, component, element, sample or given.
        element: the element as nested lists.
        error: largest relative error over the outputs; NaN if an output is not finite or constant.
        errors: relative error of each output.
        roundtrip: relative change of a tensor acted on and back, largest over inputs and outputs;
            0 where the action is exact.
        angle: angle in radians where the element is an isometry of the plane or of space.
        det: its determinant, ±1.
        dimension: 2 in the plane, 3 in space.
    """

    label: str
    kind: str
    element: Any
    error: float
    errors: Mapping[str, float]
    roundtrip: float = 0.0
    angle: float | None = None
    det: int | None = None
    dimension: int | None = None


@dataclass(frozen=True)
class OutputRow:
    """One output: its rms `size`, and its `variation` over inputs, the unit of its error."""

    name: str
    size: float
    variation: float


@dataclass(frozen=True)
class LayerRow:
    """Error of one layer (of one call of it), upstream errors included.

    Attributes:
        name: path in the module, with #2, #3… from the second call on; "(whole)" for the callable.
        kind: class of the module.
        method: declared (by source and target), fitted (channel map R_g by least squares) or
            refused (`note` says why).
        error: largest over the elements tried, relative to the variation of the layer's output.
        before: for fitted ones the same with R_g = 1, before the fit.
        input_error: the same error of what the layer takes; None if unknown.
        element: label of the worst element.
        parent: name of the call that made this one; None at the top.
        note: remark.
    """

    name: str
    kind: str
    method: str
    error: float
    before: float | None = None
    input_error: float | None = None
    element: str = ""
    parent: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Audit:
    """Certificate of the equivariance of a callable: f(g x) against g f(x).

    Attributes:
        subject: name of what was audited.
        group: name of the group.
        dtype: name of the dtype, e.g. "float64".
        error: largest relative error over the elements; NaN where there is no verdict but failure.
        per_element: one row for each element tried.
        per_layer: one row for each layer call in order of completion, the whole last; empty unless
            asked for.
        roundtrip: largest `ElementRow.roundtrip`; a reference for resampled actions, no bound.
        outputs: size and variation of each output.
        exhaustive: whether all elements of the group were tried.
        compact: whether random elements were Haar distributed.
        reason: why it fails whatever the tolerance; None if nothing of the kind happened.
        notes: remarks on how the audit was done.
        seed: seed of all random choices.
        randomized: whether weights were redrawn.
        seconds: duration.
        versions: of geomdl and torch.
    """

    subject: str
    group: str
    dtype: str
    error: float
    per_element: tuple[ElementRow, ...]
    per_layer: tuple[LayerRow, ...] = ()
    roundtrip: float = 0.0
    outputs: tuple[OutputRow, ...] = ()
    exhaustive: bool = False
    compact: bool = True
    reason: str | None = None
    notes: tuple[str, ...] = ()
    seed: int = 0
    randomized: bool = False
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def tol(self) -> float:
        """Tolerance of `passed()`: `default_tol`, plus the rounding of outputs with an offset."""
        dtype = getattr(torch, self.dtype)
        conditions = [o.size / o.variation for o in self.outputs if o.variation]
        return default_tol(dtype) + rounding_allowance(dtype, max(conditions, default=0.0))

    def passed(self, tol: float | None = None) -> bool:
        """Whether the symmetry holds: no reason against it, and error ≤ tol.

        Args:
            tol: relative error allowed; by default `tol`, which goes by the dtype.

        Returns:
            False for a NaN, and for an output that does not vary, whatever the tolerance.
        """
        return self.reason is None and self.error <= (self.tol if tol is None else tol)

    @property
    def first_break(self) -> str | None:
        """The first layer that breaks, in words, at the default tolerance; see `first_break_at`."""
        return self.first_break_at(self.tol)

    def first_break_at(self, tol: float) -> str | None:
        """Name the first layer that breaks; None if none was sought, or the whole holds."""
        from geomdl.auditing.blame import first_break

        if self.error <= tol or not self.per_layer:
            return None
        return first_break(self.per_layer, tol)

    @property
    def worst(self) -> ElementRow | None:
        """Row of the largest error, a NaN being the largest."""
        if not self.per_element:
            return None
        return max(self.per_element, key=lambda r: math.inf if math.isnan(r.error) else r.error)

    @property
    def confidence(self) -> str:
        """How far the elements tried speak for the group, at the default tolerance."""
        return self.confidence_at(self.tol)

    def confidence_at(self, tol: float) -> str:
        """As `confidence`, at another tolerance."""
        drawn = [row.error for row in self.per_element if row.kind == "sample"]
        return confidence_sentence(
            tested=len(self.per_element) + (self.exhaustive and len(self.per_element) > 1),
            samples=len(drawn),
            exceeding=sum(not error <= tol for error in drawn),
            tol=tol,
            exhaustive=self.exhaustive,
            compact=self.compact,
        )

    def summary(self, tol: float | None = None) -> str:
        """Verdict and findings in a few lines of plain text."""
        from geomdl.auditing.summary import summary

        return summary(self, self.tol if tol is None else tol)

    def __str__(self) -> str:
        return self.summary()

    def table(self, tol: float | None = None) -> "Table":
        """Layers with their errors as a table of rich, those above the tolerance in bold."""
        from geomdl.auditing.summary import layer_table

        return layer_table(self, self.tol if tol is None else tol)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able values; a number that is not finite is null."""
        found: dict[str, Any] = finite_or_null(asdict(self))
        said = {"confidence": self.confidence, "first_break": self.first_break}
        return {"format": FORMAT, "passed": self.passed(), "tol": self.tol, **said, **found}

    def to_json(self, indent: int | None = None) -> str:
        """Everything as JSON, to be stored beside a checkpoint; `from_json` reads it back."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> "Audit":
        """Certificate that `to_json` wrote.

        Raises:
            ValueError: it is no certificate, or of another format.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"text: expected a certificate of format {FORMAT}, got another text")
        return Audit(
            **{
                **{f.name: found[f.name] for f in fields(Audit)},
                "error": _number(found["error"]),
                "roundtrip": _number(found["roundtrip"]),
                "per_element": tuple(_element_row(row) for row in found["per_element"]),
                "per_layer": tuple(
                    LayerRow(**{**row, "error": _number(row["error"])})
                    for row in found["per_layer"]
                ),
                "outputs": tuple(
                    OutputRow(row["name"], _number(row["size"]), _number(row["variation"]))
                    for row in found["outputs"]
                ),
                "notes": tuple(found["notes"]),
            }
        )

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the error over the group (a clock where elements turn), and over the layers.

        Args:
            path: file to write as well; its ending names the format.

        Returns:
            the matplotlib figure, not shown.
        """
        from geomdl.auditing.plots import plot

        return plot(self, path)


def worst_of(errors: Sequence[float]) -> float:
    """Largest of some errors, NaN if one is NaN, 0 of none.

    Example:
        >>> worst_of([0.1, float("nan"), 0.2])
        nan
    """
    return math.nan if any(math.isnan(e) for e in errors) else max(errors, default=0.0)


def finite_or_null(value: Any) -> Any:
    """JSON-able values with null in place of what is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite_or_null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_null(item) for item in value]
    return value


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _element_row(row: dict[str, Any]) -> ElementRow:
    errors = {name: _number(error) for name, error in row["errors"].items()}
    numbers = {"error": _number(row["error"]), "roundtrip": _number(row["roundtrip"])}
    return ElementRow(**{**row, **numbers, "errors": errors})
