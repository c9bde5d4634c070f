"""Training: `fit` on Lightning Fabric, the history of a run, and evaluation.

Example:
    >>> import torch
    >>> evaluate(torch.nn.Identity(), (torch.eye(3), torch.arange(3)))
    1.0
"""

from .alignment import align, symmetric_copy
from .callbacks import Callback, Moment
from .connectivity import barrier, bezier
from .curvature import Curvature
from .descent import descend
from .dynamics import (
    Balance,
    balancedness,
    edge_of_stability,
    effective_rank,
    implicit_bias,
    noise_scale,
    stability_threshold,
    stable_rank,
)
from .evaluation import evaluate
from .history import read_history
from .krylov import eigenpairs, lanczos
from .linear_maps import OperatorNorm, operator_norm
from .loop import fit
from .metrics import accuracy, mean_squared_error
from .modes import refuse_random
from .noise import gradient_noise
from .planes import filter_normalized, landscape
from .run import Run
from .schedule import warmup_cosine
from .spectrum import hessian_spectrum, sharpness, spectral_density
from .sweep_table import Sweep
from .sweeping import sweep
from .trace import hutch_plus_plus, hutchinson
from .tracker import Tracker

__all__ = [
    "Balance",
    "Callback",
    "Curvature",
    "Moment",
    "OperatorNorm",
    "Run",
    "Sweep",
    "Tracker",
    "accuracy",
    "align",
    "balancedness",
    "barrier",
    "bezier",
    "descend",
    "edge_of_stability",
    "effective_rank",
    "eigenpairs",
    "evaluate",
    "filter_normalized",
    "fit",
    "gradient_noise",
    "hessian_spectrum",
    "hutch_plus_plus",
    "hutchinson",
    "implicit_bias",
    "lanczos",
    "landscape",
    "mean_squared_error",
    "noise_scale",
    "operator_norm",
    "read_history",
    "refuse_random",
    "sharpness",
    "spectral_density",
    "stability_threshold",
    "stable_rank",
    "sweep",
    "symmetric_copy",
    "warmup_cosine",
]
