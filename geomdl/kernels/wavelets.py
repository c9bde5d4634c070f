"""Modulus of wavelet coefficients: filter, fold, transform back and take the modulus, as one op."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.folding import (
    CASES,
    FOLD,
    check_fold,
    filter_fold,
    filter_gradient,
    filter_spread,
    fold_bound,
    fold_cpu,
    fold_example,
)
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.phases import phase_times
from geomdl.kernels.rows import wide
from geomdl.kernels.threads import share_rows


def wavelet_modulus(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    """Moduli of the coefficients of signals with respect to many filters, at a lower resolution.

    u[r, l] = |F⁻¹ filter_fold(x, ψ)[r, l]|, F⁻¹ the inverse transform over (m, n), 1 / (m n) in
    front

    The error is that of an FFT: some eps log₂(m n) of the root of the mean square of the unfolded
    coefficients. Nothing complex outlives the call: the derivative filters x again. Where a
    coefficient is 0 its derivative is taken as 0. Derivatives of every order; forward mode and
    `torch.func` run the plain-torch reference.

    Args:
        x: spectra, shape (R, M, N, 2).
        psi: filters, shape (L, M, N).
        bands: first row, rows, first column, columns of each filter, shape (L, 4).
        rows: aliases along the rows, a divisor of M: every so many of the rows are kept.
        columns: aliases along the columns, a divisor of N.

    Returns:
        shape (R, L, M / rows, N / columns), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit; on the CPU, also bands outside of ψ.

    Example:
        >>> x = torch.view_as_real(torch.fft.fft2(torch.tensor([[[3.0, -4.0]]])))
        >>> bands = torch.tensor([[0, 1, 0, 2]])
        >>> wavelet_modulus(x, torch.ones(1, 1, 2), bands, 1, 1).flatten().tolist()
        [3.0, 4.0]
    """
    return MODULUS(x, psi, bands, rows, columns)


def _coefficients(y: Tensor) -> Tensor:
    z: Tensor = torch.fft.ifft2(torch.view_as_complex(y))
    return z


def _reference(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    dtype = wide(x.dtype)
    folded = FOLD.reference(x.to(dtype), psi.to(dtype), bands, rows, columns)
    if folded.numel() == 0:
        return folded.sum(-1).to(x.dtype)
    return _coefficients(folded).abs().to(x.dtype)


@Compiled
def moduli(start, stop, z, u):  # type: ignore[no-untyped-def]
    """U = |z| for start ≤ place < stop; squares may overflow where |z| itself would not."""
    part, result = z[2 * start : 2 * stop], u[start:stop]
    for t in range(len(result)):
        result[t] = np.sqrt(part[2 * t] * part[2 * t] + part[2 * t + 1] * part[2 * t + 1])


def _cpu(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    y = fold_cpu(x, psi, bands, rows, columns)
    u = y.new_empty(y.shape[:-1])
    if u.numel():
        z, flat = torch.view_as_real(_coefficients(y)).reshape(-1).numpy(), u.view(-1).numpy()
        share_rows(moduli, range(len(flat) + 1), u.numel(), z, flat)
    return u.to(x.dtype)


def _fake(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    return x.new_empty(x.shape[0], psi.shape[0], x.shape[1] // rows, x.shape[2] // columns)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])
    ctx.folds = inputs[3:]


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, psi, bands = ctx.saved_tensors
    need_x, need_psi = ctx.needs_input_grad[:2]
    if g.numel() == 0:
        return torch.zeros_like(x), torch.zeros_like(psi), None, None, None
    dtype = wide(x.dtype)
    values, filters = x.to(dtype), psi.to(dtype)
    z = _coefficients(filter_fold(values, filters, bands, *ctx.folds))
    size = g.shape[-2] * g.shape[-1]
    turned = phase_times(torch.view_as_real(z), g.to(dtype) / size)
    del z  # large, as is what follows
    gy = torch.view_as_real(torch.fft.fft2(torch.view_as_complex(turned)))
    del turned
    gx = filter_spread(gy, filters, bands, *ctx.folds).to(x.dtype) if need_x else None
    gpsi = filter_gradient(values, gy, bands, *ctx.folds).to(psi.dtype) if need_psi else None
    return gx, gpsi, None, None, None


def _bound(args: Args, eps: float) -> Tensor:
    x, psi, bands, rows, columns = args
    u = _reference(x, psi, bands, rows, columns)
    if u.numel() == 0:
        return u
    size = u.shape[-2] * u.shape[-1]
    folds = fold_bound((x.abs(), psi.abs(), bands, rows, columns), 1.0)  # of eps
    norms = folds.square().sum((-3, -2, -1), keepdim=True)[..., 0].sqrt() / math.sqrt(size)
    return eps * (1 + 4 * math.log2(size + 1)) * norms + 2 * eps * u


MODULUS = register(
    Kernel(
        "wavelet_modulus",
        reference=_reference,
        cpu=_cpu,
        fake=_fake,
        setup=_setup,
        backward=_backward,
        check=check_fold,
        example=fold_example,
        bound=_bound,
        cases=tuple(CASES),
    )
)
