"""Export of modules that take gradients in their forward, which `torch.export` does not trace."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree


class _Traced(nn.Module):
    """A traced function of leaves, with the arguments and results of the module."""

    def __init__(self, traced: nn.Module, spec: pytree.TreeSpec) -> None:
        super().__init__()
        self.traced, self.spec = traced, spec

    def forward(self, *inputs: Any) -> Any:
        found = self.traced(*pytree.tree_leaves(inputs))
        return pytree.tree_unflatten(list(found), self.spec)


def export_with_gradients(
    module: Callable[..., Any], inputs: tuple[Any, ...]
) -> torch.export.ExportedProgram:
    """Export a module whose results hold gradients of others.

    `make_fx` traces it below autograd, `torch.export` what comes of that. Every size of the inputs
    may change that the module lets change.

    Args:
        module: called without gradients.
        inputs: its arguments, a pytree.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    flat, spec = pytree.tree_flatten(inputs)
    shape: list[pytree.TreeSpec] = []

    def run(*values: Any) -> list[Any]:
        with torch.no_grad():
            leaves, out = pytree.tree_flatten(module(*pytree.tree_unflatten(list(values), spec)))
        shape.append(out)
        return leaves

    traced = make_fx(run, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*flat)
    sizes: Any = torch.export.ShapesCollection()
    for x in {id(x): x for x in flat if isinstance(x, Tensor)}.values():
        sizes[x] = dict.fromkeys(range(x.ndim), torch.export.Dim.AUTO)
    return torch.export.export(_Traced(traced, shape[0]), inputs, dynamic_shapes=sizes)
