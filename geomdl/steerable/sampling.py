"""Points on a group with quadrature weights, and band-limited functions at these points."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geomdl.groups import Group, Rep, Subgroup, group, intertwiners
from geomdl.groups import elements as el
from geomdl.groups.constant import memoized
from geomdl.groups.finite import FiniteGroup
from geomdl.groups.orthogonal import Orthogonal
from geomdl.groups.planar import rotation_matrix
from geomdl.groups.products import DirectProduct
from geomdl.groups.rep import Irrep

_LARGEST_DEGREE = 131


@dataclass(frozen=True)
class GroupGrid:
    """Points on a group and their weights, which sum to one.

    Attributes:
        elements: a batch of elements.
        weights: quadrature weights for the Haar measure, (points,) float64.
    """

    elements: Any
    weights: Tensor


def group_grid(on: Group, n: int | None) -> GroupGrid:
    """Quadrature that is exact for matrix entries of irreps of frequency below ``n``.

    Finite groups: all elements, always exact. SO2: n equispaced rotations. O2: these, and as many
    reflections. SO3: a rule on the sphere of degree n − 1 (`sphere_rule`), and n or few more turns
    about each of its points, so that the octahedral group permutes the rotations. O3: these, and
    their products with −1. Direct products: products.

    Raises:
        ValueError: no grid is known for the group.
    """
    if isinstance(on, FiniteGroup):
        return GroupGrid(on.elements, torch.full((on.size,), 1 / on.size, dtype=torch.float64))
    if isinstance(on, DirectProduct):
        grids = [group_grid(factor, n) for factor in on.factors]
        sizes = [len(grid.weights) for grid in grids]
        places = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).unbind(1)
        pairs = list(zip(grids, places, strict=True))
        weights = torch.stack([grid.weights[at] for grid, at in pairs]).prod(0)
        return GroupGrid(tuple(el.take(grid.elements, at) for grid, at in pairs), weights)
    if not isinstance(on, Orthogonal) or on.n not in (2, 3):
        raise ValueError(f"source: no grid of samples is known on {on.name}")
    if n is None:
        raise ValueError(f"samples: should be given for {on.name}, got None")
    turns, weights = _rotations(n) if on.n == 3 else (_angles(n), torch.full((n,), 1 / n))
    weights = weights.double()
    if on.special:
        return GroupGrid(turns, weights / weights.sum())
    weights = weights.repeat(2)
    return GroupGrid(torch.cat([turns @ c for c in on.components]), weights / weights.sum())


def _angles(n: int) -> Tensor:
    """Equispaced rotations of the plane (n, 2, 2)."""
    return rotation_matrix(torch.arange(n, dtype=torch.float64) * (2 * math.pi / n))


def sphere_rule(degree: int) -> tuple[Tensor, Tensor]:
    """Lebedev's rules: points (n, 3) and weights (n,) exact for harmonics up to a degree.

    The weights are positive and sum to one; the octahedral group, with inversion, permutes the
    points.

    Raises:
        ValueError: no rule is known above degree 131.
    """
    from scipy.integrate import lebedev_rule

    for order in range(max(3, degree | 1), _LARGEST_DEGREE + 1, 2):
        try:
            points, weights = lebedev_rule(order)
        except NotImplementedError:  # not every odd degree has a rule
            continue
        if weights.min() > 0:
            return torch.from_numpy(points.T.copy()), torch.from_numpy(weights / weights.sum())
    raise ValueError(f"samples: on SO3 and O3 should be at most {_LARGEST_DEGREE + 1}, got more")


def _rotations(n: int) -> tuple[Tensor, Tensor]:
    """Rotations (points, 3, 3) and weights: frames on the sphere, turned about their third axis."""
    points, weights = sphere_rule(n - 1)
    octahedral = group("O")
    turns = octahedral.standard(octahedral.elements)
    free = torch.ones(len(points), dtype=torch.bool)
    rotations, shares = [], []
    while bool(free.any()):
        first = points[int(free.int().argmax())]
        images = turns @ first
        fixing = int(((images - first).norm(dim=1) < 1e-6).sum())
        nearest = torch.cdist(points, images).min(1)
        members = (nearest.values < 1e-6).nonzero().flatten()
        frames = turns[nearest.indices[members]] @ _frame(first)
        count = fixing * math.ceil(n / fixing)  # so that what fixes the point permutes the turns
        about = torch.eye(3, dtype=torch.float64).repeat(count, 1, 1)
        about[:, :2, :2] = _angles(count)
        rotations.append((frames[:, None] @ about).flatten(0, 1))
        shares.append((weights[members] / count).repeat_interleave(count))
        free[members] = False
    return torch.cat(rotations), torch.cat(shares)


def _frame(point: Tensor) -> Tensor:
    """Some rotation (3, 3) that carries the z axis to a unit vector."""
    helper = torch.zeros(3, dtype=torch.float64)
    helper[int(point.abs().argmin())] = 1.0
    x = torch.linalg.cross(helper, point)
    x = x / x.norm()
    return torch.stack([x, torch.linalg.cross(point, x), point], 1)


def frequency(rep: Rep) -> int:
    """Largest frequency of a representation: k for SO2, l for SO3; 0 for finite groups."""
    if rep.group.lie_dim == 0:
        return 0
    return math.ceil(float(torch.linalg.matrix_norm(rep.lie, ord=2).max()) - 1e-6)


def cyclic_vectors(irrep: Rep, subgroup: Subgroup | None, n: int) -> Tensor:
    """Vectors (n, dim) fixed by H that generate n independent spaces of functions on G/H.

    They are orthonormal over the endomorphisms of the irrep, so that the functions
    x -> (g -> √dim · aᵀ W(g)⁻¹ x) are isometric and mutually orthogonal.

    Raises:
        ValueError: functions on G/H hold the irrep less often.
    """
    rows = torch.eye(irrep.dim, dtype=torch.float64) if subgroup is None else irrep.fixed(subgroup)
    endomorphisms = intertwiners(irrep, irrep)
    chosen: list[Tensor] = []
    taken = torch.zeros(irrep.dim, 0, dtype=torch.float64)
    for row in rows if n else rows[:0]:
        rest = row - taken @ (taken.T @ row)
        if rest.norm() > 1e-6:
            chosen.append(rest / rest.norm())
            images = (endomorphisms @ chosen[-1]).T
            taken = torch.linalg.qr(torch.cat([taken, images], 1)).Q
    if len(chosen) < n:
        over = irrep.group.name + ("" if subgroup is None else f"/{subgroup.group.name}")
        raise ValueError(
            f"source: a function on {over} holds {irrep.name} at most {len(chosen)} times, got "
            f"{n}; give each=, the representation of one function"
        )
    return torch.stack(chosen[:n])


@memoized
def evaluation(each: Rep, n: int | None, subgroup: Subgroup | None) -> tuple[Tensor, Tensor]:
    """Matrix from Fourier coefficients to values at samples, and the weights of the samples.

    The value at gH of the function with coefficients x is Σ √dim(W) aᵀ W(g)⁻¹ x_W over the irreps
    in ``each``, so that coefficients each(h) x give the function g -> f(h⁻¹ g). Samples at which
    all such functions agree (those of one coset) are joined.

    Returns:
        (points, each.dim) and (points,), float64.

    Raises:
        ValueError: ``each`` is not orthogonal or is more than the functions on G/H.
    """
    grid = group_grid(each.group, n)
    columns: list[Tensor] = []
    blocks = [(rep, m, _split(rep)) for rep, m in each.blocks]
    counts: dict[Rep, int] = {}
    for _, m, (found, _) in blocks:
        for irrep, k in found.items():
            counts[irrep] = counts.get(irrep, 0) + m * k
    vectors = {irrep: list(cyclic_vectors(irrep, subgroup, k)) for irrep, k in counts.items()}
    for _, m, (found, basis) in blocks:
        for _ in range(m):
            parts = [
                irrep.dim**0.5 * irrep(grid.elements) @ vectors[irrep].pop(0)
                for irrep, k in found.items()
                for _ in range(k)
            ]
            columns.append(torch.cat(parts, 1) @ basis.T)
    values = torch.cat(columns, 1)
    distinct, place = torch.unique((values * 1e8).round() + 0.0, dim=0, return_inverse=True)
    weights = torch.zeros(len(distinct), dtype=torch.float64).index_add(0, place, grid.weights)
    first = torch.full((len(distinct),), len(values)).scatter_reduce(
        0, place, torch.arange(len(values)), "amin"
    )
    order = first.argsort()
    return values[first[order]], weights[order]


def _split(rep: Rep) -> tuple[dict[Rep, int], Tensor]:
    """Irreps in a representation and the orthogonal change of basis; none for an irrep itself."""
    if not rep.is_orthogonal:
        raise ValueError(
            f"source: FourierPointwise needs orthogonal representations, got {rep.name} of "
            f"{rep.group.name}"
        )
    if isinstance(rep, Irrep):
        return {rep: 1}, torch.eye(rep.dim, dtype=torch.float64)
    return rep.decompose()
