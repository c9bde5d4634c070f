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

__all__ = [
    "Statistics",
    "graph_attention",
    "graph_attention_v2",
    "neighbor_max",
    "neighbor_mean",
    "neighbor_min",
    "neighbor_statistics",
    "neighbor_sum",
]
