"""`convert`: a model of torch_geometric with our convolutions in the place of its own."""

import copy
import warnings

import torch
from torch import nn

from geomdl.interop.pyg.call import Convolution, LastGraph
from geomdl.interop.pyg.layers import check_initialized, filled, peers


def convert(model: nn.Module) -> nn.Module:
    """A copy of a model whose PyG convolutions are replaced by ours, with the same weights.

    The same numbers, *exact* up to rounding, in evaluation and in training; with dropout of edges
    the same in distribution. Served are `GCNConv`, `SAGEConv`, `GINConv`, `GINEConv`, `GATConv`,
    `GATv2Conv`, `PNAConv`, `APPNP` and `ChebConv`, wherever they stand in the model; they are still
    called with ``edge_index`` and ``edge_weight`` or ``edge_attr``, or with a `Graph` in its place.
    Everything else stays as it is; a warning names convolutions without a counterpart. The weights
    are copies: make the optimiser afterwards. Where PyG counts one of several loops of a node
    (`GCNConv`, `APPNP`), ours counts all.

    Args:
        model: any module.

    Returns:
        The copy; `model` stays what it was.

    Raises:
        ValueError: an option of a convolution has no counterpart; the line names both.

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
    model = copy.deepcopy(model)
    makers, graphs = peers(), LastGraph()
    replaced: dict[nn.Module, nn.Module] = {}
    left = []
    for name, module in list(model.named_modules()):
        where = f"{name or 'model'} ({type(module).__name__})"
        if type(module) in makers:
            try:
                check_initialized(module)
                with torch.random.fork_rng(devices=[]):
                    layer, attached, names = makers[type(module)](module)
                filled(layer, module, names)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            unread = attached == "edge_attr" and getattr(layer, "edge_channels", 0) is None
            unread &= type(module).__name__ == "GATConv"
            replaced[module] = Convolution(layer, type(module).__name__, attached, graphs, unread)
        elif isinstance(module, MessagePassing):
            left.append(where)
    if left:
        warnings.warn(f"left as they are: {', '.join(left)}", stacklevel=2)
    return _replace(model, replaced, set())


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
