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
    scaled_neighbor_sum,
)
from geomdl.permutation.appnp import (
    APPNP,
)
from geomdl.permutation.appnp_net import APPNPNet
from geomdl.permutation.basis_net import (
    BasisNet,
)
from geomdl.permutation.belief import (
    belief_propagation,
)
from geomdl.permutation.chebyshev import (
    ChebConv,
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
from geomdl.permutation.diff_pool import (
    Clusters,
    DiffPool,
)
from geomdl.permutation.equivariant_linear import (
    EquivariantLinear,
)
from geomdl.permutation.gat import (
    GATConv,
    GATv2Conv,
)
from geomdl.permutation.gcn import (
    GCNConv,
)
from geomdl.permutation.gin import (
    GINConv,
    GINEConv,
)
from geomdl.permutation.global_attention import (
    GlobalAttention,
)
from geomdl.permutation.gps import (
    GPSLayer,
)
from geomdl.permutation.graph_norm import (
    GraphNorm,
)
from geomdl.permutation.messages import (
    sum_of_messages,
)
from geomdl.permutation.models import (
    GAT,
    GCN,
    GIN,
    GPS,
    PNA,
    SAGE,
    ChebNet,
)
from geomdl.permutation.network import (
    GraphNetwork,
)
from geomdl.permutation.partitions import (
    partitions,
)
from geomdl.permutation.pna import (
    PNAConv,
    mean_log_degree,
)
from geomdl.permutation.pooling import (
    AttentionPool,
    MaxPool,
    MeanPool,
    SumPool,
    graph_max,
    graph_mean,
    graph_softmax,
    graph_sum,
)
from geomdl.permutation.positions import (
    Spectrum,
    laplacian_pe,
    random_walk_pe,
)
from geomdl.permutation.ppgn import (
    PPGN,
)
from geomdl.permutation.sage import (
    SAGEConv,
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
from geomdl.permutation.sign_net import (
    SignNet,
)
from geomdl.permutation.subgraphs import (
    SubgraphGNN,
)
from geomdl.permutation.top_k import (
    Selected,
    TopKPool,
)
from geomdl.permutation.virtual_node import (
    VirtualNode,
)

__all__ = [
    "APPNP",
    "GAT",
    "GCN",
    "GIN",
    "GPS",
    "PNA",
    "PPGN",
    "SAGE",
    "APPNPNet",
    "AttentionPool",
    "BasisNet",
    "ChebConv",
    "ChebNet",
    "Clusters",
    "DeepSets",
    "DiffPool",
    "EquivariantLinear",
    "GATConv",
    "GATv2Conv",
    "GCNConv",
    "GINConv",
    "GINEConv",
    "GPSLayer",
    "GlobalAttention",
    "GraphDataset",
    "GraphNetwork",
    "GraphNorm",
    "MaxPool",
    "MeanPool",
    "NeighborBatch",
    "NeighborSampler",
    "OnGraphs",
    "OnNodes",
    "PNAConv",
    "SAGEConv",
    "Selected",
    "SetTransformer",
    "SignNet",
    "Spectrum",
    "Statistics",
    "SubgraphGNN",
    "SumPool",
    "TopKPool",
    "VirtualNode",
    "belief_propagation",
    "fit_graphs",
    "fit_nodes",
    "graph_attention",
    "graph_attention_v2",
    "graph_max",
    "graph_mean",
    "graph_softmax",
    "graph_sum",
    "laplacian_pe",
    "mean_log_degree",
    "neighbor_max",
    "neighbor_mean",
    "neighbor_min",
    "neighbor_statistics",
    "neighbor_sum",
    "pad_sets",
    "partitions",
    "predict_graphs",
    "random_walk_pe",
    "scaled_neighbor_sum",
    "set_attention",
    "sum_of_messages",
]
