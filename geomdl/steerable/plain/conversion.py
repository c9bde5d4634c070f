"""`to_plain`: every layer replaced by its plain form, what calls them by a graph."""

import copy
from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from geomdl.steerable.classifier import Classifier
from geomdl.steerable.plain import layers  # noqa: F401  (fills the table of forms)
from geomdl.steerable.plain.forms import FORMS, TRACED, dtype_of, form
from geomdl.steerable.plain.graphs import graph_of
from geomdl.steerable.sequential import Sequential

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_INTERNAL = frozenset(vars(nn.Module()))


def to_plain(model: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """The same network as an ordinary ``nn.Module``: torch alone saves, loads and runs it.

    Layers become those of ``torch.nn`` where there are such (convolutions with the filters
    expanded, with stride, dilation, groups and padding mode; batch norm, ReLU, pools, linear
    maps), the others graphs of torch operations (``torch.fx``). Modules that call layers, the
    user's own among them, become graphs too, with the names of their parts unchanged. Outputs are
    *exact*: equal up to rounding, 1e-6 in float32 and 1e-12 in float64. The copy shares no tensor
    with the model.

    What is lost: inputs are no longer checked, so a size that breaks the symmetry is no error; and
    the weights are free, so training further breaks the symmetry (frozen layers stay frozen; batch
    norms of other than permutation representations become the affine maps of their running
    statistics). Modules without geomdl in them are copied as they are, with their classes. A
    forward that depends on ``training`` by itself keeps the branch of the present mode. Bounds
    below which numbers count as zero or as equal are those of the dtype at conversion: cast the
    model before.

    Args:
        model: a layer, a model, or any module that contains some. It is not changed.
        dtype: of the inputs; by default that of the model's tensors, PyTorch's default where it has
            none.

    Returns:
        A module with no class of geomdl in it, in the same mode, dtype and on the same device.
        ``torch.save`` it whole, or pass it to ``torch.export`` or ``torch.onnx.export``.

    Raises:
        TypeError: not a module.
        ValueError: a layer without plain form, with hooks, or a module that cannot be traced: one
            whose forward branches on numbers, draws random ones, or writes what the module holds.
            The message names it.

    Example:
        >>> import geomdl
        >>> import torch
        >>> from geomdl import Field, Grid
        >>> from geomdl.steerable import Conv, GroupPool, Sequential
        >>> G = geomdl.group("C4")
        >>> conv = Conv(Field(Grid(2), G.trivial), Field(Grid(2), 2 * G.regular), 3, padding=1)
        >>> net = Sequential(conv, GroupPool(conv.target))
        >>> plain = to_plain(net)
        >>> plain
        Sequential(
          (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
          (1): GroupPool()
        )
        >>> x = torch.ones(1, 1, 5, 5)
        >>> torch.allclose(plain(x), net(x), atol=1e-6)
        True
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected an nn.Module, got {type(model).__name__}")
    return _Conversion(dtype_of(model) if dtype is None else dtype).convert(model, "")


class _Conversion:
    """One run: a module that occurs twice is converted once, so that its weights stay shared."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.done: dict[int, nn.Module] = {}
        self.copies: dict[int, Any] = {}  # of modules without geomdl, whose weights may be shared

    def convert(self, module: nn.Module, path: str) -> nn.Module:
        """Plain form of a module; ``path`` is where it stands, for messages."""
        compiled = getattr(module, "_orig_mod", None)  # of torch.compile
        if isinstance(compiled, nn.Module):
            module = compiled
        if id(module) not in self.done:
            self.done[id(module)] = self._convert(module, path)
        return self.done[id(module)]

    def _convert(self, module: nn.Module, path: str) -> nn.Module:
        if not any(_is_ours(part) for part in module.modules()):
            return copy.deepcopy(module, self.copies)
        if any(vars(module).get(hooks) for hooks in _HOOKS) or "forward" in vars(module):
            what = "a forward of its own" if "forward" in vars(module) else "hooks"
            raise _RefusedError(
                f"model: {_name(module, path)} has {what}, which a plain one would lack"
            )
        kind, plain = type(module), module
        if kind in FORMS:
            try:
                plain = form(module, self.dtype).train(module.training)
            except IndexError as error:  # among layers for one, two and three axes
                where = _name(module, path)
                raise _RefusedError(f"model: no plain form of {where} on so many axes") from error
            learns = any(p.requires_grad for p in module.parameters())
            return plain if learns else plain.requires_grad_(False)
        if kind is Sequential or kind.forward in (nn.Sequential.forward, Classifier.forward):
            parts = self._children(module, path)
            if isinstance(module, Classifier):  # what it checks are sizes
                parts = OrderedDict((name, parts[name]) for name in ("body", "head"))
            plain = nn.Sequential(parts)
        elif kind is nn.ModuleList:
            plain = nn.ModuleList(self._children(module, path).values())
        elif kind is nn.ModuleDict:
            plain = nn.ModuleDict(self._children(module, path))
        else:
            plain = self._traced(module, path)
        plain.training = module.training  # its parts have their own
        return plain

    def _children(self, module: nn.Module, path: str) -> OrderedDict[str, nn.Module]:
        return OrderedDict(
            (name, self.convert(child, _join(path, name)))
            for name, child in module._modules.items()
            if child is not None
        )

    def _traced(self, module: nn.Module, path: str) -> nn.Module:
        if _has_geomdl_class(module) and not any(map(_has_form, module.modules())):
            raise _RefusedError(f"model: no plain form is known of {_name(module, path)}")

        def convert(target: str) -> nn.Module:
            return self.convert(module.get_submodule(target), _join(path, target))

        def inline(part: nn.Module) -> bool:
            return type(module) in TRACED and _has_geomdl_class(part) and not _has_form(part)

        field = module.source if type(module) in TRACED else None
        try:
            return graph_of(module, self.dtype, None, convert, inline, field)  # type: ignore[arg-type]
        except _RefusedError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise _RefusedError(
                f"model: {_name(module, path)} cannot be traced by torch.fx: {reason}"
            ) from error


class _RefusedError(ValueError):
    """A part that has no plain form, named."""


def _has_form(module: nn.Module) -> bool:
    return type(module) in FORMS or type(module) in TRACED


def _is_ours(module: nn.Module) -> bool:
    """Whether a module needs geomdl: by its class, or by what it holds beside its parts."""
    return _has_geomdl_class(module) or any(
        _holds_geomdl(value) for name, value in vars(module).items() if name not in _INTERNAL
    )


def _holds_geomdl(value: object) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_holds_geomdl, value)) or _of_geomdl(type(value))
    return _of_geomdl(type(value))


def _has_geomdl_class(module: nn.Module) -> bool:
    return any(map(_of_geomdl, type(module).__mro__))


def _of_geomdl(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "geomdl"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _name(module: nn.Module, path: str) -> str:
    kind = type(module).__name__
    return f"{path} ({kind})" if path else kind
