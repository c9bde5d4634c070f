"""Paths of a tensor product: which irreps of two features make which of a third."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from geomdl.euclidean.spherical import Block, blocks, from_blocks, single
from geomdl.groups import Rep, clebsch_gordan, group
from geomdl.groups.constant import memoized

_LEAST = 1e-10  # coefficients below are rounding


class Path(NamedTuple):
    """A pair of blocks and the irrep that their product holds.

    Attributes:
        left: block of the first feature.
        right: block of the second.
        l: degree of the product.
        p: its parity.
    """

    left: Block
    right: Block
    l: int
    p: int


@dataclass(frozen=True, eq=False)
class Product:
    """A tensor product: its paths, ordered by what they make, and their coefficients.

    Attributes:
        paths: of the same irrep one after another, in the order of the target.
        target: irreps with as many copies as paths lead there.
        terms: see `geomdl.kernels.interaction`.
        values: Clebsch-Gordan coefficients of e3nn times √(2l + 1), so that products of independent
            components of variance one have variance one.
        table: blocks, for the kernel.
    """

    paths: tuple[Path, ...]
    target: Rep
    terms: Tensor
    values: Tensor
    table: Tensor


def natural_product(left: Rep, right: Rep) -> Rep:
    """Every irrep that the product of two representations holds, once, in ascending order.

    Example:
        >>> from geomdl.euclidean.spherical import spherical
        >>> natural_product(spherical(1), spherical(1)).dim
        12
    """
    found = set()
    for a in blocks(left):
        for b in blocks(right):
            found |= {(l, a.p * b.p) for l in range(abs(a.l - b.l), a.l + b.l + 1)}
    return from_blocks(
        [(l, p, 1) for l, p in sorted(found, key=lambda x: (x[0], -x[1]))], left.group
    )


def reachable(left: Rep, right: Rep, target: Rep) -> Rep:
    """Irreps of a target that the product of two representations holds, in its order.

    Example:
        >>> from geomdl.euclidean.spherical import spherical
        >>> found = reachable(spherical(0), spherical(1), spherical(1, "both"))
        >>> [b.name for b in blocks(found)]
        ['1x0e', '1x1o']
    """
    held = {(b.l, b.p) for b in blocks(natural_product(left, right))}
    kept = [(b.l, b.p, b.copies) for b in blocks(target) if (b.l, b.p) in held]
    return from_blocks(kept, target.group)


@memoized
def product(left: Rep, right: Rep, target: Rep | None = None) -> Product:
    """Paths of left ⊗ right into the irreps of target.

    Args:
        left: each irrep once.
        right: each irrep once.
        target: irreps that are wanted, each once; all of `natural_product` if None.

    Raises:
        ValueError: not of one group, an irrep twice, or one that no path leads to.

    Example:
        >>> from geomdl.euclidean.spherical import spherical
        >>> made = product(spherical(2), spherical(2), spherical(2))
        >>> len(made.paths), [b.name for b in blocks(made.target)]
        (11, ['3x0e', '4x1o', '4x2e'])
    """
    target = natural_product(left, right) if target is None else target
    for name, rep in (("right", right), ("target", target)):
        if rep.group != left.group:
            raise ValueError(f"{name}: expected {left.group.name}, got {rep.group.name}")
    firsts, seconds = single("left", left), single("right", right)
    paths: list[Path] = []
    counts = []
    for to in single("target", target):
        made = [
            Path(a, b, to.l, to.p)
            for a in firsts
            for b in seconds
            if abs(a.l - b.l) <= to.l <= a.l + b.l and a.p * b.p == to.p
        ]
        if not made:
            raise ValueError(f"target: no product of the two features holds {to.name[2:]}")
        paths += made
        counts.append((to.l, to.p, len(made)))
    whole = from_blocks(counts, left.group)
    return Product(tuple(paths), whole, *_table(paths, blocks(whole)))


@memoized
def summed_product(left: Rep, right: Rep, target: Rep) -> Product:
    """`product` with the sum of the paths into each irrep, in the order of the target.

    Example:
        >>> from geomdl.euclidean.spherical import spherical
        >>> summed_product(spherical(2), spherical(2), spherical(2)).target.dim
        9
    """
    made = product(left, right, target)
    return Product(made.paths, target, *_table(list(made.paths), single("target", target), 0))


def coefficients(path: Path) -> Tensor:
    """√(2l + 1) times e3nn's Clebsch-Gordan coefficients of a path, (i, j, k), float64."""
    so3 = group("SO3")
    found: Tensor = clebsch_gordan(*(so3.irrep(l) for l in (path.left.l, path.right.l, path.l)))[0]
    return found * math.sqrt(2 * path.l + 1)


def _table(
    paths: list[Path], targets: tuple[Block, ...], step: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Terms, coefficients and blocks; where step is 0, all paths add to the same copy."""
    terms, values, rows, entry = [], [], [], 0
    used: dict[tuple[int, int], int] = {}
    where = {(b.l, b.p): b for b in targets}
    for number, path in enumerate(paths):
        a, b, to = path.left, path.right, where[path.l, path.p]
        copy = used.get((path.l, path.p), 0)
        used[path.l, path.p] = copy + step
        dense = coefficients(path)
        width = 2 * a.l + 1
        for i, j, k in (dense.abs() > _LEAST).permute(2, 0, 1).nonzero()[:, [1, 2, 0]].tolist():
            place = entry + k * width + i
            row = to.start + k * to.copies + copy
            terms.append([a.start + i, b.start + j, row, number, place])
            values.append(float(dense[i, j, k]))
        rows.append([a.start, width, to.start + copy, 2 * path.l + 1, to.copies, entry])
        entry += width * (2 * path.l + 1)
    return (
        torch.tensor(terms, dtype=torch.int64).reshape(-1, 5),
        torch.tensor(values, dtype=torch.float64),
        torch.tensor(rows, dtype=torch.int64).reshape(-1, 6),
    )
