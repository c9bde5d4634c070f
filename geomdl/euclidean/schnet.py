"""SchNet: invariant features, and messages filtered by a network of the distance."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from geomdl.euclidean.atoms import ORGANIC, AtomicModel, Heads, small_molecules, typical
from geomdl.euclidean.interaction import Interaction
from geomdl.euclidean.perceptron import Dense, Perceptron, shifted_softplus
from geomdl.euclidean.radial import CosineCutoff, GaussianBasis, PolynomialCutoff, lengths
from geomdl.euclidean.spherical import spherical
from geomdl.fields import Graph
from geomdl.registry import Example, register_model

Envelope = Literal["polynomial", "cosine"]


def envelope_of(name: str, cutoff: float) -> PolynomialCutoff | CosineCutoff:
    """Cut-off function of a name.

    Raises:
        ValueError: no such name.
    """
    if name not in ("polynomial", "cosine"):
        raise ValueError(f"envelope: expected 'polynomial' or 'cosine', got {name!r}")
    return PolynomialCutoff(cutoff) if name == "polynomial" else CosineCutoff(cutoff)


class FilterConvolution(nn.Module):
    """Residual layer: mix, sum neighbours through filters of the distance, perceptron.

    x'_i = x_i + φ(Σ_j f(r_ij) W(r_ij) ∘ (A x_j) / √neighbors)

    Args:
        channels: of the features.
        basis: numbers that the filter network W reads.
        neighbors: typical number, by whose root sums are divided.
        rng: for the weights.
    """

    def __init__(
        self, channels: int, basis: int, neighbors: float, rng: torch.Generator | None
    ) -> None:
        super().__init__()
        self.before = Dense(channels, channels, bias=False, rng=rng)
        self.filters = Perceptron([basis, channels, channels], shifted_softplus, rng)
        self.interaction = Interaction(spherical(0), spherical(0), channels=channels)
        self.after = Perceptron([channels] * 3, shifted_softplus, rng)
        self.scale = 1 / math.sqrt(typical(neighbors))

    def forward(self, x: Tensor, f: Tensor, b: Tensor, graph: Graph) -> Tensor:
        """Features (nodes, channels), cut-off (edges, 1), basis (edges, basis) to features."""
        sums = self.interaction(self.before(x).unsqueeze(1), f, self.filters(b).unsqueeze(1), graph)
        new: Tensor = x + self.after(sums.squeeze(1) * self.scale)
        return new


@register_model(
    "euclidean/SchNet",
    example=Example(
        lambda: SchNet(
            (1, 6), channels=4, layers=2, cutoff=3.0, basis=5, rng=torch.Generator().manual_seed(0)
        ),
        small_molecules,
        forces=True,
        tol=1e-10,
    ),
)
class SchNet(AtomicModel):
    """Continuous-filter convolutions: invariant features, filters of the distance.

    x_i ← x_i + φ(Σ_j f(r_ij) W(r_ij) ∘ (A x_j) / √neighbors),  y = Σ_i ψ(x_i)

    W a perceptron of Gaussians of the distance, f the cut-off, φ and ψ perceptrons with shifted
    softplus. Invariant under E(3) and permutations of equal atoms, *exact* up to rounding. Smooth
    to second order where neighbours cross the cut-off; to first order with the published cosine.
    Sums are divided by √neighbors and weights by the root of their number; otherwise as published.
    It sees distances alone, so that structures which they do not tell apart are one to it.

    Args:
        species: atomic numbers that it knows.
        channels: of the features.
        layers: of messages.
        cutoff: Å.
        basis: number of Gaussians.
        envelope: cut-off function, "polynomial" or "cosine".
        neighbors: typical number of an atom, by whose root sums are divided.
        outputs: numbers an atom.
        head: how they make those of a system, see `Readout`.
        attributes: numbers of a system that it takes, of "charge" and "spin".
        rng: for the weights; torch's global one if None.

    Raises:
        ValueError: an impossible argument; when called, an unknown species or a wrong shape.

    Example:
        >>> SchNet((1, 8), channels=16, outputs=2).target.rep.dim
        2

    Source: Schütt et al. 2017, arXiv:1706.08566.
    """

    def __init__(
        self,
        species: Sequence[int] = ORGANIC,
        *,
        channels: int = 64,
        layers: int = 3,
        cutoff: float = 5.0,
        basis: int = 25,
        envelope: Envelope = "polynomial",
        neighbors: float = 16.0,
        outputs: int = 1,
        head: Heads = "sum",
        attributes: Sequence[str] = (),
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(species, cutoff, outputs, head, channels, layers)
        self.embed(channels, attributes, rng)
        self.basis, self.envelope = GaussianBasis(cutoff, basis), envelope_of(envelope, cutoff)
        self.layers = nn.ModuleList(
            [FilterConvolution(channels, basis, neighbors, rng) for _ in range(layers)]
        )
        self.head = Perceptron([channels, max(channels // 2, 1), outputs], shifted_softplus, rng)

    def atoms(self, kind: Tensor, vectors: Tensor, graph: Graph, extra: Tensor | None) -> Tensor:
        """Species and edge vectors to numbers of the atoms, (nodes, outputs)."""
        r = lengths(vectors)
        b, f = self.basis(r), self.envelope(r).unsqueeze(-1)
        x = self.initial(kind, extra)
        for layer in self.layers:
            x = layer(x, f, b, graph)
        numbers: Tensor = self.head(x)
        return numbers
