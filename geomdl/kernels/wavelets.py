"""Modulus of wavelet coefficients: filter, fold, transform back and take the modulus, as one op."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.folding import (
    CASES,
    FOLD,
    SPREAD,
    Folding,
    check_fold,
    filter_fold,
    filter_gradient,
    filter_spread,
    fold_bound,
    fold_example,
    ready,
)
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.phases import phase_times, smallest, turn_to
from geomdl.kernels.rows import check_features, wide
from geomdl.kernels.threads import share_rows

_PIECE = 1 << 19  # complex numbers: 4 MB in float32


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
    folded: Tensor = FOLD.reference(x.to(dtype), psi.to(dtype), bands, rows, columns)
    if folded.numel() == 0:
        return folded.sum(-1).to(x.dtype)
    return _coefficients(folded).abs().to(x.dtype)


@Compiled
def moduli(start, stop, z, u):  # type: ignore[no-untyped-def]
    """U = |z| for start ≤ place < stop; squares may overflow where |z| itself would not."""
    part, result = z[2 * start : 2 * stop], u[start:stop]
    for t in range(len(result)):
        result[t] = np.sqrt(part[2 * t] * part[2 * t] + part[2 * t + 1] * part[2 * t + 1])


def _pieces(x: Tensor, count: int) -> Iterator[slice]:
    """Rows at a time, so many that what is made of them stays in the processor's cache."""
    step = max(1, _PIECE // max(1, count))
    return (slice(start, start + step) for start in range(0, len(x), step))


def _cpu(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    values = ready(x)
    u = _fake(values, psi, bands, rows, columns)
    if u.numel():
        folding = Folding(psi, bands, rows, columns, u.dtype)
        y = None
        for piece in _pieces(x, u[0].numel()):
            into = u[piece]
            y = into.new_empty(*into.shape, 2) if y is None else y[: len(into)]
            folding.fold(values[piece], y)
            z = torch.view_as_real(_coefficients(y)).view(-1).numpy()
            flat = into.view(-1).numpy()
            share_rows(moduli, range(len(flat) + 1), 4 * len(flat), z, flat)
    return u.to(x.dtype)


def _fake(x: Tensor, psi: Tensor, bands: Tensor, rows: int, columns: int) -> Tensor:
    return x.new_empty(x.shape[0], psi.shape[0], x.shape[1] // rows, x.shape[2] // columns)


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])
    ctx.folds = inputs[3:]


def _backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, psi, bands = ctx.saved_tensors
    need_x, need_psi = ctx.needs_input_grad[:2]
    if need_psi:
        gx, gpsi = _both(x, psi, bands, g, *ctx.folds)
        return gx if need_x else None, gpsi, None, None, None
    return GRADIENT(x, psi, bands, g, *ctx.folds), None, None, None, None


def _both(
    x: Tensor, psi: Tensor, bands: Tensor, g: Tensor, rows: int, columns: int
) -> tuple[Tensor, Tensor]:
    """Gradients with respect to x and ψ, in operations that have derivatives themselves."""
    if g.numel() == 0:
        return 0 * x, 0 * psi
    dtype, folds = wide(x.dtype), (rows, columns)
    values, filters = x.to(dtype), psi.to(dtype)
    z = _coefficients(filter_fold(values, filters, bands, *folds))
    size = g.shape[-2] * g.shape[-1]
    turned = phase_times(torch.view_as_real(z), g.to(dtype) / size)
    gy = torch.view_as_real(torch.fft.fft2(torch.view_as_complex(turned)))
    gx = filter_spread(gy, filters, bands, *folds).to(x.dtype)
    return gx, filter_gradient(values, gy, bands, *folds).to(psi.dtype)


def _gradient_reference(
    x: Tensor, psi: Tensor, bands: Tensor, g: Tensor, rows: int, columns: int
) -> Tensor:
    return _both(x, psi, bands, g, rows, columns)[0]


def _gradient_cpu(
    x: Tensor, psi: Tensor, bands: Tensor, g: Tensor, rows: int, columns: int
) -> Tensor:
    values, factors = ready(x), ready(g)
    gx = torch.zeros_like(values) if not g.numel() else torch.empty_like(values)
    if g.numel():
        folding = Folding(psi, bands, rows, columns, gx.dtype)
        size = torch.tensor([1 / (g.shape[2] * g.shape[3])], dtype=gx.dtype).numpy()
        tiny, y = smallest(gx.dtype), None
        for piece in _pieces(x, g[0].numel()):
            part = factors[piece]
            y = part.new_empty(*part.shape, 2) if y is None else y[: len(part)]
            folding.fold(values[piece], y)
            z = _coefficients(y)
            flat, by = torch.view_as_real(z).view(-1).numpy(), part.view(-1).numpy()
            share_rows(turn_to, range(len(by) + 1), 8 * len(by), flat, by, size, tiny)
            folding.spread(torch.view_as_real(torch.fft.fft2(z)), gx[piece])
    return gx.to(x.dtype)


def _gradient_backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:
    inputs, folds = ctx.saved_tensors, ctx.folds
    wanted = [i for i in (0, 1, 3) if ctx.needs_input_grad[i]]
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that none is reached through the graph of another
        held = [t.view_as(t) if t.requires_grad else t.detach() for t in inputs]
        gx = _both(*held, *folds)[0]
        wrt = [held[i] for i in wanted]
        parts = torch.autograd.grad(
            gx, wrt, h, create_graph=again, allow_unused=True, materialize_grads=True
        )
    found: list[Tensor | None] = [None for _ in range(6)]
    for i, part in zip(wanted, parts, strict=True):
        found[i] = part
    return tuple(found)


def _gradient_setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:4])
    ctx.folds = inputs[4:]


