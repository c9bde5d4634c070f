"""E(3) on points: neighbours, radial functions, spherical tensors, and what is built on them."""

from geomdl.euclidean.attention import NeighborAttention
from geomdl.euclidean.calculator import ASECalculator
from geomdl.euclidean.convolution import Convolution
from geomdl.euclidean.egnn import EGNN
from geomdl.euclidean.equiformer import Equiformer
from geomdl.euclidean.fitting import (
    EnergyForcesLoss,
    fit_potential,
    potential_errors,
)
from geomdl.euclidean.gate import Gate
from geomdl.euclidean.gaunt import GauntTensorProduct
from geomdl.euclidean.global_embedding import GlobalEmbedding
from geomdl.euclidean.harmonics import (
    SphericalHarmonics,
    spherical_harmonics,
)
from geomdl.euclidean.interaction import Interaction
from geomdl.euclidean.layer_norm import LayerNorm
from geomdl.euclidean.linear import Linear
from geomdl.euclidean.mace import MACE
from geomdl.euclidean.neighbors import (
    Neighbors,
    edge_vectors,
    radius_graph,
)
from geomdl.euclidean.nequip import NequIP
from geomdl.euclidean.norm_activation import NormActivation
from geomdl.euclidean.packing import Molecules
from geomdl.euclidean.painn import PaiNN
from geomdl.euclidean.path_choice import PathChoice
from geomdl.euclidean.potential import (
    Potential,
    PotentialOutput,
)
from geomdl.euclidean.potentials import register_potential
from geomdl.euclidean.properties import (
    PropertyLoss,
    fit_property,
    property_errors,
)
from geomdl.euclidean.radial import (
    BesselBasis,
    CosineCutoff,
    GaussianBasis,
    PolynomialCutoff,
    lengths,
)
from geomdl.euclidean.readout import Readout
from geomdl.euclidean.rotations import (
    angles_from_axis_angle,
    angles_from_matrix,
    angles_from_quaternion,
    axis_angle_from_angles,
    axis_angle_from_matrix,
    axis_angle_from_quaternion,
    matrix_from_angles,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    quaternion_from_angles,
    quaternion_from_axis_angle,
    quaternion_from_matrix,
    random_rotations,
)
from geomdl.euclidean.schnet import SchNet
from geomdl.euclidean.shifts import fit_shift_and_scale
from geomdl.euclidean.so2_conv import SO2Conv
from geomdl.euclidean.so2_interaction import SO2Interaction
from geomdl.euclidean.spherical import (
    Block,
    blocks,
    spherical,
)
from geomdl.euclidean.symmetric import symmetric_couplings
from geomdl.euclidean.symmetric_contraction import SymmetricContraction
from geomdl.euclidean.tensor_product import TensorProduct
from geomdl.euclidean.vibrations import (
    Vibrations,
    hessian,
    vibrations,
)
from geomdl.euclidean.wigner import wigner_D
from geomdl.fields.messages import neighbor_softmax

__all__ = [
    "EGNN",
    "MACE",
    "ASECalculator",
    "BesselBasis",
    "Block",
    "Convolution",
    "CosineCutoff",
    "EnergyForcesLoss",
    "Equiformer",
    "Gate",
    "GauntTensorProduct",
    "GaussianBasis",
    "GlobalEmbedding",
    "Interaction",
    "LayerNorm",
    "Linear",
    "Molecules",
    "NeighborAttention",
    "Neighbors",
    "NequIP",
    "NormActivation",
    "PaiNN",
    "PathChoice",
    "PolynomialCutoff",
    "Potential",
    "PotentialOutput",
    "PropertyLoss",
    "Readout",
    "SO2Conv",
    "SO2Interaction",
    "SchNet",
    "SphericalHarmonics",
    "SymmetricContraction",
    "TensorProduct",
    "Vibrations",
    "angles_from_axis_angle",
    "angles_from_matrix",
    "angles_from_quaternion",
    "axis_angle_from_angles",
    "axis_angle_from_matrix",
    "axis_angle_from_quaternion",
    "blocks",
    "edge_vectors",
    "fit_potential",
    "fit_property",
    "fit_shift_and_scale",
    "hessian",
    "lengths",
    "matrix_from_angles",
    "matrix_from_axis_angle",
    "matrix_from_quaternion",
    "neighbor_softmax",
    "potential_errors",
    "property_errors",
    "quaternion_from_angles",
    "quaternion_from_axis_angle",
    "quaternion_from_matrix",
    "radius_graph",
    "random_rotations",
    "register_potential",
    "spherical",
    "spherical_harmonics",
    "symmetric_couplings",
    "vibrations",
    "wigner_D",
]
