"""What a registered module remembers: its name and the arguments that built it."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from torch import nn

F = TypeVar("F", bound=Callable[..., nn.Module])
_KEY = "_geomdl_record"


@dataclass(frozen=True)
class Record:
    """Name and constructor arguments of one module, defaults included.

    Args:
        name: the registered name.
        arguments: parameter name -> value; ``*args`` as a tuple, ``**kwargs`` as a dict.
        built: type of the module when it was built (a wrapper or a subclass is another thing).
        dtype: default dtype of torch when the module was built.
    """

    name: str
    arguments: dict[str, Any]
    built: type[nn.Module]
    dtype: torch.dtype


def record_of(module: nn.Module) -> Record | None:
    """The record of a module, or None where it was not built by a registered constructor.

    Example:
        >>> record_of(nn.Identity()) is None
        True
    """
    record = module.__dict__.get(_KEY)
    return record if isinstance(record, Record) and record.built is type(module) else None


def recording(factory: F, name: str) -> F:
    """Make a class (in place) or a function (wrapped) leave a record on what it builds.

    A subclass does not inherit the record: it is another module, with a name of its own or none.

    Args:
        factory: a subclass of ``nn.Module``, or a function that returns a module.
        name: the registered name to record.

    Returns:
        The same class, or the wrapped function.
    """
    if isinstance(factory, type):
        _record_class(factory, name)
        return cast(F, factory)

    binder = _Binder(factory)

    @functools.wraps(factory)
    def build(*args: Any, **kwargs: Any) -> nn.Module:
        arguments = binder(args, kwargs)
        module = factory(*args, **kwargs)
        _leave(module, name, arguments)
        return module

    return cast(F, build)


def _record_class(cls: type[nn.Module], name: str) -> None:
    init: Callable[..., None] = cls.__init__
    binder = _Binder(init)

    @functools.wraps(init)
    def build(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        if type(self) is not cls:
            _construct(init, self, args, kwargs)
            return
        arguments = binder((self, *args), kwargs)
        del arguments[binder.first]
        _construct(init, self, args, kwargs)
        _leave(self, name, arguments)

    cls.__init__ = build  # type: ignore[method-assign]


def _construct(
    init: Callable[..., None], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Run a constructor on the CPU, where groups are, then move the module to the default device.

    So that ``with torch.device("meta")`` and ``("cuda")`` do what they do to layers of PyTorch.
    """
    device = torch.get_default_device()
    if device.type == "cpu":
        init(module, *args, **kwargs)
        return
    with torch.device("cpu"):
        init(module, *args, **kwargs)
        module.to(device)


_MISSING = inspect.Parameter.empty


class _Binder:
    """Arguments of a call by parameter, defaults included, as ``inspect.Signature.bind`` has them.

    Plain calls are bound here, which is ten times faster; all others, and errors, are left to it.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.signature = inspect.signature(function)
        parameters = self.signature.parameters
        self.first = next(iter(parameters), "")
        kinds = {name: p.kind for name, p in parameters.items()}
        by_name = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
        self.plain = by_name.issuperset(kinds.values())
        self.positions = [n for n, k in kinds.items() if k is not inspect.Parameter.KEYWORD_ONLY]
        self.defaults = {name: p.default for name, p in parameters.items()}

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        given = dict(zip(self.positions, args, strict=False))
        found = {**self.defaults, **given, **kwargs}
        # no argument is one too many, given twice, unknown or missing
        once = len(args) == len(given) and given.keys().isdisjoint(kwargs)
        known = len(found) == len(self.defaults)
        if not (self.plain and once and known and all(v is not _MISSING for v in found.values())):
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            found = bound.arguments
        return {name: _snapshot(value) for name, value in found.items()}


def _snapshot(value: Any) -> Any:
    """Copy lists and dicts, so that a later change by the caller does not reach the record."""
    if isinstance(value, list):
        return [_snapshot(item) for item in value]
    if type(value) is tuple:
        return tuple(_snapshot(item) for item in value)
    if isinstance(value, dict):
        return {key: _snapshot(item) for key, item in value.items()}
    return value


def _leave(module: nn.Module, name: str, arguments: dict[str, Any]) -> None:
    # Past nn.Module.__setattr__: module arguments in the record are no children.
    module.__dict__[_KEY] = Record(name, arguments, type(module), torch.get_default_dtype())
