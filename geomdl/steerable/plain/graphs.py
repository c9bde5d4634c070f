"""Modules as graphs of torch operations: code and tensors, and no class to import."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from geomdl.fields import Field
from geomdl.steerable.plain.tracer import fold, tensor_of, trace


def graph_of(
    module: nn.Module,
    dtype: torch.dtype | None = None,
    name: str | None = None,
    convert: Callable[[str], nn.Module] | None = None,
    inline: Callable[[nn.Module], bool] = lambda _: False,
    field: Field | None = None,
) -> fx.GraphModule:
    """A module as code, tensors and the plain forms of the modules that it calls.

    Args:
        module: ``forward`` applies torch operations and modules. It is not changed, and shares no
            tensor with the graph.
        dtype: of its input, where ``forward`` asks for it; None for PyTorch's default.
        name: shown when the graph is printed, also after it was loaded again.
        convert: path of a module that is called -> its plain form.
        inline: whether a module that is called becomes part of the graph.
        field: what its input is, where ``forward`` asks for the number of axes.

    Raises:
        Exception: of any type, where ``forward`` asks for what is not known before it runs.
    """
    dtype = torch.get_default_dtype() if dtype is None else dtype
    graph, root = trace(module, dtype, inline, field)
    parts: dict[str, Any] = dict(fold(graph))
    for node in graph.nodes:
        target = str(node.target)
        if target in parts:
            continue
        if node.op == "get_attr":
            parts[target] = _own(root, target)
        elif node.op == "call_module":
            parts[target] = (convert or module.get_submodule)(target)
    title = type(module).__name__ if name is None else name
    built = fx.GraphModule(dict(sorted(parts.items())), graph, title)
    built.__dict__["_graphmodule_cls_name"] = title
    return built


def _own(module: nn.Module, target: str) -> Tensor:
    """Copy of a parameter or buffer."""
    path, _, last = target.rpartition(".")
    tensor = tensor_of(module.get_submodule(path), last)
    copied: Tensor = tensor.detach().clone(memory_format=torch.contiguous_format)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(copied, tensor.requires_grad)
    return copied


def parameter(tensor: Tensor) -> nn.Parameter:
    """Trainable copy of a tensor."""
    return nn.Parameter(tensor.detach().clone(memory_format=torch.contiguous_format))


class _Dense(nn.Module):
    """The same affine map at every place of any number of axes."""

    def __init__(self, matrix: nn.Parameter, bias: nn.Parameter | None, d: int) -> None:
        super().__init__()
        self.weight, self.bias, self.d = matrix, bias, d

    def forward(self, x: Tensor) -> Tensor:
        y = self.weight @ x.flatten(2)
        if self.bias is not None:
            y = y + self.bias.unsqueeze(1)
        sizes = [x.shape[2 + axis] for axis in range(self.d)]
        spread: Tensor = y.unflatten(2, sizes)
        return spread


def pointwise_map(matrix: Tensor, bias: Tensor | None, d: int | None) -> nn.Module:
    """The same affine map at every pixel: a convolution with one tap, diagonal ones by channel.

    Args:
        matrix: (out, in).
        bias: (out,), or None.
        d: number of spatial axes; None for plain vectors, which get an ``nn.Linear``.
    """
    rows, columns = matrix.shape
    if d is not None and d > 3:
        shift = None if bias is None else parameter(bias)
        return graph_of(_Dense(parameter(matrix), shift, d), name="PointwiseLinear")
    if d is None:
        plain: nn.Module = nn.Linear(columns, rows, bias is not None, device="meta")
    else:
        kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[d - 1]
        diagonal = rows == columns and bool((matrix == matrix.diag().diag()).all())
        groups = rows if diagonal else 1
        plain = kind(columns, rows, 1, groups=groups, bias=bias is not None, device="meta")
        weight = matrix.diag()[:, None] if diagonal else matrix
        matrix = weight.reshape(*weight.shape, *[1] * d)
    plain.weight = parameter(matrix)
    if bias is not None:
        plain.bias = parameter(bias)
    return plain
