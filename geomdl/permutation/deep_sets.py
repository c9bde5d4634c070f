"""DeepSets: a function of a set as a function of a sum over its members."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import at_least, one_of
from geomdl.permutation.perceptron import Perceptron
from geomdl.permutation.sets import check_sets, pool, set_fields
from geomdl.registry import Example, register_model


def example_sets(rng: torch.Generator) -> tuple[Any, ...]:
    """Three sets of up to 4 members, of 2 numbers each."""
    x = torch.randn(3, 4, 2, generator=rng, dtype=torch.float64)
    return x, torch.arange(4) < torch.tensor([[3], [4], [1]])


@register_model(
    "permutation/DeepSets",
    example=Example(lambda: DeepSets(2, channels=4, out_channels=2, members=4), example_sets),
)
class DeepSets(nn.Module):
    """ρ(Σ_i φ(x_i)) over the members of a set, φ and ρ perceptrons.

    Invariant under permutations of the members, *exact* up to the order of the sum. Every
    continuous function of sets of n members in a compact part of space is a limit of these if the
    sum has enough channels. The empty set gives ρ(0). The equivariant layers of the same paper are
    `EquivariantLinear(1, 1, …)`.

    Args:
        in_channels: numbers of a member.
        out_channels: numbers of a set.
        channels: of the perceptrons.
        depth: affine maps of each perceptron.
        pooling: "sum", "mean" or "max".
        members: number of places of a set, if `source` is to name the group S_n.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a wrong shape.

    Example:
        >>> DeepSets(out_channels=3)(torch.rand(5, 7, 1)).shape
        torch.Size([5, 3])

    Source: Zaheer et al. 2017, arXiv:1703.06114.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        depth: int = 2,
        pooling: str = "sum",
        members: int | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = at_least("in_channels", in_channels, 1)
        self.pooling = one_of("pooling", pooling, ("sum", "mean", "max"))
        self.members = None if members is None else at_least("members", members, 1)
        sizes = [at_least("channels", channels, 1)] * at_least("depth", depth, 1)
        self.inner = Perceptron([in_channels, *sizes], rng=rng)
        self.outer = Perceptron([*sizes, at_least("out_channels", out_channels, 1)], rng=rng)
        self.source, self.target = set_fields(in_channels, out_channels, self.members)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Numbers of the sets.

        Args:
            x: shape (batch, n, in_channels); see `pad_sets` for sets of different sizes.
            mask: which places hold a member, bool of shape (batch, n); all if None.

        Returns:
            shape (batch, out_channels).
        """
        check_sets(x, mask, self.in_channels, self.members)
        y: Tensor = self.outer(pool(self.inner(x), mask, self.pooling))
        return y
