"""Steerable and group convolutions on pixel and voxel grids.

Exact for groups that map the grid to itself: subgroups of D4 in 2D, of Oh in 3D, with any of their
representations.
"""

from geomdl.steerable.conv import Conv
from geomdl.steerable.filters import Basis, filter_basis
from geomdl.steerable.linear import Linear
from geomdl.steerable.models import SteerableCNN, c4_cnn, d4_cnn
from geomdl.steerable.norm import BatchNorm
from geomdl.steerable.pointwise import Pointwise
from geomdl.steerable.pooling import AvgPool, GlobalPool, GroupPool, MaxPool
from geomdl.steerable.sequential import Sequential
from geomdl.steerable.taps import tap_representation

__all__ = [
    "AvgPool",
    "Basis",
    "BatchNorm",
    "Conv",
    "GlobalPool",
    "GroupPool",
    "Linear",
    "MaxPool",
    "Pointwise",
    "Sequential",
    "SteerableCNN",
    "c4_cnn",
    "d4_cnn",
    "filter_basis",
    "tap_representation",
]
