"""Random ReLU features and their kernel, plain or averaged over a group."""

import math

import torch
from torch import Tensor

from geomdl.generalization.kernel_checks import finite, matrices

__all__ = ["arc_cosine_kernel", "averaged_kernel", "relu_features"]


def relu_features(x: Tensor, weights: Tensor, group: Tensor | None = None) -> Tensor:
    """Features relu(⟨w_j, x⟩), or their mean over a group, (1/|G|) Σ_g relu(⟨w_j, g x⟩).

    Args:
        x: inputs, shape (..., n, d).
        weights: w, shape (..., m, d).
        group: matrices of all elements, shape (|G|, d, d).

    Returns:
        shape (..., n, m); with a group they are invariant, exact to rounding.

    Raises:
        TypeError: no tensors of real numbers.
        ValueError: NaN, integers, dtypes or shapes that do not fit.

    Example:
        >>> x, w = torch.tensor([[1.0, -2.0]]), torch.eye(2)
        >>> relu_features(x, w).tolist()
        [[1.0, 0.0]]
        >>> swap = torch.tensor([[[1.0, 0], [0, 1]], [[0, 1], [1, 0]]])
        >>> relu_features(x, w, swap).tolist()
        [[0.5, 0.5]]
    """
    matrices(x=x, weights=weights)
    _check_width("weights", weights, x)
    if group is None:
        return torch.relu(x @ weights.mT)
    _check_group(group, x)
    total = torch.relu(x @ (weights @ group[0]).mT)
    for g in group[1:]:
        total = total + torch.relu(x @ (weights @ g).mT)
    return total / len(group)


def arc_cosine_kernel(x: Tensor, z: Tensor) -> Tensor:
    """Kernel of infinitely many features, the mean of relu(⟨w, x⟩) relu(⟨w, z⟩), w ~ N(0, 1/d).

        k(x, z) = |x| |z| / (2πd) (√(1 - u²) + u (π - arccos u)),    u = ⟨x, z⟩/(|x| |z|). *Exact*.

    Args:
        x: shape (..., n, d).
        z: shape (..., m, d).

    Returns:
        shape (..., n, m).

    Raises:
        TypeError: no tensors of real numbers.
        ValueError: NaN, integers, dtypes or shapes that do not fit.

    Example:
        >>> x = torch.tensor([[2.0, 0.0]])
        >>> arc_cosine_kernel(x, x).item()
        1.0

    Source: Cho and Saul 2009, Kernel methods for deep learning.
    """
    matrices(x=x, z=z)
    _check_width("z", z, x)
    a, b = x.norm(dim=-1, keepdim=True), z.norm(dim=-1, keepdim=True)
    size = a @ b.mT
    u = (x @ z.mT / size.clamp_min(torch.finfo(x.dtype).tiny)).clamp(-1, 1)
    shape = (1 - u * u).sqrt() + u * (math.pi - u.acos())
    value: Tensor = size * shape / (2 * math.pi * x.shape[-1])
    return value


def averaged_kernel(x: Tensor, z: Tensor, group: Tensor | None = None) -> Tensor:
    """`arc_cosine_kernel`, averaged over a group of orthogonal matrices: (1/|G|) Σ_g k(x, g z).

    Args:
        x: shape (..., n, d).
        z: shape (..., m, d).
        group: matrices of all elements, shape (|G|, d, d); None for the plain kernel.

    Returns:
        shape (..., n, m); invariant in both arguments, exact to rounding.

    Raises:
        TypeError: no tensors of real numbers.
        ValueError: NaN, integers, dtypes or shapes that do not fit.

    Example:
        >>> x = torch.tensor([[2.0, 0.0]])
        >>> flip = torch.tensor([[[1.0, 0], [0, 1]], [[-1, 0], [0, -1]]])
        >>> averaged_kernel(x, x, flip).item()
        0.5
    """
    if group is None:
        return arc_cosine_kernel(x, z)
    matrices(x=x, z=z)
    _check_width("z", z, x)
    _check_group(group, x)
    total = arc_cosine_kernel(x, z @ group[0].mT)
    for g in group[1:]:
        total = total + arc_cosine_kernel(x, z @ g.mT)
    return total / len(group)


def _check_width(name: str, z: Tensor, x: Tensor) -> None:
    if z.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"{name}: last axis should be {x.shape[-1]} as of x, got shape {tuple(z.shape)}"
        )


def _check_group(group: Tensor, x: Tensor) -> None:
    d, shape = x.shape[-1], tuple(finite("group", group).shape)
    if len(shape) != 3 or shape[0] < 1 or shape[1:] != (d, d) or group.dtype != x.dtype:
        raise ValueError(
            f"group: expected {x.dtype} matrices (|G|, {d}, {d}), got {group.dtype} {shape}"
        )
