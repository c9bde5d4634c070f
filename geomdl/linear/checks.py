"""Checks that the layers of this package share."""

from typing import Any

from torch import Tensor

from geomdl.fields import Field, Vector
from geomdl.groups import Group, Rep


def vectors(name: str, given: Any, group: Group | None = None) -> Field:
    """Field of plain vectors of a representation, or the field itself.

    Args:
        name: of the argument.
        given: a `Rep`, or a `Field` over `Vector`.
        group: whose it should be, if that is known.

    Raises:
        TypeError: neither.
        ValueError: on another domain, with axes of its own, or of another group.

    Example:
        >>> import geomdl
        >>> vectors("source", geomdl.group("O3").standard)
        Field(Vector(), standard of O3)
    """
    if isinstance(given, Rep):
        given = Field(Vector(), given)
    if not isinstance(given, Field):
        raise TypeError(f"{name}: expected a Rep or a Field, got {type(given).__name__}")
    if given.domain != Vector() or given.fibre != (given.rep.dim,):
        raise ValueError(f"{name}: expected a field of plain vectors, got {given!r}")
    if group is not None and given.group != group:
        raise ValueError(
            f"{name}: expected a representation of {group.name}, got one of {given.group.name}"
        )
    return given


def check_input(field: Field, x: Tensor) -> None:
    """Refuse an input that is no real vector of a field.

    Raises:
        TypeError: no tensor.
        ValueError: another last axis or dtype.
    """
    field.check(x)
    if not x.dtype.is_floating_point:
        raise ValueError(f"x: expected floating point, got {x.dtype}")
