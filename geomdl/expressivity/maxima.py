"""Maxima over windows, which are piecewise linear too: each output is one of the inputs.

Pooling, reductions and comparisons are one thing here, windows: positions among the numbers of a
sample, of which the largest is taken. Minima are maxima of what is negated.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Places = list[list[int]]  # along one axis: the positions that each output sees


@dataclass(frozen=True)
class Largest:
    """The largest entry of each window.

    Args:
        windows: positions among the numbers of a sample, shape (outputs, entries), -1 for none.
    """

    windows: Tensor

    def held(self, u: Tensor, at: Tensor) -> Tensor:
        """The entries that are largest for ``at``, taken from ``u``; both (samples, numbers)."""
        padded = F.pad(at, (0, 1), value=-math.inf)  # position -1
        best = padded[:, self.windows].argmax(-1, keepdim=True)
        chosen = self.windows.expand(len(u), *self.windows.shape).gather(-1, best).squeeze(-1)
        return u.gather(1, chosen)


class Reduction(NamedTuple):
    """A call that takes maxima.

    Args:
        u: numbers whose maxima are taken, samples along the first axis.
        axes: windows along the other axes.
        sign: -1 where they are minima, and u was negated.
    """

    u: Tensor
    axes: list[Places]
    sign: float = 1.0

    def windows(self, rows: int) -> Tensor:
        """Positions for samples of so many rows of ``u`` each."""
        windows = torch.zeros(1, 1, dtype=torch.int64)
        for places, n in zip([_alone(rows), *self.axes], [rows, *self.u.shape[1:]], strict=True):
            most = max(len(p) for p in places)
            line = torch.tensor([p + [-1] * (most - len(p)) for p in places])
            whole = windows[:, None, :, None] * n + line[None, :, None, :]
            there = (windows[:, None, :, None] >= 0) & (line[None, :, None, :] >= 0)
            windows = torch.where(there, whole, -1).flatten(2).flatten(0, 1)
        return windows


def _alone(n: int) -> Places:
    return [[i] for i in range(n)]


def _numbers(value: Any, d: int) -> list[int]:
    return [int(value)] * d if isinstance(value, int) else [int(v) for v in value]


def _pool(d: int) -> Callable[..., Reduction]:
    """`F.max_pool1d` and so on."""

    def pool(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, **rest: Any,
    ) -> Reduction:  # fmt: skip
        kernel, gap = _numbers(kernel_size, d), _numbers(dilation, d)
        step, pad = _numbers(stride or kernel_size, d), _numbers(padding, d)
        axes = [_alone(n) for n in input.shape[1:-d]]
        for n, k, s, p, g in zip(input.shape[-d:], kernel, step, pad, gap, strict=True):
            room = n + 2 * p - g * (k - 1) - 1
            count = (-(-room // s) if ceil_mode else room // s) + 1
            if ceil_mode and (count - 1) * s >= n + p:  # a window within the padding
                count -= 1
            axes.append(
                [[i for j in range(k) if 0 <= (i := o * s - p + j * g) < n] for o in range(count)]
            )
        return Reduction(input, axes)

    return pool


def _adaptive(d: int) -> Callable[..., Reduction]:
    """`F.adaptive_max_pool1d` and so on."""

    def pool(input: Tensor, output_size: Any, **rest: Any) -> Reduction:
        sizes = [output_size] * d if isinstance(output_size, int) else list(output_size)
        axes = [_alone(n) for n in input.shape[1:-d]]
        for n, m in zip(input.shape[-d:], sizes, strict=True):
            m = n if m is None else m
            axes.append([list(range(o * n // m, -(-(o + 1) * n // m))) for o in range(m)])
        return Reduction(input, axes)

    return pool


def _with_indices(*args: Any, **kwargs: Any) -> Reduction:
    raise ValueError("model: a maximum with its positions (return_indices) is not followed")


def _over(sign: float) -> Callable[..., Reduction]:
    """`torch.amax` or `torch.amin`."""

    def reduce(input: Tensor, dim: Any = (), keepdim: bool = False) -> Reduction:
        dims = [dim] if isinstance(dim, int) else list(dim)
        chosen = {d % input.ndim for d in dims}
        if not chosen or 0 in chosen:
            raise ValueError("model: a maximum over the axis of samples mixes them")
        axes = [[list(range(n))] if i in chosen else _alone(n) for i, n in enumerate(input.shape)]
        return Reduction(sign * input, axes[1:], sign)

    return reduce


def _of_two(sign: float) -> Callable[..., Reduction]:
    """`torch.maximum` or `torch.minimum`."""

    def compare(input: Tensor, other: Tensor) -> Reduction:
        both = torch.stack(torch.broadcast_tensors(input, other), -1)
        return Reduction(sign * both, [*map(_alone, both.shape[1:-1]), [[0, 1]]], sign)

    return compare


def _with_places(sign: float) -> Callable[..., Reduction]:
    """`torch.max` or `torch.min`, along an axis or of two tensors."""

    def reduce(input: Tensor, dim: Any = None, keepdim: bool = False, **rest: Any) -> Reduction:
        other = rest.get("other", dim)
        if isinstance(other, Tensor):
            return _of_two(sign)(input, other)
        return _over(sign)(input, () if dim is None else dim)

    return reduce


REDUCTIONS: dict[Any, Callable[..., Reduction]] = {
    **{f: _pool(d) for d, f in enumerate((F.max_pool1d, F.max_pool2d, F.max_pool3d), 1)},
    **{f: _adaptive(d) for d, f in enumerate(
        (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d), 1)},
    **dict.fromkeys((F.max_pool1d_with_indices, F.max_pool2d_with_indices,
                     F.max_pool3d_with_indices, F.adaptive_max_pool1d_with_indices,
                     F.adaptive_max_pool2d_with_indices, F.adaptive_max_pool3d_with_indices),
                    _with_indices),
    **dict.fromkeys((torch.amax, Tensor.amax), _over(1.0)),
    **dict.fromkeys((torch.amin, Tensor.amin), _over(-1.0)),
    **dict.fromkeys((torch.max, Tensor.max), _with_places(1.0)),
    **dict.fromkeys((torch.min, Tensor.min), _with_places(-1.0)),
    **dict.fromkeys((torch.maximum, Tensor.maximum), _of_two(1.0)),
    **dict.fromkeys((torch.minimum, Tensor.minimum), _of_two(-1.0)),
}  # fmt: skip
