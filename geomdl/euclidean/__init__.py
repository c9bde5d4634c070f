"""E(3) on point clouds and molecules: spherical tensors and the networks built from them.

Order, signs and normalisation of harmonics are e3nn's; y is the polar axis.
"""

from geomdl.euclidean.harmonics import SphericalHarmonics, spherical_harmonics
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
from geomdl.euclidean.wigner import wigner_D

__all__ = [
    "SphericalHarmonics",
    "angles_from_axis_angle",
    "angles_from_matrix",
    "angles_from_quaternion",
    "axis_angle_from_angles",
    "axis_angle_from_matrix",
    "axis_angle_from_quaternion",
    "matrix_from_angles",
    "matrix_from_axis_angle",
    "matrix_from_quaternion",
    "quaternion_from_angles",
    "quaternion_from_axis_angle",
    "quaternion_from_matrix",
    "random_rotations",
    "spherical_harmonics",
    "wigner_D",
]
