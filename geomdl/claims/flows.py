"""Gradient flow, the limit of small steps, for the claims on implicit regularisation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Loss = Callable[..., Tensor]
Weights = Sequence[Tensor]


def gradients(loss: Loss, weights: Weights) -> list[Tensor]:
    """Gradients of a scalar loss, one for each weight.

    Args:
        loss: of the weights.
        weights: where to differentiate.

    Returns:
        The gradients.

    Example:
        >>> gradients(lambda a, b: a * b, [torch.tensor(2.0), torch.tensor(3.0)])
        [tensor(3.), tensor(2.)]
    """
    leaves = [w.detach().requires_grad_() for w in weights]
    return list(torch.autograd.grad(loss(*leaves), leaves))


def flow(loss: Loss, weights: Weights, time: float, steps: int) -> list[Tensor]:
    """Follow ẇ = -∇L(w), with the Runge-Kutta method of order four.

    Args:
        loss: of the weights.
        weights: at the start.
        time: to follow it for.
        steps: of equal size h; the error is O(h⁴).

    Returns:
        The weights at the end.

    Example:
        >>> end = flow(lambda w: w**2 / 2, [torch.ones((), dtype=torch.float64)], 1.0, 20)
        >>> round(float(end[0]), 6)  # 1/e
        0.367879
    """
    h = time / steps
    w = [v.detach() for v in weights]
    for _ in range(steps):
        a = gradients(loss, w)
        b = gradients(loss, _move(w, a, h / 2))
        c = gradients(loss, _move(w, b, h / 2))
        d = gradients(loss, _move(w, c, h))
        mean = [(p + 2 * q + 2 * r + s) / 6 for p, q, r, s in zip(a, b, c, d, strict=True)]
        w = _move(w, mean, h)
    return w


def _move(weights: Weights, slopes: Weights, h: float) -> list[Tensor]:
    return [w - h * g for w, g in zip(weights, slopes, strict=True)]
