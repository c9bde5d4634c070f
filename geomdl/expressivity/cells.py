"""Pieces of space that hyperplanes cut: intervals, convex polygons, polyhedra."""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TOLERANCE = 1e-11  # of the size of the domain: what is thinner is rounding
_GOLDEN = (5**0.5 - 1) / 2
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
    def part(self, normals: Array, offsets: Array) -> Self | None:
        """Piece where all normals · t + offsets > 0, normals of length one; None for rounding."""

    @abstractmethod
    def witnesses(self) -> Array:
        """Points of the closure beside the centre, shape (n, k)."""

    @property
    def corners(self) -> Array | None:
        """Points whose convex hull is the closure, shape (n, k), where they are known."""
        return None


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

    def part(self, normals: Array, offsets: Array) -> Self | None:
        """Between the last root that it must be right of and the first to be left of."""
        roots, right = -offsets / normals[:, 0], normals[:, 0] > 0
        a = roots[right].max(initial=self.a)
        b = roots[~right].min(initial=self.b)
        return type(self)(a, b, self.size) if b - a > TOLERANCE * self.size else None

    @property
    def corners(self) -> Array:
        """Both ends."""
        return np.array([[self.a], [self.b]])

    def witnesses(self) -> Array:
        """Both ends, and a point that is no simple share of the way."""
        return np.concatenate([self.corners, [[self.a + _GOLDEN * (self.b - self.a)]]])


class Polygon(Cell):
    """Inside of a convex polygon with corners in order, shape (v, 2)."""

    def __init__(self, corners: Array, size: float) -> None:
        self._corners, self.size = corners, size
        self.centre = corners.mean(0)

    @property
    def corners(self) -> Array:
        """In order."""
        return self._corners

    def cut(self, normals: Array, offsets: Array) -> list[Self]:
        """One line after another, among the pieces that it meets."""
        thin, found, left = TOLERANCE * self.size, [], [(self, normals, offsets)]
        while left:
            piece, normals, offsets = left.pop()
            heights = piece.corners @ normals.T + offsets  # (corners, lines)
            cutting = (heights.max(0) > thin) & (heights.min(0) < -thin)
            if not cutting.any():
                found.append(piece)
                continue
            normals, offsets, height = normals[cutting], offsets[cutting], heights[:, cutting][:, 0]
            for side in (-height, height):
                part = type(self)(_half(piece.corners, side, thin), self.size)
                left.append((part, normals[1:], offsets[1:]))
        return found

    def part(self, normals: Array, offsets: Array) -> Self | None:
        """One half plane after another."""
        corners, thin = self.corners, TOLERANCE * self.size
        for normal, offset in zip(normals, offsets, strict=True):
            height = corners @ normal + offset
            if height.max() <= thin:
                return None
            if height.min() < -thin:
                corners = _half(corners, height, thin)
        return type(self)(corners, self.size)

    def witnesses(self) -> Array:
        """The corners, and a point within that is no simple mean of them."""
        weights = _GOLDEN ** np.arange(len(self.corners))
        return np.concatenate([self.corners, [weights @ self.corners / weights.sum()]])

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
        pieces = [self]
        for k in range(len(normals)):
            normal, offset = normals[k : k + 1], offsets[k : k + 1]
            found = []
            for piece in pieces:
                sign = 1.0 if float((normal @ piece.centre + offset)[0]) > 0 else -1.0
                beyond = piece.part(-sign * normal, -sign * offset)
                here = None if beyond is None else piece.part(sign * normal, sign * offset)
                found += [piece] if beyond is None or here is None else [here, beyond]
            pieces = found
        return pieces

    def part(self, normals: Array, offsets: Array) -> Self | None:
        """By one linear program."""
        rows = np.concatenate([self.normals, normals])
        shifts = np.concatenate([self.offsets, offsets])
        inside = inner_point(rows, shifts, self.size)
        return None if inside is None else type(self)(rows, shifts, inside, self.size)

    def witnesses(self) -> Array:
        """Points along the axes, part of the way to the nearest wall."""
        k = len(self.centre)
        reach = self.size
        if len(self.normals):
            reach = min(reach, float((self.normals @ self.centre + self.offsets).min()))
        steps: Array = _GOLDEN * reach * np.concatenate([np.eye(k), -np.eye(k)])
        return self.centre + steps


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
