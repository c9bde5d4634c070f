"""Steerable and group convolutions on pixel and voxel grids.

Any representations of any compact group that turns and mirrors the grid. Exact for the elements
that map the grid to itself (quarter turns and mirrorings); under other angles the error is that of
sampling.
"""

from geomdl.steerable.concatenated import ConcatenatedNonlinearity
from geomdl.steerable.conv import Conv
from geomdl.steerable.filters import Basis, filter_basis
from geomdl.steerable.fourier import FourierPointwise
from geomdl.steerable.gated import GatedNonlinearity
from geomdl.steerable.linear import Linear
from geomdl.steerable.models import SteerableCNN, c4_cnn, d4_cnn
from geomdl.steerable.norm import BatchNorm
from geomdl.steerable.norm_nonlinearity import NormNonlinearity
from geomdl.steerable.pointwise import Pointwise
from geomdl.steerable.pooling import AvgPool, GlobalPool, GroupPool, MaxPool
from geomdl.steerable.rings import Rings
from geomdl.steerable.sequential import Sequential
from geomdl.steerable.taps import TapSpace, tap_representation, tap_space
from geomdl.steerable.tensor_nonlinearity import TensorProductNonlinearity
from geomdl.steerable.vector_field import VectorFieldNonlinearity

__all__ = [
    "AvgPool",
    "Basis",
    "BatchNorm",
    "ConcatenatedNonlinearity",
    "Conv",
    "FourierPointwise",
    "GatedNonlinearity",
    "GlobalPool",
    "GroupPool",
    "Linear",
    "MaxPool",
    "NormNonlinearity",
    "Pointwise",
    "Rings",
    "Sequential",
    "SteerableCNN",
    "TapSpace",
    "TensorProductNonlinearity",
    "VectorFieldNonlinearity",
    "c4_cnn",
    "d4_cnn",
    "filter_basis",
    "tap_representation",
    "tap_space",
]
