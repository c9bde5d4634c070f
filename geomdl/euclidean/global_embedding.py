"""What a number of the whole system, its charge or multiplicity, adds to features of its atoms."""

from typing import Any

import torch
from torch import Tensor, nn

from geomdl.euclidean.gate import unit_scale
from geomdl.euclidean.perceptron import Dense
from geomdl.fields import Edges, Field, Graph, Points, Vector
from geomdl.groups import group
from geomdl.kernels import segment_sum
from geomdl.registry import Example, register_layer

NEUTRAL = {"charge": 0.0, "spin": 1.0}
"""Values that add nothing: no charge in e, multiplicity one (a singlet)."""


def _inputs(rng: torch.Generator) -> tuple[Any, ...]:
    batch = torch.tensor([0, 0, 0, 1, 1])
    graph = Graph.from_edge_index(torch.tensor([[0, 1, 3], [1, 2, 4]]), batch=batch)
    value = 1 + torch.rand(2, generator=rng, dtype=torch.float64)
    return torch.tensor([0, 1, 1, 0, 1]), value * torch.tensor([1, -1]), graph


@register_layer(
    "euclidean/GlobalEmbedding",
    example=Example(
        lambda: GlobalEmbedding(2, 4, rng=torch.Generator().manual_seed(0)), _inputs, forces=True
    ),
)
class GlobalEmbedding(nn.Module):
    """Features of atoms from a number of their system, shared out among the atoms.

    e_i = h_i + W₂ SiLU(W₁ h_i),  h_i = p_i (t)₊ v⁺ + n_i (-t)₊ v⁻,  t = value - neutral
    p_i = s⁺(z_i) / Σ_j s⁺(z_j),  n_i = s⁻(z_i) / Σ_j s⁻(z_j),  s = softplus(learned)

    sums over the atoms of the system. So the shares of a charge add up to the charge, as those of
    electrons or of holes, and the neutral value adds *exactly* nothing. Features depend on all
    atoms of the system, however far: with them energies are extensive at the neutral value alone.
    *Exactly* invariant under E(3) and permutations. Continuous in the value, with a kink at the
    neutral one. Shares depend on the species alone; the published ones on its learned vector.

    Args:
        species: how many.
        channels: of the features.
        neutral: value that adds nothing.
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: when called, shapes that do not fit the graph.

    Example:
        >>> layer, graph = GlobalEmbedding(1, 8), Graph.from_edge_index(torch.tensor([[0], [1]]))
        >>> layer(torch.tensor([0, 0]), torch.tensor([0.0]), graph).abs().max().item()
        0.0

    Source: Unke et al. 2021, arXiv:2105.00304 (SpookyNet).
    """

    def __init__(
        self,
        species: int,
        channels: int,
        neutral: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.neutral = float(neutral)
        self.share = nn.Parameter(torch.zeros(species, 2))
        self.direction = nn.Parameter(torch.randn(2, channels, generator=rng))
        self.before = Dense(channels, channels, bias=False, rng=rng)
        self.after = Dense(channels, channels, bias=False, rng=rng)
        self.scale = unit_scale(nn.functional.silu)
        one = group("E3").trivial
        self.source = {
            "kind": Field(Points(3, 3 * one), one, shape=()),
            "value": Field(Vector(), one, shape=()),
            "graph": Field(Edges(), one),
        }
        self.target = Field(Points(3, 3 * one), channels * one)

    def forward(self, kind: Tensor, value: Tensor, graph: Graph) -> Tensor:
        """Features of the atoms.

        Args:
            kind: species of each atom, from 0, shape (nodes,).
            value: of each system, shape (systems,).
            graph: whose batch says what the systems are.

        Returns:
            shape (nodes, channels).
        """
        if kind.shape != (graph.num_nodes,) or value.shape != (graph.num_graphs,):
            raise ValueError(
                f"kind, value: expected shapes ({graph.num_nodes},) and ({graph.num_graphs},), got"
                f" {tuple(kind.shape)} and {tuple(value.shape)}"
            )
        weight = nn.functional.softplus(self.share).index_select(0, kind)
        total = segment_sum(weight.index_select(0, graph.node_perm), graph.ptr)
        beyond = value.to(weight.dtype) - self.neutral
        parts = torch.stack([beyond, -beyond], 1).relu() / (total + (total == 0))  # of no atoms
        h = (weight * parts.index_select(0, graph.batch_index)) @ self.direction
        new: Tensor = h + self.after(nn.functional.silu(self.before(h)) * self.scale)
        return new
