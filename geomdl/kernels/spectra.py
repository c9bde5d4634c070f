"""Transforms of real images, in full, at the price of half of them."""

import math
from typing import Any

import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.folding import array
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, wide
from geomdl.kernels.threads import share_rows


def real_spectrum(u: Tensor) -> Tensor:
    """Transform of real images over their two axes, both halves of it.

    x[r, k] = Σ_t u[r, t] exp(-2πi k·t / (M, N)). One half is computed, the other is its mirrored
    conjugate. The error is that of an FFT: some eps log₂(M N) of the root of the mean square of x;
    in float32 for half precision. Linear, with derivatives of every order; forward mode and
    `torch.func` run the plain-torch reference.

    Args:
        u: shape (R, M, N).

    Returns:
        pairs of reals, shape (R, M, N, 2), contiguous, dtype of u.

    Raises:
        TypeError: a type that is not served.
        ValueError: not three axes.

    Example:
        >>> real_spectrum(torch.tensor([[[3.0, -4.0]]])).flatten().tolist()
        [-1.0, 0.0, 7.0, 0.0]
    """
    return SPECTRUM(u)


def real_synthesis(x: Tensor) -> Tensor:
    """Adjoint of `real_spectrum`: u[r, t] = Re Σ_k x[r, k] exp(2πi k·t / (M, N)).

    Otherwise as `real_spectrum`.

    Args:
        x: pairs of reals, shape (R, M, N, 2).

    Returns:
        shape (R, M, N), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: not four axes, the last of size 2.

    Example:
        >>> real_synthesis(torch.tensor([[[[-1.0, 0.0], [7.0, 0.0]]]])).flatten().tolist()
        [6.0, -8.0]
    """
    return SYNTHESIS(x)


def _analyse(u: Tensor) -> Tensor:
    x = torch.fft.fft2(u.to(wide(u.dtype))) if u.numel() else u.to(torch.complex64)
    return torch.view_as_real(x).to(u.dtype)


def _synthesise(x: Tensor) -> Tensor:
    if not x.numel():
        return x.sum(-1)
    z = torch.view_as_complex(x.to(wide(x.dtype)).contiguous())
    u: Tensor = torch.fft.ifft2(z, norm="forward").real
    return u.to(x.dtype)


@Compiled
def mirror(start, stop, half, x):  # type: ignore[no-untyped-def]
    """Fill rows start ≤ r M + row < stop of x (R, M, 2 N) from half (R, M, 2 (N // 2 + 1))."""
    height, width = x.shape[1], x.shape[2] // 2
    low = half.shape[2] // 2
    for place in range(start, stop):
        r, row = place // height, place % height
        into, line, other = x[r, row], half[r, row], half[r, (height - row) % height]
        for t in range(2 * low):
            into[t] = line[t]
        for t in range(low, width):
            into[2 * t] = other[2 * (width - t)]
            into[2 * t + 1] = -other[2 * (width - t) + 1]


@Compiled
def gather(start, stop, x, half):  # type: ignore[no-untyped-def]
    """Half of the sum of x and its mirrored conjugate, for rows start ≤ r M + row < stop."""
    height, width = x.shape[1], x.shape[2] // 2
    low = half.shape[2] // 2
    for place in range(start, stop):
        r, row = place // height, place % height
        into, line, other = half[r, row], x[r, row], x[r, (height - row) % height]
        into[0] = (line[0] + other[0]) / 2
        into[1] = (line[1] - other[1]) / 2
        for t in range(1, low):
            into[2 * t] = (line[2 * t] + other[2 * (width - t)]) / 2
            into[2 * t + 1] = (line[2 * t + 1] - other[2 * (width - t) + 1]) / 2


def _analyse_cpu(u: Tensor) -> Tensor:
    dtype = wide(u.dtype)
    x = u.new_empty(*u.shape, 2, dtype=dtype)
    if x.numel():
        half = array(
            torch.view_as_real(torch.fft.rfft2(u.detach().to(dtype).contiguous())).flatten(2), dtype
        )
        full, rows = x.flatten(2).numpy(), u.shape[0] * u.shape[1]
        share_rows(mirror, range(rows + 1), x.numel(), half, full)
    return x.to(u.dtype)


def _synthesise_cpu(x: Tensor) -> Tensor:
    dtype, shape = wide(x.dtype), x.shape[1:3]
    if not x.numel():
        return x.new_empty(x.shape[:3])
    values = array(x.flatten(2), dtype)
    half = torch.empty(x.shape[0], shape[0], shape[1] // 2 + 1, 2, dtype=dtype)
    result, rows = half.flatten(2).numpy(), x.shape[0] * shape[0]
    share_rows(gather, range(rows + 1), x.numel(), values, result)
    u: Tensor = torch.fft.irfft2(torch.view_as_complex(half), s=shape, norm="forward")
    return u.to(x.dtype).contiguous()


def _check_real(u: Tensor) -> None:
    check_features("u", u)
    if u.ndim != 3:
        raise ValueError(f"u: expected shape (R, M, N), got {tuple(u.shape)}")


def _check_pairs(x: Tensor) -> None:
    check_features("x", x)
    if x.ndim != 4 or x.shape[-1] != 2:
        raise ValueError(f"x: expected shape (R, M, N, 2), got {tuple(x.shape)}")


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    """Nothing is needed: both are linear."""


CASES = {
    "usual": (3, 4, 6),
    "odd": (2, 3, 5),
    "signals": (2, 1, 8),
    "one": (2, 1, 1),
    "none": (0, 2, 4),
}


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rng = torch.Generator().manual_seed(1)
    return (torch.randn(*CASES[case], generator=rng, dtype=torch.float64).to(dtype),)


def _example_pairs(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    rng = torch.Generator().manual_seed(2)
    return (torch.randn(*CASES[case], 2, generator=rng, dtype=torch.float64).to(dtype),)


def _bound(args: Args, eps: float) -> Tensor:
    (u,) = args
    size = u.shape[1] * u.shape[2]
    norms = u.square().sum((1, 2), keepdim=True).sqrt().unsqueeze(-1)
    bound: Tensor = 2 * eps * (1 + math.log2(size)) * norms * math.sqrt(size)
    return bound.expand(*u.shape, 2)


def _bound_pairs(args: Args, eps: float) -> Tensor:
    (x,) = args
    size = x.shape[1] * x.shape[2]
    norms = x.square().sum((1, 2, 3), keepdim=True)[..., 0].sqrt()
    bound: Tensor = 2 * eps * (1 + math.log2(size)) * norms * math.sqrt(size)
    return bound.expand(x.shape[:3])


SPECTRUM = register(
    Kernel(
        "real_spectrum",
        reference=_analyse,
        cpu=_analyse_cpu,
        fake=lambda u: u.new_empty(*u.shape, 2),
        setup=_setup,
        backward=lambda ctx, g: (real_synthesis(g),),
        check=_check_real,
        example=_example,
        bound=_bound,
        cases=tuple(CASES),
    )
)
SYNTHESIS = register(
    Kernel(
        "real_synthesis",
        reference=_synthesise,
        cpu=_synthesise_cpu,
        fake=lambda x: x.new_empty(x.shape[:3]),
        setup=_setup,
        backward=lambda ctx, g: (real_spectrum(g),),
        check=_check_pairs,
        example=_example_pairs,
        bound=_bound_pairs,
        cases=tuple(CASES),
    )
)
