"""Infinitely wide networks, composed of layers as finite ones are; see `infinite_ntk`."""

from geomdl.generalization.infinite.graphs import GraphConv, GraphPool, aggregation_matrix
from geomdl.generalization.infinite.images import AvgPool, Conv, GroupConv, GroupPool
from geomdl.generalization.infinite.layers import (
    Dense,
    Flatten,
    GlobalAveragePool,
    Layer,
    Nonlinearity,
    Residual,
    Serial,
)
from geomdl.generalization.infinite.moments import gaussian_moments
from geomdl.generalization.infinite.ntk import InfiniteKernel, infinite_ntk

__all__ = [
    "AvgPool",
    "Conv",
    "Dense",
    "Flatten",
    "GlobalAveragePool",
    "GraphConv",
    "GraphPool",
    "GroupConv",
    "GroupPool",
    "InfiniteKernel",
    "Layer",
    "Nonlinearity",
    "Residual",
    "Serial",
    "aggregation_matrix",
    "gaussian_moments",
    "infinite_ntk",
]
