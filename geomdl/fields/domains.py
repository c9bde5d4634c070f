"""Where data lives: grids, points, nodes, edges, or nowhere in particular.

A domain says how the *places* of a field move under a group element; what sits at a place moves by
the field's representation. Domains are frozen, hashable values.
"""

from dataclasses import dataclass
from typing import Any

from geomdl.fields.resample import METHODS
from geomdl.groups import Rep
from geomdl.groups import from_config as group_from_config


class Domain:
    """Base of all domains."""

    def to_config(self) -> dict[str, Any]:
        """JSON-able description, read back by `domain_from_config`."""
        return {"domain": type(self).__name__}


@dataclass(frozen=True)
class Vector(Domain):
    """No places: the group acts on components alone. Tensors are (..., *fibre).

    Example:
        >>> Vector()
        Vector()
    """


@dataclass(frozen=True)
class Nodes(Domain):
    """Nodes of a graph or members of a set, without positions. Tensors are (..., nodes, *fibre).

    A permutation moves node i to place perm[i]: (g x)[perm[i]] = ρ(g) x[i].
    """


@dataclass(frozen=True)
class Edges(Domain):
    """The edges themselves: a `Graph`, or an integer `edge_index` (2, edges), whose nodes rename.

    Edges keep their order, so that what is attached to them (a `Vector` field) need not move.
    """


class Spatial(Domain):
    """A domain in d-dimensional space.

    Attributes:
        d: dimension of space.
        action: representation of dimension d by which the group moves places; None for the way in
            which the group moves points by itself (`Group.parts`).
    """

    d: int
    action: Rep | None

    def _check(self) -> None:
        if not isinstance(self.d, int) or isinstance(self.d, bool) or self.d < 1:
            raise ValueError(f"d: should be a positive integer, got {self.d!r}")
        if self.action is not None and self.action.dim != self.d:
            raise ValueError(f"action: should have dimension d={self.d}, got {self.action!r}")

    def _action_config(self) -> dict[str, Any]:
        return {} if self.action is None else {"action": self.action.to_config()}

    def _shown(self, *extra: str) -> str:
        action = [] if self.action is None else [f"action={self.action!r}"]
        return f"{type(self).__name__}({', '.join([str(self.d), *extra, *action])})"


@dataclass(frozen=True, repr=False)
class Points(Spatial):
    """Points in space: features are (..., nodes, *fibre), positions are (..., nodes, d).

    Features mix by the representation and do not translate; positions do, see
    `geomdl.fields.positions`. Where the group permutes, the rows move as those of `Nodes`.

    Args:
        d: dimension of space.
        action: how the group moves positions, a representation of dimension d.

    Example:
        >>> Points(3)
        Points(3)
    """

    d: int
    action: Rep | None = None

    def __post_init__(self) -> None:
        self._check()

    def to_config(self) -> dict[str, Any]:
        """JSON-able description, read back by `domain_from_config`."""
        return {**super().to_config(), "d": self.d, **self._action_config()}

    def __repr__(self) -> str:
        return self._shown()


@dataclass(frozen=True, repr=False)
class Grid(Spatial):
    """Pixels in a d-dimensional array. Tensors are (batch, rep.dim, *spatial).

    Coordinates are measured in pixels from the centre of the array; x runs along the last axis,
    y against the last but one, z against the one before (x = column, y = −row). Periodic
    translations go by whole pixels along the array's own axes.

    Args:
        d: number of spatial axes.
        periodic: whether the array closes up at its ends.
        interpolation: "spline" (cubic) or "fourier", for elements that move pixels off the grid.
        action: how the group moves coordinates, a representation of dimension d; for instance an
            embedding of C4 in space.
        resolution: pixels by which a unit translation moves the content. Shifts by multiples of
            s pixels are Z_{n/s} at resolution s; after a stride of s they are it at resolution 1.

    Raises:
        ValueError: unknown interpolation, wrong dimension of the action, no positive resolution.

    Example:
        >>> Grid(2, periodic=True)
        Grid(2, periodic=True)
    """

    d: int
    periodic: bool = False
    interpolation: str = "spline"
    action: Rep | None = None
    resolution: int = 1

    def __post_init__(self) -> None:
        self._check()
        if not isinstance(self.resolution, int) or self.resolution < 1:
            raise ValueError(f"resolution: should be a positive integer, got {self.resolution!r}")
        if self.interpolation not in METHODS:
            known = " or ".join(map(repr, METHODS))
            raise ValueError(f"interpolation: should be {known}, got {self.interpolation!r}")

    def to_config(self) -> dict[str, Any]:
        """JSON-able description, read back by `domain_from_config`."""
        own = {"d": self.d, "periodic": self.periodic, "interpolation": self.interpolation}
        own |= {} if self.resolution == 1 else {"resolution": self.resolution}
        return {**super().to_config(), **own, **self._action_config()}

    def __repr__(self) -> str:
        extra = ["periodic=True"] if self.periodic else []
        if self.interpolation != METHODS[0]:
            extra.append(f"interpolation={self.interpolation!r}")
        if self.resolution != 1:
            extra.append(f"resolution={self.resolution}")
        return self._shown(*extra)


_DOMAINS: dict[str, type[Domain]] = {c.__name__: c for c in (Edges, Grid, Nodes, Points, Vector)}


def domain_from_config(config: dict[str, Any]) -> Domain:
    """Domain from what its `to_config` gave.

    Raises:
        ValueError: the configuration names no domain.
    """
    options = dict(config)
    name = options.pop("domain", None)
    if name not in _DOMAINS:
        known = ", ".join(_DOMAINS)
        raise ValueError(f"config: domain should be one of {known}, got {name!r}")
    if "action" in options:
        options["action"] = group_from_config(options["action"])
    return _DOMAINS[name](**options)
