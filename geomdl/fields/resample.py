"""Read a sampled function between its samples: cubic B-splines and Fourier series.

Both write the function as a sum of products of one-dimensional basis functions,

    f(p) = Σ_k c_k Π_a w_{k_a}(p_a),      c = (T_1 ⊗ … ⊗ T_d) x,

with one small matrix T_a for each axis, the inverse of the basis sampled at the integers; so f
agrees with the samples x there. They differ in the basis alone: four cubic B-splines reach a point,
all the sines and cosines do. Everything is differentiable in the samples and in the points.
"""

from functools import lru_cache
from itertools import product

import torch
from torch import Tensor

METHODS = ("spline", "fourier")
_CHUNK = 1 << 24  # numbers held at once while a Fourier series is summed


def interpolate(x: Tensor, points: Tensor, *, periodic: bool, method: str = "spline") -> Tensor:
    """Values of a sampled function at any points.

    Args:
        x: samples at the integer points, shape (batch, channels, *spatial), floating or complex.
        points: array coordinates in pixels, shape (n, d), or (batch, n, d) with a set for each
            sample; coordinate a runs along spatial axis a, from 0 to its size − 1.
        periodic: whether the samples repeat outside the array; if not, they are mirrored at the
            centre of the border pixels (a Fourier series always repeats them).
        method: "spline" (cubic B-splines; the error of a smooth function falls with the fourth
            power of the pixel size) or "fourier" (trigonometric interpolation; *exact* for periodic
            functions without frequencies at or above half the sampling rate).

    Returns:
        shape (batch, channels, n), of the dtype of ``x`` (half precision is computed in float32).

    Raises:
        TypeError: ``x`` holds integers.

    Example:
        >>> x = torch.tensor([0.0, 1.0, 4.0, 9.0, 16.0, 25.0]).reshape(1, 1, 6)
        >>> interpolate(x, torch.tensor([[2.0], [2.5]]), periodic=False)[0, 0, 0].round(decimals=4)
        tensor(4.)

    Source: Unser, Splines, a perfect fit for signal and image processing, 1999.
    """
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"x: a resampled action needs floating values, got {x.dtype}")
    work = x.to(torch.promote_types(x.dtype, torch.float32))
    points = points.to(x.device)
    if points.ndim == 2:  # one set of points: the batch becomes channels
        values = _READ[method](work.flatten(0, 1).unsqueeze(0), points.unsqueeze(0), periodic)
        values = values.reshape(*x.shape[:2], len(points))
    else:
        values = _READ[method](work, points, periodic)
    return values.to(x.dtype)


def _read_spline(x: Tensor, points: Tensor, periodic: bool) -> Tensor:
    """Sum the 4^d coefficients that reach each point; x (b, c, *spatial), points (b, n, d)."""
    sizes = x.shape[2:]
    for axis, n in enumerate(sizes):
        x = _along(x, axis + 2, spline_transform(n, periodic))
    base = points.detach().floor()
    weights = spline_weights(points - base).to(x.dtype)  # (b, n, d, 4)
    taps = base.long().unsqueeze(-1) + torch.arange(-1, 3, device=x.device)
    taps = torch.stack([fold(taps[..., a, :], n, periodic) for a, n in enumerate(sizes)], dim=-2)
    flat = x.flatten(2)
    out = x.new_zeros(*x.shape[:2], points.shape[1])
    for choice in product(range(4), repeat=len(sizes)):
        index = torch.zeros_like(taps[..., 0, 0])
        weight = torch.ones_like(weights[..., 0, 0])
        for a, k in enumerate(choice):
            index = index * sizes[a] + taps[..., a, k]
            weight = weight * weights[..., a, k]
        index = index.unsqueeze(1).expand(-1, x.shape[1], -1)
        out = out + flat.gather(2, index) * weight.unsqueeze(1)
    return out


def _read_fourier(x: Tensor, points: Tensor, periodic: bool) -> Tensor:
    """Sum the Fourier series at each point, one axis after another, in bounded memory."""
    sizes = x.shape[2:]
    for axis, n in enumerate(sizes):
        x = _along(x, axis + 2, fourier_transform(n))
    held = max(1, x.numel() // max(1, sizes[-1]))
    chunks = torch.split(points, max(1, _CHUNK // held), dim=1)
    return torch.cat([_sum_series(x, chunk) for chunk in chunks], dim=2)


def _sum_series(x: Tensor, points: Tensor) -> Tensor:
    sizes = x.shape[2:]
    weights = [fourier_weights(points[..., a], n).to(x.dtype) for a, n in enumerate(sizes)]
    out = torch.einsum("bc...k,bnk->bc...n", x, weights[-1])
    for weight in reversed(weights[:-1]):
        out = torch.einsum("bc...kn,bnk->bc...n", out, weight)
    return out


_READ = {"spline": _read_spline, "fourier": _read_fourier}


def _along(x: Tensor, axis: int, matrix: Tensor) -> Tensor:
    """Multiply by a matrix along one axis."""
    matrix = matrix.to(x.device, x.dtype)
    return (x.transpose(axis, -1) @ matrix.mT).transpose(axis, -1)


def fold(index: Tensor, n: int, periodic: bool) -> Tensor:
    """Bring any integer index into 0 … n − 1, by repetition or by mirroring at both ends."""
    if periodic or n == 1:
        return index.remainder(n)
    index = index.remainder(2 * n - 2)
    return torch.minimum(index, 2 * n - 2 - index)


def spline_weights(t: Tensor) -> Tensor:
    """Cubic B-splines centred at −1, 0, 1, 2, read at ``t`` in [0, 1]: (...) to (..., 4)."""
    s = 1 - t
    middle = [2 / 3 - u.square() * (1 - u / 2) for u in (t, s)]
    return torch.stack([s**3 / 6, *middle, t**3 / 6], dim=-1)


@lru_cache(maxsize=64)
def spline_transform(n: int, periodic: bool) -> Tensor:
    """Matrix from n samples to their cubic B-spline coefficients, float64.

    Inverse of the matrix with rows (1/6, 4/6, 1/6), its ends repeated or mirrored.
    """
    with torch.inference_mode(False), torch.no_grad():
        i = torch.arange(n)
        matrix = torch.zeros(n, n, dtype=torch.float64)
        for offset, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
            entry = torch.full((n,), weight, dtype=torch.float64)
            matrix.index_put_((i, fold(i + offset, n, periodic)), entry, accumulate=True)
        inverse: Tensor = torch.linalg.inv(matrix)
        return inverse


def fourier_weights(p: Tensor, n: int) -> Tensor:
    """The real Fourier basis of n samples read at ``p``: 1, cos 2πkp/n, sin 2πkp/n, and cos πp.

    Shape (...) to (..., n); the last function is there for even n only.
    """
    k = torch.arange(1, (n - 1) // 2 + 1, device=p.device)
    angle = 2 * torch.pi / n * p.unsqueeze(-1) * k
    basis = [torch.ones_like(p).unsqueeze(-1), angle.cos(), angle.sin()]
    if n % 2 == 0:
        basis.append((torch.pi * p).cos().unsqueeze(-1))
    return torch.cat(basis, dim=-1)


@lru_cache(maxsize=64)
def fourier_transform(n: int) -> Tensor:
    """Matrix from n samples to their coefficients in the real Fourier basis, float64."""
    with torch.inference_mode(False), torch.no_grad():
        basis = fourier_weights(torch.arange(n, dtype=torch.float64), n)
        return (basis / basis.square().sum(0)).mT.contiguous()
