"""Landmarks of Nyström's approximation: which rows of a kernel matrix stand for all."""

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least, one_of
from geomdl.generalization.kernel_checks import finite
from geomdl.generalization.kernel_solve import Kernel, evaluated, variances

SAMPLERS = ("pivoted", "uniform")


def landmarks(
    kernel: Kernel, x: Tensor, m: int, sampler: str = "pivoted", rng: torch.Generator | None = None
) -> Tensor:
    """Numbers of m rows of x on which to project a kernel machine.

    "uniform" draws without repetition. "pivoted" is randomly pivoted Cholesky: one row after
    another, with chances proportional to the variance of it that the rows so far leave open. With
    λ_i the eigenvalues of the matrix and r/ε + r log(1/(εη)) rows, where η = Σ_{i>r} λ_i / Σ λ_i,
    it leaves on average at most (1 + ε) Σ_{i>r} λ_i of the trace.

    Args:
        kernel: of two sets of rows.
        x: inputs, n rows.
        m: landmarks, at most n.
        sampler: "pivoted" (n m evaluations, n m² operations) or "uniform".
        rng: randomness; a generator of seed 0 if None.

    Returns:
        int64, shape (m,), distinct; fewer if the rows so far already explain the matrix to
        rounding.

    Raises:
        TypeError: no function, no tensor of real numbers, or no generator.
        ValueError: m not in 1 … n, an unknown sampler, inputs or a kernel that are NaN.

    Example:
        >>> x = torch.arange(5.0)[:, None]
        >>> len(landmarks(lambda a, b: a @ b.T + 1, x, 4))  # of rank two
        2

    Source: Chen, Epperly, Tropp and Webber 2022, arXiv:2207.06503.
    """
    one_of("sampler", sampler, SAMPLERS)
    if not callable(kernel):
        raise TypeError(f"kernel: expected a function, got {type(kernel).__name__}")
    if rng is not None and not isinstance(rng, torch.Generator):
        raise TypeError(f"rng: expected a torch.Generator or None, got {type(rng).__name__}")
    if finite("x", x).ndim == 0:
        raise ValueError("x: expected rows, got a single number")
    if at_least("m", m, 1) > len(x):
        raise ValueError(f"m: expected at most the {len(x)} samples, got {m}")
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    if sampler == "uniform":
        return torch.randperm(len(x), generator=rng)[:m]
    left = variances(kernel, x).clamp(min=0)
    enough = 1e-14 * float(left.sum())
    columns = torch.zeros(len(x), m, dtype=torch.float64)
    chosen: list[int] = []
    for k in range(m):
        if float(left.sum()) <= enough:
            break
        pick = int(torch.multinomial(left, 1, generator=rng))
        column = evaluated(kernel, x, x[pick : pick + 1])[:, 0]
        column = column - columns[:, :k] @ columns[pick, :k]
        columns[:, k] = column / left[pick].sqrt()
        left = (left - columns[:, k].square()).clamp(min=0)
        left[pick] = 0.0
        chosen.append(pick)
    return torch.tensor(chosen)
