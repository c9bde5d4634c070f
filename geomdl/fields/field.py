"""A field: a domain with a representation, and how group elements act on it."""

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from geomdl.fields.checks import check_data, fibre_of
from geomdl.fields.domains import (
    Domain,
    Edges,
    Grid,
    Nodes,
    Points,
    Spatial,
    Vector,
    domain_from_config,
)
from geomdl.fields.graph import Graph
from geomdl.fields.grid import inscribed, keeps_pixels, move
from geomdl.fields.mixing import mix, permute_rows
from geomdl.fields.motion import check_motion, inverse, keeps_all_pixels, motion
from geomdl.groups import Group, Rep, Subgroup
from geomdl.groups import elements as el
from geomdl.groups import from_config as group_from_config

Data = TypeVar("Data", Tensor, Graph)


@dataclass(frozen=True, init=False, repr=False)
class Field:
    """The type of a tensor: where its values live, and how a group acts on them.

        (g f)(p) = ρ(g) f(g⁻¹ p)

    Fields are frozen, hashable values; equal ones are the same type.

    Args:
        domain: `Grid`, `Points`, `Nodes`, `Edges` or `Vector`; or a subgroup H < G of a finite
            group, which stands for G/H: ``rep`` is then of H, the field a `Vector` with the induced
            representation, one value of ``rep`` a coset.
        rep: the representation ρ by which values mix.
        channels: number of independent columns; values are then (rep.dim, channels), ρ acting on
            the first of the two axes. A grid has all its channels in ``rep``.
        shape: trailing axes of a value, with rep.dim entries in row-major order: (3, 3) under V⊗V,
            () for plain numbers under the trivial representation.
        affine: values are coordinates, which translations move; see `positions`.

    Attributes:
        fibre: trailing axes of the tensor (on a grid: its channel axis).

    Raises:
        TypeError: ``domain`` or ``rep`` is none.
        ValueError: the parts do not fit each other.

    Example:
        >>> import geomdl
        >>> c4 = geomdl.group("C4")
        >>> field = Field(Grid(2), 2 * c4.regular)
        >>> field
        Field(Grid(2), 2·regular of C4)
        >>> image = torch.arange(8 * 9.0).reshape(1, 8, 3, 3)
        >>> turned = field.act(torch.tensor(1), image)  # by 90°, and the channels along
        >>> torch.equal(turned[0, 1], image[0, 0].rot90(dims=(-2, -1)))
        True
        >>> field.check(image[:, :7])
        Traceback (most recent call last):
        ValueError: x: axis 1 should be rep.dim=8, got 7
    """

    domain: Domain
    rep: Rep
    fibre: tuple[int, ...]
    affine: bool

    def __init__(
        self,
        domain: Domain | Subgroup,
        rep: Rep,
        channels: int | None = None,
        shape: tuple[int, ...] | None = None,
        *,
        affine: bool = False,
    ) -> None:
        if isinstance(domain, Subgroup):  # the homogeneous space G/H
            rep, domain = rep.induce(domain), Vector()
        if not isinstance(domain, Domain):
            raise TypeError(
                f"domain: expected Grid, Points, Nodes, Edges or Vector, got {domain!r}"
            )
        if not isinstance(rep, Rep):
            raise TypeError(f"rep: expected a representation, got {rep!r}")
        for name, value in (
            ("domain", domain),
            ("rep", rep),
            ("fibre", fibre_of(domain, rep, channels, shape)),
            ("affine", affine),
        ):
            object.__setattr__(self, name, value)
        action = domain.action if isinstance(domain, Spatial) else None
        if action is not None and action.group != rep.group:
            raise ValueError(
                f"domain: its action is of {action.group.name}, rep of {rep.group.name}"
            )
        if affine and not (isinstance(domain, Points) and self.fibre == (domain.d,)):
            raise ValueError(f"affine: coordinates are those of Points, got {self!r}")
        if isinstance(domain, Grid):
            check_motion(domain, rep.group)

    # --- what it is ---------------------------------------------------------------------------
    @property
    def group(self) -> Group:
        """The group that acts."""
        return self.rep.group

    @property
    def channels(self) -> int:
        """Number of channels of a grid, or of columns where they were given, else rep.dim."""
        return self.fibre[1] if self.has_columns else self.rep.dim

    @property
    def has_columns(self) -> bool:
        """Whether values are (rep.dim, channels)."""
        dim, size = self.rep.dim, math.prod(self.fibre)
        return len(self.fibre) == 2 and self.fibre[0] == dim and (size != dim or self.fibre[1] == 1)

    def __repr__(self) -> str:
        extra = ""
        if self.has_columns:
            extra = f", channels={self.channels}"
        elif self.fibre != (self.rep.dim,) and not isinstance(self.domain, Edges):
            extra = f", shape={self.fibre}"
        if self.affine:
            extra += ", affine=True"
        return f"Field({self.domain!r}, {self.rep.name} of {self.group.name}{extra})"

    def to_config(self) -> dict[str, Any]:
        """JSON-able description, read back by `from_config`."""
        return {
            "field": self.domain.to_config(),
            "rep": self.rep.to_config(),
            "fibre": list(self.fibre),
            "affine": self.affine,
        }

    @staticmethod
    def from_config(config: dict[str, Any]) -> "Field":
        """Field from what `to_config` gave."""
        domain, rep = domain_from_config(config["field"]), group_from_config(config["rep"])
        fibre = tuple(config["fibre"])
        if isinstance(domain, (Grid, Edges)) or fibre == (rep.dim,):
            return Field(domain, rep, affine=config["affine"])
        if math.prod(fibre) != rep.dim:
            return Field(domain, rep, channels=fibre[1])
        return Field(domain, rep, shape=fibre)

    def check(self, x: Any, name: str = "x") -> None:
        """Refuse what is not of this type.

        Raises:
            TypeError: ``x`` is no tensor (for `Edges`: neither a `Graph` nor integers).
            ValueError: wrong shape; the message names the axis.
        """
        check_data(self, x, name)

    # --- how the group acts -------------------------------------------------------------------
    def act(self, g: Any, x: Data) -> Data:
        """The moved field g x.

        On a grid *exact* for signed permutations of the axes and shifts by whole pixels; else
        interpolated and zero outside of the inscribed disc (see `exact` and `mask`), with an error
        that falls with the resolution. On all other domains exact up to rounding.

        Args:
            g: one element, or a batch of elements of batch shape (x.shape[0],), one a sample.
            x: a tensor of this type (for `Edges` a `Graph` or integers (2, edges)).

        Returns:
            of the type and dtype of ``x``.

        Raises:
            TypeError: ``g`` is no element of the group.
            ValueError: ``x`` is not of this type, ``g`` not in the group, or of a wrong batch.
        """
        self.check(x)
        self.group.check(g)
        moved: Data = self.act_unchecked(g, x)
        return moved

    def act_unchecked(self, g: Any, x: Any) -> Any:
        """As `act`, for data that has passed `check`."""
        batch = tuple(el.batch_shape(self.group, g))
        if isinstance(self.domain, Edges):
            return self._rename(g, x, batch)
        lead = x.ndim - len(self.fibre)
        if batch and (lead == 0 or batch != (x.shape[0],)):
            wanted = f"() or ({x.shape[0]},), one element a sample" if lead else "()"
            raise ValueError(f"g: batch shape should be {wanted}, got {batch}")
        if isinstance(self.domain, Grid):
            moved = self._move(self.domain, g, x)
            return mix(self.rep, g, moved.flatten(2)).reshape(moved.shape)
        columns = self.fibre[1] if self.has_columns else 1
        values = mix(self.rep, g, x.reshape(*x.shape[:lead], self.rep.dim, columns))
        return self._move_rows(g, values, batch).reshape(x.shape)

    def _move(self, grid: Grid, g: Any, x: Tensor) -> Tensor:
        place = motion(grid, self.group, g)
        return move(x, place, periodic=grid.periodic, interpolation=grid.interpolation)

    def _move_rows(self, g: Any, values: Tensor, batch: tuple[int, ...]) -> Tensor:
        """Translate coordinates and permute nodes; values (*lead, rep.dim, columns)."""
        if not isinstance(self.domain, (Nodes, Points)):
            return values
        parts = self.group.parts(g)
        if self.affine and parts.translation is not None:
            shift = parts.translation.to(values.device, values.dtype)
            between = [1] * (values.ndim - 2 - len(batch))
            values = values + shift.reshape(*batch, *between, -1, 1)
        if parts.permutation is None:
            return values
        if batch and values.ndim < 4:
            raise ValueError("g: a batch of permutations needs x with axes (batch, nodes, …)")
        return permute_rows(parts.permutation, values.flatten(-2))

    def _rename(self, g: Any, x: Any, batch: tuple[int, ...]) -> Any:
        if batch:
            raise ValueError(f"g: edges are renamed by one element, got batch shape {batch}")
        perm = self.group.parts(g).permutation
        if perm is None:
            return x
        return x.permute(perm) if isinstance(x, Graph) else perm.to(x.device)[x.long()].to(x.dtype)

    def exact(self, g: Any, x: Any) -> bool:
        """Whether `act` moves ``x`` exactly: no interpolation, and nothing pushed out of the array.

        Args:
            g: one element, or a batch (then: whether all of them do).
            x: a tensor of this type.
        """
        if not isinstance(self.domain, Grid):
            return True
        place = motion(self.domain, self.group, g)
        if not bool(keeps_pixels(place).all()):
            return False
        if self.domain.periodic or not bool(place.shift.any()):
            return True
        there = move(x, place, periodic=False, interpolation="spline")
        return torch.equal(move(there, inverse(place), periodic=False, interpolation="spline"), x)

    def mask(self, x: Tensor) -> Tensor:
        """Where the action of the whole group on ``x`` can be trusted, bool of shape (*spatial).

        Everywhere if the group takes pixels to pixels, else in the inscribed disc. On domains
        without pixels a single True, of shape ().
        """
        if not isinstance(self.domain, Grid):
            return torch.ones((), dtype=torch.bool, device=x.device)
        sizes = x.shape[2:]
        whole = keeps_all_pixels(self.domain, self.group)
        return (torch.ones(sizes, dtype=torch.bool) if whole else inscribed(sizes)).to(x.device)

    def stabilizer(self, x: Data, tol: float | None = None) -> Subgroup:
        """Return the subgroup that fixes ``x``; see `geomdl.fields.stabilizer`."""
        from geomdl.fields.stabilizers import stabilizer

        return stabilizer(self, x, tol)


def positions(group: Group, action: Rep | None = None) -> Field:
    """Field of the coordinates of points: x -> linear x + translation.

    Args:
        group: acts on points, as E(3), O(3), or S_n × E(3) (which also permutes the rows).
        action: the linear part, if it is not ``group.linear``.

    Returns:
        affine field; its tensors are (…, nodes, d).

    Raises:
        ValueError: the group does not act on points.

    Example:
        >>> import geomdl
        >>> se2 = geomdl.group("SE2")
        >>> turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
        >>> g = (turn, torch.tensor([5.0, 0.0], dtype=torch.float64))
        >>> positions(se2).act(g, torch.tensor([[1.0, 0.0]]))
        tensor([[5., 1.]])
    """
    parts = group.identity_parts
    if parts.translation is not None and not parts.translation.is_floating_point():
        raise ValueError(f"positions: {group.name} shifts the pixels of an array, not points")
    if action is None and parts.linear is None and parts.translation is not None:
        action = parts.translation.shape[-1] * group.trivial
    rep = group.linear if action is None else action
    return Field(Points(rep.dim, action), rep, affine=True)
