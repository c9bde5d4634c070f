"""Lipschitz constants: exact from linear regions, bounds from above and below for any size."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.expressivity.following import Function
from geomdl.expressivity.regions import Regions
from geomdl.expressivity.walking import in_float64
from geomdl.fields.numbers import at_least, one_of, positive
from geomdl.training.linear_maps import dense, operator_norm

ORDERS = (1, 2, math.inf)

# the largest slope of an activation; where it depends on the module, a function of it
_SLOPES: dict[type[nn.Module], float | Callable[[Any], float]] = {
    **dict.fromkeys((nn.ReLU, nn.ReLU6, nn.Tanh, nn.Softplus, nn.Softsign, nn.LogSigmoid), 1.0),
    nn.Sigmoid: 0.25,
    nn.LeakyReLU: lambda m: max(1.0, abs(m.negative_slope)),
    nn.PReLU: lambda m: max(1.0, float(m.weight.detach().abs().max())),
    nn.ELU: lambda m: max(1.0, abs(m.alpha)),
    nn.Hardtanh: 1.0,
    nn.GELU: 1.1290,  # at √2: Φ(√2) + √2 φ(√2) = 1.12890…
    nn.SiLU: 1.0999,  # at 2.3994
}


def _order(order: Any) -> float:
    if isinstance(order, bool) or order not in ORDERS:
        raise ValueError(f"order: expected 1, 2 or inf, got {order!r}")
    return float(order)


def _matrix_norm(matrices: Tensor, order: float) -> Tensor:
    """In p-norms: largest singular value, column sum (1) or row sum (inf)."""
    norm: Tensor = torch.linalg.matrix_norm(matrices, ord=order)
    return norm


@dataclass(frozen=True)
class Lipschitz:
    """A Lipschitz constant that is reached.

    Args:
        value: the constant.
        point: an input where the Jacobian has this norm, or the first of a pair.
        jacobian: there, shape (out, in); or None.
    """

    value: float
    point: Tensor
    jacobian: Tensor | None = None


def lipschitz_exact(regions: Regions[Any], order: float = 2) -> Lipschitz:
    """The Lipschitz constant of a piecewise linear network on a convex domain: exact.

    The largest norm of its Jacobian over all linear regions. Where an equivariant network acts
    between orthogonal representations, a fundamental domain is enough (for order 2): J(gx) =
    ρ(g) J(x) ρ(g)⁻¹ has the same norm.

    Args:
        regions: of `enumerate_regions` (everything, or a cube), `regions_in_plane` or
            `regions_on_line`; the constant is that on their domain.
        order: p of the norms on both sides: 1, 2 or inf; 2 on a line, or a plane of a larger
            space.

    Returns:
        The constant, and a point that reaches it.

    Raises:
        ValueError: another order; 1 or inf where coordinates are not those of the input.

    Example:
        >>> from geomdl.expressivity import enumerate_regions, sawtooth
        >>> lipschitz_exact(enumerate_regions(sawtooth(4), 1)).value
        16.0

    Source: Jordan and Dimakis 2020, arXiv:2003.01219.
    """
    order = _order(order)
    axes = regions.chart.axes.flatten(1)
    gram = axes @ axes.T
    own = axes.shape[0] == axes.shape[1] and torch.equal(axes, torch.eye(len(axes)).double())
    if order != 2 and not own:
        raise ValueError(f"order: expected 2 on a line or plane within the input, got {order:g}")
    jacobians = regions.slopes
    if not own:  # by the lengths of the axes: (AAᵀ)^{-1/2}
        values, vectors = torch.linalg.eigh(gram)
        jacobians = jacobians @ (vectors * values.rsqrt()) @ vectors.T
    norms = _matrix_norm(jacobians, order)
    best = int(norms.argmax())
    point = regions.chart(regions.centres[best])
    return Lipschitz(float(norms[best]), point, jacobians[best])


def _steps(model: nn.Module) -> Iterator[nn.Module]:
    if model._forward_hooks or model._forward_pre_hooks:
        raise ValueError(f"model: a hook may change anything, got one on {type(model).__name__}")
    if type(model) is nn.Sequential:
        for part in model:
            yield from _steps(part)
    else:
        yield model


def lipschitz_upper(
    model: nn.Module,
    shape: int | tuple[int, ...],
    order: float = 2,
    method: str = "product",
    rng: torch.Generator | None = None,
) -> float:
    r"""A bound on the Lipschitz constant of a sequential network, of any size.

    - "product": Π ‖W_l‖_p Π max|σ'|, consecutive affine modules taken as one; for p = 2 the true
      `operator_norm` of a convolution, its error added.
    - "absolute": ‖ |W_L| ⋯ |W_1| ‖_p, since no Jacobian W_L D ⋯ D W_1 with 0 ≤ D ≤ 1 has larger
      entries. Better for p = 1 and inf, where it never exceeds the product; matrices are written
      out.

    Args:
        model: `nn.Sequential` (also nested) of affine modules, of activations with known slopes,
            of dropout and batch norm in evaluation mode.
        shape: of an input, without the batch axis, or its dimension.
        order: p of the norms on both sides: 1, 2 or inf.
        method: one of these.
        rng: for Lanczos' method.

    Returns:
        The bound.

    Raises:
        ValueError: a module of which no bound is known, dropout or batch norm in training mode.

    Example:
        >>> from geomdl.expressivity import sawtooth
        >>> (
        ...     round(lipschitz_upper(sawtooth(2), 1, order=1), 6),
        ...     lipschitz_upper(sawtooth(2), 1, order=1, method="absolute"),
        ... )
        (64.0, 36.0)

    Source: Szegedy et al. 2014, arXiv:1312.6199; Combettes and Pesquet 2020 for absolute values.
    """
    order = _order(order)
    one_of("method", method, ("product", "absolute"))
    held = in_float64(model)
    if not isinstance(held, nn.Module):
        raise TypeError("model: expected an nn.Sequential, got a function")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    x = torch.zeros(sizes, dtype=torch.float64)
    bound, rows = 1.0, torch.eye(x.numel()).double() if method == "absolute" else None
    waiting: list[nn.Module] = []

    def close(x: Tensor) -> Tensor:
        """Account for the affine modules since the last activation."""
        nonlocal bound, rows
        if not waiting:
            return x
        block = nn.Sequential(*waiting)
        waiting.clear()
        if rows is not None:
            rows = _matrix(block, x).abs() @ rows
        elif order == 2:
            norm = operator_norm(block, (1, *x.shape), rng=rng, tol=1e-10)
            bound *= norm.value + norm.error
        else:
            bound *= float(_matrix_norm(_matrix(block, x), order))
        with torch.no_grad():
            after: Tensor = block(x.unsqueeze(0))[0]
        return after

    for module in _steps(held):
        slope = _SLOPES.get(type(module))
        if slope is not None:
            x = close(x)
            bound *= slope(module) if callable(slope) else slope
        else:
            waiting.append(module)
            try:
                if type(module).__module__ == nn.ReLU.__module__:
                    raise ValueError("an activation, which may bend where no sample falls")
                with torch.no_grad():
                    _is_affine(module, nn.Sequential(*waiting[:-1]), x)
            except ValueError:
                raise ValueError(
                    f"model: no Lipschitz bound is known of {type(module).__name__}"
                ) from None
    close(x)
    return bound if rows is None else bound * float(_matrix_norm(rows, order))


def _matrix(block: nn.Module, like: Tensor) -> Tensor:
    """Matrix of an affine block, of one sample."""
    return dense(block, (1, *like.shape))


def _is_affine(module: nn.Module, before: nn.Module, like: Tensor) -> None:
    """Refuse what bends: m(x) + m(y) = m(x + y) + m(0), for small and for large x and y."""
    rng = torch.Generator().manual_seed(0)
    for size in (1.0, 1e3):
        pair = size * torch.randn(4, 2, *like.shape, generator=rng, dtype=torch.float64)
        x, y = (before(v) for v in (pair[:, 0], pair[:, 1]))
        zero = torch.zeros_like(x)
        ends = [module(v) for v in (x, y, x + y, zero)]
        gap = (ends[0] + ends[1] - ends[2] - ends[3]).abs().max()
        if not float(gap) <= 1e-9 * max(float(e.abs().max()) for e in ends):
            raise ValueError("bends")


def lipschitz_lower(
    model: Function,
    starts: Tensor,
    order: float = 2,
    *,
    steps: int = 200,
    distance: float = 1e-3,
    rng: torch.Generator | None = None,
) -> Lipschitz:
    """A bound from below: the steepest pair of inputs that gradient ascent finds.

    ‖f(x + δu) - f(x)‖ / δ, ‖u‖ = 1, is raised over x and u by Adam from every start; the largest
    quotient of all pairs on the way is returned. It bounds the constant of any function, smooth or
    not, but for rounding (10⁻¹⁶ ‖f‖ / δ).

    Args:
        model: samples along its first axis.
        starts: inputs, shape (n, *input).
        order: p of the norms on both sides: 1, 2 or inf.
        steps: of the ascent.
        distance: δ, between the points of a pair.
        rng: for the first directions; torch's global one if None.

    Returns:
        The quotient, and the first point of the pair.

    Raises:
        ValueError: another order, no start, NaN.

    Example:
        >>> from geomdl.expressivity import sawtooth
        >>> start = torch.tensor([[0.3]])
        >>> round(lipschitz_lower(sawtooth(3), start, distance=1e-4).value, 6)
        8.0

    Source: elementary.
    """
    order, distance = _order(order), positive("distance", distance)
    at_least("steps", steps, 1)
    function = in_float64(model)
    if not isinstance(starts, Tensor) or starts.ndim < 2 or not len(starts):
        raise ValueError("starts: expected a tensor of shape (n, *input), n ≥ 1")
    x = starts.detach().double().clone().requires_grad_()
    u = torch.randn(x.shape, generator=rng, dtype=torch.float64).requires_grad_()
    with torch.no_grad():
        spread = float(x.std()) if x.numel() > 1 else 1.0
    rate = 0.02 * (spread if spread > 0 else 1.0)
    optimizer = torch.optim.Adam([{"params": [x], "lr": rate}, {"params": [u], "lr": 0.05}])
    best, where = -1.0, x[0].detach().clone()
    for _ in range(steps):
        direction = u.flatten(1) / torch.linalg.vector_norm(u.flatten(1), order, 1, keepdim=True)
        moved = function(x + distance * direction.reshape(x.shape)) - function(x)
        quotient = torch.linalg.vector_norm(moved.flatten(1), order, 1) / distance
        if not bool(torch.isfinite(quotient).all()):
            raise ValueError("model: expected finite values, got NaN or infinity")
        top = int(quotient.argmax())
        if float(quotient[top].detach()) > best:
            best, where = float(quotient[top].detach()), x[top].detach().clone()
        optimizer.zero_grad()
        gradient = torch.autograd.grad(-quotient.clamp(min=1e-30).log().sum(), [x, u])
        x.grad, u.grad = gradient
        optimizer.step()
    return Lipschitz(best, where)
