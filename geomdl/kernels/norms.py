"""Norms over components, and integrals of powers: what a scattering of volumes reads off."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.folding import array
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, wide
from geomdl.kernels.threads import share_rows

_BLOCK = 1 << 12  # numbers of a row that one task takes; sums go on in float64 from there


def component_norm(x: Tensor) -> Tensor:
    """Euclidean norm over components: u[r, v] = (Σ_c x[r, c, v]²)^½.

    The derivative at 0 is 0. Exact up to rounding, |error| ≤ C eps u, in float32 for half
    precision, where no square overflows or falls below the smallest normal number. Derivatives of
    every order where u is not 0; forward mode and `torch.func` run the plain-torch reference.

    Args:
        x: shape (R, C, V).

    Returns:
        shape (R, V), contiguous, dtype of x.

    Raises:
        TypeError: a type that is not served.
        ValueError: not three axes.

    Example:
        >>> component_norm(torch.tensor([[[3.0, 0.0], [-4.0, 0.0]]])).tolist()
        [[5.0, 0.0]]
    """
    return NORM(x)


def power_sums(u: Tensor, powers: Sequence[float]) -> Tensor:
    """Sums of powers: s[r, i] = Σ_v u[r, v]^q_i, u ≥ 0.

    Derivatives that would be infinite, at u = 0 for q < 1, are 0. Exact up to rounding,
    |error| ≤ 4096 eps s (the powers, and blocks of so many that are added one by one), in float32
    for half precision. Derivatives of every order where u is not 0; forward mode and `torch.func`
    run the plain-torch reference.

    Args:
        u: shape (R, V), not negative.
        powers: q_1, …, q_n, positive.

    Returns:
        shape (R, n), contiguous, dtype of u.

    Raises:
        TypeError: a type that is not served.
        ValueError: not two axes, or a power that is not positive.

    Example:
        >>> power_sums(torch.tensor([[4.0, 9.0]]), [0.5, 1.0, 2.0]).tolist()
        [[5.0, 13.0, 97.0]]
    """
    return SUMS(u, list(powers))


def root(x: Tensor) -> Tensor:
    """√x whose derivative at 0 is 0, for x ≥ 0.

    Example:
        >>> x = torch.tensor([0.0, 4.0], requires_grad=True)
        >>> root(x).sum().backward()
        >>> x.grad
        tensor([0.0000, 0.2500])
    """
    some = x > 0
    return torch.where(some, torch.where(some, x, 1).sqrt(), x.detach())  # keeps a NaN


def power(u: Tensor, q: float) -> Tensor:
    """u^q, for u ≥ 0; the derivatives at 0 are 0, of every order, if q is no whole number."""
    if q == 1:
        return u
    if float(q).is_integer():
        return u**q
    some = u > 0
    return torch.where(some, torch.where(some, u, 1) ** q, u.detach())


def _norm_reference(x: Tensor) -> Tensor:
    return root(x.to(wide(x.dtype)).square().sum(1)).to(x.dtype)


@Compiled
def norms(start, stop, x, u, block):  # type: ignore[no-untyped-def]
    """Blocks start ≤ r B + b < stop of x (R, C, V), u (R, V), B blocks a row."""
    count, width = x.shape[1], x.shape[2]
    blocks = (width + block - 1) // block
    for task in range(start, stop):
        r, first = task // blocks, block * (task % blocks)
        into = u[r, first : first + block]
        for c in range(count):
            part = x[r, c, first : first + block]
            if c == 0:
                for t in range(len(into)):
                    into[t] = part[t] * part[t]
            else:
                for t in range(len(into)):
                    into[t] += part[t] * part[t]
        for t in range(len(into)):
            into[t] = np.sqrt(into[t])


def _norm_cpu(x: Tensor) -> Tensor:
    dtype = wide(x.dtype)
    if not x.numel():
        return x.new_zeros(x.shape[0], x.shape[2])
    u = x.new_empty(x.shape[0], x.shape[2], dtype=dtype)
    share_rows(norms, range(_tasks(u) + 1), x.numel(), array(x, dtype), u.numpy(), _BLOCK)
    return u.to(x.dtype)


def _norm_backward(ctx: Any, g: Tensor) -> tuple[Tensor]:
    x, u = ctx.saved_tensors
    dtype = wide(x.dtype)
    some = u > 0
    scale = torch.where(some, g.to(dtype) / torch.where(some, u, 1).to(dtype), 0)
    return ((x.to(dtype) * scale.unsqueeze(1)).to(x.dtype),)


def _norm_setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _check_norm(x: Tensor) -> None:
    check_features("x", x)
    if x.ndim != 3:
        raise ValueError(f"x: expected shape (R, C, V), got {tuple(x.shape)}")


def _norm_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    shape = {"usual": (3, 2, 5), "no rows": (0, 2, 3), "no components": (2, 0, 3)}[case]
    rng = torch.Generator().manual_seed(0)
    return (torch.randn(shape, generator=rng, dtype=torch.float64).to(dtype),)


def _norm_bound(args: Args, eps: float) -> Tensor:
    (x,) = args
    bound: Tensor = (x.shape[1] + 2) * eps * _norm_reference(x)
    return bound


def _sums_reference(u: Tensor, powers: Sequence[float]) -> Tensor:
    values = u.to(wide(u.dtype))
    return torch.stack([power(values, q).sum(1) for q in powers], 1).to(u.dtype)


@Compiled
def sums(start, stop, u, powers, found, block):  # type: ignore[no-untyped-def]
    """Blocks start ≤ r B + b < stop of u (R, V), found (R B, n) in float64."""
    width = u.shape[1]
    blocks = (width + block - 1) // block
    for task in range(start, stop):
        r, first = task // blocks, block * (task % blocks)
        part = u[r, first : first + block]
        for i in range(len(powers)):
            q = powers[i]
            total = q - q  # zero, of the type of u
            if q == 1:
                for t in range(len(part)):
                    total += part[t]
            elif q == 2:
                for t in range(len(part)):
                    total += part[t] * part[t]
            elif q == 0.5:
                for t in range(len(part)):
                    total += np.sqrt(part[t])
            else:
                for t in range(len(part)):
                    total += part[t] ** q
            found[task, i] = total


@Compiled
def slopes(start, stop, u, powers, g, h, block):  # type: ignore[no-untyped-def]
    """Blocks start ≤ r B + b < stop of h (R, V), zeros: Σ_i g[r, i] q_i u^(q_i - 1)."""
    width = u.shape[1]
    blocks = (width + block - 1) // block
    for task in range(start, stop):
        r, first = task // blocks, block * (task % blocks)
        part, into = u[r, first : first + block], h[r, first : first + block]
        for i in range(len(powers)):
            q = powers[i]
            factor, zero = g[r, i] * q, q - q
            if q == 1:
                for t in range(len(part)):
                    into[t] += factor
            elif q == 2:
                for t in range(len(part)):
                    into[t] += factor * part[t]
            elif q == 0.5:
                for t in range(len(part)):
                    slope = factor / np.sqrt(part[t])
                    into[t] += slope if part[t] != 0 else zero
            else:
                for t in range(len(part)):
                    slope = factor * part[t] ** (q - 1)
                    into[t] += slope if part[t] != 0 else zero


def _tasks(u: Tensor) -> int:
    return u.shape[0] * -(-u.shape[1] // _BLOCK)


def _sums_cpu(u: Tensor, powers: Sequence[float]) -> Tensor:
    dtype = wide(u.dtype)
    if not u.numel():
        return u.new_zeros(u.shape[0], len(powers))
    values, tasks = array(u, dtype), _tasks(u)
    found = torch.empty(tasks, len(powers), dtype=torch.float64)
    q = np.array(powers, dtype=values.dtype)
    work = u.numel() * len(powers)
    share_rows(sums, range(tasks + 1), work, values, q, found.numpy(), _BLOCK)
    return found.view(u.shape[0], -1, len(powers)).sum(1).to(u.dtype)


def _slopes_reference(u: Tensor, g: Tensor, powers: Sequence[float]) -> Tensor:
    values, factors = u.to(wide(u.dtype)), g.to(wide(u.dtype))
    parts = [factors[:, i, None] * slope(values, q) for i, q in enumerate(powers)]
    return torch.stack([torch.zeros_like(values), *parts]).sum(0).to(u.dtype)


def slope(u: Tensor, q: float) -> Tensor:
    """Q u^(q - 1), 0 where u = 0 unless q is 1."""
    if q == 1:
        return torch.ones_like(u)
    some = u > 0
    return torch.where(some, q * torch.where(some, u, 1) ** (q - 1), 0 * u)


def _slopes_cpu(u: Tensor, g: Tensor, powers: Sequence[float]) -> Tensor:
    dtype = wide(u.dtype)
    h = torch.zeros(u.shape, dtype=dtype)
    if u.numel():
        values, factors, tasks = array(u, dtype), array(g, dtype), _tasks(u)
        q, work = np.array(powers, dtype=values.dtype), u.numel() * len(powers)
        share_rows(slopes, range(tasks + 1), work, values, q, factors, h.numpy(), _BLOCK)
    return h.to(u.dtype)


def _slopes_backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:
    u, g = ctx.saved_tensors
    values, some = u.to(wide(u.dtype)), u > 0
    safe = torch.where(some, values, 1)
    curved, sloped = torch.zeros_like(values), []
    for i, q in enumerate(ctx.powers):
        sloped.append((h * slope(values, q)).sum(1))
        if q != 1:
            bent = torch.where(some, q * (q - 1) * safe ** (q - 2), 2.0 * (q == 2))
            curved = curved + g[:, i, None] * bent
    gg = torch.stack(sloped, 1) if sloped else torch.zeros_like(g)
    return (curved * h).to(u.dtype), gg.to(g.dtype), None


def _slopes_setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])
    ctx.powers = inputs[2]


def _sums_setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])
    ctx.powers = inputs[1]


def _sums_backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    (u,) = ctx.saved_tensors
    return SLOPES(u, g, ctx.powers), None


def _check_sums(u: Tensor, powers: Sequence[float]) -> None:
    check_features("u", u)
    if u.ndim != 2:
        raise ValueError(f"u: expected shape (R, V), got {tuple(u.shape)}")
    if not powers or not all(0 < q < math.inf for q in powers):
        raise ValueError(f"powers: expected positive numbers, got {powers}")


def _check_slopes(u: Tensor, g: Tensor, powers: Sequence[float]) -> None:
    _check_sums(u, powers)
    check_features("g", g)
    if g.shape != (u.shape[0], len(powers)):
        raise ValueError(f"g: expected {(u.shape[0], len(powers))}, got {tuple(g.shape)}")
    if g.device != u.device:
        raise ValueError(f"g: expected a tensor on {u.device}, got one on {g.device}")


def _sums_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    shape = {"usual": (3, 5), "no rows": (0, 4), "nothing": (2, 0)}[case]
    rng = torch.Generator().manual_seed(1)
    u = 0.5 + torch.rand(shape, generator=rng, dtype=torch.float64)
    return u.to(dtype), [0.5, 1.0, 2.0, 1.5]


def _slopes_example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    u, powers = _sums_example(torch.float64, index_dtype, case)
    rng = torch.Generator().manual_seed(2)
    g = torch.randn(u.shape[0], len(powers), generator=rng, dtype=torch.float64)
    return u.to(dtype), g.to(dtype), powers


def _sums_bound(args: Args, eps: float) -> Tensor:
    u, powers = args
    bound: Tensor = (min(u.shape[1], _BLOCK) + 4) * eps * _sums_reference(u, powers)
    return bound


def _slopes_bound(args: Args, eps: float) -> Tensor:
    u, g, powers = args
    bound: Tensor = (len(powers) + 4) * eps * _slopes_reference(u, g.abs(), powers)
    return bound


NORM = register(
    Kernel(
        "component_norm",
        reference=_norm_reference,
        cpu=_norm_cpu,
        fake=lambda x: x.new_empty(x.shape[0], x.shape[2]),
        setup=_norm_setup,
        backward=_norm_backward,
        check=_check_norm,
        example=_norm_example,
        bound=_norm_bound,
        cases=("usual", "no rows", "no components"),
    )
)
SLOPES = register(
    Kernel(
        "power_slopes",
        reference=_slopes_reference,
        cpu=_slopes_cpu,
        fake=lambda u, g, powers: torch.empty_like(u, memory_format=torch.contiguous_format),
        setup=_slopes_setup,
        backward=_slopes_backward,
        check=_check_slopes,
        example=_slopes_example,
        bound=_slopes_bound,
        cases=("usual", "no rows", "nothing"),
    )
)
SUMS = register(
    Kernel(
        "power_sums",
        reference=_sums_reference,
        cpu=_sums_cpu,
        fake=lambda u, powers: u.new_empty(u.shape[0], len(powers)),
        setup=_sums_setup,
        backward=_sums_backward,
        check=_check_sums,
        example=_sums_example,
        bound=_sums_bound,
        cases=("usual", "no rows", "nothing"),
    )
)
