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
    move with the input. The modes differ in which they are:

    ============= ============================================ ==================== ===============
    mode          elements                                     cost                 symmetry
    ============= ============================================ ==================== ===============
    ``average``   all, or a quadrature: `Average`              order of the group   exact / degree
    ``frames``    read from points or sets: `Frames`           2^d; 1 for S_n       exact
    ``canonical`` one, named by a small network: `Canonical`   1                    exact
    ``sample``    random: `Sample`                             n                    in expectation
    ============= ============================================ ==================== ===============

    Values move by `Field.act`, so the target says whether outputs are invariant (trivial
    representations) or turn along. NaN stays within its sample.

    Args:
        f: any module. The result holds it as `f`: the same parameters, gradients and mode.
        group: the group or its name.
        mode: see above.
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
