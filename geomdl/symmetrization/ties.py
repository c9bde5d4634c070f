"""Members of a set that tie: all their orders, so that which is stored first is of no account."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from geomdl.symmetrization.frame import Weighted

MOST = 720
"""Orders of tied members over which a function is averaged at most: 6!."""


def permutations(order: Tensor, weights: Sequence[float] | Tensor, same: Tensor) -> Weighted:
    """Permutations of sorted members, and where some tie those of all orders of these.

    Exact: the orders that sort h x are those that sort x, each moved by h.

    Args:
        order: rank to member, shape (k, …, n).
        weights: of each, k numbers or shape (k, …).
        same: whether the member at a rank ties with the next one, shape (k, …, n − 1).

    Raises:
        ValueError: more than 720 orders.
    """
    if torch.compiler.is_compiling() or not bool(same.any()):
        return Weighted(order, order.argsort(-1), weights)
    ranks, shares = tied(same.flatten(0, -2))
    ranks = ranks.reshape(-1, *order.shape)
    orders = order.expand(ranks.shape).gather(-1, ranks).flatten(0, 1)
    each = weights if isinstance(weights, Tensor) else shares.new_tensor(weights)
    each = each.reshape(*each.shape, *[1] * (order.ndim - 1 - each.ndim))
    every = (shares.reshape(ranks.shape[:-1]) * each).flatten(0, 1)
    return Weighted(orders, orders.argsort(-1), every)


def tied(same: Tensor) -> tuple[Tensor, Tensor]:
    """Ranks (m, rows, n), and weights (m, rows), of all orders of what ties in each row.

    Args:
        same: whether one ties with the next, shape (rows, n − 1).

    Example:
        >>> ranks, weights = tied(torch.tensor([[False, True], [False, False]]))
        >>> ranks[:, 0].tolist(), weights.T.tolist()
        ([[0, 1, 2], [0, 2, 1]], [[0.5, 0.5], [1.0, 0.0]])
    """
    patterns, which = torch.unique(same, dim=0, return_inverse=True)
    runs = [_runs(pattern) for pattern in patterns.tolist()]
    counts = [math.prod(math.factorial(len(run)) for run in one) for one in runs]
    if max(counts) > MOST:
        raise ValueError(
            f"x: expected members that tie in at most {MOST} orders, got {max(counts)}; give them"
            " numbers that tell them apart, or name another input (by=)"
        )
    n = same.shape[-1] + 1
    ranks = torch.arange(n).repeat(max(counts), len(runs), 1)
    weights = torch.zeros(max(counts), len(runs), dtype=torch.float64)
    for i, (one, count) in enumerate(zip(runs, counts, strict=True)):
        orders = itertools.product(*map(itertools.permutations, one))
        ranks[:count, i] = torch.tensor([[r for run in o for r in run] for o in orders])
        weights[:count, i] = 1 / count
    return ranks.to(same.device)[:, which], weights.to(same.device)[:, which]


def first_equal(members: Tensor) -> Tensor:
    """Number of the first member that is equal to each of members (…, n, c): shape (…, n).

    Example:
        >>> first_equal(torch.tensor([[[1.0], [2.0], [1.0]]])).tolist()
        [[0, 1, 0]]
    """
    n = members.shape[-2]
    equal = (members.unsqueeze(-2) == members.unsqueeze(-3)).all(-1)
    numbers = torch.arange(n, device=members.device)
    found: Tensor = torch.where(equal, numbers, numbers.unsqueeze(-1)).amin(-1)
    return found


def _runs(pattern: list[bool]) -> list[list[int]]:
    """Ranks that tie, together."""
    runs = [[0]]
    for rank, tie in enumerate(pattern, 1):
        if tie:
            runs[-1].append(rank)
        else:
            runs.append([rank])
    return runs
