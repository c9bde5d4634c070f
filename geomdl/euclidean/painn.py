"""PaiNN: scalars and vectors at the atoms, which exchange messages and mix."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from geomdl.euclidean.atoms import ORGANIC, AtomicModel, Heads, small_molecules, typical
from geomdl.euclidean.harmonics import spherical_harmonics
from geomdl.euclidean.interaction import Interaction
from geomdl.euclidean.perceptron import Dense, Perceptron
from geomdl.euclidean.radial import BesselBasis, lengths
from geomdl.euclidean.schnet import Envelope, envelope_of
from geomdl.euclidean.spherical import from_blocks, spherical
from geomdl.fields import Graph
from geomdl.registry import Example, register_model

_STEP, _EPS = 0.1, 1e-8  # of updates at first, as ⟨u, v⟩ would grow; under roots, as published


class Message(nn.Module):
    """Scalars and vectors from neighbours, through filters of the distance.

    (a, b, c) = φ(s),  Δs_i = Σ_j W_a ∘ a_j,  Δv_i = Σ_j W_b ∘ b_j √3 r̂_ij + W_c ∘ c_j ∘ v_j

    Args:
        channels: of scalars and vectors.
        basis: numbers that the filters W read.
        neighbors: typical number, by whose root sums are divided.
        rng: for the weights.
    """

    def __init__(
        self, channels: int, basis: int, neighbors: float, rng: torch.Generator | None
    ) -> None:
        super().__init__()
        both, vector = spherical(1), from_blocks([(1, -1, 1)])
        self.phi = Perceptron([channels, channels, 3 * channels], rng=rng)
        self.filters = Dense(basis, 3 * channels, rng=rng)
        self.to_scalars = Interaction(spherical(0), spherical(0), channels=channels)
        self.to_vectors = Interaction(both, both, vector, channels=channels)
        self.scale = 1 / math.sqrt(typical(neighbors))

    def forward(self, x: Tensor, y: Tensor, b: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, 4, channels), harmonics (edges, 4), basis to changes of features."""
        a, from_scalars, from_vectors = self.phi(x[:, :1]).chunk(3, 2)
        w = self.filters(b).unflatten(1, (3, -1))
        both = torch.cat([from_scalars, from_vectors * x[:, 1:]], 1)
        scalars = self.to_scalars(a, y[:, :1], w[:, :1], graph)
        vectors = self.to_vectors(both, y, w[:, 1:], graph)  # two copies, one a path
        return torch.cat([scalars, vectors.unflatten(1, (3, 2)).sum(2)], 1) * self.scale


class Update(nn.Module):
    """Scalars and vectors of one atom, mixed.

    (a, b, c) = ψ(s, |V v|),  Δs = a + b ∘ ⟨U v, V v⟩,  Δv = c ∘ U v
    """

    def __init__(self, channels: int, rng: torch.Generator | None) -> None:
        super().__init__()
        self.both = Dense(channels, 2 * channels, bias=False, rng=rng)
        self.psi = Perceptron([2 * channels, channels, 3 * channels], rng=rng)
        self.psi.get_parameter("layers.1.weight").data.mul_(_STEP)

    def forward(self, x: Tensor) -> Tensor:
        """Features (nodes, 4, channels) to their changes."""
        u, v = self.both(x[:, 1:]).chunk(2, 2)
        norm = (v.square().sum(1, keepdim=True) + _EPS).sqrt()
        a, b, c = self.psi(torch.cat([x[:, :1], norm], 2)).chunk(3, 2)
        return torch.cat([a + b * (u * v).sum(1, keepdim=True), c * u], 1)


@register_model(
    "euclidean/PaiNN",
    example=Example(
        lambda: PaiNN((1, 6), channels=4, layers=2, cutoff=3.0, basis=5, rng=torch.Generator()),
        small_molecules,
        forces=True,
        tol=1e-10,
    ),
)
class PaiNN(AtomicModel):
    """Polarizable atom interaction network: scalars s and vectors v at the atoms.

    s_i ← s_i + Σ_j f W_a ∘ φ_a(s_j),  v_i ← v_i + Σ_j f (W_b ∘ φ_b(s_j) r̂ + W_c ∘ φ_c(s_j) ∘ v_j)
    s ← s + ψ_a + ψ_b ∘ ⟨U v, V v⟩,  v ← v + ψ_c ∘ U v,  ψ of (s, |V v|)

    φ, ψ perceptrons, W affine in Bessel functions of the distance, f the cut-off. Invariant under
    E(3) and permutations of equal atoms, *exact* up to rounding. Smooth to second order where
    neighbours cross the cut-off; to first order with the published cosine. Directions are harmonics
    √3 r̂, sums are divided by √neighbors; otherwise as published.

    Args:
        species: atomic numbers that it knows.
        channels: of scalars, and of vectors.
        layers: of messages, with an update each.
        cutoff: Å.
        basis: number of Bessel functions.
        envelope: cut-off function, "polynomial" or "cosine".
        neighbors: typical number of an atom, by whose root sums are divided.
        outputs: numbers an atom.
        head: how they make those of a system, see `Readout`.
        attributes: numbers of a system that it takes, of "charge" and "spin".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, an unknown species or a wrong shape.

    Example:
        >>> PaiNN((1, 8), channels=16, outputs=2).target.rep.dim
        2

    Source: Schütt, Unke & Gastegger 2021, arXiv:2102.03150.
    """

    def __init__(
        self,
        species: Sequence[int] = ORGANIC,
        *,
        channels: int = 64,
        layers: int = 3,
        cutoff: float = 5.0,
        basis: int = 20,
        envelope: Envelope = "polynomial",
        neighbors: float = 16.0,
        outputs: int = 1,
        head: Heads = "sum",
        attributes: Sequence[str] = (),
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(species, cutoff, outputs, head, channels, layers)
        self.embed(channels, attributes, rng)
        self.basis, self.envelope = BesselBasis(cutoff, basis), envelope_of(envelope, cutoff)
        each = range(layers)
        self.messages = nn.ModuleList([Message(channels, basis, neighbors, rng) for _ in each])
        self.updates = nn.ModuleList([Update(channels, rng) for _ in each])
        self.head = Perceptron([channels, max(channels // 2, 1), outputs], rng=rng)

    def atoms(self, kind: Tensor, vectors: Tensor, graph: Graph, extra: Tensor | None) -> Tensor:
        """Species and edge vectors to numbers of the atoms, (nodes, outputs)."""
        r = lengths(vectors)
        b, y = self.basis(r), spherical_harmonics(vectors, 1) * self.envelope(r).unsqueeze(-1)
        x = nn.functional.pad(self.initial(kind, extra).unsqueeze(1), (0, 0, 0, 3))
        for message, update in zip(self.messages, self.updates, strict=True):
            x = x + message(x, y, b, graph)
            x = x + update(x)
        numbers: Tensor = self.head(x[:, 0])
        return numbers
