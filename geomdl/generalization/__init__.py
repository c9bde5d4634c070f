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
]
