"""Functions of distance: bases that a radial network reads, and cut-offs that end them smoothly."""

import math

import torch
from torch import Tensor, nn

from geomdl.fields import Field, Vector
from geomdl.fields.numbers import at_least, positive
from geomdl.groups import group
from geomdl.kernels.norms import root
from geomdl.kernels.precision import uncast
from geomdl.kernels.rows import wide
from geomdl.registry import Example, register_layer

_NEAR = 1.0  # below, sin(z)/z by its series, whose derivatives do not cancel
_SERIES = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(11))


def lengths(vectors: Tensor) -> Tensor:
    """Euclidean lengths |v|, with derivative 0 at v = 0, where there is none.

    *Exact* up to rounding; derivatives of every order.

    Args:
        vectors: shape (..., 3), Å.

    Returns:
        shape (...), Å, of the same dtype (half precision computed in float32).

    Example:
        >>> v = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
        >>> lengths(v).sum().backward()
        >>> v.grad.tolist()
        [[0.6000000238418579, 0.800000011920929, 0.0], [0.0, 0.0, 0.0]]
    """
    return root(vectors.to(wide(vectors.dtype)).square().sum(-1)).to(vectors.dtype)


def sinc(z: Tensor) -> Tensor:
    """sin(z)/z, 1 at 0, with finite derivatives of every order everywhere.

    *Exact* up to rounding; the m-th derivative to about m! eps.

    Args:
        z: floating, any shape.

    Example:
        >>> z = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        >>> (slope,) = torch.autograd.grad(sinc(z).sum(), z, create_graph=True)
        >>> torch.autograd.grad(slope.sum(), z)[0].item()
        -0.3333333333333333
    """
    near = z.abs() < _NEAR
    inner, outer = torch.where(near, z, 0.0).square(), torch.where(near, 1.0, z)
    series = torch.full_like(inner, _SERIES[-1])
    for coefficient in reversed(_SERIES[:-1]):
        series = coefficient + inner * series
    return torch.where(near, series, outer.sin() / outer)


def _inputs(rng: torch.Generator) -> tuple[Tensor, ...]:
    return (0.5 + 3 * torch.rand(6, generator=rng, dtype=torch.float64),)


class _Radial(nn.Module):
    """Function of distances (...) with values (...) or (..., n), invariant under O(3)."""

    cutoff: float
    source: Field
    target: Field

    def __init__(self, cutoff: float, n: int | None = None) -> None:
        super().__init__()
        self.cutoff = positive("cutoff", cutoff)
        one = group("O3").trivial
        self.source = Field(Vector(), one, shape=())
        self.target = self.source if n is None else Field(Vector(), n * one)

    @uncast
    def forward(self, r: Tensor) -> Tensor:
        """Values at distances r in Å, shape (...), of the dtype of r."""
        if not r.is_floating_point():
            raise TypeError(f"r: expected real floating-point numbers, got {r.dtype}")
        return self.values(r.to(wide(r.dtype))).to(r.dtype)

    def values(self, r: Tensor) -> Tensor:
        """The same in the precision of r."""
        raise NotImplementedError

    def _share(self, r: Tensor) -> Tensor:
        """Share u = r/c of the cut-off, 1 beyond it."""
        return (r / self.cutoff).clamp(max=1)


@register_layer(
    "euclidean/BesselBasis",
    example=Example(lambda: BesselBasis(4.0, 3, trainable=True), _inputs, forces=True),
)
class BesselBasis(_Radial):
    """Radial solutions of the free Schrödinger equation that vanish at the cut-off.

    b_k(r) = √(2/c) sin(k π r/c) / r,  k = 1, …, n

    Orthonormal under r² dr on [0, c]. Finite at r = 0, with all derivatives. *Exact* up to
    rounding. They go on beyond the cut-off, and have slopes there: multiply them by a cut-off.

    Args:
        cutoff: c in Å.
        n: number of functions.
        trainable: whether the frequencies k are learned.

    Attributes:
        k: frequencies in units of π/c, shape (n,), if they are learned.

    Raises:
        ValueError: a cut-off or number that is not positive.

    Example:
        >>> BesselBasis(5.0, 2)(torch.tensor([0.0, 2.5])).shape
        torch.Size([2, 2])

    Source: Gasteiger, Groß & Günnemann 2020, arXiv:2003.03123.
    """

    def __init__(self, cutoff: float, n: int = 8, *, trainable: bool = False) -> None:
        super().__init__(cutoff, at_least("n", n, 1))
        self.n, self.trainable = int(n), bool(trainable)
        self.k = nn.Parameter(torch.arange(1.0, self.n + 1)) if trainable else None

    def values(self, r: Tensor) -> Tensor:
        k = torch.arange(1, self.n + 1, device=r.device) if self.k is None else self.k
        omega = k.to(r.dtype) * (math.pi / self.cutoff)
        return (math.sqrt(2 / self.cutoff) * omega) * sinc(r.unsqueeze(-1) * omega)

    def extra_repr(self) -> str:
        return f"{self.cutoff:g}, {self.n}, trainable={self.trainable}"


