"""Attention between the members of sets, through few inducing points, and as a pooling."""

import torch
from torch import Tensor, nn

from geomdl.fields.numbers import at_least
from geomdl.permutation.deep_sets import example_sets
from geomdl.permutation.perceptron import Dense, Perceptron
from geomdl.permutation.sets import check_sets, set_fields
from geomdl.registry import Example, register_model


def set_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax attention of each query over the members of a set, 0 over an empty one.

    y_i = Σ_j α_ij v_j,  α_i = softmax over the members j of q_i · k_j / √channels

    Args:
        query: shape (batch, heads, queries, channels).
        key: shape (batch, heads, n, channels).
        value: shape (batch, heads, n, channels).
        mask: members, bool of shape (batch, n); all if None.

    Returns:
        shape (batch, heads, queries, channels).

    Example:
        >>> one = torch.ones(1, 1, 2, 3)
        >>> set_attention(one, one, one, torch.tensor([[False, False]])).sum().item()
        0.0
    """
    if not key.shape[2]:
        return torch.zeros_like(query)
    logits = query @ key.transpose(2, 3) * key.shape[3] ** -0.5
    if mask is None:
        y: Tensor = logits.softmax(3) @ value
        return y
    there = mask[:, None, None]
    weight = torch.where(there, logits, torch.finfo(logits.dtype).min).softmax(3)
    return torch.where(there, weight, 0) @ torch.where(there.transpose(2, 3), value, 0)


class SetAttention(nn.Module):
    """Block of attention from one set to another, MAB(X, Y).

    H = LN(X + Attention(X, Y, Y)), then LN(H + MLP(H)); LN a layer norm of each member.

    Args:
        channels: of members.
        heads: that share the channels.
        rng: for the weights; torch's global one if None.

    Source: Lee et al. 2019, arXiv:1810.00825, equations 6 and 7.
    """

    def __init__(self, channels: int, heads: int, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (
            Dense(channels, channels, rng=rng) for _ in range(4)
        )
        self.inner = Perceptron([channels, channels, channels], rng=rng)
        self.norms = nn.ModuleList([nn.LayerNorm(channels) for _ in range(2)])

    def forward(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        """Members (batch, queries, channels) attend to (batch, n, channels), mask (batch, n)."""
        q, k, v = (
            f(z).unflatten(2, (self.heads, z.shape[2] // self.heads)).transpose(1, 2)
            for f, z in ((self.query, x), (self.key, y), (self.value, y))
        )
        x = self.norms[0](x + self.out(set_attention(q, k, v, mask).transpose(1, 2).flatten(2)))
        z: Tensor = self.norms[1](x + self.inner(x))
        return z


class InducedAttention(nn.Module):
    """Members attend to a few learned points that attend to them: time n · points, ISAB.

    Args:
        channels: of members.
        heads: that share the channels.
        points: number of inducing points.
        rng: for the weights; torch's global one if None.
    """

    def __init__(
        self, channels: int, heads: int, points: int, rng: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(1, points, channels, generator=rng))
        self.inward = SetAttention(channels, heads, rng)
        self.outward = SetAttention(channels, heads, rng)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Shape (batch, n, channels) to the same."""
        points = self.points.expand(len(x), -1, -1)
        y: Tensor = self.outward(x, self.inward(points, x, mask))
        return y


@register_model(
    "permutation/SetTransformer",
    example=Example(
        lambda: SetTransformer(
            2, channels=8, heads=2, layers=1, points=3, seeds=2, out_channels=2, members=4
        ),
        example_sets,
    ),
)
class SetTransformer(nn.Module):
    """Attention among the members of a set, then from learned seeds to them.

    Layers of self-attention (SAB), or through inducing points (ISAB), pooling by attention (PMA),
    self-attention of the seeds where there are several, and an affine map. Invariant under
    permutations of the members, *exact* up to the order of sums; what stands at places without a
    member has no influence. The empty set gives finite numbers: attention over it is 0.

    Args:
        in_channels: numbers of a member.
        out_channels: numbers of a set.
        channels: of members inside.
        heads: of attention; they divide channels.
        layers: of attention among members.
        points: inducing points, 0 for attention of all to all.
        seeds: of the pooling.
        members: number of places of a set, if `source` is to name the group S_n.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, a wrong shape.

    Example:
        >>> SetTransformer(out_channels=3)(torch.rand(5, 7, 1)).shape
        torch.Size([5, 3])

    Source: Lee et al. 2019, arXiv:1810.00825.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        channels: int = 64,
        heads: int = 4,
        layers: int = 2,
        points: int = 16,
        seeds: int = 1,
        members: int | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = at_least("in_channels", in_channels, 1)
        self.members = None if members is None else at_least("members", members, 1)
        if at_least("channels", channels, 1) % at_least("heads", heads, 1):
            raise ValueError(f"heads: expected a divisor of channels={channels}, got {heads}")
        at_least("points", points, 0)
        self.first = Dense(in_channels, channels, rng=rng)
        self.layers = nn.ModuleList(
            InducedAttention(channels, heads, points, rng)
            if points
            else SetAttention(channels, heads, rng)
            for _ in range(at_least("layers", layers, 0))
        )
        seeds = at_least("seeds", seeds, 1)
        self.seeds = nn.Parameter(torch.randn(1, seeds, channels, generator=rng))
        self.pool = SetAttention(channels, heads, rng)
        self.among = SetAttention(channels, heads, rng) if seeds > 1 else None
        self.head = Dense(seeds * channels, at_least("out_channels", out_channels, 1), rng=rng)
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
        h = self.first(x if mask is None else torch.where(mask.unsqueeze(2), x, 0))
        for layer in self.layers:
            h = layer(h, mask) if isinstance(layer, InducedAttention) else layer(h, h, mask)
        h = self.pool(self.seeds.expand(len(x), -1, -1), h, mask)
        if self.among is not None:
            h = self.among(h, h)
        y: Tensor = self.head(h.flatten(1))
        return y
