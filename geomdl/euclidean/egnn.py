"""EGNN: messages of distances, which may move the places that distances are taken between."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.euclidean.atoms import ORGANIC, AtomicModel, Heads, small_molecules, typical
from geomdl.euclidean.perceptron import Dense, Perceptron
from geomdl.euclidean.radial import PolynomialCutoff, lengths
from geomdl.fields import Graph
from geomdl.fields.messages import at_sources, at_targets, sum_at_targets
from geomdl.registry import Example, register_model

_STEP = 1e-3  # of weights at first


class EdgeLayer(nn.Module):
    """One layer: messages of pairs, sums, and steps along the edges.

    m_ij = φ_e(h_i, h_j, |d_ij|²),  h'_i = h_i + φ_h(h_i, Σ_j f_ij m_ij),
    u'_i = u_i + Σ_j f_ij φ_x(m_ij) d_ij / (1 + |d_ij|²)^½

    Args:
        channels: of features and messages.
        moving: whether places move; little at first, as in the authors' code.
        neighbors: typical number, by which sums are divided: messages have a mean.
        rng: for the weights.
    """

    def __init__(
        self,
        channels: int,
        moving: bool,
        neighbors: float,
        rng: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.ends = Dense(channels, 2 * channels, bias=False, rng=rng)
        self.length = Dense(1, channels, rng=rng)
        self.edge = Perceptron([channels, channels], rng=rng)
        self.node = Perceptron([2 * channels, channels, channels], rng=rng)
        self.step = Perceptron([channels, channels, 1], rng=rng) if moving else None
        if self.step is not None:
            with torch.no_grad():
                self.step.get_parameter("layers.1.weight").mul_(_STEP)
        self.scale = 1 / typical(neighbors)

    def forward(
        self, h: Tensor, u: Tensor, d: Tensor, f: Tensor, graph: Graph
    ) -> tuple[Tensor, Tensor]:
        """Features (nodes, channels), displacements (nodes, 3), edges, cut-off to the first two."""
        if self.step is not None:
            d = d + at_targets(u, graph) - at_sources(u, graph)
        square = d.square().sum(1, keepdim=True)
        target, source = self.ends(h).chunk(2, 1)
        m = at_targets(target, graph) + at_sources(source, graph) + self.length(square)
        m = nn.functional.silu(self.edge(nn.functional.silu(m)))
        sums = sum_at_targets(m * f, graph) * self.scale
        if self.step is not None:
            steps = d * (f * self.step(m) / (1 + square).sqrt())
            u = u + sum_at_targets(steps, graph) * self.scale
        return h + self.node(torch.cat([h, sums], 1)), u


@register_model(
    "euclidean/EGNN",
    example=Example(
        lambda: EGNN(
            (1, 6), channels=4, layers=2, cutoff=3.0, rng=torch.Generator().manual_seed(0)
        ),
        small_molecules,
        forces=True,
        tol=1e-10,
    ),
)
class EGNN(AtomicModel):
    """E(n) equivariant graph network: messages of distances between places that they move.

    m_ij = φ_e(h_i, h_j, |x_i - x_j|²),  h_i ← h_i + φ_h(h_i, Σ_j f_ij m_ij)
    x_i ← x_i + Σ_j f_ij φ_x(m_ij) (x_i - x_j) / (1 + |x_i - x_j|²)^½, if moving

    φ perceptrons; f the cut-off, of the distances at first. The numbers are invariant under E(3)
    and permutations of equal atoms, *exact* up to rounding, and smooth to second order where
    neighbours cross the cut-off. Steps are divided by a length, as in the authors' `norm_diff`, but
    smoothly, and sums by neighbors; f is new; otherwise as published. Tensors of the size of
    edges × channels are stored: messages are functions of pairs.

    Args:
        species: atomic numbers that it knows.
        channels: of features and messages.
        layers: of messages.
        cutoff: Å.
        moving: whether places move; else only distances between atoms are seen.
        neighbors: typical number of an atom, by which sums are divided.
        outputs: numbers an atom.
        head: how they make those of a system, see `Readout`.
        attributes: numbers of a system that it takes, of "charge" and "spin".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, an unknown species or a wrong shape.

    Example:
        >>> EGNN((1, 8), channels=16, moving=False).layers[0].step is None
        True

    Source: Satorras, Hoogeboom & Welling 2021, arXiv:2102.09844.
    """

    def __init__(
        self,
        species: Sequence[int] = ORGANIC,
        *,
        channels: int = 64,
        layers: int = 4,
        cutoff: float = 5.0,
        moving: bool = True,
        neighbors: float = 16.0,
        outputs: int = 1,
        head: Heads = "sum",
        attributes: Sequence[str] = (),
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(species, cutoff, outputs, head, channels, layers)
        self.moving = bool(moving)
        self.embed(channels, attributes, rng)
        self.envelope = PolynomialCutoff(cutoff)
        self.layers = nn.ModuleList(
            [  # nobody reads where the last layer would move to
                EdgeLayer(channels, self.moving and at + 1 < layers, neighbors, rng)
                for at in range(layers)
            ]
        )
        self.head = Perceptron([channels, channels, outputs], rng=rng)

    def atoms(self, kind: Tensor, vectors: Tensor, graph: Graph, extra: Tensor | None) -> Tensor:
        """Species and edge vectors to numbers of the atoms, (nodes, outputs)."""
        f = self.envelope(lengths(vectors)).unsqueeze(1)
        h = self.initial(kind, extra)
        u = vectors.new_zeros(h.shape[0], 3)
        for layer in self.layers:
            h, u = layer(h, u, vectors, f, graph)
        numbers: Tensor = self.head(h)
        return numbers
