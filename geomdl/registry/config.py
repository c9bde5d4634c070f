"""Trees of registered modules as JSON, and back: names and constructor arguments, never code.

A module is ``{"$module": name, "id": n, "arguments": {...}}``; the second place where the same
module stands is ``{"$same": n}``. Other arguments are plain JSON, or an object with one ``$`` key.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from geomdl.fields import Domain, Field
from geomdl.fields.domains import domain_from_config
from geomdl.groups import Group, Rep, Subgroup, from_config
from geomdl.registry.names import Registry
from geomdl.registry.record import record_of

V = TypeVar("V")
_LARGEST_TENSOR = 4096
_VALUES: dict[str, Any] = {}
_KEPT = "numbers, strings, groups, representations, fields, registered modules and lists of these"


def register_value(name: str) -> Callable[[type[V]], type[V]]:
    """Decorate a frozen class whose ``to_config`` gives the arguments that build it again.

    Its instances can then be arguments of registered modules.
    """

    def register(cls: type[V]) -> type[V]:
        _VALUES[name] = cls
        return cls

    return register


def encode(module: nn.Module) -> dict[str, Any]:
    """The tree of names and arguments from which a registered module was built.

    Args:
        module: built by a registered class or function, its module arguments likewise.

    Returns:
        A JSON-able dict.

    Raises:
        ValueError: the module is not registered, or an argument cannot be written.
    """
    return _encode_module(module, "model", {})


def decode(tree: Any, registry: Registry) -> nn.Module:
    """Build the module that a tree describes, by registered names alone.

    Args:
        tree: what `encode` gave.
        registry: where the names are looked up.

    Raises:
        ValueError: the tree is malformed, a name is unknown or a constructor refuses.
    """
    if not (isinstance(tree, dict) and "$module" in tree):
        raise ValueError(f"config: expected a registered module, got {_short(tree)}")
    return _decode_module(tree, registry, {})


def _encode_module(module: nn.Module, where: str, seen: dict[int, int]) -> dict[str, Any]:
    if id(module) in seen:
        return {"$same": seen[id(module)]}
    record = record_of(module)
    if record is None:
        raise ValueError(
            f"{where}: expected a module built by a registered class or function, got "
            f"{type(module).__name__}; register its class (geomdl.register_layer), or save its "
            "state_dict by torch.save"
        )
    number = seen[id(module)] = len(seen)
    arguments = {
        key: _encode(value, f"argument {key!r} of {record.name}", seen)
        for key, value in record.arguments.items()
    }
    tree = {"$module": record.name, "id": number, "arguments": arguments}
    if record.dtype != torch.float32:
        tree["default_dtype"] = dtype_name(record.dtype)
    return tree


def _encode(value: Any, where: str, seen: dict[int, int]) -> Any:
    match value:
        case None | bool() | str():
            return value
        case float() if not math.isfinite(value):
            return {"$float": str(value)}
        case int() | float():
            return value
        case list():
            return [_encode(item, where, seen) for item in value]
        case tuple() if type(value) in (tuple, torch.Size):
            return {"$tuple": [_encode(item, where, seen) for item in value]}
        case dict() if all(isinstance(key, str) and key[:1] != "$" for key in value):
            return {key: _encode(item, where, seen) for key, item in value.items()}
        case dict():
            pairs = [[_encode(part, where, seen) for part in pair] for pair in value.items()]
            return {"$dict": pairs}
        case torch.dtype():
            return {"$dtype": dtype_name(value)}
        case torch.Generator():
            return {"$generator": value.initial_seed()}
        case torch.Tensor() if value.numel() <= _LARGEST_TENSOR:
            tensor = torch.view_as_real(value) if value.is_complex() else value
            return {
                "$tensor": [_encode(v, where, seen) for v in tensor.detach().flatten().tolist()],
                "shape": list(value.shape),
                "dtype": dtype_name(value.dtype),
            }
        case nn.Module():
            return _encode_module(value, where, seen)
        case Group() | Rep() | Subgroup():
            return {"$group": value.to_config()}
        case Field():
            return {"$field": value.to_config()}
        case Domain():
            return {"$domain": value.to_config()}
    for name, cls in _VALUES.items():
        if type(value) is cls:
            return {"$value": name, "arguments": _encode(value.to_config(), where, seen)}
    raise ValueError(f"{where}: cannot be saved, got {type(value).__name__}; saved are {_KEPT}")


def _decode_module(tree: dict[str, Any], registry: Registry, built: dict[int, Any]) -> nn.Module:
    name, arguments = tree["$module"], tree.get("arguments")
    if not (isinstance(name, str) and isinstance(arguments, dict)):
        raise ValueError(f"config: expected a name and its arguments, got {_short(tree)}")
    entry = registry[name]
    values = {key: _decode(value, registry, built) for key, value in arguments.items()}
    with _default_dtype(dtype_of(tree.get("default_dtype", "float32"))):
        module = entry.build(values)
    built[tree.get("id", -1)] = module
    return module


def _decode(node: Any, registry: Registry, built: dict[int, Any]) -> Any:
    match node:
        case None | bool() | int() | float() | str():
            return node
        case list():
            return [_decode(item, registry, built) for item in node]
        case {"$module": _}:
            return _decode_module(node, registry, built)
        case {"$same": int(number)} if number in built:
            return built[number]
        case {"$value": str(name), "arguments": dict(arguments)} if name in _VALUES:
            return _VALUES[name](**_decode(arguments, registry, built))
        case {"$tuple": list(items)}:
            return tuple(_decode(item, registry, built) for item in items)
        case {"$dict": list(pairs)}:
            return dict(_decode(pair, registry, built) for pair in pairs)
        case {"$float": str(number)}:
            return float(number)
        case {"$dtype": name}:
            return dtype_of(name)
        case {"$generator": int(seed)}:
            return torch.Generator().manual_seed(seed)
        case {"$tensor": list(items), "shape": list(shape), "dtype": name}:
            values = torch.tensor(_decode(items, registry, built), dtype=torch.float64)
            return _tensor(items, values, dtype_of(name)).reshape(shape)
        case {"$group": dict(config)}:
            return from_config(config)
        case {"$field": dict(config)}:
            return Field.from_config(config)
        case {"$domain": dict(config)}:
            return domain_from_config(config)
        case dict() if not any(key.startswith("$") for key in node):
            return {key: _decode(item, registry, built) for key, item in node.items()}
    raise ValueError(f"config: cannot be read, got {_short(node)}")


def _tensor(items: list[Any], values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if dtype.is_complex:
        return torch.view_as_complex(values.reshape(-1, 2)).to(dtype)
    if dtype.is_floating_point:
        return values.to(dtype)
    return torch.tensor(items, dtype=dtype)


def dtype_name(dtype: torch.dtype) -> str:
    """Name of a dtype: "float32" for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def dtype_of(name: Any) -> torch.dtype:
    """The dtype of a name.

    Raises:
        ValueError: it names none.
    """
    dtype = getattr(torch, name, None) if isinstance(name, str) else None
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"config: expected the name of a dtype, got {_short(name)}")
    return dtype


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
