"""Any network, averaged over a frame."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from geomdl import groups
from geomdl.fields import Field, Grid, Nodes, Points, Type, fields_of, leaves, map_fields
from geomdl.fields.numbers import at_least
from geomdl.groups import Group
from geomdl.groups import elements as el
from geomdl.symmetrization.action import Action
from geomdl.symmetrization.frame import Frame, Weighted


class Symmetrized(nn.Module):
    """y(x) = Σ_i w_i(x) g_i(x) f(g_i(x)⁻¹ x), over the elements and weights of a frame.

    f is used as it is: its parameters are those of this module, its mode and gradients are its own.
    Where every input and output has the same batch axis in front, elements are joined along it,
    `chunk` of them in one call of f; else f is called once for each element.

    In training mode f should treat all elements alike. Dropout does not: equivariance then holds in
    expectation only. Batch normalization does where one call of f has all elements, at most `chunk`
    of them; else its statistics are those of a part, and equivariance is lost until evaluation.

    Args:
        f: any module.
        frame: gives the elements and weights.
        source: type of the arguments of f.
        target: type of its output.
        chunk: elements in one call of f at most.

    Attributes:
        cost: how often f is evaluated for each input; None where that depends on the input.

    Raises:
        ValueError: `chunk` is not positive.
    """

    def __init__(
        self, f: nn.Module, frame: Frame, source: Type, target: Type, chunk: int = 64
    ) -> None:
        super().__init__()
        self.f, self.frame = f, frame
        self.source, self.target = source, target
        self.chunk = at_least("chunk", chunk, 1)
        self._pull, self._push = Action(source, "x"), Action(target, "y")

    @property
    def group(self) -> Group:
        """The group under which it is equivariant."""
        return self.frame.group

    @property
    def cost(self) -> int | None:
        """Evaluations of f for each input; time also goes into moving inputs and outputs."""
        return self.frame.size

    def extra_repr(self) -> str:
        """Group and cost."""
        return f"group={self.group.name}, cost={self.frame.count}"

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What f takes and gives.

        Raises:
            TypeError: an input or output is no tensor, or cannot be averaged.
            ValueError: values are not of the type, an output is missing, or the shape of the
                output depends on the element.
        """
        inputs = self._inputs(args, kwargs)
        self._pull.check(inputs)
        found = self.frame(inputs)
        count, batch = len(found.weights), self._batch(inputs)
        chunk = 1 if batch is None else self.chunk
        total: list[Any] = []
        for start in range(0, count, chunk):
            which = range(start, min(start + chunk, count))
            moved = [self._moved(self._pull, found, i, inputs, True) for i in which]
            for i, y in zip(which, self._evaluated(moved, len(args), batch), strict=True):
                self._push.check(y)
                _whole(self.target, y)
                y = self._moved(self._push, found, i, y, False)
                parts, shape = pytree.tree_flatten(y)
                total = _added(total, parts, found.weights[i], count)
        ends = [_as(t, part) for t, part in zip(total, parts, strict=True)]
        return pytree.tree_unflatten(ends, shape)

    def _inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A dict of the arguments where the source is one, else the tuple."""
        if not isinstance(self.source, dict):
            if kwargs:
                raise TypeError(f"{next(iter(kwargs))}: expected no argument of this name")
            return args
        if len(args) > len(self.source):
            raise TypeError(f"x: expected {len(self.source)} arguments, got {len(args)}")
        return dict(zip(self.source, args, strict=False)) | kwargs

    def _moved(self, act: Action, found: Weighted, i: int, values: Any, pull: bool) -> Any:
        """Values moved by the i-th element or its inverse, with the gradient of its choice."""
        g = el.take(found.inverses if pull else found.elements, i)
        straight = found.straight
        if straight is None:
            return act(g, values)

        def move(field: Field, x: Any, _: str) -> Any:
            moved, zero = act.move(field, g, x), straight(act, field, x, pull)
            return moved if zero is None else moved + zero

        return map_fields(move, act.type, values, act.name)

    def _batch(self, inputs: Any) -> int | None:
        """Samples along the batch axis that all inputs share; None if there is none."""
        found = leaves(self.source, inputs)
        sizes = {x.shape[0] if batch_axes(field, x) else None for _, field, x in found}
        others = [x for x in pytree.tree_leaves(inputs) if x is not None]
        return sizes.pop() if len(sizes) == 1 and len(others) == len(found) else None

    def _evaluated(self, moved: list[Any], positional: int, batch: int | None) -> list[Any]:
        """Outputs of f for each of the moved inputs."""
        flat = [pytree.tree_leaves(values) for values in moved]
        if len(moved) == 1 or any(_shapes(one) != _shapes(flat[0]) for one in flat):
            return [self._called(values, positional) for values in moved]
        _, shape = pytree.tree_flatten(moved[0])
        joined = [torch.cat(parts) for parts in zip(*flat, strict=True)]
        y = self._called(pytree.tree_unflatten(joined, shape), positional)
        parts, shape = pytree.tree_flatten(y)
        split = [_split(part, len(moved), batch) for part in parts]
        return [pytree.tree_unflatten(list(one), shape) for one in zip(*split, strict=True)]

    def _called(self, values: Any, positional: int) -> Any:
        if not isinstance(values, dict):
            return self.f(*values)
        listed = list(values.items())
        return self.f(*(x for _, x in listed[:positional]), **dict(listed[positional:]))


def group_of_name(group: Group | str) -> Group:
    """A group, or that of a name.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(group, (Group, str)):
        raise TypeError(f"group: expected a Group or its name, got {type(group).__name__}")
    return groups.group(group) if isinstance(group, str) else group


