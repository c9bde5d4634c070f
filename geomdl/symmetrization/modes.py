"""What each mode of `symmetrize` gives."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from geomdl import groups
from geomdl.fields import Edges, Field, Grid, Nodes, Points, Type, Vector, fields_of
from geomdl.fields.numbers import at_least
from geomdl.groups import Group
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.symmetric import Symmetric
from geomdl.registry import Example, register_layer
from geomdl.symmetrization.canonical import BestElement, LearnedAxes, LearnedOrder
from geomdl.symmetrization.clouds import point_group, translates
from geomdl.symmetrization.frame import Draws, Frame, Orbit, elsewhere
from geomdl.symmetrization.points import Centred, PointFrames, PrincipalAxes
from geomdl.symmetrization.sorting import Sorting
from geomdl.symmetrization.symmetrized import Symmetrized, check_types, group_of_name
from geomdl.translation import MLP


def _images(channels: int) -> Callable[[torch.Generator], tuple[Any, ...]]:
    """Three images of 4 × 4 pixels."""
    return lambda rng: (torch.randn(3, channels, 4, 4, generator=rng, dtype=torch.float64),)


def _example_average() -> nn.Module:
    C4 = groups.group("C4")
    source, target = Field(Grid(2), C4.trivial), Field(Vector(), C4.trivial + C4.standard)
    mlp = MLP(1, 3, width=8, depth=1, shape=(4, 4))
    return Average(mlp, C4, source=source, target=target)


def _example_sample() -> nn.Module:
    C4 = groups.group("C4")
    source, target = Field(Grid(2), C4.trivial), Field(Vector(), C4.trivial + C4.standard)
    mlp = MLP(1, 3, width=8, depth=1, shape=(4, 4))
    return Sample(mlp, C4, source=source, target=target, n=2)


_REFUSES = {"equivariance": "it is equivariant in expectation only"} | dict.fromkeys(
    ("determinism", "batch_independence", "dtypes", "gradcheck", "compile", "nan_isolation",
     "deepcopy"),
    "each call draws other elements, and gives another output",
)  # fmt: skip


def _example_frames() -> nn.Module:
    O3 = groups.group("O3")
    source, target = (Field(Vector(), n * O3.standard) for n in (4, 2))
    return Frames(MLP(12, 6, width=8, depth=1), O3, source=source, target=target)


def _vectors(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 12, generator=rng, dtype=torch.float64),)


def _example_canonical() -> nn.Module:
    C4 = groups.group("C4")
    source, target = Field(Grid(2), C4.trivial), Field(Vector(), C4.regular)
    mlp = MLP(1, 4, width=8, depth=1, shape=(4, 4))
    return Canonical(mlp, C4, source=source, target=target)


def _alone(source: Type, target: Type) -> bool:
    """Whether there is one input, and outputs do not move."""
    still = all(f.rep == f.channels * f.group.trivial for f in fields_of(target))
    nodes = any(isinstance(f.domain, (Nodes, Points, Edges)) for f in fields_of(target))
    return isinstance(source, Field) and still and not nodes


def _frame(G: Group, source: Type, by: str | None, make: Callable[[Group], Frame]) -> Frame:
    """Frame of G; where G translates, of its point group about the centroid of the positions."""
    if not translates(G):
        return make(G)
    inner = point_group(G)
    return Centred(G, None if inner is None else make(inner), source, by)


@register_layer("symmetrization/Average", example=Example(_example_average, _images(1)))
class Average(Symmetrized):
    """The mean over the group, y(x) = ∫ g f(g⁻¹ x) dg (the Reynolds operator).

    *Exact* for finite groups, as exactly as they act (see `Field.act`). For SO(2), O(2), SO(3),
    O(3) and their products a quadrature stands for the integral: *exact* where g f(g⁻¹ x) is a
    polynomial of at most `degree` in the entries of g (f a polynomial of degree p, outputs that
    turn by tensors of degree q: p + q); else the error falls with the degree, as fast as f is
    smooth. Translations of space are no compact group: where the group is R^d ⋊ H, the mean is over
    H about the centroid of the positions, *exact*.

    Args:
        f: any module.
        group: the group or its name.
        source: type of the arguments of f; by default `f.source`.
        target: type of its output; by default `f.target`.
        degree: of the quadrature on a Lie group.
        by: name of the input with the positions, of which the centroid is taken.
        chunk: elements in one call of f at most.

    Raises:
        TypeError: f is no module.
        ValueError: the group has more than 50,000 elements, or no quadrature is known; a field is
            of another group.

    Example:
        >>> import geomdl
        >>> D4 = geomdl.group("D4")
        >>> image, classes = Field(Grid(2), D4.trivial), Field(Vector(), 10 * D4.trivial)
        >>> f = nn.Sequential(nn.Flatten(), nn.Linear(25, 10))
        >>> model = Average(f, D4, source=image, target=classes)
        >>> model.cost, geomdl.audit(model, torch.randn(2, 1, 5, 5)).passed()
        (8, True)
    """

    def __init__(
        self,
        f: nn.Module,
        group: Group | str,
        *,
        source: Type = None,
        target: Type = None,
        degree: int | None = None,
        by: str | None = None,
        chunk: int = 64,
    ) -> None:
        G = group_of_name(group)
        source, target = check_types(f, G, source, target)
        if degree is not None:
            at_least("degree", degree, 0)
        frame = _frame(G, source, by, lambda H: Orbit(H, degree))
        super().__init__(f, frame, source, target, chunk)


@register_layer(
    "symmetrization/Sample", example=Example(_example_sample, _images(1), refuses=_REFUSES)
)
class Sample(Symmetrized):
    """The mean over random elements, y(x) = Σ_{i ≤ n} g_i f(g_i⁻¹ x) / n.

    Not equivariant: only the expectation is, and the error falls as 1/√n. New elements are drawn at
    each call.

    Args:
        f: any module.
        group: the group or its name; Haar distributed elements, so its point group compact.
        source: type of the arguments of f; by default `f.source`.
        target: type of its output; by default `f.target`.
        n: number of elements.
        rng: what they are drawn from; by default a generator of its own, seeded with 0.
        by: name of the input with the positions, of which the centroid is taken.
        chunk: elements in one call of f at most.

    Raises:
        TypeError: f is no module.
        ValueError: the group is not compact up to translations; a field is of another group.
    """

    def __init__(
        self,
        f: nn.Module,
        group: Group | str,
        *,
        source: Type = None,
        target: Type = None,
        n: int = 8,
        rng: torch.Generator | None = None,
        by: str | None = None,
        chunk: int = 64,
    ) -> None:
        G = group_of_name(group)
        source, target = check_types(f, G, source, target)
        at_least("n", n, 1)
        frame = _frame(G, source, by, lambda H: Draws(H, n, rng))
        super().__init__(f, frame, source, target, chunk)


@register_layer("symmetrization/Frames", example=Example(_example_frames, _vectors))
class Frames(Symmetrized):
    """The mean over a few elements that are read from the input.

    O(d), SO(d) and, about the centroid, E(d), SE(d): the signs of the principal axes
    (`PrincipalAxes`). R^d: the centroid alone. S_n: the order of the members, or all orders where
    some are equal (`Sorting`). *Exact*, except where principal axes are undetermined since
    eigenvalues are equal. The mean jumps where axes cross, however smooth f is; ``weighted=True``
    takes weighted frames in their place, which are *continuous* at a higher cost (`PointFrames`,
    `Sorting`).

    Args:
        f: any module.
        group: the group or its name.
        source: type of the arguments of f; by default `f.source`.
        target: type of its output; by default `f.target`.
        weighted: whether to take continuous frames.
        by: name of the input that the frame is read from; by default the first that will do.
        chunk: elements in one call of f at most.

    Raises:
        TypeError: f is no module.
        ValueError: no frame is known for the group, or no input holds points, vectors or members; a
            field is of another group.

    Example:
        >>> import geomdl
        >>> E3 = geomdl.group("E3")
        >>> positions = geomdl.fields.positions(E3)
        >>> f = nn.Sequential(nn.Flatten(), nn.Linear(12, 12), nn.Unflatten(1, (4, 3)))
        >>> model = Frames(f, E3, source=positions, target=positions)
        >>> model.cost, geomdl.audit(model, torch.randn(2, 4, 3)).passed()
        (8, True)

    Source: Puny et al. 2022, arXiv:2110.03336; Dym, Lawrence and Siegel 2024, arXiv:2402.16077.
    """

    def __init__(
        self,
        f: nn.Module,
        group: Group | str,
        *,
        source: Type = None,
        target: Type = None,
        weighted: bool = False,
        by: str | None = None,
        chunk: int = 64,
    ) -> None:
        G = group_of_name(group)
        source, target = check_types(f, G, source, target)

        def make(H: Group) -> Frame:
            if isinstance(H, Orthogonal):
                return (PointFrames if weighted else PrincipalAxes)(H, source, by)
            if isinstance(H, Symmetric):
                return Sorting(H, source, by, weighted, _alone(source, target))
            raise ValueError(
                "group: expected O(d), SO(d), E(d), SE(d), R^d or S_n for frames, got "
                f"{G.name}{elsewhere(H)}"
            )

        super().__init__(f, _frame(G, source, by, make), source, target, chunk)


@register_layer("symmetrization/Canonical", example=Example(_example_canonical, _images(1)))
class Canonical(Symmetrized):
    """One element that a small equivariant network names, y(x) = c(x) f(c(x)⁻¹ x).

    Finite groups: the element of highest score (`BestElement`); O(d), SO(d) and, about the
    centroid, E(d), SE(d): Gram and Schmidt's matrix of learned vectors (`LearnedAxes`); S_n: the
    order of learned scores (`LearnedOrder`). *Exact*, as exactly as the group acts, except at
    inputs of a finite, an orthogonal or a Euclidean group with a symmetry of their own. Trained
    together with f, or alone with f frozen.

    Args:
        f: any module.
        group: the group or its name.
        source: type of the arguments of f; by default `f.source`.
        target: type of its output; by default `f.target`.
        canonicalizer: an equivariant network of the arguments of f; what it should give is said at
            the three frames above.
        by: name of the input that the default network looks at; by default the first that will do.

    Raises:
        TypeError: f, or the canonicalizer, is no module.
        ValueError: no canonicalization is known for the group; a field is of another group.

    Example:
        >>> import geomdl
        >>> D4 = geomdl.group("D4")
        >>> image, classes = Field(Grid(2), D4.trivial), Field(Vector(), 10 * D4.trivial)
        >>> f = nn.Sequential(nn.Flatten(), nn.Linear(25, 10))
        >>> model = Canonical(f, D4, source=image, target=classes)
        >>> model.cost, geomdl.audit(model, torch.randn(2, 1, 5, 5)).passed()
        (1, True)

    Source: Kaba et al. 2023, arXiv:2211.06489.
    """

    def __init__(
        self,
        f: nn.Module,
        group: Group | str,
        *,
        source: Type = None,
        target: Type = None,
        canonicalizer: nn.Module | None = None,
        by: str | None = None,
    ) -> None:
        G = group_of_name(group)
        source, target = check_types(f, G, source, target)
        if canonicalizer is not None and not isinstance(canonicalizer, nn.Module):
            raise TypeError(
                f"canonicalizer: expected an nn.Module, got {type(canonicalizer).__name__}"
            )

        def make(H: Group) -> Frame:
            if isinstance(H, Orthogonal):
                return LearnedAxes(H, source, by, canonicalizer)
            if isinstance(H, Symmetric):
                return LearnedOrder(H, source, by, canonicalizer, _alone(source, target))
            if isinstance(H, FiniteGroup) and H == G:
                return BestElement(H, source, by, canonicalizer)
            raise ValueError(
                "group: expected a finite group, O(d), SO(d), E(d), SE(d), R^d or S_n, got "
                f"{G.name}{elsewhere(H)}"
            )

        super().__init__(f, _frame(G, source, by, make), source, target)
