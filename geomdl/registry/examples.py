"""The small example with which every layer and model is registered, and the names of the laws."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

LAWS: tuple[str, ...] = (
    "equivariance",
    "dependence",
    "batch_independence",
    "dtypes",
    "gradcheck",
    "compile",
    "export",
    "save_load",
    "determinism",
    "empty_batch",
    "nan_isolation",
    "deepcopy",
)
"""Every registered module is held to these; ``tests/laws`` states each as one function."""


@dataclass(frozen=True)
class Example:
    """A small instance of a layer or model with inputs for it: what the laws run on.

    Args:
        build: returns a fresh module of small size, parameters in the default dtype.
        inputs: draws one batch of arguments of ``forward`` from a generator: a tuple whose
            floating-point tensors are float64, at least two samples along the leading axis. The
            samples of a `Graph` are its graphs; rows of tensors beside it, and of the outputs, are
            one a graph, a node or an edge, which differ in number.
        refuses: law -> reason, for laws that this module breaks or that do not apply to it.
            A refused law is run all the same, and must fail.
        tol: equivariance error allowed in float64; 1e-12 for an exact symmetry.
        forces: whether users differentiate the module's gradient (double backward).

    Raises:
        ValueError: a refused law is unknown or has no reason.

    Example:
        >>> import torch
        >>> small = Example(
        ...     lambda: torch.nn.Linear(3, 2),
        ...     lambda rng: (torch.randn(2, 3, generator=rng, dtype=torch.float64),),
        ... )
        >>> small.draw(seed=0)[0].shape
        torch.Size([2, 3])
    """

    build: Callable[[], nn.Module]
    inputs: Callable[[torch.Generator], tuple[Any, ...]]
    refuses: Mapping[str, str] = field(default_factory=dict)
    tol: float = 1e-12
    forces: bool = False

    def __post_init__(self) -> None:
        for law, reason in self.refuses.items():
            if law not in LAWS:
                near = difflib.get_close_matches(law, LAWS, n=1, cutoff=0.0)[0]
                raise ValueError(f"refuses: unknown law {law!r}, the nearest is {near!r}")
            if not reason.strip():
                raise ValueError(f"refuses: law {law!r} should be refused with a reason, got none")

    def draw(self, seed: int = 0) -> tuple[Any, ...]:
        """Inputs drawn from a fresh generator with this seed."""
        return self.inputs(torch.Generator().manual_seed(seed))
