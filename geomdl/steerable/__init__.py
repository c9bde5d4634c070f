"""Steerable and group convolutions on pixel and voxel grids.

Any representations of any compact group that turns and mirrors the grid. Exact for the elements
that map the grid to itself (quarter turns and mirrorings); under other angles the error is that of
sampling.
"""

from geomdl.steerable.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from geomdl.steerable.basis_change import ChangeOfBasis, Disentangle
from geomdl.steerable.calibration import calibrate
from geomdl.steerable.concatenated import ConcatenatedNonlinearity
from geomdl.steerable.configurations import (
    c4_cnn,
    cnn1d_c2,
    cnn_medium,
    cnn_small,
    d4_cnn,
    e2cnn_medium,
    e2cnn_small,
    wrn16_d8,
    wrn16_medium,
    wrn16_small,
    wrn28_d8d4d1,
)
from geomdl.steerable.conv import Conv
from geomdl.steerable.conv_transpose import ConvTranspose
from geomdl.steerable.dropout import Dropout
from geomdl.steerable.e2cnn import E2CNN, e2cnn_mnist_rot_d16c16
from geomdl.steerable.filters import Basis, filter_basis
from geomdl.steerable.fourier import FourierPointwise
from geomdl.steerable.gated import GatedNonlinearity
from geomdl.steerable.layer_norm import LayerNorm
from geomdl.steerable.linear import Linear
from geomdl.steerable.mask import Mask
from geomdl.steerable.models import SteerableCNN
from geomdl.steerable.norm import BatchNorm
from geomdl.steerable.norm_nonlinearity import NormNonlinearity
from geomdl.steerable.norm_pool import NormMaxPool, NormPool
from geomdl.steerable.oversampled import FilteredPointwise
from geomdl.steerable.plain import to_plain
from geomdl.steerable.pointwise import Pointwise
from geomdl.steerable.pooling import AvgPool, GlobalPool, GroupPool, MaxPool
from geomdl.steerable.resnet import SteerableResNet
from geomdl.steerable.restriction import Restrict
from geomdl.steerable.rings import Rings
from geomdl.steerable.sequential import Sequential
from geomdl.steerable.taps import TapSpace, tap_representation, tap_space
from geomdl.steerable.tensor_nonlinearity import TensorProductNonlinearity
from geomdl.steerable.tuning import tune
from geomdl.steerable.upsample import Upsample
from geomdl.steerable.vector_field import VectorFieldNonlinearity
from geomdl.steerable.volumes import (
    cnn3d_medium,
    cnn3d_o,
    cnn3d_small,
    cnn3d_so3,
    cnn3d_so3_medium,
    cnn3d_so3_small,
    resnet3d_medium,
    resnet3d_small,
    resnet3d_so3_medium,
    resnet3d_so3_small,
)

__all__ = [
    "E2CNN",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AvgPool",
    "Basis",
    "BatchNorm",
    "ChangeOfBasis",
    "ConcatenatedNonlinearity",
    "Conv",
    "ConvTranspose",
    "Disentangle",
    "Dropout",
    "FilteredPointwise",
    "FourierPointwise",
    "GatedNonlinearity",
    "GlobalPool",
    "GroupPool",
    "LayerNorm",
    "Linear",
    "Mask",
    "MaxPool",
    "NormMaxPool",
    "NormNonlinearity",
    "NormPool",
    "Pointwise",
    "Restrict",
    "Rings",
    "Sequential",
    "SteerableCNN",
    "SteerableResNet",
    "TapSpace",
    "TensorProductNonlinearity",
    "Upsample",
    "VectorFieldNonlinearity",
    "c4_cnn",
    "calibrate",
    "cnn1d_c2",
    "cnn3d_medium",
    "cnn3d_o",
    "cnn3d_small",
    "cnn3d_so3",
    "cnn3d_so3_medium",
    "cnn3d_so3_small",
    "cnn_medium",
    "cnn_small",
    "d4_cnn",
    "e2cnn_medium",
    "e2cnn_mnist_rot_d16c16",
    "e2cnn_small",
    "filter_basis",
    "resnet3d_medium",
    "resnet3d_small",
    "resnet3d_so3_medium",
    "resnet3d_so3_small",
    "tap_representation",
    "tap_space",
    "to_plain",
    "tune",
    "wrn16_d8",
    "wrn16_medium",
    "wrn16_small",
    "wrn28_d8d4d1",
]