@register_layer(
    "euclidean/GaussianBasis",
    example=Example(lambda: GaussianBasis(4.0, 3, trainable=True), _inputs, forces=True),
)
class GaussianBasis(_Radial):
    """Gaussians evenly spaced up to the cut-off, their spacing Δ being their standard deviation.

    g_k(r) = exp(-½ (r/Δ - k)²),  k = 0, …, n - 1,  Δ = c/(n - 1)

    *Exact* up to rounding. They go on beyond the cut-off: multiply them by a cut-off.

    Args:
        cutoff: c in Å.
        n: number of functions, at least 2.
        trainable: whether centres and widths are learned.

    Attributes:
        k: centres in units of Δ, shape (n,), if they are learned.
        sharpness: Δ over the standard deviations, shape (n,), if they are learned.

    Raises:
        ValueError: a cut-off that is not positive, or too few functions.

    Example:
        >>> GaussianBasis(4.0, 3)(torch.tensor([2.0])).tolist()
        [[0.6065306663513184, 1.0, 0.6065306663513184]]

    Source: Schütt et al. 2017, arXiv:1706.08566.
    """

    def __init__(self, cutoff: float, n: int = 20, *, trainable: bool = False) -> None:
        super().__init__(cutoff, at_least("n", n, 2))
        self.n, self.trainable = int(n), bool(trainable)
        self.k = nn.Parameter(torch.arange(float(self.n))) if trainable else None
        self.sharpness = nn.Parameter(torch.ones(self.n)) if trainable else None

    def values(self, r: Tensor) -> Tensor:
        k = torch.arange(self.n, device=r.device) if self.k is None else self.k
        away = r.unsqueeze(-1) * ((self.n - 1) / self.cutoff) - k.to(r.dtype)
        if self.sharpness is not None:
            away = away * self.sharpness.to(r.dtype)
        return (-0.5 * away.square()).exp()

    def extra_repr(self) -> str:
        return f"{self.cutoff:g}, {self.n}, trainable={self.trainable}"


@register_layer(
    "euclidean/PolynomialCutoff",
    example=Example(lambda: PolynomialCutoff(4.0, p=3), _inputs, forces=True),
)
class PolynomialCutoff(_Radial):
    """From 1 to 0 at the cut-off, where two derivatives vanish; exactly 0 beyond.

    f(u) = 1 - (p+1)(p+2)/2 u^p + p(p+2) u^(p+1) - p(p+1)/2 u^(p+2),  u = r/c

    computed as (1 - u)³ Σ_{k<p} (k+1)(k+2)/2 u^k, the same polynomial without cancellation: *exact*
    up to rounding, relative to f itself. p - 1 derivatives vanish at 0.

    Args:
        cutoff: c in Å.
        p: exponent; larger ones stay near 1 for longer.

    Raises:
        ValueError: a cut-off or exponent that is not positive.

    Example:
        >>> PolynomialCutoff(2.0, p=2)(torch.tensor([0.0, 1.0, 2.0, 3.0])).tolist()
        [1.0, 0.3125, 0.0, 0.0]

    Source: Gasteiger, Groß & Günnemann 2020, arXiv:2003.03123.
    """

    def __init__(self, cutoff: float, p: int = 6) -> None:
        super().__init__(cutoff)
        self.p = at_least("p", p, 1)

    def values(self, r: Tensor) -> Tensor:
        u = self._share(r)
        total = torch.full_like(u, self.p * (self.p + 1) / 2)
        for k in range(self.p - 2, -1, -1):
            total = (k + 1) * (k + 2) / 2 + u * total
        left = 1 - u
        return left * left * left * total

    def extra_repr(self) -> str:
        return f"{self.cutoff:g}, p={self.p}"


@register_layer(
    "euclidean/CosineCutoff", example=Example(lambda: CosineCutoff(4.0), _inputs, forces=True)
)
class CosineCutoff(_Radial):
    """Half a wave from 1 to 0 at the cut-off, where one derivative vanishes; exactly 0 beyond.

    f(r) = ½ (1 + cos(π r/c)) = sin²(½ π (1 - r/c)),  r ≤ c

    *Exact* up to rounding. The second derivative jumps by π²/(2c²) at the cut-off: forces are
    continuous, their slopes are not. `PolynomialCutoff` is smoother.

    Args:
        cutoff: c in Å.

    Raises:
        ValueError: a cut-off that is not positive.

    Example:
        >>> CosineCutoff(2.0)(torch.tensor([0.0, 2.0, 3.0])).tolist()
        [1.0, 0.0, 0.0]

    Source: Behler 2011, doi:10.1063/1.3553717; Schütt et al. 2017, arXiv:1706.08566.
    """

    def values(self, r: Tensor) -> Tensor:
        return ((1 - self._share(r)) * (math.pi / 2)).sin().square()

    def extra_repr(self) -> str:
        return f"{self.cutoff:g}"
