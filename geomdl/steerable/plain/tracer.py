"""Tracing of layers by ``torch.fx``: checks are silent, the layer's own tensors are known."""

import builtins
import copy
import dis
import functools
import operator
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from geomdl.fields import Field
from geomdl.steerable.checks import GridCheck

_KNOWN = "known"
_CASTS = {"float": torch.float32, "double": torch.float64}
_LOCK = threading.Lock()
_HALF = (torch.bfloat16, torch.float16)


def trace(
    module: nn.Module, dtype: torch.dtype, inline: Callable[[nn.Module], bool] = lambda _: False
) -> tuple[fx.Graph, nn.Module]:
    """Graph of a module's ``forward`` without the checks of its inputs, and what its names name.

    Args:
        module: not changed.
        dtype: of its input, which ``forward`` may ask for.
        inline: whether a module that it calls is traced into; else it is one node.

    Raises:
        Exception: of any type, where ``forward`` asks for what is not known before it runs.
    """
    bare = copy.copy(module)
    for name, value in vars(module).items():
        if isinstance(value, Field | GridCheck):
            bare.__dict__[name] = _Silent(value)
    with _lengths():
        graph = _Tracer(dtype, inline).trace(bare)
    graph.eliminate_dead_code(_acts)
    graph._tracer_cls = None  # else its class would be pickled along
    return graph, bare


def fold(graph: fx.Graph, name: str = "constant") -> dict[str, Tensor]:
    """Make constants of what is computed from buffers alone, in place.

    A graph that is loaded again is traced by torch's own tracer, which computes such things at once
    and gives them names of its own.

    Args:
        graph: as `trace` gives it.
        name: first part of the names of the constants.

    Returns:
        Name -> constant.
    """
    constants: dict[str, Tensor] = {}
    for node in list(graph.nodes):
        known = node.meta.get(_KNOWN)
        if known is None or known.learnt or node.op == "get_attr":
            continue
        used = any(_KNOWN not in user.meta or user.meta[_KNOWN].learnt for user in node.users)
        if used and isinstance(known.value, Tensor):
            target = f"{name}_{len(constants)}"
            constants[target] = known.value.detach().clone(memory_format=torch.contiguous_format)
            with graph.inserting_before(node):
                node.replace_all_uses_with(graph.create_node("get_attr", target))
    graph.eliminate_dead_code(_acts)
    for node in graph.nodes:
        node.meta.clear()
    return constants


def _acts(node: fx.Node) -> bool:
    """Whether a node does something beside giving a value."""
    name = str(getattr(node.target, "__name__", node.target))
    in_place = name.endswith("_") and not name.endswith("__")
    outer = node.op in ("placeholder", "output", "call_module")
    return outer or in_place or bool(node.kwargs.get("inplace"))


def tensor_of(module: nn.Module, name: str) -> Any:
    """A parameter, buffer or attribute, past ``getattr``, which a tracer watches."""
    found = module._parameters.get(name, module._buffers.get(name))
    return vars(module).get(name) if found is None else found


class _Known(NamedTuple):
    """What a node gives, where that hangs on the module alone, and whether on its parameters."""

    value: Any
    learnt: bool


@contextmanager
def _lengths() -> Iterator[None]:
    """Let ``len`` of a traced tensor be its first size; of anything else it is what it was."""

    def length(x: Any, /) -> Any:
        return operator.getitem(x.shape, 0) if isinstance(x, fx.Proxy) else plain(x)

    with _LOCK:
        plain, builtins.len = builtins.len, length
        try:
            yield
        finally:
            builtins.len = plain


class _Silent:
    """Stands for a Field or a GridCheck while tracing, when there are no numbers to check."""

    def __init__(self, checked: Field | GridCheck) -> None:
        self._checked = checked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._checked, name)

    def check(self, *_: Any) -> None:
        """Accept anything."""

    shape = equal = windows = fit = check


