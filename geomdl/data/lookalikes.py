"""Pairs of point sets that some networks cannot tell apart: chains, stars, incomplete lists."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

INCOMPLETE = ("2-body", "3-body", "4-body")
_TRIANGLE = ((3.0, -4.0), (0.0, 5.0), (-4.0, -3.0))  # on a circle, three different sides
_TURN = (12 / 13, 5 / 13)  # cosine and sine


class Lookalikes(NamedTuple):
    """Two sets of points with the same edges, which no isometry maps onto each other.

    Attributes:
        first: places, shape (points, 3); with a middle, that is point 0, at the origin.
        second: likewise.
        edge_index: source and target, both ways, shape (2, edges).
    """

    first: Tensor
    second: Tensor
    edge_index: Tensor


def _around(first: Tensor, second: Tensor) -> Lookalikes:
    """Neighbours around a middle at the origin."""
    middle, n = first.new_zeros(1, 3), len(first)
    edges = torch.tensor([list(range(1, n + 1)), [0] * n])
    one, other = (torch.cat([middle, places]) for places in (first, second))
    return Lookalikes(one, other, torch.cat([edges, edges.flip(0)], 1))


def chains(k: int) -> Lookalikes:
    """Row of k points, an arm at either end: both on one side, or one on each.

    Neighbours along the chain are joined, all at distance 1. What tells the two apart is how the
    arms are turned to each other: it has to travel from the ends to one place, ⌊k/2⌋ + 1 steps.

    Args:
        k: points in the row, at least 2.

    Returns:
        float64, k + 2 points in the order of the chain.

    Raises:
        ValueError: k is not a whole number of at least 2.

    Example:
        >>> chains(4).first.shape, chains(4).edge_index.shape
        (torch.Size([6, 3]), torch.Size([2, 10]))

    Source: Joshi et al. 2023, arXiv:2301.09308, after Schütt et al. 2021, arXiv:2102.03150.
    """
    if not isinstance(k, int) or k < 2:
        raise ValueError(f"k: expected a whole number of at least 2, got {k!r}")
    row = torch.zeros(k, 3, dtype=torch.float64)
    row[:, 0] = torch.arange(k)
    one, other = [
        torch.cat([row.new_tensor([[-0.6, 0.8, 0.0]]), row,
                   row.new_tensor([[k - 0.4, 0.8 * side, 0.0]])])
        for side in (1, -1)
    ]  # fmt: skip
    ends = torch.stack([torch.arange(k + 1), torch.arange(1, k + 2)])
    return Lookalikes(one, other, torch.cat([ends, ends.flip(0)], 1))


def stars(n: int, turn: float = 0.5) -> Lookalikes:
    """A middle with n neighbours on a unit circle, evenly; and the same, turned by part of a step.

    The second is the first, turned: only features that turn along tell where the star points.

    Args:
        n: neighbours, at least 2.
        turn: in steps of 2π/n.

    Returns:
        float64, n + 1 points in the plane across the polar axis y.

    Raises:
        ValueError: n is not a whole number of at least 2.

    Example:
        >>> stars(3).first.shape
        torch.Size([4, 3])

    Source: Joshi et al. 2023, arXiv:2301.09308.
    """
    if not isinstance(n, int) or n < 2:
        raise ValueError(f"n: expected a whole number of at least 2, got {n!r}")
    pair = []
    for shift in (0.0, turn):
        angles = 2 * math.pi * (torch.arange(n, dtype=torch.float64) + shift) / n
        pair.append(torch.stack([angles.cos(), torch.zeros_like(angles), angles.sin()], -1))
    return _around(*pair)


def incomplete(name: str) -> Lookalikes:
    """Neighbours of an atom of which lists of few-body geometry are the same, yet not the atoms.

    "2-body": two neighbours at a right angle or opposite: the same distances.
    "3-body": A, B, C with B twice, (b, b, b) and (-b, -b, b), and C = (0, ±b, b): the same
    distances and angles.
    "4-body": a triangle above the middle, the same turned about the axis below, and a point on
    the axis above or below: the same distances, angles and tetrahedra with the middle, up to
    reflection. The triangle has three different sides: with an isosceles one a half-turn maps
    one set to the other.

    Args:
        name: of the body order up to which lists agree, the middle counted.

    Returns:
        float64; lists agree exactly up to the rounding of the turn.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> one, other, edges = incomplete("2-body")
        >>> one[1:].norm(dim=1).tolist() == other[1:].norm(dim=1).tolist()
        True

    Source: Pozdnyakov et al. 2020, arXiv:2001.11696, figures 1b and 2f; the first from Joshi et
    al. 2023, arXiv:2301.09308.
    """
    if name not in INCOMPLETE:
        raise ValueError(f"name: expected one of {', '.join(INCOMPLETE)}, got {name!r}")
    pair: list[list[tuple[float, ...]]]
    if name == "2-body":
        pair = [[(1, 0, 0), end] for end in ((0, 1, 0), (-1, 0, 0))]
    elif name == "3-body":
        pair = [[(1, 0, 1), (1, 1, 1), (-1, -1, 1), (0, side, 1)] for side in (1, -1)]
    else:
        pair = [_drum(_TRIANGLE, side) for side in (1, -1)]
    one, other = (torch.tensor(places, dtype=torch.float64) for places in pair)
    return _around(one, other)


def _drum(triangle: tuple[tuple[float, float], ...], side: int) -> list[tuple[float, ...]]:
    """A triangle above, the same turned below, a point on the axis; circles of radius 1."""
    c, s = _TURN
    above = [(x / 5, y / 5, 0.4) for x, y in triangle]
    below = [((c * x - s * y) / 5, (s * x + c * y) / 5, -0.4) for x, y in triangle]
    return [*above, *below, (0.0, 0.0, float(side))]
