"""Training: `fit` on Lightning Fabric, the history of a run, and evaluation.

Example:
    >>> import torch
    >>> evaluate(torch.nn.Identity(), (torch.eye(3), torch.arange(3)))
    1.0
"""

from .evaluation import evaluate
from .history import read_history
from .loop import fit
from .metrics import accuracy, mean_squared_error
from .modes import refuse_random
from .run import Run
from .schedule import warmup_cosine
from .sweep_table import Sweep
from .sweeping import sweep

__all__ = [
    "Run",
    "Sweep",
    "accuracy",
    "evaluate",
    "fit",
    "mean_squared_error",
    "read_history",
    "refuse_random",
    "sweep",
    "warmup_cosine",
]
