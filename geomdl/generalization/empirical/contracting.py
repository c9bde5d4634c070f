"""Products of Jacobians with each other: from their rows, or from factors of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from geomdl.generalization.empirical.features import Features, Recorded
from geomdl.generalization.empirical.uses import Product

__all__ = ["choose", "contract"]

SLOWER = 2.0  # a multiplication in many small products beside one in a large one


def choose(runs: Sequence[Recorded], sizes: tuple[int, int], method: str) -> dict[int, Product]:
    """Parameters of which factors are kept, with their one use.

    With S positions, Q outputs and a weight of C × I, for each pair of rows: from rows of the
    Jacobian Q² C I multiplications, and Q S C I for each row to form them; from factors
    S² I + Q S² C + Q² S C.

    Args:
        runs: the first row of each input.
        sizes: rows of both sides.
        method: "auto" for the fewer multiplications, "jacobian" or "gram".
    """
    run, (n1, n2) = runs[0], sizes
    kept = {}
    for at, use in enumerate(run.uses):
        if method == "jacobian" or not run.factored(use):
            continue
        _, s1, columns, rows = use.sizes
        other = runs[-1].uses[at] if at < len(runs[-1].uses) else use
        s2 = other.sizes[1] if isinstance(other, Product) else s1
        q1, q2 = run.y.shape[1], runs[-1].y.shape[1]
        made = (n1 * q1 * s1 + (n2 * q2 * s2 if len(runs) > 1 else 0)) * columns * rows
        dense = made + n1 * n2 * q1 * q2 * columns * rows
        gram = n1 * n2 * (s1 * s2 * columns + q1 * s1 * s2 * rows + q1 * q2 * s2 * rows)
        if s1 > 1 or s2 > 1:
            gram = int(SLOWER * gram)
        if method == "gram" or gram <= dense:
            kept[use.made_of[0]] = use
    return kept


def contract(one: Features, two: Features) -> Tensor:
    """J₁ J₂ᵀ, (rows₁ · outputs₁, rows₂ · outputs₂), in float64."""
    same = one is two
    found = _square(one.jacobian) if same else (one.jacobian @ two.jacobian.mT).double()
    for k in one.factors:
        found += _from_factors(*one.factors[k], *two.factors[k])
    return found


def _square(j: Tensor) -> Tensor:
    """J Jᵀ, about half of it computed."""
    n = len(j)
    found = j.new_empty(n, n, dtype=torch.float64)
    step = max(64, -(-n // 8))
    for low in range(0, n, step):
        high = min(low + step, n)
        part = (j[low:high] @ j[:high].mT).double()
        found[low:high, :high] = part
        found[:high, low:high] = part.mT
    return found


def _from_factors(a: Tensor, d: Tensor, b: Tensor, e: Tensor) -> Tensor:
    """Σ ⟨a_s, b_t⟩ ⟨d_s, e_t⟩ over groups and positions s, t."""
    n, groups, outputs, width, places = d.shape
    m, _, others, _, there = e.shape
    if places == there == 1 and groups == 1:
        inner = a.reshape(n, -1) @ b.reshape(m, -1).mT
        outer = d.reshape(n * outputs, width) @ e.reshape(m * others, width).mT
        product = outer.view(n, outputs, m, others) * inner.view(n, 1, m, 1)
        return product.view(n * outputs, m * others)
    found = d.new_zeros(n, outputs, m, others, dtype=torch.float64)
    for g in range(groups):
        flat = b[:, g].reshape(m * there, -1).mT  # (I, m · T)
        right = e[:, g].permute(0, 2, 3, 1).reshape(m, width * there, others)
        for i in range(n):
            inner = a[i, g] @ flat  # (S, m · T)
            left = d[i, g].reshape(outputs * width, places) @ inner
            left = left.view(outputs, width, m, there).permute(2, 0, 1, 3)
            found[i] += (left.reshape(m, outputs, -1) @ right).transpose(0, 1)
    return found.view(n * outputs, m * others)
