"""The registry: names of layers and models, each with its constructor and a small example."""

import difflib
import fnmatch
import functools
import importlib
import importlib.metadata
import inspect
import re
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from torch import nn

from geomdl.registry.examples import Example
from geomdl.registry.record import recording

F = TypeVar("F", bound=Callable[..., nn.Module])
Kind = Literal["layer", "model"]
_NAME = re.compile(r"[a-z0-9_-]+(/[A-Za-z0-9_.-]+)+")


@dataclass(frozen=True)
class Entry:
    """One registered name: ``kind``, the ``factory`` that builds it, and its ``example``."""

    name: str
    kind: Kind
    factory: Callable[..., nn.Module]
    example: Example

    @property
    def signature(self) -> inspect.Signature:
        """Signature of the constructor, without ``self``."""
        return inspect.signature(self.factory)

    def build(self, arguments: dict[str, Any]) -> nn.Module:
        """Call the constructor with arguments by parameter name (``*args`` as one tuple).

        Raises:
            TypeError: an argument is no parameter, or a required one is missing.
        """
        parameters = self.signature.parameters
        for name in arguments:
            if name not in parameters:
                known = ", ".join(parameters) or "none"
                raise TypeError(f"{self.name}: no parameter {name!r}, it has {known}")
        bound = inspect.BoundArguments(self.signature, _ordered(arguments, parameters))
        missing = [
            p.name
            for p in parameters.values()
            if p.default is p.empty
            and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            and p.name not in arguments
        ]
        if missing:
            raise TypeError(f"{self.name}: needs {', '.join(missing)}")
        return self.factory(*bound.args, **bound.kwargs)


class Registry:
    """A table of names. The library has one; tests and third parties may keep their own.

    Args:
        packages: modules imported on the first lookup, which register their names as they load.
        entry_points: group of entry points loaded after them; one that fails to load gives a
            warning and leaves no name behind.

    Example:
        >>> import torch
        >>> registry = Registry()
        >>> small = Example(lambda: Scale(2.0), lambda rng: (torch.ones(2, 3).double(),))
        >>> @registry.register_layer("toy/Scale", example=small)
        ... class Scale(nn.Module):
        ...     def __init__(self, factor: float = 1.0) -> None:
        ...         super().__init__()
        ...         self.factor = factor
        >>> registry.create_model("toy/Scale", factor=3.0).factor
        3.0
    """

    def __init__(self, packages: tuple[str, ...] = (), entry_points: str | None = None) -> None:
        self._entries: dict[str, Entry] = {}
        self._pending = [*packages]
        self._plugins = entry_points
        self._lock = threading.RLock()

    def register_layer(self, name: str, *, example: Example) -> Callable[[F], F]:
        """Decorate a class or a function that builds a layer. See `register_model`."""
        return self._register(name, "layer", example)

    def register_model(self, name: str, *, example: Example) -> Callable[[F], F]:
        """Decorate a class or a function that builds a model.

        Args:
            name: "family/Name", unique in this registry.
            example: a small instance with inputs, on which the laws are checked.

        Returns:
            The decorator. A class comes back itself, a function wrapped; what they build
            remembers its arguments, so that `save` can write them.

        Raises:
            ValueError: the name is taken or malformed.
        """
        return self._register(name, "model", example)

    def list_models(self, pattern: str = "*") -> list[str]:
        """Names of the models that match a shell pattern, sorted."""
        return self._list("model", pattern)

    def list_layers(self, pattern: str = "*") -> list[str]:
        """Names of the layers that match a shell pattern, sorted."""
        return self._list("layer", pattern)

    def create_model(self, name: str, **overrides: Any) -> nn.Module:
        """Build a registered model (or layer) with its defaults, except for the overrides.

        Raises:
            ValueError: the name is unknown; near ones are listed.
            TypeError: an override is no parameter, or a parameter without default is missing.
        """
        entry = self[name]
        parameters = entry.signature.parameters
        known = {key: value for key, value in overrides.items() if key in parameters}
        extra = {key: value for key, value in overrides.items() if key not in parameters}
        variadic = [p.name for p in parameters.values() if p.kind == p.VAR_KEYWORD]
        if extra and variadic:
            extra = {variadic[0]: known.pop(variadic[0], {}) | extra}
        return entry.build(known | extra)

    def example(self, name: str) -> Example:
        """The small example of a registered name."""
        return self[name].example

    def __getitem__(self, name: str) -> Entry:
        self._load()
        if name in self._entries:
            return self._entries[name]
        near = _near(name, list(self._entries))
        hint = f"near ones: {', '.join(near)}" if near else "list_models() lists them"
        raise ValueError(f"name: no model or layer {name!r}; {hint}")

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._entries

    def _register(self, name: str, kind: Kind, example: Example) -> Callable[[F], F]:
        if not _NAME.fullmatch(name):
            raise ValueError(f"name: expected 'family/Name', got {name!r}")

        def register(factory: F) -> F:
            if isinstance(factory, type) and not issubclass(factory, nn.Module):
                raise TypeError(f"{name}: expected an nn.Module class, got {factory.__name__}")
            with self._lock:
                if name in self._entries:
                    raise ValueError(f"name: {name!r} is registered already")
                recorded = recording(factory, name)
                self._entries[name] = Entry(name, kind, recorded, example)
            return recorded

        return register

    def _list(self, kind: Kind, pattern: str) -> list[str]:
        self._load()
        names = (entry.name for entry in self._entries.values() if entry.kind == kind)
        return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))

    def _load(self) -> None:
        """Import what is pending, once; a family that fails is tried again at the next lookup."""
        with self._lock:
            while self._pending:
                package = self._pending.pop(0)
                try:
                    self._whole(functools.partial(importlib.import_module, package))
                except BaseException:
                    self._pending.insert(0, package)
                    raise
            group, self._plugins = self._plugins, None
            for point in importlib.metadata.entry_points(group=group) if group else ():
                try:
                    self._whole(point.load)
                except Exception as error:
                    reason = " ".join(str(error).split())
                    warnings.warn(
                        f"entry point {point.name!r} of {group!r} ({point.value}) failed: "
                        f"{type(error).__name__}: {reason}",
                        stacklevel=2,
                    )

    def _whole(self, load: Callable[[], object]) -> None:
        """Run an import that registers names; where it fails, take its names back."""
        before = dict(self._entries)
        try:
            load()
        except BaseException:
            self._entries = before
            raise


def _ordered(arguments: dict[str, Any], parameters: Any) -> dict[str, Any]:
    return {name: arguments[name] for name in parameters if name in arguments}


def _near(name: str, names: list[str]) -> list[str]:
    """Up to three names close to a wrong one, by the whole name or by its last part."""
    lowered = {known.lower(): known for known in names}
    last = {known.rsplit("/", 1)[-1]: whole for known, whole in lowered.items()}
    wanted = name.lower()
    near = [lowered[k] for k in difflib.get_close_matches(wanted, lowered, n=3)]
    tail = difflib.get_close_matches(wanted.rsplit("/", 1)[-1], last, n=3)
    return list(dict.fromkeys([*near, *(last[k] for k in tail)]))[:3]


FAMILIES: tuple[str, ...] = (
    "geomdl.translation",
    "geomdl.scattering",
    "geomdl.steerable",
    "geomdl.euclidean",
    "geomdl.permutation",
    "geomdl.linear",
    "geomdl.symmetrization",
    "geomdl.interop.escnn",
)
"""Packages of layers and models, imported at the first lookup."""

default = Registry(FAMILIES, entry_points="geomdl.models")
"""The library's registry."""
