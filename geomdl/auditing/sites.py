"""Where a network is opened: calls of layers, the tensors at both ends, and how a group moves them.

The sites are the innermost calls that declare their types, and elsewhere the calls that call no
other layer. A call that returns what it was given, such as dropout in evaluation, is none.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from geomdl.auditing.curves import Curve, FieldCurve, still
from geomdl.auditing.directions import Direction
from geomdl.auditing.prepare import owner
from geomdl.auditing.problem import Problem, kept
from geomdl.auditing.recording import hooked
from geomdl.auditing.trees import arguments, inexact, is_type, leaves
from geomdl.fields import Edges, Field, Vector, fields_of
from geomdl.groups import Group, Rep
from geomdl.groups.products import Product
from geomdl.groups.rep import direct_sum

Action = Curve | Field | None | Callable[[Tensor, Tensor, Curve], Tensor]
Ends = list[tuple[Tensor, Curve]]  # floating tensors at one end of a call, and how they move
Taken = list[tuple[Tensor, Curve | None]]  # likewise; None: as the code before has moved them


@dataclass
class _Call:
    name: str
    kind: str
    typed: bool
    parents: tuple[str, ...]
    floats: bool = True
    through: bool = False


@dataclass(frozen=True)
class Sites:
    """The calls at which a network is opened.

    Attributes:
        kinds: name of the call -> class of the layer, in order.
        group: group whose fields layers may declare; None for warps.
        actions: given by the user, name of a call or of a layer -> action of what it gives.
        joined: the calls that are measured with the code before them.
    """

    kinds: Mapping[str, str]
    group: Group | None = None
    actions: Mapping[str, Any] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)

    def kind(self, name: str) -> str:
        """Class of a layer in words."""
        return self.kinds[name] + (" with the code before it" if name in self.joined else "")

    @staticmethod
    def of(
        problem: Problem,
        group: Group | None,
        actions: Mapping[str, Any],
        layers: Sequence[str] | None,
    ) -> "Sites":
        """Run the network once and choose its sites.

        Raises:
            ValueError: `layers` or `actions` name what is never called, or one inside another.
        """
        calls = _calls(problem, group)
        if layers is None:
            typed = {c.name for c in calls if c.typed}
            typed -= {p for c in calls if c.typed for p in c.parents}
            inner = {p for c in calls for p in c.parents}
            chosen = [
                c for c in calls
                if c.name in typed or (c.name not in inner and not typed & {*c.parents})
            ]  # fmt: skip
            chosen = [c for c in chosen if c.floats and not c.through]
        else:
            names = {n for c in calls for n in (c.name, _path(c.name))}
            _known("layers", layers, names)
            chosen = [c for c in calls if {c.name, _path(c.name)} & {*layers}]
            nested = [(c.name, p.name) for c in chosen for p in chosen if p.name in c.parents]
            if nested:
                raise ValueError(f"layers: expected none inside another, got {nested[0][0]}"
                                 f" in {nested[0][1]}")  # fmt: skip
        kinds = {c.name: c.kind for c in chosen}
        _known("actions", actions, {n for name in kinds for n in (name, _path(name))})
        return Sites(kinds, group, actions)

    def taken(
        self, layer: nn.Module, args: Any, kwargs: Any, direction: Direction, seen: "Seen"
    ) -> Taken:
        """Floating tensors that a call takes, and how they move.

        As the layer declares; else as what was given; else by their shape. Where the shape does not
        say, as the code before has moved them: layer and code are measured as one.
        """
        fields = self._fields(layer, "source", args, kwargs)
        found: Taken = []
        for u in floating((args, kwargs)):
            known = self._of_field(fields.get(id(u)), direction) or seen.curve(u)
            found.append((u, known or direction.of_hidden(u)))
        return found

    def given(self, name: str, layer: nn.Module, output: Any, direction: Direction) -> Ends:
        """Floating tensors that a call gives, and how they move.

        As the user says; else as the layer declares; else by their shape.
        """
        fields = self._fields(layer, "target", (output,), {})
        said = self._said(name, direction)
        return [
            (h, said or self._of_field(fields.get(id(h)), direction) or direction.hidden)
            for h in floating(output)
        ]

    def _said(self, name: str, direction: Direction) -> Curve | None:
        for key in (name, _path(name)):
            if key in self.actions:
                given = self.actions[key]
                if given is None:
                    return still
                if isinstance(given, Field):
                    return self._of_field(given, direction)
                return lambda t, x: given(t, x, direction.hidden)
        return None

    def _of_field(self, end: Field | None, direction: Direction) -> Curve | None:
        if end is None or direction.index is None:
            return None
        return FieldCurve(end, direction.index)

    def _fields(self, layer: nn.Module, side: str, args: Any, kwargs: Any) -> dict[int, Field]:
        """Tensor by its id -> Field that the layer declares for it."""
        if self.group is None or kwargs:
            return {}
        found: dict[int, Field] = {}
        if declared(layer, self.group):
            type_ = getattr(layer, side)
            with suppress(ValueError, TypeError):
                pairs = arguments(type_, args) if side == "source" else [("", type_)]
                for (name, part), value in zip(pairs, args, strict=True):
                    for leaf in leaves(part, value, name):
                        if leaf.field is not None:
                            leaf.field.check(leaf.value)
                            found[id(leaf.value)] = lifted(leaf.field, self.group) or leaf.field
            return found
        names = ("irreps_in", "irreps_in1", "irreps_in2") if side == "source" else ("irreps_out",)
        said = [getattr(layer, n) for n in names if hasattr(layer, n)]
        for x, irreps in zip(args, said, strict=False):
            rep = of_irreps(self.group, irreps)
            if isinstance(x, Tensor) and rep is not None and x.shape[-1] == rep.dim:
                found[id(x)] = Field(Vector(), rep)
        return found


class Seen:
    """Tensors that were given, and how they move: what a layer gives the next one takes."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, int, Curve]] = {}

    def note(self, x: Tensor, curve: Curve) -> None:
        """Keep a tensor, lest another takes its id, with its curve."""
        self._known[id(x)] = x, x._version, curve

    def curve(self, x: Tensor) -> Curve | None:
        """How a tensor moves; None if it was not given here, or was changed since."""
        known = self._known.get(id(x))
        return None if known is None or known[1] != x._version else known[2]


