"""Group convolutions whose filters may depend on the element, a little."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.fields.numbers import at_least
from geomdl.groups.finite import FiniteGroup
from geomdl.registry import Example, register_layer
from geomdl.steerable import Conv
from geomdl.symmetrization.relaxed_departure import departure

_BROKEN = "the weights of the elements that the laws draw at random break the symmetry"


def _example() -> nn.Module:
    G = groups.group("D4")
    return RelaxedConv(Field(Grid(2), 2 * G.trivial), Field(Grid(2), 2 * G.regular), 3, padding=1)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 2, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer(
    "symmetrization/RelaxedConv",
    example=Example(_example, _inputs, refuses={"equivariance": _BROKEN}),
)
class RelaxedConv(nn.Module):
    """Low-rank relaxed group convolution: L filter banks, mixed otherwise at each element.

        y(g) = Σ_l w_l(g) (ψ_l ∗ f)(g)     lifting f from the plane,
        y(g) = Σ_l (ψ_l ∗ w_l f)(g)        between functions on the group,

    with group convolutions ψ_l ∗; the filters are then Σ_l w_l(h) ψ_l(g⁻¹ h). All w_l(h) start at
    1, where the layer is *exactly* equivariant; it is so wherever the w_l are constant on the
    group. Shifts are kept always.

    Args:
        source: field on a grid; copies of the regular representation of a finite group, or a field
            that is lifted.
        target: field on the same grid; copies of the regular representation if `source` is lifted.
        kernel_size: taps along each axis.
        rank: number L of filter banks.
        options: of `geomdl.steerable.Conv`.

    Raises:
        ValueError: neither field is regular, or fields that no convolution joins.

    Example:
        >>> import geomdl
        >>> C4 = geomdl.group("C4")
        >>> image, lifted = Field(Grid(2), C4.trivial), Field(Grid(2), 2 * C4.regular)
        >>> layer, x = RelaxedConv(image, lifted, 3, padding=1), torch.randn(2, 1, 5, 5)
        >>> geomdl.audit(layer, x).passed()
        True
        >>> _ = torch.nn.init.normal_(layer.weights)
        >>> geomdl.audit(layer, x).passed()
        False

    Source: Wang, Walters and Yu 2022, arXiv:2201.11969.
    """

    def __init__(
        self, source: Field, target: Field, kernel_size: int, *, rank: int = 2, **options: Any
    ) -> None:
        super().__init__()
        at_least("rank", rank, 1)
        self.source, self.target, self.rank = source, target, rank
        self.lifts = not _regular(source)
        if self.lifts and not _regular(target):
            raise ValueError(
                f"target: expected copies of the regular representation, got {target!r}"
            )
        banks = target if self.lifts else source
        joined = Field(banks.domain, rank * banks.rep)
        ends = (source, joined) if self.lifts else (joined, target)
        self.conv = Conv(*ends, kernel_size, **options)
        self.copies = banks.channels // banks.group.regular.dim
        self.weights = nn.Parameter(torch.ones(rank, banks.group.regular.dim))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a batch of fields."""
        factors = self.weights.repeat(1, self.copies).reshape(1, -1, *[1] * (x.ndim - 2))
        if self.lifts:
            banks: Tensor = self.conv(x) * factors
            return torch.unflatten(banks, 1, (self.rank, -1)).sum(1)
        y: Tensor = self.conv(torch.cat([x] * self.rank, 1) * factors)
        return y

    def prior(self, deviation: float = 1.0) -> Tensor:
        """Σ_l Σ_h (w_l(h) − mean over h)² / (2 deviation²), 0 iff the w_l are constant."""
        centred = self.weights - self.weights.mean(1, keepdim=True)
        return centred.square().sum() / (2 * deviation**2)

    def penalty(self, *inputs: Any, rng: torch.Generator | None = None) -> Tensor:
        """Square of the departure at these inputs; see `geomdl.symmetrization.departure`."""
        return departure(self, *inputs, rng=rng).square()


def _regular(field: Field) -> bool:
    group = field.group
    if not isinstance(field.domain, Grid) or not isinstance(group, FiniteGroup):
        return False
    copies, rest = divmod(field.channels, group.size)
    return not rest and field.rep == copies * group.regular
