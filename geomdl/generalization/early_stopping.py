"""Gradient flow of least squares that is stopped early, beside ridge regression."""

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least, positive
from geomdl.generalization.kernel_checks import matrices, nonnegative

__all__ = ["FLOW_OVER_RIDGE", "flow_risk", "shrinkage_risk"]

# max over x of ((1 - e^-x)(1 + x)/x)², at x = 1.79328, rounded up; 1.69 in the paper
FLOW_OVER_RIDGE = 1.68591


def shrinkage_risk(
    eigenvalues: Tensor, keep: Tensor, n: int, noise: float, norm: float = 1.0
) -> Tensor:
    """Mean of |ŵ - θ|² of a linear smoother that keeps a share of each principal direction.

    For data with XᵀX/n = Σ s_i v_i v_iᵀ, ŵ = Σ k_i s_i⁻¹ v_i v_iᵀ Xᵀy/n and θ of a uniform
    direction:

        Σ_i |θ|²/p (1 - k_i)² + σ²/n k_i²/s_i,    k_i = 0 where s_i = 0. *Exact*.

    Ridge λ keeps k = s/(s + λ), gradient flow up to time t keeps k = 1 - exp(-ts).

    Args:
        eigenvalues: s, shape (..., p), at least 0.
        keep: k, shape (..., p).
        n: samples.
        noise: σ.
        norm: |θ|.

    Returns:
        shape (...).

    Raises:
        ValueError: fewer than one sample, or a negative noise or norm.

    Example:
        >>> s = torch.tensor([1.0, 4.0])
        >>> float(shrinkage_risk(s, torch.ones(2), 10, noise=2.0))
        0.5
    """
    at_least("n", n, 1)
    nonnegative("noise", noise)
    nonnegative("norm", norm)
    p = eigenvalues.shape[-1]
    variance = torch.where(eigenvalues > 0, keep.square() / eigenvalues.clamp_min(1e-300), 0.0)
    terms: Tensor = norm**2 / p * (1 - keep).square() + noise**2 / n * variance
    return terms.sum(-1)


def flow_risk(x: Tensor, time: float, noise: float, norm: float = 1.0) -> tuple[Tensor, Tensor]:
    """Risks of gradient flow up to a time t, and of ridge regression with λ = 1/t.

    Flow on |y - Xw|²/(2n) from 0 shrinks as 1 - exp(-ts), ridge on |y - Xw|²/n + λ|w|² as
    ts/(1 + ts): see `shrinkage_risk`. With x = ts, the bias of the flow is the smaller one, since
    e^-x ≤ 1/(1 + x), and its variance is larger by ((1 - e^-x)(1 + x)/x)² ≤ 1.68591: so the risk of
    the flow is at most 1.68591 times that of ridge, at every time and for all data.

    Args:
        x: data, shape (..., n, p).
        time: t > 0.
        noise: σ.
        norm: |θ|, of a θ of uniform direction.

    Returns:
        Means of |ŵ - θ|² given the data, each of shape (...). *Exact*.

    Raises:
        ValueError: the time is not positive, x is no matrix of finite numbers, or the noise or norm
            is negative.

    Example:
        >>> flow, ridge = flow_risk(torch.eye(4, dtype=torch.float64), 3.0, 0.1)
        >>> bool(flow <= FLOW_OVER_RIDGE * ridge)
        True

    Source: Ali, Kolter and Tibshirani 2019, arXiv:1810.10082, theorem 1.
    """
    positive("time", time)
    matrices(x=x)
    n, p = x.shape[-2:]
    values = torch.linalg.svdvals(x).square() / n
    s = torch.nn.functional.pad(values, (0, p - values.shape[-1]))
    flow = shrinkage_risk(s, -torch.expm1(-time * s), n, noise, norm)
    return flow, shrinkage_risk(s, time * s / (1 + time * s), n, noise, norm)
