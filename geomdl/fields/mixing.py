"""What a group element does to the values at a place: mix components, permute rows."""

from typing import Any

import torch
from torch import Tensor

from geomdl.groups import Rep


def mix(rep: Rep, g: Any, x: Tensor) -> Tensor:
    """Apply ρ(g) along the axis before the last: y[..., i, c] = Σ_j ρ(g)[i, j] x[..., j, c].

    Copies in a direct sum share their matrix, and permutation representations only move values,
    which is exact in every dtype. Half precision is computed in float32.

    Args:
        rep: the representation.
        g: one element, or a batch of them along the first axis of ``x``.
        x: shape (*lead, rep.dim, n).

    Returns:
        shape and dtype of ``x``.

    Raises:
        TypeError: integers that are not only permuted.
    """
    pieces = []
    sizes = [m * block.dim for block, m in rep.blocks]
    for (block, m), part in zip(rep.blocks, torch.split(x, sizes, dim=-2), strict=True):
        copies = part.reshape(*x.shape[:-2], m, block.dim, x.shape[-1])
        if not block.is_permutation:
            copies = transform(block(g), copies)
        elif block.dim > 1:
            copies = permute_rows(block.permutation(g), copies)
        pieces.append(copies.flatten(-3, -2))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=-2)


def permute_rows(perm: Tensor, x: Tensor) -> Tensor:
    """Move row i to place perm[i] along the axis before the last.

    Args:
        perm: images (n,), or (batch, n) along the first axis of ``x``.
        x: shape (*lead, n, c).
    """
    place = perm.argsort(-1).to(x.device)
    if place.ndim == 1:
        return x.index_select(-2, place)
    place = place.reshape(len(place), *[1] * (x.ndim - 3), place.shape[-1], 1)
    return x.gather(-2, place.expand_as(x))


def transform(matrix: Tensor, x: Tensor) -> Tensor:
    """Matrices (d, d) or (batch, d, d) times x (*lead, d, c), in the dtype of ``x``."""
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"x: {x.dtype} cannot hold what a matrix mixes, expected floating values")
    work = torch.promote_types(x.dtype, torch.float32)
    matrix = matrix.to(x.device, work)
    if matrix.ndim == 3:
        matrix = matrix.reshape(len(matrix), *[1] * (x.ndim - 3), *matrix.shape[1:])
    return (matrix @ x.to(work)).to(x.dtype)
