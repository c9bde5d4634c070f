"""What `discover` found: a Lie algebra and finite generators, with the evidence for them."""

import json
import sys
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geomdl.groups import Group, matrix_group

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = 1
Matrix = tuple[tuple[float, ...], ...]

CLOSED = 1e-6  # how far a bracket may be from the span of an algebra that was estimated


@dataclass(frozen=True)
class Candidate:
    """A finite candidate: its matrix, its relative error, and whether it was accepted."""

    matrix: Matrix
    error: float
    accepted: bool


@dataclass(frozen=True)
class Discovery:
    """A symmetry that was measured.

    Attributes:
        n: size of the matrices; n = d + 1 for affine ones, in homogeneous coordinates (x, 1).
        singular_values: relative derivatives along orthonormal fields, ascending, in units of the
            audit: change of f over its variation, for a displacement of the spread of x. Those up
            to the tolerance span the Lie algebra.
        tolerance: the cut.
        noise: how far singular values may be off, in the same units; 0 if that is unknown.
        algebra: basis of the Lie algebra, see `lie_algebra`.
        bracket: what the brackets of the null space, as it was estimated, leave outside of it
            (orthonormal basis, so at most √2); 0 for an exact symmetry.
        residual: largest relative derivative along the basis of the Lie algebra, after it was
            closed.
        plain: whether its entries were recognised as whole numbers.
        candidates: finite candidates, each with its error.
        finite: those chosen as generators, see `generators`.
        fit_error: held-out error of the polynomial that was fitted to values, over their deviation;
            None if nothing was fitted.
        covariance: whether no more than the mean and covariance of samples was looked at, by a
            density that was fitted to degree 2; it is Gaussian, whatever the samples are.
    """

    n: int
    singular_values: tuple[float, ...]
    tolerance: float
    noise: float
    algebra: tuple[Matrix, ...]
    bracket: float
    residual: float
    plain: bool
    candidates: tuple[Candidate, ...] = ()
    finite: tuple[Matrix, ...] = ()
    fit_error: float | None = None
    covariance: bool = False

    @property
    def lie_algebra(self) -> Tensor:
        """Basis (k, n, n): whole numbers where they were recognised, else orthonormal."""
        return torch.tensor(self.algebra, dtype=torch.float64).reshape(-1, self.n, self.n)

    @property
    def generators(self) -> Tensor:
        """Matrices (m, n, n) that, with exp of the Lie algebra, give all accepted candidates."""
        return torch.tensor(self.finite, dtype=torch.float64).reshape(-1, self.n, self.n)

    @property
    def gap(self) -> float:
        """Smallest singular value above the cut over the largest below (over the cut if none is).

        Near 1 the cut goes through a continuum, and is arbitrary.
        """
        k = len(self.algebra)
        below = self.singular_values[k - 1] if k else self.tolerance
        above = self.singular_values[k] if k < len(self.singular_values) else 1.0
        return above / max(below, sys.float_info.epsilon)

    @property
    def closed(self) -> bool:
        """Whether the Lie algebra is closed under brackets."""
        from geomdl.symmetrization.discover_algebra import bracket_residual

        return bracket_residual(self.lie_algebra) <= CLOSED

    @property
    def group(self) -> Group:
        """The group that both generate, acting on (n) by its standard representation.

        An algebra that was estimated is closed to rounding where the data do not contradict; it is
        then that of a group near the one that was measured, as near as `residual` says.
        Candidates stay as they were given: beside an algebra that is not `plain` they are
        symmetries up to the tolerance only, and may enlarge the group.

        Raises:
            ValueError: the Lie algebra is not `closed`.
        """
        identity = torch.eye(self.n, dtype=torch.float64).unsqueeze(0)
        finite = self.generators if len(self.finite) else identity
        if not self.algebra:
            return matrix_group(finite, name="discovered")
        return matrix_group(
            finite[: len(self.finite)], self.lie_algebra, name="discovered", tol=CLOSED
        )

    def __str__(self) -> str:
        k = len(self.algebra)
        accepted = sum(c.accepted for c in self.candidates)
        found = (
            f"Lie algebra of dimension {k} (of {len(self.singular_values)}; gap {self.gap:.1e}, cut"
            f" {self.tolerance:.1e}, residual {self.residual:.1e}); {accepted} of"
            f" {len(self.candidates)} finite candidates, {len(self.finite)} generators"
        )
        if self.covariance:
            found += "; up to covariance, as degree 2 sees no more of samples"
        if not self.noise:
            found += "; noise unknown" + self._largest_gap()
        return found

    def _largest_gap(self) -> str:
        """Where the largest ratio of successive singular values lies, in words."""
        values = [max(s, sys.float_info.epsilon) for s in self.singular_values]
        ratios = [above / below for below, above in pairwise(values)]
        if not ratios:
            return ""
        at = ratios.index(max(ratios))
        return f", largest gap {ratios[at]:.1e} after dimension {at + 1}"

    def to_json(self, indent: int | None = None) -> str:
        """Everything as JSON; `from_json` reads it back."""
        found = {"format": FORMAT, "gap": self.gap, **asdict(self)}
        return json.dumps(found, indent=indent, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> "Discovery":
        """What `to_json` wrote.

        Raises:
            ValueError: it is something else, or of another format.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("format") != FORMAT or "algebra" not in found:
            raise ValueError(f"text: expected a discovery of format {FORMAT}, got another text")
        values = {f.name: _tuples(found[f.name]) for f in fields(Discovery) if f.name in found}
        rows = tuple(
            Candidate(**{**row, "matrix": _tuples(row["matrix"])}) for row in found["candidates"]
        )
        return Discovery(**{**values, "candidates": rows})

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the singular values with the cut, and beside them the errors of the candidates.

        Args:
            path: file to write as well; its ending names the format.

        Returns:
            the matplotlib figure, not shown.
        """
        from geomdl.symmetrization.discover_plot import plot

        return plot(self, path)


def matrix(m: Tensor) -> Matrix:
    """Entries as nested tuples."""
    return tuple(tuple(row) for row in m.tolist())


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
