"""`symmetrize`: any network made equivariant."""

from collections.abc import Callable
from typing import Any

from torch import nn

from geomdl.fields import Type
from geomdl.groups import Group
from geomdl.symmetrization.modes import Average, Canonical, Frames, Sample
from geomdl.symmetrization.symmetrized import Symmetrized

MODES: dict[str, Callable[..., Symmetrized]] = {
    "average": Average,
    "frames": Frames,
    "canonical": Canonical,
    "sample": Sample,
}


def symmetrize(
    f: nn.Module,
    group: Group | str,
    mode: str = "average",
    *,
    source: Type = None,
    target: Type = None,
    **options: Any,
) -> Symmetrized:
    """Make any network equivariant without touching its weights.

    y(x) = Σ_i w_i g_i f(g_i⁻¹ x) satisfies y(g x) = g y(x) for every f, if the elements and weights
    move with the input. Which they are, and how often f is evaluated, depends on the mode:

    - "average": all elements, or a quadrature. *Exact* for finite groups at the cost of their
      order; for compact Lie groups as exact as `degree` says (`Average`).
    - "frames": a few elements read from points, vectors or sets. *Exact* where principal axes
      differ, and for sets; 2^d evaluations for O(d), one for S_n (as many as there are orders of
      equal members), more for continuous ones, ``weighted=True`` (`Frames`).
    - "canonical": the one element that a small equivariant network names. *Exact* where one scores
      highest, and for sets as above (`Canonical`).
    - "sample": n random elements, equivariant in expectation only (`Sample`).

    Equivariance under a product G × H comes from doing it twice, for H inside and then for G with a
    mode whose elements do not depend on H (the principal axes of points in any order, say).

    Values move by `Field.act`, so the target says whether outputs are invariant (trivial
    representations) or turn along. NaN stays within its sample.

    Args:
        f: any module. The result holds it as `f`: the same parameters, gradients and mode.
        group: the group or its name.
        mode: "average", "frames", "canonical" or "sample".
        source: type of the arguments of f, a `Field` or a dict of them by name; by default
            `f.source`.
        target: type of its output; by default `f.target`.
        options: of the mode: `degree`, `chunk`; `weighted`; `canonicalizer`; `n`, `rng`; `by`.

    Returns:
        module with `source`, `target` and `cost`, the factor in evaluations of f.

    Raises:
        TypeError: f is no module, or an option is not of the mode.
        ValueError: an unknown mode, a group that the mode does not take, or a field of another
            group.

    Example:
        >>> import geomdl, torch
        >>> C4 = geomdl.group("C4")
        >>> image = geomdl.Field(geomdl.Grid(2), 3 * C4.trivial)
        >>> vector = geomdl.Field(geomdl.Vector(), C4.standard)
        >>> cnn = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> model = symmetrize(cnn, C4, source=image, target=vector)
        >>> model.cost, geomdl.audit(model, torch.rand(2, 3, 6, 6)).passed()
        (4, True)
        >>> model.f.state_dict().keys() == cnn.state_dict().keys()
        True

    Source: Yarotsky 2018, arXiv:1804.10306, for averages; the others at their classes.
    """
    if mode not in MODES:
        raise ValueError(f"mode: expected {', '.join(MODES)}, got {mode!r}")
    return MODES[mode](f, group, source=source, target=target, **options)
