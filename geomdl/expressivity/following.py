"""Networks of piecewise linear activations, followed exactly through every layer.

On a region where no pre-activation passes a kink, each activation is one affine map, so the network
is too. `Follower` holds activations at the map that belongs to a point of the region, up to a given
depth: all of a network, whatever its modules do, is then known from k + 1 points of k dimensions.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from geomdl.expressivity.maxima import REDUCTIONS, Largest

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


Piecewise = Kinked | Largest


def _relu(x: Tensor, inplace: bool = False) -> Kinked:
    return Kinked((0.0,), (0.0, 1.0), (0.0, 0.0))


def _leaky(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Kinked:
    return Kinked((0.0,), (negative_slope, 1.0), (0.0, 0.0))


def _rrelu(x: Tensor, lower: float, upper: float, *rest: Any, **flags: Any) -> Kinked:
    return _leaky(x, (lower + upper) / 2)


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


def _clamp_max(x: Tensor, max: float) -> Kinked:
    return _clamp(x, None, max)


def _hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    return _clamp(x, min_val, max_val)


def _relu6(x: Tensor, inplace: bool = False) -> Kinked:
    return _clamp(x, 0.0, 6.0)


def _hardsigmoid(x: Tensor, inplace: bool = False) -> Kinked:
    return Kinked((-3.0, 3.0), (0.0, 1 / 6, 0.0), (0.0, 0.5, 1.0))


def _softshrink(x: Tensor, lambd: float = 0.5) -> Kinked:
    return Kinked((-lambd, lambd), (1.0, 0.0, 1.0), (lambd, 0.0, -lambd))


_KINKED: dict[Any, Callable[..., Kinked]] = {
    **dict.fromkeys((F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), _relu),
    **dict.fromkeys((F.leaky_relu, F.leaky_relu_), _leaky),
    F.rrelu: _rrelu,  # random slopes in training mode are refused before
    **dict.fromkeys((F.prelu, torch.prelu, Tensor.prelu), _prelu),
    **dict.fromkeys(
        (torch.abs, torch.abs_, Tensor.abs, Tensor.abs_, Tensor.__abs__, torch.absolute), _abs
    ),
    **dict.fromkeys((torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_), _clamp),
    **dict.fromkeys((torch.clip, torch.clip_, Tensor.clip, Tensor.clip_), _clamp),
    **dict.fromkeys((torch.clamp_min, Tensor.clamp_min, Tensor.clamp_min_), _clamp),
    **dict.fromkeys((torch.clamp_max, Tensor.clamp_max, Tensor.clamp_max_), _clamp_max),
    **dict.fromkeys((F.hardtanh, F.hardtanh_), _hardtanh),
    F.relu6: _relu6,
    F.hardsigmoid: _hardsigmoid,
    F.softshrink: _softshrink,
}


class _ReachedError(Exception):
    """Carries the pre-activations out of a forward pass."""

    def __init__(self, u: Tensor, kinked: Piecewise) -> None:
        super().__init__()
        self.u, self.kinked = u, kinked


class Follower(TorchFunctionMode):
    """Holds the first ``level`` activations at the pieces of each first point, stops at the next.

    Args:
        level: how many activations to hold.
        regions: how many there are, one after another in the batch.
        points: of each region; the first decides.
        constants: tensors that no sample changes; parameters are known.
    """

    def __init__(
        self, level: int, regions: int, points: int, constants: Iterable[Tensor] = ()
    ) -> None:
        super().__init__()
        self.level, self.regions, self.points, self.calls = level, regions, points, 0
        self.constants = {id(t): t for t in constants}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        if all(map(self.is_constant, given)):
            out = func(*args, **kwargs)
            self.constants |= {id(t): t for t in tree_leaves(out) if isinstance(t, Tensor)}
            return out
        name = getattr(func, "__name__", "")
        if name.endswith("_") or kwargs.get("out") is not None:  # written into: constants no more
            for t in given:
                self.constants.pop(id(t), None)
                self.constants.pop(id(t._base), None)  # and what they are views of
        if func in REDUCTIONS and any(map(self.is_data, given)):
            return self.maximum(func, args, kwargs)
        make = _KINKED.get(func)
        u = args[0] if args else kwargs.get("input")
        if make is None or not self.is_data(u):
            return func(*args, **kwargs)
        kinked = make(u, *args[1:], **{k: v for k, v in kwargs.items() if k != "input"})
        self.arrive(u, kinked)
        y = kinked.held(u, self.decisive(u))
        in_place = any(flag is True for flag in (*args, *kwargs.values()))
        return u.copy_(y) if in_place or name.rstrip("_") + "_" == name else y

    def maximum(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """The entries that are largest at the first points; of `torch.max` their places too."""
        found = REDUCTIONS[func](*args, **kwargs)
        y = func(*args, **kwargs)
        samples = self.regions * self.points
        largest = Largest(found.windows(len(found.u) // samples))
        self.arrive(found.u, largest)
        u = found.u.reshape(samples, -1)
        held = found.sign * largest.held(u, self.decisive(u))
        if isinstance(y, Tensor):
            return held.reshape(y.shape)
        return type(y)((held.reshape(y.values.shape), self.decisive(y.indices)))

    def arrive(self, u: Tensor, kinked: Piecewise) -> None:
        """Count an activation; stop at the one that comes after those that are held."""
        if self.calls == self.level:
            raise _ReachedError(u, kinked)
        self.calls += 1

    def decisive(self, u: Tensor) -> Tensor:
        """Values at the first point of each region, for all of its points."""
        by_region = u.reshape(self.regions, self.points, -1)
        return by_region[:, :1].expand_as(by_region).reshape(u.shape)

    def is_data(self, u: Any) -> TypeGuard[Tensor]:
        """Whether these are numbers of all samples (or of their nodes), not of the weights."""
        if not isinstance(u, Tensor) or not u.is_floating_point() or u.ndim == 0:
            return False
        if self.is_constant(u):
            return False
        return len(u) > 0 and len(u) % (self.regions * self.points) == 0

    def is_constant(self, u: Tensor) -> bool:
        """Whether this is a weight, or made of nothing else."""
        return isinstance(u, nn.Parameter) or id(u) in self.constants


def follow(function: Function, x: Tensor, level: int) -> tuple[Tensor, Piecewise | None]:
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
        held = function.buffers() if isinstance(function, nn.Module) else ()
        with torch.no_grad(), Follower(level, regions, points, held):
            y = function(x.flatten(0, 1))
        kinked = None
    except _ReachedError as found:
        y, kinked = found.u, found.kinked
    if not isinstance(y, Tensor) or y.shape[:1] != (regions * points,):
        got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"model: expected samples along the first axis, got {got}")
    return y.reshape(regions, points, -1), kinked
