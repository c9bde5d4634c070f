"""Walk inputs and outputs beside the tree of Fields that types them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from geomdl.fields import Field, Type

SAME = 1e-6
Visit = Callable[[str, Field | None, Any], Any]


@dataclass(frozen=True)
class Leaf:
    """One value of a tree, where it sits and what it is; `field` None means unchanged."""

    path: str
    field: Field | None
    value: Any


def arguments(source: Type, inputs: Sequence[Any]) -> tuple[tuple[str, Type], ...]:
    """Pair the inputs of a callable with the types in `source`: (name, type) for each input.

    Args:
        source: one Field (or None) for one argument, a dict of argument names in order, or a
            tuple of types.
        inputs: positional arguments; trailing optional ones may be left out of a dict.

    Raises:
        ValueError: the numbers do not agree.

    Example:
        >>> arguments({"a": None, "b": None}, [1, 2])
        (('a', None), ('b', None))
    """
    if isinstance(source, Mapping):
        names, types = list(source), list(source.values())
    elif isinstance(source, tuple):
        names, types = [f"input {i}" for i in range(len(source))], list(source)
    else:
        names, types = ["x"], [source]
    fits = len(inputs) <= len(names) if isinstance(source, Mapping) else len(inputs) == len(names)
    if not fits or not inputs:
        raise ValueError(
            f"inputs: source names {len(names)} ({', '.join(names)}), got {len(inputs)}"
        )
    return tuple(zip(names, types, strict=True))[: len(inputs)]


def transform(type_: Type, value: Any, visit: Visit, path: str = "") -> Any:
    """Rebuild `value` with `visit(path, field, leaf)` in place of every leaf.

    Containers (mappings, sequences, NamedTuples, dataclasses) keep their kind. Under a None every
    leaf is visited with field None. A value of None is left alone: an optional output.

    Raises:
        ValueError: the value has not the shape of the type, e.g. a missing key.
    """
    if value is None:
        return None
    if isinstance(type_, Mapping):
        parts = _named(type_, value, path)
        moved = {k: transform(type_[k], v, visit, _join(path, k)) for k, v in parts.items()}
        return _rebuild(value, moved)
    if isinstance(type_, tuple):
        items = list(value.values()) if isinstance(value, Mapping) else value
        if not isinstance(items, Sequence) or len(items) != len(type_):
            raise ValueError(
                f"{path or 'value'}: expected {len(type_)} values, got {_kind(value)}"
                + (f" of {len(items)}" if isinstance(items, Sequence) else "")
            )
        new = [
            transform(t, v, visit, _join(path, str(i)))
            for i, (t, v) in enumerate(zip(type_, items, strict=True))
        ]
        return _like(value, new)
    if type_ is None:
        return pytree.tree_map(lambda leaf: visit(path, None, leaf), value)
    return visit(path, type_, value)


def leaves(type_: Type, value: Any, path: str = "") -> list[Leaf]:
    """All leaves of a value beside their fields, in order.

    Example:
        >>> [leaf.path for leaf in leaves({"a": None, "b": (None, None)}, {"a": 1, "b": (2, 3)})]
        ['a', 'b.0', 'b.1']
    """
    found: list[Leaf] = []

    def visit(at: str, field: Field | None, leaf: Any) -> Any:
        found.append(Leaf(at or "output", field, leaf))
        return leaf

    transform(type_, value, visit, path)
    return found


def is_type(tree: Any) -> bool:
    """Whether something is a type: what other libraries call source or target is not.

    Example:
        >>> is_type({"x": None}), is_type("a file")
        (True, False)
    """
    if isinstance(tree, Mapping):
        return all(map(is_type, tree.values()))
    if isinstance(tree, tuple):
        return all(map(is_type, tree))
    return tree is None or isinstance(tree, Field)


def cast(leaf: Any, dtype: torch.dtype) -> Any:
    """Floating tensors to `dtype`, complex ones to its complex twin, everything else as it is."""
    if not isinstance(leaf, Tensor):
        return leaf
    if leaf.is_floating_point():
        return leaf.detach().to(dtype)
    return leaf.detach().to(dtype.to_complex()) if leaf.is_complex() else leaf


def inexact(value: Any) -> bool:
    """Whether a leaf is a floating or complex tensor."""
    return isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())


def same(a: Any, b: Any) -> bool:
    """Whether two leaves agree, floating ones up to one part in a million of the largest entry."""
    if not isinstance(a, Tensor):
        return bool(a is b or a == b)
    if not isinstance(b, Tensor) or a.shape != b.shape:
        return False
    if not inexact(a):
        return torch.equal(a, b)
    if a.numel() == 0:
        return True
    return bool((a - b).abs().max() <= SAME * a.abs().max())


def _named(type_: Mapping[str, Type], value: Any, path: str) -> dict[str, Any]:
    """Values under the names of a dict type, from a mapping, NamedTuple, dataclass or sequence."""
    if isinstance(value, Mapping):
        have = dict(value)
    elif is_dataclass(value) or hasattr(value, "_fields"):
        have = {k: getattr(value, k) for k in type_ if hasattr(value, k)}
    elif isinstance(value, tuple | list) and len(value) == len(type_):
        have = dict(zip(type_, value, strict=True))
    else:
        raise ValueError(f"{path or 'value'}: expected {', '.join(type_)}, got {_kind(value)}")
    missing = [k for k in type_ if k not in have]
    if missing:
        raise ValueError(f"{path or 'value'}: expected {', '.join(type_)}, missing {missing[0]}")
    return {k: have[k] for k in type_}


def _rebuild(value: Any, moved: dict[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {**value, **moved}
    if hasattr(value, "_fields"):
        return value._replace(**moved)
    if isinstance(value, tuple | list):
        return type(value)(moved.values())
    return replace(value, **moved)


def _like(value: Any, new: list[Any]) -> Any:
    if isinstance(value, Mapping):
        return dict(zip(value, new, strict=True))
    return type(value)(*new) if hasattr(value, "_fields") else type(value)(new)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _kind(value: Any) -> str:
    return f"{type(value).__name__}"