def check_types(f: Any, group: Group, source: Type, target: Type) -> tuple[Type, Type]:
    """Types of f under a group, those that it declares where none are given.

    Raises:
        TypeError: f is no module.
        ValueError: a type is missing, or one of another group.
    """
    if not isinstance(f, nn.Module):
        raise TypeError(f"f: expected an nn.Module, got {type(f).__name__}")
    found = []
    for name, given in (("source", source), ("target", target)):
        tree = getattr(f, name, None) if given is None else given
        fields = fields_of(tree) if isinstance(tree, (Field, dict, tuple)) else []
        if not fields:
            raise ValueError(f"{name}: expected a Field of {group.name}, got {tree!r}")
        for field in fields:
            if field.group != group:
                raise ValueError(
                    f"{name}: expected a Field of {group.name}, got one of {field.group.name}"
                )
        found.append(tree)
    return found[0], found[1]


def batch_axes(field: Field, x: Any) -> int:
    """Number of batch axes of a value."""
    if isinstance(field.domain, Grid):
        return 1
    if not isinstance(x, Tensor):
        return 0
    return x.ndim - len(field.fibre) - isinstance(field.domain, (Nodes, Points))


def _whole(target: Type, y: Any, name: str = "y") -> None:
    """Refuse outputs that lack one of the names of their type, at any depth."""
    if not isinstance(target, (dict, tuple)) or y is None:
        return
    if isinstance(target, tuple):
        for i, (part, value) in enumerate(zip(target, y, strict=True)):
            _whole(part, value, f"{name}[{i}]")
        return
    values = y if isinstance(y, dict) else dict(zip(getattr(y, "_fields", target), y, strict=False))
    if len(values) < len(target):
        got = ", ".join(values) or "none"
        raise ValueError(f"{name}: expected the outputs {', '.join(target)}, got {got}")
    for key, part in target.items():
        _whole(part, values[key], f"{name}[{key!r}]")


def _shapes(values: list[Tensor]) -> list[torch.Size]:
    return [x.shape for x in values]


def _split(y: Any, count: int, batch: int | None) -> tuple[Any, ...]:
    """The outputs for each of the joined elements."""
    if not isinstance(y, Tensor):
        return (y,) * count
    rows = count * (batch or 0)
    if y.ndim == 0 or y.shape[0] != rows:
        raise ValueError(
            f"f: expected an output of {rows} samples, got shape {tuple(y.shape)}; chunk=1 gives f"
            " as many samples at once as came"
        )
    return y.unflatten(0, (count, -1)).unbind(0) if rows else (y,) * count


def _added(total: list[Any], parts: list[Any], weight: Any, count: int) -> list[Any]:
    """Sums with the outputs for one more element, in float64."""
    if count == 1 and not isinstance(weight, Tensor):
        return parts
    if not total:
        return [_weighted(part, weight) for part in parts]
    for before, part in zip(total, parts, strict=True):
        if isinstance(part, Tensor) and before.shape != part.shape:
            raise ValueError(
                "f: expected outputs whose shape does not depend on the element, got "
                f"{tuple(before.shape)} and {tuple(part.shape)}"
            )
    return [
        before + _weighted(part, weight) if isinstance(part, Tensor) else part
        for before, part in zip(total, parts, strict=True)
    ]


def _weighted(part: Any, weight: Any) -> Any:
    if not isinstance(part, Tensor):
        return part
    if not (part.is_floating_point() or part.is_complex()):
        raise TypeError(f"f: expected outputs of floating point to average, got {part.dtype}")
    part = part.to(torch.promote_types(part.dtype, torch.float64))
    if isinstance(weight, Tensor):
        weight = weight.to(part).reshape(*weight.shape, *[1] * (part.ndim - weight.ndim))
    return part * weight


def _as(total: Any, part: Any) -> Any:
    return total.to(part.dtype) if isinstance(part, Tensor) else total
