"""Numbers of equivariant maps between tensors, against theory: the dimension of Hom(T_k, T_l).

Every number is derived twice: by the formula in the table, and by averaging characters over the
group (`_average`), which knows neither generators nor null spaces.
"""

import itertools
import math

import numpy as np
import pytest
import torch

from geomdl.groups import group, intertwiner_operator, matrix_group
from geomdl.linear.allotment import tensor

ANGLES = 2 * np.pi * np.arange(64) / 64  # exact for trigonometric polynomials below degree 64


def sp4():
    """Sp(4, R) from its Lie algebra: J S for symmetric S."""
    j = torch.tensor([[0.0, 0, 1, 0], [0, 0, 0, 1], [-1, 0, 0, 0], [0, -1, 0, 0]])
    unit = torch.eye(4)
    pairs = torch.combinations(torch.arange(4), with_replacement=True).tolist()
    both = [torch.outer(unit[a], unit[b]) + torch.outer(unit[b], unit[a]) for a, b in pairs]
    return matrix_group(lie_algebra=torch.stack([j @ s for s in both]), name="Sp(4)")


def sl(n):
    """SL(n, R) from the matrices of trace zero."""
    unit = torch.eye(n)
    off = [torch.outer(unit[a], unit[b]) for a in range(n) for b in range(n) if a != b]
    diagonal = [torch.outer(u, u) - torch.outer(v, v) for u, v in itertools.pairwise(unit)]
    return matrix_group(lie_algebra=torch.stack(off + diagonal), name=f"SL({n})")


def swap():
    """Z2, which swaps the two axes of the plane."""
    return matrix_group([[[0.0, 1.0], [1.0, 0.0]]], name="Z2")


def _average(name, m):
    """Mean of the m-th power of the character of V over the group, or over its compact form."""
    a, b = np.meshgrid(ANGLES, ANGLES)
    weights, characters = {
        "SO2": lambda: ([1.0], [2 * np.cos(ANGLES)]),
        "O2": lambda: ([0.5, 0.5], [2 * np.cos(ANGLES), 0 * ANGLES]),
        "SO3": lambda: ([1 - np.cos(ANGLES)], [1 + 2 * np.cos(ANGLES)]),
        "O3": lambda: (
            [(1 - np.cos(ANGLES)) / 2] * 2,
            [1 + 2 * np.cos(ANGLES), -1 - 2 * np.cos(ANGLES)],
        ),
        # SO(4) = SU(2) × SU(2) / ±1, V = ½ ⊗ ½; its other component by Weyl's formula for O(4)
        "SO+(1,3)": lambda: (
            [4 * np.sin(a) ** 2 * np.sin(b) ** 2],
            [4 * np.cos(a) * np.cos(b)],
        ),
        "O(1,3)": lambda: (
            [2 * np.sin(a) ** 2 * np.sin(b) ** 2, np.sin(a) ** 2],
            [4 * np.cos(a) * np.cos(b), 2 * np.cos(a)],
        ),
        # Weyl's formula for the symplectic group
        "Sp(4)": lambda: (
            [8 * (np.cos(a) - np.cos(b)) ** 2 * np.sin(a) ** 2 * np.sin(b) ** 2],
            [2 * np.cos(a) + 2 * np.cos(b)],
        ),
        "SL(2)": lambda: ([2 * np.sin(ANGLES) ** 2], [2 * np.cos(ANGLES)]),
        "Z2": lambda: ([0.5, 0.5], [np.array(2.0), np.array(0.0)]),
    }[name]()
    return sum(float(np.mean(w * c**m)) for w, c in zip(weights, characters, strict=True))


