"""Why networks generalise: kernels at any width, double descent, symmetry, bounds."""

from geomdl.generalization import bounds
from geomdl.generalization.benign import benign_variance, effective_rank
from geomdl.generalization.definite import least_eigenvalue
from geomdl.generalization.descent import double_descent
from geomdl.generalization.descent_plot import plot as plot_descent
from geomdl.generalization.descent_result import DoubleDescent
from geomdl.generalization.early_stopping import FLOW_OVER_RIDGE, flow_risk, shrinkage_risk
from geomdl.generalization.empirical import (
    NTKOperator,
    empirical_ntk,
    jacobian_contraction,
    ntk_operator,
)
from geomdl.generalization.feature_risk import random_feature_risk
from geomdl.generalization.gain import action_on, invariance_gain
from geomdl.generalization.gain_result import InvarianceGain, MeasuredGain
from geomdl.generalization.infinite import InfiniteKernel, infinite_ntk
from geomdl.generalization.invariant_risk import (
    averaging_gap,
    chi_mean,
    harmonic_counts,
    rademacher_ratio,
    samples_for,
)
from geomdl.generalization.kernel_dynamics import Flow, gradient_flow
from geomdl.generalization.kernel_machines import KernelRidge, Prediction
from geomdl.generalization.kernel_spectra import Spectrum, circle_spectrum, sphere_spectrum
from geomdl.generalization.learning_curves import LearningCurve, learning_curve
from geomdl.generalization.linear_risk import optimal_ridge, ridge_risk, ridgeless_risk
from geomdl.generalization.measured_gain import measure_invariance_gain
from geomdl.generalization.min_norm import kernel_ridge, least_squares
from geomdl.generalization.nystrom import landmarks
from geomdl.generalization.random_features import (
    arc_cosine_kernel,
    averaged_kernel,
    relu_features,
)

__all__ = [
    "FLOW_OVER_RIDGE",
    "DoubleDescent",
    "Flow",
    "InfiniteKernel",
    "InvarianceGain",
    "KernelRidge",
    "LearningCurve",
    "MeasuredGain",
    "NTKOperator",
    "Prediction",
    "Spectrum",
    "action_on",
    "arc_cosine_kernel",
    "averaged_kernel",
    "averaging_gap",
    "benign_variance",
    "bounds",
    "chi_mean",
    "circle_spectrum",
    "double_descent",
    "effective_rank",
    "empirical_ntk",
    "flow_risk",
    "gradient_flow",
    "harmonic_counts",
    "infinite_ntk",
    "invariance_gain",
    "jacobian_contraction",
    "kernel_ridge",
    "landmarks",
    "learning_curve",
    "least_eigenvalue",
    "least_squares",
    "measure_invariance_gain",
    "ntk_operator",
    "optimal_ridge",
    "plot_descent",
    "rademacher_ratio",
    "random_feature_risk",
    "relu_features",
    "ridge_risk",
    "ridgeless_risk",
    "samples_for",
    "shrinkage_risk",
    "sphere_spectrum",
]
