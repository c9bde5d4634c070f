"""One forward pass that notes where parameters enter, and cuts them off there.

Calls that are linear in a tensor made of parameters alone (a weight, a filter expanded in a basis,
a tied or reparametrised weight) run with that tensor detached. So whatever parameter autograd's
graph of the output still leads to is used in another way too: nothing is missed, nothing guessed.

A derivative taken within the model, such as a force, depends on weights through what its backward
pass multiplies by, which a cut would hide: there nothing is cut.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.graph import get_gradient_edge
from torch.overrides import TorchFunctionMode

from geomdl.generalization.empirical.uses import Product, Scale, Use, Window
from geomdl.kernels.op import transformed

__all__ = ["Recorder"]

Call = Callable[..., Any]


class Recorder(TorchFunctionMode):
    """Notes the uses of parameters while it is active.

    Args:
        parameters: those to look for.
        rows: of the batch; None where rows are not told apart.
        cuts: whether uses are noted at all.

    Attributes:
        uses: in the order in which they came.
        differentiated: whether the model asked autograd for a derivative.
    """

    def __init__(self, parameters: Sequence[Tensor], rows: int | None, cuts: bool = True) -> None:
        super().__init__()
        self.place = {id(p): k for k, p in enumerate(parameters)}
        self.rows, self.cuts, self.differentiated = rows, cuts, False
        self.uses: list[Use] = []
        self.known: dict[Any, frozenset[int]] = {}

    def __torch_function__(
        self, func: Call, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self.differentiated |= func in _DERIVATIVES
        handler = _HANDLERS.get(func)
        if handler is not None and self.cuts and torch.is_grad_enabled() and not _hidden():
            try:
                return handler(self, func, *args, **kwargs)
            except _NotLinear:
                pass
        return func(*args, **kwargs)

    def leaves(self, tensor: Any) -> frozenset[int]:
        """Positions of the parameters that autograd's graph leads to, -1 for any other leaf."""
        if not isinstance(tensor, Tensor) or not tensor.requires_grad:
            return frozenset()
        if tensor.grad_fn is None:
            return frozenset([self.place.get(id(tensor), -1)])
        self._walk(tensor.grad_fn)
        return self.known[tensor.grad_fn]

    def _walk(self, root: Any) -> None:
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self.known:
                stack.pop()
                continue
            if type(node).__name__ == "AccumulateGrad":
                self.known[node] = frozenset([self.place.get(id(node.variable), -1)])
                continue
            nexts = [n for n, _ in node.next_functions if n is not None]
            missing = [n for n in nexts if n not in self.known]
            if missing:
                stack += missing
                continue
            self.known[node] = frozenset().union(*(self.known[n] for n in nexts))

    def made(self, tensor: Any) -> tuple[int, ...] | None:
        """Parameters that a tensor is made of, or None where it is made of others, or of none."""
        found = self.leaves(tensor)
        return tuple(sorted(found)) if found and -1 not in found else None

    def pair(self, x: Any, w: Any) -> tuple[int, ...]:
        """Parameters of w, where x is data; otherwise the call is left as it is."""
        made = self.made(w)
        if made is None or -1 not in self.leaves(x) or w.is_complex() or x.is_complex():
            raise _NotLinear
        return made

    def output(self, y: Tensor) -> tuple[Tensor, Any]:
        """The output, and where its cotangent is read whatever changes the output in place."""
        if not y.requires_grad:  # nothing before it is differentiable
            y = y.requires_grad_().clone()
        elif y._is_view():  # which a change in place would give another node
            y = y.clone()
        return y, get_gradient_edge(y)

    def cut(self, w: Any) -> Any:
        """A tensor made of parameters, without its way back to them."""
        return w if self.made(w) is None else w.detach()

    def product(
        self,
        y: Tensor,
        x: Tensor,
        w: Tensor,
        bias: Any = None,
        shape: tuple[int, ...] = (-1,),
        **how: Any,
    ) -> Tensor:
        """Note y = W x + b, b seen with a shape."""
        y, edge = self.output(y)
        kept, made = x.detach(), self.made(w)
        assert made is not None
        self.uses.append(Product(w, w._version, made, edge, y.shape, kept, kept._version, **how))
        made = self.made(bias)
        if made is not None:
            self._entrywise(bias, made, edge, y.shape, bias.reshape(shape).shape)
        return y

    def scale(self, x: Tensor, w: Any, shape: tuple[int, ...] | None = None) -> Tensor:
        """The product x w, w seen with a shape."""
        return x if w is None else self._apply(torch.mul, x, w, shape, x)

    def shift(self, x: Tensor, w: Any, shape: tuple[int, ...] | None = None) -> Tensor:
        """The sum x + w, w seen with a shape."""
        return x if w is None else self._apply(torch.add, x, w, shape, None)

    def _apply(
        self, call: Call, x: Tensor, w: Tensor, shape: tuple[int, ...] | None, factor: Tensor | None
    ) -> Tensor:
        seen = self.cut(w).reshape(w.shape if shape is None else shape)
        y: Tensor = call(x, seen)
        made = self.made(w)
        if made is not None:
            y, edge = self.output(y)
            kept = None if factor is None else factor.detach().expand(y.shape)
            self._entrywise(w, made, edge, y.shape, seen.shape, kept)
        return y

    def _entrywise(
        self,
        w: Tensor,
        made: tuple[int, ...],
        edge: Any,
        shape: torch.Size,
        seen: torch.Size,
        factor: Tensor | None = None,
    ) -> None:
        broadcast = (1,) * (len(shape) - len(seen)) + tuple(seen)
        version = 0 if factor is None else factor._version
        self.uses.append(Scale(w, w._version, made, edge, shape, factor, version, broadcast))


