"""Gated non-linearity of any representation."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Vector
from geomdl.groups import Rep, direct_sum
from geomdl.linear.checks import check_input, vectors
from geomdl.registry import Example, register_layer


def _example() -> nn.Module:
    G = groups.group("S3")
    return GatedNonlinearity(2 * G.trivial + G.standard + 2 * G.irrep((2, 1)))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 11, generator=rng, dtype=torch.float64),)


@register_layer("linear/GatedNonlinearity", example=Example(_example, _inputs))
class GatedNonlinearity(nn.Module):
    """y = x · σ(gate), σ the logistic function, each copy of a representation with one gate.

    Numbers that the group permutes or leaves alone gate themselves, y = x σ(x) (SiLU); every copy
    of another representation is scaled by a gate of its own, an invariant number that comes after
    the target's channels: ``source`` says so, and is what the layer before should produce.
    Multiplication by invariants commutes with every representation, orthogonal or not:
    equivariant *exactly*. (`geomdl.steerable.GatedNonlinearity` lives on grids too, with gates
    first and a choice of functions.)

    Args:
        target: a representation, or a field of plain vectors.

    Attributes:
        source: field of the target's channels and the gates.

    Shape:
        (..., source.rep.dim) -> (..., target.rep.dim).

    Raises:
        TypeError: neither a representation nor a field.
        ValueError: when called, another last axis.

    Example:
        >>> import geomdl
        >>> G = geomdl.group("O3")
        >>> gated = GatedNonlinearity(G.trivial + 2 * G.standard)
        >>> gated.source.rep
        <trivial + 2·standard + 2·trivial of O3, dim 9>
        >>> gated(torch.zeros(4, 9)).shape
        torch.Size([4, 7])

    Source: Weiler et al. 2018, arXiv:1807.02547; Finzi et al. 2021, arXiv:2104.09459.
    """

    def __init__(self, target: Rep | Field) -> None:
        super().__init__()
        self.target = vectors("target", target)
        rep = self.target.rep
        owner: list[int] = []
        gates = 0
        for block, copies in rep.blocks:
            if block.is_permutation or block.is_trivial:
                owner += range(len(owner), len(owner) + copies * block.dim)
                continue
            for copy in range(copies):
                owner += block.dim * [rep.dim + gates + copy]
            gates += copies
        trivial = [(rep.group.trivial, gates)] if gates else []
        self.source = Field(Vector(), direct_sum([(rep, 1), *trivial]))
        self.owner: Tensor
        self.register_buffer("owner", torch.tensor(owner), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scale every copy."""
        check_input(self.source, x)
        return x[..., : self.target.rep.dim] * x.sigmoid().index_select(-1, self.owner)

    def extra_repr(self) -> str:
        """What is gated."""
        return f"{self.target.rep.name} of {self.target.group.name}"
