"""The best that few linear pieces can do: splines with free knots."""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from geomdl.fields.numbers import at_least


@dataclass(frozen=True)
class FreeKnots:
    """Best approximation by linear pieces.

    Args:
        error: its largest error.
        knots: ends of the pieces, shape (pieces + 1,).
    """

    error: float
    knots: Tensor


def free_knots(x: Tensor, y: Tensor, pieces: int) -> FreeKnots:
    """Least largest error of any function of so many linear pieces on a convex (or concave) one.

    On one interval the best line is parallel to the chord and halves the largest gap below it. An
    error can be reached if intervals, each as long as it allows, cover everything; the least one is
    found by bisection. A ReLU network with fewer pieces on a line cannot do better, whatever its
    weights; for x² on [0, 1] that is 1 / (8 pieces²). *Exact* for the samples (their interpolation
    by lines), to 1e-12 of the range of y.

    Args:
        x: ascending, shape (n,).
        y: values of a convex or a concave function, shape (n,).
        pieces: number of linear pieces.

    Returns:
        The error, and where the pieces end.

    Raises:
        ValueError: x not ascending, y neither convex nor concave, other shapes.

    Example:
        >>> import torch
        >>> x = torch.linspace(0, 1, 1025, dtype=torch.float64)
        >>> free_knots(x, x**2, 4).error, 1 / (8 * 4**2)
        (0.0078125, 0.0078125)

    Source: elementary; used for depth by Yarotsky 2017, arXiv:1610.01145, theorem 6.
    """
    at_least("pieces", pieces, 1)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise ValueError(f"y: expected the shape of x, {tuple(x.shape)}, got {tuple(y.shape)}")
    x, y = x.detach().double(), y.detach().double()
    if not bool((x.diff() > 0).all()):
        raise ValueError("x: expected ascending numbers")
    slopes = y.diff() / x.diff()
    noise = 1e-9 * float(slopes.abs().max())
    turn = slopes.diff()
    if not bool((turn >= -noise).all()):
        if not bool((turn <= noise).all()):
            raise ValueError("y: expected values of a convex or a concave function")
        y = -y

    def gap(i: int, j: int) -> float:
        """Error of the best line over samples i … j."""
        chord = y[i] + (y[j] - y[i]) * (x[i : j + 1] - x[i]) / (x[j] - x[i])
        return max(0.0, float((chord - y[i : j + 1]).max()) / 2)

    def cover(error: float) -> list[int]:
        """Ends of intervals, each as long as possible; the last may not reach the end."""
        ends = [0]
        for _ in range(pieces):
            low, high = ends[-1] + 1, len(x) - 1
            if low > high:
                break
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if gap(ends[-1], middle) <= error else (low, middle - 1)
            ends.append(low)
        return ends

    low, high = -1.0, gap(0, len(x) - 1)
    close = 1e-12 * float(y.max() - y.min())
    while high - low > close:
        middle = (low + high) / 2
        low, high = (low, middle) if cover(max(middle, 0.0))[-1] == len(x) - 1 else (middle, high)
    ends = cover(high)
    reached = max(gap(i, j) for i, j in pairwise(ends))
    return FreeKnots(reached, x[ends])
