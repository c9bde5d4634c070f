"""What invariance gains, predicted and measured: results and their tables."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["InvarianceGain", "MeasuredGain"]

METHODS = ("plain", "averaged", "augmented", "invariant")


@dataclass(frozen=True)
class InvarianceGain:
    """What a symmetry is worth, in closed form; `invariance_gain` makes it.

    Attributes:
        group: its name.
        order: |G|; None if infinite.
        dim: d, of the inputs.
        invariant_dim: k, of the invariant vectors.
        harmonics: spherical harmonics of degree 0, 1, …
        invariant_harmonics: those among them that are invariant.
        rademacher: complexity of the invariant linear ball over that of the whole.
        n: samples of the linear problem; None if no problem was given, as are the next four.
        noise: σ.
        plain: mean excess risk of minimum-norm least squares on all d coordinates.
        averaged: of the same, averaged over the group after training.
        invariant: of minimum-norm least squares on the k invariant coordinates.
        samples: that the invariant one needs to be as good as the plain one; None if its risk is
            infinite.
    """

    group: str
    order: int | None
    dim: int
    invariant_dim: int
    harmonics: tuple[int, ...]
    invariant_harmonics: tuple[int, ...]
    rademacher: float
    n: int | None = None
    noise: float | None = None
    plain: float | None = None
    averaged: float | None = None
    invariant: float | None = None
    samples: int | None = None

    @property
    def share(self) -> tuple[float, ...]:
        """γ_k = dim H_k^G / dim H_k, one a degree; tends to 1/|G| if the group acts faithfully."""
        pairs = zip(self.invariant_harmonics, self.harmonics, strict=True)
        return tuple(part / whole for part, whole in pairs)

    @property
    def gap(self) -> float | None:
        """Risk that averaging after training takes away (Elesedy and Zaidi)."""
        if self.plain is None or self.averaged is None:
            return None
        return self.plain - self.averaged if math.isfinite(self.plain) else math.inf

    @property
    def sample_gain(self) -> float:
        """Limit of samples over samples at equal risk: d/k, infinite if nothing is invariant."""
        return self.dim / self.invariant_dim if self.invariant_dim else math.inf

    def __str__(self) -> str:
        order = "∞" if self.order is None else self.order
        lines = [
            f"Gain of invariance under {self.group}, |G| = {order}, on {self.dim} coordinates",
            f"  invariant coordinates   {self.invariant_dim} of {self.dim}",
            f"  Rademacher complexity   × {self.rademacher:.4g}",
            f"  samples                 ÷ {self.sample_gain:.4g} in the limit",
        ]
        if self.n is not None:
            lines += [
                f"  risk at n = {self.n}, σ = {self.noise:g}",
                f"    plain                 {self.plain:.4g}",
                f"    averaged after        {self.averaged:.4g}",
                f"    invariant             {self.invariant:.4g}",
            ]
        if self.samples is not None:
            lines.append(f"  samples for the plain risk  {self.samples} in place of {self.n}")
        lines.append("  degree      harmonics  invariant      share")
        rows = zip(self.harmonics, self.invariant_harmonics, self.share, strict=True)
        lines += [f"  {k:>6}  {a:>13}  {b:>9}  {c:>9.4f}" for k, (a, b, c) in enumerate(rows)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description; infinities are written as texts."""
        found = asdict(self) | {"share": self.share, "gap": self.gap}
        return {k: str(v) if v in (math.inf, -math.inf) else v for k, v in found.items()}


@dataclass(frozen=True, eq=False)
class MeasuredGain:
    """Risks of four ways to use a symmetry, over seeds; `measure_invariance_gain` makes it.

    Attributes:
        model: "linear", "kernel" or "network".
        group: its name.
        n: training samples.
        risks: by method, "plain", "averaged", "augmented", "invariant": one number a seed.
        predicted: mean risks by formula, where there is one.
        noise: of the labels.
    """

    model: str
    group: str
    n: int
    risks: dict[str, Tensor] = field(repr=False)
    predicted: dict[str, float]
    noise: float

    def mean(self, method: str) -> tuple[float, float]:
        """Mean risk and its standard error.

        Args:
            method: "plain", "averaged", "augmented" or "invariant".
        """
        values = self.risks[method]
        return float(values.mean()), _error(values)

    def gain(self, method: str, over: str = "plain") -> tuple[float, float]:
        """Mean of the paired differences of risk, positive where the method is better, and error.

        Args:
            method: that gains.
            over: the other one.
        """
        values = self.risks[over] - self.risks[method]
        return float(values.mean()), _error(values)

    def __str__(self) -> str:
        seeds = len(next(iter(self.risks.values())))
        lines = [
            f"Gain of invariance under {self.group}, {self.model} model, n = {self.n},"
            f" {seeds} seeds",
            f"{'method':>12} {'risk':>10} {'± error':>9} {'gain':>10} {'± error':>9}"
            + (f" {'predicted':>10}" if self.predicted else ""),
        ]
        for method in self.risks:
            (risk, error), (gain, other) = self.mean(method), self.gain(method)
            line = f"{method:>12} {risk:>10.4g} {error:>9.2g} {gain:>10.4g} {other:>9.2g}"
            if method in self.predicted:
                line += f" {self.predicted[method]:>10.4g}"
            lines.append(line)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description."""
        keep = ("model", "group", "n", "noise")
        found: dict[str, Any] = {name: getattr(self, name) for name in keep}
        found["risks"] = {name: values.tolist() for name, values in self.risks.items()}
        inf = {k: v if math.isfinite(v) else str(v) for k, v in self.predicted.items()}
        return found | {"predicted": inf}

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the risks of the methods, with two standard errors, and what was predicted.

        Args:
            path: of a file to write as well.

        Returns:
            A matplotlib figure that belongs to no window.
        """
        from geomdl.generalization.gain_plot import plot_measured

        return plot_measured(self, path)


def _error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))
