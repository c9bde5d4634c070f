"""Directions of vectors, smooth to every order where there is one and 0 where there is none."""

import torch
from torch import Tensor


def unit(x: Tensor) -> tuple[Tensor, Tensor]:
    """Directions x/|x| and 1/|x| of shape (…, 1), both 0 where |x| is too small to have one.

    Derivatives of every order.
    """
    size = x.detach().abs().amax(-1, keepdim=True)
    small = size < torch.finfo(x.dtype).tiny
    size = torch.where(small, 1, size)
    near = x / size  # no square overflows
    squares = torch.where(small, 1, near.square().sum(-1, keepdim=True))
    inverse = torch.where(small, 0, squares.rsqrt())
    return near * inverse, inverse / size


def across(u: Tensor, v: Tensor) -> Tensor:
    """The part of v that is orthogonal to the unit vector u."""
    return v - u * dot(u, v)


def dot(u: Tensor, v: Tensor) -> Tensor:
    """Inner product of vectors, shape (…, 1)."""
    return (u * v).sum(-1, keepdim=True)
