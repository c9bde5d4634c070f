"""Coefficients of solid harmonics: the recursion that makes them, the ladder that derives them.

With ρ = z + i x, polar axis y, r² = x² + y² + z², the solid harmonics of degree l and order ±m are
real and imaginary part of Q_lm(y, r²) ρ^m, |R_l|² = (2l + 1) r^(2l), and

R_ll = a_ll ρ R_(l-1)(l-1),  R_lm = a_lm y R_(l-1)m - b_lm r² R_(l-2)m,
∂_y R_lm = e_lm R_(l-1)m,  (∂_z ± i ∂_x) R_lm = ∓ 2 p_lm R_(l-1)(m+1), 2 q_lm R_(l-1)(m-1),

for the complex R = Q_lm ρ^m: derivatives of a degree are harmonics of the degree below.
"""

import math
from functools import cache
from typing import Any

import numpy as np


@cache
def coefficients(lmax: int) -> Any:
    """Coefficients a, b, e, p, q at [., l, m], float64.

    Example:
        >>> coefficients(1)[0].round(3).tolist()  # R_1 = √3 (x, y, z)
        [[1.0, 0.0], [1.732, 1.732]]
    """
    table = np.zeros((5, lmax + 1, lmax + 1))
    a, b, e, p, q = table
    a[0, 0] = 1
    for l in range(1, lmax + 1):
        # √2, the length of a pair, where a single one of order 0 is its neighbour
        a[l, l] = math.sqrt((2 * l + 1) / (2 * l) * (2 if l == 1 else 1))
        for m in range(l):
            a[l, m] = math.sqrt((4 * l * l - 1) / (l * l - m * m))
            if l > m + 1:
                b[l, m] = a[l, m] * math.sqrt(((l - 1) ** 2 - m * m) / (4 * (l - 1) ** 2 - 1))
        for m in range(l + 1):
            scale = (2 * l + 1) / (2 * l - 1)
            e[l, m] = math.sqrt(scale * (l * l - m * m))
            p[l, m] = math.sqrt(scale * (l - m) * max(l - m - 1, 0) * (2 if m == 0 else 1)) / 2
            if m > 0:
                q[l, m] = math.sqrt(scale * (l + m) * (l + m - 1) * (2 if m == 1 else 1)) / 2
    table.flags.writeable = False
    return table


@cache
def derivatives(l: int) -> Any:
    """Matrix D of ∂_a R_lk = Σ_j D[j, a, k] R_(l-1)j, float64 (2l - 1, 3, 2l + 1), l ≥ 1.

    Example:
        >>> derivatives(1).round(3).tolist()  # R_1 = √3 (x, y, z)
        [[[1.732, 0.0, 0.0], [0.0, 1.732, 0.0], [0.0, 0.0, 1.732]]]
    """
    e, p, q = coefficients(l)[2:, l]
    d = np.zeros((2 * l - 1, 3, 2 * l + 1))

    def put(j: int, axis: int, k: int, value: float) -> None:
        if abs(j) < l:
            d[l - 1 + j, axis, l + k] += value

    for m in range(l + 1):
        put(m, 1, m, e[m])
        put(m + 1, 2, m, -p[m])
        put(-m - 1, 0, m, -p[m])
        if m > 0:
            put(-m, 1, -m, e[m])
            put(-m - 1, 2, -m, -p[m])
            put(m + 1, 0, -m, p[m])
            put(m - 1, 2, m, q[m])
            put(m - 1, 0, -m, q[m])
        if m > 1:
            put(1 - m, 2, -m, q[m])
            put(1 - m, 0, m, -q[m])
    d.flags.writeable = False
    return d
