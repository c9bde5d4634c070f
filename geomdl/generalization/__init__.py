"""Why networks generalise: kernels at any width, double descent, symmetry, bounds."""

from geomdl.generalization.infinite import InfiniteKernel, infinite_ntk
from geomdl.generalization.kernel_dynamics import Flow, gradient_flow
from geomdl.generalization.kernel_machines import KernelRidge, Prediction
from geomdl.generalization.kernel_spectra import Spectrum, circle_spectrum, sphere_spectrum
from geomdl.generalization.learning_curves import LearningCurve, learning_curve
from geomdl.generalization.nystrom import landmarks

__all__ = [
    "Flow",
    "InfiniteKernel",
    "KernelRidge",
    "LearningCurve",
    "Prediction",
    "Spectrum",
    "circle_spectrum",
    "gradient_flow",
    "infinite_ntk",
    "landmarks",
    "learning_curve",
    "sphere_spectrum",
from geomdl.generalization.benign import benign_variance, effective_rank
from geomdl.generalization.descent import double_descent
from geomdl.generalization.descent_plot import plot as plot_descent
from geomdl.generalization.descent_result import DoubleDescent
from geomdl.generalization.early_stopping import FLOW_OVER_RIDGE, flow_risk, shrinkage_risk
from geomdl.generalization.gain import action_on, invariance_gain
from geomdl.generalization.gain_result import InvarianceGain, MeasuredGain
from geomdl.generalization.invariant_risk import (
    averaging_gap,
    chi_mean,
    harmonic_counts,
    rademacher_ratio,
    samples_for,
)
from geomdl.generalization.linear_risk import optimal_ridge, ridge_risk, ridgeless_risk
from geomdl.generalization.measured_gain import measure_invariance_gain
from geomdl.generalization.min_norm import kernel_ridge, least_squares
from geomdl.generalization.random_features import (
    arc_cosine_kernel,
    averaged_kernel,
    relu_features,
)
    "FLOW_OVER_RIDGE",
    "DoubleDescent",
    "InvarianceGain",
    "MeasuredGain",
    "action_on",
    "arc_cosine_kernel",
    "averaged_kernel",
    "averaging_gap",
    "benign_variance",
    "chi_mean",
    "double_descent",
    "effective_rank",
    "flow_risk",
    "harmonic_counts",
    "invariance_gain",
    "kernel_ridge",
    "least_squares",
    "measure_invariance_gain",
    "optimal_ridge",
    "plot_descent",
    "rademacher_ratio",
    "relu_features",
    "ridge_risk",
    "ridgeless_risk",
    "samples_for",
    "shrinkage_risk",
]
from . import bounds
__all__ = ["bounds"]
from geomdl.generalization.empirical import (
    NTKOperator,
    empirical_ntk,
    jacobian_contraction,
    ntk_operator,
__all__ = ["NTKOperator", "empirical_ntk", "jacobian_contraction", "ntk_operator"]
