"""The norm of a convolution as a linear map, which is not that of its kernel as a matrix."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from geomdl.generalization.bounds.checks import check_count, check_finite
from geomdl.training.linear_maps import OperatorNorm, operator_norm

Sizes = int | Sequence[int]
_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def conv_operator_norm(
    weight: Tensor,
    sizes: Sequence[int],
    *,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    padding_mode: Literal["zeros", "circular"] = "zeros",
    rng: torch.Generator | None = None,
    tol: float = 1e-9,
) -> OperatorNorm:
    r"""Largest singular value of x ↦ w ∗ x on arrays of these sizes.

    Circular, as many pixels out as a stride s divides: the map is block diagonal in the frequency,

        ŷ(ω) = s^{-d/2} Σ_j ŵ(ω + j n/s) x̂(ω + j n/s),

    one block of c_out × c_in s^d for each frequency of the output, and the largest norm of a block
    is *exact*. Else by Lanczos (`operator_norm`) with the error told. The reshaped kernel, a matrix
    of c_out × (c_in k^d), has a norm that is smaller by up to k^{d/2}, never larger where a window
    fits whole.

    Args:
        weight: shape (c_out, c_in / groups, *k).
        sizes: of the input along each axis.
        stride: s.
        padding: pixels added at both ends.
        dilation: pixels from one tap to the next.
        groups: parts into which the channels are cut.
        padding_mode: what is added.
        rng: source of Lanczos' first vector; a seed of 0 if None.
        tol: relative error at which Lanczos stops.

    Returns:
        value, error and steps.

    Raises:
        ValueError: a shape that does not fit.

    Example:
        >>> mean = torch.ones(1, 1, 3, 3, dtype=torch.float64) / 9
        >>> conv_operator_norm(mean, (8, 8), padding=1, padding_mode="circular").value
        1.0
        >>> float(mean.reshape(1, 9).norm())  # of the reshaped kernel
        0.333...

    Source: Sedghi, Gupta and Long 2019 (stride 1); with strides, aliasing of frequencies.
    """
    check_finite("weight", weight)
    d = weight.dim() - 2
    if d not in _CONV:
        raise ValueError(f"weight: expected 3 to 5 axes, got shape {tuple(weight.shape)}")
    if len(sizes) != d:
        raise ValueError(f"sizes: expected {d}, got {tuple(sizes)}")
    if padding_mode not in ("zeros", "circular"):
        raise ValueError(f"padding_mode: expected 'zeros' or 'circular', got {padding_mode!r}")
    steps, holes = _each("stride", stride, d, 1), _each("dilation", dilation, d, 1)
    pads = _each("padding", padding, d, 0)
    if check_count(groups, "groups") and len(weight) % groups:
        raise ValueError(f"groups: expected to divide {len(weight)} outputs, got {groups}")
    weight = weight.detach().double()
    spans = [h * (k - 1) for h, k in zip(holes, weight.shape[2:], strict=True)]
    out = [(n + 2 * p - r) for n, p, r in zip(sizes, pads, spans, strict=True)]
    if min(out) < 1:
        raise ValueError(
            f"sizes: expected room for windows of {[r + 1 for r in spans]}, got {tuple(sizes)}"
            f" with padding {pads}"
        )
    if padding_mode == "circular" and any(p > n for p, n in zip(pads, sizes, strict=True)):
        raise ValueError(f"padding: expected at most once around {tuple(sizes)}, got {pads}")
    whole = all(o == n and n % s == 0 for o, n, s in zip(out, sizes, steps, strict=True))
    if padding_mode == "circular" and whole:
        return OperatorNorm(_by_frequency(weight, sizes, steps, holes, groups), 0.0, 0)

    def apply(x: Tensor) -> Tensor:
        if padding_mode == "circular":
            x = F.pad(x, [p for p in reversed(pads) for _ in range(2)], mode="circular")
        rest = [0] * d if padding_mode == "circular" else pads
        return _CONV[d](x, weight, None, steps, rest, holes, groups)

    shape = (1, weight.shape[1] * groups, *sizes)
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    return operator_norm(apply, shape, rng=rng, tol=tol)


def _by_frequency(
    weight: Tensor, sizes: Sequence[int], steps: list[int], holes: list[int], groups: int
) -> float:
    """Largest norm of a block; where the window begins is a phase and changes no norm."""
    d = len(sizes)
    kernel = weight
    for axis, (n, hole) in enumerate(zip(sizes, holes, strict=True), start=2):
        at = torch.arange(kernel.shape[axis]) * hole % n  # taps that go around are added
        wide = kernel.new_zeros(*kernel.shape[:axis], n, *kernel.shape[axis + 1 :])
        kernel = wide.index_add(axis, at, kernel)
    symbol = torch.fft.fftn(kernel, dim=tuple(range(2, 2 + d)))
    pieces = [m for n, s in zip(sizes, steps, strict=True) for m in (s, n // s)]
    split = symbol.reshape(groups, -1, weight.shape[1], *pieces)
    aliases = [3 + 2 * i for i in range(d)]
    kept = [4 + 2 * i for i in range(d)]
    blocks = split.permute(0, *kept, 1, 2, *aliases).flatten(-d - 1)
    norms = torch.linalg.matrix_norm(blocks, ord=2)
    return float(norms.max()) / math.sqrt(math.prod(steps))


def _each(name: str, value: Sizes, d: int, least: int) -> list[int]:
    found = [value] * d if isinstance(value, int) else list(value)
    if len(found) != d:
        raise ValueError(f"{name}: expected a number or {d}, got {value!r}")
    return [check_count(v, name, least) for v in found]
