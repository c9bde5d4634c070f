"""Real spherical harmonics of every degree up to lmax, and their gradients, vectors in blocks."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.directions import across, dot, unit
from geomdl.kernels.folding import array
from geomdl.kernels.ladder import lift, lower, pair
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, wide
from geomdl.kernels.solid import coefficients
from geomdl.kernels.threads import share_rows

_BLOCK = 64  # vectors side by side; what they need of degree 6 fits the first cache
MOST = 12  # degree up to which the recursion is tested


def spherical_harmonics(x: Tensor, lmax: int, normalize: bool) -> Tensor:
    """Real spherical harmonics, component normalised, of each row of x.

    Y_l(x/|x|), |Y_l|² = 2l + 1, if normalize; else the solid harmonics |x|^l Y_l(x/|x|), which are
    polynomials. Columns l² + l + m, m = -l … l, hold cos mφ for m > 0 and sin |m|φ for m < 0, with
    y the polar axis and z + i x = |z + i x| e^(iφ): Y_1 = √3 (x, y, z). That is e3nn's basis.

    Where every component is below the smallest normal number there is no direction: of Y(x/|x|)
    only Y_0 = 1 is left, and derivatives of every order are 0. Exact up to rounding,
    |error| ≤ 8 (l + 1) eps √(2l + 1) |x|^l (|x| = 1 if normalize); on the CPU all is computed in
    float64 and rounded once. Derivatives of every order; forward mode and `torch.func` run the
    plain-torch reference.

    Args:
        x: vectors, shape (n, 3).
        lmax: greatest degree, 0 to 12.
        normalize: whether lengths are left aside.

    Returns:
        shape (n, (lmax + 1)²), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: a shape that is not (n, 3), or an impossible degree.

    Example:
        >>> spherical_harmonics(torch.tensor([[0.0, 2.0, 0.0]]), 2, True)[0, 2:7]
        tensor([1.7321, 0.0000, 0.0000, 0.0000, 2.2361])
    """
    return HARMONICS(x, lmax, normalize)


def _solid(x: Tensor, squares: Tensor, lmax: int) -> Tensor:
    """Solid harmonics of vectors (…, 3) with their |x|² (…,)."""
    (a, b), (px, py, pz) = coefficients(lmax)[:2].tolist(), x.unbind(-1)
    columns = [torch.zeros_like(px)] * (lmax + 1) ** 2
    columns[0] = 1 + 0 * px + 0 * py + 0 * pz
    for l in range(1, lmax + 1):
        n, j, i = l * l + l, l * l - l, l * l - 3 * l + 2  # of order 0 in this degree, below
        c, s = columns[j + l - 1], columns[j - l + 1] if l > 1 else torch.zeros_like(px)
        columns[n + l] = a[l][l] * (pz * c - px * s)
        columns[n - l] = a[l][l] * (px * c + pz * s)
        for m in range(1 - l, l):
            columns[n + m] = a[l][abs(m)] * py * columns[j + m]
            if abs(m) < l - 1:
                columns[n + m] = columns[n + m] - b[l][abs(m)] * squares * columns[i + m]
    return torch.stack(columns, -1)


def _reference(x: Tensor, lmax: int, normalize: bool) -> Tensor:
    values = x.to(wide(x.dtype))
    if not normalize:
        return _solid(values, values.square().sum(-1), lmax).to(x.dtype)
    u, inverse = unit(values)
    return _solid(u, (inverse.detach() != 0).to(u.dtype).squeeze(-1), lmax).to(x.dtype)


def _gradient_reference(x: Tensor, g: Tensor, lmax: int, normalize: bool) -> Tensor:
    values, weights = x.to(wide(x.dtype)), g.to(wide(g.dtype))
    if not normalize:
        return pair(_reference(values, lmax, False), weights, lmax).to(x.dtype)
    u, inverse = unit(values)
    return (inverse * across(u, pair(_reference(u, lmax, False), weights, lmax))).to(x.dtype)


@Compiled
def fill(start, stop, x, g, y, table, normalize, tiny):  # type: ignore[no-untyped-def]
    """Blocks start ≤ b < stop of vectors x (n, 3).

    y (n, (lmax + 1)²) is harmonics where g has no rows, else y (n, 3) gradients for weights g.
    """
    top, values = table.shape[1], len(g) == 0  # all in float64: recursions lose digits near poles
    size = top * top
    # loops run over whole blocks, so that every vector meets the same instructions
    w = np.zeros((9, _BLOCK))
    px, py, pz, squares, inverse = w[0], w[1], w[2], w[3], w[4]
    dx, dy, dz, none = w[5], w[6], w[7], w[8]
    held = np.empty((size, _BLOCK))
    weights = np.zeros((0 if values else size, _BLOCK))
    one, zero = table[0, 0, 0], table[1, 0, 0]
    for block in range(start, stop):
        first = block * _BLOCK
        count = min(_BLOCK, len(x) - first)
        for t in range(count):
            px[t], py[t], pz[t] = x[first + t, 0], x[first + t, 1], x[first + t, 2]
        if normalize:
            for t in range(_BLOCK):
                most = np.maximum(np.maximum(np.abs(px[t]), np.abs(py[t])), np.abs(pz[t]))
                small = most < tiny[0]
                scale = one / (one if small else most)
                vx, vy, vz = px[t] * scale, py[t] * scale, pz[t] * scale
                norm = np.sqrt(vx * vx + vy * vy + vz * vz)
                shrink = zero if small else one / norm
                px[t], py[t], pz[t] = vx * shrink, vy * shrink, vz * shrink
                squares[t] = zero if small else one
                inverse[t] = shrink * scale
        else:
            for t in range(_BLOCK):
                squares[t] = px[t] * px[t] + py[t] * py[t] + pz[t] * pz[t]
        for t in range(_BLOCK):
            held[0, t] = one + zero * px[t] + zero * py[t] + zero * pz[t]  # NaN of a NaN
        for l in range(1, top if values else top - 1):
            n, j, i = l * l + l, l * l - l, l * l - 3 * l + 2  # of order 0 in this degree, below
            a = table[0, l, l]
            into, c, s = held[n + l], held[j + l - 1], none if l == 1 else held[j - l + 1]
            for t in range(_BLOCK):
                into[t] = a * (pz[t] * c[t] - px[t] * s[t])
            into = held[n - l]
            for t in range(_BLOCK):
                into[t] = a * (px[t] * c[t] + pz[t] * s[t])
            for m in range(1 - l, l):
                into, now = held[n + m], held[j + m]
                old = none if abs(m) == l - 1 else held[i + m]
                a, b = table[0, l, abs(m)], table[1, l, abs(m)]
                for t in range(_BLOCK):
                    into[t] = a * py[t] * now[t] - b * squares[t] * old[t]
        if values:
            for t in range(count):
                row = y[first + t]
                for k in range(size):
                    row[k] = held[k, t]
            continue
        for t in range(count):
            row = g[first + t]
            for k in range(size):
                weights[k, t] = row[k]
        for t in range(_BLOCK):
            dx[t], dy[t], dz[t] = zero, zero, zero
        for l in range(1, top):
            n, j = l * l + l, l * l - l
            for m in range(l):
                c, s = held[j + m], none if m == 0 else held[j - m]
                e, p, q = table[2, l, m], table[3, l, max(m - 1, 0)], table[4, l, m + 1]
                same, mirror = weights[n + m], weights[n - m]
                for t in range(_BLOCK):
                    dy[t] += e * (c[t] * same[t] + s[t] * mirror[t])
                above, over = weights[n + m + 1], weights[n - m - 1]
                below = none if m < 1 else weights[n + m - 1]
                under = none if m < 2 else weights[n - m + 1]
                for t in range(_BLOCK):
                    dz[t] += c[t] * (q * above[t] - p * below[t])
                    dz[t] += s[t] * (q * over[t] - p * under[t])
                for t in range(_BLOCK):
                    dx[t] += c[t] * (q * over[t] + p * under[t])
                    dx[t] -= s[t] * (q * above[t] + p * below[t])
        if normalize:
            for t in range(_BLOCK):
                along = px[t] * dx[t] + py[t] * dy[t] + pz[t] * dz[t]
                dx[t] = inverse[t] * (dx[t] - px[t] * along)
                dy[t] = inverse[t] * (dy[t] - py[t] * along)
                dz[t] = inverse[t] * (dz[t] - pz[t] * along)
        for t in range(count):
            y[first + t, 0], y[first + t, 1], y[first + t, 2] = dx[t], dy[t], dz[t]


def _run(x: Tensor, g: Tensor, y: Tensor, lmax: int, normalize: bool) -> None:
    tiny = np.array([torch.finfo(y.dtype).tiny])
    rows, work = range(-(-len(x) // _BLOCK) + 1), len(x) * (lmax + 1) ** 2
    arrays = array(x, y.dtype), array(g, y.dtype), y.numpy()
    share_rows(fill, rows, work, *arrays, coefficients(lmax), normalize, tiny)


def _cpu(x: Tensor, lmax: int, normalize: bool) -> Tensor:
    y = x.new_empty(x.shape[0], (lmax + 1) ** 2, dtype=wide(x.dtype))
    if len(x):
        _run(x, y[:0], y, lmax, normalize)
    return y.to(x.dtype)


def _gradient_cpu(x: Tensor, g: Tensor, lmax: int, normalize: bool) -> Tensor:
    y = x.new_empty(x.shape, dtype=wide(x.dtype))
    if len(x):
        _run(x, g, y, lmax, normalize)
    return y.to(x.dtype)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:-2])
    ctx.options = inputs[-2:]


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    (x,) = ctx.saved_tensors
    return GRADIENT(x, g, *ctx.options), None, None


def _gradient_backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
    """The ladder once more: gradients of derivatives are gradients at the lifted weights."""
    (x, g), (lmax, normalize) = ctx.saved_tensors, ctx.options
    dtype = wide(x.dtype)
    at, weights, h = x.to(dtype), g.to(dtype), d.to(dtype)
    if normalize:
        at, inverse = unit(at)
        h = inverse * across(at, h)
    gg = lower(HARMONICS(at, lmax, False), h, lmax)
    gx = GRADIENT(at, lift(weights, h, lmax), lmax, False)
    if normalize:
        v, e = GRADIENT(at, weights, lmax, False), d.to(dtype)
        bent = e * dot(at, v) + v * dot(at, e) + at * (dot(v, e) - 3 * dot(at, v) * dot(at, e))
        gx = inverse * (across(at, gx) - inverse * bent)
    return gx.to(x.dtype), gg.to(g.dtype), None, None


def _check(x: Tensor, lmax: int, normalize: bool) -> None:
    check_features("x", x)
    if x.ndim != 2 or x.shape[1] != 3:
        raise ValueError(f"x: expected shape (n, 3), got {tuple(x.shape)}")
    if not 0 <= lmax <= MOST:
        raise ValueError(f"lmax: expected 0 to {MOST}, got {lmax}")


def _check_gradient(x: Tensor, g: Tensor, lmax: int, normalize: bool) -> None:
    _check(x, lmax, normalize)
    if g.dtype != x.dtype:
        raise TypeError(f"g: expected {x.dtype} like x, got {g.dtype}")
    if g.shape != (len(x), (lmax + 1) ** 2):
        raise ValueError(f"g: expected shape {(len(x), (lmax + 1) ** 2)}, got {tuple(g.shape)}")
    if g.device != x.device:
        raise ValueError(f"g: expected a tensor on {x.device}, got one on {g.device}")


CASES = {  # vectors, lmax, normalize
    "usual": (4, 3, True),
    "solid": (4, 4, False),
    "numbers": (3, 0, True),
    "degree 1": (3, 1, True),
    "degree 12": (1, 12, True),
    "no vectors": (0, 2, True),
}


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    count, lmax, normalize = CASES[case]
    rng = torch.Generator().manual_seed(count + lmax)
    x = torch.randn(count, 3, generator=rng, dtype=torch.float64)
    return x.to(dtype), lmax, normalize


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    x, lmax, normalize = _example(dtype, index_dtype, case)
    rng = torch.Generator().manual_seed(1)
    g = torch.randn(len(x), (lmax + 1) ** 2, generator=rng, dtype=torch.float64)
    return x, g.to(dtype), lmax, normalize


def _sizes(x: Tensor, lmax: int, normalize: bool) -> tuple[Tensor, Tensor]:
    """Degrees of the columns, and √(2l + 1) |x|^l."""
    l = torch.arange((lmax + 1) ** 2, dtype=x.dtype).sqrt().floor()
    r = torch.ones_like(x[:, :1]) if normalize else x.norm(dim=1, keepdim=True)
    return l, (2 * l + 1).sqrt() * r**l


def _bound(args: Args, eps: float) -> Tensor:
    l, size = _sizes(*args)
    bound: Tensor = 8 * (l + 1) * eps * size
    return bound


def _gradient_bound(args: Args, eps: float) -> Tensor:
    x, g, lmax, normalize = args
    l, size = _sizes(x, lmax, normalize)
    length = (g.abs() * l * size).sum(1, keepdim=True) / x.norm(dim=1, keepdim=True)
    bound: Tensor = 8 * (lmax + 1) * eps * length.expand(x.shape)
    return bound


HARMONICS = register(
    Kernel(
        "spherical_harmonics",
        reference=_reference,
        cpu=_cpu,
        fake=lambda x, lmax, normalize: x.new_empty(x.shape[0], (lmax + 1) ** 2),
        setup=_setup,
        backward=_backward,
        check=_check,
        example=_example,
        bound=_bound,
        cases=tuple(CASES),
    )
)
GRADIENT = register(
    Kernel(
        "spherical_harmonics_gradient",
        reference=_gradient_reference,
        cpu=_gradient_cpu,
        fake=lambda x, g, lmax, normalize: x.new_empty(x.shape),
        setup=_setup,
        backward=_gradient_backward,
        check=_check_gradient,
        example=_gradient_example,
        bound=_gradient_bound,
        cases=tuple(CASES),
    )
)
