"""Equivariant polynomial maps: how many there are of each degree, and a basis to evaluate."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import torch
from torch import Tensor

from geomdl.fields.numbers import at_least
from geomdl.groups import Rep, intertwiner_operator, intertwiners
from geomdl.groups.finite import FiniteGroup


def _reps(source: Any, target: Any) -> None:
    for name, rep in (("source", source), ("target", target)):
        if not isinstance(rep, Rep):
            raise TypeError(f"{name}: expected a representation, got {type(rep).__name__}")
    if source.group != target.group:
        raise ValueError(
            f"target: expected a representation of {source.group.name}, got one of"
            f" {target.group.name}"
        )


def equivariant_dimensions(source: Rep, target: Rep, degree: int) -> list[int]:
    """Numbers of independent equivariant polynomial maps, homogeneous of degree 0 … ``degree``.

    dim Hom_G(Sym^k(source), target). Finite groups: the coefficients of
    (1/|G|) Σ_g χ_target(g⁻¹) / det(1 - t source(g)), Molien's series with a weight. Other groups:
    intertwiners of symmetric powers. Both *exact*.

    Args:
        source: representation of x.
        target: of p(x), of the same group.
        degree: the last one.

    Returns:
        degree + 1 numbers.

    Raises:
        TypeError: no representations.
        ValueError: representations of different groups, a negative degree.

    Example:
        >>> import geomdl
        >>> V = geomdl.group("O3").standard
        >>> equivariant_dimensions(2 * V, V.group.trivial, 4)  # polynomials of x·x, x·y, y·y
        [1, 0, 3, 0, 6]
        >>> S3 = geomdl.group("S3")
        >>> equivariant_dimensions(S3.standard, S3.standard, 3)  # of three numbers
        [1, 2, 4, 6]

    Source: Molien 1897; Worfolk 1994 for equivariants.
    """
    _reps(source, target)
    at_least("degree", degree, 0)
    group = source.group
    if not isinstance(group, FiniteGroup):
        rest = [intertwiner_operator(source.sym(k), target).n for k in range(1, degree + 1)]
        return [len(target.fixed()), *rest]
    m, character = source(group.elements), target.character(group.elements)
    power, sums = torch.eye(source.dim, dtype=torch.float64), []
    h = [torch.ones(len(m), dtype=torch.float64)]
    for k in range(1, degree + 1):  # k h_k = Σ p_i h_{k-i}, p_i the power sums of eigenvalues
        power = power @ m
        sums.append(power.diagonal(dim1=-2, dim2=-1).sum(-1))
        h.append(torch.stack([sums[i - 1] * h[k - i] for i in range(1, k + 1)]).sum(0) / k)
    return [round(float((character * one).mean())) for one in h]


@dataclass(frozen=True, eq=False)
class PolynomialMaps:
    """A basis of the equivariant polynomial maps of one degree.

    p_b(x) = Q_b s(x), s(x) = (√(k!/α!) x^α)_α the monomials of degree k, Q_b an orthonormal basis
    of Hom_G(Sym^k(source), target): orthonormal too for Bombieri's product.

    Args:
        source: of x.
        target: of p(x).
        degree: k.
        basis: Q, shape (n, target.dim, monomials).
    """

    source: Rep
    target: Rep
    degree: int
    basis: Tensor

    def __len__(self) -> int:
        return len(self.basis)

    def __call__(self, x: Tensor) -> Tensor:
        """Values of all maps.

        Args:
            x: shape (..., source.dim).

        Returns:
            shape (..., n, target.dim), float64.
        """
        if x.ndim == 0 or x.shape[-1] != self.source.dim:
            raise ValueError(
                f"x: last axis should be source.dim={self.source.dim}, got {tuple(x.shape)}"
            )
        values: Tensor = torch.einsum("btm,...m->...bt", self.basis, monomials(x, self.degree))
        return values


def monomials(x: Tensor, degree: int) -> Tensor:
    """All monomials √(k!/α!) x^α of one degree, so that their squares add up to |x|^{2k}.

    Args:
        x: shape (..., d).
        degree: k.

    Returns:
        shape (..., C(d + k - 1, k)), float64, in the order of `Rep.sym`.

    Example:
        >>> monomials(torch.tensor([1.0, 2.0]), 2).square().round(decimals=9).tolist()
        [1.0, 8.0, 16.0]
    """
    x = x.double()
    out = []
    for multi in combinations_with_replacement(range(x.shape[-1]), degree):
        repeats = math.prod(math.factorial(multi.count(i)) for i in set(multi))
        scale = math.sqrt(math.factorial(degree) / repeats)
        value = torch.full(x.shape[:-1], scale, dtype=torch.float64)
        for i in multi:
            value = value * x[..., i]
        out.append(value)
    return torch.stack(out, -1)


def polynomial_equivariants(source: Rep, target: Rep, degree: int) -> PolynomialMaps:
    """The equivariant polynomial maps from one representation to another, of one degree.

    Args:
        source: representation of x.
        target: of p(x), of the same group; its trivial one for invariants.
        degree: of the polynomials, homogeneous.

    Returns:
        A basis: `len` says how many there are, a call evaluates them. p(g x) = target(g) p(x)
        *exactly*.

    Raises:
        TypeError: no representations.
        ValueError: representations of different groups, a negative degree.

    Example:
        >>> import geomdl
        >>> V = geomdl.group("SO3").standard
        >>> cross = polynomial_equivariants(2 * V, V, 2)
        >>> len(cross)
        1
        >>> x = torch.tensor([1.0, 0, 0, 0, 1, 0])
        >>> cross(x).abs().round(decimals=6).tolist()  # x × y, divided by √3
        [[0.0, 0.0, 0.57735]]

    Source: elementary; used for completeness by Dym and Maron 2021, arXiv:2010.02449.
    """
    _reps(source, target)
    if at_least("degree", degree, 0) == 0:
        return PolynomialMaps(source, target, 0, target.fixed().unsqueeze(2))
    return PolynomialMaps(source, target, degree, intertwiners(source.sym(degree), target))


def taylor_component(function: Callable[[Tensor], Tensor], x: Tensor, degree: int) -> Tensor:
    """The homogeneous part of one degree of a smooth function, (1/k!) d^k/dt^k f(t x) at t = 0.

    Nested forward-mode derivatives: *exact* up to rounding, at a cost of about 2^k evaluations.
    For a ReLU, which has no Taylor series at its kink, the result means nothing.

    Args:
        function: samples along the first axis.
        x: shape (n, *input).
        degree: k.

    Returns:
        shape (n, *output).

    Example:
        >>> x = torch.tensor([[2.0]], dtype=torch.float64)
        >>> taylor_component(torch.exp, x, 3).item()  # 2³/3!
        1.3333333333333333
    """

    def along(t: Tensor) -> Tensor:
        return function(t * x)

    def derivative(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def slope(t: Tensor) -> Tensor:
            value: Tensor = torch.func.jvp(f, (t,), (torch.ones_like(t),))[1]
            return value

        return slope

    ray: Callable[[Tensor], Tensor] = along
    for _ in range(at_least("degree", degree, 0)):
        ray = derivative(ray)
    return ray(torch.zeros((), dtype=x.dtype)).detach() / math.factorial(degree)
