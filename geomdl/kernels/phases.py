"""Real numbers in the direction of complex ones, which the derivative of a modulus is made of."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from geomdl.kernels.compiled import Compiled
from geomdl.kernels.folding import array
from geomdl.kernels.op import Args, Kernel, register
from geomdl.kernels.rows import check_features, wide
from geomdl.kernels.threads import share_rows


def phase_times(z: Tensor, g: Tensor) -> Tensor:
    """Real numbers in the direction of complex ones: g z / |z|, and 0 where z = 0.

    Exact up to rounding, |error| ≤ 4 eps |g|, in float32 for half precision, where |z|² neither
    overflows nor falls below the smallest normal number. Derivatives of every order where z is not
    0.

    Args:
        z: pairs of reals, shape (..., 2).
        g: shape (...,).

    Returns:
        shape (..., 2), contiguous, dtype of z.

    Raises:
        TypeError: a type that is not served.
        ValueError: shapes or devices that do not fit.

    Example:
        >>> phase_times(torch.tensor([[3.0, -4.0], [0.0, 0.0]]), torch.tensor([10.0, 1.0])).tolist()
        [[6.0, -8.0], [0.0, 0.0]]
    """
    return PHASE(z, g)


def _reference(z: Tensor, g: Tensor) -> Tensor:
    values = z.to(wide(z.dtype))
    squares = values.square().sum(-1, keepdim=True)
    some = squares > 0
    inverse = torch.where(some, torch.where(some, squares, 1).rsqrt(), 0)
    return (values * inverse * g.to(values.dtype).unsqueeze(-1)).to(z.dtype)


@Compiled
def turn_to(start, stop, z, g, scale, tiny):  # type: ignore[no-untyped-def]
    """Z becomes scale g z / |z| for start ≤ place < stop."""
    part, factor = z[2 * start : 2 * stop], g[start:stop]
    least, times = tiny[0], scale[0]
    for t in range(len(factor)):
        a, b = part[2 * t], part[2 * t + 1]
        s = times * factor[t] / np.sqrt(np.maximum(a * a + b * b, least))
        part[2 * t] = a * s
        part[2 * t + 1] = b * s


def smallest(dtype: torch.dtype) -> Any:
    """The smallest normal number, in an array of that type."""
    return torch.tensor([torch.finfo(dtype).tiny], dtype=dtype).numpy()


def _cpu(z: Tensor, g: Tensor) -> Tensor:
    dtype = wide(z.dtype)
    w = z.detach().to(dtype).resolve_neg().clone(memory_format=torch.contiguous_format)
    if w.numel():
        one, tiny = np.ones(1, dtype=w.numpy().dtype), smallest(dtype)
        flat, factors = w.view(-1).numpy(), array(g.reshape(-1), dtype)
        share_rows(turn_to, range(g.numel() + 1), w.numel(), flat, factors, one, tiny)
    return w.to(z.dtype)


def _check(z: Tensor, g: Tensor) -> None:
    check_features("z", z)
    check_features("g", g)
    if z.ndim < 1 or z.shape[-1] != 2 or z.shape[:-1] != g.shape:
        raise ValueError(f"z: expected shape {(*g.shape, 2)}, got {tuple(z.shape)}")
    if z.device != g.device:
        raise ValueError(f"g: expected a tensor on {z.device}, got one on {g.device}")


def _setup(ctx: Any, inputs: Args, output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, h: Tensor) -> tuple[Tensor, Tensor]:
    z, g = ctx.saved_tensors
    squares = z.square().sum(-1, keepdim=True)
    some = squares > 0
    inverse = torch.where(some, torch.where(some, squares, 1).rsqrt(), 0)
    phase = z * inverse
    along = (phase * h).sum(-1)
    across = (h - phase * along.unsqueeze(-1)) * inverse
    return across * g.unsqueeze(-1), along.to(g.dtype)


def _example(dtype: torch.dtype, index_dtype: torch.dtype, case: str) -> Args:
    shape = {"usual": (3, 4), "numbers": (5,), "nothing": (0, 3)}[case]
    rng = torch.Generator().manual_seed(len(shape))
    z = torch.randn(*shape, 2, generator=rng, dtype=torch.float64)
    return z.to(dtype), torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)


def _bound(args: Args, eps: float) -> Tensor:
    z, g = args
    bound: Tensor = 4 * eps * g.abs().unsqueeze(-1).expand(z.shape)
    return bound


PHASE = register(
    Kernel(
        "phase_times",
        reference=_reference,
        cpu=_cpu,
        fake=lambda z, g: z.new_empty(z.shape),
        setup=_setup,
        backward=_backward,
        check=_check,
        example=_example,
        bound=_bound,
        cases=("usual", "numbers", "nothing"),
    )
)
