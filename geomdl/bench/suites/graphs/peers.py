"""PyG's convolutions and its three forms of a graph, and graphs to time them on."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

CHANNELS = 64
MODELS = ("GCN", "SAGE", "GIN", "GAT", "PNA")
HEADS = 4  # of GAT, 16 channels each


def random_edges(nodes: int, edges: int) -> Tensor:
    """Edges of a random graph without loops, unsorted, int64 of shape (2, edges)."""
    rng = torch.Generator().manual_seed(nodes)
    source = torch.randint(nodes, (edges,), generator=rng)
    steps = 1 + torch.randint(nodes - 1, (edges,), generator=rng)
    return torch.stack([source, (source + steps) % nodes])


def molecule_edges(molecules: int) -> tuple[Tensor, int]:
    """Edges of a batch of trees with one ring each, 18 to 23 nodes, and their number of nodes.

    Node k > 0 is bound to one of the four before it, and the last to the first: as many bonds as
    nodes, both ways, as in ZINC and QM9.
    """
    rng = torch.Generator().manual_seed(molecules)
    sizes = torch.randint(18, 24, (molecules,), generator=rng).tolist()
    pieces, before = [], 0
    for size in sizes:
        steps = 1 + torch.randint(4, (size - 1,), generator=rng)
        later = torch.arange(1, size)
        bonds = torch.stack([later, (later - steps).clamp(min=0)])
        bonds = torch.cat([bonds, torch.tensor([[size - 1], [0]])], 1) + before
        pieces += [bonds, bonds.flip(0)]
        before += size
    return torch.cat(pieces, 1), before


def convolution(model: str, edge_index: Tensor, nodes: int) -> nn.Module:
    """PyG's convolution with 64 channels in and out, its default options."""
    from torch_geometric import nn as convolutions

    pyg: Any = convolutions  # untyped
    made: nn.Module
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if model == "GIN":
            made = pyg.GINConv(nn.Linear(CHANNELS, CHANNELS))
        elif model == "GAT":
            made = pyg.GATConv(CHANNELS, CHANNELS // HEADS, heads=HEADS)
        elif model == "PNA":
            degrees = torch.bincount(torch.bincount(edge_index[1], minlength=nodes))
            aggregators = ["mean", "min", "max", "std"]
            scalers = ["identity", "amplification", "attenuation"]
            made = pyg.PNAConv(CHANNELS, CHANNELS, aggregators, scalers, degrees)
        else:
            made = getattr(pyg, f"{model}Conv")(CHANNELS, CHANNELS)
    return made


def forms(edge_index: Tensor, nodes: int) -> dict[str, Callable[[], Any]]:
    """What PyG's layers take: edges as they come, edges sorted with caches, a sparse matrix."""

    def ordered() -> Any:
        from torch_geometric import EdgeIndex

        found = EdgeIndex(edge_index, sparse_size=(nodes, nodes)).sort_by("col").values
        return found.fill_cache_()

    def sparse() -> Any:
        from torch_geometric.utils import to_torch_csr_tensor

        return to_torch_csr_tensor(edge_index.flip(0), size=(nodes, nodes))

    return {"PyG": lambda: edge_index, "sorted": ordered, "sparse": sparse}
