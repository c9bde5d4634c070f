"""What the translations of all layers share: spaces and fields, each translated once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from torch import nn

from geomdl.fields import Field
from geomdl.groups import Rep, direct_sum
from geomdl.interop.escnn.affine import Affine
from geomdl.interop.escnn.reps import recognize
from geomdl.interop.escnn.spaces import Space, space_of

Part: TypeAlias = "Affine | nn.Module"


class Bridge:
    """Translates spaces, representations and field types of escnn's, each once."""

    def __init__(self) -> None:
        self._spaces: list[tuple[Any, Space]] = []  # some of escnn's spaces cannot be hashed
        self._reps: dict[tuple[Space, Any], Rep] = {}

    def space(self, gspace: Any) -> Space:
        """Our group with its action."""
        for known, space in self._spaces:
            if known == gspace:
                return space
        self._spaces.append((gspace, space_of(gspace)))
        return self._spaces[-1][1]

    def rep(self, gspace: Any, representation: Any) -> Rep:
        """One field of escnn's, as one block."""
        space = self.space(gspace)
        key = (space, representation)
        if key not in self._reps:
            matrices = space.matrices(representation)
            self._reps[key] = recognize(space.group, space.ours, matrices)
        return self._reps[key]

    def reps(self, field_type: Any) -> list[Rep]:
        """The fields of a type in order, each one block."""
        return [self.rep(field_type.gspace, r) for r in field_type.representations]

    def field(self, field_type: Any, like: Field | None = None) -> Field:
        """The field of a type; on the domain of ``like``, a field of the same group."""
        rep = direct_sum([(r, 1) for r in self.reps(field_type)])
        if like is None:
            return Field(self.space(field_type.gspace).domain, rep)
        if like.group != rep.group:
            raise ValueError(
                f"module: a layer of {rep.group.name} follows one of {like.group.name}"
            )
        return Field(like.domain, rep)


Translation: TypeAlias = Callable[[Any, Field, Bridge], Sequence[Part]]
"""From a layer of escnn's and our field of its input to our parts in order."""

TRANSLATIONS: dict[str, Translation] = {}
"""By the name of escnn's class."""


def translates(*names: str) -> Callable[[Translation], Translation]:
    """Register a translation under names of escnn's classes."""

    def register(function: Translation) -> Translation:
        TRANSLATIONS.update(dict.fromkeys(names, function))
        return function

    return register


def whole(value: Any, what: str, name: str) -> int:
    """One number of a size that escnn allows to differ from axis to axis."""
    values = set(value) if isinstance(value, tuple) else {value}
    if len(values) != 1:
        raise ValueError(f"module: {name} should have one {what} for all axes, got {value}")
    return int(values.pop())
