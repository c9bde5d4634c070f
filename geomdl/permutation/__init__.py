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
from geomdl.permutation.deep_sets import (
    DeepSets,
)
from geomdl.permutation.equivariant_linear import (
    EquivariantLinear,
)
from geomdl.permutation.partitions import (
    partitions,
)
from geomdl.permutation.ppgn import (
    PPGN,
)
from geomdl.permutation.sampling import (
    NeighborBatch,
    NeighborSampler,
)
from geomdl.permutation.set_transformer import (
    SetTransformer,
    set_attention,
)
from geomdl.permutation.sets import (
    pad_sets,
)
from geomdl.permutation.subgraphs import (
    SubgraphGNN,
)

__all__ = [
    "PPGN",
    "DeepSets",
    "EquivariantLinear",
    "GraphDataset",
    "NeighborBatch",
    "NeighborSampler",
    "OnGraphs",
    "OnNodes",
    "SetTransformer",
    "Statistics",
    "SubgraphGNN",
    "fit_graphs",
    "fit_nodes",
    "graph_attention",
    "graph_attention_v2",
    "neighbor_max",
    "neighbor_mean",
    "neighbor_min",
    "neighbor_statistics",
    "neighbor_sum",
    "pad_sets",
    "partitions",
    "predict_graphs",
    "set_attention",
]
