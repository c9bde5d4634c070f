"""Vector-field non-linearity: from a function on the group to its largest value's direction."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups import Rep, direct_sum
from geomdl.groups.permutation import Regular
from geomdl.registry import Example, register_layer
from geomdl.registry.exact_buffers import ExactBuffers
from geomdl.steerable.checks import check_input, fibre_axis


def _example() -> nn.Module:
    return VectorFieldNonlinearity(Field(Grid(2), 2 * groups.group("C4").regular))


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 8, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/VectorFieldNonlinearity", example=Example(_example, _inputs))
class VectorFieldNonlinearity(ExactBuffers):
    """The direction in which a function on the group is largest, as long as it is large there.

    y = max(x_g, 0) ρ(g) a at the element g where x is largest, a the first basis vector of ρ.
    Exact; where several elements share the largest value, their vectors are averaged.

    Args:
        source: field on a grid or on ``Vector()``, copies of the regular representation of a finite
            group.
        rep: ρ; by default the group's standard representation (for C_N the plane).

    Attributes:
        target: as many copies of ρ.

    Shape:
        ``(batch, n |G|, *spatial)`` -> ``(batch, n ρ.dim, *spatial)``; likewise for vectors.

    Raises:
        ValueError: other representations, or ρ of another group.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> layer = VectorFieldNonlinearity(Field(Vector(), geomdl.group("C4").regular))
        >>> layer(torch.tensor([0.0, 5.0, 1.0, 2.0]))
        tensor([0., 5.])

    Source: Marcos et al. 2017, arXiv:1612.09346.
    """

    vectors: Tensor

    def __init__(self, source: Field, rep: Rep | None = None) -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        blocks = source.rep.blocks
        if len(blocks) != 1 or not isinstance(blocks[0][0], Regular):
            raise ValueError(
                "source: VectorFieldNonlinearity needs copies of a regular representation, got "
                f"{source.rep.name} of {source.group.name}"
            )
        self.rep = source.group.standard if rep is None else rep
        if self.rep.group != source.group:
            raise ValueError(
                f"rep: should be of {source.group.name}, got one of {self.rep.group.name}"
            )
        (regular, n) = blocks[0]
        self._copies = (n, regular.dim)
        self.source = source
        self.target = Field(source.domain, direct_sum([(self.rep, n)]))
        self.hold()

    def exact_buffers(self) -> dict[str, Tensor]:
        """ρ(g) a for every element, (ρ.dim, |G|)."""
        return {"vectors": self.rep(self.source.group.elements)[:, :, 0].T.contiguous()}

    def forward(self, x: Tensor) -> Tensor:
        """Replace each function by a vector."""
        check_input(self.source, x)
        if self._axis == -1:
            values = x.unflatten(-1, self._copies).unsqueeze(-1)
        else:
            values = x.unflatten(1, self._copies).flatten(3)
        y: Tensor = self.vectors @ _peak(values)
        dim, axis = self.target.rep.dim, self._axis
        shape = (*x.shape[:-1], dim) if axis == -1 else (x.shape[0], dim, *x.shape[2:])
        return y.reshape(shape)

    def extra_repr(self) -> str:
        """Target representation."""
        return self.rep.name


def _peak(x: Tensor) -> Tensor:
    """The positive part of the largest value on axis -2, at its place, zero elsewhere."""
    top = x.amax(-2, keepdim=True)
    at = (x == top).to(x.dtype)
    return at / at.sum(-2, keepdim=True) * F.relu(top)
