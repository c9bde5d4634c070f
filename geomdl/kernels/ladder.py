"""The ladder of solid harmonics: derivatives are harmonics of the degree below, bilinearly."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.folding import array
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, wide
from geomdl.kernels.solid import coefficients, derivatives
from geomdl.kernels.threads import share_rows

_BLOCK = 64  # rows side by side


def lower(r: Tensor, h: Tensor, lmax: int) -> Tensor:
    """Derivatives in a direction: Σ_a h_a ∂_a R_k, where r holds R. Bilinear.

    Exact up to rounding, |error| ≤ 16 (lmax + 1) eps max |r| Σ_a |h_a|, in float32 for half
    precision; derivatives of every order.

    Args:
        r: solid harmonics, shape (n, (lmax + 1)²).
        h: directions, shape (n, 3).
        lmax: greatest degree.

    Returns:
        shape (n, (lmax + 1)²), contiguous, dtype of r.

    Example:
        >>> lower(torch.ones(1, 4), torch.tensor([[0.0, 1.0, 0.0]]), 1)  # Y_1 = √3 (x, y, z)
        tensor([[0.0000, 0.0000, 1.7321, 0.0000]])
    """
    return LADDER(r, h, lmax, False)


def lift(g: Tensor, h: Tensor, lmax: int) -> Tensor:
    """Transpose of `lower` at h: ⟨g, lower(r, h)⟩ = ⟨lift(g, h), r⟩. Bilinear."""
    return LADDER(g, h, lmax, True)


def pair(r: Tensor, g: Tensor, lmax: int) -> Tensor:
    """Gradients: Σ_k g_k ∂_a R_k, where r holds R. Bilinear.

    Returns:
        shape (n, 3).
    """
    total = torch.zeros_like(r[:, :1]).expand(-1, 3)
    for l in range(1, lmax + 1):
        below, above = r[:, (l - 1) ** 2 : l * l], g[:, l * l : (l + 1) ** 2]
        rows = (below @ _matrix(l, r).flatten(1)).unflatten(1, (3, 2 * l + 1))
        total = total + (rows * above.unsqueeze(1)).sum(-1)
    return total


def _matrix(l: int, like: Tensor) -> Tensor:
    return torch.tensor(derivatives(l), dtype=like.dtype, device=like.device)


def _reference(r: Tensor, h: Tensor, lmax: int, up: bool) -> Tensor:
    values, along = r.to(wide(r.dtype)), h.to(wide(h.dtype))
    parts = [] if up else [torch.zeros_like(values[:, :1])]
    for l in range(1, lmax + 1):
        d = _matrix(l, values)
        if up:
            above = values[:, l * l : (l + 1) ** 2]
            rows = (above @ d.flatten(0, 1).T).unflatten(1, (2 * l - 1, 3))
            parts.append((rows * along.unsqueeze(1)).sum(-1))
        else:
            below = values[:, (l - 1) ** 2 : l * l]
            rows = (below @ d.flatten(1)).unflatten(1, (3, 2 * l + 1))
            parts.append((rows * along.unsqueeze(-1)).sum(1))
    if up:
        parts.append(torch.zeros_like(values[:, lmax * lmax :]))
    return torch.cat(parts, 1).to(r.dtype)


@Compiled
def climb(start, stop, r, h, y, table, up):  # type: ignore[no-untyped-def]
    """Blocks start ≤ b < stop of r and y (n, (lmax + 1)²), h (n, 3)."""
    top = table.shape[1]
    size = top * top
    w = np.zeros((4, _BLOCK), dtype=y.dtype)
    hx, hy, hz, none = w[0], w[1], w[2], w[3]
    given = np.zeros((size, _BLOCK), dtype=y.dtype)
    made = np.zeros((size, _BLOCK), dtype=y.dtype)
    for block in range(start, stop):
        first = block * _BLOCK
        count = min(_BLOCK, len(r) - first)
        for t in range(count):
            hx[t], hy[t], hz[t] = h[first + t, 0], h[first + t, 1], h[first + t, 2]
            row = r[first + t]
            for k in range(size):
                given[k, t] = row[k]
        for l in range(1, top):
            low, high, edge = l * l - l, l * l + l, l if up else l - 1  # order 0; greatest order
            n, j = (low, high) if up else (high, low)
            for m in range(l if up else l + 1):
                # what order m is made of: e times itself, u times m + 1, -v times m - 1
                e, u, v = table[2, l, m], -table[3, l, m], -table[4, l, m]
                if up:
                    u, v = table[4, l, m + 1], table[3, l, max(m - 1, 0)]
                same = given[j + m] if m <= edge else none
                mirror = given[j - m] if 0 < m <= edge else none
                above = given[j + m + 1] if m < edge else none
                over = given[j - m - 1] if m < edge else none
                below = given[j + m - 1] if m > 0 else none
                under = given[j - m + 1] if m > 1 else none
                into = made[n + m]
                for t in range(_BLOCK):
                    into[t] = e * hy[t] * same[t] + hz[t] * (u * above[t] - v * below[t])
                for t in range(_BLOCK):
                    into[t] += hx[t] * (u * over[t] + v * under[t])
                if m > 0:
                    into = made[n - m]
                    for t in range(_BLOCK):
                        into[t] = e * hy[t] * mirror[t] + hz[t] * (u * over[t] - v * under[t])
                    for t in range(_BLOCK):
                        into[t] -= hx[t] * (u * above[t] + v * below[t])
        for t in range(count):
            row = y[first + t]
            for k in range(size):
                row[k] = made[k, t]


def _cpu(r: Tensor, h: Tensor, lmax: int, up: bool) -> Tensor:
    dtype = wide(r.dtype)
    y = r.new_empty(r.shape, dtype=dtype)
    if len(r):
        table = coefficients(lmax).astype(y.numpy().dtype)
        blocks = range(-(-len(r) // _BLOCK) + 1)
        arrays = array(r, dtype), array(h, dtype), y.numpy()
        share_rows(climb, blocks, r.numel(), *arrays, table, up)
    return y.to(r.dtype)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])
    ctx.options = inputs[2:]


def _backward(ctx: Any, c: Tensor) -> tuple[Tensor | None, ...]:
    (r, h), (lmax, up) = ctx.saved_tensors, ctx.options
    below, above = (c, r) if up else (r, c)
    return LADDER(c, h, lmax, not up), pair(below, above, lmax).to(h.dtype), None, None


def _check(r: Tensor, h: Tensor, lmax: int, up: bool) -> None:
    check_features("r", r)
    if lmax < 0 or r.ndim != 2 or r.shape[1] != (lmax + 1) ** 2:
        raise ValueError(f"r: expected shape (n, {(lmax + 1) ** 2}), got {tuple(r.shape)}")
    if h.dtype != r.dtype:
        raise TypeError(f"h: expected {r.dtype} like r, got {h.dtype}")
    if h.shape != (len(r), 3):
        raise ValueError(f"h: expected shape {(len(r), 3)}, got {tuple(h.shape)}")
    if h.device != r.device:
        raise ValueError(f"h: expected a tensor on {r.device}, got one on {h.device}")


CASES = {  # rows, lmax, up
    "usual": (4, 3, False),
    "up": (4, 3, True),
    "degree 0": (3, 0, False),
    "degree 1": (3, 1, True),
    "no rows": (0, 2, False),
}


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    count, lmax, up = CASES[case]
    rng = torch.Generator().manual_seed(count + lmax)
    r = torch.randn(count, (lmax + 1) ** 2, generator=rng, dtype=torch.float64)
    h = torch.randn(count, 3, generator=rng, dtype=torch.float64)
    return r.to(dtype), h.to(dtype), lmax, up


def _bound(args: Args, eps: float) -> Tensor:
    r, h, lmax, _ = args
    size = r.abs().amax(1, keepdim=True) * h.abs().sum(1, keepdim=True)
    bound: Tensor = 16 * (lmax + 1) * eps * size.expand(r.shape)
    return bound


LADDER = register(
    Kernel(
        "harmonic_ladder",
        reference=_reference,
        cpu=_cpu,
        fake=lambda r, h, lmax, up: r.new_empty(r.shape),
        setup=_setup,
        backward=_backward,
        check=_check,
        example=_example,
        bound=_bound,
        cases=tuple(CASES),
    )
)
