"""Tracing of layers by ``torch.fx``: checks are silent, the layer's own tensors are known."""

import copy
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from geomdl.fields import Field, Grid
from geomdl.steerable.checks import GridCheck
from geomdl.steerable.plain.guard import guarded, writes

_KNOWN = "known"
_CASTS = {"float": torch.float32, "double": torch.float64}


def trace(
    module: nn.Module,
    dtype: torch.dtype,
    inline: Callable[[nn.Module], bool] = lambda _: False,
    field: Field | None = None,
) -> tuple[fx.Graph, nn.Module]:
    """Graph of a module's ``forward`` without the checks of its inputs, and what its names name.

    Args:
        module: not changed.
        dtype: of its input, which ``forward`` may ask for.
        inline: whether a module that it calls is traced into; else it is one node.
        field: what its input is, where that is known, and with it the number of axes.

    Raises:
        Exception: of any type, where ``forward`` asks for what is not known before it runs, draws
            random numbers, or writes what the module holds.
    """
    bare = copy.copy(module)
    for name, value in vars(module).items():
        if isinstance(value, Field | GridCheck):
            bare.__dict__[name] = _Silent(value)
    for name in ("_buffers", "_parameters", "_modules"):
        bare.__dict__[name] = dict(vars(module)[name])
    tracer = _Tracer(dtype, inline, field)
    with guarded(bare):
        graph = tracer.trace(bare)
    if field is not None and not isinstance(field.domain, Grid):
        _unflatten(graph)
    graph.eliminate_dead_code(_acts)
    graph._tracer_cls = None  # else its class would be pickled along
    return graph, bare


def _unflatten(graph: fx.Graph) -> None:
    """Give the output the leading axes of the input, which the tracer has made one."""
    x = next(node for node in graph.nodes if node.op == "placeholder")
    out = next(node for node in graph.nodes if node.op == "output")
    (y,) = out.args
    with graph.inserting_before(out):
        leading, last = (
            graph.call_function(
                operator.getitem, (graph.call_function(getattr, (node, "shape")), part)
            )
            for node, part in ((x, slice(None, -1)), (y, slice(-1, None)))
        )
        sizes = graph.call_function(operator.add, (leading, last))
        out.args = (graph.call_method("reshape", (y, sizes)),)


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
    outer = node.op in ("placeholder", "output", "call_module")
    return outer or writes(node.target, node.kwargs)


def tensor_of(module: nn.Module, name: str) -> Any:
    """A parameter, buffer or attribute, past ``getattr``, which a tracer watches."""
    found = module._parameters.get(name, module._buffers.get(name))
    return vars(module).get(name) if found is None else found


class _Known(NamedTuple):
    """What a node gives, where that hangs on the module alone, and whether on its parameters."""

    value: Any
    learnt: bool


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

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return self.dtype.itemsize

    @property
    def shape(self) -> Any:
        """Sizes, one by one where their number is known."""
        if isinstance(self.known, Tensor):
            return self.known.shape
        tracer: Any = self.tracer
        sizes = tracer.create_proxy("call_function", getattr, (self, "shape"), {})
        axes = tracer.axes.get(self.node)
        return sizes if axes is None else tuple(sizes[axis] for axis in range(axes))

    def __getattr__(self, name: str) -> Any:
        tracer: Any = self.tracer
        if name in ("ndim", "device") and isinstance(self.known, Tensor):
            return getattr(self.known, name)
        if name == "ndim" and self.node in tracer.axes:
            return tracer.axes[self.node]
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "node" in vars(self):  # complete: forward says `x.data = …`
            raise RuntimeError(f"{name} of a tensor is set, which a graph cannot")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        raise TypeError("the length of a traced tensor is not known; x.shape[0] is its first size")

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Record it; the dtype of the input is that of whatever comes, after a ``double`` too."""
        tracer: Any = self.tracer
        if len(args) == 1 and args[0] is tracer.dtype and not kwargs:
            args = (tracer.first,)
        return tracer.create_proxy("call_method", "to", (self, *args), kwargs)


class _Tracer(fx.Tracer):
    """Records, and computes what hangs on the layer's own tensors alone.

    Fields without pixels may have any number of axes: all but the last are made one at once.
    """

    proxy_buffer_attributes = True

    def __init__(
        self, dtype: torch.dtype, inline: Callable[[nn.Module], bool], field: Field | None
    ) -> None:
        super().__init__()
        self.dtype, self.inline, self.field = dtype, inline, field
        self.first: fx.Proxy | None = None
        self.axes: dict[fx.Node, int] = {}  # their number, for the input

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not self.inline(m)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: dict[str, Any], *rest: Any, **named: Any
    ) -> fx.Node:
        node = super().create_node(kind, target, args, kwargs, *rest, **named)
        if writes(node.target, node.kwargs) and any(
            _KNOWN in written.meta
            for written in (*node.args[:1], node.kwargs.get("out"))
            if isinstance(written, fx.Node)
        ):
            name = getattr(node.target, "__name__", node.target)
            # no TypeError, after which Python would go on from `a += b` to `a = a + b`
            raise RuntimeError(f"{name} writes into a tensor that the module holds")
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
        if not isinstance(parts, Tensor | tuple | list):
            raise TypeError("a traced tensor or its sizes cannot be iterated; x.shape[0] is known")
        return iter([operator.getitem(obj, i) for i in range(len(parts))])

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: dict[str, Any], *rest: Any, **named: Any
    ) -> fx.Proxy:
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **named)
        if kind == "placeholder" and self.first is None:
            self.first = proxy
            if self.field is None:
                return proxy
            domain = self.field.domain
            if not isinstance(domain, Grid):
                self.first = proxy = proxy.reshape(-1, self.field.rep.dim)
            self.axes[proxy.node] = 2 + domain.d if isinstance(domain, Grid) else 2
        return proxy