class _Proxy(fx.Proxy):
    """A tensor of known dtype; where it comes from the layer's own tensors, of known shape."""

    @property
    def known(self) -> Any:
        """Value of the node, None where it is not known."""
        known = self.node.meta.get(_KNOWN)
        return None if known is None else known.value

    @property
    def dtype(self) -> torch.dtype:
        """That of the input, or to which ``forward`` has just changed it."""
        tracer: Any = self.tracer
        usual: torch.dtype = _CASTS.get(str(self.node.target), tracer.dtype)
        return self.known.dtype if isinstance(self.known, Tensor) else usual

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "ndim", "device") and isinstance(self.known, Tensor):
            return getattr(self.known, name)
        if name == "shape":
            return self.tracer.create_proxy("call_function", getattr, (self, name), {})
        return super().__getattr__(name)

    def __len__(self) -> int:
        raise TypeError("the length of a traced tensor is not known")  # unpacking asks, and goes on

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Record it; the dtype of the input is that of whatever comes, after a ``double`` too."""
        tracer: Any = self.tracer
        if len(args) == 1 and args[0] is tracer.dtype and not kwargs:
            args = (tracer.first,)
        return tracer.create_proxy("call_method", "to", (self, *args), kwargs)


class _Star(_Proxy):
    """Sizes, as many as there are, among others: ``y.reshape(*x.shape[2:], 3)``."""


class _Tracer(fx.Tracer):
    """Records, and computes what hangs on the layer's own tensors alone."""

    proxy_buffer_attributes = True

    def __init__(self, dtype: torch.dtype, inline: Callable[[nn.Module], bool]) -> None:
        super().__init__()
        self.dtype, self.inline = dtype, inline
        self.first: fx.Proxy | None = None

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not self.inline(m)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: dict[str, Any], *rest: Any, **named: Any
    ) -> fx.Node:
        norm = getattr(target, "__name__", "") == "linalg_vector_norm"
        if norm and kwargs.get("dtype") == self.dtype not in _HALF:  # that of its input anyway
            kwargs = {key: value for key, value in kwargs.items() if key != "dtype"}
        node = super().create_node(kind, target, args, kwargs, *rest, **named)
        inputs = [n.meta[_KNOWN] for n in node.all_input_nodes if _KNOWN in n.meta]
        if node.op == "get_attr":
            path, _, last = str(node.target).rpartition(".")
            value = tensor_of(self.root.get_submodule(path), last)
            node.meta[_KNOWN] = _Known(value, isinstance(value, nn.Parameter))
        elif (
            node.op in ("call_function", "call_method")
            and inputs
            and len(inputs) == len(node.all_input_nodes)
        ):
            given, named = fx.map_arg((node.args, node.kwargs), lambda n: n.meta[_KNOWN].value)
            if callable(node.target):
                value = node.target(*given, **named)
            else:
                value = getattr(given[0], node.target)(*given[1:], **named)
            node.meta[_KNOWN] = _Known(value, any(k.learnt for k in inputs))
        return node

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        node, parts = obj.node, obj.known if isinstance(obj, _Proxy) else None
        if node.target == "split" and isinstance(node.args[1], list | tuple):
            parts = node.args[1]
        if _is_sizes(node) and _unpacks(sys._getframe(2)):
            return iter([_Star(node, self)])
        if not isinstance(parts, Tensor | tuple | list):
            return iter(super().iter(obj))
        return iter([operator.getitem(obj, i) for i in range(len(parts))])

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: dict[str, Any], *rest: Any, **named: Any
    ) -> fx.Proxy:
        if kind == "call_method" and any(isinstance(arg, _Star) for arg in args[1:]):
            args = (args[0], self._joined(args[1:]))
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **named)
        if kind == "placeholder" and self.first is None:
            self.first = proxy
        return proxy

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, _Star):
            raise TypeError("sizes whose number is not known stand by themselves")
        if isinstance(a, tuple | list) and any(isinstance(part, _Star) for part in a):
            a = self._joined(a)
        return super().create_arg(a)

    def _joined(self, sizes: Sequence[Any]) -> Any:
        """One tuple of sizes such as ``*x.shape[2:], 3``."""
        parts = [_Proxy(a.node, self) if isinstance(a, _Star) else (a,) for a in sizes]
        return functools.reduce(operator.add, parts)


def _is_sizes(node: object) -> bool:
    """Whether a node is the shape of a tensor, or a slice of it, whose length is not known."""
    if not isinstance(node, fx.Node) or _KNOWN in node.meta:
        return False
    if node.target is operator.getitem:
        return isinstance(node.args[1], slice) and _is_sizes(node.args[0])
    return node.target is getattr and node.args[1] == "shape"


def _unpacks(frame: FrameType) -> bool:
    """Whether a frame is at a star among the arguments of a call."""
    at = frame.f_lasti
    return any(
        i.offset == at and i.opname in ("LIST_EXTEND", "CALL_FUNCTION_EX")
        for i in dis.get_instructions(frame.f_code)
    )
