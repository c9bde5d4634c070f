"""Eigenvalues of dot-product kernels on the circle and on spheres."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geomdl.fields.numbers import at_least
from geomdl.groups import Rep, molien

Profile = Callable[[Tensor], Tensor]  # of the cosine of the angle


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a dot-product kernel under the uniform probability measure.

    Attributes:
        eigenvalues: μ_k of degree k = 0 … max_degree, float64.
        multiplicities: dimensions of the harmonics of degree k, int64; of the invariant ones where
            a group was given.
    """

    eigenvalues: Tensor
    multiplicities: Tensor

    def repeated(self) -> Tensor:
        """Each eigenvalue as often as its multiplicity."""
        return self.eigenvalues.repeat_interleave(self.multiplicities)


def circle_spectrum(kernel: Profile, max_degree: int, nodes: int | None = None) -> Spectrum:
    """Eigenvalues of k(x, x') = κ(cos ∠(x, x')) on the circle: its Fourier coefficients.

    μ_k = (1/π) ∫_0^π κ(cos θ) cos kθ dθ, with multiplicity 1 for k = 0 and 2 beyond. As
    `sphere_spectrum` in two dimensions.

    Args:
        kernel: κ, of a float64 tensor of cosines.
        max_degree: highest k.
        nodes: of the quadrature, more than max_degree; by default as `sphere_spectrum`.

    Returns:
        `Spectrum`.

    Raises:
        TypeError: the kernel cannot be called.
        ValueError: a negative degree, too few nodes, or values that are NaN or of another shape.

    Example:
        >>> circle_spectrum(lambda u: u**2, 3).eigenvalues.abs().round(decimals=12).tolist()
        [0.5, 0.0, 0.25, 0.0]

    Source: Bietti and Mairal 2019, arXiv:1905.12173.
    """
    return sphere_spectrum(kernel, 2, max_degree, nodes)


def sphere_spectrum(
    kernel: Profile,
    dim: int,
    max_degree: int,
    nodes: int | None = None,
    rep: Rep | None = None,
) -> Spectrum:
    """Eigenvalues of k(x, x') = κ(x·x') on the unit sphere of R^dim, by Funk and Hecke.

        μ_k = ∫_0^π κ(cos θ) P_k(cos θ) sin^{d−2} θ dθ / ∫_0^π sin^{d−2} θ dθ,

    P_k Gegenbauer's polynomial with P_k(1) = 1. Gauss-Legendre in θ: exact to rounding for κ that
    is smooth in θ on [0, π], which kernels of ReLU networks are (in cos θ they have roots at ±1).

    Args:
        kernel: κ, of a float64 tensor of cosines.
        dim: of the space, at least 2.
        max_degree: highest k.
        nodes: of the quadrature, more than max_degree; by default max_degree + 64 + 8 √dim, for the
            measure is as narrow as 1/√dim.
        rep: a representation of dimension dim; multiplicities are then those of its invariants,
            by Molien's series times 1 − t²: the spectrum of the averaged kernel.

    Returns:
        `Spectrum`; Σ_k multiplicity · μ_k = κ(1) over all degrees.

    Raises:
        TypeError: the kernel cannot be called.
        ValueError: dim below 2, a negative degree, too few nodes, multiplicities of 2⁶³ or more, a
            representation of another dimension, values that are NaN or of another shape.

    Example:
        >>> spectrum = sphere_spectrum(lambda u: u, 3, 2)
        >>> spectrum.eigenvalues.abs().round(decimals=12).tolist()
        [0.0, 0.3333..., 0.0]
        >>> spectrum.multiplicities.tolist()
        [1, 3, 5]

    Source: Bietti and Mairal 2019, arXiv:1905.12173.
    """
    if not callable(kernel):
        raise TypeError(f"kernel: expected a function, got {type(kernel).__name__}")
    at_least("dim", dim, 2)
    at_least("max_degree", max_degree, 0)
    usual = max_degree + 64 + 8 * math.isqrt(dim)
    count = usual if nodes is None else at_least("nodes", nodes, max_degree + 1)
    points, weights = np.polynomial.legendre.leggauss(count)
    angle = torch.from_numpy((points + 1) * math.pi / 2)
    measure = torch.from_numpy(weights) * angle.sin() ** (dim - 2)
    measure = measure / measure.sum()
    u = angle.cos()
    values = kernel(u)
    if not isinstance(values, Tensor) or values.shape != u.shape or not values.isfinite().all():
        raise ValueError(f"kernel: expected {len(u)} finite values of as many cosines, got others")
    weighted = values.detach().to(torch.float64) * measure
    row = [float((p * weighted).sum()) for p in _gegenbauer(u, dim, max_degree)]
    return Spectrum(
        torch.tensor(row, dtype=torch.float64),
        torch.tensor(_multiplicities(dim, max_degree, rep)),
    )


def _gegenbauer(u: Tensor, dim: int, max_degree: int) -> list[Tensor]:
    """P_0 … P_max with P_k(1) = 1: (k + d − 2) P_{k+1} = (2k + d − 2) u P_k − k P_{k−1}."""
    rows = [torch.ones_like(u), u]
    for k in range(1, max_degree):
        top = (2 * k + dim - 2) * u * rows[k] - k * rows[k - 1]
        rows.append(top / (k + dim - 2))
    return rows[: max_degree + 1]


def _multiplicities(dim: int, max_degree: int, rep: Rep | None) -> list[int]:
    if rep is None:
        polynomials = [math.comb(k + dim - 1, k) for k in range(max_degree + 1)]
    elif rep.dim != dim:
        raise ValueError(f"rep: expected dimension {dim}, got {rep.dim}")
    else:
        polynomials = molien(rep, max_degree)
    many = [p - (polynomials[k - 2] if k >= 2 else 0) for k, p in enumerate(polynomials)]
    if max(many) >= 2**63:
        raise ValueError(
            f"max_degree: expected multiplicities below 2⁶³, got {max_degree} in {dim} dimensions"
        )
    return many
