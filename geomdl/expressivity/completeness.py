"""What equivariant layers can approximate: completeness by degree, measured."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geomdl.expressivity.polynomials import polynomial_equivariants, taylor_component
from geomdl.fields.numbers import at_least
from geomdl.groups import Rep
from geomdl.training import refuse_random

_RANK = 1e-7  # singular values below this share of the largest one are none
_ZERO = 1e-11  # components below this share of the values are rounding
_EQUIVARIANT = 1e-6
_NOISE = 0.3  # added to parameters, that biases which begin at zero are in general position


@dataclass(frozen=True)
class Completeness:
    """How much of the equivariant polynomials of one degree a stack of layers reaches.

    Args:
        degree: of the polynomials.
        dimension: how many independent ones there are.
        reached: dimension of the span of the networks' components.
        gap: ratio of the singular values on both sides of the cut: how sure the rank is.
        coefficients: of the components in the basis of `polynomial_equivariants`, one network a
            row, scaled to length one.
        missing: orthonormal coefficients of what is out of reach, (dimension - reached, dimension).
    """

    degree: int
    dimension: int
    reached: int
    gap: float
    coefficients: Tensor
    missing: Tensor

    @property
    def complete(self) -> bool:
        """Whether the span is everything."""
        return self.reached == self.dimension


def completeness(
    factory: Callable[[torch.Generator], nn.Module],
    degree: int,
    source: Rep | None = None,
    target: Rep | None = None,
    *,
    networks: int | None = None,
    rng: torch.Generator | None = None,
) -> Completeness:
    """Which equivariant polynomials of a degree the networks of one architecture span.

    Networks with random weights (those of the factory, and Gaussian noise of spread 0.3, for many
    begin with biases of zero) are developed at 0: the part of degree k is an equivariant
    polynomial, whose coefficients in the basis of `polynomial_equivariants` follow from its values
    by least squares. The rank of these coefficients, network by network, is the dimension of the
    span that sums of such networks reach near 0 at that degree. If it falls short of the dimension
    for some degree, no weights and no sums help, whatever their number: the architecture is not
    universal (a Stone–Weierstrass argument needs all degrees for the contrary).

    Args:
        factory: makes a network with random weights from a generator; with smooth activations.
        degree: k.
        source: of the input; that of the first network if None.
        target: of the output, likewise.
        networks: how many; twice the dimension and four more if None.
        rng: for weights and points.

    Returns:
        The dimensions, and what is missing.

    Raises:
        TypeError: the factory makes no module, or one without ``source`` and ``target``.
        ValueError: fewer networks than the dimension; networks that are not equivariant, dropout
            or batch norm in training mode.

    Example:
        >>> import geomdl
        >>> V = geomdl.group("O3").standard
        >>> def gates_alone(rng):
        ...     return geomdl.linear.EMLP(2 * V, V.group.trivial, channels=16, products=0, rng=rng)
        >>> found = completeness(gates_alone, 2)
        >>> found.dimension, found.reached  # x·x, x·y, y·y
        (3, 0)

    Source: Dym and Maron 2021, arXiv:2010.02449, for the criterion; the measurement is ours.
    """
    at_least("degree", degree, 0)
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    first = _module(factory, rng)
    source = _rep(first, "source") if source is None else source
    target = _rep(first, "target") if target is None else target
    maps = polynomial_equivariants(source, target, degree)
    n = len(maps)
    count = 2 * n + 4 if networks is None else at_least("networks", networks, 1)
    if count < n:
        raise ValueError(f"networks: expected at least the dimension {n}, got {count}")
    points = 2 * n + 4
    x = torch.randn(points, source.dim, generator=rng, dtype=torch.float64) / source.dim**0.5
    basis = maps(x).movedim(1, 0).flatten(1)  # (n, points · target.dim)
    rows = []
    for i in range(count):
        module = first if i == 0 else _module(factory, rng)
        component = taylor_component(module, x, degree).flatten()
        with torch.no_grad():
            size = float(module(x).norm())
        if float(component.norm()) <= _ZERO * max(size, 1e-300):
            rows.append(torch.zeros(n, dtype=torch.float64))
            continue
        if n == 0:
            raise ValueError(_broken(degree, 1.0))
        row = torch.linalg.lstsq(basis.T, component.unsqueeze(1), driver="gelsd").solution[:, 0]
        off = float((row @ basis - component).norm() / component.norm())
        if not off <= _EQUIVARIANT:
            raise ValueError(_broken(degree, off))
        rows.append(row / row.norm())
    coefficients = torch.stack(rows)
    if n == 0:
        return Completeness(degree, 0, 0, float("inf"), coefficients, torch.zeros(0, 0).double())
    _, s, vh = torch.linalg.svd(coefficients, full_matrices=True)
    rank = int((s > _RANK * float(s[0])).sum()) if float(s[0]) > 0 else 0
    below = float(s[rank]) if rank < len(s) else 0.0
    gap = float(s[rank - 1]) / below if rank and below > 0 else float("inf")
    return Completeness(degree, n, rank, gap, coefficients, vh[rank:])


def _broken(degree: int, off: float) -> str:
    return (
        "factory: expected equivariant networks, got one whose part of degree"
        f" {degree} is off by {off:.2g}"
    )


def _module(factory: Callable[[torch.Generator], nn.Module], rng: torch.Generator) -> nn.Module:
    module = factory(rng)
    if not isinstance(module, nn.Module):
        raise TypeError(f"factory: expected a module, got {type(module).__name__}")
    refuse_random(module, "factory")
    module = copy.deepcopy(module).double()
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=rng, dtype=torch.float64)
            parameter.add_(_NOISE * noise)
    return module


def _rep(module: nn.Module, name: str) -> Rep:
    rep = getattr(getattr(module, name, None), "rep", None)
    if not isinstance(rep, Rep):
        raise TypeError(f"{name}: expected a representation, the network has no {name}")
    return rep
