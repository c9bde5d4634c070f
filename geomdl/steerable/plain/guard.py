"""What a module may not do while it is traced: write what it holds, or draw random numbers."""

import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

_CONSTANT = "_tensor_constant"  # what the tracer itself leaves on a module
_OWN = frozenset(vars(nn.Module()))
_IN_PLACE = frozenset(
    f"i{name}" for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow")
) | frozenset(("iand", "ior", "ixor", "setitem", "delitem"))
_Holder = list[Any] | dict[Any, Any]


def writes(target: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether an operation changes the tensor that it is given.

    Example:
        >>> writes("add_", {}), writes(torch.add, {}), writes(operator.setitem, {})
        (True, False, True)
    """
    name = str(getattr(target, "__name__", target))
    in_place = name.endswith("_") and not name.endswith("__")
    in_place = in_place or name.strip("_") in _IN_PLACE
    return in_place or bool(kwargs.get("inplace")) or kwargs.get("out") is not None


class _Watch(TorchDispatchMode):
    """Refuses what operations on tensors, as against those that a graph records, may not do."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        parts = [vars(part) for part in module.modules()]
        holders = [d for part in parts for d in (part, part["_buffers"], part["_parameters"])]
        tensors = (value for d in holders for value in d.values() if isinstance(value, Tensor))
        self.held = {_storage(tensor) for tensor in tensors}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise RuntimeError(f"{name} draws random numbers, which would become constants")
        for i, formal in enumerate(func._schema.arguments if func._schema.is_mutable else ()):
            given = args[i] if i < len(args) else kwargs.get(formal.name)
            written = formal.alias_info is not None and formal.alias_info.is_write
            if written and isinstance(given, Tensor) and _storage(given) in self.held:
                raise RuntimeError(f"{name} writes into a tensor that the module holds")
        return func(*args, **kwargs)


def _storage(tensor: Tensor) -> int:
    found: int = tensor.untyped_storage()._cdata
    return found


@contextmanager
def guarded(module: nn.Module) -> Iterator[None]:
    """Refuse random draws and what is written to a module and its parts; undo the latter.

    Attributes, buffers and parameters are seen when they are set to something else, lists and
    dictionaries when their members are. Operations that a graph would record are not seen.

    Raises:
        RuntimeError: at a draw, and before a tensor of the module is written; or at the end, naming
            what was set.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> with guarded(net):
        ...     net.calls = 1
        Traceback (most recent call last):
        RuntimeError: its forward sets calls, which a graph cannot
        >>> hasattr(net, "calls")
        False
    """
    before = _held(module)
    try:
        with _Watch(module):
            yield
    finally:
        written = [name for holder, kept, path in before for name in _undo(holder, kept, path)]
    if written:
        raise RuntimeError(f"its forward sets {written[0]}, which a graph cannot")


def _held(module: nn.Module) -> list[tuple[_Holder, _Holder, str]]:
    """Lists and dictionaries that a module and its parts hold, what is in them, and a name."""
    found: list[tuple[_Holder, _Holder, str]] = []
    for path, part in module.named_modules():
        inside = f"{path}." if path else ""
        for holder in (part._buffers, part._parameters, part._modules, vars(part)):
            found.append((holder, dict(holder), inside))
        for name, value in vars(part).items():
            if type(value) in (list, dict) and name not in _OWN:
                found.append((value, value.copy(), inside + name))
    return found


def _undo(holder: _Holder, kept: _Holder, name: str) -> list[str]:
    """Put back what a list or a dictionary held; names of what was there instead."""
    if isinstance(holder, list):
        same = len(holder) == len(kept) and all(map(operator.is_, holder, kept))
        holder[:] = kept
        return [] if same else [name]
    assert isinstance(kept, dict)
    now = {key: value for key, value in holder.items() if not str(key).startswith(_CONSTANT)}
    changed = [
        key
        for key in dict.fromkeys([*kept, *now])
        if key not in now or key not in kept or now[key] is not kept[key]
    ]
    for key in changed:
        if key in kept:
            holder[key] = kept[key]
        else:
            del holder[key]
    attributes = not name or name.endswith(".")
    return [f"{name}{key}" if attributes else name for key in changed]
