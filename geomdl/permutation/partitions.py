"""Set partitions, and what each does as a linear map between tensors over a set.

The permutation-equivariant linear maps from k-tensors to l-tensors over n things have one basis
element a partition of the k + l indices (n ≥ k + l; for smaller n these maps still span, and are
dependent): y[o] = Σ x[i] over the i such that indices in one block are equal.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

Partition = tuple[int, ...]


@cache
def partitions(n: int) -> tuple[Partition, ...]:
    """All partitions of n things, each as the number of the block that every thing is in.

    Blocks are numbered as they appear; there are Bell(n) partitions.

    Example:
        >>> partitions(3)
        ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 1, 2))
        >>> [len(partitions(n)) for n in range(6)]
        [1, 1, 2, 5, 15, 52]
    """
    if n == 0:
        return ((),)
    return tuple(
        (*rest, block) for rest in partitions(n - 1) for block in range(max(rest, default=-1) + 2)
    )


def numbered(labels: Partition) -> Partition:
    """Labels, renumbered as they appear.

    Example:
        >>> numbered((4, 2, 4))
        (0, 1, 0)
    """
    names: dict[int, int] = {}
    return tuple(names.setdefault(label, len(names)) for label in labels)


class Contraction(NamedTuple):
    """A diagonal of the input, and the blocks of it that are kept; the others are summed over."""

    diagonal: Partition
    kept: tuple[int, ...]


class Placement(NamedTuple):
    """A diagonal of the output, and the blocks of it on which the kept ones lie, in their order."""

    diagonal: Partition
    at: tuple[int, ...]


@cache
def split(partition: Partition, k: int) -> tuple[Contraction, Placement]:
    """What a partition of k + l indices does to the input, and where it puts the result.

    Example:
        >>> split((0, 1, 1, 2), 2)  # y[a, b] = Σ_i x[i, a], whatever b
        (Contraction(diagonal=(0, 1), kept=(1,)), Placement(diagonal=(0, 1), at=(0,)))
    """
    before, after = numbered(partition[:k]), numbered(partition[k:])
    block_of = dict(zip(partition[:k], before, strict=True))
    place_of = dict(zip(partition[k:], after, strict=True))
    shared = sorted((block_of[b], place_of[b]) for b in block_of.keys() & place_of.keys())
    kept, at = tuple(b for b, _ in shared), tuple(p for _, p in shared)
    return Contraction(before, kept), Placement(after, at)


def diagonal_index(diagonal: Partition, n: int, device: torch.device) -> Tensor:
    """Places of a diagonal in the flattened n × … × n array, shape (n,) * blocks.

    Example:
        >>> diagonal_index((0, 0), 3, torch.device("cpu"))
        tensor([0, 4, 8])
    """
    blocks = max(diagonal, default=-1) + 1
    steps = [0] * blocks
    for axis, block in enumerate(diagonal):
        steps[block] += n ** (len(diagonal) - 1 - axis)
    index = torch.zeros([1] * blocks, dtype=torch.int64, device=device)
    for block, step in enumerate(steps):
        shape = [1] * blocks
        shape[block] = n
        index = index + step * torch.arange(n, device=device).view(shape)
    return index


def contract(x: Tensor, contraction: Contraction) -> Tensor:
    """Diagonal of x, summed over the blocks that are not kept.

    Args:
        x: shape (batch, n, …, n, channels).
        contraction: of as many indices as x has.

    Returns:
        shape (batch, n, …, n, channels), one n a kept block.
    """
    diagonal, kept = contraction
    blocks = max(diagonal, default=-1) + 1
    if blocks < len(diagonal):
        n = x.shape[1]
        index = diagonal_index(diagonal, n, x.device)
        rows = x.flatten(1, len(diagonal)).index_select(1, index.flatten())
        x = rows.unflatten(1, index.shape)
    lost = [1 + b for b in range(blocks) if b not in kept]
    return x.sum(lost) if lost else x


def spread(z: Tensor, placement: Placement) -> Tensor:
    """View of z with an axis of length 1 for each block of the output that z does not reach.

    Args:
        z: shape (batch, n, …, n, channels), one n a block in `placement.at`.
        placement: where they lie.

    Returns:
        shape (batch, n or 1, …, channels), an axis for each block.
    """
    blocks = max(placement.diagonal, default=-1) + 1
    order = sorted(range(len(placement.at)), key=lambda i: placement.at[i])
    z = z.permute(0, *[1 + i for i in order], z.ndim - 1)
    for block in range(blocks):
        if block not in placement.at:
            z = z.unsqueeze(1 + block)
    return z
