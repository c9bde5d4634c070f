"""Equivariant linear maps of plain vectors."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Vector
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import same_domain
from geomdl.steerable.expansion import Expansion


def _example() -> nn.Module:
    G = groups.group("D4")
    source = Field(Vector(), 2 * G.regular + G.standard)
    return Linear(source, Field(Vector(), G.trivial + G.standard))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 18, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Linear", example=Example(_example, _inputs))
class Linear(nn.Module):
    """Linear map of vectors that commutes with the group: y = W x + b, W in Hom_G(r, s). Exact.

    Complete: every equivariant matrix is some W. On invariants (trivial representations) this is
    ``torch.nn.Linear``.

    Args:
        source: field on ``Vector()``, representation r of any group.
        target: field on ``Vector()``, representation s of the same group.
        bias: whether to add a bias b in Hom_G(1, s); none exists where s has no fixed vector.
        gain: mean square of the output at the start, for uncorrelated inputs of mean square 1, is
            gain².
        rng: source of the initial weights; None draws as PyTorch's own layers do, so
            that ``torch.manual_seed`` decides.

    Shape:
        (..., source.rep.dim) -> (..., target.rep.dim).

    Raises:
        ValueError: fields of different groups, or no equivariant map but zero.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> G = geomdl.group("D4")
        >>> layer = Linear(Field(Vector(), G.regular), Field(Vector(), 10 * G.trivial))
        >>> layer(torch.zeros(2, 8)).shape, layer.filters.n
        (torch.Size([2, 10]), 10)
    """

    def __init__(
        self,
        source: Field,
        target: Field,
        bias: bool = True,
        *,
        gain: float = 1.0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        for name, field in (("source", source), ("target", target)):
            if not isinstance(field.domain, Vector) or len(field.fibre) != 1:
                raise ValueError(f"{name}: should be a Field on Vector(), got {field!r}")
        same_domain(source, target)
        self.source, self.target = source, target
        trivial = source.group.trivial
        self.filters = Expansion(trivial, source.rep, target.rep, gain, rng)
        has_bias = bias and len(target.rep.fixed()) > 0
        self.bias = Expansion(trivial, trivial, target.rep, 0.0) if has_bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors."""
        self.source.check(x)
        bias = None if self.bias is None else self.bias.expand().flatten()
        return F.linear(x, self.filters.expand().flatten(1), bias)

    def extra_repr(self) -> str:
        """Fields."""
        return f"{self.source.rep.name} -> {self.target.rep.name}"
