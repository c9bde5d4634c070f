"""How many channels of a hidden layer are tensors of which order."""

from math import comb

from geomdl.fields.numbers import check_counts
from geomdl.groups import Group, Rep, direct_sum

_HIGHEST = 5  # order of a tensor


def uniform_rep(group: Group, channels: int) -> Rep:
    """Representation of so many dimensions, shared evenly among tensors of all orders.

    With V the standard representation, of dimension d, the highest order R is the largest, at most
    5, for which one tensor of it and as many dimensions of each lower order fit; what is left is
    shared again in the same way, so that in the end all `channels` are used. Where V is not its own
    dual, tensors of order r are of all types V ⊗ … ⊗ V* ⊗ …, in the proportions of binomial
    coefficients.

    Args:
        group: any group.
        channels: dimension of the representation.

    Raises:
        ValueError: no positive number of channels.

    Example:
        >>> import geomdl
        >>> uniform_rep(geomdl.group("O3"), 100)
        <37·trivial + 12·standard + 3·(standard ⊗ standard) of O3, dim 100>

    Source: Finzi, Welling & Wilson 2021, arXiv:2104.09459.
    """
    check_counts(channels=channels)
    d, left = group.standard.dim, channels
    copies = (_HIGHEST + 1) * [0]
    while left:
        highest = max(r for r in range(_HIGHEST + 1) if r == 0 or (r + 1) * d**r <= left)
        for r in range(highest + 1):
            copies[r] += d ** (highest - r)
        left -= (highest + 1) * d**highest
    parts = [part for r, n in enumerate(copies) for part in _of_order(group, r, n)]
    return direct_sum(parts)


def _of_order(group: Group, order: int, copies: int) -> list[tuple[Rep, int]]:
    """Copies of tensors of one order, each type with its share."""
    V = group.standard
    if V.dual == V:
        return [(tensor(V, order, 0), copies)] if copies else []
    shares, given = [], 0
    for p in range(order, -1, -1):  # cumulative shares, rounded: they add up
        upto = sum(comb(order, k) for k in range(p, order + 1))
        shares.append((p, copies * upto // 2**order - given))
        given += shares[-1][1]
    return [(tensor(V, p, order - p), n) for p, n in shares if n]


def tensor(V: Rep, p: int, q: int) -> Rep:
    """V ⊗ … ⊗ V ⊗ V* ⊗ … ⊗ V*, p and q times; the trivial representation for none.

    Example:
        >>> import geomdl
        >>> tensor(geomdl.group("SO(1,3)").standard, 1, 1).name
        'standard ⊗ standard*'
    """
    factors = [*p * [V], *q * [V.dual]]
    out = factors.pop(0) if factors else V.group.trivial
    for factor in factors:
        out = out @ factor
    return out