def _check_gradient(
    x: Tensor, psi: Tensor, bands: Tensor, g: Tensor, rows: int, columns: int
) -> None:
    check_fold(x, psi, bands, rows, columns)
    check_features("g", g)
    expected = (x.shape[0], psi.shape[0], x.shape[1] // rows, x.shape[2] // columns)
    if tuple(g.shape) != expected:
        raise ValueError(f"g: expected shape {expected}, got {tuple(g.shape)}")
    if g.device != x.device:
        raise ValueError(f"g: expected a tensor on {x.device}, got one on {g.device}")


def _gradient_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    x, psi, bands, *folds = fold_example(torch.float64, index_dtype, case)
    g = _reference(x, psi, bands, *folds) - 0.5
    return (x.to(dtype), psi.to(dtype), bands, g.to(dtype), *folds)


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


def _gradient_bound(args: Args, eps: float) -> Tensor:
    x, psi, bands, g, rows, columns = args
    if g.numel() == 0:
        return torch.zeros_like(x)
    size = g.shape[-2] * g.shape[-1]
    u = _reference(x, psi, bands, rows, columns)
    turned = (2 * _bound((x, psi, bands, rows, columns), eps) / u).clamp(max=2.0) + 8 * eps
    each = g.abs() / size * (turned + 4 * eps * math.log2(size + 1))
    sums = each.sum((2, 3), keepdim=True).unsqueeze(-1).expand(*g.shape, 2)
    rounding = g.abs().sum((2, 3), keepdim=True).unsqueeze(-1).expand(*g.shape, 2) / size
    total = sums + psi.shape[0] * eps * rounding
    bound: Tensor = SPREAD.reference(total.contiguous(), psi.abs(), bands, rows, columns)
    return bound


GRADIENT = register(
    Kernel(
        "modulus_gradient",
        reference=_gradient_reference,
        cpu=_gradient_cpu,
        fake=lambda x, psi, bands, g, rows, columns: x.new_empty(x.shape),
        setup=_gradient_setup,
        backward=_gradient_backward,
        check=_check_gradient,
        example=_gradient_example,
        bound=_gradient_bound,
        cases=tuple(CASES),
    )
)
