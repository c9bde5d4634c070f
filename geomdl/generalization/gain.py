"""`invariance_gain`: what a symmetry is worth, from the group and its action alone."""

import math
from typing import TYPE_CHECKING

import torch

from geomdl.fields import Field, Grid, Vector
from geomdl.generalization.gain_result import InvarianceGain
from geomdl.generalization.invariant_risk import (
    averaging_gap,
    harmonic_counts,
    rademacher_ratio,
    samples_for,
)
from geomdl.generalization.linear_risk import ridgeless_risk
from geomdl.groups import Group, Rep
from geomdl.groups import group as named

if TYPE_CHECKING:
    from geomdl.groups.subgroup import Subgroup

__all__ = ["action_on", "invariance_gain"]


def action_on(field: Field | Rep, shape: tuple[int, ...] | None = None) -> Rep:
    """The representation by which a group moves the flat values of a field.

    Args:
        field: a `Vector`, or a `Grid` of an action that permutes the pixels of ``shape``; a
            representation is given back.
        shape: pixels of a grid, (h, w) or longer.

    Returns:
        of dimension channels × pixels, in the order of `Tensor.flatten(1)`.

    Raises:
        ValueError: another field, a shape that is missing, or an action that mixes pixels.
        TypeError: neither a field nor a representation.

    Example:
        >>> import geomdl
        >>> D4 = geomdl.group("D4")
        >>> action_on(geomdl.Field(geomdl.Grid(2), 2 * D4.trivial), (3, 3)).dim
        18
    """
    if isinstance(field, Rep):
        return field
    if not isinstance(field, Field):
        raise TypeError(f"field: expected a Field or a Rep, got {type(field).__name__}")
    if isinstance(field.domain, Vector):
        return field.rep
    if not isinstance(field.domain, Grid) or field.group.order is None:
        raise ValueError(f"field: expected a Vector, or a Grid of a finite group, got {field!r}")
    if shape is None or len(shape) != field.domain.d:
        raise ValueError(f"shape: expected {field.domain.d} numbers of pixels, got {shape!r}")
    G, n = field.group, math.prod(shape)
    scalar = Field(field.domain, G.trivial)
    names = torch.arange(n, dtype=torch.float64).reshape(1, 1, *shape)
    moved = torch.stack([scalar.act(g, names).flatten() for g in G.elements]).round().long()
    if not torch.equal(moved.sort(1).values, torch.arange(n).expand(len(moved), n)):
        raise ValueError(f"shape: {G.name} should permute the pixels, it mixes those of {shape}")
    return field.rep @ G.permutation_rep(moved.argsort(1))


def invariance_gain(
    group: "Group | Subgroup | str",
    field: Field | Rep,
    *,
    shape: tuple[int, ...] | None = None,
    degrees: int = 8,
    n: int | None = None,
    noise: float = 0.0,
    norm: float = 1.0,
) -> InvarianceGain:
    """Say what invariance under a group is worth, for inputs without a preferred direction.

    - Counting: of the spherical harmonics of degree k a share γ_k is invariant, by Molien's series;
      it tends to 1/|G|. So many fewer coefficients has an invariant function.
    - Complexity: the Rademacher complexity of linear functions falls by μ_k/μ_d.
    - Regression: with n Gaussian samples of an invariant linear target and noise σ, the mean excess
      risks of least squares on all coordinates, of its average over the group, and of least
      squares on the invariant coordinates, where n > d + 1:

          σ² d/(n - d - 1),    σ² k/(n - d - 1),    σ² k/(n - k - 1).

      The second is what averaging after training saves, the third what an invariant architecture
      saves; training on all transformed samples comes to the third. The first at n samples equals
      the third at n' with (n' - 1)/(n - 1) = k/d. All *exact*, for n < d - 1 too.

    Args:
        group: group, or its name, or a subgroup of that of the field, or its name.
        field: how it acts: a `Field` or an orthogonal representation.
        shape: pixels, if the field is on a grid.
        degrees: greatest degree of the table.
        n: training samples; None to leave the regression out.
        noise: σ ≥ 0, of the labels.
        norm: |θ|, of the linear target.

    Returns:
        The gains, with a table as text.

    Raises:
        ValueError: the field is no representation of the group, or not orthogonal, or of dimension
            1; a target that is invariant is wanted and there is none.

    Example:
        >>> import geomdl
        >>> C6 = geomdl.group("C6")
        >>> gain = invariance_gain(C6, 4 * C6.regular, n=60, noise=0.5, degrees=4)
        >>> gain.invariant_dim, gain.sample_gain, gain.samples
        (4, 6.0, 11)
        >>> [round(s, 3) for s in gain.share]
        [1.0, 0.167, 0.171, 0.168, 0.167]

    Source: Elesedy and Zaidi 2021, arXiv:2102.10333; Bietti, Venturi and Bruna 2021,
    arXiv:2106.07148.
    """
    rep = action_on(field, shape)
    wanted = named(group) if isinstance(group, str) else group
    if wanted != rep.group:
        rep = rep.restrict(wanted)
    if isinstance(degrees, bool) or not isinstance(degrees, int) or degrees < 0:
        raise ValueError(f"degrees: expected a whole number of at least 0, got {degrees!r}")
    part, whole = harmonic_counts(rep, degrees)
    d, k = rep.dim, len(rep.fixed())
    found = {
        "group": rep.group.name,
        "order": rep.group.order,
        "dim": d,
        "invariant_dim": k,
        "harmonics": tuple(whole),
        "invariant_harmonics": tuple(part),
        "rademacher": rademacher_ratio(d, k),
    }
    if n is None:
        return InvarianceGain(**found)  # type: ignore[arg-type]
    if k == 0:
        raise ValueError(f"n: only 0 is invariant under {rep.name}, so there is no linear target")
    plain = ridgeless_risk(n, d, noise, norm)
    gap = averaging_gap(n, d, d - k, noise, norm)
    invariant = ridgeless_risk(n, k, noise, norm)
    return InvarianceGain(
        **found,  # type: ignore[arg-type]
        n=n,
        noise=noise,
        plain=plain,
        averaged=plain - gap if math.isfinite(plain) else math.inf,
        invariant=invariant,
        samples=_samples(plain, k, noise, norm),
    )


def _samples(risk: float, k: int, noise: float, norm: float) -> int | None:
    """As `samples_for`; k of them solve for k numbers exactly, an infinite risk needs none."""
    if risk == math.inf:
        return None
    return samples_for(risk, k, noise, norm) if risk > 0 else k
