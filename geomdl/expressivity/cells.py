"""Pieces of space that hyperplanes cut: intervals, convex polygons, polyhedra."""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TOLERANCE = 1e-11  # of the size of the domain: what is thinner is rounding
THIN_BALL = 1e-8  # the same for polyhedra: linear programs are solved to 1e-10


class Cell(ABC):
    """An open convex piece of k-dimensional space.

    Attributes:
        centre: a point inside, shape (k,).
        size: of the whole domain, the unit of the tolerance.
    """

    centre: Array
    size: float

    @abstractmethod
    def cut(self, normals: Array, offsets: Array) -> list[Self]:
        """Pieces between the hyperplanes normals · t + offsets = 0, normals of length one."""

    @abstractmethod
    def witnesses(self) -> Array:
        """Points of the closure beside the centre, shape (n, k)."""


class Interval(Cell):
    """a < t < b."""

    def __init__(self, a: float, b: float, size: float) -> None:
        self.a, self.b, self.size = a, b, size
        self.centre = np.array([(a + b) / 2])

    def cut(self, normals: Array, offsets: Array) -> list[Self]:
        """At the roots, each once."""
        roots = np.sort(-offsets / normals[:, 0])
        thin = TOLERANCE * self.size
        ends = [self.a]
        for root in roots[(roots > self.a + thin) & (roots < self.b - thin)]:
            if root > ends[-1] + thin:
                ends.append(float(root))
        ends.append(self.b)
        return [type(self)(a, b, self.size) for a, b in pairwise(ends)]

    def witnesses(self) -> Array:
        """Both ends."""
        return np.array([[self.a], [self.b]])


class Polygon(Cell):
    """Inside of a convex polygon with corners in order, shape (v, 2)."""

    def __init__(self, corners: Array, size: float) -> None:
        self.corners, self.size = corners, size
        self.centre = corners.mean(0)

    def cut(self, normals: Array, offsets: Array) -> list[Self]:
        """One line after another, among the pieces that it meets."""
        heights = self.corners @ normals.T + offsets  # (corners, lines)
        thin = TOLERANCE * self.size
        cutting = (heights.max(0) > thin) & (heights.min(0) < -thin)
        normals, offsets = normals[cutting], offsets[cutting]
        if not len(normals):
            return [self]
        height = heights[:, cutting][:, 0]
        found = []
        for side in (height, -height):
            part = type(self)(_half(self.corners, side, thin), self.size)
            found += part.cut(normals[1:], offsets[1:])
        return found

    def witnesses(self) -> Array:
        """The corners."""
        return self.corners

    @property
    def area(self) -> float:
        """By the shoelace formula."""
        x, y = (self.corners - self.centre).T
        return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _half(corners: Array, height: Array, thin: float) -> Array:
    """The part of a convex polygon where the height is positive (Sutherland and Hodgman)."""
    height = np.where(np.abs(height) <= thin, 0.0, height)
    found = []
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        if height[i] >= 0:
            found.append(corners[i])
        if height[i] * height[j] < 0:
            s = height[i] / (height[i] - height[j])
            found.append(corners[i] + s * (corners[j] - corners[i]))
    return np.array(found)


class Polyhedron(Cell):
    """Points with normals · t + offsets > 0, bounded or not; the normals have length one."""

    def __init__(self, normals: Array, offsets: Array, centre: Array, size: float) -> None:
        self.normals, self.offsets, self.centre, self.size = normals, offsets, centre, size

    def cut(self, normals: Array, offsets: Array) -> list[Self]:
        """One hyperplane after another: does the other side hold a ball? A linear program says."""
        if not len(normals):
            return [self]
        normal, offset = normals[:1], offsets[:1]
        sign = 1.0 if float((normal @ self.centre + offset)[0]) > 0 else -1.0
        beyond = self._with(-sign * normal, -sign * offset)
        here = None if beyond is None else self._with(sign * normal, sign * offset)
        found = [self] if beyond is None or here is None else [here, beyond]
        return [piece for part in found for piece in part.cut(normals[1:], offsets[1:])]

    def _with(self, normal: Array, offset: Array) -> Self | None:
        rows = np.concatenate([self.normals, normal])
        shifts = np.concatenate([self.offsets, offset])
        inside = inner_point(rows, shifts, self.size)
        return None if inside is None else type(self)(rows, shifts, inside, self.size)

    def witnesses(self) -> Array:
        """Points along the axes, half way to the nearest wall."""
        k = len(self.centre)
        reach = self.size
        if len(self.normals):
            reach = min(reach, float((self.normals @ self.centre + self.offsets).min()))
        return self.centre + 0.5 * reach * np.concatenate([np.eye(k), -np.eye(k)])


def inner_point(normals: Array, offsets: Array, size: float) -> Array | None:
    """Centre of the largest ball, of radius ``size`` at most, with normals · t + offsets > 0 in it.

    Args:
        normals: of length one, shape (m, k).
        offsets: shape (m,).
        size: the largest radius asked for.

    Returns:
        shape (k,), or None where no ball thicker than rounding fits.
    """
    from scipy.optimize import linprog

    m, k = normals.shape
    rows = np.concatenate([-normals, np.ones((m, 1))], 1)  # r - n·t ≤ offset
    cost = np.zeros(k + 1)
    cost[k] = -1
    bounds: Any = [(None, None)] * k + [(0, size)]
    options: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found: Any = linprog(
        cost, A_ub=rows, b_ub=offsets, bounds=bounds, method="highs", options=options
    )
    if found.status != 0 or found.x[k] <= THIN_BALL * size:
        return None
    return np.asarray(found.x[:k], dtype=np.float64)
