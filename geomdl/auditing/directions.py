"""The directions in which a Lie derivative is taken: names, curves, or a basis of a Lie algebra."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

from geomdl.auditing.curves import Curve, FieldCurve, Warp, names, still, warp
from geomdl.auditing.trees import Leaf, inexact, is_type
from geomdl.auditing.types import resolve
from geomdl.fields import Field, Grid, Type, group_of
from geomdl.groups import Group
from geomdl.groups import group as group_by_name

Wanted = str | Curve | Sequence[str] | Mapping[str, Curve] | None
Target: TypeAlias = "Type | Curve"


@dataclass(frozen=True)
class Direction:
    """A one-parameter group and what it moves.

    Attributes:
        name: of the action, or of the basis vector.
        curve: moves inputs that have no Field.
        hidden: moves what layers take and give, where nothing else is said.
        output: moves outputs that have no Field.
        index: of the basis vector of the Lie algebra, for Fields; None for a curve.
    """

    name: str
    curve: Curve
    hidden: Curve = still
    output: Curve = still
    index: int | None = None

    def of_input(self, leaf: Leaf) -> Curve:
        """How an input is moved."""
        if not inexact(leaf.value):
            return still
        return self._of(leaf, self.curve)

    def of_output(self, leaf: Leaf) -> Curve:
        """How an output is moved."""
        return self._of(leaf, self.output)

    def of_hidden(self, x: Tensor) -> Curve | None:
        """How a tensor inside is moved; None where its shape does not say."""
        unknown = isinstance(self.hidden, Warp) and not self.hidden.acts(x)
        return None if unknown else self.hidden

    def _of(self, leaf: Leaf, curve: Curve) -> Curve:
        if self.index is None:
            return curve
        return still if leaf.field is None else FieldCurve(leaf.field, self.index)


@dataclass(frozen=True)
class Directions:
    """Directions with the types of inputs and outputs, and the group whose Fields may be met."""

    all: tuple[Direction, ...]
    source: Type
    target: Type
    group: Group | None = None


def directions(
    f: Any,
    inputs: Sequence[Any],
    action: Wanted,
    group: Group | str | None,
    source: Type,
    target: Any,
    periodic: bool,
) -> Directions:
    """Directions from what a user says; see `geomdl.lie_derivative`.

    Raises:
        ValueError: action and group, or neither fits; the group is discrete.
    """
    if group is not None or (action is None and is_type(getattr(f, "source", ""))):
        if action is not None:
            raise ValueError("action: expected either an action or a group, got both")
        return _of_group(f, inputs, group, source, target)
    if source is not None or (target is not None and not callable(target)):
        raise ValueError("source, target: expected Fields beside group= only; target= may be a "
                         "curve (t, y) -> y_t")  # fmt: skip
    if callable(action) or isinstance(action, Mapping):
        curves = action if isinstance(action, Mapping) else {_name(action): action}
        some = [Direction(name, c, still, target or still) for name, c in curves.items()]
        return Directions(tuple(some), _none(inputs), None)
    image = next((x for x in inputs if inexact(x)), None)
    if image is None or not 3 <= image.ndim <= 5:
        got = "no tensor" if image is None else f"shape {tuple(image.shape)}"
        raise ValueError(f"x: expected an image (batch, channels, *spatial), got {got}")
    d, sizes = image.ndim - 2, tuple(image.shape[2:])
    some = []
    for name in _listed(action, d, periodic):
        move = warp(name, sizes, periodic)
        some.append(Direction(name, move, move, target or move))
    types = tuple(_image(x, d, periodic) for x in inputs)
    return Directions(tuple(some), types[0] if len(types) == 1 else types, None)


def _of_group(
    f: Any, inputs: Sequence[Any], group: Group | str | None, source: Type, target: Type
) -> Directions:
    if group is not None:  # before types are missed
        _check_lie(group_by_name(group) if isinstance(group, str) else group)
    source, target, found, _ = resolve(f, group, source, target)
    _check_lie(found)
    ambient = group_of(source, target)
    if found != ambient:
        raise ValueError(f"group: expected {ambient.name}, the group of the Fields, got "
                         f"{found.name}")  # fmt: skip
    field = source if isinstance(source, Field) else None
    some = []
    for i in range(found.lie_dim):
        hidden: Curve = still
        if field is not None and isinstance(field.domain, Grid):
            hidden = FieldCurve(field, i).places(tuple(inputs[0].shape[2:]))
        some.append(Direction(f"A{i}", still, hidden, still, i))
    return Directions(tuple(some), source, target, found)


def _check_lie(group: Group) -> None:
    if not group.lie_dim:
        raise ValueError(
            f"group: expected one with a Lie algebra, got {group.name}, which is discrete; audit "
            "it with geomdl.audit, or name an action"
        )


def _listed(action: Any, d: int, periodic: bool) -> list[str]:
    every = names(d)
    shifts = [name for name in every if name.startswith("translation")]
    if action is None:
        return shifts if periodic else every
    wanted = [action] if isinstance(action, str) else list(action)
    return [n for name in wanted for n in (shifts if name == "translation" else [name])]


def _none(inputs: Sequence[Any]) -> Type:
    return None if len(inputs) == 1 else (None,) * len(inputs)


def _image(x: Any, d: int, periodic: bool) -> Field | None:
    if not isinstance(x, Tensor) or x.ndim != d + 2 or not x.shape[1]:
        return None
    shifts = group_by_name(f"R{d}")
    return Field(Grid(d, periodic), x.shape[1] * shifts.trivial)


def _name(curve: Any) -> str:
    return str(getattr(curve, "__name__", type(curve).__name__))