def _riordan(m):
    """Invariants of m vectors under SO(3): of (½ ⊗ ½ − 1)^m, (½ ⊗ ½)^k having Catalan's number."""
    catalan = [math.comb(2 * k, k) // (k + 1) for k in range(m + 1)]
    return sum((-1) ** (m - k) * math.comb(m, k) * catalan[k] for k in range(m + 1))


TABLE = [
    # group, its numbers for m = k + l = 0, 1, 2, …, and how they are derived
    ("SO2", [math.comb(m, m // 2) * (m % 2 == 0) for m in range(7)], "central binomials"),
    ("O2", [1, 0, 1, 0, 3, 0, 10], "half of them"),
    ("SO3", [_riordan(m) for m in range(7)], "Riordan numbers 1, 0, 1, 1, 3, 6, 15"),
    ("O3", [1, 0, 1, 0, 3, 0, 15], "pairings"),
    ("SO+(1,3)", [1, 0, 1, 0, 4, 0, 25], "squares of Catalan numbers"),
    ("O(1,3)", [1, 0, 1, 0, 3, 0, 15], "pairings"),
    ("Sp(4)", [1, 0, 1, 0, 3, 0, 14], "pairings, of six points one too many"),
    ("SL(2)", [1, 0, 1, 0, 2, 0, 5], "Catalan numbers"),
    ("Z2", [1, 1, 2, 4, 8, 16, 32], "half of 2ᵐ"),
]
OWN = {"Sp(4)": sp4, "SL(2)": lambda: sl(2), "Z2": swap}


@pytest.mark.parametrize(("name", "numbers", "how"), TABLE, ids=[row[0] for row in TABLE])
def test_tensors(name, numbers, how):
    V = (OWN[name]() if name in OWN else group(name)).standard
    top = 6 if V.dim < 4 else 4
    for m, number in enumerate(numbers[: top + 1]):
        assert abs(_average(name, m) - number) < 1e-9, how
        k = m // 2
        found = intertwiner_operator(tensor(V, k, 0), tensor(V, m - k, 0)).n
        assert found == number, f"{name}: T{k} → T{m - k}, {how}"


@pytest.mark.parametrize(("n", "k", "l"), [(4, 1, 1), (4, 1, 2), (5, 2, 2), (3, 2, 2), (2, 2, 3)])
def test_permutations_count_partitions(n, k, l):
    """Bell numbers; with fewer points than indices only partitions into at most n blocks."""
    m = k + l
    rows = [[1]]  # Stirling numbers of the second kind
    for _ in range(m):
        last = [*rows[-1], 0]
        rows.append([0, *(last[j - 1] + j * last[j] for j in range(1, len(last)))])
    wanted = sum(rows[m][: n + 1])
    V = group(f"S{n}").standard
    assert intertwiner_operator(tensor(V, k, 0), tensor(V, l, 0)).n == wanted


@pytest.mark.parametrize(
    ("name", "k", "l"), [("D3", 1, 2), ("D4", 2, 2), ("D6", 2, 1), ("C5", 2, 2)]
)
def test_dihedral_groups_by_burnside(name, k, l):
    V = group(name).standard
    wanted = float((V.character(V.group.elements) ** (k + l)).mean())
    assert intertwiner_operator(tensor(V, k, 0), tensor(V, l, 0)).n == round(wanted)


@pytest.mark.parametrize(
    ("make", "r", "s", "number"),
    [
        (lambda: sl(3), (3, 0), (0, 0), 1),  # the determinant
        (lambda: sl(3), (2, 0), (0, 1), 1),  # the cross product
        (lambda: sl(3), (1, 1), (1, 1), 2),  # S_2: trace and identity
        (lambda: sl(3), (1, 0), (0, 1), 0),  # V is not its dual
        (lambda: group("SO+(1,3)"), (1, 0), (0, 1), 1),  # the metric
    ],
)
def test_dual_tensors(make, r, s, number):
    V = make().standard
    assert intertwiner_operator(tensor(V, *r), tensor(V, *s)).n == number


def test_dense_null_space():
    """Of shears, which are neither compact nor closed under transposition: numpy's rank."""
    shear = np.array([[1.0, 1.0], [0.0, 1.0]])
    V = matrix_group(shear[None].tolist(), name="shear").standard
    for k, l in [(1, 1), (1, 2), (2, 2)]:
        source, target = np.eye(1), np.eye(1)
        for _ in range(k):
            source = np.kron(source, shear)
        for _ in range(l):
            target = np.kron(target, shear)
        rows = np.kron(target, np.eye(2**k)) - np.kron(np.eye(2**l), source.T)
        wanted = 2 ** (k + l) - np.linalg.matrix_rank(rows)
        assert intertwiner_operator(tensor(V, k, 0), tensor(V, l, 0)).n == wanted


def test_four_tensors_of_spacetime():
    """7!! pairings of eight vectors, within two matrices of 256 × 256 and 1,208 unknowns."""
    T = tensor(group("O(1,3)").standard, 4, 0)
    op = intertwiner_operator(T, T)
    assert op.n == 105
    w = op(torch.randn(op.n, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    g = T(T.group.sample(2))
    assert (g @ w - w @ g).abs().max() <= 1e-12 * g.abs().max() ** 2