def _hidden() -> bool:
    """Whether a call is within a transform or a checkpoint, whose own passes know of no cut."""
    return transformed() or torch._C._autograd._top_saved_tensors_default_hooks(False) is not None


class _NotLinear(Exception):  # noqa: N818 - how a handler says that the call is none of its own
    pass


def _linear(to: Recorder, call: Call, input: Any, weight: Any, bias: Any = None) -> Tensor:
    to.pair(input, weight)
    if weight.ndim != 2:
        raise _NotLinear
    y = F.linear(input, weight.detach(), to.cut(bias))
    return to.product(y, input, weight, bias)


def _matmul(to: Recorder, call: Call, input: Any, other: Any = None, **rest: Any) -> Tensor:
    to.pair(input, other)
    if rest or other.ndim != 2:
        raise _NotLinear
    return to.product(input @ other.detach(), input, other, mirrored=True)


def _embedding(
    to: Recorder,
    call: Call,
    input: Tensor,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    one_a_row = to.rows is None or (input.ndim > 0 and len(input) == to.rows)
    if to.made(weight) is None or max_norm is not None or scale_grad_by_freq or not one_a_row:
        raise _NotLinear
    at = input.long()
    if padding_idx is not None:  # that row has no gradient
        at = at.masked_fill(at == padding_idx % len(weight), -1)
    y = F.embedding(input, weight.detach())
    return to.product(y, at, weight, mirrored=True, table=True)


def _conv(
    to: Recorder,
    call: Call,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    to.pair(input, weight)
    d = weight.ndim - 2
    if input.ndim != d + 2:
        raise _NotLinear
    size, step = tuple(weight.shape[2:]), _each(dilation, d)
    if padding == "same":
        total = [s * (k - 1) for s, k in zip(step, size, strict=True)]
        ends = tuple((t // 2, t - t // 2) for t in total)
    else:
        ends = tuple((p, p) for p in _each(0 if padding == "valid" else padding, d))
    window = Window(size, _each(stride, d), ends, step, groups)
    y = call(input, weight.detach(), to.cut(bias), stride, padding, dilation, groups)
    return to.product(y, input, weight, bias, (-1, *d * [1]), window=window)


def _each(value: Any, d: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return d * values if len(values) == 1 else values


def _add(to: Recorder, call: Call, input: Any, other: Any, **rest: Any) -> Tensor:
    x, w = _either(to, input, other, rest)
    return to.shift(x, w)


def _multiply(to: Recorder, call: Call, input: Any, other: Any, **rest: Any) -> Tensor:
    x, w = _either(to, input, other, rest)
    return to.scale(x, w)


def _either(to: Recorder, input: Any, other: Any, rest: Any) -> tuple[Tensor, Tensor]:
    if rest:
        raise _NotLinear
    if to.made(other) is None:
        input, other = other, input
    to.pair(input, other)
    return input, other


def _layer_norm(
    to: Recorder,
    call: Call,
    input: Tensor,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Tensor:
    if to.made(weight) is None and to.made(bias) is None:
        raise _NotLinear
    y = F.layer_norm(input, normalized_shape, None, None, eps)
    return to.shift(to.scale(y, weight), bias)


def _rms_norm(
    to: Recorder,
    call: Call,
    input: Tensor,
    normalized_shape: Any,
    weight: Any = None,
    eps: float | None = None,
) -> Tensor:
    if to.made(weight) is None:
        raise _NotLinear
    return to.scale(F.rms_norm(input, normalized_shape, None, eps), weight)


def _batch_norm(
    to: Recorder,
    call: Call,
    input: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if training or (to.made(weight) is None and to.made(bias) is None):
        raise _NotLinear
    shape = (-1, *(input.ndim - 2) * [1])
    y = F.batch_norm(input, running_mean, running_var, None, None, False, momentum, eps)
    return to.shift(to.scale(y, weight, shape), bias, shape)


def _group_norm(
    to: Recorder,
    call: Call,
    input: Tensor,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Tensor:
    if to.made(weight) is None and to.made(bias) is None:
        raise _NotLinear
    shape = (-1, *(input.ndim - 2) * [1])
    y = F.group_norm(input, num_groups, None, None, eps)
    return to.shift(to.scale(y, weight, shape), bias, shape)


def _dropout(
    to: Recorder,
    call: Call,
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Tensor:
    if training and p > 0:
        raise ValueError(f"model: should not be random, got {call.__name__} with p={p:g}")
    raise _NotLinear


_DERIVATIVES = (torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward)

_HANDLERS: dict[Call, Call] = {
    F.linear: _linear,
    torch.matmul: _matmul,
    torch.Tensor.matmul: _matmul,
    torch.Tensor.__matmul__: _matmul,
    torch.mm: _matmul,
    torch.Tensor.mm: _matmul,
    F.embedding: _embedding,
    torch.conv1d: _conv,
    torch.conv2d: _conv,
    torch.conv3d: _conv,
    torch.add: _add,
    torch.Tensor.add: _add,
    torch.mul: _multiply,
    torch.Tensor.mul: _multiply,
    torch.multiply: _multiply,
    torch.Tensor.multiply: _multiply,
    F.layer_norm: _layer_norm,
    F.rms_norm: _rms_norm,
    F.batch_norm: _batch_norm,
    F.group_norm: _group_norm,
    F.dropout: _dropout,
    F.dropout1d: _dropout,
    F.dropout2d: _dropout,
    F.dropout3d: _dropout,
}
