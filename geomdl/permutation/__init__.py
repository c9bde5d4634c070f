"""S_n on sets and graphs: message passing, attention, higher orders, sets."""

from geomdl.permutation.aggregate import (
    Statistics,
    graph_attention,
    graph_attention_v2,
    neighbor_max,
    neighbor_mean,
    neighbor_min,
    neighbor_statistics,
    neighbor_sum,
)
from geomdl.permutation.datasets import (
    GraphDataset,
    OnGraphs,
    OnNodes,
    fit_graphs,
    fit_nodes,
    predict_graphs,
)
from geomdl.permutation.sampling import (
    NeighborBatch,
    NeighborSampler,
)

__all__ = [
    "GraphDataset",
    "NeighborBatch",
    "NeighborSampler",
    "OnGraphs",
    "OnNodes",
    "Statistics",
    "fit_graphs",
    "fit_nodes",
    "graph_attention",
    "graph_attention_v2",
    "neighbor_max",
    "neighbor_mean",
    "neighbor_min",
    "neighbor_statistics",
    "neighbor_sum",
    "predict_graphs",
]
