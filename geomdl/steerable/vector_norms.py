"""Norms of vectors, whose squares may be too large for the dtype."""

import torch
from torch import Tensor


def largest(x: Tensor, axis: int) -> Tensor:
    """Largest entry in absolute value along an axis, kept, and at least 1: a constant."""
    return x.detach().abs().amax(axis, keepdim=True).clamp(min=1)


def norms(x: Tensor, axis: int) -> Tensor:
    """Norms along an axis, kept; finite wherever they fit into the dtype.

    Computed in units of the largest entry where that exceeds 1. Half precision is summed in
    float32, which is also the dtype of the result. The gradient is x / |x|, and zero where x is.

    Example:
        >>> norms(torch.tensor([3e20, 4e20]), 0)
        tensor([5.0000e+20])
    """
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    unit = largest(wide, axis)
    norm: Tensor = torch.linalg.vector_norm(wide / unit, dim=axis, keepdim=True) * unit
    return norm