def declared(layer: nn.Module, group: Group) -> bool:
    """Whether a layer declares Fields of the group, or of a factor, on both sides."""
    ends = getattr(layer, "source", None), getattr(layer, "target", None)
    fields = [fields_of(end) if is_type(end) else [] for end in ends]
    return all(fields) and all(lifted(f, group) for end in fields for f in end)


def lifted(end: Field, group: Group) -> Field | None:
    """A field of a factor of the group as one of the group; None if its group is none."""
    if end.group == group:
        return end
    rep = through(group, lambda factor: end.rep if factor == end.group else None)
    if rep is None:
        return None
    if isinstance(end.domain, Edges):
        return Field(end.domain, group.trivial)
    if end.has_columns:
        return Field(end.domain, rep, channels=end.channels)
    return Field(end.domain, rep, shape=end.fibre, affine=end.affine)


def of_irreps(group: Group, irreps: Any) -> Rep | None:
    """Representation from e3nn's irreps, of SO(3) or O(3) or a product with it; None of others.

    Example:
        >>> import geomdl
        >>> of_irreps(geomdl.group("SO3"), "2x0e+1x1o").dim
        5
    """

    def make(factor: Group) -> Rep | None:
        if factor.name not in ("SO3", "O3"):
            return None
        from e3nn.o3 import Irreps

        labels = [(n, ir.l if factor.name == "SO3" else (ir.l, ir.p)) for n, ir in Irreps(irreps)]
        return direct_sum([(factor.irrep(label), n) for n, label in labels]) if labels else None

    return through(group, make)


def through(group: Group, make: Callable[[Group], Rep | None]) -> Rep | None:
    """What `make` gives for the group, or for the first of its factors, pulled back to it."""
    rep = make(group)
    if rep is not None or not isinstance(group, Product):
        return rep
    for i, factor in enumerate(group.factors):
        rep = through(factor, make)
        if rep is not None:
            return group.pull(i, rep)
    return None


def offset(value: Any, add: Callable[[Tensor], Tensor]) -> Any:
    """The value with every floating tensor replaced by what `add` makes of it."""
    flat, spec = pytree.tree_flatten(value)
    if not any(map(_open, flat)):
        return value
    return pytree.tree_unflatten([_replaced(x, add) if _open(x) else x for x in flat], spec)


def floating(value: Any) -> list[Tensor]:
    """Floating and complex tensors in a value, in order."""
    return [_bare(x) for x in pytree.tree_leaves(value) if _open(x)]


def _open(value: Any) -> bool:
    bare = _bare(value)
    return inexact(bare) and bare.layout == torch.strided


def _bare(value: Any) -> Any:
    """The tensor in a GeometricTensor of escnn; all else as it is."""
    return value.tensor if type(value).__name__ == "GeometricTensor" else value


def _replaced(value: Any, add: Callable[[Tensor], Tensor]) -> Any:
    bare = _bare(value)
    return add(bare) if bare is value else type(value)(add(bare), value.type, value.coords)


def _calls(problem: Problem, group: Group | None) -> list[_Call]:
    module = owner(problem.f)
    assert module is not None
    calls: list[_Call] = []
    stack: list[tuple[_Call, dict[int, int]]] = []

    def before(name: str, layer: nn.Module, args: Any, kwargs: Any) -> None:
        typed = group is not None and (declared(layer, group) or hasattr(layer, "irreps_out"))
        call = _Call(name, type(layer).__name__, typed, tuple(c.name for c, _ in stack))
        calls.append(call)
        stack.append((call, {id(x): x._version for x in floating((args, kwargs))}))

    def after(_name: str, _layer: nn.Module, output: Any) -> None:
        call, taken = stack.pop()
        given = floating(output)
        call.floats = bool(given)
        call.through = all(taken.get(id(y)) == y._version for y in given)

    values = [kept(v).requires_grad_() if inexact(v) else v for v in problem.values]
    with hooked(module, before, after):
        problem.f(*problem.arguments(values))
    return calls


def _path(name: str) -> str:
    return name.partition("#")[0]


def _known(argument: str, wanted: Any, names: set[str]) -> None:
    for name in wanted:
        if name not in names:
            some = ", ".join(sorted(names)[:6]) + (", …" if len(names) > 6 else "")
            raise ValueError(f"{argument}: expected names of layers ({some}), got {name!r}")
