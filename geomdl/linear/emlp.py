"""EMLP: the equivariant multilayer perceptron of any matrix group."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from geomdl import groups
from geomdl.fields import Field
from geomdl.fields.numbers import at_least
from geomdl.groups import Group, Rep
from geomdl.linear.allotment import uniform_rep
from geomdl.linear.bilinear import Bilinear
from geomdl.linear.checks import check_input, vectors
from geomdl.linear.gated import GatedNonlinearity
from geomdl.linear.linear import Linear
from geomdl.registry import Example, register_layer

_QUADRATIC = 0.1  # of the bilinear term beside the linear one
Width = int | Rep


class Block(nn.Module):
    """y = gate(h + c B(h)), h = L(x): linear, bilinear, gated.

    Args:
        source: of x.
        target: of y.
        products: channels of the bilinear map's products; 0 for none.
        rng: for the weights.
    """

    def __init__(
        self, source: Field, target: Field, products: int, rng: torch.Generator | None
    ) -> None:
        super().__init__()
        self.gate = GatedNonlinearity(target)
        within = self.gate.source
        self.linear = Linear(source, within, rng=rng)
        self.bilinear = Bilinear(within, within, channels=products, rng=rng) if products else None
        self.source, self.target = source, target

    def forward(self, x: Tensor) -> Tensor:
        """Vectors of the next layer."""
        h = self.linear(x)
        if self.bilinear is not None:
            h = h + _QUADRATIC * self.bilinear(h)
        y: Tensor = self.gate(h)
        return y


def _example() -> nn.Module:
    V = groups.group("O3").standard
    rng = torch.Generator().manual_seed(0)
    return EMLP(2 * V, V.group.trivial + V, channels=8, layers=1, products=32, rng=rng)


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    return (torch.randn(3, 6, generator=rng, dtype=torch.float64),)


@register_layer("linear/EMLP", example=Example(_example, _inputs))
class EMLP(nn.Module):
    """Equivariant multilayer perceptron between any representations of any group.

    `layers` times h = L(x), x' = gate(h + B(h) / 10), and a linear map at the end; L is `Linear`, B
    `Bilinear`, the gate `GatedNonlinearity`. Equivariant *exactly*. Hidden layers are tensors of
    all orders that fit (`uniform_rep`). Without products (0) the network is that of linear maps
    and gates alone, which for many representations is not universal: invariants of vectors then
    come out of no first layer.

    Args:
        source: a representation, or a field of plain vectors.
        target: likewise, of the same group.
        group: whose representations these are, or its name, if that is to be checked.
        channels: dimension of the hidden layers, or one representation of them all, or a list of
            one or the other for each.
        layers: number of hidden layers, where `channels` is no list.
        products: channels of the products of each layer, see `Bilinear`; 0 for no products.
        rng: for the weights; torch's global one if None.

    Attributes:
        source: field of x.
        target: field of the result.

    Shape:
        (..., source.rep.dim) -> (..., target.rep.dim).

    Raises:
        TypeError: neither a representation nor a field.
        ValueError: representations of another group, an impossible number; when called, another
            last axis.

    Example:
        >>> import geomdl
        >>> G = geomdl.group("O3")
        >>> inertia = 5 * G.trivial + 5 * G.standard  # masses and positions
        >>> EMLP(inertia, G.standard @ G.standard, channels=64)(torch.randn(4, 20)).shape
        torch.Size([4, 9])

    Source: Finzi, Welling & Wilson 2021, arXiv:2104.09459.
    """

    def __init__(
        self,
        source: Rep | Field,
        target: Rep | Field,
        group: Group | str | None = None,
        channels: Width | Sequence[Width] = 384,
        layers: int = 3,
        *,
        products: int = 1024,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        known = groups.group(group) if isinstance(group, str) else group
        self.source = vectors("source", source, known)
        self.target = vectors("target", target, self.source.group)
        at_least("layers", layers, 1)
        at_least("products", products, 0)
        widths = [*channels] if isinstance(channels, Sequence) else layers * [channels]
        if not widths:
            raise ValueError("channels: expected a number or Rep for one layer or more, got none")
        hidden = [
            vectors(
                "channels",
                width if isinstance(width, Rep) else uniform_rep(self.source.group, width),
                self.source.group,
            )
            for width in widths
        ]
        self.blocks = nn.ModuleList(
            Block(a, b, products, rng) for a, b in pairwise([self.source, *hidden])
        )
        self.head = Linear([self.source, *hidden][-1], self.target, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors."""
        check_input(self.source, x)
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.head(x)
        return y
