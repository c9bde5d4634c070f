"""From a group to a subgroup on the way through a network."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid, restricted
from geomdl.groups import Group, Subgroup
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input


def _example() -> nn.Module:
    G = groups.group("D4")
    return Restrict(Field(Grid(2), 2 * G.regular + G.standard + G.trivial), "C4")


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 19, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/Restrict", example=Example(_example, _inputs))
class Restrict(nn.Module):
    """From here on only a subgroup: y = x, and ``target`` is a field of H < G. Exact for H.

    Textures have more symmetry than what they make up; a network may start with D8 and end with D1.

    Args:
        source: field of a group G on a grid or a plain vector.
        subgroup: H, as a `Subgroup`, a group or its name ("C4" in D8, "SO2" in O2, "trivial"). In
            2D the mirrorings of D_n are those of G's generator; in space a planar group turns about
            the z axis; other embeddings are stated by ``G.subgroup(H, via=…)``.

    Shape:
        unchanged.

    Raises:
        ValueError: H does not lie in G, or does not move the pixels as G does.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Grid
        >>> layer = Restrict(Field(Grid(3), geomdl.group("Oh").regular), "C4")
        >>> layer.target.domain
        Grid(3, action=<standard + trivial of C4, dim 3>)
        >>> layer.target.rep.is_permutation
        True
    """

    def __init__(self, source: Field, subgroup: Subgroup | Group | str) -> None:
        super().__init__()
        self.source, self.target = source, restricted(source, subgroup)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same fields."""
        check_input(self.source, x)
        return x

    def extra_repr(self) -> str:
        """Groups."""
        return f"{self.source.group.name} -> {self.target.group.name}"
