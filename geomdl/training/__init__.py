"""Training: `fit` on Lightning Fabric, the history of a run, and evaluation.

Example:
    >>> import torch
    >>> evaluate(torch.nn.Identity(), (torch.eye(3), torch.arange(3)))
    1.0
"""

from .curvature import Curvature
from .evaluation import evaluate
from .history import read_history
from .krylov import eigenpairs, lanczos
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

__all__ = [
    "Curvature",
    "Run",
    "Sweep",
    "accuracy",
    "eigenpairs",
    "evaluate",
    "filter_normalized",
    "fit",
    "gradient_noise",
    "hessian_spectrum",
    "hutch_plus_plus",
    "hutchinson",
    "lanczos",
    "landscape",
    "mean_squared_error",
    "read_history",
    "refuse_random",
    "sharpness",
    "spectral_density",
    "sweep",
    "warmup_cosine",
]
