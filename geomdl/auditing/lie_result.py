"""What a Lie derivative found, in numbers, in words, as JSON and as a table."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomdl.auditing.certificate import OutputRow, finite_or_null, worst_of
from geomdl.auditing.summary import row as lines_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

LIE_FORMAT = 1


@dataclass(frozen=True)
class LieRow:
    """Local equivariance error along one one-parameter group.

    Attributes:
        name: of the action, or of the basis vector of the Lie algebra.
        error: rms(L_A f) / variation(f), largest over the outputs; per unit of t.
        lee: mean of |L_A f|² over all outputs, batch and entries, in squared units of the output.
        difference: how far a central finite difference is from it, in the unit of `error`.
    """

    name: str
    error: float
    lee: float
    difference: float


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs: its term of L_A f, as an rms in the unit of `LieRow.error`.

    Attributes:
        name: call of the layer, or the one that the code stands before; "(end)" behind all.
        kind: class of the layer; "code before" or "code" for code between layers.
        costs: name of the action -> cost.
    """

    name: str
    kind: str
    costs: Mapping[str, float]

    @property
    def worst(self) -> float:
        """Largest of the costs."""
        return worst_of(list(self.costs.values()))


@dataclass(frozen=True)
class LieDerivative:
    """Local equivariance error of a callable, and what its layers cost.

    Attributes:
        subject: name of what was audited.
        dtype: name of the dtype.
        rows: one for each action.
        layers: one for each call of a layer, in order, and for code between layers that costs more
            than rounding; empty unless asked for.
        outputs: size and variation of each output.
        seed: seed of all random choices.
        randomized: whether weights were redrawn.
        versions: of geomdl and torch.
    """

    subject: str
    dtype: str
    rows: tuple[LieRow, ...]
    layers: tuple[LayerCost, ...] = ()
    outputs: tuple[OutputRow, ...] = ()
    seed: int = 0
    randomized: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """Largest error over the actions; NaN where the output does not vary."""
        return worst_of([row.error for row in self.rows])

    @property
    def costliest(self) -> LayerCost | None:
        """Layer, or code, of the largest cost; None if none was measured."""
        return max(self.layers, key=lambda layer: layer.worst, default=None)

    def passed(self, tol: float) -> bool:
        """Whether the error is at most ``tol`` a unit of t; False for a NaN.

        The finite difference must then confirm it to ``tol``, or to what its own rounding allows:
        where a part of f is cut from the tape, it alone tells.
        """
        rounding = 1e-5 if self.dtype == "float64" else 1e-3
        return all(
            row.error <= tol and row.difference <= max(tol, 0.05 * row.error + rounding)
            for row in self.rows
        )

    def summary(self) -> str:
        """Findings in a few lines of plain text."""
        names = ", ".join(row.name for row in self.rows)
        lines = [f"{self.subject}: local equivariance error {self.error:.2g} ({names})"]
        for row in self.rows:
            doubt = "" if self.agrees(row) else (
                f"; finite differences are off by {row.difference:.2g}: f jumps there, or a part "
                "of it is cut from the tape"
            )  # fmt: skip
            found = f"error {row.error:.3g} a unit, LEE {row.lee:.3g}{doubt}"
            lines += lines_of(row.name, found, 14)
        if self.costliest is not None:
            worst = self.costliest
            lines += lines_of("costliest", f"{worst.name} ({worst.kind}): {worst.worst:.3g}", 14)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def agrees(self, row: LieRow) -> bool:
        """Whether a finite difference confirms a row: to a twentieth, or a thousandth in all."""
        return row.difference <= 0.05 * row.error + 1e-3

    def table(self) -> "Table":
        """Layers by actions, as a table of rich; the costliest of each action in bold."""
        from rich.table import Table

        found = Table(title=f"{self.subject}: cost of each layer, in units of the variation of f")
        found.add_column("layer", no_wrap=True)
        found.add_column("kind")
        for row in self.rows:
            found.add_column(row.name, justify="right")
        top = {row.name: max((c.costs[row.name] for c in self.layers), default=0.0)
               for row in self.rows}  # fmt: skip
        for layer in self.layers:
            cells = [
                f"[bold]{cost:.2e}[/]" if cost and cost == top[name] else f"{cost:.2e}"
                for name, cost in layer.costs.items()
            ]
            found.add_row(layer.name, layer.kind, *cells)
        found.add_section()
        found.add_row("L_A f", "whole", *(f"{row.error:.2e}" for row in self.rows))
        return found

    def __rich__(self) -> "Table":
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able values; a number that is not finite is null."""
        found: dict[str, Any] = finite_or_null(asdict(self))
        return {"lie_format": LIE_FORMAT, "error": finite_or_null(self.error), **found}

    def to_json(self, indent: int | None = None) -> str:
        """Everything as JSON; `from_json` reads it back."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> "LieDerivative":
        """What `to_json` wrote.

        Raises:
            ValueError: it is something else, or of another format.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("lie_format") != LIE_FORMAT:
            raise ValueError(f"text: expected a Lie derivative of format {LIE_FORMAT}, got another "
                             "text")  # fmt: skip

        def numbers(row: dict[str, Any]) -> dict[str, Any]:
            return {k: math.nan if v is None else v for k, v in row.items()}

        return LieDerivative(
            **{
                **{f.name: found[f.name] for f in fields(LieDerivative)},
                "rows": tuple(LieRow(**numbers(row)) for row in found["rows"]),
                "layers": tuple(
                    LayerCost(row["name"], row["kind"], numbers(row["costs"]))
                    for row in found["layers"]
                ),
                "outputs": tuple(OutputRow(**numbers(row)) for row in found["outputs"]),
            }
        )

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw a bar for each action, stacked of the costs of the layers.

        The dot is the error of the whole: terms may cancel, so it may lie anywhere below the top.

        Args:
            path: file to write as well; its ending names the format.

        Returns:
            the matplotlib figure, not shown.
        """
        from geomdl.auditing.lie_plots import stacked

        return stacked(self, path)
