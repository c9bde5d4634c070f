"""Attention over neighbours: messages of spherical tensors, weighed by invariant logits."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.interaction import Interaction, small_graph
from geomdl.euclidean.linear import Linear
from geomdl.euclidean.perceptron import Dense
from geomdl.euclidean.radial_network import RadialNetwork
from geomdl.euclidean.spherical import single, spherical
from geomdl.fields import Edges, Field, Graph, Points, Vector
from geomdl.fields.messages import at_sources, at_targets, neighbor_softmax
from geomdl.groups import Rep
from geomdl.registry import Example, register_layer


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    graph = small_graph()

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64)

    edges = graph.num_edges
    return draw(7, 4, 4), draw(edges, 4), draw(edges, 3), draw(edges, 1).square(), graph


@register_layer(
    "euclidean/NeighborAttention",
    example=Example(
        lambda: NeighborAttention(
            spherical(1), spherical(1), channels=4, heads=2, radial=(3, 5), rng=torch.Generator()
        ),
        _inputs,
        forces=True,
    ),
)
class NeighborAttention(nn.Module):
    """Products with harmonics, summed over neighbours with invariant attention of several heads.

    a_ij = u_h · SiLU(Q x_i + K x_j + R b_ij),  α_ij = f_ij exp a_ij / (1 + Σ_k f_ik exp a_ik)
    y_i = Linear(Σ_j α_ij w(b_ij) ∘ (Linear(x_j) ⊗ s_ij))

    Q and K of invariants; each head weighs its share of the channels; w a network of the radial
    basis b. The one in the denominator stands for no neighbour: attention is as smooth as f where
    neighbours come and go, and a node without any gets 0. Equivariant under O(3), *exact*. Logits
    are of the size of edges × channels, as are weights; products are never stored (`Interaction`).
    Derivatives of every order.

    Args:
        source: irreps of x, each once, invariants first.
        edge: irreps of s, each once.
        target: irreps of y, each once; those of x if None.
        channels: of x and y, a multiple of heads.
        heads: of attention.
        radial: widths of the network w, those of b first.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: representations that do not fit, no invariants first, or channels that heads do
            not divide; when called, shapes that do not fit.

    Example:
        >>> layer = NeighborAttention(
        ...     spherical(1), spherical(1), channels=8, heads=2, radial=(3, 16)
        ... )
        >>> graph = Graph.from_edge_index(torch.tensor([[0, 1], [1, 0]]))
        >>> x, s, b, f = (torch.ones(2, *n) for n in ((4, 8), (4,), (3,), (1,)))
        >>> layer(x, s, b, f, graph).shape
        torch.Size([2, 4, 8])

    Source: Liao & Smidt 2023, arXiv:2206.11990; Fuchs et al. 2020, arXiv:2006.10503.
    """

    def __init__(
        self,
        source: Rep,
        edge: Rep,
        target: Rep | None = None,
        *,
        channels: int,
        heads: int,
        radial: Sequence[int],
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        target = source if target is None else target
        first = single("source", source)[0]
        if (first.l, first.p) != (0, 1):
            raise ValueError(f"source: expected invariants (0e) first, got {first.name[2:]}")
        if not isinstance(heads, int) or heads < 1 or channels % heads:
            raise ValueError(f"heads: expected a divisor of channels={channels}, got {heads!r}")
        self.heads = heads
        self.ends = Dense(channels, 2 * channels, bias=False, rng=rng)
        self.length = Dense(radial[0], channels, rng=rng)
        self.logits = nn.Parameter(torch.randn(heads, channels // heads, generator=rng))
        self.before = Linear(source, channels=channels, bias=False, rng=rng)
        self.interaction = Interaction(source, edge, target, channels=channels)
        self.radial = RadialNetwork([*radial, self.interaction.paths * channels], rng)
        made = self.interaction.target.rep
        self.after = Linear(made, target, channels=channels, bias=False, rng=rng)
        one = source.group.trivial
        self.source = {
            "x": Field(Points(3), source, channels=channels),
            "s": Field(Vector(), edge),
            "b": Field(Vector(), radial[0] * one),
            "f": Field(Vector(), one),
            "graph": Field(Edges(), one),
        }
        self.target = Field(Points(3), target, channels=channels)

    def forward(self, x: Tensor, s: Tensor, b: Tensor, f: Tensor, graph: Graph) -> Tensor:
        """Features to what attention gathers.

        Args:
            x: shape (nodes, source.dim, channels).
            s: harmonics of the edges, shape (edges, edge.dim).
            b: radial basis, shape (edges, radial[0]).
            f: cut-off, not negative, shape (edges, 1).
            graph: whose edges these are, in their order.

        Returns:
            shape (nodes, target.dim, channels).
        """
        if tuple(f.shape) != (graph.num_edges, 1):
            raise ValueError(f"f: expected shape ({graph.num_edges}, 1), got {tuple(f.shape)}")
        to, by = self.ends(x[:, 0]).chunk(2, 1)
        pairs = at_targets(to, graph) + at_sources(by, graph) + self.length(b)
        pairs = nn.functional.silu(pairs).unflatten(1, (self.heads, -1))
        logits = (pairs * self.logits).sum(2) * self.logits.shape[1] ** -0.5
        share = neighbor_softmax(logits, graph, f, spare=1.0)
        w = self.radial(b).unflatten(1, (self.interaction.paths, self.heads, -1))
        w = (w * share[:, None, :, None]).flatten(2)
        new: Tensor = self.after(self.interaction(self.before(x), s, w, graph))
        return new

    def extra_repr(self) -> str:
        """Number of heads."""
        return f"heads={self.heads}"
