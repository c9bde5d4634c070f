"""Gaussian moments of non-linearities in closed form: E φ(u)φ(v) and E φ'(u)φ'(v).

(u, v) is Gaussian with mean zero, variances a and b and covariance c. The second moment is the
derivative of the first by c (Price 1958).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from geomdl.fields.numbers import one_of

Moments = tuple[Tensor, Tensor]
_RESOLVED = 16 * torch.finfo(torch.float64).eps  # of a cosine


def gaussian_moments(name: str, a: Tensor, b: Tensor, c: Tensor) -> Moments:
    """E φ(u)φ(v) and E φ'(u)φ'(v) of a non-linearity φ. *Exact* to rounding.

    The second moment of ReLU has a kink where u = v: it knows angles to 1e-7, and there it is
    right to 1e-8.

    Args:
        name: "relu", "erf", "gelu" (torch's exact one, u Φ(u)) or "sin".
        a: variances of u, at least 0.
        b: variances of v, at least 0.
        c: covariances; the three broadcast. |c| > √(ab) is taken for √(ab).

    Returns:
        The two moments, of the broadcast shape.

    Raises:
        ValueError: there is no closed form for a non-linearity of this name.

    Example:
        >>> one, half = torch.tensor([1.0, 0.5], dtype=torch.float64)
        >>> [round(float(m), 4) for m in gaussian_moments("relu", one, one, half)]
        [0.3045, 0.3333]

    Source: ReLU: Cho and Saul 2009. erf: Williams 1997. GELU: Tsuchida et al. 2021.
    """
    moments: Moments = NONLINEARITIES[one_of("nonlinearity", name, NONLINEARITIES)](a, b, c)
    return moments


def _cosine(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Correlation, clamped; 0 where a variance is, 1 where it is within 16 ulp of 1."""
    scale = (a * b).sqrt()
    rho = (c / scale.where(scale > 0, 1.0)).clamp(-1, 1)
    return torch.where(1 - rho.abs() <= _RESOLVED, rho.sign(), rho)


def relu(a: Tensor, b: Tensor, c: Tensor) -> Moments:
    """With θ = acos ρ: √(ab) (sin θ + (π − θ) cos θ) / 2π and (π − θ) / 2π."""
    rho = _cosine(a, b, c)
    sine = ((1 - rho) * (1 + rho)).sqrt()
    beyond = math.pi - torch.atan2(sine, rho)
    return (a * b).sqrt() * (sine + beyond * rho) / (2 * math.pi), beyond / (2 * math.pi)


def erf(a: Tensor, b: Tensor, c: Tensor) -> Moments:
    """(2/π) asin(2c / √((1+2a)(1+2b))) and (4/π) / √((1+2a)(1+2b) − 4c²)."""
    c = _cosine(a, b, c) * (a * b).sqrt()
    square = (1 + 2 * a) * (1 + 2 * b)
    first = (2 * c / square.sqrt()).asin() * (2 / math.pi)
    return first, (4 / math.pi) / (square - 4 * c.square()).sqrt()


def sin(a: Tensor, b: Tensor, c: Tensor) -> Moments:
    """e^{−(a+b)/2} sinh c and e^{−(a+b)/2} cosh c, of exponents that are not positive."""
    c = _cosine(a, b, c) * (a * b).sqrt()
    mean = (a + b) / 2
    plus, minus = (c - mean).exp() / 2, (-c - mean).exp() / 2
    return plus - minus, plus + minus


def gelu(a: Tensor, b: Tensor, c: Tensor) -> Moments:
    """Of uΦ(u): Φ(u) is the chance of z < u, so that the moment is E uv 1{u > z} 1{v > z'}.

    By Stein's lemma, with D = (1+a)(1+b) − c², κ = 1/(1+a) + 1/(1+b) − 1, N = ab + κc² and
    P = 1/4 + asin(c / √((1+a)(1+b))) / 2π:

        cP + N / (2π√D)    and    P + c (1 + 2κ + N/D) / (2π√D).
    """
    c = _cosine(a, b, c) * (a * b).sqrt()
    square = (1 + a) * (1 + b)
    det = square - c.square()
    kappa = 1 / (1 + a) + 1 / (1 + b) - 1
    n = a * b + kappa * c.square()
    p = 0.25 + (c / square.sqrt()).asin() / (2 * math.pi)
    front = 1 / (2 * math.pi * det.sqrt())
    return c * p + n * front, p + c * (1 + 2 * kappa + n / det) * front


NONLINEARITIES: dict[str, Callable[[Tensor, Tensor, Tensor], Moments]] = {
    "relu": relu,
    "erf": erf,
    "gelu": gelu,
    "sin": sin,
}
