"""Which elements of a group are tried."""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

from geomdl.groups import Group
from geomdl.groups import elements as el
from geomdl.groups.products import Product

Kind = Literal["generator", "component", "element", "sample", "given"]
ALL_UP_TO = 64  # a finite group of at most this many elements is tried whole
COMPONENTS_UP_TO = 64
COEFFICIENTS = (0.1, -0.7, 2.3)  # along each direction of the Lie algebra


@dataclass(frozen=True)
class Probe:
    """One element that is tried: what it is called, and why it was chosen.

    Attributes:
        label: short name by the group's `describe`.
        element: the element, without batch axes.
        kind: generator, component (a representative), element (of a list of all), sample, given.
    """

    label: str
    element: Any
    kind: Kind


def choose(
    group: Group, samples: int, rng: torch.Generator, given: Any = None
) -> tuple[list[Probe], bool]:
    """Choose the elements to try, and say whether they are all there are.

    A finite group of up to 64 elements is tried whole. Of a larger one: its generators (discrete
    ones, and exp(c A) for every A of the Lie algebra and c = 0.1, −0.7, 2.3), a representative of
    every connected component, and `samples` random elements shared out evenly over the components
    (at least one each; from the whole group where there are more than 64 components). The
    identity, which proves nothing, is left out where there is another.

    Args:
        group: the group.
        samples: number of random elements.
        rng: their generator.
        given: instead, one element, a batch of them, or a list of single ones.

    Returns:
        the probes, and whether with the identity they are the whole group.

    Raises:
        TypeError: `given` holds what is no element.
        ValueError: `samples` is negative, or `given` is empty.

    Example:
        >>> import geomdl
        >>> probes, exhaustive = choose(geomdl.group("C4"), 0, torch.Generator())
        >>> len(probes), exhaustive
        (3, True)
    """
    if samples < 0:
        raise ValueError(f"samples: expected 0 or more, got {samples}")
    if given is not None:
        chosen = [_probe(group, g, "given") for g in _listed(group, given)]
        if not chosen:
            raise ValueError("elements: expected at least one, got none")
        return chosen, _covers(group, chosen)
    if group.order is not None and group.order <= ALL_UP_TO:
        chosen = [_probe(group, g, "element") for g in el.iterate(group, group.elements)]
        return _without_identity(group, chosen), True
    chosen = [_probe(group, g, "generator") for g in el.iterate(group, group.generators)]
    for direction in torch.eye(group.lie_dim, dtype=torch.float64):
        for c in COEFFICIENTS:
            chosen.append(_probe(group, group.exp(c * direction), "generator"))
    if group.order is not None:  # its components are all its elements
        chosen += _sampled(group, samples, rng, None)
        return _without_identity(group, chosen), False
    count = _component_count(group)
    if count > COMPONENTS_UP_TO:  # as where nodes are permuted: listing them would take for ever
        chosen += _sampled(group, samples, rng, None)
        return _without_identity(group, chosen), False
    chosen += [_probe(group, g, "component") for g in el.iterate(group, group.components)[1:]]
    for i in range(count if samples else 0):
        chosen += _sampled(group, math.ceil(samples / count), rng, i)
    return _without_identity(group, chosen), False


class Turn(NamedTuple):
    """How far an isometry turns: angle in radians, determinant ±1, dimension 2 or 3."""

    angle: float
    det: int
    dimension: int


def turn_of(group: Group, g: Any) -> Turn | None:
    """Angle and orientation of an orthogonal element of the plane or of space, for plots.

    Returns:
        in the plane the angle θ of R(θ), or of R(θ)·flip with flip: x → −x; in space the angle in
        [0, π] of the rotation part det·R. None where the element moves no points of the plane or of
        space, or not by an isometry.
    """
    matrix = group.parts(g).linear
    if matrix is None or matrix.shape[-1] not in (2, 3):
        return None
    d = int(matrix.shape[-1])
    eye = torch.eye(d, dtype=matrix.dtype)
    if not bool(((matrix @ matrix.T - eye).abs().amax() <= 1e-6).item()):
        return None
    det = 1 if float(torch.linalg.det(matrix)) > 0 else -1
    if d == 2:
        return Turn(math.atan2(det * float(matrix[1, 0]), det * float(matrix[0, 0])), det, d)
    cosine = (det * float(matrix.diagonal().sum()) - 1) / 2
    return Turn(math.acos(max(-1.0, min(1.0, cosine))), det, d)


def _component_count(group: Group) -> int:
    if group.order is not None:
        return group.order
    if isinstance(group, Product):
        return math.prod(map(_component_count, group.factors))
    return el.count(group, group.components)


def _probe(group: Group, g: Any, kind: Kind) -> Probe:
    return Probe(group.describe(g), g, kind)


def _sampled(group: Group, n: int, rng: torch.Generator, component: int | None) -> list[Probe]:
    batch = group.sample(n, rng, component=component)
    return [_probe(group, g, "sample") for g in el.iterate(group, batch)]


def _listed(group: Group, given: Any) -> list[Any]:
    if isinstance(given, list):
        for g in given:
            group.check(g, "elements")
        return given
    group.check(given, "elements")
    shape = el.batch_shape(group, given)
    if len(shape) == 0:
        return [given]
    return el.iterate(group, el.flatten(group, given))


def _without_identity(group: Group, probes: list[Probe]) -> list[Probe]:
    kept = [p for p in probes if not el.allclose(p.element, group.identity, 0.0)]
    return kept or probes[:1]


def prove_nothing(group: Group, probes: list[Probe]) -> bool:
    """Whether all probes are the identity of a group that has other elements."""
    return group.order != 1 and all(el.allclose(p.element, group.identity, 0.0) for p in probes)


def _covers(group: Group, probes: list[Probe]) -> bool:
    if group.order is None:
        return False
    seen = {int(group.index(p.element)) for p in probes}
    return len(seen | {int(group.index(group.identity))}) == group.order
