"""Concatenated non-linearities: a function of each number and of its negative."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field, Grid
from geomdl.groups import Rep, direct_sum
from geomdl.groups.constant import memoized
from geomdl.registry import Example, register_layer
from geomdl.steerable.checks import check_input, fibre_axis
from geomdl.steerable.pointwise import FUNCTIONS


@memoized
def doubled(rep: Rep) -> Rep:
    """How the group permutes (φ(x), φ(−x)) when it acts on x by permutations and signs.

    Raises:
        ValueError: other matrices, or signs in an infinite group.
    """
    if rep.is_permutation:
        return 2 * rep
    if rep.group.order is not None:
        matrices = rep(rep.group.elements)
        signs = matrices.round()
        if (signs - matrices).abs().max() <= 1e-9 and bool((signs.abs().sum(-1) == 1).all()):
            place = signs.abs().argmax(-2)  # of the image of each basis vector
            negative = signs.sum(-2) < 0
            images = torch.cat([place + rep.dim * negative, place + rep.dim * ~negative], 1)
            return rep.group.permutation_rep(images)
    raise ValueError(
        "source: ConcatenatedNonlinearity needs matrices of permutations and signs in a finite "
        f"group, got {rep.name} of {rep.group.name}"
    )


def _example() -> nn.Module:
    G = groups.group("D4")
    field = Field(Grid(2), G.trivial + 2 * G.standard + G.irrep((1, 0)))
    return ConcatenatedNonlinearity(field, "elu")


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(2, 6, 5, 5, generator=rng, dtype=torch.float64),)


@register_layer("steerable/ConcatenatedNonlinearity", example=Example(_example, _inputs))
class ConcatenatedNonlinearity(nn.Module):
    """A function of each number and of its negative: y = (φ(x), φ(−x)), copy by copy. Exact.

    For permutations with signs, as the sign representations, the standard ones of C4, D4, O and Oh,
    and all permutation representations; with ``relu`` nothing of x is lost.

    Args:
        source: field on a grid or on ``Vector()`` of such representations of a finite group
            (permutation representations of any group).
        function: φ, one of relu, elu, gelu, silu, leaky_relu, softplus, sigmoid, tanh.

    Attributes:
        target: twice the channels: φ(x) and then φ(−x) of a copy, a permutation representation.

    Shape:
        ``(batch, source.channels, *spatial)`` -> twice the channels; likewise for vectors.

    Raises:
        ValueError: other representations, or an unknown function.

    Example:
        >>> import geomdl
        >>> from geomdl import Field, Vector
        >>> D4 = geomdl.group("D4")
        >>> layer = ConcatenatedNonlinearity(Field(Vector(), D4.standard))
        >>> layer.target.rep.is_permutation, layer(torch.tensor([2.0, -3.0]))
        (True, tensor([2., 0., 0., 3.]))

    Source: Shang et al. 2016, arXiv:1603.05201.
    """

    def __init__(self, source: Field, function: str = "relu") -> None:
        super().__init__()
        self._axis = fibre_axis(source)
        if function not in FUNCTIONS:
            raise ValueError(f"function: should be one of {', '.join(FUNCTIONS)}, got {function!r}")
        blocks = source.rep.blocks
        target = direct_sum([(doubled(rep), n) for rep, n in blocks])
        self.source, self.target = source, Field(source.domain, target)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to every number and to its negative."""
        check_input(self.source, x)
        phi, axis = FUNCTIONS[self.function], self._axis
        blocks = self.source.rep.blocks
        inner = -1 if axis == -1 else 2
        done = []
        for piece, (rep, n) in zip(
            x.split([n * r.dim for r, n in blocks], axis), blocks, strict=True
        ):
            v = piece.unflatten(axis, (n, rep.dim))
            pair = torch.cat([phi(v), phi(-v)], inner)
            done.append(pair.flatten(-2) if axis == -1 else pair.flatten(1, 2))
        return torch.cat(done, axis) if len(done) > 1 else done[0]

    def extra_repr(self) -> str:
        """Name of the function."""
        return self.function
