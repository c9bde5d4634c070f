"""`convert`: a model of torch_geometric with our convolutions in the place of its own."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from geomdl.interop.pyg.call import Convolution, LastGraph
from geomdl.interop.pyg.layers import peers
from geomdl.interop.pyg.weights import check_plain, check_reshaped, filled


def convert(model: nn.Module) -> nn.Module:
    """A copy of a model whose PyG convolutions are replaced by ours, with the same weights.

    The same numbers, *exact* up to rounding, in evaluation and in training; with dropout of edges
    the same in distribution. Served are `GCNConv`, `SAGEConv`, `GINConv`, `GINEConv`, `GATConv`,
    `GATv2Conv`, `PNAConv`, `APPNP` and `ChebConv`, wherever they stand in the model; they are still
    called with ``edge_index`` and ``edge_weight`` or ``edge_attr``, or with a `Graph` in its place.
    Everything else stays as it is; a warning names convolutions without a counterpart. The weights
    are copies: make the optimiser afterwards; those that convolutions share stay shared. Where PyG
    counts one of several loops of a node (`GCNConv`, `APPNP`), ours counts all.

    The graph of an ``edge_index`` is kept until one with other numbers comes, also if it was
    changed in place: each convolution compares them, which costs a look at every edge. Under
    `torch.compile` this is done outside of what is compiled, by a break in each convolution; with a
    `Graph` there is none, and ``fullgraph=True`` works.

    Args:
        model: any module.

    Returns:
        The copy; `model` stays what it was.

    Raises:
        ValueError: an option of a convolution has no counterpart; the line names both. So with
            ``cached=True``, which would answer from the first graph whatever comes, and with hooks
            and parametrizations of a convolution (`weight_norm`, `spectral_norm`).

    Example:
        >>> import torch, torch_geometric.nn as pyg
        >>> theirs = pyg.GCN(3, 8, num_layers=2, out_channels=2)
        >>> ours = convert(theirs)
        >>> x, edge_index = torch.randn(3, 3), torch.tensor([[0, 1], [1, 2]])
        >>> torch.allclose(ours(x, edge_index), theirs(x, edge_index), atol=1e-6)
        True
    """
    from torch_geometric.nn import MessagePassing

    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a module, got {type(model).__name__}")
    makers, graphs = peers(), LastGraph()
    for name, module in model.named_modules():
        if type(module) in makers:
            with _naming(name, module):
                check_plain(module)
    model = copy.deepcopy(model)
    replaced: dict[nn.Module, nn.Module] = {}
    reshaped: dict[Tensor, Tensor] = {}
    left = []
    for name, module in list(model.named_modules()):
        if type(module) in makers:
            with _naming(name, module), torch.random.fork_rng(devices=[]):
                layer, attached, names = makers[type(module)](module)
                filled(layer, module, names, reshaped)
            unread = attached == "edge_attr" and getattr(layer, "edge_channels", 0) is None
            unread &= type(module).__name__ == "GATConv"
            replaced[module] = Convolution(layer, type(module).__name__, attached, graphs, unread)
        elif isinstance(module, MessagePassing):
            left.append(_where(name, module))
    if left:
        warnings.warn(f"left as they are: {', '.join(left)}", stacklevel=2)
    model = _replace(model, replaced, set())
    check_reshaped(model, reshaped)
    return model


def _where(name: str, module: nn.Module) -> str:
    return f"{name or 'model'} ({type(module).__name__})"


@contextmanager
def _naming(name: str, module: nn.Module) -> Iterator[None]:
    """Messages begin with the module that they are about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{_where(name, module)}: {error}") from None


def _replace(module: nn.Module, replaced: dict[nn.Module, nn.Module], seen: set[int]) -> nn.Module:
    """The module with its parts replaced, or what replaces it."""
    if module in replaced:
        return replaced[module]
    if id(module) not in seen:
        seen.add(id(module))
        for name, child in list(module._modules.items()):
            if child is not None:
                module._modules[name] = _replace(child, replaced, seen)
    return module
