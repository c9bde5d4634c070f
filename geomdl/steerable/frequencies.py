"""Convolutions between regular fields in the Fourier basis of the rotations, by matrix products.

A filter of C_n takes fibre index g at the source to h at the target by K[h, g](t). Since
K[h + 1, g + 1](t) = K[h, g](R⁻¹ t), its transform over both indices,

    K̂[a, b] = (1 / n) Σ_hg exp(-2πi a h / n) K[h, g] exp(2πi b g / n),

is at b = a + m a filter of angular frequency m, a sum of few functions φ_mq of the taps. Hence

    ŷ[a] = Σ_m Σ_q ŵ_mq[a] (φ_mq * x̂[a + m])

needs about n times fewer multiplications than the filter itself. A regular field of D_n is two of
C_n. All of it is products of matrices: the transform over the group, φ_mq as a matrix over pixels,
ŵ over the fields, and back; that pays for small images with many channels.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from geomdl.groups import Rep
from geomdl.groups.constant import at_home, memoized
from geomdl.groups.planar import Cyclic, Dihedral
from geomdl.steerable.filters import filter_basis
from geomdl.steerable.taps import TapSpace

_ZERO = 1e-9  # of the greatest: what is smaller is rounding


class Window(NamedTuple):
    """How a filter moves over an image."""

    kernel_size: int
    stride: int
    padding: tuple[int, int]
    dilation: int
    mode: str


class Terms(NamedTuple):
    """The filters from one regular field to another, by frequency; in float64.

    Attributes:
        n: number of rotations.
        shifts: m of each term.
        functions: the φ_mq of each term, as real maps from (re, im) to (re, im), (q, 2, 2, taps).
        mix: weights -> ŵ, (count, u, v, half, Σ q, 2, 2), for the v orbits of rotations in a copy
            of the source and the u in one of the target; real maps, multiplied from the left.
        there: (2 b, n), from the group to the frequencies of the source.
        back: (n, 2 half), from the frequencies 0 … n / 2 of the target to the group.
    """

    n: int
    shifts: tuple[int, ...]
    functions: tuple[Tensor, ...]
    mix: Tensor
    there: Tensor
    back: Tensor


def rotations(rep: Rep) -> int | None:
    """Order n of the rotations of C_n or D_n, n > 2, if a field is made of regular ones; or None.

    Example:
        >>> import geomdl
        >>> D8 = geomdl.group("D8")
        >>> rotations(4 * D8.regular), rotations(D8.trivial)
        (8, None)
    """
    group = rep.group
    if not isinstance(group, Cyclic | Dihedral) or group.n < 3:
        return None
    return group.n if [r for r, _ in rep.blocks] == [group.regular] else None


@memoized
def terms(taps: TapSpace, regular: Rep) -> Terms:
    """Transform the basis of the filters of a regular representation; kept by value."""
    n = rotations(regular)
    assert n is not None
    K = filter_basis(taps, regular, regular).dense()
    orbits, half = regular.dim // n, n // 2 + 1
    K = K.reshape(len(K), orbits, n, -1, orbits, n).to(torch.complex128)
    steps = torch.arange(n, dtype=torch.float64)
    wave = _waves(steps, n)
    hat = torch.einsum("ah,wuhtvg,gb->wuvabt", wave[:half].conj(), K, wave) / n
    a, size = torch.arange(half), float(hat.abs().max())
    shifts, functions, mixes = [], [], []
    for m in range(-(n // 2), n - n // 2):
        rows = hat[:, :, :, a, (a + m) % n]  # (count, u, v, half, taps)
        _, s, phi = torch.linalg.svd(rows.flatten(0, 3), full_matrices=False)
        phi = phi[s > _ZERO * size * math.sqrt(rows.numel())]
        if len(phi):
            shifts.append(m)
            functions.append(_real(phi).movedim(1, 3))
            mixes.append(_real(rows @ phi.mH).transpose(-1, -2))
    b = torch.arange(shifts[0], half + shifts[-1], dtype=torch.float64)
    there = _waves(-b, n)
    twice = torch.full((half,), 2 / n, dtype=torch.float64)  # a stands for -a too
    twice[0] = 1 / n
    if n % 2 == 0:
        twice[-1] = 1 / n
    back = twice.unsqueeze(1) * wave[:half]
    return Terms(
        n,
        tuple(shifts),
        tuple(functions),
        torch.cat(mixes, 4),
        torch.view_as_real(there).transpose(1, 2).flatten(0, 1).contiguous(),
        torch.stack([back.real, -back.imag], 1).flatten(0, 1).T.contiguous(),
    )


def _waves(frequencies: Tensor, n: int) -> Tensor:
    """Return exp(2πi a h / n) for each frequency a and step h."""
    angles = 2 * math.pi / n * torch.outer(frequencies, torch.arange(n, dtype=torch.float64))
    return torch.polar(torch.ones_like(angles), angles)


def _real(z: Tensor) -> Tensor:
    """Multiplication by complex numbers (…) as real maps from (re, im) to (re, im), (…, 2, 2)."""
    return torch.stack([z.real, -z.imag, z.imag, z.real], -1).view(*z.shape, 2, 2)


class _Constants(NamedTuple):
    """`Terms` in the dtype and on the device of the layer, and φ as matrices over pixels.

    Attributes:
        there, back, mix: of `Terms`; mix as a matrix of ``count`` rows.
        pixels: of each term (pixels' · q · 2, 2 · pixels).
        sizes: of the output.
    """

    there: Tensor
    back: Tensor
    mix: Tensor
    pixels: tuple[Tensor, ...]
    sizes: tuple[int, ...]


@lru_cache(maxsize=32)
def _constants(
    taps: TapSpace,
    regular: Rep,
    window: Window,
    sizes: tuple[int, ...],
    dtype: torch.dtype,
    device: torch.device,
) -> _Constants:
    def make() -> _Constants:
        found, k = terms(taps, regular), window.kernel_size
        images = torch.eye(math.prod(sizes), dtype=torch.float64).view(-1, 1, *sizes)
        padding = window.padding
        if window.mode != "zeros":
            around = [p for p in reversed(padding) for _ in range(2)]
            images, padding = F.pad(images, around, mode=window.mode), (0, 0)
        matrices = []
        for functions in found.functions:
            filters = functions.reshape(-1, 1, k, k)
            moved = torch.conv2d(images, filters, None, window.stride, padding, window.dilation)
            moved = moved.unflatten(1, (-1, 2, 2))  # (pixels, q, re im, re im, *sizes')
            matrix = moved.flatten(4).permute(4, 1, 2, 3, 0).flatten(3).flatten(0, 2)
            matrices.append(matrix.to(device, dtype, copy=True).contiguous())
        there, back, mix = (
            t.to(device, dtype, copy=True) for t in (found.there, found.back, found.mix.flatten(1))
        )
        return _Constants(there, back, mix, tuple(matrices), tuple(moved.shape[4:]))

    return at_home(make)


def multiplications(
    taps: TapSpace, regular: Rep, copies: tuple[int, int], before: int, after: int
) -> int:
    """Real multiplications of `convolve` for one image, without those that make ŵ of the weights.

    Args:
        taps: of the basis.
        regular: the representation of one copy.
        copies: of it in source and target.
        before: pixels of the input.
        after: pixels of the output.
    """
    found = terms(taps, regular)
    _, u, v, half, q, _, _ = found.mix.shape
    columns, rows = copies[0] * v, copies[1] * u
    over_pixels = half * (2 * q * after) * (2 * before) * columns
    over_fields = half * after * (2 * q * columns) * (2 * rows)
    there, back = found.there.numel() * before * columns, found.back.numel() * after * rows
    return over_pixels + over_fields + there + back


def convolve(x: Tensor, weight: Tensor, taps: TapSpace, regular: Rep, window: Window) -> Tensor:
    """Convolve copies of a regular field; exact to rounding, derivatives of any order.

    Args:
        x: (batch, m_r · |G|, h, w).
        weight: (m_s, m_r, count) in the basis of `filter_basis`.
        taps: of that basis.
        regular: the representation of one copy; see `rotations`.
        window: how the filter moves.

    Returns:
        (batch, m_s · |G|, h', w').
    """
    sizes = tuple(x.shape[2:])
    found, c = terms(taps, regular), _constants(taps, regular, window, sizes, x.dtype, x.device)
    batch, n, half = len(x), found.n, found.n // 2 + 1
    m_s, m_r, count = weight.shape
    _, u, v, _, q, _, _ = found.mix.shape
    columns, rows, before, pixels = m_r * v, m_s * u, math.prod(sizes), math.prod(c.sizes)
    w = (weight.reshape(m_s * m_r, count) @ c.mix).view(m_s, m_r, u, v, half, q, 2, 2)
    w = w.permute(4, 5, 6, 1, 3, 7, 0, 2).reshape(half, q * 2 * columns, 2 * rows)
    x = x.reshape(batch, columns, n, before).permute(2, 3, 0, 1)
    x = c.there @ x.reshape(n, before * batch * columns)
    x = x.view(len(c.there) // 2, 2 * before, batch * columns)
    y, start, first = None, 0, found.shifts[0]
    for m, matrix in zip(found.shifts, c.pixels, strict=True):
        functions = len(matrix) // pixels
        moved = matrix @ x[m - first : m - first + half]
        moved = moved.view(half, pixels, functions, batch, columns).transpose(2, 3)
        moved = moved.reshape(half, pixels * batch, functions * columns)
        part = w[:, start : start + functions * columns]
        start += functions * columns
        y = moved @ part if y is None else torch.baddbmm(y, moved, part)
    assert y is not None
    y = y.view(half, pixels * batch, 2, rows).transpose(1, 2)
    y = c.back @ y.reshape(2 * half, pixels * batch * rows)
    return y.view(n, pixels, batch, rows).permute(2, 3, 0, 1).reshape(batch, rows * n, *c.sizes)
