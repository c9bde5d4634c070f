"""Networks of piecewise linear activations, followed exactly through every layer.

On a region where no pre-activation passes a kink, each activation is one affine map, so the network
is too. `Follower` holds activations at the map that belongs to a point of the region, up to a given
depth: all of a network, whatever its modules do, is then known from k + 1 points of k dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Kinked:
    """A continuous piecewise linear function of numbers: slopes and intercepts between knots.

    Args:
        knots: ascending.
        slopes: one more than knots; numbers, or tensors that broadcast with the input.
        intercepts: likewise.
    """

    knots: tuple[float, ...]
    slopes: tuple[Any, ...]
    intercepts: tuple[float, ...]

    def held(self, u: Tensor, at: Tensor) -> Tensor:
        """The affine piece that belongs to the values ``at``, applied to ``u``."""
        slope = torch.as_tensor(self.slopes[0], dtype=u.dtype).expand_as(at)
        intercept = torch.full_like(at, self.intercepts[0])
        rest = zip(self.knots, self.slopes[1:], self.intercepts[1:], strict=True)
        for knot, s, b in rest:
            slope = torch.where(at > knot, torch.as_tensor(s, dtype=u.dtype), slope)
            intercept = torch.where(at > knot, torch.full_like(at, b), intercept)
        return slope * u + intercept


def _relu(x: Tensor, inplace: bool = False) -> Kinked:
    return Kinked((0.0,), (0.0, 1.0), (0.0, 0.0))


def _leaky(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Kinked:
    return Kinked((0.0,), (negative_slope, 1.0), (0.0, 0.0))


def _prelu(x: Tensor, weight: Tensor) -> Kinked:
    slope = weight.detach()
    if slope.numel() > 1:
        slope = slope.reshape(1, -1, *[1] * (x.ndim - 2))
    return Kinked((0.0,), (slope, 1.0), (0.0, 0.0))


def _abs(x: Tensor) -> Kinked:
    return Kinked((0.0,), (-1.0, 1.0), (0.0, 0.0))


def _clamp(x: Tensor, min: float | None = None, max: float | None = None) -> Kinked:
    knots, slopes, intercepts = [], [1.0], [0.0]
    if min is not None:
        knots, slopes, intercepts = [float(min)], [0.0, 1.0], [float(min), 0.0]
    if max is not None:
        knots, slopes, intercepts = (
            [*knots, float(max)],
            [*slopes, 0.0],
            [*intercepts, float(max)],
        )
    return Kinked(tuple(knots), tuple(slopes), tuple(intercepts))


def _hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    return _clamp(x, min_val, max_val)


def _relu6(x: Tensor, inplace: bool = False) -> Kinked:
    return _clamp(x, 0.0, 6.0)


_KINKED: dict[Any, Callable[..., Kinked]] = {
    **dict.fromkeys((F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), _relu),
    F.leaky_relu: _leaky,
    **dict.fromkeys((F.prelu, torch.prelu, Tensor.prelu), _prelu),
    **dict.fromkeys((torch.abs, Tensor.abs, Tensor.__abs__), _abs),
    **dict.fromkeys((torch.clamp, Tensor.clamp, torch.clip, Tensor.clip), _clamp),
    **dict.fromkeys((torch.clamp_min, Tensor.clamp_min), _clamp),
    F.hardtanh: _hardtanh,
    F.relu6: _relu6,
}
_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d, F.adaptive_max_pool1d, F.adaptive_max_pool2d,
          F.adaptive_max_pool3d, torch.maximum, torch.minimum, torch.amax, Tensor.amax,
          torch.amin, Tensor.amin)  # fmt: skip


class _ReachedError(Exception):
    """Carries the pre-activations out of a forward pass."""

    def __init__(self, u: Tensor, kinked: Kinked) -> None:
        super().__init__()
        self.u, self.kinked = u, kinked


class Follower(TorchFunctionMode):
    """Holds the first ``level`` activations at the pieces of each first point, stops at the next.

    Args:
        level: how many activations to hold.
        regions: how many there are, one after another in the batch.
        points: of each region; the first decides.
    """

    def __init__(self, level: int, regions: int, points: int) -> None:
        super().__init__()
        self.level, self.regions, self.points, self.calls = level, regions, points, 0

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _POOLS:
            raise ValueError(f"model: a maximum ({func.__name__}) is not followed, use ReLU alone")
        make = _KINKED.get(func)
        u = args[0] if args else kwargs.get("input")
        if make is None or not self.is_data(u):
            return func(*args, **kwargs)
        kinked = make(u, *args[1:], **{k: v for k, v in kwargs.items() if k != "input"})
        if self.calls == self.level:
            raise _ReachedError(u, kinked)
        self.calls += 1
        by_region = u.reshape(self.regions, self.points, -1)
        first = by_region[:, :1].expand_as(by_region).reshape(u.shape)
        return kinked.held(u, first)

    def is_data(self, u: Any) -> TypeGuard[Tensor]:
        """Whether these are numbers of all samples (or of their nodes), not of the weights."""
        if not isinstance(u, Tensor) or not u.is_floating_point() or u.ndim == 0:
            return False
        return len(u) > 0 and len(u) % (self.regions * self.points) == 0


def follow(function: Function, x: Tensor, level: int) -> tuple[Tensor, Kinked | None]:
    """Pre-activations of the layer after ``level`` held activations, or the output.

    Args:
        function: the network, samples along the first axis.
        x: shape (regions, points, *input); the first point of each region decides.
        level: how many activations are held.

    Returns:
        shape (regions, points, n), and the activation that comes next; None at the output.
    """
    regions, points = x.shape[:2]
    try:
        with torch.no_grad(), Follower(level, regions, points):
            y = function(x.flatten(0, 1))
        kinked = None
    except _ReachedError as found:
        y, kinked = found.u, found.kinked
    if not isinstance(y, Tensor) or len(y) != regions * points:
        got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"model: expected samples along the first axis, got {got}")
    return y.reshape(regions, points, -1), kinked
