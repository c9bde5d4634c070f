"""Record what every layer of a module takes and gives, in a tree of calls."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils import _pytree as pytree

from geomdl.auditing.prepare import owner
from geomdl.auditing.problem import Problem, kept, typed
from geomdl.auditing.trees import Leaf, arguments, inexact, is_type
from geomdl.fields import Type, fields_of
from geomdl.groups import Group

Before = Callable[[str, nn.Module, Any, Any], Any]
After = Callable[[str, nn.Module, Any], Any]


@dataclass
class Call:
    """One call of one layer.

    Attributes:
        name: path in the module, with #2, #3… from the second call on.
        kind: class of the layer.
        parent: name of the call that made it; None at the top.
        declared: whether `source` and `target` type what it takes and gives.
        inputs: floating and complex leaves that it took.
        outputs: floating and complex leaves that it gave.
    """

    name: str
    kind: str
    parent: str | None
    declared: bool = False
    inputs: list[Leaf] = field(default_factory=list)
    outputs: list[Leaf] = field(default_factory=list)


def record(problem: Problem, group: Group, values: Sequence[Any]) -> dict[str, Call]:
    """Run the callable once and return its layers' calls by name, in order of completion.

    Args:
        problem: its callable is a module or a method of one.
        group: group of the fields; layers that declare Fields of it are taken at their word.
        values: values of the input leaves.
    """
    module = owner(problem.f)
    assert module is not None
    with recording(module, group) as calls:
        problem.f(*problem.arguments(values))
    return calls


class Keeper:
    """Copies of tensors, one for each state of each: what one layer gives the next one takes."""

    def __init__(self) -> None:
        self._copies: dict[int, tuple[weakref.ref[Tensor], int, Tensor]] = {}

    def __call__(self, tensor: Tensor) -> Tensor:
        """Copy a tensor, or return the copy that was made of it before it was changed."""
        if tensor.is_inference():  # nobody counts its changes
            return kept(tensor)
        known = self._copies.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == tensor._version:
            return known[2]
        copy = kept(tensor)
        self._copies[id(tensor)] = weakref.ref(tensor), tensor._version, copy
        return copy


@contextmanager
def recording(module: nn.Module, group: Group) -> Iterator[dict[str, Call]]:
    """Hook every layer below `module` while inside; the calls fill the dict that is given."""
    calls: dict[str, Call] = {}
    stack: list[Call] = []
    keep = Keeper()

    def before(name: str, layer: nn.Module, args: Any, kwargs: Any) -> None:
        call = Call(name, type(layer).__name__, stack[-1].name if stack else None)
        call.declared = _declares(layer, group)
        call.inputs = _inputs(layer, args, kwargs, call.declared, keep)
        stack.append(call)

    def after(name: str, layer: nn.Module, output: Any) -> None:
        call = stack.pop()
        call.outputs, call.declared = _outputs(layer, output, call.declared, keep)
        calls[name] = call

    with hooked(module, before, after):
        yield calls


@contextmanager
def hooked(module: nn.Module, before: Before, after: After) -> Iterator[None]:
    """Watch every call of a layer below `module` while inside.

    What computes a parametrized weight is part of its layer, and is not watched.

    Args:
        module: the whole.
        before: (name of the call, layer, args, kwargs) -> None, or args and kwargs to take instead.
        after: (name of the call, layer, output) -> None, or the output to give instead.
    """
    stack: list[str] = []
    counts: dict[str, int] = {}

    def enter(path: str, layer: nn.Module, args: Any, kwargs: Any) -> Any:
        counts[path] = counts.get(path, 0) + 1
        stack.append(path if counts[path] == 1 else f"{path}#{counts[path]}")
        return before(stack[-1], layer, args, kwargs)

    def leave(layer: nn.Module, _args: Any, _kwargs: Any, output: Any) -> Any:
        return after(stack.pop(), layer, output)

    handles = []
    weights = {
        part for m in module.modules() if isinstance(m, ParametrizationList) for part in m.modules()
    }
    for path, layer in module.named_modules():
        if layer is not module and layer not in weights:
            hook = partial(enter, path)
            handles.append(layer.register_forward_pre_hook(hook, with_kwargs=True))
            handles.append(layer.register_forward_hook(leave, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _declares(layer: nn.Module, group: Group) -> bool:
    """Whether a layer declares Fields of the group on both sides."""
    ends = getattr(layer, "source", None), getattr(layer, "target", None)
    if not all(map(is_type, ends)):
        return False
    fields = [fields_of(end) for end in ends]
    return all(fields) and all(f.group == group for end in fields for f in end)


def _inputs(layer: nn.Module, args: Any, kwargs: Any, declared: bool, keep: Keeper) -> list[Leaf]:
    if declared and not kwargs:
        source: Type = layer.source  # type: ignore[assignment]
        try:
            return [
                leaf
                for (name, type_), value in zip(arguments(source, args), args, strict=True)
                for leaf in typed(type_, value, f"{name}: ", keep)
                if leaf.field is not None and inexact(leaf.value)
            ]
        except (ValueError, TypeError):
            pass
    return _untyped((args, kwargs), keep)


def _outputs(
    layer: nn.Module, output: Any, declared: bool, keep: Keeper
) -> tuple[list[Leaf], bool]:
    if declared:
        target: Type = layer.target  # type: ignore[assignment]
        try:
            found = typed(target, output, "", keep)
            return [leaf for leaf in found if inexact(leaf.value)], True
        except (ValueError, TypeError):
            pass
    return _untyped(output, keep), False


def _untyped(value: Any, keep: Keeper) -> list[Leaf]:
    tensors = [t for t in pytree.tree_leaves(value) if inexact(t)]
    return [Leaf(f"tensor {i}", None, keep(t)) for i, t in enumerate(tensors)]
